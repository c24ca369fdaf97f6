// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

// Exits for the trace, which is there: Core::trace_ring.
namespace trapeze::vcpu {

// Before the guest goes on; the exit is charged. TLB misses: hv_traced_miss.
[[gnu::cold]] void trace_exit(const Vcpu& v, Cause cause);
// The guest, which was at `before` when it got the core, may have been given an interrupt since.
void trace_delivery(const Vcpu& v, u32 before);

}  // namespace trapeze::vcpu
