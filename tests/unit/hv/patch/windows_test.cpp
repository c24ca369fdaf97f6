// SPDX-License-Identifier: Apache-2.0
// Windows in which all text runs unpatched, and what they say that patching pays as a whole.
#include "accounted_guest.hpp"
#include "hv/vcpu/timers.hpp"

namespace trapeze::test {
namespace {

using mmu::Access;
using mmu::Fill;

TEST_F(AccountTest, InAWindowTextRunsUnpatched) {
    heat(site_ea, mfmsr(3));
    ASSERT_EQ(fill(site_ea, Access::fetch), Fill::done);
    begin_or_end_window();
    EXPECT_TRUE(the_core().matches(site_ea, true).empty()) << "what it was executed from is gone";
    ASSERT_EQ(fill(site_ea, Access::fetch), Fill::done);
    CoreEntry entry = entry_for(site_ea, true);
    EXPECT_EQ(entry.rpn() + site_ea % entry.size(), ram_hpa + site_ea);
    EXPECT_EQ(fill(site_ea, Access::store), Fill::traced) << "the copy must follow";
    access(stw, site_ea + 8, 0x3860'0001);
    EXPECT_EQ(copy(site_ea + 8), 0x3860'0001U);
    ASSERT_EQ(fill(site_ea, Access::fetch), Fill::done);
    begin_or_end_window();
    EXPECT_TRUE(patcher->measuring);
    begin_or_end_window();
    EXPECT_TRUE(the_core().matches(site_ea, true).empty());
    ASSERT_EQ(fill(site_ea, Access::fetch), Fill::done);
    entry = entry_for(site_ea, true);
    EXPECT_EQ(entry.rpn() + site_ea % entry.size(), patcher->overlay.text_hpa(site_ea));
}

TEST_F(AccountTest, ThereIsNoWindowWithoutPatches) {
    begin_or_end_window();
    EXPECT_FALSE(patcher->in_window);
    EXPECT_TRUE(patcher->overlay.on);
    EXPECT_GT(v.next_sample, the_core().timebase) << "but it is asked again";
}

TEST_F(AccountTest, WindowsAreShortAndComeAgain) {
    heat(site_ea, mfmsr(3));
    u64 open = 0, counted = 0, all = 0;
    for (unsigned i = 0; i < 4000; ++i) {
        const u64 wait = v.next_sample - the_core().timebase;
        ASSERT_LE(wait, 12 * vcpu::heartbeat_period);
        (patcher->in_window ? open : all) += wait;
        if (patcher->measuring) counted += wait;
        pass(wait);
        begin_or_end_window();
    }
    EXPECT_GT(open, all / 256);
    EXPECT_LT(open, all / 64) << "one part in 128";
    EXPECT_EQ(patcher->windows.ticks, counted);
    EXPECT_NEAR(static_cast<double>(counted), 0.75 * static_cast<double>(open),
                static_cast<double>(open) / 100)
        << "the rest makes the core warm";
}

TEST_F(AccountTest, NoTimeIsLostWhenTheSiteTableIsFull) {
    heat(site_ea, mfmsr(3));
    const auto crowd = [&](u32 from) {
        for (u32 i = 0; i < dbt::SiteTable::max_sites; ++i) exit(from + 4 * i, 0x7c00'07a4);
    };
    crowd(0x0020'0000);
    dbt::Site& site = exit(0x0030'0000, 0x7c00'07a4);
    pass(100'000);
    dbt::SiteTable::charge(site, 60'000);
    crowd(0x0040'0000);  // all others make way
    ASSERT_GT(profile->sites.lost().sites, 0U);
    begin_measuring();
    vcpu::fold_profile(v);  // a beat
    pass(1000);
    begin_or_end_window();
    EXPECT_EQ(patcher->windows.ticks, 1000U);
}

TEST_F(AccountTest, TheExitAtHandIsNoTimeOfTheGuests) {
    heat(site_ea, mfmsr(3));
    begin_measuring();
    pass(1000);
    v.exit_time = static_cast<u32>(the_core().timebase);
    pass(700);  // the VMM's, before the window ends
    patch::sample(v, the_core().timebase);
    ASSERT_FALSE(patcher->in_window);
    EXPECT_EQ(patcher->windows.ticks, 1000U);
}

// ---- What patching pays as a whole.

class NetTest : public AccountTest {
  protected:
    // `turns` of a guest that makes a system call, and whose patched site is `exits` while it is
    // not: `own` ticks each, and `refills` of the core's TLB.
    void patched(unsigned turns, u32 own, unsigned refills = 0) {
        for (unsigned i = 0; i < turns; ++i) {
            pass(own);
            exits(vcpu::Cause::syscall, 1, 100);
            exits(vcpu::Cause::itlb_shadow, refills, 40);
        }
    }
    void unpatched(dbt::Site& site, unsigned turns, u32 own, u32 exit = 35) {
        for (unsigned i = 0; i < turns; ++i) {
            pass(own);
            exits(vcpu::Cause::syscall, 1, 100);
            pass(exit);
            dbt::SiteTable::charge(site, exit);
        }
    }
    void unpatched_window(dbt::Site& site, unsigned turns, u32 own) {
        begin_measuring();
        unpatched(site, turns, own);
        begin_or_end_window();
    }
    std::int64_t net() {
        settle();
        return patch::net_ticks(v);
    }
};

TEST_F(NetTest, IsWhatTheSameWouldHaveTakenUnpatched) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    patched(1000, 15);
    unpatched_window(site, 100, 15);
    EXPECT_EQ(net(), 1000 * 35);
    patched(500, 15);
    EXPECT_EQ(net(), 1500 * 35) << "what is behind the newest window counts too";
    v.idle_ticks += 12'345;
    pass(12'345);
    EXPECT_EQ(net(), 1500 * 35) << "waiting does not";
    unpatched_window(site, 100, 15);
    EXPECT_EQ(net(), 1500 * 35) << "and windows have nothing to save";
}

TEST_F(NetTest, RefillsAreInIt) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    patched(1000, 15, 3);
    unpatched_window(site, 100, 15);
    EXPECT_EQ(net(), 1000 * (35 - 3 * 40)) << "it loses";
}

TEST_F(NetTest, ByTimeWhereNothingElseTells) {
    dbt::Site& site = heat(site_ea, wrteei(true));
    constexpr u32 stub = 5, loop = 20, exit = 34;  // as the costs say
    pass(u64{1000} * (loop + stub));
    begin_measuring();
    for (unsigned i = 0; i < 100; ++i) {
        pass(loop + exit);
        dbt::SiteTable::charge(site, exit);
    }
    begin_or_end_window();
    EXPECT_EQ(net(), 1000 * (exit - stub));
}

TEST_F(NetTest, MakingTheCoreWarmIsNotTheUnpatchedSides) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    patched(1000, 15);
    begin_or_end_window();
    unpatched(site, 10, 515);  // 10 turns, each of which takes 500 more
    begin_or_end_window();
    unpatched(site, 100, 15);
    begin_or_end_window();
    EXPECT_EQ(net(), 1000 * 35 - 10 * 500) << "but has been paid by patching";
}

TEST_F(NetTest, CorrectionsOfTextInAWindowAreNotTheUnpatchedSides) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    patched(1000, 15);
    begin_measuring();
    unpatched(site, 100, 15);
    exits(vcpu::Cause::text_write, 5, 900);
    begin_or_end_window();
    EXPECT_EQ(net(), 1000 * 35);
    exits(vcpu::Cause::text_write, 5, 900);
    EXPECT_EQ(net(), 1000 * 35 - 5 * 900) << "with patches they are";
}

TEST_F(NetTest, BeatsAreNobodys) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    patched(1000, 15);
    begin_measuring();
    unpatched(site, 100, 15);
    exits(vcpu::Cause::heartbeat, 1, 20'000);
    begin_or_end_window();
    EXPECT_EQ(net(), 1000 * 35);
}

TEST_F(NetTest, WithoutAWindowThereIsWhatWasSpent) {
    heat(site_ea, mfmsr(3));
    load(site_ea);
    EXPECT_EQ(net(), -static_cast<std::int64_t>(fault_ticks));
}

TEST_F(NetTest, WhatLosesAsAWholeRestsForATimeThatDoubles) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    u64 wait = 64;
    for (unsigned round = 0; round < 4; ++round) {
        for (unsigned i = 0; i < 3; ++i) {
            patched(1000, 15, 3);
            unpatched_window(site, 100, 15);
            ASSERT_TRUE(mirrored(site_ea)) << "too early to tell";
        }
        const auto before = static_cast<double>(net());
        patched(1000, 15, 3);
        unpatched_window(site, 100, 15);
        EXPECT_FALSE(mirrored(site_ea));
        EXPECT_EQ(patcher->rests, round + 1);
        const std::int64_t after = net();
        EXPECT_NEAR(static_cast<double>(after), before - 1000 * 85, 850)
            << "it stays in the account";
        expect(site, State::back, Reason::waiting);
        unpatched(site, 1000, 15);
        EXPECT_EQ(net(), after) << "which goes on when there are patches again";
        pass((wait << 20) - u64{1000} * 150 - (1 << 20));
        expect(again(site_ea, mfmsr(3)), State::back, Reason::waiting);
        pass(2 << 20);
        expect(again(site_ea, mfmsr(3)), State::patched, Reason::pays);
        wait *= 2;
    }
}

TEST_F(NetTest, WhatPaysDoesNotRest) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    for (unsigned i = 0; i < 40; ++i) {
        patched(1000, 15, i % 2);
        unpatched_window(site, 100, 15);
    }
    EXPECT_TRUE(mirrored(site_ea));
    EXPECT_EQ(patcher->rests, 0U);
    EXPECT_GT(net(), 0);
}

TEST_F(NetTest, OtherWorkInWindowsIsNoReason) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    for (unsigned i = 0; i < 8; ++i) {
        patched(1000, 15, 3);
        begin_measuring();
        pass(100'000);  // the guest's own, with nothing that would tell how far it came
        begin_or_end_window();
    }
    EXPECT_EQ(patcher->rests, 0U);
    for (unsigned i = 0; i < 3; ++i) {
        patched(1000, 15, 3);
        unpatched_window(site, 100, 15);
    }
    EXPECT_EQ(patcher->rests, 0U) << "four in a row";
    patched(1000, 15);
    unpatched_window(site, 100, 15);
    for (unsigned i = 0; i < 3; ++i) {
        patched(1000, 15, 3);
        unpatched_window(site, 100, 15);
    }
    EXPECT_EQ(patcher->rests, 0U);
    EXPECT_TRUE(mirrored(site_ea));
}

TEST_F(NetTest, PatchesThatHaveJustBeenMadeHaveTimeToPay) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    for (unsigned i = 0; i < 8; ++i) {
        patched(1000, 15);
        pass(80'000);
        patcher->patch_ticks += 80'000;
        unpatched_window(site, 100, 15);
    }
    EXPECT_EQ(patcher->rests, 0U);
    EXPECT_LT(net(), 0) << "though it is in the account";
}

class EagerNetTest : public NetTest {};
TEST_F(EagerNetTest, WhoAsksForPatchesGetsThem) {
    begin(patch::Mode::eager, 3);
    dbt::Site& site = heat(site_ea, mfmsr(3));
    for (unsigned i = 0; i < 8; ++i) {
        patched(1000, 15, 3);
        unpatched_window(site, 100, 15);
    }
    EXPECT_TRUE(mirrored(site_ea));
    EXPECT_LT(net(), 0) << "though they lose";
}

}  // namespace
}  // namespace trapeze::test
