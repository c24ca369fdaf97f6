// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/para/partition.hpp"

// What the files of the partition calls have in common.
namespace trapeze::para {

// A guest names itself so.
inline constexpr u32 own_handle = ~0u;

// What the guest has of another one by that handle; null: it manages none by it.
Managed* managed_by(const vcpu::Vcpu& v, u32 handle);

// Asks it of a guest's core (guest::Ask).
void ask(const vcpu::Vcpu& v, unsigned guest, u32 what);

}  // namespace trapeze::para
