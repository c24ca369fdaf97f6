// SPDX-License-Identifier: Apache-2.0
#include "hv/profile/profile.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "core.hpp"
#include "hv/exit/run.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/timers.hpp"

namespace trapeze::vcpu {
namespace {

using dbt::Site;
using dbt::SiteKey;
using test::run;
using test::the_core;
namespace mas1 = e500::mas1;
namespace msr = e500::msr;

constexpr u32 here = 0x40000100;  // in a page that these tests map
constexpr u32 word = test::mfmsr(3);

class ProfileTest : public testing::Test {
  protected:
    ProfileTest() : v(test::fresh_guest()), profile(std::make_unique<Profile>()) {
        start_profile(v, profile.get());
    }
    ~ProfileTest() override { start_profile(v, nullptr); }

    // tlbwe by the guest: a page of TLB0, or of `tsize` in TLB1.
    void map(u32 ea, u64 gpa, u32 tid = 0, u32 tsize = 0, u32 way = 0, u32 flags = mas1::v) {
        v.regs.mas0 = tsize == 0 ? way << 16 : 0x10000000 | (5 + way) << 16;
        v.regs.mas1 = flags | tid << 16 | tsize << 8;
        v.regs.mas2 = ea;
        v.regs.mas3 = static_cast<u32>(gpa) | e500::mas3::permissions;
        v.regs.mas7 = static_cast<u32>(gpa >> 32);
        run(v, test::tlbwe);
    }
    Site& site_at(u32 ea, u32 instruction = word) {
        v.nip = ea;
        find_site(v, instruction);
        return *v.site;
    }
    const Site* known(u32 ea = here) const { return profile->sites.known(ea, word); }

    Vcpu& v;
    std::unique_ptr<Profile> profile;
};

TEST_F(ProfileTest, OffIsOff) {
    start_profile(v, nullptr);
    EXPECT_EQ(v.profile, nullptr);
    EXPECT_EQ(v.site, nullptr);
    EXPECT_EQ(v.site_buckets, nullptr);
    EXPECT_EQ(v.page_slots, nullptr);
}

TEST_F(ProfileTest, AKeyIsWhatTheGuestsTlbSays) {
    v.regs.pid[0] = 3;
    v.regs.pid[1] = 9;
    map(here & ~0xfffU, 0x5'0012'3000, 3);
    Site& local = site_at(here);
    EXPECT_EQ(local.key(), (SiteKey{here, word, 0x5'0012'3100, 3, 0}));
    EXPECT_TRUE(local.small);
    map(0x50000000, 0x00400000, 9, 3);
    Site& other = site_at(0x50003ffc);
    EXPECT_EQ(other.key(), (SiteKey{0x50003ffc, word, 0x00403ffc, 9, 0})) << "PID1 counts too";
    EXPECT_FALSE(other.small) << "a page of TLB1";
    Site& straight = site_at(0x2000, test::tlbsync);
    EXPECT_EQ(straight.key(), (SiteKey{0x2000, test::tlbsync, 0x2000, 0, 0}));
    EXPECT_EQ(straight.kind, static_cast<u8>(Counter::tlbsync));
    EXPECT_EQ(profile->sites.used(), 3U);
    EXPECT_EQ(&site_at(here), &local);
    EXPECT_EQ(profile->sites.used(), 3U);
}

TEST_F(ProfileTest, ModesAndSpacesAreOtherSites) {
    Site& kernel = site_at(0x2000);
    EXPECT_EQ(kernel.mode, 0);
    v.site = nullptr;
    set_msr(v, msr::pr);
    Site& user = site_at(0x2000);
    EXPECT_NE(&user, &kernel);
    EXPECT_EQ(user.mode, SiteKey::user);
    EXPECT_EQ(&site_at(0x2000), &user) << "asked again each time, and found";
    set_msr(v, 0);
    EXPECT_EQ(&site_at(0x2000), &kernel) << "though it was not asked for last";
    // Space 1 has pages of its own.
    map(0, 0x100000, 0, 5, 0, mas1::v | mas1::ts);
    set_msr(v, msr::is);
    Site& space = site_at(0x2000);
    EXPECT_EQ(space.mode, SiteKey::space1);
    EXPECT_EQ(space.gpa, 0x102000U);
    set_msr(v, msr::is | msr::pr);
    EXPECT_EQ(site_at(0x2000).mode, SiteKey::space1 | SiteKey::user);
    set_msr(v, 0);
    EXPECT_EQ(&site_at(0x2000), &kernel);
    EXPECT_EQ(profile->sites.used(), 4U);
}

TEST_F(ProfileTest, TheFirstExitIsTimedFromTheGuestsStart) {
    the_core().timebase = v.start_time + 12345;
    EXPECT_EQ(site_at(0x2000).first, 12345U);
    charge_site(v, 10);
    the_core().timebase += 100;
    fold_profile(v);
    EXPECT_EQ(v.site->newest, 12445U);
}

TEST_F(ProfileTest, ARemappedPageIsAnotherSite) {
    map(here & ~0xfffU, 0x100000);
    Site& before = site_at(here);
    EXPECT_EQ(known(), &before);
    map(here & ~0xfffU, 0x200000);
    EXPECT_EQ(known(), nullptr);
    Site& after = site_at(here);
    EXPECT_NE(&after, &before);
    EXPECT_EQ(after.gpa, 0x200100U);
    map(here & ~0xfffU, 0x100000);
    EXPECT_EQ(&site_at(here), &before) << "the same again";
    EXPECT_EQ(profile->sites.used(), 2U);
}

TEST_F(ProfileTest, ARewrittenInstructionIsAnotherSite) {
    Site& before = site_at(0x2000);
    Site& after = site_at(0x2000, test::wrteei(true));
    EXPECT_NE(&after, &before);
    EXPECT_EQ(known(0x2000), nullptr);
    EXPECT_EQ(&site_at(0x2000), &before);
    EXPECT_EQ(known(0x2000), &before);
}

TEST_F(ProfileTest, ASiteThatNothingMapsIsNotKept) {
    // The next tlbwe goes to a free entry: nothing that it takes away tells of the change.
    Site& gone = site_at(here);
    EXPECT_EQ(gone.key(), (SiteKey{here, word, 0, 0, 0}));
    map(here & ~0xfffU, 0x100000);
    EXPECT_EQ(site_at(here).gpa, 0x100100U);
    EXPECT_EQ(gone.gpa, 0U);
}

TEST_F(ProfileTest, AnotherPageLeavesTrust) {
    map(here & ~0xfffU, 0x100000);
    site_at(here);
    map(0x40080000, 0x300000, 0, 0, 1);  // the same set of TLB0, another way
    map(0x40080000, 0x301000, 0, 0, 1);
    EXPECT_NE(known(), nullptr);
    map(0x41000000, 0x300000, 0, 3);
    map(0x41000000, 0x400000, 0, 3);
    EXPECT_NE(known(), nullptr);
}

TEST_F(ProfileTest, ALargePageTakesAllItsSitesAlong) {
    map(0x40000000, 0x100000, 0, 3);  // 64 KiB
    site_at(0x40000000);
    site_at(0x4000fffc);
    site_at(0x2000);
    map(0x40000000, 0x200000, 0, 3);
    EXPECT_EQ(known(0x40000000), nullptr);
    EXPECT_EQ(known(0x4000fffc), nullptr);
    EXPECT_NE(known(0x2000), nullptr);
    EXPECT_EQ(site_at(0x4000fffc).gpa, 0x20fffcU);
}

TEST_F(ProfileTest, InvalidationsEndTrust) {
    const auto small = [&] {
        map(here & ~0xfffU, 0x100000);
        site_at(here);
        ASSERT_NE(known(), nullptr);
    };
    const auto large = [&] {
        map(0x50000000, 0x100000, 0, 3);
        site_at(0x50000040);
        ASSERT_NE(known(0x50000040), nullptr);
    };
    small();
    large();
    run(v, test::tlbivax(0, 4), 0x40001000);
    EXPECT_NE(known(), nullptr) << "another page";
    run(v, test::tlbivax(0, 4), here & ~0xfffU);
    EXPECT_EQ(known(), nullptr);
    small();
    run(v, test::tlbivax(0, 4), 0x50000008);
    EXPECT_NE(known(), nullptr);
    EXPECT_EQ(known(0x50000040), nullptr) << "TLB1 by address";
    large();
    run(v, test::tlbivax(0, 4), 4);
    EXPECT_EQ(known(), nullptr) << "all of TLB0";
    EXPECT_NE(known(0x50000040), nullptr);
    small();
    run(v, test::tlbivax(0, 4), 12);
    EXPECT_NE(known(), nullptr);
    EXPECT_EQ(known(0x50000040), nullptr) << "all of TLB1";
    large();
    site_at(0x2000);
    run(v, test::mtspr(1012, 4), 4);
    EXPECT_EQ(known(), nullptr) << "MMUCSR0[TLB0_FI]";
    EXPECT_NE(known(0x50000040), nullptr);
    small();
    run(v, test::mtspr(1012, 4), 2);
    EXPECT_NE(known(), nullptr);
    EXPECT_EQ(known(0x50000040), nullptr) << "MMUCSR0[TLB1_FI]";
    EXPECT_NE(known(0x2000), nullptr) << "IPROT";
}

TEST_F(ProfileTest, APidChangesItsOwnSitesOnly) {
    v.regs.pid[0] = 3;
    map(here & ~0xfffU, 0x100000, 3);
    map(0x40001000, 0x101000, 0);
    map(here & ~0xfffU, 0x200000, 4, 0, 1);
    for (const u32 spr : {48U, 633U, 634U}) {
        Site& three = site_at(here);
        EXPECT_EQ(three.pid, 3U);
        site_at(0x40001000);
        run(v, test::mtspr(spr, 4), spr == 48 ? 4 : 0);
        EXPECT_EQ(known(), nullptr) << spr;
        EXPECT_NE(known(0x40001000), nullptr) << "of every process";
        if (spr == 48) {
            Site& four = site_at(here);
            EXPECT_EQ(four.pid, 4U);
            EXPECT_EQ(four.gpa, 0x200100U);
        }
        run(v, test::mtspr(48, 4), 3);
        EXPECT_EQ(&site_at(here), &three);
    }
}

TEST_F(ProfileTest, AnotherSpaceEndsAllTrust) {
    site_at(0x2000);
    set_msr(v, msr::ee | msr::ds);
    EXPECT_NE(known(0x2000), nullptr) << "fetches stay where they were";
    run(v, test::mtmsr(4), msr::is);
    EXPECT_EQ(known(0x2000), nullptr);
    map(0, 0x100000, 0, 5, 0, mas1::v | mas1::ts);
    site_at(0x2000);
    inject(v, e500::Vector::system_call);
    EXPECT_EQ(known(0x2000), nullptr) << "handlers run in space 0";
}

TEST_F(ProfileTest, RecordsOfASiteAreSettled) {
    Site& kernel = site_at(0x2000);
    v.traced[4] = {0x1, 0x2, 0x3, 0x4, &kernel};
    ExitRecord record = settled(v.traced[4]);
    EXPECT_EQ(record.nip, 0x2000U);
    EXPECT_EQ(record.word, word);
    EXPECT_EQ(record.dear, 0U);
    EXPECT_EQ(record.info, static_cast<u32>(Cause::privileged));
    EXPECT_EQ(record.site, nullptr);
    set_msr(v, msr::pr);
    v.traced[5] = {0, 0, 0, 0, &site_at(0x3000)};
    EXPECT_EQ(settled(v.traced[5]).info,
              static_cast<u32>(Cause::privileged) | ExitRecord::user_mode);
    const ExitRecord whole{0x5000, 7, 8, static_cast<u32>(Cause::dsi), nullptr};
    record = settled(whole);
    EXPECT_EQ(record.nip, 0x5000U);
    EXPECT_EQ(record.dear, 8U);
}

TEST_F(ProfileTest, NoRecordPointsToASiteThatMakesWay) {
    profile->sites.reset(2);
    v.traced[0].site = &site_at(0x2000);
    v.traced[1].site = &site_at(0x2004);
    charge_site(v, 1);
    site_at(0x2008);
    EXPECT_EQ(v.traced[0].site, nullptr);
    EXPECT_EQ(v.traced[0].nip, 0x2000U);
    EXPECT_EQ(v.traced[1].nip, 0x2004U);
    EXPECT_EQ(profile->sites.lost().sites, 1U);
}

TEST_F(ProfileTest, FoldsIntoTheCountersOfTheVcpu) {
    auto& privileged = v.exits[static_cast<unsigned>(Cause::privileged)];
    for (const u32 ticks : {30U, 10U, 20U}) {
        site_at(0x2000);
        charge_site(v, ticks);
    }
    site_at(0x2004, test::tlbsync);
    charge_site(v, 5);
    charge_page(v, Cause::dtlb_shadow, 0x12345678, true, 100);
    the_core().timebase += 2 * vcpu::heartbeat_period;
    for (unsigned again = 0; again < 2; ++again) {
        fold_counters(v);
        EXPECT_EQ(privileged.folded_count, 4U);
        EXPECT_EQ(privileged.folded_ticks, 65U);
        EXPECT_EQ(privileged.min, 5U);
        EXPECT_EQ(privileged.max, 30U);
        EXPECT_EQ(v.counted[static_cast<unsigned>(Counter::mfmsr)], 3U);
        EXPECT_EQ(v.counted[static_cast<unsigned>(Counter::tlbsync)], 1U);
        EXPECT_EQ(v.exits[static_cast<unsigned>(Cause::dtlb_shadow)].folded_count, 1U);
    }
    beat_profile(v);
    EXPECT_EQ(profile->sites.site(0).recent, 3 * dbt::SiteTable::recent_scale / 8);
}

TEST_F(ProfileTest, DrawsExitsEvenlyOverTheTimeSinceTheLastLook) {
    const auto cause = static_cast<unsigned>(Cause::privileged);
    site_at(0x2000);
    const auto exits = [&](unsigned count, u64 ticks) {
        for (unsigned i = 0; i < count; ++i) charge_site(v, 1);
        the_core().timebase += ticks;
        fold_counters(v);
        draw_timeline(v);
    };
    exits(8, 4 * timeline_period);
    exits(1000, timeline_period);
    exits(0, timeline_period);
    exits(100, 1000 * timeline_period);
    u64 sum = 0;
    for (unsigned i = 0; i < profile->timeline.used(); ++i) {
        sum += profile->timeline.count(i, cause);
    }
    EXPECT_EQ(sum, 1108U) << "none is lost to rounding";

    start_profile(v, profile.get());
    v.exits[cause] = {};
    v.start_time = the_core().timebase;
    site_at(0x2000);
    exits(10, 4 * timeline_period - 1);
    const auto& line = profile->timeline;
    ASSERT_EQ(line.used(), 4U);
    for (unsigned span = 0; span < 4; ++span) {
        EXPECT_GE(line.count(span, cause), 2U);
        EXPECT_LE(line.count(span, cause), 3U);
    }
}

}  // namespace
}  // namespace trapeze::vcpu
