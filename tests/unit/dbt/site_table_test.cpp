// SPDX-License-Identifier: Apache-2.0
#include "dbt/site_table.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "site_table_model.hpp"

namespace trapeze::dbt {
namespace {

using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;
using test::mfmsr;
using test::mtmsr;
using test::Recorder;

constexpr uint32_t base = 0xc0000000, same_bucket = 0x20000;

// Sums over the sites and the loss against what went in, to the unit.
void expect_sums(Recorder& r) {
    r.fold();
    const auto held = r.held();
    EXPECT_EQ(held.count, r.count);
    EXPECT_EQ(held.ticks, r.total_ticks);
    EXPECT_EQ(r.folded.count, r.count);
    EXPECT_EQ(r.folded.ticks, r.total_ticks);
    EXPECT_EQ(r.folded.max, r.max);
    for (unsigned i = 0; i < SiteTable::kinds; ++i) {
        EXPECT_EQ(r.folded.by_kind[i], r.by_kind[i]) << "kind " << i;
    }
}

class Capacities : public testing::TestWithParam<unsigned> {};

TEST_P(Capacities, AllSitesDistinct) {
    constexpr unsigned sites = 100'000;
    Recorder r(GetParam());
    for (unsigned i = 0; i < sites; ++i) {
        ++r.now;
        r.exit({base + 4 * i, mfmsr, uint64_t{4} * i, 0, 0}, i % 1000 + 1,
               static_cast<uint8_t>(i % 31));
    }
    EXPECT_EQ(r.table().used(), GetParam());
    EXPECT_EQ(r.table().lost().sites, sites - GetParam());
    EXPECT_EQ(r.table().lost().count, sites - GetParam()) << "each had one exit";
    expect_sums(r);
}

TEST_P(Capacities, AllSitesDistinctWithBeatsBetween) {
    // A beat in the middle of making way, after any number of evictions.
    Recorder r(GetParam());
    for (unsigned i = 0; i < 20'000; ++i) {
        ++r.now;
        r.exit(base + 4 * i, 7);
        if (i % 97 == 0) r.beat();
    }
    EXPECT_EQ(r.table().lost().sites, 20'000 - GetParam());
    expect_sums(r);
}

INSTANTIATE_TEST_SUITE_P(SiteTable, Capacities, testing::Values(1U, 16U, 64U, 4096U));

TEST(SiteTable, OneSiteIsEnteredOnce) {
    Recorder r;
    for (unsigned i = 0; i < 100'000; ++i) r.exit(base, 3);
    EXPECT_EQ(r.entered, 1U);
    EXPECT_EQ(r.table().used(), 1U);
    expect_sums(r);
    EXPECT_EQ(r.table().site(0).total_count, 100'000U);
    EXPECT_EQ(r.table().site(0).total_ticks, 300'000U);
    EXPECT_EQ(r.table().site(0).max, 3U);
}

TEST(SiteTable, TwoSitesThatTakeTurnsInOnePlace) {
    Recorder r(1);
    for (unsigned i = 0; i < 1000; ++i) r.exit(base + 4 * (i % 2), i % 2 + 1);
    EXPECT_EQ(r.entered, 1000U) << "each makes way for the other";
    EXPECT_EQ(r.table().lost().sites, 999U);
    EXPECT_EQ(r.table().lost().ticks, 1498U) << "all but the last exit, of 2 ticks";
    expect_sums(r);
    EXPECT_EQ(r.table().site(0).ea, base + 4);

    Recorder both(2);
    for (unsigned i = 0; i < 1000; ++i) both.exit(base + 4 * (i % 2));
    EXPECT_EQ(both.entered, 2U);
    EXPECT_EQ(both.table().lost().sites, 0U);
}

TEST(SiteTable, HundredsOfSitesInOneBucket) {
    constexpr unsigned sites = 300;
    for (const unsigned capacity : {64U, 4096U}) {
        Recorder r(capacity);
        for (unsigned turn = 0; turn < 20; ++turn) {
            for (unsigned i = 0; i < sites; ++i) r.exit(base + same_bucket * i, i);
            r.beat();
        }
        expect_sums(r);
        EXPECT_EQ(r.table().used(), std::min(sites, capacity));
        if (capacity < sites) continue;
        EXPECT_EQ(r.entered, sites) << "all of them stay known";
        for (unsigned i = 0; i < sites; ++i) {
            const Site* const site = r.table().known(base + same_bucket * i, mfmsr);
            ASSERT_NE(site, nullptr) << i;
            EXPECT_EQ(site->ea, base + same_bucket * i);
            EXPECT_EQ(site->total_ticks, 20 * i);
        }
    }
}

// Few processes, modes, words and places, so that keys collide in every way; folds, beats and
// distrust at random times. While nothing makes way, each site is compared with its own model.
class RandomStreams : public testing::TestWithParam<unsigned> {};

TEST_P(RandomStreams, AgreeWithAMap) {
    std::mt19937 random(GetParam());
    const auto pick = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    constexpr unsigned capacities[] = {1, 2, 16, 63, 64, 65, 100, 4096};
    const unsigned capacity = capacities[GetParam() % 8];
    Recorder r(capacity);
    std::map<Recorder::Key, Recorder::Kept> model;
    // What the guest has at an EA just now.
    std::map<uint32_t, SiteKey> mapped;
    for (unsigned step = 0; step < 30'000; ++step) {
        r.now += pick(50);
        const uint32_t ea = base + same_bucket * pick(7) + 4 * pick(30);
        const auto at = mapped.find(ea);
        if (at == mapped.end() || pick(20) == 0) {
            const auto mode = static_cast<uint8_t>(pick(4));
            SiteKey key{ea, pick(2) ? mfmsr : mtmsr, 0x1000 * uint64_t{pick(3)},
                        static_cast<uint16_t>(pick(3)), mode};
            if (key.gpa == 0x2000) key.gpa = 0xf'0000'0000;
            if (at != mapped.end()) r.table().distrust(ea, 4);
            mapped[ea] = key;
        }
        const SiteKey& key = mapped[ea];
        const auto kind = static_cast<uint8_t>(key.word == mfmsr ? 3 : 31);
        const uint32_t ticks = pick(100) == 0 ? 0x0fff'ffff : pick(1000);
        const Site& site = r.exit(key, ticks, kind, pick(2) != 0);
        ASSERT_TRUE(site.key() == key) << "step " << step;
        auto& kept = model[{key.ea, key.word, key.gpa, key.pid, key.mode}];
        if (kept.count++ == 0) kept.first = r.now;
        kept.ticks += ticks;
        kept.max = std::max(kept.max, ticks);
        switch (pick(200)) {
            case 0:
            case 1:
            case 2:
            case 3:
            case 4:
            case 5:
                r.fold();
                break;
            case 6:
            case 7:
                r.beat();
                break;
            case 8:
                r.table().distrust(base + same_bucket * pick(7), same_bucket / 2);
                break;
            case 9:
                r.table().distrust_small();
                break;
            case 10:
                r.table().distrust_local();
                break;
            case 11:
                r.table().distrust_all();
                break;
            default:
                break;
        }
        if (step % 20 == 0) r.fold();  // 2^32 ticks at one site, at most
    }
    expect_sums(r);
    EXPECT_EQ(r.table().used(), std::min<size_t>(capacity, model.size()));
    if (r.table().lost().sites != 0) return;
    ASSERT_EQ(r.table().used(), model.size());
    for (unsigned i = 0; i < r.table().used(); ++i) {
        const Site& site = r.table().site(i);
        const auto& kept = model.at({site.ea, site.word, site.gpa, site.pid, site.mode});
        EXPECT_EQ(site.total_count, kept.count);
        EXPECT_EQ(site.total_ticks, kept.ticks);
        EXPECT_EQ(site.max, kept.max);
        EXPECT_EQ(site.first, kept.first);
        EXPECT_GE(site.newest, site.first);
        EXPECT_LE(site.newest, r.now);
    }
}

INSTANTIATE_TEST_SUITE_P(SiteTable, RandomStreams, testing::Range(0U, 32U));

TEST(SiteTable, CountersNearTheirEndLoseNothing) {
    Recorder r;
    Site& site = r.exit(base, 0);
    r.fold();
    for (unsigned turn = 0; turn < 5; ++turn) {
        site.count = 0xfffffffe;
        site.ticks = 0xffffff00;
        SiteTable::charge(site, 0xff);
        const auto sums = r.table().fold(100);
        EXPECT_EQ(sums.count, 0xffffffffU);
        EXPECT_EQ(sums.ticks, 0xffffffffU);
        EXPECT_EQ(site.since, 0xffffffffU) << "saturates";
    }
    EXPECT_EQ(site.total_count, 1 + 5 * uint64_t{0xffffffff});
    EXPECT_EQ(site.total_ticks, 5 * uint64_t{0xffffffff});
    r.table().beat();
    EXPECT_EQ(site.recent, 0xffffffffU) << "saturates";
    r.exit(base, 1);
    r.beat();
    EXPECT_LE(site.recent, 0xe0000010U) << "an eighth less";
    EXPECT_GE(site.recent, 0xe0000000U);
}

TEST(SiteTable, FoldMovesEachExitOnce) {
    Recorder r;
    r.exit({base, mfmsr, 0, 0, 0}, 10, 2);
    r.exit({base, mfmsr, 0, 0, 0}, 30, 2);
    r.exit({base + 4, mtmsr, 4, 0, 0}, 20, 31);
    r.now = 77;
    auto sums = r.table().fold(r.now);
    EXPECT_EQ(sums.count, 3U);
    EXPECT_EQ(sums.ticks, 60U);
    EXPECT_EQ(sums.max, 30U);
    EXPECT_EQ(sums.by_kind[2], 2U);
    EXPECT_EQ(sums.by_kind[31], 1U);
    EXPECT_EQ(r.table().site(0).newest, 77U);
    sums = r.table().fold(99);
    EXPECT_EQ(sums.count + sums.ticks + sums.by_kind[2], 0U);
    EXPECT_EQ(r.table().site(0).newest, 77U) << "no exit since";
}

TEST(SiteTable, SortsByAddress) {
    std::mt19937 random(1);
    for (const unsigned sites : {0U, 1U, 2U, 3U, 1000U, 4096U}) {
        Recorder r;
        while (r.table().used() < sites) {
            ++r.now;
            // Some EAs come twice, with another word: those by age.
            const uint32_t ea = base + 4 * static_cast<uint32_t>(random() % 3000);
            r.exit({ea, random() % 2 ? mfmsr : mtmsr, 0, 0, 0}, 1);
        }
        uint16_t order[SiteTable::max_sites];
        r.table().sort(order);
        std::vector<bool> seen(sites);
        for (unsigned i = 0; i < sites; ++i) {
            ASSERT_LT(order[i], sites);
            EXPECT_FALSE(seen[order[i]]);
            seen[order[i]] = true;
            if (i == 0) continue;
            const Site& a = r.table().site(order[i - 1]);
            const Site& b = r.table().site(order[i]);
            EXPECT_TRUE(a.ea < b.ea || (a.ea == b.ea && a.first < b.first));
        }
    }
}

TEST(SiteTable, ResetEmptiesAndBoundsTheCapacity) {
    Recorder r;
    for (const auto& [asked, given] : {std::pair{0U, 1U}, {5U, 5U}, {9999U, 4096U}}) {
        r.exit(base);
        r.table().reset(asked);
        EXPECT_EQ(r.table().capacity(), given);
        EXPECT_EQ(r.table().used(), 0U);
        EXPECT_EQ(r.table().known(base, mfmsr), nullptr);
        EXPECT_EQ(r.table().fold(0).count, 0U) << "what was not folded is gone too";
        for (unsigned i = 0; i < given + 3; ++i) r.exit(base + 4 * i);
        EXPECT_EQ(r.table().used(), given);
        EXPECT_EQ(r.table().lost().sites, 3U);
        r.table().reset(asked);
        EXPECT_EQ(r.table().lost().sites, 0U);
    }
}

}  // namespace
}  // namespace trapeze::dbt
