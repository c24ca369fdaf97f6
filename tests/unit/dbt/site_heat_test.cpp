// SPDX-License-Identifier: Apache-2.0
// Which sites of the table stay, which come first, and which can be known without asking.
#include <gtest/gtest.h>

#include <algorithm>

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

TEST(SiteHeat, TheHotOneSurvivesAScanOfColdOnes) {
    for (const bool beats : {false, true}) {
        Recorder r(16);
        for (unsigned i = 0; i < 50; ++i) r.exit(base);
        for (unsigned i = 1; i <= 100'000; ++i) {
            r.exit(base + 4 * i);
            if (i % 100 == 0) r.exit(base);
            if (beats && i % 1000 == 0) r.beat();
        }
        r.fold();
        Site* const hot = r.find(base);
        ASSERT_NE(hot, nullptr);
        EXPECT_EQ(hot->total_count, 1050U);
        EXPECT_EQ(r.table().lost().count, 100'000U - 15U);
    }
}

TEST(SiteHeat, AScanThroughTheLastSlotSparesAllHotOnes) {
    for (const unsigned capacity : {2U, 16U, 64U, 65U, 4096U}) {
        Recorder r(capacity);
        for (unsigned i = 0; i < capacity - 1; ++i) {
            for (unsigned k = 0; k < 3; ++k) r.exit(base + 4 * i);
        }
        for (unsigned i = 0; i < 10'000; ++i) r.exit(base + 0x10000 + 4 * i);
        r.fold();
        EXPECT_EQ(r.table().lost().sites, 9'999U);
        EXPECT_EQ(r.table().lost().count, 9'999U);
        for (unsigned i = 0; i < capacity - 1; ++i) {
            ASSERT_NE(r.find(base + 4 * i), nullptr) << capacity << " " << i;
        }
    }
}

TEST(SiteHeat, AmongEquallyColdOnesTheOldestMakesWay) {
    Recorder r(8);
    for (unsigned i = 0; i < 8; ++i) {
        r.now = 10 + (i * 5) % 8;  // entered in another order than their ages say
        r.exit(base + 4 * i);
    }
    std::vector<uint64_t> ages;
    for (unsigned i = 0; i < 8; ++i) ages.push_back(r.table().site(i).first);
    std::sort(ages.begin(), ages.end());
    r.now = 100;
    for (unsigned i = 0; i < 8; ++i) {
        r.exit(base + 0x1000 + 4 * i);
        r.exit(base + 0x1000 + 4 * i);
        for (unsigned k = 0; k < 8; ++k) {
            const bool there = std::any_of(&r.table().site(0), &r.table().site(0) + 8,
                                           [&](const Site& site) { return site.first == ages[k]; });
            EXPECT_EQ(there, k > i) << "after " << i << ", age " << k;
        }
    }
}

TEST(SiteHeat, TheColdestMakesWayFirst) {
    Recorder r(200);  // more than one batch
    for (unsigned i = 0; i < 200; ++i) {
        const unsigned exits = (i * 77) % 200 + 1;  // a permutation
        for (unsigned k = 0; k < exits; ++k) r.exit(base + 4 * i);
    }
    r.fold();
    for (unsigned gone = 1; gone <= 150; ++gone) {
        Site& fresh = r.exit(base + 0x10000 + 4 * gone);
        for (unsigned k = 0; k < 300; ++k) SiteTable::charge(fresh, 1);
        uint64_t coldest = ~uint64_t{0};
        for (unsigned i = 0; i < 200; ++i) {
            const Site& site = r.table().site(i);
            coldest = std::min(coldest, site.total_count + site.count);
        }
        EXPECT_EQ(coldest, gone + 1) << "the one with " << gone << " exits was due";
    }
}

TEST(SiteHeat, OneThatWarmsUpWhileItWaitsToMakeWayStays) {
    Recorder r(8);
    for (unsigned i = 0; i < 8; ++i) {
        r.now = i;
        r.exit(base + 4 * i);
    }
    r.exit(base + 0x100);  // finds the coldest; the first one goes
    EXPECT_EQ(r.find(base), nullptr);
    for (unsigned k = 0; k < 9; ++k) r.exit(base + 4);  // would be the next
    r.exit(base + 0x104);
    EXPECT_NE(r.find(base + 4), nullptr);
    EXPECT_EQ(r.find(base + 8), nullptr);
}

TEST(SiteHeat, HotNowStaysRatherThanHotEver) {
    Recorder r(2);
    for (unsigned k = 0; k < 1'000'000; ++k) r.exit(base);
    r.beat();
    for (unsigned beat = 0; beat < 200; ++beat) {
        for (unsigned k = 0; k < 10; ++k) r.exit(base + 4);
        r.beat();
    }
    const Site *ever = r.find(base), *now = r.find(base + 4);
    EXPECT_GT(ever->total_count, now->total_count);
    EXPECT_LT(ever->recent, now->recent);
    r.exit(base + 8);
    EXPECT_EQ(r.find(base), nullptr);
    EXPECT_NE(r.find(base + 4), nullptr);
    r.fold();
    EXPECT_EQ(r.table().lost().count, 1'000'000U);
}

TEST(SiteHeat, TheRateSettlesAndDecaysToNothing) {
    for (const uint32_t exits : {1U, 7U, 1000U, 100'000U}) {
        Recorder r;
        Site& site = r.exit(base, 0);
        site.count = 0;
        uint32_t before = 0;
        for (unsigned beat = 0; beat < 300; ++beat) {
            site.count += exits;
            r.beat();
            EXPECT_GE(site.recent, before) << "climbs";
            before = site.recent;
        }
        const uint32_t settled = SiteTable::recent_scale * exits;
        EXPECT_LE(site.recent, settled);
        EXPECT_GT(site.recent, settled - 8) << "but for rounding";
        unsigned beats = 0;
        for (; site.recent != 0 && beats < 1000; ++beats) {
            before = site.recent;
            r.beat();
            EXPECT_LT(site.recent, before);
        }
        EXPECT_EQ(site.recent, 0U);
        EXPECT_LT(beats, 160U);
        EXPECT_EQ(site.total_count, 300 * uint64_t{exits}) << "the total does not decay";
    }
}

TEST(SiteHeat, AHalfLifeIsFiveToSixBeats) {
    Recorder r;
    Site& site = r.exit(base);
    site.count = 1'000'000;
    r.beat();
    const uint32_t start = site.recent;
    EXPECT_EQ(start, 16'000'000U);
    for (unsigned beat = 0; beat < 5; ++beat) r.beat();
    EXPECT_GT(site.recent, start / 2);
    r.beat();
    EXPECT_LT(site.recent, start / 2);
}

TEST(SiteHeat, AfterABeatTheHottestOfABucketComesFirst) {
    Recorder r;
    constexpr unsigned sites = 7;
    for (unsigned i = 0; i < sites; ++i) r.exit(base + same_bucket * i);
    unsigned hottest = 0;
    for (unsigned beat = 0; beat < 400; ++beat) {
        // One fades while another, entered before or after it, is a little hotter.
        hottest = beat / 20 % sites;
        for (unsigned i = 0; i < sites; ++i) r.find(base + same_bucket * i)->count += 100 + i;
        r.find(base + same_bucket * hottest)->count += 50;
        r.beat();
        const Site* const first = r.table().bucket_array()[(base & SiteTable::bucket_mask) / 4];
        for (unsigned i = 0; i < sites; ++i) {
            EXPECT_GE(first->recent, r.find(base + same_bucket * i)->recent) << "beat " << beat;
        }
    }
    // All of them still are in the chain.
    for (unsigned i = 0; i < sites; ++i) {
        EXPECT_NE(r.table().known(base + same_bucket * i, mfmsr), nullptr);
    }
}

TEST(SiteTrust, EveryPartOfTheKeyMakesAnotherSite) {
    Recorder r;
    const SiteKey keys[] = {{base, mfmsr, 0, 0, 0},
                            {base, mtmsr, 0, 0, 0},
                            {base, mfmsr, 0x1000, 0, 0},
                            {base, mfmsr, 0x1'0000'0000, 0, 0},
                            {base, mfmsr, 0, 1, 0},
                            {base, mfmsr, 0, 2, 0},
                            {base, mfmsr, 0, 0, SiteKey::space1}};
    for (const auto& key : keys) {
        r.table().distrust_all();
        r.exit(key, 1);
    }
    EXPECT_EQ(r.table().used(), std::size(keys));
    // Only the one that was asked for last.
    EXPECT_EQ(r.table().known(base, mfmsr), r.find(keys[6]));
    EXPECT_EQ(r.table().known(base, mtmsr), nullptr);
    for (const auto& key : keys) {
        Site& site = r.table().enter(key, 5, 0, false);
        EXPECT_EQ(&site, r.find(key)) << "found, not made again";
        EXPECT_EQ(r.table().known(base, key.word), &site);
        EXPECT_EQ(r.table().known(base, key.word ^ (mfmsr ^ mtmsr)), nullptr);
        unsigned trusted = 0;
        for (unsigned i = 0; i < r.table().used(); ++i) {
            trusted += r.table().site(i).match == base ? 1U : 0U;
        }
        EXPECT_EQ(trusted, 1U);
    }
    EXPECT_EQ(r.table().used(), std::size(keys));
}

TEST(SiteTrust, UserModeIsNeverKnown) {
    Recorder r;
    for (const uint8_t mode : {uint8_t{1}, uint8_t{3}}) {
        const SiteKey key{base, mfmsr, 0, 7, mode};
        r.exit(key, 1);
        r.exit(key, 1);
        EXPECT_EQ(r.table().known(base, mfmsr), nullptr);
        r.fold();
        EXPECT_EQ(r.find(key)->total_count, 2U);
    }
    // A kernel site at the same EA is known, also after the user's was entered.
    const SiteKey kernel{base, mfmsr, 0, 0, 0};
    r.exit(kernel, 1);
    r.exit({base, mfmsr, 0, 7, 1}, 1);
    EXPECT_EQ(r.table().known(base, mfmsr), r.find(kernel));
}

TEST(SiteTrust, DistrustOfARangeIsExact) {
    Recorder r;
    const auto known = [&](uint32_t ea) { return r.table().known(ea, mfmsr) != nullptr; };
    const uint32_t edges[] = {0, 0x0ffc, 0x1000, 0x1ffc, 0x2000, 0xfffff000, 0xfffffffc};
    const auto enter_all = [&] {
        for (const uint32_t ea : edges) r.table().enter({ea, mfmsr, ea, 0, 0}, 0, 0, false);
        for (const uint32_t ea : edges) ASSERT_TRUE(known(ea));
    };
    enter_all();
    r.table().distrust(0x1000, 0x1000);
    for (const uint32_t ea : edges) EXPECT_EQ(known(ea), ea != 0x1000 && ea != 0x1ffc) << ea;
    enter_all();
    r.table().distrust(0xfffff000, 0x1000);
    for (const uint32_t ea : edges) EXPECT_EQ(known(ea), ea < 0xfffff000) << ea;
    enter_all();
    r.table().distrust(0, uint64_t{1} << 32U);
    for (const uint32_t ea : edges) EXPECT_FALSE(known(ea)) << ea;
    enter_all();
    r.table().distrust(0x3000, 0x1000);
    for (const uint32_t ea : edges) EXPECT_TRUE(known(ea)) << ea;
    r.table().distrust_all();
    for (const uint32_t ea : edges) EXPECT_FALSE(known(ea)) << ea;
    // All this was about trust alone.
    EXPECT_EQ(r.table().used(), std::size(edges));
    EXPECT_EQ(r.table().lost().sites, 0U);
}

TEST(SiteTrust, OfSmallPagesAndOfOneProcess) {
    Recorder r;
    const SiteKey keys[] = {{base, mfmsr, 0, 0, 0},
                            {base + 4, mfmsr, 4, 0, 0},
                            {base + 8, mfmsr, 8, 3, 0},
                            {base + 12, mfmsr, 12, 3, 0}};
    const auto enter_all = [&] {
        for (const auto& key : keys) r.table().enter(key, 0, 0, (key.ea & 4) != 0);
    };
    const auto expect_known = [&](bool a, bool b, bool c, bool d) {
        const bool want[] = {a, b, c, d};
        for (unsigned i = 0; i < 4; ++i) {
            EXPECT_EQ(r.table().known(keys[i].ea, mfmsr) != nullptr, want[i]) << i;
        }
    };
    for (unsigned round = 0; round < 3; ++round) {
        enter_all();
        expect_known(true, true, true, true);
        r.table().distrust_small();
        expect_known(true, false, true, false);
        r.table().distrust_small();
        enter_all();
        r.table().distrust_local();
        expect_known(true, true, false, false);
        r.table().distrust_small();
        expect_known(true, false, false, false);
        r.table().distrust_local();
        r.table().distrust_all();
    }
    // A page that the guest joins into a large one, and splits again.
    enter_all();
    r.table().enter(keys[1], 0, 0, false);
    r.table().enter(keys[3], 0, 0, false);
    r.table().distrust_small();
    expect_known(true, true, true, true);
    r.table().enter(keys[0], 0, 0, true);
    r.table().distrust_small();
    expect_known(false, true, true, true);
}

TEST(SiteTrust, OneThatMadeWayIsNotKnown) {
    Recorder r(1);
    r.table().enter({base, mfmsr, 0, 5, 0}, 0, 0, true);
    r.table().enter({base + 4, mfmsr, 4, 0, 0}, 0, 0, false);
    EXPECT_EQ(r.table().known(base, mfmsr), nullptr);
    EXPECT_NE(r.table().known(base + 4, mfmsr), nullptr);
    r.table().distrust_small();
    r.table().distrust_local();
    EXPECT_NE(r.table().known(base + 4, mfmsr), nullptr) << "what the slot held before is over";
    r.table().enter({base, mfmsr, 0, 5, 0}, 0, 0, true);
    r.table().distrust_small();
    EXPECT_EQ(r.table().known(base, mfmsr), nullptr);
}

}  // namespace
}  // namespace trapeze::dbt
