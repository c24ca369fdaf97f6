// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/insn.hpp"
#include "hv/vcpu/vcpu.hpp"

namespace trapeze::vcpu {

// What to do about an access the core could not make for the guest.
enum class FaultResult : u8 {
    resume,     // a shadow entry stands, or the guest's handler was entered: go on
    reflected,  // as resume, by way of the guest's handler (for the counters)
    device,     // a trapped device: emulate the instruction
    traced,     // a page of patched text or of stubs: emulate it too
    ended,
};

// A TLB miss or storage interrupt of the core at `ea`.
FaultResult resolve(Vcpu& v, u32 ea, mmu::Access access);

// Makes `ea` accessible for an emulated access of the guest's current mode. False: the guest was
// given the interrupt the access deserves, or ended.
bool make_accessible(Vcpu& v, u32 ea, mmu::Access access);

// The guest-physical address behind `ea` for `access` in the guest's current mode; false if its
// TLB has none or forbids it. Changes nothing.
bool translate(Vcpu& v, u32 ea, mmu::Access access, u64& gpa);

// ESR of an alignment interrupt by `insn` (manual 5.7.6).
u32 alignment_syndrome(const dbt::Insn& insn);

}  // namespace trapeze::vcpu
