// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/emulate.hpp"

#include <gtest/gtest.h>

#include "core.hpp"
#include "dbt/decode.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::vcpu {
namespace {

using test::run;
using test::the_core;

// MSR bits by their place in the manual's figure 2-4.
constexpr u32 ucle = 0x04000000, spe = 0x02000000, we = 0x00040000, ce = 0x00020000,
              ee = 0x00008000, pr = 0x00004000, me = 0x00001000, de = 0x00000200, is = 0x00000020,
              ds = 0x00000010;
constexpr u32 esr_pil = 0x08000000, esr_st = 0x00800000;
constexpr u32 handler(unsigned ivor) { return 0x00100000U + ((ivor + 1) << 8U); }

class EmulateTest : public testing::Test {
  protected:
    EmulateTest() : v(test::fresh_guest()) {}
    void expect_illegal(u32 word) {
        v.nip = 0x1000;
        run(v, word);
        EXPECT_EQ(v.nip, handler(6)) << std::hex << word;
        EXPECT_EQ(v.regs.srr0, 0x1000U);
        EXPECT_EQ(v.regs.esr, esr_pil);
    }
    // A decrementer interrupt that waits for MSR[EE].
    void await_decrementer() {
        v.regs.tsr = 0x08000000;
        v.regs.tcr = 0x04000000;
        update_pending(v);
    }
    Vcpu& v;
};

TEST_F(EmulateTest, MfmsrReadsTheGuestsMsr) {
    set_msr(v, me | spe);
    EXPECT_EQ(run(v, test::mfmsr(3)), me | spe);
    EXPECT_EQ(v.nip, 0x1004U);
}

TEST_F(EmulateTest, MtmsrKeepsImplementedBits) {
    run(v, test::mtmsr(4), 0xffffffffU & ~we);
    EXPECT_EQ(v.regs.msr, 0x0602ff36U | (v.regs.msr & 0x500U))
        << "UCLE SPE CE EE PR FP ME FE0 UBLE DE FE1 IS DS PMM RI";
    run(v, test::mtmsr(4), 0);
    EXPECT_EQ(v.regs.msr, 0U);
    EXPECT_EQ(v.nip, 0x1008U);
}

TEST_F(EmulateTest, WaitNeedsAPowerSavingMode) {
    run(v, test::mtmsr(4), we | ee);
    EXPECT_EQ(v.regs.msr, ee) << "HID0 chose none";
    v.regs.hid0 = 0x00800000;  // DOZE
    run(v, test::mtmsr(4), we | ee);
    EXPECT_EQ(v.regs.msr, we | ee);
}

TEST_F(EmulateTest, WrteeChangesOneBit) {
    set_msr(v, me | ce);
    run(v, test::wrtee(4), 0xffffffffU);
    EXPECT_EQ(v.regs.msr, me | ce | ee);
    run(v, test::wrtee(4), ~ee);
    EXPECT_EQ(v.regs.msr, me | ce);
    run(v, test::wrteei(true));
    EXPECT_EQ(v.regs.msr, me | ce | ee);
    run(v, test::wrteei(false));
    EXPECT_EQ(v.regs.msr, me | ce);
    EXPECT_EQ(v.nip, 0x1010U);
}

TEST_F(EmulateTest, ReturnsUseTheirOwnPair) {
    v.regs.srr0 = 0x2003;
    v.regs.srr1 = me;
    v.regs.csrr0 = 0x3000;
    v.regs.csrr1 = pr | ee;
    v.regs.mcsrr0 = 0x4001;
    v.regs.mcsrr1 = ce;
    run(v, test::rfi);
    EXPECT_EQ(v.nip, 0x2000U);
    EXPECT_EQ(v.regs.msr, me);
    run(v, test::rfci);
    EXPECT_EQ(v.nip, 0x3000U);
    EXPECT_EQ(v.regs.msr, pr | ee);
    set_msr(v, 0);
    run(v, test::rfmci);
    EXPECT_EQ(v.nip, 0x4000U);
    EXPECT_EQ(v.regs.msr, ce);
}

TEST_F(EmulateTest, NoReturnWaits) {
    v.regs.hid0 = 0x00800000;  // DOZE
    v.regs.srr1 = v.regs.csrr1 = v.regs.mcsrr1 = we | ee;
    for (const u32 word : {test::rfi, test::rfci, test::rfmci}) {
        set_msr(v, 0);
        run(v, word);
        EXPECT_EQ(v.regs.msr, ee) << std::hex << word;
    }
}

TEST_F(EmulateTest, PendingInterruptsEnterWhenTheMsrAdmitsThem) {
    struct Case {
        u32 word;
        u32 value;
        u32 next;
    };
    for (const Case& c : {Case{test::mtmsr(4), ee | me, 0x1004},
                          {test::wrtee(4), ee, 0x1004},
                          {test::wrteei(true), 0, 0x1004},
                          {test::rfi, 0, 0x5000},
                          {test::rfci, 0, 0x6000}}) {
        set_msr(v, 0);
        v.nip = 0x1000;
        v.regs.srr0 = 0x5000;
        v.regs.csrr0 = 0x6000;
        v.regs.srr1 = v.regs.csrr1 = ee | me;
        await_decrementer();
        run(v, c.word, c.value);
        EXPECT_EQ(v.nip, handler(10)) << std::hex << c.word;
        EXPECT_EQ(v.regs.srr0, c.next) << std::hex << c.word;
        EXPECT_NE(v.regs.srr1 & ee, 0U);
        EXPECT_EQ(v.regs.msr & ee, 0U);
    }
}

TEST_F(EmulateTest, LoweringEeDeliversNothing) {
    await_decrementer();
    run(v, test::wrteei(false));
    run(v, test::mtmsr(4), me | ce);
    EXPECT_EQ(v.nip, 0x1008U);
}

TEST_F(EmulateTest, AWriteThatMakesAnInterruptReadyLetsItIn) {
    set_msr(v, ee);
    v.regs.tsr = 0x08000000;                  // DIS is up, and
    run(v, test::mtspr(340, 4), 0x04000000);  // TCR[DIE] rises
    EXPECT_EQ(v.nip, handler(10));
    EXPECT_EQ(v.regs.srr0, 0x1004U);
}

TEST_F(EmulateTest, WatchdogEntersWithCe) {
    v.regs.tsr = 0x40000000;  // WIS
    v.regs.tcr = 0x08000000;  // WIE
    update_pending(v);
    run(v, test::mtmsr(4), ee | me);
    EXPECT_EQ(v.nip, 0x1004U);
    run(v, test::mtmsr(4), ce | me);
    EXPECT_EQ(v.nip, handler(12));
    EXPECT_EQ(v.regs.csrr0, 0x1008U);
    EXPECT_EQ(v.regs.csrr1, ce | me);
    EXPECT_EQ(v.regs.msr, me);
}

TEST_F(EmulateTest, WhatTheCoreDoesNotHaveIsIllegal) {
    for (const u32 word :
         {0U, 0x4c00004eU /* rfdi */, test::x_form(371, 3) /* mftb */,
          test::x_form(323, 3) /* mfdcr */, test::mfspr(3, 570 - 560), test::mfspr(3, 631),
          test::mtspr(287, 4), test::mfpmr(3, 20 + 16), test::mtpmr(0, 4)}) {
        expect_illegal(word);
    }
}

TEST_F(EmulateTest, TlbsyncDoesNothing) {
    run(v, test::tlbsync);
    EXPECT_EQ(v.nip, 0x1004U);
}

TEST_F(EmulateTest, LocksFailAndSaySo) {
    RegisterPage& r = v.regs;
    for (const u32 xo : {166U, 134U}) {  // dcbtls, dcbtstls: L1CSR0[CUL]
        r.l1csr0 = r.l1csr1 = 0;
        v.nip = 0x1000;
        run(v, test::x_form(xo, 0, 0, 4), 0x2000);
        EXPECT_EQ(r.l1csr0, 0x400U) << xo;
        EXPECT_EQ(r.l1csr1, 0U) << xo;
        EXPECT_EQ(v.nip, 0x1004U);
    }
    r.l1csr0 = 0;
    run(v, test::x_form(486, 0, 0, 4), 0x2000);  // icbtls: L1CSR1[ICUL]
    EXPECT_EQ(r.l1csr0, 0U);
    EXPECT_EQ(r.l1csr1, 0x400U);
    r.l1csr1 = 0;
    for (const u32 xo : {390U, 230U}) {  // dcblc, icblc
        run(v, test::x_form(xo, 0, 0, 4), 0x2000);
        EXPECT_EQ(r.l1csr0 | r.l1csr1, 0U) << "unlocking succeeds";
    }
}

TEST_F(EmulateTest, DcbiIsAStoreToTheMmu) {
    run(v, test::dcbi(0, 4), 0x2040);
    EXPECT_EQ(v.nip, 0x1004U);
    EXPECT_EQ(the_core().flushed_blocks, std::vector<u32>{0x2040});

    v.tlb.write(v.tlb.tlb1(0), 1, 0x80000900, 0, 0x33, 0);  // no UW, no SW
    v.shadow.flush();
    v.nip = 0x1000;
    run(v, test::dcbi(0, 4), 0x2040);
    EXPECT_EQ(v.nip, handler(2));
    EXPECT_EQ(v.regs.dear, 0x2040U);
    EXPECT_EQ(v.regs.esr, esr_st);
    EXPECT_EQ(v.regs.srr0, 0x1000U);

    v.nip = 0x1000;
    run(v, test::dcbi(0, 4), 0x90000000);
    EXPECT_EQ(v.nip, handler(13));
    EXPECT_EQ(v.regs.dear, 0x90000000U);
    EXPECT_EQ(v.regs.esr, esr_st);
    EXPECT_EQ(the_core().flushed_blocks.size(), 1U);
}

TEST_F(EmulateTest, DcbiOfADeviceGoesOn) {
    run(v, test::dcbi(0, 4), test::device_ea);
    EXPECT_EQ(v.nip, 0x1004U) << "nothing of it is cached";
    EXPECT_TRUE(the_core().flushed_blocks.empty());
}

TEST_F(EmulateTest, EffectiveAddresses) {
    v.gpr[0] = 0xdead0000;
    v.gpr[5] = 0x1000;
    v.gpr[6] = 0xffffff00;
    EXPECT_EQ(effective_address(v, dbt::decode(test::tlbsx(0, 6))), 0xffffff00U);
    EXPECT_EQ(effective_address(v, dbt::decode(test::tlbsx(5, 6))), 0xf00U);
    EXPECT_EQ(effective_address(v, dbt::decode(test::d_form(32, 3, 5, 0xfffc))), 0xffcU);
    EXPECT_EQ(effective_address(v, dbt::decode(test::d_form(32, 3, 0, 0x10))), 0x10U);
}

class StepTest : public EmulateTest {
  protected:
    StepTest() {
        v.regs.dbcr0 = 0x48000000;  // IDM, ICMP
        v.regs.dbsr = 0;
        set_msr(v, de | me);
    }
    void expect_step(u32 next) {
        EXPECT_EQ(v.nip, handler(15));
        EXPECT_EQ(v.regs.csrr0, next);
        EXPECT_EQ(v.regs.dbsr, 0x08000000U);
        EXPECT_EQ(v.regs.msr & de, 0U);
    }
};

TEST_F(StepTest, AnEmulatedInstructionIsStepped) {
    EXPECT_EQ(the_core().debug_control, 0x48000000U);
    run(v, test::mfmsr(3));
    expect_step(0x1004);
    EXPECT_EQ(v.regs.csrr1, de | me);
}

TEST_F(StepTest, WithoutIdmOrIcmpNothingIsStepped) {
    for (const u32 dbcr0 : {0x40000000U, 0x08000000U, 0U}) {
        v.regs.dbcr0 = dbcr0;
        v.nip = 0x1000;
        run(v, test::mfmsr(3));
        EXPECT_EQ(v.nip, 0x1004U);
    }
}

TEST_F(StepTest, AnInstructionThatSetsDeIsNotStepped) {
    set_msr(v, 0);
    EXPECT_EQ(the_core().debug_control, 0U);
    v.regs.srr0 = 0x2000;
    v.regs.srr1 = de | pr;
    run(v, test::rfi);
    EXPECT_EQ(v.nip, 0x2000U) << "the next one is";
    EXPECT_EQ(the_core().debug_control, 0x48000000U);
    EXPECT_NE(core_msr(v) & de, 0U);
}

TEST_F(StepTest, AnInstructionThatFaultedIsNotStepped) {
    run(v, test::dcbi(0, 4), 0x90000000);
    EXPECT_EQ(v.nip, handler(13));
    EXPECT_EQ(v.regs.dbsr, 0U);
    v.nip = 0x1000;
    run(v, test::mfspr(3, 631));
    EXPECT_EQ(v.nip, handler(6));
    EXPECT_EQ(v.regs.dbsr, 0U);
}

TEST_F(EmulateTest, TheCoresMsrFollowsTheGuests) {
    set_msr(v, 0);
    EXPECT_EQ(core_msr(v) & (pr | is | ds), pr | is | ds) << "kernel, straight";
    set_msr(v, pr);
    EXPECT_EQ(core_msr(v) & (pr | is | ds), pr) << "user, straight";
    set_msr(v, spe | ucle | 0x2000);
    EXPECT_EQ(core_msr(v) & (spe | ucle | 0x2000), spe) << "SPE alone is the guest's own";
    EXPECT_EQ(core_msr(v) & (ee | ce | me), ee | me) << "the VMM's interrupts never wait";
    set_msr(v, is);
    EXPECT_NE((core_msr(v) & is) != 0, (core_msr(v) & ds) != 0) << "mixed spaces run crossed";
}

}  // namespace
}  // namespace trapeze::vcpu
