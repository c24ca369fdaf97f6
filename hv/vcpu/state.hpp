// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/cpu.hpp"
#include "hv/vcpu/register_page.hpp"

namespace trapeze::vcpu {

// What a guest can know of its virtual core, but for its TLB (mmu::VirtualTlb): no pointers, no
// times of the VMM's clock. registers.hpp has a row for each word of it. Of the others that a guest
// could see, an lwarx's reservation may be lost at any time (manual 3.3.1.7), and inputs of the
// interrupt controller are that one's state.
struct State {
    RegisterPage regs;

    // The user-visible registers while the VMM runs. The fast paths save r10 to r13, CR and CTR
    // alone; r14 to r31 stand here only on a full exit.
    u32 gpr[32];
    u32 cr, xer, ctr, lr;
    u32 nip;

    // What counts, or stays in the core while exits are served: as settle() found it last.
    core::UserRegisters user_registers;
    u32 tbu, tbl;
    u32 dec;  // 0: it stands still
};

}  // namespace trapeze::vcpu
