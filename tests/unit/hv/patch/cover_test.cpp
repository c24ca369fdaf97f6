// SPDX-License-Identifier: Apache-2.0
// Stores of SPRG3 to 7, which the core has too: patched only while nothing that the guest kernel
// executes reads one without a trap, and never seen late.
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "patched_guest.hpp"

namespace trapeze {
namespace {

using namespace test;
using mmu::Access;
using mmu::Fill;
using patch::Mode;

constexpr u32 sprg5 = 277, uspr5 = 261, uspr3 = 259;
constexpr u32 reader = site_page + 0x1'8000;  // in another block of text
constexpr u32 other = site_page + 0x80'0000;  // in another frame

class CoverTest : public PatchTest {
  protected:
    explicit CoverTest(const mmu::Layout& layout = mmu::crossed) : PatchTest(layout) {}

    // The guest kernel fetches from `ea`; whether there is an entry for it then.
    bool fetch(u32 ea) { return vcpu::resolve(v, ea, Access::fetch) == vcpu::FaultResult::resume; }
    // The stub's stores, as the guest makes them.
    void store_sprg5(u32 value) {
        v.regs.notes |= vcpu::note::sprgs;
        v.regs.sprg[5] = value;
    }
    static u32 core_sprg5() { return the_core().sprg[5]; }
};

TEST_F(CoverTest, AStoreIsPatchedAndReadsOfItAreTooInAllThatIsExecuted) {
    put(reader, mfspr(7, uspr5));
    heat(reader + 0x40, mfmsr(3));
    EXPECT_EQ(copy(reader), own(reader)) << "nobody needs it yet";
    put(other, mfspr(8, uspr3));
    ASSERT_EQ(fill(other, Access::fetch), Fill::done);

    expect(heat(site_ea, mtspr(sprg5, 9)), State::patched, Reason::pays);
    const auto* const entry = stub_of(site_ea);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(static_cast<dbt::Stub>(entry->kind), dbt::Stub::write_sprg5);
    EXPECT_EQ(copy(reader), dbt::plan(mfspr(7, uspr5), patcher->map).word) << "mirrored before";
    ASSERT_TRUE(fetch(other));
    EXPECT_EQ(copy(other), dbt::plan(mfspr(8, uspr3), patcher->map).word);
    EXPECT_EQ(entry_for(other, false).rpn() + other % entry_for(other, false).size(),
              patcher->overlay.text_hpa(other));
}

TEST_F(CoverTest, WhatWasExecutedUnseenIsSeenAgain) {
    heat(site_ea, mfmsr(3));
    // Stubs have their place already: nothing else is dropped.
    heat(site_ea + 4, wrteei(true));
    ASSERT_EQ(fill(other, Access::fetch), Fill::done);
    ASSERT_FALSE(the_core().matches(other, false).empty());
    write(site_ea + 8, mtspr(sprg5, 9));
    for (u32 i = 1; i < threshold; ++i) exit(site_ea + 8, mtspr(sprg5, 9));
    ASSERT_FALSE(the_core().matches(other, false).empty());
    exit(site_ea + 8, mtspr(sprg5, 9));
    ASSERT_TRUE(patcher->cover);
    EXPECT_TRUE(the_core().matches(other, false).empty());
}

TEST_F(CoverTest, AReadThatTheGuestWritesIsPatchedAtOnce) {
    heat(site_ea, mtspr(sprg5, 9));
    access(stw, site_ea + 0x20, mfspr(4, uspr5));
    EXPECT_EQ(own(site_ea + 0x20), mfspr(4, uspr5));
    EXPECT_EQ(copy(site_ea + 0x20), dbt::plan(mfspr(4, uspr5), patcher->map).word);
}

TEST_F(CoverTest, UserModeSeesTheNewValue) {
    heat(site_ea, mtspr(sprg5, 9));
    store_sprg5(0x1234);
    vcpu::set_msr(v, v.regs.msr & ~e500::msr::ee);
    EXPECT_NE(core_sprg5(), 0x1234U) << "no need in the kernel";
    vcpu::set_msr(v, e500::msr::pr);
    EXPECT_EQ(core_sprg5(), 0x1234U);
    EXPECT_EQ(v.regs.notes & vcpu::note::sprgs, 0U);
}

TEST_F(CoverTest, TextThatRunsUnpatchedForAWhileSeesTheNewValue) {
    heat(site_ea, mtspr(sprg5, 9));
    store_sprg5(0x77);
    begin_or_end_window();
    EXPECT_EQ(core_sprg5(), 0x77U);
    // What was executed in the window is not executed like that behind it.
    ASSERT_TRUE(fetch(other));
    begin_or_end_window();
    begin_or_end_window();
    ASSERT_FALSE(patcher->in_window);
    EXPECT_TRUE(the_core().matches(other, false).empty());
    store_sprg5(0x78);
    vcpu::set_msr(v, e500::msr::is | e500::msr::ds);
    EXPECT_EQ(core_sprg5(), 0x78U) << "in address space 1";
}

// As the kernel's handler does after a fetch that missed: the page's entry comes with tlbwe.
TEST_F(CoverTest, AReadInAPageThatTlbweMakesReadyIsPatchedToo) {
    heat(site_ea, mtspr(sprg5, 9));
    put(0x20'0000, mfspr(7, uspr5));
    v.last_miss = Access::fetch;
    v.last_miss_user = false;
    map(alias_page, 0x20'0000);
    EXPECT_TRUE(the_core().matches(alias_page, false).empty()) << "its own fetch tells of it";
    ASSERT_TRUE(fetch(alias_page));
    ASSERT_TRUE(patcher->cover);
    EXPECT_EQ(copy(0x20'0000), dbt::plan(mfspr(7, uspr5), patcher->map).word);
    EXPECT_EQ(entry_for(alias_page, false).rpn(), patcher->overlay.text_hpa(0x20'0000));
}

// User mode's data and the kernel's fetches share a space of the core: what the one has entered,
// the other must not execute unseen.
TEST_F(CoverTest, WhatUserModeHasLoadedFromIsSeenWhenTheKernelExecutesIt) {
    for (const u32 tid : {5U, 0U}) {
        SCOPED_TRACE(tid);
        heat(site_ea, mtspr(sprg5, 9));
        map(alias_page, site_page, 0, tid == 0 ? 0 : 1, tid);
        v.regs.pid[0] = the_core().pid[0] = 5;
        ASSERT_TRUE(patcher->cover);
        ASSERT_EQ(fill(alias_page, Access::load, true), Fill::done);
        EXPECT_EQ(permissions(entry_for(alias_page, false)), e500::mas3::ur);
    }
}

TEST_F(CoverTest, WhatWasLeftUnpatchedBeforeIsLookedAtAgain) {
    begin(Mode::eager, 3);
    map(alias_page, 0x20'0000, 0, 1, 5);  // of one process
    v.regs.pid[0] = the_core().pid[0] = 5;
    ASSERT_TRUE(fetch(alias_page));
    ASSERT_FALSE(patcher->cover);
    ASSERT_TRUE(fetch(other));
    access(lwarx, other);
    ASSERT_TRUE(patcher->overlay.mirror.find(other)->is_plain(tcache::MirrorFrame::index(other)));
    pass(u64{64} << 20);
    heat(site_ea, mtspr(sprg5, 9));
    ASSERT_TRUE(patcher->cover);
    ASSERT_EQ(fill(other, Access::load, true), Fill::done);
    EXPECT_EQ(permissions(entry_for(other, false)) & e500::mas3::ux, 0U);
}

TEST_F(CoverTest, EndsWhenTheKernelExecutesWhatIsNotMirrored) {
    heat(site_ea, mtspr(sprg5, 9));
    const dbt::Site& kept = heat(site_ea + 8, mfmsr(3));
    store_sprg5(0x99);
    map(alias_page, 0x20'0000, 0, 1, 5);  // of one process
    v.regs.pid[0] = 5;
    fetch(alias_page);
    EXPECT_FALSE(patcher->cover);
    EXPECT_EQ(copy(site_ea), mtspr(sprg5, 9));
    EXPECT_EQ(core_sprg5(), 0x99U);
    expect(*profile->sites.find({site_ea, mtspr(sprg5, 9), site_ea, 0, 0}), State::back,
           Reason::reads);
    expect(kept, State::patched, Reason::pays);
    v.regs.pid[0] = 0;
    expect(again(site_ea, mtspr(sprg5, 9)), State::back, Reason::reads);
    pass(u64{64} << 20);
    expect(again(site_ea, mtspr(sprg5, 9)), State::patched, Reason::pays);
}

TEST_F(CoverTest, EndsWhenAnotherAddressOfMirroredTextIsExecuted) {
    heat(site_ea, mtspr(sprg5, 9));
    map(alias_page, site_page);
    store_sprg5(0x55);
    ASSERT_TRUE(fetch(alias_ea));
    EXPECT_FALSE(patcher->cover);
    EXPECT_EQ(core_sprg5(), 0x55U);
    EXPECT_EQ(copy(site_ea), mtspr(sprg5, 9));
}

TEST_F(CoverTest, EndsWhenTheMirrorIsFull) {
    begin(Mode::hot, 1);
    heat(site_ea, mtspr(sprg5, 9));
    for (u32 i = 1; i < 8; ++i) heat(site_ea + 8 * i, mfmsr(3));
    EXPECT_TRUE(patcher->cover);
    ASSERT_TRUE(fetch(other));
    EXPECT_FALSE(patcher->cover);
    EXPECT_EQ(copy(site_ea), mtspr(sprg5, 9));
}

TEST_F(CoverTest, SurvivesAFewWritesOfText) {
    heat(site_ea, mtspr(sprg5, 9));
    const u32 text = other + 0x100;
    for (u32 round = 0; round < 4; ++round) {
        ASSERT_TRUE(fetch(text));
        for (u32 i = 0; i < 12; ++i) access(stw, text + 4 * i, 0x6000'0000);
        EXPECT_TRUE(patcher->cover);
    }
    EXPECT_TRUE(fetch(text));
    EXPECT_TRUE(patcher->cover && mirrored(text));
}

TEST_F(CoverTest, PaysOnlyForAsManyExitsAsLookingThroughTextCosts) {
    patch::Config config{};
    config.mode = Mode::hot;
    config.mirror_hpa = mirror_hpa;
    config.frames = 3;
    config.costs = {34'000, 400, 5'000, 600'000, 1'200'000, 290'000};
    patch::start(v, patcher, config);
    const u32 most = patcher->threshold;
    write(site_ea, mfmsr(3));
    for (u32 i = 0; i < most; ++i) exit(site_ea, mfmsr(3));
    ASSERT_TRUE(mirrored(site_ea));
    // 16 pages of text at 290 ticks, 29 ticks saved by a patch.
    const u32 worth = patcher->overlay.mirror.mirrored() * 10;
    ASSERT_GT(worth, most);
    write(site_ea + 8, mtspr(sprg5, 9));
    for (u32 i = 1; i < worth; ++i) exit(site_ea + 8, mtspr(sprg5, 9));
    EXPECT_FALSE(patcher->cover);
    for (u32 i = 0; i < 3; ++i) exit(site_ea + 8, mtspr(sprg5, 9));
    EXPECT_TRUE(patcher->cover);
    EXPECT_NE(stub_of(site_ea + 8), nullptr);
}

TEST_F(CoverTest, EagerCoversFromTheStart) {
    begin(Mode::eager, 3);
    put(reader, mfspr(7, uspr5));
    put(reader + 4, mtspr(sprg5, 3));
    ASSERT_TRUE(fetch(reader));
    EXPECT_EQ(copy(reader), dbt::plan(mfspr(7, uspr5), patcher->map).word);
    EXPECT_NE(stub_of(reader + 4), nullptr);
}

class StraightCoverTest : public CoverTest {
  protected:
    StraightCoverTest() : CoverTest(mmu::straight) {}
};

TEST_F(StraightCoverTest, NeverWhereReadingTextFaults) {
    for (const Mode mode : {Mode::hot, Mode::eager}) {
        begin(mode, 3);
        expect(heat(site_ea, mtspr(sprg5, 9)), State::hot, Reason::reads);
        EXPECT_FALSE(patcher->cover);
        EXPECT_TRUE(!mirrored(site_ea) || copy(site_ea) == mtspr(sprg5, 9));
    }
}

}  // namespace
}  // namespace trapeze
