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

// Whether an instruction that the core calls illegal is one that the guest has all the same: a
// privileged one to emulate, or one that its user mode may not execute.
bool emulated_though_illegal(const Vcpu& v, u32 word);
bool privileged_though_illegal(const Vcpu& v, u32 word);

}  // namespace trapeze::vcpu
