// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/timers.hpp"

#include <gtest/gtest.h>

#include "core.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::vcpu {
namespace {

using test::the_core;

// TSR and TCR by their places in the manual (2.6.1, 2.6.2).
constexpr u32 enw = 0x80000000, wis = 0x40000000, dis = 0x08000000, fis = 0x04000000;
constexpr u32 wie = 0x08000000, die = 0x04000000, fie = 0x00800000, are = 0x00400000;
constexpr u32 ee = 0x8000, ce = 0x20000;

// TCR[FPEXT,FP] = n: the time-base bit that is n from the left.
constexpr u32 fit_period(u32 n) { return (n & 3U) << 24U | (n >> 2U) << 13U; }
constexpr u32 watchdog_period(u32 n) { return (n & 3U) << 30U | (n >> 2U) << 17U; }

class TimersTest : public testing::Test {
  protected:
    TimersTest() : v(test::fresh_guest()) {}
    static void pass(u64 ticks) { the_core().timebase += ticks; }
    // Lets time pass until the core's decrementer fires, and serves it.
    void fire() {
        pass(the_core().decrementer);
        on_timer(v);
    }
    // The decrementer has run out while the guest is at 0x4000 with its spaces laid out anew.
    void run_out() {
        write_tsr(v, dis);
        vcpu::set_msr(v, ee);
        v.nip = 0x4000;
        v.moved = true;
        write_decrementer(v, 3500);
        fire();
    }
    vcpu::Vcpu& v;
};

// What the VMM does at a sample takes long: who is due after it does not wait as long again.
TEST_F(TimersTest, ASampleDoesNotPutOffWhatIsDueNext) {
    constexpr u64 takes = 10'000, turn = 25'000, own = 30'000;
    PatchEvents events{};
    events.sample = [](Vcpu& sampled, u64 now) {
        pass(takes);
        sampled.next_sample = now + 1'000'000;
    };
    v.patch_events = &events;
    v.core->deadline = core::now() + turn;
    write_tcr(v, die);
    write_decrementer(v, static_cast<u32>(own));
    v.next_sample = core::now();
    on_timer(v);
    EXPECT_EQ(the_core().decrementer, turn - takes);
    // Nor the guest's own timer; what has come due meanwhile is seen at once.
    v.core->deadline = core::never;
    v.next_sample = core::now();
    on_timer(v);
    EXPECT_EQ(the_core().decrementer, own - 2 * takes);
    v.next_sample = core::now();
    on_timer(v);
    EXPECT_EQ(read_tsr(v) & dis, dis);
    v.next_sample = core::never;
    v.patch_events = nullptr;
}

TEST_F(TimersTest, DecrementerCountsDownAndStopsAtZero) {
    write_decrementer(v, 5000);
    EXPECT_EQ(the_core().decrementer, read_decrementer(v) < 5000 ? 0 : the_core().decrementer);
    pass(1999);
    EXPECT_EQ(read_decrementer(v), 3001U);
    EXPECT_EQ(read_tsr(v) & dis, 0U);
    pass(3001);
    EXPECT_EQ(read_decrementer(v), 0U);
    EXPECT_EQ(read_tsr(v) & dis, dis);
    pass(1'000'000);
    EXPECT_EQ(read_decrementer(v), 0U);
    write_tsr(v, dis);
    EXPECT_EQ(read_tsr(v) & dis, 0U) << "one exception for one count";
}

// What is shown or saved of a guest is as it is now, and showing it changes nothing.
TEST_F(TimersTest, SettledStateHasTheCountsOfNow) {
    the_core().timebase = 0x12'ffff'0000;
    write_decrementer(v, 5000);
    pass(0x1'0000 - 1000);
    the_core().user_registers.upper[7] = 77;
    settle(v);
    EXPECT_EQ(v.tbu, 0x12U);
    EXPECT_EQ(v.tbl, 0xffff'fc18U);
    EXPECT_EQ(v.dec, 0U) << "it is due, though nobody has latched that";
    EXPECT_EQ(v.regs.tsr & dis, 0U);
    write_decrementer(v, 5000);
    pass(1999);
    settle(v);
    EXPECT_EQ(v.dec, 3001U);
    EXPECT_EQ(v.tbu, 0x13U);
    EXPECT_EQ(v.user_registers.upper[7], 77U);
}

// The core is to go over to another guest: nothing that this one does puts that off.
TEST_F(TimersTest, SettingTimersDoesNotPutOffTheEndOfATurn) {
    vcpu::set_msr(v, ee);
    write_tcr(v, die | fie | fit_period(50));
    for (v.core->deadline = core::now() + 2000; v.core->deadline > core::now(); pass(300)) {
        write_decrementer(v, 0x10000);
        write_tsr(v, fis);
        ASSERT_LE(the_core().decrementer, v.core->deadline - core::now());
    }
    write_decrementer(v, 0x10000);
    EXPECT_EQ(the_core().decrementer, 1U) << "it is late already";
    v.core->deadline = core::now() + 600;
    write_tsr(v, fis);
    EXPECT_LE(the_core().decrementer, 600U) << "before the shortest period";
}

TEST_F(TimersTest, AnInterruptThatIsHeldBackDoesNotPutOffTheEndOfATurn) {
    write_tcr(v, die);
    run_out();
    vcpu::deliver_pending(v);
    run_out();
    for (v.core->deadline = core::now() + 500'000; v.core->deadline > core::now(); fire()) {
        vcpu::deliver_pending(v);
        ASSERT_EQ(v.nip, 0x4000U);
        ASSERT_LE(the_core().decrementer, v.core->deadline - core::now());
    }
    vcpu::deliver_pending(v);
    EXPECT_EQ(the_core().decrementer, 1U) << "it is late already";
}

// A decrementer that reloads itself with next to nothing would leave the guest no time at all.
TEST_F(TimersTest, WhatReloadsItselfComesOnceUntilItIsSeenTo) {
    v.regs.decar = 1;
    write_tcr(v, are | die);
    write_decrementer(v, 1);
    fire();
    EXPECT_EQ(v.regs.tsr & dis, dis);
    EXPECT_GT(the_core().decrementer, 100'000U) << "the heartbeat is next";
    write_tsr(v, dis);
    EXPECT_LE(the_core().decrementer, 2U);
    fire();
    EXPECT_EQ(v.regs.tsr & dis, dis);
    EXPECT_GT(the_core().decrementer, 100'000U);
}

TEST_F(TimersTest, ZeroStandsStill) {
    write_decrementer(v, 0);
    pass(u64{1} << 33U);
    EXPECT_EQ(read_tsr(v) & dis, 0U);
    write_decrementer(v, 1);
    pass(1);
    EXPECT_EQ(read_tsr(v) & dis, dis);
}

TEST_F(TimersTest, LargestCount) {
    write_decrementer(v, 0xffffffffU);
    pass(0xfffffffeU);
    EXPECT_EQ(read_decrementer(v), 1U);
    EXPECT_EQ(read_tsr(v) & dis, 0U);
    pass(1);
    EXPECT_EQ(read_tsr(v) & dis, dis);
}

TEST_F(TimersTest, AutoReloadStartsAgainFromDecar) {
    v.regs.decar = 700;
    write_tcr(v, are);
    write_decrementer(v, 1000);
    pass(1100);
    EXPECT_EQ(read_decrementer(v), 600U);
    EXPECT_EQ(read_tsr(v) & dis, dis);
    write_tsr(v, dis);
    pass(600);
    EXPECT_EQ(read_tsr(v) & dis, dis) << "each period anew";
    v.regs.decar = 0;
    write_tsr(v, dis);
    pass(10000);
    EXPECT_EQ(read_decrementer(v), 0U) << "a reload of zero stands still";
}

TEST_F(TimersTest, CoreDecrementerIsSetToWhatTheGuestWaitsFor) {
    write_decrementer(v, 5000);
    EXPECT_NE(the_core().decrementer, 5000U) << "nobody waits without TCR[DIE]";
    write_tcr(v, die);
    EXPECT_EQ(the_core().decrementer, 5000U);
    pass(2000);
    write_decrementer(v, 40);
    EXPECT_EQ(the_core().decrementer, 40U) << "its own time is exact";
    fire();
    EXPECT_EQ(v.regs.pending, ee);
    EXPECT_NE(the_core().cleared_tsr & dis, 0U);
}

TEST_F(TimersTest, HeartbeatComesWhateverTheGuestDoes) {
    unsigned beats = 0;
    const u64 start = the_core().timebase;
    while (the_core().timebase - start < 10 * heartbeat_period) {
        ASSERT_NE(the_core().decrementer, 0U);
        pass(the_core().decrementer);
        beats += on_timer(v);
    }
    EXPECT_GE(beats, 9U);
    EXPECT_LE(beats, 11U);
    EXPECT_EQ(v.regs.pending, 0U) << "it is not the guest's";
}

TEST_F(TimersTest, FixedIntervalTimerSeesItsBitRise) {
    constexpr u32 n = 63 - 16;  // bit 16 from the right rises every 131072 ticks
    the_core().timebase = 0x20000;
    reset_timers(v);
    write_tcr(v, fit_period(n) | fie);
    pass(0xffff);
    EXPECT_EQ(read_tsr(v) & fis, 0U);
    pass(1);
    EXPECT_EQ(read_tsr(v) & fis, fis);
    EXPECT_EQ(v.regs.pending, ee);
    write_tsr(v, fis);
    EXPECT_EQ(v.regs.pending, 0U);
    pass(0x1ffff);
    EXPECT_EQ(read_tsr(v) & fis, 0U);
    fire();
    EXPECT_EQ(read_tsr(v) & fis, fis) << "and the core's decrementer was set for it";
}

TEST_F(TimersTest, LongestPeriodNeverEnds) {
    // Period 0 is the leftmost bit of the time base: it rises after centuries.
    for (unsigned i = 0; i < 100; ++i) {
        pass(123'456'789);
        EXPECT_EQ(read_tsr(v), 0U) << "TCR is 0 after reset";
        on_timer(v);
    }
    write_tcr(v, fie | wie);
    EXPECT_GT(the_core().decrementer, 100000U);
}

TEST_F(TimersTest, EventsOfEveryPeriod) {
    for (u32 n = 1; n < 64; ++n) {
        const u32 bit = 63 - n;
        const u64 half = u64{1} << bit;
        EXPECT_EQ(rising_edges(half - 1, half, bit), 1U) << n;
        EXPECT_EQ(rising_edges(half, half + 1, bit), 0U) << n;
        EXPECT_EQ(rising_edges(0, half - 1, bit), 0U) << n;
        EXPECT_EQ(rising_edges(0 - half, half - 1, bit), 0U) << n << ": over the end";
        EXPECT_EQ(rising_edges(0 - half - 1, half, bit), 2U) << n;
        EXPECT_EQ(until_edge(0, bit), half) << n;
        EXPECT_EQ(until_edge(half, bit), 2 * half) << n;
        EXPECT_EQ(until_edge(~u64{0}, bit), half + 1) << n;
    }
    EXPECT_EQ(rising_edges(0, (u64{1} << 63U) - 1, 63), 0U);
    EXPECT_EQ(rising_edges(0, u64{1} << 63U, 63), 1U);
    EXPECT_EQ(until_edge(5, 63), (u64{1} << 63U) - 5);
}

TEST_F(TimersTest, WatchdogWarnsInterruptsAndResets) {
    constexpr u32 n = 63 - 20;
    the_core().timebase = 0;
    reset_timers(v);
    write_tcr(v, watchdog_period(n) | wie);
    const u64 period = u64{1} << 21U;
    pass(period);
    EXPECT_EQ(read_tsr(v) & (enw | wis), enw);
    EXPECT_EQ(v.regs.pending, 0U);
    pass(period);
    EXPECT_EQ(read_tsr(v) & (enw | wis), enw | wis);
    EXPECT_EQ(v.regs.pending, ce);
    pass(3 * period);
    EXPECT_EQ(v.end, vcpu::End::running) << "no reset was asked for";
    write_tsr(v, enw | wis);
    EXPECT_EQ(v.regs.pending, 0U);
    write_tcr(v, watchdog_period(n) | wie | 0x10000000);  // WRC = 1
    write_tcr(v, watchdog_period(n) | wie);
    EXPECT_NE(v.regs.tcr & 0x30000000, 0U) << "software cannot clear WRC";
    pass(period);
    EXPECT_EQ(read_tsr(v) & (enw | wis), enw);
    write_tsr(v, enw);
    pass(period);
    pass(period);
    EXPECT_EQ(read_tsr(v) & (enw | wis), enw | wis);
    EXPECT_EQ(v.end, vcpu::End::running);
    pass(period);
    EXPECT_EQ(read_tsr(v) & 0x30000000, 0x10000000U) << "WRS says which reset";
    EXPECT_EQ(v.end, vcpu::End::guest_died);
}

TEST_F(TimersTest, TsrIsClearedByOnes) {
    v.regs.tsr = dis | fis | wis;
    write_tsr(v, fis);
    EXPECT_EQ(v.regs.tsr, dis | wis);
}

TEST_F(TimersTest, WritesOfTheTimeBaseLeaveTheClockAlone) {
    write_tcr(v, die);
    write_decrementer(v, 50000);
    const u64 now = core::now();
    write_timebase(v, true, 0x100);
    write_timebase(v, false, 0xfffffff0U);
    EXPECT_EQ(the_core().timebase, 0x100'ffff'fff0U);
    EXPECT_EQ(core::now(), now);
    pass(20000);
    EXPECT_EQ(core::now(), now + 20000);
    EXPECT_EQ(read_decrementer(v), 30000U);
    EXPECT_EQ(read_tsr(v), 0U) << "no timer sees the jump";
    write_timebase(v, true, 0);
    pass(30000);
    EXPECT_EQ(read_tsr(v) & dis, dis);
    EXPECT_LE(v.next_heartbeat - core::now(), heartbeat_period / 4 * 5);
}

// What the guest jumps over has not passed, forwards or backwards.
TEST_F(TimersTest, AWriteOfTheTimeBaseIsNoEdge) {
    constexpr u32 bit = 24, half = 1U << bit;
    the_core().timebase = half - 1000;
    reset_timers(v);
    write_tcr(v, fit_period(63 - bit) | watchdog_period(63 - bit) | fie | wie);
    for (const u32 to : {half + 1000, 3 * half + 1000, half - 1000, 0U, 5 * half, half - 1}) {
        write_timebase(v, false, to);
        EXPECT_EQ(read_tsr(v), 0U) << std::hex << to;
        pass(500);  // over an edge from the last alone
    }
    EXPECT_EQ(read_tsr(v), enw | fis);
}

// Every timer over the end of the time base, wherever before it the guest stands.
TEST_F(TimersTest, TheEndOfTheTimeBaseIsATimeLikeAnyOther) {
    for (const u32 before : {1U, 2U, 999U, 4999U, 5000U, 5001U, 100000U}) {
        write_tcr(v, fit_period(63 - 12) | fie | die);
        write_timebase(v, true, ~0U);
        write_timebase(v, false, 0 - before);
        write_tsr(v, ~0U);
        write_decrementer(v, 5000);
        EXPECT_LE(the_core().decrementer, 5000U) << before;
        EXPECT_EQ(read_tsr(v) & dis, 0U) << before;
        pass(4999);
        EXPECT_EQ(read_decrementer(v), 1U) << before;
        EXPECT_EQ(read_tsr(v) & dis, 0U) << before;
        pass(1);
        EXPECT_EQ(read_tsr(v) & dis, dis) << before;
        // Bit 12 has risen when some 0x1000 modulo 0x2000 was passed.
        const u64 passed = rising_edges(u64{0} - before, the_core().timebase, 12);
        EXPECT_EQ((read_tsr(v) & fis) != 0, passed != 0) << before;
        write_tsr(v, fis);
        EXPECT_LE(the_core().decrementer, 0x2000U) << before;
        fire();
        EXPECT_EQ(read_tsr(v) & fis, fis) << before;
    }
}

TEST_F(TimersTest, AWriteOfTheTimeBaseBringsEdgesNearer) {
    the_core().timebase = 0;
    reset_timers(v);
    write_tcr(v, fit_period(63 - 24) | fie);
    write_timebase(v, false, (1U << 24U) - 5000);
    EXPECT_LE(the_core().decrementer, 5000U);
    fire();
    EXPECT_EQ(v.regs.tsr & fis, fis);
}

// A guest whose spaces were laid out anew gets on from where its last timer interrupt was, however
// long that instruction takes.
TEST_F(TimersTest, AMovedGuestGetsOnFirst) {
    write_tcr(v, die);
    run_out();
    vcpu::deliver_pending(v);
    EXPECT_NE(v.nip, 0x4000U) << "the first one at once";
    run_out();
    u32 before = 0;
    for (unsigned i = 0; i < 8; ++i) {
        vcpu::deliver_pending(v);
        ASSERT_EQ(v.nip, 0x4000U) << i;
        EXPECT_GT(the_core().decrementer, before) << "longer each time";
        before = the_core().decrementer;
    }
    v.nip = 0x4004;
    vcpu::deliver_pending(v);
    EXPECT_EQ(v.regs.srr0, 0x4004U);
    EXPECT_NE(v.nip, 0x4004U);
    run_out();
    vcpu::deliver_pending(v);
    EXPECT_NE(v.nip, 0x4000U) << "nor was it there the last time";
    for (u32* const changes : {&v.gpr[0], &v.gpr[3], &v.gpr[31], &v.ctr}) {
        run_out();
        ++*changes;
        vcpu::deliver_pending(v);
        EXPECT_NE(v.nip, 0x4000U) << "it has been elsewhere";
    }
    run_out();
    v.moved = false;
    vcpu::deliver_pending(v);
    EXPECT_NE(v.nip, 0x4000U) << "nothing was laid out anew";
}

TEST_F(TimersTest, AMovedGuestThatStandsStillIsInterrupted) {
    write_tcr(v, die);
    run_out();
    vcpu::deliver_pending(v);
    run_out();
    for (unsigned i = 0; i < 20 && v.nip == 0x4000; ++i) vcpu::deliver_pending(v);
    EXPECT_NE(v.nip, 0x4000U);
}

}  // namespace
}  // namespace trapeze::vcpu
