// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/e500.hpp"

namespace trapeze::vcpu {

using e500::u16;
using e500::u32;
using e500::u64;
using e500::u8;

// RegisterPage::notes.
namespace note {
inline constexpr u32 slow = 1;   // as Vcpu::slow_rfi
inline constexpr u32 sprgs = 2;  // the core's SPRG3 to 7 are not the guest's: a stub has stored one
inline constexpr u32 watch = 4;  // MSR[EE] set, or user mode entered, is to be noted: see watch()
}  // namespace note

// The guest's virtual supervisor registers, in a page of their own: what a patched site loads
// and stores directly. Only what the guest itself may know stands here.
struct alignas(4096) RegisterPage {
    u32 msr;
    u32 pending;     // interrupts that wait, as the MSR bits that would let them in (ee, ce, me)
    u32 scratch[2];  // of stubs: the guest's registers that they borrow
    u32 notes;       // what rfi has to see to beside its fast path
    u32 srr0, srr1, csrr0, csrr1, mcsrr0, mcsrr1, dsrr0, dsrr1;
    u32 dear, esr, mcsr, mcar;
    u32 sprg[8];  // 3 to 7 are also in the core, for the reads that do not trap
    u32 mas0, mas1, mas2, mas3, mas4, mas6, mas7;
    u32 pid[3];
    u32 pir;
    u32 ivpr;
    u32 ivor[20];
    u32 dbsr, dbcr0, dbcr1, dbcr2, iac1, iac2, dac1, dac2;
    u32 tsr, tcr, decar;
    u32 epr;
    u32 hid0, hid1, l1csr0, l1csr1, bucsr, bbear, bbtar;
    u32 mcaru;
    u32 pmgc0, pmlca[4], pmlcb[4], pmc[4];
};
static_assert(sizeof(RegisterPage) == 4096);

}  // namespace trapeze::vcpu
