// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/interrupt.hpp"

#include <gtest/gtest.h>

#include <utility>

#include "core.hpp"
#include "hv/exit/entry.hpp"
#include "hv/exit/run.hpp"
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/spr.hpp"

namespace trapeze::vcpu {
namespace {

using e500::Vector;
using test::the_core;

constexpr u32 everything = 0x0602ff36;  // all bits of the guest's MSR but WE, see emulate_test
constexpr u32 ce = 0x20000, ee = 0x8000, me = 0x1000, de = 0x200;
constexpr u32 handler(unsigned ivor) { return 0x00100000U + ((ivor + 1) << 8U); }

class InterruptTest : public testing::Test {
  protected:
    InterruptTest() : v(test::fresh_guest()), r(v.regs) {}
    Vcpu& v;
    RegisterPage& r;
};

// What a handler finds of an MSR with every bit set. QEMU's core clears DE in every class.
TEST_F(InterruptTest, EachClassHasItsPairAndKeepsItsBits) {
    for (unsigned n = 0; n < 2 * e500::vector_count; ++n) {
        const bool as_manual = n >= e500::vector_count;
        const unsigned i = n % e500::vector_count;
        v.cleared_by_noncritical = as_manual ? 0 : de;
        const auto vector = static_cast<Vector>(i);
        set_msr(v, everything);
        const u32 before = r.msr;
        r.srr0 = r.srr1 = r.csrr0 = r.csrr1 = r.mcsrr0 = r.mcsrr1 = 0xffffffff;
        v.nip = 0x2000 + 4 * i;
        inject(v, vector);
        const bool critical =
            vector == Vector::critical || vector == Vector::watchdog || vector == Vector::debug;
        const bool check = vector == Vector::machine_check;
        EXPECT_EQ(v.nip, handler(i)) << i;
        EXPECT_EQ(check ? r.mcsrr0 : critical ? r.csrr0 : r.srr0, 0x2000 + 4 * i) << i;
        EXPECT_EQ(check ? r.mcsrr1 : critical ? r.csrr1 : r.srr1, before) << i;
        const u32 kept = check ? 0 : critical ? me : ce | me | (as_manual ? de : 0);
        EXPECT_EQ(r.msr, before & kept) << i;
        unsigned untouched = 0;
        for (const u32 value : {r.srr0, r.csrr0, r.mcsrr0}) {
            untouched += value == 0xffffffff;
        }
        EXPECT_EQ(untouched, 2U) << "the other classes' registers stay";
    }
}

TEST_F(InterruptTest, DebugIsAsOnTheBoardUntilAskedFor) {
    set_msr(v, de);
    inject(v, Vector::program);
    EXPECT_EQ(r.msr, 0U);
    EXPECT_EQ(r.srr1, de) << "and comes back with rfi";
    reset(v, {0x1000, 0x2000, 64U << 20U, 128, true}, mmu::straight, test::hole);
    set_msr(v, de);
    inject(v, Vector::program);
    EXPECT_EQ(r.msr, de);
}

// QEMU's core sets ESR for some interrupts only: what else stands in it is of another exit.
TEST_F(InterruptTest, NoSyndromeOfAnotherExitIsPassedOn) {
    constexpr u32 st = 1U << 23U, spv = 1U << 7U;
    constexpr u32 evx = 4U << 26U | 5U << 21U | 6U << 16U;
    struct Row {
        u32 word, esr;
    };
    for (const Row& row : {Row{test::x_form(20, 5, 6, 7), 0},         // lwarx
                           Row{test::x_form(150, 5, 6, 7) | 1U, st},  // stwcx.
                           Row{test::d_form(46, 5, 6, 0), 0},         // lmw
                           Row{test::d_form(47, 5, 6, 0), st},        // stmw
                           Row{test::x_form(1014, 0, 6, 7), st},      // dcbz
                           Row{evx | 0x301U, spv},                    // evldd
                           Row{evx | 0x321U, st | spv}}) {            // evstdd
        for (const u32 stale : {0U, st, spv, 0x04000000U, ~0U}) {
            v.nip = 0x3000;
            the_core().guest_words[v.nip] = row.word;
            ASSERT_TRUE(make_accessible(v, v.nip, mmu::Access::fetch));
            the_core().esr = stale;
            the_core().dear = 0x4001;
            r.esr = ~stale;
            hv_full_exit(&v, static_cast<u32>(Vector::alignment));
            EXPECT_EQ(v.nip, handler(5));
            EXPECT_EQ(r.srr0, 0x3000U);
            EXPECT_EQ(r.esr, row.esr) << std::hex << row.word;
            EXPECT_EQ(r.dear, 0x4001U);
            v.storm_nip = no_handler;
        }
    }
    for (const auto vector : {Vector::spe_unavailable, Vector::spe_data, Vector::spe_round}) {
        the_core().esr = st;
        r.esr = 0;
        hv_full_exit(&v, static_cast<u32>(vector));
        EXPECT_EQ(r.esr, spv);
    }
    for (const auto vector : {Vector::fp_unavailable, Vector::ap_unavailable}) {
        the_core().esr = st;
        r.esr = 0x04000000;
        hv_full_exit(&v, static_cast<u32>(vector));
        EXPECT_EQ(r.esr, 0x04000000U) << "left alone";
    }
}

TEST_F(InterruptTest, ClearBitsStayClear) {
    set_msr(v, ee);
    inject(v, Vector::external);
    EXPECT_EQ(r.msr, 0U);
}

TEST_F(InterruptTest, AHandlerThatCannotRunIsAStorm) {
    for (unsigned i = 0; i < 1000 && v.end == End::running; ++i) {
        inject(v, Vector::instruction_tlb);
    }
    EXPECT_EQ(v.end, End::guest_died);
    EXPECT_NE(v.reason, nullptr);
}

TEST_F(InterruptTest, HandlersThatRunAreNoStorm) {
    for (unsigned i = 0; i < 10000; ++i) {
        inject(v, Vector::data_tlb);
        v.nip = i % 2 ? 0x1000 : handler(13) + 4;
    }
    EXPECT_EQ(v.end, End::running);
}

// Two handlers of any two classes, each of which fails at its first instruction with the other's
// interrupt.
TEST_F(InterruptTest, AnyTwoHandlersThatFailAreAStorm) {
    for (unsigned a = 0; a < e500::vector_count; ++a) {
        for (unsigned b = 0; b < e500::vector_count; ++b) {
            v.end = End::running;
            v.nip = 0x2000;
            unsigned n = 0;
            for (; n < 1000 && v.end == End::running; ++n) {
                inject(v, static_cast<Vector>(n % 2 ? a : b));
            }
            EXPECT_EQ(v.end, End::guest_died) << a << " " << b;
            EXPECT_EQ(v.storm_from, 0x2000U);
            EXPECT_EQ(v.storm_first, b);
            EXPECT_EQ(n, 65U);
        }
    }
}

// Somebody else's instruction at the handler's address: in user mode, in address space 1, with
// interrupts enabled, or in a program of which each turn has other registers.
TEST_F(InterruptTest, TheHandlersAddressAloneIsNoStorm) {
    for (const u32 state : {0x4000U, 0x4030U, 0x30U, 0x20U, 0x8000U}) {
        for (unsigned i = 0; i < 1000; ++i) {
            v.nip = handler(8);
            set_msr(v, state);
            inject(v, Vector::system_call);
            ASSERT_EQ(v.end, End::running) << std::hex << state;
            ASSERT_EQ(v.storm_count, 0U);
        }
    }
    for (unsigned i = 0; i < 1000; ++i) {
        v.nip = handler(8);
        set_msr(v, 0);
        v.gpr[i % 14] += 1;
        inject(v, Vector::system_call);
        ASSERT_EQ(v.end, End::running);
    }
}

TEST_F(InterruptTest, MachineCheckWithoutMeIsTheEnd) {
    set_msr(v, me | ee);
    inject_machine_check(v, 0x8, 0x12345678, "not now");
    EXPECT_EQ(v.end, End::running);
    EXPECT_EQ(v.nip, handler(1));
    EXPECT_EQ(r.mcsr, 0x8U);
    EXPECT_EQ(r.mcar, 0x12345678U);
    EXPECT_EQ(r.mcaru, 0U);
    EXPECT_EQ(r.mcsrr1, me | ee);
    EXPECT_EQ(r.msr, 0U);
    set_msr(v, me);
    inject_machine_check(v, 0x8, 0xa'8765'4321, "not now either");
    EXPECT_EQ(r.mcar, 0x87654321U);
    EXPECT_EQ(r.mcaru, 0xaU) << "36 bits of address";
    inject_machine_check(v, 0x8, 0, "checkstop");
    EXPECT_EQ(v.end, End::guest_died);
    EXPECT_STREQ(v.reason, "checkstop");
}

TEST_F(InterruptTest, TheFirstEndCounts) {
    end(v, End::poweroff, "first");
    end(v, End::vmm_failed, "second");
    EXPECT_EQ(v.end, End::poweroff);
    EXPECT_STREQ(v.reason, "first");
}

TEST_F(InterruptTest, PendingNeedsStatusAndEnable) {
    struct Timer {
        u32 status, enable, admits;
    };
    constexpr Timer timers[] = {{0x08000000, 0x04000000, ee},  // DIS, DIE
                                {0x04000000, 0x00800000, ee},  // FIS, FIE
                                {0x40000000, 0x08000000, ce},  // WIS, WIE
                                {0x80000000, 0x08000000, 0}};  // ENW
    for (unsigned all = 0; all < 256; ++all) {
        r.tsr = r.tcr = 0;
        for (unsigned i = 0; i < 4; ++i) {
            r.tsr |= (all >> i & 1U) != 0 ? timers[i].status : 0;
            r.tcr |= (all >> (4 + i) & 1U) != 0 ? timers[i].enable : 0;
        }
        u32 expected = 0;
        for (const Timer& t : timers) {
            if ((r.tsr & t.status) && (r.tcr & t.enable)) expected |= t.admits;
        }
        update_pending(v);
        EXPECT_EQ(r.pending, expected) << std::hex << r.tsr << " " << r.tcr;
    }
    r.tcr = 0;
    r.tsr = 0;
    v.external_held = true;
    update_pending(v);
    EXPECT_EQ(r.pending, ee);
    v.external_held = false;
    v.critical_held = true;
    update_pending(v);
    EXPECT_EQ(r.pending, ce);
}

TEST_F(InterruptTest, TheMostUrgentGoesFirst) {
    r.tsr = 0x4c000000;  // WIS DIS FIS
    r.tcr = 0x0c800000;  // WIE DIE FIE
    set_msr(v, ee | ce);
    update_pending(v);
    deliver_pending(v);
    EXPECT_EQ(v.nip, handler(12)) << "watchdog";
    r.tsr = 0x0c000000;
    update_pending(v);
    set_msr(v, ee);
    deliver_pending(v);
    EXPECT_EQ(v.nip, handler(11)) << "fixed-interval timer";
    r.tsr = 0x08000000;
    update_pending(v);
    set_msr(v, ee);
    deliver_pending(v);
    EXPECT_EQ(v.nip, handler(10)) << "decrementer";
}

TEST_F(InterruptTest, NothingEntersAgainstTheMsr) {
    r.tsr = 0x4c000000;
    r.tcr = 0x0c800000;
    update_pending(v);
    set_msr(v, me);
    deliver_pending(v);
    EXPECT_EQ(v.nip, 0x1000U);
}

// The interrupt controller is asked once more: it may have been told meanwhile that it is over.
TEST_F(InterruptTest, AnExternalInputGoesBeforeTimersIfItStaysUp) {
    v.take_input = [](Vcpu& guest, e500::Vector) {
        return std::exchange(guest.external_held, false);
    };
    for (const bool withdrawn : {false, true}) {
        r.tsr = 0x08000000;
        r.tcr = 0x04000000;
        v.external_held = true;
        update_pending(v);
        if (withdrawn) v.external_held = false;
        set_msr(v, ee);
        v.nip = 0x1000;
        deliver_pending(v);
        EXPECT_EQ(v.nip, withdrawn ? handler(10) : handler(4));
    }
}

// The core's own address compares would be of the VMM's scratch registers.
TEST_F(InterruptTest, TheCoreDebugsByStepsAndBranchesAlone) {
    namespace dbcr0 = e500::dbcr0;
    constexpr u32 passed_on = dbcr0::idm | dbcr0::icmp | dbcr0::brt;
    for (const u32 value : {dbcr0::idm | dbcr0::icmp, dbcr0::idm | dbcr0::brt, ~dbcr0::rst_mask}) {
        for (const u32 now : {0U, de}) {
            set_msr(v, now);
            ASSERT_EQ(write_spr(v, 308, value), SprResult::done);
            EXPECT_EQ(the_core().debug_control, now != 0 ? value & passed_on : 0)
                << std::hex << value;
            set_msr(v, now ^ de);
            EXPECT_EQ(the_core().debug_control, now == 0 ? value & passed_on : 0)
                << std::hex << value;
        }
    }
}

TEST_F(InterruptTest, AllOfTheCoresSprgsAreBroughtUpToDate) {
    for (u32 n = 0; n < 8; ++n) {
        r.sprg[n] = 0x100 + n;
        the_core().sprg[n] = 0;
    }
    sync_sprgs(v);
    EXPECT_EQ(the_core().sprg[7], 0U) << "nobody said that they are not";
    r.notes |= note::sprgs;
    sync_sprgs(v);
    for (u32 n = 3; n < 8; ++n) EXPECT_EQ(the_core().sprg.at(n), 0x100 + n);
    EXPECT_EQ(r.notes & note::sprgs, 0U);
}

TEST_F(InterruptTest, ACriticalInputWaitsForMsrCeAndGoesFirst) {
    v.critical_held = true;
    v.take_input = [](Vcpu& guest, e500::Vector) { return guest.critical_held; };
    r.tsr = 0x40000000;
    r.tcr = 0x08000000;
    update_pending(v);
    layout_changes(v);
    set_msr(v, ee);
    deliver_pending(v);
    EXPECT_EQ(v.nip, 0x1000U);
    EXPECT_EQ(core_msr(v) & ce, 0U) << "the core's own is not used";
    set_msr(v, ce);
    deliver_pending(v);
    EXPECT_EQ(v.nip, handler(0));
    v.critical_held = false;
    update_pending(v);
    set_msr(v, ce);
    deliver_pending(v);
    EXPECT_EQ(v.nip, handler(12)) << "then the watchdog";
}

// TLB misses and storage interrupts, as the core reports them.
class FaultTest : public InterruptTest {
  protected:
    void page(u32 ea, u32 permissions, u32 gpa) {
        v.tlb.write(*v.tlb.select(0, ea), 0, 0x80000000, ea, gpa | permissions, 0);
    }
};

TEST_F(FaultTest, AMissOfTheShadowAloneIsInvisible) {
    const u32 nip = v.nip;
    EXPECT_EQ(resolve(v, 0x5000, mmu::Access::load), FaultResult::resume);
    EXPECT_EQ(v.nip, nip);
    EXPECT_EQ(the_core().matches(0x5000, true).size(), 1U);
}

TEST_F(FaultTest, MissesGoToTheGuestWithMasDearAndEsr) {
    r.mas4 = 0x100;
    EXPECT_EQ(resolve(v, 0x90001234, mmu::Access::store), FaultResult::reflected);
    EXPECT_EQ(v.nip, handler(13));
    EXPECT_EQ(r.dear, 0x90001234U);
    EXPECT_EQ(r.esr, 0x00800000U);
    EXPECT_EQ(r.mas2 & 0xfffff000U, 0x90001000U);
    resolve(v, 0x90002234, mmu::Access::load);
    EXPECT_EQ(r.esr, 0U);
    r.dear = 0x77;
    resolve(v, 0x90003234, mmu::Access::fetch);
    EXPECT_EQ(v.nip, handler(14));
    EXPECT_EQ(r.dear, 0x77U) << "a fetch leaves DEAR";
}

TEST_F(FaultTest, MissesNameTheSpaceOfTheAccess) {
    set_msr(v, 0x20);  // IS=1 DS=0
    resolve(v, 0x90000000, mmu::Access::fetch);
    EXPECT_NE(r.mas1 & 0x1000U, 0U);
    EXPECT_EQ(r.mas6 & 1U, 1U);
    set_msr(v, 0x20);
    resolve(v, 0x90000000, mmu::Access::load);
    EXPECT_EQ(r.mas1 & 0x1000U, 0U);
    EXPECT_EQ(r.mas6 & 1U, 0U);
}

TEST_F(FaultTest, ForbiddenAccessesAreStorageInterrupts) {
    page(0x90000000, 0x01, 0);  // SR alone
    EXPECT_EQ(resolve(v, 0x90000010, mmu::Access::store), FaultResult::reflected);
    EXPECT_EQ(v.nip, handler(2));
    EXPECT_EQ(r.dear, 0x90000010U);
    EXPECT_EQ(r.esr, 0x00800000U);
    EXPECT_EQ(resolve(v, 0x90000010, mmu::Access::fetch), FaultResult::reflected);
    EXPECT_EQ(v.nip, handler(3));
    EXPECT_EQ(r.esr, 0U);
    EXPECT_EQ(resolve(v, 0x90000010, mmu::Access::load), FaultResult::resume);
}

TEST_F(FaultTest, MemoryThatIsNotThereIsAMachineCheck) {
    page(0x90000000, 0x3f, 0x50000000);
    const u32 causes[] = {0x10, 0x08, 0x04};  // fetch, load, store: BUS_IBERR, BUS_RBERR, BUS_WBERR
    for (unsigned i = 0; i < 3; ++i) {
        set_msr(v, me);
        EXPECT_EQ(resolve(v, 0x90000010, static_cast<mmu::Access>(i)), FaultResult::reflected);
        EXPECT_EQ(v.nip, handler(1));
        EXPECT_EQ(r.mcsr, causes[i]);
    }
    resolve(v, 0x90000010, mmu::Access::load);
    EXPECT_EQ(v.end, End::guest_died) << "ME is clear in the handler";
}

TEST_F(FaultTest, TheVmmMakesWayForAGuestInItsRange) {
    using namespace e500;
    set_msr(v, msr::pr);
    page(test::hole.base, mas3::permissions, 0);
    const u32 before = core_msr(v);
    EXPECT_EQ(before & (msr::is | msr::ds), 0U);
    EXPECT_EQ(resolve(v, test::hole.base, mmu::Access::load), FaultResult::resume);
    EXPECT_EQ(core_msr(v), before | msr::is | msr::ds);
    EXPECT_NE(v.slow_rfi, 0U) << "rfi and sc end it";
    EXPECT_NE(v.regs.notes & note::slow, 0U);
    inject(v, Vector::system_call);
    EXPECT_EQ(v.slow_rfi, 0U);
    EXPECT_EQ(v.regs.notes & note::slow, 0U);
    EXPECT_EQ(v.end, End::running);
}

// The kernel's own handler is what the VMM made way for just as little.
TEST_F(FaultTest, AHandlerRunsWhereItsModeBelongs) {
    using namespace e500;
    test::fresh_guest(mmu::crossed);  // whose kernel fetches in the VMM's space
    page(test::hole.base, mas3::permissions, 0);
    const u32 before = core_msr(v);
    ASSERT_EQ(resolve(v, test::hole.base, mmu::Access::fetch), FaultResult::resume);
    ASSERT_NE(core_msr(v), before);
    inject(v, Vector::system_call);
    EXPECT_EQ(core_msr(v), before);
    EXPECT_TRUE(v.shadow.simple());
    EXPECT_EQ(v.slow_rfi, 0U);
}

TEST_F(FaultTest, WhatLiesInTheVmmsRangeOnBothSidesAtOnceEndsTheGuest) {
    using namespace e500;
    page(test::hole.base, mas3::permissions, 0);
    set_msr(v, msr::is);
    v.nip = test::hole.base;
    v.tlb.write(v.tlb.select(0, v.nip)[1], 0, mas1::v | mas1::ts, v.nip, mas3::permissions, 0);
    EXPECT_EQ(resolve(v, v.nip, mmu::Access::load), FaultResult::resume);
    EXPECT_EQ(resolve(v, v.nip, mmu::Access::fetch), FaultResult::resume);
    EXPECT_EQ(resolve(v, v.nip, mmu::Access::load), FaultResult::ended);
    EXPECT_EQ(v.end, End::guest_died);
}

}  // namespace
}  // namespace trapeze::vcpu
