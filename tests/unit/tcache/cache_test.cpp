// SPDX-License-Identifier: Apache-2.0
#include "tcache/cache.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace trapeze::tcache {
namespace {

using std::uint32_t;

constexpr uint32_t site = 0xc0100000, page = 0xc1000000;

class CacheTest : public ::testing::Test {
  protected:
    void SetUp() override { cache.reset(); }
    // Too large for a stack.
    static Cache cache;
};
Cache CacheTest::cache;

TEST_F(CacheTest, HasNoRoomWithoutAPage) {
    EXPECT_EQ(cache.allocate(site, 6), nullptr);
    EXPECT_EQ(cache.victim(site), nullptr);
    EXPECT_EQ(cache.find(page), nullptr);
}

TEST_F(CacheTest, StubsLieWithinThePageAndApart) {
    ASSERT_TRUE(cache.add_page(page));
    std::set<uint32_t> taken;
    for (unsigned n = 0; Entry* const entry = cache.allocate(site + 4 * n, 6 + n % 9); ++n) {
        EXPECT_GE(entry->ea, page);
        EXPECT_LE(entry->ea + 4 * entry->words, page + 4096);
        EXPECT_EQ(entry->ea % Cache::unit, 0U);
        for (uint32_t ea = entry->ea; ea < entry->ea + 4U * entry->words; ea += 4) {
            EXPECT_TRUE(taken.insert(ea).second);
            EXPECT_EQ(cache.find(ea), entry);
        }
    }
    EXPECT_GT(taken.size() * 4, 4096U * 7 / 10) << "the page was filled";
}

TEST_F(CacheTest, FindsNothingBehindAStub) {
    ASSERT_TRUE(cache.add_page(page));
    Entry* const entry = cache.allocate(site, 6);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(cache.find(entry->ea + 20), entry);
    EXPECT_EQ(cache.find(entry->ea + 24), nullptr) << "in its last unit, but not of the stub";
    EXPECT_EQ(cache.find(entry->ea + 32), nullptr);
}

TEST_F(CacheTest, TakesPagesThatABranchReachesOnly) {
    ASSERT_TRUE(cache.add_page(page));
    EXPECT_EQ(cache.allocate(page + 0x02000000, 6), nullptr);
    EXPECT_EQ(cache.allocate(page - 0x02000000, 6), nullptr);
    EXPECT_NE(cache.allocate(page + 0x01ff0000, 6), nullptr);
    EXPECT_NE(cache.allocate(page - 0x01ff0000, 6), nullptr);
    ASSERT_TRUE(cache.add_page(0x10000000));
    Entry* const far = cache.allocate(0x10800000, 6);
    ASSERT_NE(far, nullptr);
    EXPECT_EQ(far->ea & ~0xfffU, 0x10000000U);
}

TEST_F(CacheTest, EveryStubItGivesIsReached) {
    std::mt19937 random(3);
    for (unsigned i = 0; i < 12; ++i) {
        cache.add_page(static_cast<uint32_t>(random()) & ~0xfffU);
    }
    unsigned given = 0;
    for (unsigned i = 0; i < 20000; ++i) {
        const uint32_t from = static_cast<uint32_t>(random()) & ~3U;
        Entry* const entry = cache.allocate(from, 14);
        if (entry == nullptr) {
            continue;
        }
        ++given;
        for (const uint32_t distance : {entry->ea - from, entry->ea + 4 * 13U - (from + 4)}) {
            EXPECT_LT(distance + 0x02000000U, 0x04000000U);
        }
        cache.release(*entry);
    }
    EXPECT_GT(given, 100U);
}

TEST_F(CacheTest, PagesAreGivenBackWhenEmpty) {
    ASSERT_TRUE(cache.add_page(page));
    EXPECT_FALSE(cache.add_page(page)) << "twice";
    Entry* const entry = cache.allocate(site, 8);
    ASSERT_NE(entry, nullptr);
    EXPECT_FALSE(cache.remove_page(page));
    cache.release(*entry);
    EXPECT_FALSE(cache.remove_page(page + 0x1000));
    EXPECT_TRUE(cache.remove_page(page));
    EXPECT_EQ(cache.pages(), 0U);
    EXPECT_EQ(cache.allocate(site, 8), nullptr);
}

TEST_F(CacheTest, HoldsSoManyPages) {
    for (unsigned i = 0; i < Cache::max_pages; ++i) {
        EXPECT_TRUE(cache.add_page(page + i * 0x1000));
    }
    EXPECT_FALSE(cache.add_page(page + Cache::max_pages * 0x1000));
}

TEST_F(CacheTest, VictimsMakeRoomForAnyStubAndComeRoundInTurn) {
    ASSERT_TRUE(cache.add_page(page));
    ASSERT_TRUE(cache.add_page(page + 0x1000));
    unsigned n = 0;
    while (cache.allocate(site + 4 * n, 4 + n % 11) != nullptr) {
        ++n;
    }
    std::set<uint32_t> first;
    for (unsigned i = 0; i < n; ++i) {
        Entry* const entry = cache.victim(site);
        ASSERT_NE(entry, nullptr);
        first.insert(entry->site);
    }
    EXPECT_GT(first.size(), n * 9 / 10) << "each is asked before one is asked again";
    unsigned released = 0;
    Entry* made = nullptr;
    while ((made = cache.allocate(site, 14)) == nullptr) {
        Entry* const entry = cache.victim(site);
        ASSERT_NE(entry, nullptr);
        cache.release(*entry);
        ASSERT_LE(++released, 5U) << "neighbours go one after the other";
    }
}

TEST_F(CacheTest, ASlotIsAPagesForAsLongAsItIsTheCaches) {
    EXPECT_EQ(cache.slot(page), Cache::max_pages) << "no page yet";
    EXPECT_EQ(cache.slot(Cache::no_page), Cache::max_pages);
    for (unsigned i = 0; i < 5; ++i) ASSERT_TRUE(cache.add_page(page + i * 0x1000));
    for (unsigned i = 0; i < 5; ++i) {
        EXPECT_EQ(cache.slot(page + i * 0x1000), i);
        EXPECT_EQ(cache.page(i), page + i * 0x1000);
    }
    EXPECT_EQ(cache.slot(page + 0x5000), Cache::max_pages);
    ASSERT_TRUE(cache.remove_page(page + 0x2000));
    EXPECT_EQ(cache.slot(page + 0x2000), Cache::max_pages);
    EXPECT_EQ(cache.page(2), Cache::no_page);
    EXPECT_EQ(cache.slot(page + 0x4000), 4U) << "the others keep theirs";
    ASSERT_TRUE(cache.add_page(0x10000000));
    EXPECT_EQ(cache.slot(0x10000000), 2U);
    ASSERT_TRUE(cache.add_page(0)) << "an address as any other";
    EXPECT_EQ(cache.slot(0), 5U);
}

TEST_F(CacheTest, NobodyRunsIntoAStubFromThePageBefore) {
    ASSERT_TRUE(cache.add_page(page));
    unsigned stubs = 0;
    while (const Entry* const entry = cache.allocate(site + 4 * stubs, 1)) {
        EXPECT_GE(entry->ea, page + Cache::unit);
        ++stubs;
    }
    EXPECT_EQ(stubs, Cache::units - Cache::reserved);
    EXPECT_EQ(cache.find(page), nullptr);
    EXPECT_EQ(cache.find(page + 0x1000), nullptr) << "full up to its end";
}

TEST_F(CacheTest, FreeBytesAreWhatNoStubHas) {
    constexpr unsigned room = 4096 - Cache::unit * Cache::reserved;
    ASSERT_TRUE(cache.add_page(page));
    ASSERT_TRUE(cache.add_page(page + 0x1000));
    EXPECT_EQ(cache.free_bytes(0), room);
    Entry* const six = cache.allocate(site, 6);
    Entry* const four = cache.allocate(site + 4, 4);
    ASSERT_NE(six, nullptr);
    ASSERT_NE(four, nullptr);
    EXPECT_EQ(cache.free_bytes(0), room - 32 - 16) << "in units";
    EXPECT_EQ(cache.live(0), 2U);
    EXPECT_EQ(cache.free_bytes(1), room);
    cache.release(*six);
    EXPECT_EQ(cache.free_bytes(0), room - 16);
    cache.release(*four);
    EXPECT_EQ(cache.free_bytes(0), room);
}

TEST_F(CacheTest, WhatIsGivenBackIsThereAgain) {
    ASSERT_TRUE(cache.add_page(page));
    for (unsigned i = 0; i < 3 * Cache::max_entries; ++i) {
        Entry* const entry = cache.allocate(site, 6 + i % 9);
        ASSERT_NE(entry, nullptr) << i;
        cache.release(*entry);
    }
}

TEST_F(CacheTest, AgreesWithAModel) {
    std::mt19937 random(7);
    std::map<uint32_t, uint32_t> stubs;  // site to EA
    for (unsigned i = 0; i < 4; ++i) {
        cache.add_page(page + i * 0x1000);
    }
    uint32_t next = site;
    for (unsigned turn = 0; turn < 50000; ++turn) {
        if (random() % 2 == 0) {
            if (Entry* const entry = cache.allocate(next, 6 + random() % 9)) {
                stubs[next] = entry->ea;
                next += 4;
            }
        } else if (!stubs.empty()) {
            auto at = stubs.lower_bound(site + 4 * (random() % ((next - site) / 4 + 1)));
            if (at == stubs.end()) {
                at = stubs.begin();
            }
            Entry* const entry = cache.find(at->second);
            ASSERT_NE(entry, nullptr);
            EXPECT_EQ(entry->site, at->first);
            cache.release(*entry);
            stubs.erase(at);
        }
        ASSERT_EQ(cache.used(), stubs.size());
    }
    unsigned live = 0;
    for (unsigned i = 0; i < Cache::max_pages; ++i) {
        live += cache.live(i);
    }
    EXPECT_EQ(live, stubs.size());
}

}  // namespace
}  // namespace trapeze::tcache
