// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

// Parts of the full exit that stand outside of run.cpp.
namespace trapeze::vcpu {

// Keeps the exit at v.nip for reports: the instruction's `word`, if it is known, and the address
// of a data access.
void record(Vcpu& v, Cause cause, u32 word, u32 dear = 0);

// sc: a system call, or a hypercall.
Cause system_call_exit(Vcpu& v);
// What is known to be a hypercall.
void make_hypercall(Vcpu& v);

}  // namespace trapeze::vcpu
