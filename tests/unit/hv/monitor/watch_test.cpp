// SPDX-License-Identifier: Apache-2.0
// What a heartbeat does: requests, dumps in their time, and judging whether the guest gets on.
#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/exit/run.hpp"
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/timers.hpp"
#include "monitored_guest.hpp"

namespace trapeze::test {
namespace {

using vcpu::End;

class WatchTest : public MonitorTest {
  protected:
    // A heartbeat with a byte for the VMM; the kinds of the dumps that come.
    std::string beat(int byte = -1) {
        receive(byte);
        monitor::heartbeat(v);
        receive(-1);
        text = sent();
        std::string kinds;
        for (const std::string& line : lines(text, "@@trapeze-dump 1 ")) kinds += line.front();
        return kinds;
    }
    std::string text;
};

TEST_F(WatchTest, EachRequestIsServed) {
    EXPECT_EQ(beat(), "");
    EXPECT_EQ(text, "");
    EXPECT_EQ(beat('d'), "r");
    EXPECT_EQ(beat('x'), "") << "no request";
    EXPECT_EQ(text, "");
    v.reason = nullptr;
    EXPECT_EQ(beat('?'), "");
    EXPECT_EQ(lines(text, "---- state of the guest").size(), 1U);
    EXPECT_EQ(v.reason, nullptr) << "it goes on";
    EXPECT_EQ(v.end, End::running);
    beat('q');
    EXPECT_EQ(v.end, End::stopped);
}

// A guest that somebody looks on at has 15 times as long as a dump takes.
TEST_F(WatchTest, LiveDumpsLeaveTheGuestItsTime) {
    EXPECT_EQ(beat('l'), "l");
    EXPECT_FALSE(v.guest->watch.live_wanted);
    EXPECT_EQ(beat(), "") << "one for each request";
    v.guest->watch.next_live = core::now() + 1000;
    EXPECT_EQ(beat('l'), "");
    EXPECT_TRUE(v.guest->watch.live_wanted);
    pass(999);
    EXPECT_EQ(beat(), "");
    pass(1);
    EXPECT_EQ(beat(), "l");
    EXPECT_EQ(v.guest->watch.next_live, core::now()) << "a dump takes no time in this test";
}

TEST_F(WatchTest, PeriodicDumpsComeInTheirTime) {
    v.guest->watch.last_dump = core::now();
    EXPECT_EQ(beat(), "");
    v.guest->watch.dump_ticks = 10'000;
    EXPECT_EQ(beat(), "");
    pass(9'999);
    EXPECT_EQ(beat(), "");
    pass(1);
    EXPECT_EQ(beat(), "p");
    EXPECT_EQ(v.guest->watch.last_dump, core::now());
    EXPECT_EQ(beat(), "");
    v.guest->watch.dump_ticks = 0;
    pass(1'000'000);
    EXPECT_EQ(beat(), "");
}

TEST_F(WatchTest, AGuestThatDoesNothingIsEnded) {
    v.guest->watch.hang_ticks = 1000;
    v.nip = 0x3000;
    the_core().guest_words[v.nip] = 0x4800'0000;
    ASSERT_TRUE(vcpu::make_accessible(v, v.nip, mmu::Access::fetch));
    vcpu::set_msr(v, e500::msr::ee);
    for (unsigned i = 0; i < 100 && v.end == End::running; ++i) {
        pass(1'000'000);
        beat();
    }
    EXPECT_EQ(v.end, End::guest_died);
    EXPECT_NE(std::string(v.reason).find("branches to itself"), std::string::npos);
}

TEST_F(WatchTest, AGuestWithInterruptsOffIsWatchedAndEnded) {
    v.guest->watch.hang_ticks = 20'000'000;
    v.nip = 0x3000;
    for (unsigned i = 0; i < 100 && v.end == End::running; ++i) {
        pass(1'000'000);
        v.gpr[5] += 1;  // it is busy
        beat();
        if (v.end == End::running && i > 4) {
            EXPECT_NE(v.regs.notes & vcpu::note::watch, 0U);
        }
    }
    EXPECT_EQ(v.end, End::guest_died);
    EXPECT_NE(std::string(v.reason).find("interrupts disabled"), std::string::npos);
}

// Others keep the core so long that each turn is over before the guest completes an instruction.
TEST_F(WatchTest, AGuestThatGetsNoTimeIsNotStalled) {
    v.nip = 0x3000;
    for (const bool asked : {true, false}) {
        for (unsigned i = 0; i < 10; ++i) {
            for (unsigned turn = 0; turn < 2 * vcpu::Progress::many; ++turn) {
                v.core->deadline = asked ? core::now() : core::never;
                pass(1'000);
                vcpu::on_timer(v);
                v.exits[static_cast<unsigned>(vcpu::Cause::decrementer)].add(10);
            }
            vcpu::fold_counters(v);
            beat();
            if (asked) {
                ASSERT_EQ(v.end, End::running);
            }
        }
    }
    EXPECT_EQ(v.end, End::guest_died) << "its own timers";
    EXPECT_EQ(std::string(v.reason).rfind("no progress: decrementer", 0), 0U);
}

// Whoever branches to itself and has a timer that will come, or waits, or printed, gets on.
TEST_F(WatchTest, AGuestThatExpectsATimerIsNot) {
    namespace tcr = e500::tcr;
    v.guest->watch.hang_ticks = 1000;
    v.nip = 0x3000;
    the_core().guest_words[v.nip] = 0x4800'0000;
    ASSERT_TRUE(vcpu::make_accessible(v, v.nip, mmu::Access::fetch));
    enum { decrementer, interval, waits, signs, idle, kinds };
    for (unsigned kind = 0; kind < kinds; ++kind) {
        v.dec_running = kind == decrementer;
        v.regs.tcr = kind == decrementer ? tcr::die : kind == interval ? tcr::fie : 0;
        v.regs.msr = e500::msr::ee | (kind == waits ? e500::msr::we : 0);
        for (unsigned i = 0; i < 50; ++i) {
            pass(1'000'000);
            v.signs += kind == signs ? 1 : 0;
            v.idle_ticks += kind == idle ? 1 : 0;
            beat();
            ASSERT_EQ(v.end, End::running) << kind;
        }
    }
    v.regs.msr = e500::msr::ee;
    v.regs.tcr = 0;
    v.dec_running = true;  // which nobody lets through
    for (unsigned i = 0; i < 50; ++i) {
        pass(1'000'000);
        beat();
    }
    EXPECT_EQ(v.end, End::guest_died);
}

TEST_F(WatchTest, ASystemCallHandlerThatCallsItselfIsAStorm) {
    const u32 handler = v.vector[static_cast<unsigned>(e500::Vector::system_call)];
    the_core().guest_words[handler] = 0x4400'0002;
    the_core().guest_words[handler + 4] = 0x4400'0002;
    v.nip = handler + 4;
    ASSERT_TRUE(vcpu::make_accessible(v, handler, mmu::Access::fetch));
    beat();
    EXPECT_EQ(v.end, End::running) << "elsewhere";
    v.nip = handler;
    vcpu::set_msr(v, e500::msr::pr);
    ASSERT_TRUE(vcpu::make_accessible(v, handler, mmu::Access::fetch));
    beat();
    EXPECT_EQ(v.end, End::running) << "somebody else's instruction";
    vcpu::set_msr(v, 0);
    beat();
    EXPECT_EQ(v.end, End::guest_died);
    EXPECT_EQ(v.storm_nip, handler);
    EXPECT_EQ(v.storm_vector, static_cast<u32>(e500::Vector::system_call));
}

}  // namespace
}  // namespace trapeze::test
