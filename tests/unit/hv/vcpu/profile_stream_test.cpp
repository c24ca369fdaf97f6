// SPDX-License-Identifier: Apache-2.0
// Random streams of exits on the fake core: with the profile and without it the VMM counts the
// same, and what the profile holds adds up to it.
#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "core.hpp"
#include "hv/exit/entry.hpp"
#include "hv/exit/run.hpp"
#include "hv/profile/profile.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/spr.hpp"

namespace trapeze::vcpu {
namespace {

using e500::Vector;
using test::the_core;
namespace msr = e500::msr;

// The guest's instructions, by what they do to translations and modes.
constexpr u32 words[] = {
    test::mfmsr(5),        test::mfspr(5, 26),  test::mtspr(26, 6),
    test::wrteei(false),   test::wrteei(true),  test::wrtee(5),
    test::mtmsr(7),        test::tlbwe,         test::tlbwe,
    test::tlbre,           test::tlbsx(0, 8),   test::tlbivax(0, 8),
    test::tlbsync,         test::rfi,           test::rfci,
    test::rfmci,           test::mtspr(48, 9),  test::mtspr(633, 9),
    test::mtspr(1012, 10), test::mfspr(5, 22),  test::mtspr(22, 6),
    test::mfpmr(5, 400),   test::mtpmr(400, 6), test::dcbi(0, 8),
    test::mfspr(5, 999),   test::x_form(390),   test::x_form(166),
    test::mtspr(272, 6),
};

struct Totals {
    u64 count[cause_count], ticks[cause_count], counted[counter_count];
    u32 min[cause_count], max[cause_count];
    u32 state;
};

class Stream {
  public:
    Stream(unsigned seed, Profile* profile) : random_(seed), v_(test::fresh_guest()) {
        start_profile(v_, profile);
        if (profile != nullptr && seed % 2 == 0) profile->sites.reset(20);
        for (u32 i = 1; i < 16; ++i) {  // room for pages of the guest in either space
            v_.regs.ivor[i] = i << 8U;
        }
        update_vectors(v_);
    }
    ~Stream() { start_profile(v_, nullptr); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    void run(unsigned steps) {
        for (unsigned step = 0; step < steps && v_.end == End::running; ++step) {
            // Handlers are at addresses of their own; the guest seldom stays in one.
            if (pick(3) != 0) v_.nip = place();
            if (pick(6) == 0) set_msr(v_, (v_.regs.msr & ~msr::pr) | (pick(2) ? msr::pr : 0));
            registers();
            the_core().timebase += 1000 + pick(1'000'000);
            exit();
        }
        fold_counters(v_);
    }

    Totals totals() const {
        Totals t{};
        for (unsigned i = 0; i < cause_count; ++i) {
            t.count[i] = v_.exits[i].folded_count;
            t.ticks[i] = v_.exits[i].folded_ticks;
            t.min[i] = v_.exits[i].min;
            t.max[i] = v_.exits[i].max;
        }
        for (unsigned i = 0; i < counter_count; ++i) t.counted[i] = v_.counted[i];
        t.state = v_.nip ^ v_.regs.msr ^ v_.regs.mas1;
        return t;
    }

  private:
    u32 pick(u32 n) { return static_cast<u32>(random_() % n); }
    u32 place() { return (pick(4) == 0 ? 0x40000000U : 0x8000U) + (pick(4) << 12U) + 4 * pick(8); }

    void registers() {
        v_.gpr[6] = place();
        v_.gpr[7] = (pick(2) ? msr::ee : 0) | (pick(8) == 0 ? msr::is : 0) |
                    (pick(8) == 0 ? msr::ds : 0) | msr::me;
        v_.gpr[8] = place() & ~0xfffU;
        v_.gpr[9] = pick(3);
        v_.gpr[10] = 2 + 2 * pick(3);
        v_.regs.srr1 = v_.regs.csrr1 = v_.regs.mcsrr1 = msr::me | (pick(3) == 0 ? msr::pr : 0);
        v_.regs.srr0 = v_.regs.csrr0 = v_.regs.mcsrr0 = place();
        v_.regs.mas0 = pick(3) == 0 ? 0x10000000 | (6 + pick(3)) << 16U : pick(4) << 16U;
        v_.regs.mas1 = (pick(8) == 0 ? 0 : e500::mas1::v) | pick(3) << 16U |
                       (pick(4) == 0 ? e500::mas1::ts : 0) | 1U << 8U;
        v_.regs.mas2 = 0x40000000U + (pick(4) << 12U);
        v_.regs.mas3 = pick(64) << 12U | (pick(4) == 0 ? 5U : 0x3fU);
        v_.regs.mas7 = 0;
    }

    void enter(Vector vector) {
        v_.exit_time = static_cast<u32>(the_core().timebase) - 40 - pick(1000);
        u32 left = static_cast<u32>(vector);
        if (vector == Vector::data_tlb || vector == Vector::instruction_tlb) {
            left = static_cast<u32>(hv_light_exit(&v_, left));
            if (left == 0) return;
        }
        hv_full_exit(&v_, left);
    }

    void exit() {
        the_core().esr = 0;
        the_core().dear = place();
        switch (pick(12)) {
            case 0:
                return enter(Vector::system_call);
            case 1:
                return enter(Vector::data_tlb);
            case 2:
                the_core().esr = e500::esr::st;
                return enter(Vector::data_storage);
            case 3:
                return enter(Vector::alignment);
            case 4:
                return enter(Vector::decrementer);
            case 5:  // a device: a load
                if (v_.virtual_ds()) return enter(Vector::spe_unavailable);
                the_core().dear = v_.gpr[11] = test::device_ea + 4 * pick(100);
                return instruction(test::d_form(32, 5, 11, 0), Vector::data_tlb, 0);
            case 6:
                return instruction(0, Vector::program, e500::esr::pil);
            default:
                return instruction(words[pick(std::size(words))], Vector::program,
                                   v_.user() && pick(2) != 0 ? e500::esr::pil : e500::esr::ppr);
        }
    }

    // What the core would do: miss until the page is there, then trap.
    void instruction(u32 word, Vector vector, u32 syndrome) {
        for (unsigned tries = 0; tries < 3; ++tries) {
            the_core().guest_words[v_.nip] = word;
            const bool space = v_.shadow.layout().fetch_space(v_.user());
            if (!the_core().matches(v_.nip, space).empty()) break;
            enter(Vector::instruction_tlb);
            if (v_.end != End::running) return;
        }
        the_core().guest_words[v_.nip] = word;
        the_core().esr = syndrome;
        enter(vector);
    }

    std::mt19937 random_;
    Vcpu& v_;
};

class Streams : public testing::TestWithParam<unsigned> {};

TEST_P(Streams, CountTheSameWithAndWithout) {
    constexpr unsigned steps = 20'000;
    Totals off{}, on{};
    {
        Stream stream(GetParam(), nullptr);
        stream.run(steps);
        off = stream.totals();
    }
    const auto profile = std::make_unique<Profile>();
    {
        Stream stream(GetParam(), profile.get());
        stream.run(steps);
        on = stream.totals();
    }
    EXPECT_EQ(on.state, off.state) << "the guest sees no difference";
    u64 pages[cause_count] = {}, used = 0;
    for (unsigned i = 0; i < profile->pages.capacity(); ++i) {
        const auto& slot = profile->pages.slot(i);
        if (slot.key == dbt::PageCount::nobody) continue;
        pages[slot.cause()] += slot.exits();
        ++used;
    }
    EXPECT_GT(used, 100U);
    constexpr auto privileged = static_cast<unsigned>(Cause::privileged);
    u64 count = profile->sites.lost().count, ticks = profile->sites.lost().ticks;
    for (unsigned i = 0; i < profile->sites.used(); ++i) {
        count += profile->sites.site(i).total_count;
        ticks += profile->sites.site(i).total_ticks;
    }
    unsigned causes = 0;
    u64 exits = 0;
    for (unsigned i = 0; i < cause_count; ++i) {
        SCOPED_TRACE(name(static_cast<Cause>(i)));
        causes += off.count[i] != 0 ? 1U : 0U;
        exits += on.count[i];
        EXPECT_EQ(on.count[i], off.count[i]);
        EXPECT_EQ(on.ticks[i], off.ticks[i]);
        EXPECT_EQ(on.min[i], off.min[i]);
        EXPECT_EQ(on.max[i], off.max[i]);
        EXPECT_EQ(i == privileged ? count : pages[i] + profile->pages.lost(i), on.count[i]);
    }
    EXPECT_GE(causes, 9U) << "the stream is worth something";
    EXPECT_GE(exits, steps) << "and did not end early";
    EXPECT_EQ(ticks, on.ticks[privileged]);
    for (unsigned i = 0; i < counter_count; ++i) {
        EXPECT_EQ(on.counted[i], off.counted[i]) << name(static_cast<Counter>(i));
    }
    for (const Counter each : {Counter::tlbwe, Counter::rfci, Counter::mfpmr, Counter::mtspr}) {
        EXPECT_GT(on.counted[static_cast<unsigned>(each)], 0U);
    }
    EXPECT_EQ(profile->sites.lost().sites != 0, GetParam() % 2 == 0) << "room for 20";
}

TEST(ProfileExits, WhatTheFastPathHandsOnIsChargedOnceAndToTheRightSite) {
    Vcpu& v = test::fresh_guest();
    const auto profile = std::make_unique<Profile>();
    start_profile(v, profile.get());
    constexpr u32 at = 0x2000, before = test::mfspr(5, 22), after = test::mfspr(6, 22);
    v.nip = at;
    ASSERT_EQ(hv_light_exit(&v, static_cast<u32>(Vector::instruction_tlb)), 0);
    the_core().esr = e500::esr::ppr;
    const auto exit = [&](u32 word, bool handed_on) {
        v.nip = at;
        the_core().guest_words[at] = word;
        if (handed_on) {
            v.trace_head = (v.trace_head + sizeof(ExitRecord)) % sizeof v.traced;
            v.traced[v.trace_head / sizeof(ExitRecord)].site = v.site;
        }
        hv_full_exit(&v, static_cast<u32>(Vector::program));
        return v.trace_head;
    };
    exit(before, false);
    const dbt::Site* const first = v.site;
    const u32 head = exit(before, true);
    EXPECT_EQ(v.site, first);
    // Rewritten: the fast path finds the site, sees another word, and records nothing.
    EXPECT_NE(exit(after, false), head);
    EXPECT_NE(v.site, first);
    EXPECT_EQ(v.site->word, after);
    fold_counters(v);
    EXPECT_EQ(first->total_count, 2U);
    EXPECT_EQ(v.site->total_count, 1U);
    EXPECT_EQ(v.counted[static_cast<unsigned>(Counter::mfspr)], 3U);
    start_profile(v, nullptr);
}

INSTANTIATE_TEST_SUITE_P(Profile, Streams, testing::Range(0U, 8U));

}  // namespace
}  // namespace trapeze::vcpu
