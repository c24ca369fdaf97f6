// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/progress.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "core.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::vcpu {
namespace {

constexpr u64 beat = u64{1} << 25U;
constexpr u64 second = 400'000'000;

u64& of(Look& look, Cause cause) { return look.exits[static_cast<unsigned>(cause)]; }

// A guest kernel with MSR[EE]=0, looked at once a beat.
class ProgressTest : public testing::Test {
  protected:
    ProgressTest() {
        next.now = 1000;
        next.nip = 0x1000;
        progress.start(next.now);
    }
    Verdict look(u64 limit = 5 * second, u64 gap = beat) {
        next.now += gap;
        ++of(next, Cause::heartbeat);
        return progress.look(next, limit);
    }
    // The first verdict that ends the guest, in `looks`; `change` comes before each.
    template <typename Change>
    Verdict fate(unsigned looks, Change change, u64 limit = 5 * second) {
        for (unsigned i = 0; i < looks; ++i) {
            change(i);
            const Verdict verdict = look(limit);
            if (verdict >= Verdict::masked) {
                ended = i;
                return verdict;
            }
        }
        return Verdict::alive;
    }
    Look next{};
    Progress progress;
    unsigned ended = 0;
};

TEST_F(ProgressTest, AKernelThatKeepsInterruptsDisabledIsStuckAfterTheLimit) {
    EXPECT_EQ(fate(200, [&](unsigned i) { next.nip = 0x1000 + 4 * (i % 3); }), Verdict::masked);
    EXPECT_EQ(ended, 5 * second / beat);
    EXPECT_EQ(fate(
                  1000, [](unsigned) {}, 0),
              Verdict::alive)
        << "never without a limit";
}

TEST_F(ProgressTest, ALoopAcrossExitsIsNoSignOfLife) {
    const auto polls = [&](unsigned) {
        of(next, Cause::mmio) += 30000;
        of(next, Cause::privileged) += 1000;
        of(next, Cause::syscall) += 7;
    };
    EXPECT_EQ(fate(200, polls), Verdict::masked);
}

TEST_F(ProgressTest, OneSignOfLifeIsEnough) {
    const unsigned often = 5 * second / beat - 2;  // looks, just below the limit
    const auto rarely = [&](auto sign) {
        return [&, sign](unsigned i) {
            next.user = next.enabled = next.waits = false;
            if (i % often == 0) sign();
        };
    };
    EXPECT_EQ(fate(2000, rarely([&] { ++next.signs; })), Verdict::alive) << "counted";
    EXPECT_EQ(fate(2000, rarely([&] { next.user = true; })), Verdict::alive);
    EXPECT_EQ(fate(2000, rarely([&] { next.enabled = true; })), Verdict::alive);
    EXPECT_EQ(fate(2000, rarely([&] { next.waits = true; })), Verdict::alive);
    EXPECT_EQ(fate(2000, rarely([] {})), Verdict::masked);
}

TEST_F(ProgressTest, WhatIsQuietIsWatched) {
    next.enabled = true;
    EXPECT_EQ(look(), Verdict::alive);
    next.enabled = false;
    EXPECT_EQ(look(), Verdict::quiet);
    ++next.signs;
    EXPECT_EQ(look(), Verdict::alive);
}

TEST_F(ProgressTest, TimeThatTheHostTookDoesNotCount) {
    for (unsigned i = 0; i < 20; ++i) {
        EXPECT_EQ(look(5 * second, 7 * second), Verdict::quiet) << "one late look is one look";
    }
    // However short the limit is.
    Progress other;
    other.start(next.now);
    for (unsigned i = 1; i < Progress::fewest_looks; ++i) {
        next.now += 7 * second;
        EXPECT_EQ(other.look(next, 1), Verdict::quiet);
    }
    next.now += 7 * second;
    EXPECT_EQ(other.look(next, 1), Verdict::masked);
}

TEST_F(ProgressTest, ABranchToItselfIsStuckWithInterruptsEnabledToo) {
    next.branches_to_self = next.enabled = true;
    const auto windows = [&](unsigned) { ++of(next, Cause::decrementer); };  // the VMM's own
    EXPECT_EQ(fate(200, windows), Verdict::spins);
    progress = {};
    progress.start(next.now);
    EXPECT_EQ(fate(200, [&](unsigned) { ++next.signs; }), Verdict::alive) << "interrupts come";
    EXPECT_EQ(fate(200, [&](unsigned) { ++of(next, Cause::syscall); }), Verdict::alive);
    EXPECT_EQ(fate(200, [&](unsigned i) { next.state = i; }), Verdict::alive);
    next.expects = true;
    EXPECT_EQ(fate(200, [](unsigned) {}), Verdict::alive) << "its timer will come";
}

TEST_F(ProgressTest, AnInstructionThatNeverCompletesIsSeenBySingleStep) {
    for (const Cause cause : {Cause::itlb_shadow, Cause::dtlb_shadow, Cause::dsi, Cause::isi,
                              Cause::tracing, Cause::text_write, Cause::decrementer}) {
        progress = {};
        progress.start(next.now);
        next.enabled = true;
        const auto again = [&] { of(next, cause) += 5000; };
        look();
        again();
        EXPECT_EQ(look(0), Verdict::step) << name(cause);
        again();
        EXPECT_EQ(look(0), Verdict::stalled) << "without a limit too";
        EXPECT_EQ(progress.cause(), cause);
        EXPECT_EQ(progress.repeats(), 10000U);
    }
}

TEST_F(ProgressTest, AnInstructionThatCompletesIsNotStalled) {
    next.enabled = true;
    look();
    for (unsigned i = 0; i < 500; ++i) {
        of(next, Cause::dtlb_shadow) += 5000;
        ASSERT_EQ(look(0), Verdict::step);
        progress.stepped();
    }
    // Few exits, registers that change, instructions that were emulated: nothing to look into.
    of(next, Cause::dtlb_shadow) += Progress::many - 1;
    EXPECT_EQ(look(0), Verdict::alive);
    of(next, Cause::dtlb_shadow) += 5000;
    ++next.state;
    EXPECT_EQ(look(0), Verdict::alive);
    of(next, Cause::dtlb_shadow) += 5000;
    ++of(next, Cause::mmio);
    EXPECT_EQ(look(0), Verdict::alive);
    next.waits = true;
    of(next, Cause::decrementer) += 5000;
    EXPECT_EQ(look(0), Verdict::alive);
}

TEST(Repeats, AreCountedWhereTheyAre) {
    Repeats repeats;
    u64 exits = 0;
    for (u32 i = 1; i < 3 * Repeats::most; ++i) {
        ASSERT_NE(repeats.again(i, ++exits), Repeats::Next::stalled) << "the guest moves";
    }
    for (u32 i = 1; i < 3 * Repeats::most; ++i) {
        exits += 2;
        ASSERT_NE(repeats.again(8, exits), Repeats::Next::stalled) << "it was given others";
    }
    unsigned requests = 0;
    ++exits;
    for (u32 i = 1; i < Repeats::most; ++i) {
        const auto next = repeats.again(12, ++exits);
        ASSERT_NE(next, Repeats::Next::stalled);
        requests += next == Repeats::Next::requests;
    }
    EXPECT_EQ(requests, Repeats::most / Repeats::between_requests - 1);
    EXPECT_EQ(repeats.again(12, ++exits), Repeats::Next::stalled);
    EXPECT_EQ(repeats.count(), Repeats::most);
}

TEST(Stall, IsDescribed) {
    char text[128];
    describe_stall(text, sizeof text, Cause::itlb_shadow, 0x00010040, 1234567890123);
    EXPECT_STREQ(text,
                 "no progress: itlb_shadow at 00010040 repeated 1234567890123 times, and the guest "
                 "completes no instruction");
    char little[8];
    describe_stall(little, sizeof little, Cause::isi, 0, 0);
    EXPECT_STREQ(little, "no prog");
}

TEST(Digest, DiffersWithEachWord) {
    std::array<u32, 32> words{};
    const u32 before = digest(words.data(), 32);
    for (u32& word : words) {
        word = 1;
        EXPECT_NE(digest(words.data(), 32), before);
        word = 0;
    }
    EXPECT_NE(digest(words.data(), 32, 1), before);
}

// What a guest does that is watched, on the paths of C++ that fast paths and stubs hand it to.
class WatchTest : public testing::Test {
  protected:
    WatchTest() : v(test::fresh_guest()) {}
    vcpu::Vcpu& v;
    static constexpr u32 ee = 0x8000, pr = 0x4000;
};

TEST_F(WatchTest, SettingEeIsASignOnce) {
    vcpu::watch(v);
    EXPECT_EQ(v.regs.pending, ee) << "so that stubs and fast paths hand it on";
    v.gpr[4] = ee;
    test::run(v, test::wrtee(4), ee);
    EXPECT_EQ(v.signs, 1U);
    EXPECT_EQ(v.regs.pending, 0U);
    EXPECT_EQ(v.regs.notes, 0U);
    EXPECT_EQ(v.nip, 0x1004U) << "nothing was delivered";
    test::run(v, test::wrteei(false));
    test::run(v, test::wrteei(true));
    EXPECT_EQ(v.signs, 1U);
}

TEST_F(WatchTest, WhatWaitsIsDeliveredAllTheSame) {
    vcpu::watch(v);
    v.regs.tsr = e500::tsr::dis;
    v.regs.tcr = e500::tcr::die;
    vcpu::update_pending(v);
    test::run(v, test::wrteei(true));
    EXPECT_EQ(v.signs, 2U) << "MSR[EE], and the interrupt";
    EXPECT_EQ(v.nip, v.vector[static_cast<unsigned>(e500::Vector::decrementer)]);
}

TEST_F(WatchTest, UserModeIsASign) {
    vcpu::watch(v);
    EXPECT_NE(v.regs.notes & note::watch, 0U) << "which takes rfi off its fast path";
    v.regs.srr0 = 0x2000;
    v.regs.srr1 = pr;
    test::run(v, test::rfi);
    EXPECT_EQ(v.signs, 1U);
    EXPECT_EQ(v.regs.notes, 0U);
    EXPECT_EQ(v.regs.pending, 0U);
}

TEST_F(WatchTest, WhereItIsAlreadyThereIsNothingToWatch) {
    vcpu::set_msr(v, ee);
    vcpu::watch(v);
    EXPECT_EQ(v.regs.notes | v.regs.pending, 0U);
    vcpu::set_msr(v, pr);
    vcpu::watch(v);
    EXPECT_EQ(v.regs.notes | v.regs.pending, 0U);
}

TEST_F(WatchTest, ProbingIsTheCoresAlone) {
    const u32 before = vcpu::core_msr(v);
    vcpu::probe(v, true);
    EXPECT_EQ(vcpu::core_msr(v), before | e500::msr::de);
    EXPECT_EQ(test::the_core().debug_control, e500::dbcr0::idm | e500::dbcr0::icmp);
    EXPECT_EQ(v.regs.msr & e500::msr::de, 0U);
    EXPECT_EQ(v.regs.dbcr0, 0U);
    vcpu::probe(v, false);
    EXPECT_EQ(vcpu::core_msr(v), before);
    EXPECT_EQ(test::the_core().debug_control, 0U);
}

}  // namespace
}  // namespace trapeze::vcpu
