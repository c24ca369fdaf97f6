// SPDX-License-Identifier: Apache-2.0
#include "dbt/timeline.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <vector>

namespace trapeze::dbt {
namespace {

using std::uint32_t;
using std::uint64_t;

class TimelineTest : public testing::Test {
  protected:
    TimelineTest() : owned(std::make_unique<Timeline>()), line(*owned) { line.reset(100); }
    uint64_t sum(unsigned column) const {
        uint64_t all = 0;
        for (unsigned span = 0; span < line.used(); ++span) all += line.count(span, column);
        return all;
    }
    std::unique_ptr<Timeline> owned;
    Timeline& line;
};

TEST_F(TimelineTest, ChargesGrowthToTheSpanOfNow) {
    const uint64_t a[] = {5, 0, 1}, b[] = {7, 0, 1}, c[] = {8, 2, 1};
    EXPECT_EQ(line.used(), 0U);
    line.advance(0, a, 3);
    line.advance(99, b, 3);
    line.advance(100, b, 3);
    line.advance(399, c, 3);
    EXPECT_EQ(line.span_ticks(), 100U);
    EXPECT_EQ(line.used(), 4U);
    EXPECT_EQ(line.count(0, 0), 7U);
    EXPECT_EQ(line.count(0, 2), 1U);
    EXPECT_EQ(line.count(1, 0), 0U);
    EXPECT_EQ(line.count(2, 0), 0U) << "nobody asked in that span";
    EXPECT_EQ(line.count(3, 0), 1U);
    EXPECT_EQ(line.count(3, 1), 2U);
}

TEST_F(TimelineTest, JoinsSpansInPairsWhenTheyRunOut) {
    uint64_t total = 0;
    for (unsigned span = 0; span < Timeline::spans; ++span) {
        total += span;
        line.advance(uint64_t{100} * span + 50, &total, 1);
    }
    EXPECT_EQ(line.used(), Timeline::spans);
    EXPECT_EQ(line.span_ticks(), 100U);
    total += 1000;
    line.advance(uint64_t{100} * Timeline::spans, &total, 1);
    EXPECT_EQ(line.span_ticks(), 200U);
    EXPECT_EQ(line.used(), Timeline::spans / 2 + 1);
    for (unsigned span = 0; span < Timeline::spans / 2; ++span) {
        EXPECT_EQ(line.count(span, 0), 4 * span + 1) << "2n and 2n + 1 before";
    }
    EXPECT_EQ(line.count(Timeline::spans / 2, 0), 1000U);
    EXPECT_EQ(line.count(Timeline::spans / 2 + 1, 0), 0U);
}

TEST_F(TimelineTest, SurvivesALongJump) {
    uint64_t total = 3;
    line.advance(10, &total, 1);
    total = 5;
    const uint64_t late = uint64_t{1} << 60U;
    line.advance(late, &total, 1);
    EXPECT_LE(line.used(), Timeline::spans);
    EXPECT_EQ(line.used(), late / line.span_ticks() + 1);
    EXPECT_EQ(line.count(0, 0), 3U);
    EXPECT_EQ(line.count(line.used() - 1, 0), 2U);
    EXPECT_EQ(sum(0), 5U);
    EXPECT_GE(line.used(), Timeline::spans / 2) << "no coarser than it must be";
}

TEST_F(TimelineTest, CountsOfASpanSaturate) {
    uint64_t total = 0xffffffff;
    line.advance(0, &total, 1);
    EXPECT_EQ(line.count(0, 0), 0xffffffffU);
    ++total;
    line.advance(1, &total, 1);
    EXPECT_EQ(line.count(0, 0), 0xffffffffU);
    total += uint64_t{1} << 40U;
    line.advance(100, &total, 1);
    EXPECT_EQ(line.count(1, 0), 0xffffffffU);
    line.advance(uint64_t{100} * Timeline::spans, &total, 1);
    EXPECT_EQ(line.count(0, 0), 0xffffffffU) << "two joined";
    ++total;
    line.advance(uint64_t{100} * Timeline::spans, &total, 1);
    EXPECT_EQ(line.count(Timeline::spans / 2, 0), 1U);
}

TEST_F(TimelineTest, KeepsToItsColumns) {
    std::vector<uint64_t> totals(40, 9);
    line.advance(0, totals.data(), 40);
    for (unsigned column = 0; column < Timeline::columns; ++column) {
        EXPECT_EQ(line.count(0, column), 9U);
    }
    EXPECT_EQ(line.count(1, 0), 0U);
    line.reset(7);
    EXPECT_EQ(line.used(), 0U);
    EXPECT_EQ(line.span_ticks(), 7U);
    line.advance(0, totals.data(), 1);
    EXPECT_EQ(line.count(0, 0), 9U) << "counts from nothing again";
    EXPECT_EQ(line.count(0, 1), 0U);
}

TEST_F(TimelineTest, AgreesWithAModelThatKeepsEveryTick) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        std::mt19937 random(seed);
        line.reset(100);
        std::map<uint64_t, std::vector<uint64_t>> model;  // by time
        uint64_t totals[Timeline::columns] = {};
        uint64_t now = 0;
        for (unsigned step = 0; step < 2000; ++step) {
            now += random() % (random() % 100 == 0 ? 20'000 : 90);
            auto& grown =
                model.emplace(now, std::vector<uint64_t>(Timeline::columns)).first->second;
            for (unsigned column = 0; column < Timeline::columns; ++column) {
                const uint64_t more = random() % 1000;
                totals[column] += more;
                grown[column] += more;
            }
            line.advance(now, totals, Timeline::columns);
        }
        const uint64_t ticks = line.span_ticks();
        EXPECT_EQ(line.used(), now / ticks + 1);
        EXPECT_TRUE(ticks == 100 || now / (ticks / 2) >= Timeline::spans) << "joined for need";
        std::vector<std::vector<uint64_t>> want(line.used(),
                                                std::vector<uint64_t>(Timeline::columns));
        for (const auto& [when, grown] : model) {
            for (unsigned column = 0; column < Timeline::columns; ++column) {
                want[when / ticks][column] += grown[column];
            }
        }
        for (unsigned span = 0; span < line.used(); ++span) {
            for (unsigned column = 0; column < Timeline::columns; ++column) {
                ASSERT_EQ(line.count(span, column), want[span][column])
                    << "seed " << seed << " span " << span << " column " << column;
            }
        }
    }
}

}  // namespace
}  // namespace trapeze::dbt
