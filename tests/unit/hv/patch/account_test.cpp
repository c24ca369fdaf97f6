// SPDX-License-Identifier: Apache-2.0
// What patches save and what they cost, by site and by page.
#include "accounted_guest.hpp"

namespace trapeze::test {
namespace {

using mmu::Access;
using mmu::Fill;

TEST_F(AccountTest, WhatIsSavedIsWhatWindowsSaw) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    EXPECT_EQ(saved(site), 0U) << "nobody knows yet";
    window(site, 1000, 50);
    EXPECT_EQ(saved(site), 0U) << "no time but the window's";
    pass(100'000);
    EXPECT_EQ(saved(site), 5000U) << "one in 20 ticks";
    window(site, 3000, 0);
    EXPECT_EQ(saved(site), 50U * 100'000 / 4000) << "all windows count";
    pass(20'000);
    EXPECT_EQ(saved(site), 50U * 120'000 / 4000);
    settle();
    EXPECT_EQ(patch::saved(v, now()), saved(site));
}

TEST_F(AccountTest, WhatTheGuestDoesIsTheBetterClock) {
    // System calls, say: no patch saves them.
    auto& calls = v.exits[static_cast<unsigned>(vcpu::Cause::syscall)];
    const auto some = [&](unsigned n) {
        for (unsigned i = 0; i < n; ++i) calls.add(0);
    };
    dbt::Site& site = heat(site_ea, mfmsr(3));
    some(31);
    window(site, 1000, 50);
    some(100);
    pass(100'000);
    EXPECT_EQ(saved(site), 5000U) << "none in windows: by time";
    begin_measuring();
    pass(1000);
    some(50);
    begin_or_end_window();
    some(400 - 50 - 31 - 100);
    // 400 of them since it was patched, 50 in windows, in which the site had 50 exits.
    EXPECT_EQ(saved(site), 350U);
    pass(1'000'000);
    EXPECT_EQ(saved(site), 350U) << "however long it takes";
}

TEST_F(AccountTest, PatchesAreWorthTheirWorkFromSomeExitsOn) {
    patch::Costs costs{34'000, 400, 5'000, 600'000, 1'200'000};
    EXPECT_EQ(patch::threshold_for(costs), 1'200'000U / 29'000U);
    costs.patch = 12'000;
    EXPECT_EQ(patch::threshold_for(costs), 16U) << "not a handful";
    costs.patch = 4'000'000'000U;
    EXPECT_EQ(patch::threshold_for(costs), 1000U);
    costs.stub = 40'000;
    costs.patch = 17;
    EXPECT_EQ(patch::threshold_for(costs), 17U) << "even if a stub took longer than an exit";
    patch::Config config{};
    config.mode = patch::Mode::hot;
    config.frames = 1;
    config.costs = {34'000, 400, 5'000, 600'000, 1'200'000};
    patch::start(v, patcher, config);
    EXPECT_EQ(patcher->threshold, 41U) << "if the user leaves it open";
}

TEST_F(AccountTest, TimeOfTheVmmIsNoTimeOfTheGuests) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    window(site, 1000, 50);
    pass(100'000);
    v.idle_ticks += 60'000;
    dbt::SiteTable::charge(*profile->sites.find(site_ea, mfmsr(3)), 20'000);
    v.exits[static_cast<unsigned>(vcpu::Cause::tracing)].add(10'000);
    EXPECT_EQ(saved(site), 50U * 10'000 / 1000);
}

TEST_F(AccountTest, WhatWasSavedIsKeptWhenThePatchIsGone) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    window(site, 1000, 50);
    pass(100'000);
    settle();
    access(stw, site_ea, 0x3860'0000);
    EXPECT_EQ(saved(site), 5000U);
    pass(1'000'000);
    EXPECT_EQ(saved(site), 5000U);
    for (unsigned i = 0; i <= threshold; ++i) {
        write(site_ea, mfmsr(3));
        exit(site_ea, mfmsr(3));
    }
    ASSERT_EQ(site.state, static_cast<e500::u8>(State::patched));
    window(site, 1000, 10);
    pass(10'000);
    EXPECT_EQ(saved(site), 5000U + 100U) << "of its second life";
}

TEST_F(AccountTest, APageThatLosesIsGivenBackForATimeThatDoubles) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    u32 wait = 1;
    for (unsigned round = 0; round < 5; ++round) {
        const unsigned faults = faults_until_back(site_ea, 100);
        EXPECT_GE(faults, 16U) << "a correction is no reason";
        EXPECT_LE(faults, 32U);
        expect(site, State::back, Reason::faults);
        EXPECT_EQ(fill(site_ea, Access::load), Fill::done);
        // Beats do not shorten it.
        pass(u64{wait - 1} << 20);
        patch::beat(v);
        expect(again(site_ea, mfmsr(3)), State::back, Reason::waiting);
        pass(u64{2} << 20);
        expect(again(site_ea, mfmsr(3)), State::patched, Reason::pays);
        wait *= 2;
    }
    EXPECT_EQ(patcher->back, 5U);
}

TEST_F(AccountTest, APageThatPaysStays) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    window(site, 1'000'000, 1000);
    EXPECT_EQ(faults_until_back(site_ea, 400), 400U);
    expect(site, State::patched, Reason::pays);
    // If it goes on without end, not even that pays.
    EXPECT_LT(faults_until_back(site_ea, 2000), 2000U);
}

TEST_F(AccountTest, FaultsOfLongAgoDoNotCount) {
    heat(site_ea, mfmsr(3));
    for (unsigned turn = 0; turn < 40; ++turn) {
        EXPECT_EQ(faults_until_back(site_ea, 8), 8U);
        patch::beat(v);
    }
    EXPECT_TRUE(mirrored(site_ea));
    EXPECT_EQ(patcher->faults, 320U);
}

TEST_F(AccountTest, APageWithoutPatchesGoesSooner) {
    heat(site_ea, mfmsr(3));
    const u32 beside = site_page + 0x3000;
    ASSERT_TRUE(mirrored(beside)) << "as the page's neighbour";
    EXPECT_LT(faults_until_back(beside, 100), 16U);
    EXPECT_TRUE(mirrored(site_ea));
    EXPECT_TRUE(mirrored(site_page + 0x4000));
}

TEST_F(AccountTest, AFrameThatIsGoneThroughIsGivenBack) {
    heat(site_ea, mfmsr(3));
    for (u32 page = 0x0010'0000; page < 0x0030'0000; page += 0x1'0000) {
        heat(page + 0x200, mfmsr(5));
    }
    const u32 before = patcher->overlay.mirror.mirrored();
    ASSERT_GE(before, 32U * 16);
    unsigned faults = 0;
    for (u32 page = 0x0010'0000; page < 0x0030'0000; page += 0x1000) {
        faults += faults_until_back(page, 40);
    }
    EXPECT_EQ(patcher->overlay.mirror.mirrored(), 0U);
    EXPECT_LT(faults, 16 * 64U) << "not page after page";
    expect(again(site_ea, mfmsr(3)), State::back, Reason::waiting);
}

TEST_F(AccountTest, AStolenPageThatLosesIsGivenBack) {
    dbt::Site& site = heat(site_ea, wrteei(true));
    const u32 ea = stub_of(site_ea)->ea & ~0xfffU;
    map_data(ea, 0x0030'0000);
    unsigned faults = 0;
    for (; faults < 100 && patcher->overlay.stolen(ea); ++faults) load(ea + 0x800);
    EXPECT_GE(faults, 16U);
    EXPECT_LE(faults, 32U);
    expect(site, State::back, Reason::faults);
    EXPECT_EQ(copy(site_ea), wrteei(true));
    // One with no stub at all goes at once.
    const u32 empty = ea + 0x1000;
    ASSERT_TRUE(patcher->overlay.stolen(empty));
    map_data(empty, 0x0030'1000);
    load(empty);
    EXPECT_FALSE(patcher->overlay.stolen(empty));
}

TEST_F(AccountTest, AStolenPageThatPaysStays) {
    dbt::Site& site = heat(site_ea, wrteei(true));
    const u32 ea = stub_of(site_ea)->ea & ~0xfffU;
    map_data(ea, 0x0030'0000);
    window(site, 1000, 1000);
    for (unsigned i = 0; i < 200; ++i) load(ea + 0x800);
    EXPECT_TRUE(patcher->overlay.stolen(ea));
    expect(site, State::patched, Reason::pays);
}

// ---- Writes to copied text.

class WriteTest : public PatchTest {
  protected:
    explicit WriteTest(const mmu::Layout& layout = mmu::crossed) : PatchTest(layout) {}

    static constexpr u32 block = 0x1'0000;
    void store(u32 ea) { access(stw, ea, 0x6000'0000); }
    // Writes a page without patches, and the one behind it.
    void sweep(u32 ea) {
        store(ea);
        store(ea + 4);
        store(ea + 0x1000);
    }
};

TEST_F(WriteTest, APageWithoutPatchesThatIsWrittenTwiceGoesAlone) {
    heat(site_ea, mfmsr(3));
    const u32 bare = site_page + 0x4000;
    ASSERT_TRUE(mirrored(bare));
    store(bare);
    EXPECT_TRUE(mirrored(bare)) << "a correction that is made once";
    store(bare + 4);
    EXPECT_FALSE(mirrored(bare));
    EXPECT_TRUE(mirrored(bare + 0x1000));
    EXPECT_EQ(patcher->text_writes, 2U);
    EXPECT_EQ(patcher->faults, 0U);
}

TEST_F(WriteTest, WhoWritesPageAfterPageGetsAllThatIsBareAround) {
    heat(site_ea, mfmsr(3));
    sweep(site_page + 0x4000);
    for (u32 page = 0x1000; page < block; page += 0x1000) {
        EXPECT_FALSE(mirrored(site_page + page)) << page;
    }
    EXPECT_TRUE(mirrored(site_page)) << "it has a patch";
}

TEST_F(WriteTest, WhatGrewAroundTextThatIsGoneGoesToo) {
    for (u32 part = 0; part < 2; ++part) heat(site_ea + part * block, mfmsr(3));
    ASSERT_TRUE(mirrored(site_page + 3 * block)) << "two of four blocks";
    for (u32 part = 0; part < 2; ++part) store(site_ea + part * block);
    ASSERT_EQ(patcher->overlay.mirror.patches(), 0U);
    for (u32 part = 0; part < 3; ++part) {
        EXPECT_TRUE(mirrored(site_page + 3 * block));
        sweep(site_page + part * block + 0x4000);
    }
    EXPECT_EQ(patcher->overlay.mirror.mirrored(), 0U);
}

class StraightWriteTest : public WriteTest {
  protected:
    StraightWriteTest() : WriteTest(mmu::straight) {}
};

TEST_F(StraightWriteTest, TwoOfFourBlocksDoNotGrowWhereReadingCopiesFaults) {
    for (u32 part = 0; part < 2; ++part) heat(site_ea + part * block, mfmsr(3));
    EXPECT_FALSE(mirrored(site_page + 3 * block));
}

}  // namespace
}  // namespace trapeze::test
