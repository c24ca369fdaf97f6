// SPDX-License-Identifier: Apache-2.0
// When a site is due: what the fast path (hv/exit/fast.inc) sees of it, and who is told.
#include <gtest/gtest.h>

#include <random>

#include "dbt/site_table.hpp"
#include "site_table_model.hpp"

namespace trapeze::dbt {
namespace {

using std::uint32_t;
using std::uint64_t;
using test::mfmsr;
using test::mtmsr;
using test::Recorder;

constexpr uint32_t base = 0xc0000000, same_bucket = 0x20000;

// Exits until one has asked enter() for a reason of its own: the site is due.
unsigned exits_until_asked(Recorder& r, uint32_t ea, unsigned most = 100) {
    const uint64_t before = r.entered;
    unsigned exits = 0;
    while (r.entered == before && exits < most) {
        r.exit(ea);
        ++exits;
    }
    return exits;
}

TEST(SiteDue, AskedAgainWhenItsLimitIsReached) {
    Recorder r;
    r.table().set_first_limit(3);
    Site& site = r.exit(base);
    EXPECT_EQ(r.entered, 1U);
    r.exit(base);
    EXPECT_FALSE(site.due());
    EXPECT_EQ(site.match, base);
    r.exit(base);
    EXPECT_EQ(site.match, Site::asks) << "the fast path finds nothing";
    EXPECT_TRUE(site.due());
    EXPECT_EQ(r.table().known(base, mfmsr), nullptr);
    EXPECT_EQ(r.entered, 1U);
    EXPECT_EQ(&r.exit(base), &site) << "the same one";
    EXPECT_EQ(r.entered, 2U);
    EXPECT_EQ(site.match, base) << "trusted again";
    EXPECT_EQ(site.count, 4U);
    EXPECT_TRUE(site.due()) << "until who is told arms it";
    for (unsigned i = 0; i < 1000; ++i) r.exit(base);
    EXPECT_EQ(r.entered, 2U) << "or forgets to";
}

TEST(SiteDue, ChargedPastItsLimitItStaysDueWhenItIsFolded) {
    Recorder r;
    r.table().set_first_limit(3);
    Site& site = r.exit(base);
    for (unsigned i = 0; i < 10; ++i) SiteTable::charge(site, 1);
    ASSERT_GT(site.count, site.limit);
    r.beat();
    EXPECT_EQ(site.count, 0U);
    EXPECT_TRUE(site.due());
    site.arm(2);
    EXPECT_FALSE(site.due());
}

TEST(SiteDue, NoLimitIsNeverDue) {
    Recorder r;
    for (unsigned i = 0; i < 10'000; ++i) r.exit(base);
    EXPECT_EQ(r.entered, 1U);
    Site& site = *r.find(base);
    EXPECT_EQ(site.limit, Site::never);
    EXPECT_FALSE(site.due());
    r.beat();
    EXPECT_EQ(site.limit, Site::never);
}

TEST(SiteDue, ALimitOfNothingIsDueAtOnce) {
    Recorder r;
    r.table().set_first_limit(0);
    Site& site = r.table().enter({base, mfmsr, 0, 0, 0}, 0, 0, false);
    EXPECT_TRUE(site.due());
}

TEST(SiteDue, ArmingCountsFromNow) {
    Recorder r;
    Site& site = r.exit(base);
    for (const uint32_t exits : {1U, 2U, 7U, 64U}) {
        site.arm(exits);
        EXPECT_FALSE(site.due());
        EXPECT_EQ(exits_until_asked(r, base), exits + 1) << "the one behind it asks";
        EXPECT_TRUE(site.due());
    }
    site.arm(Site::never);
    EXPECT_EQ(site.limit, Site::never);
    site.arm(Site::never - site.count);
    EXPECT_EQ(site.limit, Site::never) << "never wraps";
    site.arm(Site::never - site.count - 1);
    EXPECT_EQ(site.limit, Site::never - 1);
}

TEST(SiteDue, FoldsDoNotPutItOff) {
    for (unsigned fold_every = 1; fold_every < 9; ++fold_every) {
        Recorder r;
        Site& site = r.exit(base);
        site.arm(20);
        unsigned exits = 0;
        while (r.entered == 1 && exits < 100) {
            r.exit(base);
            if (++exits % fold_every == 0) r.fold();
        }
        EXPECT_EQ(exits, 21U) << "a fold every " << fold_every;
        EXPECT_EQ(site.exits(), 22U);
    }
}

TEST(SiteDue, ADueSiteStaysDueOverAFold) {
    Recorder r;
    Site& site = r.exit(base);
    site.arm(2);
    r.exit(base);
    r.exit(base);
    ASSERT_EQ(site.match, Site::asks);
    r.fold();
    r.beat();
    EXPECT_TRUE(site.due());
    EXPECT_EQ(site.match, Site::asks);
    r.exit(base);
    EXPECT_EQ(r.entered, 2U);
    EXPECT_TRUE(site.due());
}

TEST(SiteDue, ADistrustedSiteIsFoundDueWhenItIsEntered) {
    Recorder r;
    Site& site = r.exit(base);
    site.arm(3);
    r.table().distrust(base, 4);
    EXPECT_EQ(site.match, Site::nothing);
    // The fast path charges what it has found alone, others may charge on.
    for (unsigned i = 0; i < 4; ++i) SiteTable::charge(site, 1);
    EXPECT_EQ(site.match, Site::nothing) << "not `asks`: it is not trusted";
    EXPECT_TRUE(site.due());
    r.table().enter(site.key(), 1, 0, false);
    EXPECT_EQ(site.match, base);
}

// distrust_small() and distrust_local() go over the table only if there is what they look for.
TEST(SiteDue, CountersOfTrustedSitesStayRight) {
    Recorder r;
    const SiteKey small{base, mfmsr, 0, 0, 0}, local{base + 4, mfmsr, 0, 7, 0};
    for (unsigned turn = 0; turn < 5; ++turn) {
        Site& one = r.exit(small, 1, 0, true);
        Site& two = r.exit(local, 1, 0, false);
        for (Site* const site : {&one, &two}) {
            site->arm(1);
            SiteTable::charge(*site, 1);
            ASSERT_EQ(site->match, Site::asks);
            if (turn % 2 == 0) {
                r.table().enter(site->key(), 1, 0, site == &one);
                ASSERT_EQ(site->match, site->ea);
            }
        }
        r.table().distrust_small();
        EXPECT_EQ(one.match, Site::nothing);
        EXPECT_NE(two.match, Site::nothing);
        r.table().distrust_local();
        EXPECT_EQ(two.match, Site::nothing);
        // Nothing left: nothing is gone over, and nothing wraps.
        r.table().distrust_small();
        r.table().distrust_local();
        r.table().distrust_all();
    }
}

TEST(SiteDue, ADueSiteMakesWayForAnotherWordAtItsAddress) {
    Recorder r;
    Site& old = r.exit({base, mfmsr, 0, 0, 0}, 1, 0, true);
    old.arm(1);
    r.exit({base, mfmsr, 0, 0, 0}, 1, 0, true);
    ASSERT_EQ(old.match, Site::asks);
    Site& other = r.exit({base, mtmsr, 0, 0, 0}, 1, 0, true);
    EXPECT_NE(&other, &old);
    EXPECT_EQ(old.match, Site::nothing) << "one is trusted at an address";
    EXPECT_EQ(r.table().known(base, mtmsr), &other);
    r.table().distrust_small();
    EXPECT_EQ(other.match, Site::nothing);
}

TEST(SiteDue, SitesAreFoundByAddressAndWordInKernelModeAlone) {
    Recorder r;
    Site& kernel = r.exit({base, mfmsr, 0x5000, 0, 0}, 1);
    r.exit({base, mfmsr, 0x5000, 0, SiteKey::user}, 1);
    Site& word = r.exit({base, mtmsr, 0x5000, 0, 0}, 1);
    r.exit({base + same_bucket, mfmsr, 0, 0, 0}, 1);
    EXPECT_EQ(r.table().find(base, mfmsr), &kernel);
    EXPECT_EQ(r.table().find(base, mtmsr), &word);
    EXPECT_EQ(r.table().find(base + 4, mfmsr), nullptr);
    EXPECT_EQ(r.table().find(base + same_bucket, mtmsr), nullptr);
    r.table().distrust_all();
    EXPECT_EQ(r.table().find(base, mfmsr), &kernel) << "trusted or not";
}

TEST(SiteDue, WhatIsPatchedDoesNotMakeWay) {
    Recorder r(64);
    for (unsigned i = 0; i < 20; ++i) r.exit(base + 4 * i).state = SiteTable::stays;
    // The others are far hotter, and there are ever more of them.
    for (unsigned i = 20; i < 5000; ++i) {
        for (unsigned n = 0; n < 3; ++n) r.exit(base + 4 * i);
        if (i % 100 == 0) r.beat();
    }
    for (unsigned i = 0; i < 20; ++i) EXPECT_NE(r.find(base + 4 * i), nullptr) << i;
    EXPECT_EQ(r.table().lost().sites, 5000U - 64);
}

TEST(SiteDue, RandomStreamsAskExactlyWhenTheyShould) {
    std::mt19937 random(9);
    const auto pick = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
    Recorder r;
    r.table().set_first_limit(5);
    struct Model {
        unsigned left = 5;  // exits until it asks; 0: it asks at the next one
        bool known = false, asks = false;
    } model[16];
    for (unsigned step = 0; step < 100'000; ++step) {
        const uint32_t i = pick(16), ea = base + same_bucket * (i % 4) + 4 * (i / 4);
        Model& m = model[i];
        const uint64_t before = r.entered;
        Site& site = r.exit(ea);
        ASSERT_EQ(r.entered - before, !m.known || m.asks ? 1U : 0U) << "step " << step;
        if (m.asks) {
            m.asks = false;
            m.left = pick(9);
            site.arm(m.left);
            if (m.left == 0) m.left = ~0U;  // reached already: it does not ask by itself
        } else if (m.left != ~0U && --m.left == 0) {
            m.asks = true;
        }
        m.known = true;
        if (pick(50) == 0) r.fold();
        if (pick(300) == 0) r.beat();
    }
}

}  // namespace
}  // namespace trapeze::dbt
