// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/exits.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core.hpp"
#include "hv/exit/run.hpp"
#include "hv/profile/profile.hpp"

namespace trapeze::vcpu {
namespace {

TEST(ExitStats, KeepsCountSumAndExtremes) {
    ExitStats stats{};
    stats.min = ~0U;
    for (const u32 ticks : {70U, 30U, 110U}) {
        stats.add(ticks);
    }
    EXPECT_EQ(stats.count, 3U);
    EXPECT_EQ(stats.ticks, 210U);
    EXPECT_EQ(stats.min, 30U);
    EXPECT_EQ(stats.max, 110U);
}

TEST(ExitStats, FoldingLosesNothingBeyond32Bits) {
    ExitStats stats{};
    stats.min = ~0U;
    for (unsigned i = 0; i < 5; ++i) {
        stats.add(0xf0000000U);
        stats.fold();
        EXPECT_EQ(stats.count, 0U);
        EXPECT_EQ(stats.ticks, 0U);
    }
    EXPECT_EQ(stats.folded_count, 5U);
    EXPECT_EQ(stats.folded_ticks, 5 * u64{0xf0000000U});
    EXPECT_EQ(stats.min, 0xf0000000U);
    EXPECT_EQ(stats.max, 0xf0000000U);
}

TEST(ExitStats, CountersOfInstructionsAreFoldedToo) {
    Vcpu& v = test::fresh_guest();
    for (unsigned i = 0; i < 3; ++i) {
        test::run(v, test::mfmsr(3));
    }
    test::run(v, test::tlbsync);
    v.exits[2].add(10);
    fold_counters(v);
    EXPECT_EQ(v.counted[static_cast<unsigned>(Counter::mfmsr)], 3U);
    EXPECT_EQ(v.counted[static_cast<unsigned>(Counter::tlbsync)], 1U);
    EXPECT_EQ(v.counters[static_cast<unsigned>(Counter::mfmsr)], 0U);
    EXPECT_EQ(v.exits[2].folded_count, 1U);
    EXPECT_EQ(v.exits[3].min, ~0U) << "never happened";
}

TEST(ExitStats, NamesAreDistinct) {
    std::set<std::string> names;
    for (unsigned i = 0; i < cause_count; ++i) {
        EXPECT_TRUE(names.insert(name(static_cast<Cause>(i))).second);
    }
    names.clear();
    for (unsigned i = 0; i < counter_count; ++i) {
        EXPECT_TRUE(names.insert(name(static_cast<Counter>(i))).second);
    }
    EXPECT_STREQ(name(Cause::machine_check), "machine_check");
    EXPECT_STREQ(name(Counter::mtpmr), "mtpmr");
}

}  // namespace
}  // namespace trapeze::vcpu
