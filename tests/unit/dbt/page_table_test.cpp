// SPDX-License-Identifier: Apache-2.0
#include "dbt/page_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <set>

namespace trapeze::dbt {
namespace {

using std::uint32_t;
using std::uint64_t;

class PageTableTest : public testing::Test {
  protected:
    PageTableTest() : owned(std::make_unique<PageTable>()), pages(*owned) { pages.reset(); }

    const PageCount* find(uint32_t ea, unsigned cause, bool user) const {
        for (unsigned i = 0; i < pages.capacity(); ++i) {
            const PageCount& slot = pages.slot(i);
            if (slot.key == PageTable::key(ea, cause, user)) return &slot;
        }
        return nullptr;
    }
    uint64_t exits(uint32_t ea, unsigned cause, bool user) const {
        const PageCount* const slot = find(ea, cause, user);
        return slot == nullptr ? 0 : slot->exits();
    }
    // Page number n of those whose counts of `cause` share a set.
    static uint32_t sharing(unsigned n) { return n * PageTable::sets << 12U; }

    std::unique_ptr<PageTable> owned;
    PageTable& pages;
};

TEST_F(PageTableTest, KeepsPageCauseAndModeApart) {
    pages.charge(0xc0000ffc, 1, false);
    pages.charge(0xc0000000, 1, false);
    pages.charge(0xc0001000, 1, false);
    pages.charge(0xc0000000, 1, true);
    pages.charge(0xc0000000, 2, false);
    pages.charge(0xffffffff, 31, true);
    pages.charge(0, 0, false);
    EXPECT_EQ(pages.used(), 6U);
    EXPECT_EQ(exits(0xc0000000, 1, false), 2U);
    EXPECT_EQ(exits(0xc0001000, 1, false), 1U);
    EXPECT_EQ(exits(0xc0000000, 1, true), 1U);
    EXPECT_EQ(exits(0xc0000000, 2, false), 1U);
    const PageCount* const last = find(0xfffff000, 31, true);
    ASSERT_NE(last, nullptr);
    EXPECT_EQ(last->ea(), 0xfffff000U);
    EXPECT_EQ(last->cause(), 31U);
    EXPECT_TRUE(last->user());
    EXPECT_FALSE(find(0, 0, false)->user());
}

TEST_F(PageTableTest, CausesOfOnePageFallIntoDifferentSets) {
    // Else they would take turns in the first way, which alone the fast paths look at.
    std::set<unsigned> sets;
    for (unsigned cause = 0; cause < PageTable::causes; ++cause) {
        sets.insert(PageTable::set_of(cause, PageTable::key(0x10000000, cause, true)));
    }
    EXPECT_EQ(sets.size(), PageTable::causes);
}

TEST_F(PageTableTest, TheOneAskedForLastIsInTheFirstWay) {
    for (unsigned turn = 0; turn < 3; ++turn) {
        for (unsigned n = 0; n < PageTable::ways; ++n) {
            pages.charge(sharing(n), 0, false);
            EXPECT_EQ(pages.slot(0).ea(), sharing(n));
        }
    }
    for (unsigned n = 0; n < PageTable::ways; ++n) EXPECT_EQ(exits(sharing(n), 0, false), 3U);
    EXPECT_EQ(pages.used(), PageTable::ways);
    EXPECT_EQ(pages.evicted(), 0U);
}

TEST_F(PageTableTest, TheColdestOfASetMakesWay) {
    for (unsigned n = 0; n < PageTable::ways; ++n) {
        for (unsigned k = 0; k < 10 * (n + 1); ++k) pages.charge(sharing(n), 3, true);
        if (n == 1) pages.fold();
    }
    pages.charge(sharing(9), 3, true);
    EXPECT_EQ(exits(sharing(0), 3, true), 0U);
    EXPECT_EQ(pages.lost(3), 10U);
    // As many as share a set in 32 bits of addresses, less some.
    for (unsigned k = 0; k < 400; ++k) pages.charge(sharing(10 + k), 3, true);
    for (unsigned n = 1; n < PageTable::ways; ++n) {
        EXPECT_EQ(exits(sharing(n), 3, true), 10 * (n + 1)) << "a scan spares the hot ones";
    }
    EXPECT_EQ(pages.evicted(), 401U);
    EXPECT_EQ(pages.lost(3), 410U);
    EXPECT_EQ(pages.lost(2), 0U);
    EXPECT_EQ(pages.used(), PageTable::ways);
}

TEST_F(PageTableTest, EveryPageOfTheAddressSpace) {
    for (uint32_t page = 0; page < 1U << 20U; ++page) pages.charge(page << 12U, page % 18, false);
    EXPECT_EQ(pages.used(), pages.capacity());
    EXPECT_EQ(pages.evicted(), (1U << 20U) - pages.capacity());
    uint64_t lost = 0;
    for (unsigned cause = 0; cause < PageTable::causes; ++cause) lost += pages.lost(cause);
    EXPECT_EQ(lost, pages.evicted()) << "one exit each";
}

TEST_F(PageTableTest, CountsPast32Bits) {
    pages.charge(0x1000, 5, false);
    auto* const slot = const_cast<PageCount*>(find(0x1000, 5, false));
    for (unsigned turn = 0; turn < 4; ++turn) {
        slot->count = 0xfffffffe;
        pages.charge(0x1000, 5, false);
        pages.fold();
        EXPECT_EQ(slot->count, 0U);
    }
    EXPECT_EQ(slot->exits(), 4 * uint64_t{0xffffffff});
    // And when it makes way, with and without the mark that it has changed.
    for (unsigned n = 0; n < PageTable::ways; ++n) {
        pages.charge(0x1000 + sharing(n + 1), 5, false);
        auto* const other = const_cast<PageCount*>(find(0x1000 + sharing(n + 1), 5, false));
        other->total = uint64_t{1} << 40U;
    }
    EXPECT_EQ(pages.lost(5), 4 * uint64_t{0xffffffff});
}

TEST_F(PageTableTest, MarksWhatHasChanged) {
    pages.charge(0x1000, 1, false);
    pages.charge(0x2000, 1, false);
    EXPECT_TRUE(find(0x1000, 1, false)->changed()) << "not folded yet";
    pages.fold();
    EXPECT_TRUE(find(0x1000, 1, false)->changed());
    pages.clear_changed();
    EXPECT_FALSE(find(0x1000, 1, false)->changed());
    EXPECT_FALSE(find(0x2000, 1, false)->changed());
    pages.charge(0x2000, 1, false);
    pages.fold();
    EXPECT_FALSE(find(0x1000, 1, false)->changed());
    EXPECT_TRUE(find(0x2000, 1, false)->changed());
    EXPECT_EQ(exits(0x1000, 1, false), 1U) << "the mark is no part of the count";
    EXPECT_EQ(exits(0x2000, 1, false), 2U);
    pages.reset();
    EXPECT_EQ(pages.used(), 0U);
    EXPECT_EQ(find(0x1000, 1, false), nullptr);
}

class PageStreams : public PageTableTest, public testing::WithParamInterface<unsigned> {};

TEST_P(PageStreams, AgreeWithAMap) {
    std::mt19937 random(GetParam());
    const auto pick = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    // Some streams fit, in others the sets overflow.
    const uint32_t spread = 1 + GetParam() % 8;
    std::map<uint32_t, uint64_t> model;
    uint64_t total[PageTable::causes] = {};
    for (unsigned step = 0; step < 50'000; ++step) {
        const uint32_t ea = sharing(pick(spread)) + (pick(200) << 12U) + pick(4096);
        const unsigned cause = pick(18);
        const bool user = pick(2) != 0;
        pages.charge(ea, cause, user);
        ++model[PageTable::key(ea, cause, user)];
        ++total[cause];
        if (pick(500) == 0) pages.fold();
        if (pick(2000) == 0) {
            pages.fold();
            pages.clear_changed();
        }
    }
    uint64_t held[PageTable::causes] = {};
    unsigned used = 0;
    for (unsigned i = 0; i < pages.capacity(); ++i) {
        const PageCount& slot = pages.slot(i);
        if (slot.key == PageCount::nobody) continue;
        ++used;
        held[slot.cause()] += slot.exits();
        ASSERT_TRUE(model.count(slot.key)) << "no such page was charged, or it stands twice";
        if (pages.evicted() == 0) {
            EXPECT_EQ(slot.exits(), model[slot.key]);
        }
        EXPECT_LE(slot.exits(), model[slot.key]);
        model.erase(slot.key);
    }
    EXPECT_EQ(pages.used(), used);
    EXPECT_TRUE(pages.evicted() != 0 || model.empty());
    for (unsigned cause = 0; cause < PageTable::causes; ++cause) {
        EXPECT_EQ(held[cause] + pages.lost(cause), total[cause]) << cause;
    }
}

INSTANTIATE_TEST_SUITE_P(PageTable, PageStreams, testing::Range(0U, 16U));

}  // namespace
}  // namespace trapeze::dbt
