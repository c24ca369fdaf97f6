// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/insn.hpp"
#include "hv/vcpu/vcpu.hpp"

namespace trapeze::vcpu {

// Emulates the privileged instruction `word` at v.nip for the guest kernel: on return v.nip is
// where the guest goes on, be it the next instruction or a handler. All registers stand in v.
void emulate_privileged(Vcpu& v, u32 word);

// The effective address of a load, store or cache instruction.
u32 effective_address(const Vcpu& v, dbt::Insn insn);

}  // namespace trapeze::vcpu
