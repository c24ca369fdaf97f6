// SPDX-License-Identifier: Apache-2.0
#include "hv/patch/patcher.hpp"

#include <algorithm>

#include "hv/exit/entry.hpp"
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/reservation.hpp"
#include "patched_guest.hpp"

namespace trapeze::test {
namespace {

using mmu::Access;
using mmu::Fill;
namespace mas1 = e500::mas1;
namespace mas3 = e500::mas3;
namespace msr = e500::msr;

constexpr u32 srr0 = 26, sprg4 = 276, dec = 22;
constexpr u32 displacement(u32 word) { return static_cast<u32>(static_cast<std::int16_t>(word)); }

class PatcherTest : public PatchTest {};

TEST_F(PatcherTest, APatchIsInTheCopyAloneAndOneLoad) {
    put(site_ea - 4, 0x1234'5678);
    dbt::Site& site = heat(site_ea, mfspr(7, srr0));
    expect(site, State::patched, Reason::pays);
    EXPECT_EQ(own(site_ea), mfspr(7, srr0)) << "the guest's own memory stays as it is";
    EXPECT_EQ(copy(site_ea) & 0xffff'0000U, 0x80e0'0000U) << "lwz r7,d(0)";
    EXPECT_EQ(displacement(copy(site_ea)),
              patcher->overlay.register_ea + offsetof(vcpu::Vcpu, regs.srr0));
    EXPECT_EQ(copy(site_ea - 4), 0x1234'5678U) << "the page is copied whole";
    EXPECT_EQ(copy(site_ea + 4), 0U);
    EXPECT_EQ(patcher->overlay.mirror.patches(), 1U);
    EXPECT_EQ(patcher->made, 1U);
}

TEST_F(PatcherTest, ASiteIsPatchedAtItsThresholdAndNotBefore) {
    put(site_ea, mfmsr(3));
    for (unsigned i = 1; i < threshold; ++i) {
        expect(exit(site_ea, mfmsr(3)), State::cold, Reason::none);
    }
    EXPECT_FALSE(mirrored(site_ea));
    expect(exit(site_ea, mfmsr(3)), State::patched, Reason::pays);
}

TEST_F(PatcherTest, WhatThePlanSaysIsWhatIsPatched) {
    heat(site_ea, mtspr(srr0, 9));
    EXPECT_EQ(copy(site_ea) & 0xffff'0000U, 0x9120'0000U) << "stw r9,d(0)";
    heat(site_ea + 4, tlbsync);
    EXPECT_EQ(copy(site_ea + 4), 0x6000'0000U);
    // A write that the core's own copy must follow, a read with an effect, what no patch is for.
    for (const u32 word : {mtspr(sprg4, 3), mfspr(3, dec), tlbwe, rfi}) {
        expect(heat(site_ea + 8, word), State::hot,
               word == mtspr(sprg4, 3) ? Reason::reads : Reason::no_template);
        EXPECT_EQ(profile->sites.find(site_ea + 8, word)->limit, dbt::Site::never)
            << "never asked about again";
    }
}

TEST_F(PatcherTest, OnlyTheGuestKernelsFetchesSeeTheCopy) {
    heat(site_ea, mfmsr(3));
    ASSERT_EQ(fill(site_ea, Access::fetch), Fill::done);
    const CoreEntry text = entry_for(site_ea, true);
    EXPECT_EQ(text.rpn() + site_ea % text.size(), patcher->overlay.text_hpa(site_ea));
    EXPECT_EQ(permissions(text), mas3::ux);
    EXPECT_EQ(text.mas3 & (mas3::sw | mas3::sx), 0U);
    EXPECT_EQ(fill(site_ea, Access::load), Fill::traced);
    EXPECT_EQ(fill(site_ea, Access::store), Fill::traced);
    for (const Access access : {Access::fetch, Access::load}) {
        ASSERT_EQ(fill(site_ea, access, true), Fill::done);
        const CoreEntry user = entry_for(site_ea, false);
        EXPECT_EQ(user.rpn() + site_ea % user.size(), ram_hpa + site_ea);
        EXPECT_EQ(permissions(user), mas3::ux | mas3::ur) << "a store must be seen";
    }
    EXPECT_EQ(fill(site_ea, Access::store, true), Fill::traced);
}

TEST_F(PatcherTest, WhatMappedThePageBeforeIsGone) {
    put(site_ea, mfmsr(3));
    map(alias_page, site_page);
    ASSERT_EQ(fill(site_ea, Access::store), Fill::done);
    const auto alias = v.tlb.find(alias_ea, false, v.regs.pid);
    ASSERT_EQ(v.shadow.fill(*v.memory, *alias.entry, alias_ea, Access::store, false), Fill::done);
    ASSERT_FALSE(the_core().matches(site_ea, true).empty());
    ASSERT_FALSE(the_core().matches(alias_ea, true).empty());
    heat(site_ea, mfmsr(3));
    EXPECT_TRUE(the_core().matches(site_ea, true).empty());
    EXPECT_TRUE(the_core().matches(alias_ea, true).empty()) << "it could write to the text";
}

TEST_F(PatcherTest, AStubStandsWithinReachAndComesBack) {
    expect(heat(site_ea, wrteei(true)), State::patched, Reason::pays);
    const tcache::Entry* const entry = stub_of(site_ea);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->site, site_ea);
    EXPECT_EQ(entry->words, dbt::stub_words(dbt::Stub::set_ee));
    EXPECT_TRUE(patcher->overlay.stolen(entry->ea));
    const u32 last = stub_word(*entry, entry->words - 1U);
    ASSERT_TRUE(dbt::is_branch(last));
    EXPECT_EQ(dbt::branch_target(entry->ea + 4U * (entry->words - 1U), last), site_ea + 4);
    EXPECT_EQ(v.tlb.find(entry->ea, false, v.regs.pid).entry == nullptr ||
                  v.memory->find(v.tlb.find(entry->ea, false, v.regs.pid).entry->gpa(entry->ea)) ==
                      nullptr,
              true)
        << "the guest has nothing there";
    EXPECT_GE(entry->ea, v.stub_low);
    EXPECT_LT(entry->ea, v.stub_low + v.stub_bytes);
}

TEST_F(PatcherTest, OwnWordIsTheGuests) {
    heat(site_ea, mfmsr(3));
    EXPECT_EQ(patch::own_word(v, site_ea, copy(site_ea)), mfmsr(3));
    EXPECT_EQ(patch::own_word(v, 0x0030'0000, 77), 77U) << "not mirrored: the one it executes";
}

TEST_F(PatcherTest, AStoreToAPatchedWordDropsThatPatchAlone) {
    dbt::Site& hit = heat(site_ea, mfmsr(3));
    dbt::Site& other = heat(site_ea + 8, mfmsr(5));
    access(stw, site_ea, 0x3860'0007);
    EXPECT_EQ(v.nip, 0x0020'0004U);
    EXPECT_EQ(own(site_ea), 0x3860'0007U);
    EXPECT_EQ(copy(site_ea), 0x3860'0007U) << "and is executed";
    expect(hit, State::dropped, Reason::written);
    expect(other, State::patched, Reason::pays);
    EXPECT_NE(copy(site_ea + 8), mfmsr(5));
    EXPECT_EQ(patcher->dropped, 1U);
    EXPECT_EQ(patcher->overlay.mirror.patches(), 1U);
    access(stw, site_ea + 0x40, 0x3860'0008);
    EXPECT_EQ(copy(site_ea + 0x40), 0x3860'0008U) << "elsewhere in the page";
    EXPECT_EQ(patcher->dropped, 1U);
    access(d_form(38, 3, 4, 0), site_ea + 11, 0xa7);
    EXPECT_EQ(copy(site_ea + 8), (mfmsr(5) & ~0xffU) | 0xa7U) << "a byte of it";
    expect(other, State::dropped, Reason::written);
}

TEST_F(PatcherTest, AStoreAcrossTwoPatchesDropsBoth) {
    dbt::Site& one = heat(site_ea, mfmsr(3));
    dbt::Site& two = heat(site_ea + 4, wrteei(false));
    const tcache::Entry* const stub = stub_of(site_ea + 4);
    access(stw, site_ea + 2, 0x1122'3344);
    expect(one, State::dropped, Reason::written);
    expect(two, State::dropped, Reason::written);
    EXPECT_EQ(stub->words, 0) << "its room is free";
    EXPECT_EQ(copy(site_ea), (mfmsr(3) & 0xffff'0000U) | 0x1122U);
    EXPECT_EQ(copy(site_ea + 4), 0x3344'0000U | (wrteei(false) & 0xffffU));
}

TEST_F(PatcherTest, AStoreOfTheSameWordDropsThePatchAndItComesBack) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    access(stw, site_ea, mfmsr(3));
    expect(site, State::dropped, Reason::written);
    EXPECT_EQ(copy(site_ea), mfmsr(3));
    for (unsigned i = 0; i <= threshold; ++i) exit(site_ea, mfmsr(3));
    expect(site, State::patched, Reason::pays);
    EXPECT_EQ(patcher->made, 2U);
}

TEST_F(PatcherTest, AStoreThroughAnotherMappingDoesTheSame) {
    map(alias_page, site_page);
    dbt::Site& site = heat(site_ea, mfmsr(3));
    EXPECT_EQ(fill(alias_ea, Access::store), Fill::traced);
    ASSERT_EQ(fill(alias_ea, Access::fetch), Fill::done);
    EXPECT_EQ(entry_for(alias_ea, true).rpn(), ram_hpa + site_page) << "runs unpatched";
    access(stw, alias_ea, 0x3860'0007);
    EXPECT_EQ(copy(site_ea), 0x3860'0007U);
    expect(site, State::dropped, Reason::written);
}

TEST_F(PatcherTest, ALoadReadsWhatTheGuestWrote) {
    heat(site_ea, mfmsr(3));
    heat(site_ea + 4, wrteei(true));
    EXPECT_EQ(load(site_ea), mfmsr(3));
    EXPECT_EQ(load(site_ea + 4), wrteei(true));
    EXPECT_EQ(load(site_ea + 2), (mfmsr(3) & 0xffffU) << 16 | wrteei(true) >> 16);
    EXPECT_EQ(patcher->faults, 3U);
    EXPECT_EQ(patcher->overlay.mirror.page(site_ea)->faults, 3U);
}

TEST_F(PatcherTest, AReservationTakesThePageBack) {
    dbt::Site& site = heat(site_ea, mfmsr(3));
    ASSERT_EQ(fill(site_ea, Access::fetch), Fill::done);
    access(lwarx, site_ea + 0x80);
    EXPECT_TRUE(the_core().matches(site_ea, true).empty()) << "the copy is not executed any more";
    EXPECT_EQ(v.nip, 0x0020'0000U) << "the guest executes it itself";
    EXPECT_FALSE(mirrored(site_ea));
    expect(site, State::back, Reason::faults);
    EXPECT_EQ(fill(site_ea, Access::load), Fill::done);
    EXPECT_EQ(fill(site_ea, Access::store), Fill::done);
    expect(again(site_ea, mfmsr(3)), State::back, Reason::waiting);
    pass(u64{2} << 20);
    expect(again(site_ea, mfmsr(3)), State::patched, Reason::pays);
}

// Nor are reservations of patched text the VMM's (vcpu/reservation.cpp): its store is to be
// followed.
TEST_F(PatcherTest, AReservationOfPatchedTextIsTheCores) {
    constexpr u32 loop = 0x0020'0000, at = site_ea + 0x80, stwcx = x_form(150, 3, 0, 4) | 1U;
    heat(site_ea, mfmsr(3));
    ASSERT_EQ(vcpu::resolve(v, loop, Access::fetch), vcpu::FaultResult::resume);
    for (const u32 word : {lwarx, stwcx}) {
        const u32 before = own(at);
        the_core().guest_words[loop] = word;
        v.nip = loop;
        v.gpr[4] = at;
        v.gpr[3] = ~before;
        v.reservation.steps = 8;
        v.reservation.held = word == stwcx;
        v.reservation.hpa = ram_hpa + at;
        v.reservation.value = before;
        vcpu::step_reservation(v);
        EXPECT_EQ(v.nip, loop);
        EXPECT_FALSE(v.reservation.held);
        EXPECT_EQ(own(at), before);
    }
}

TEST_F(PatcherTest, ADevicesWriteIsSeenWhenTheGuestInvalidatesTheBlock) {
    heat(site_ea, mfmsr(3));
    dbt::Site& kept = heat(site_ea + 4, wrteei(true));
    heat(site_ea + 8, wrteei(false));
    put(site_ea, 0x3860'0001);
    put(site_ea + 12, 0x3860'0002);
    put(site_ea + 32, 0x3860'0003);
    put(site_ea + 8, wrteei(true));
    EXPECT_NE(copy(site_ea + 12), 0x3860'0002U);
    access(icbi, site_ea + 20);
    EXPECT_EQ(copy(site_ea), 0x3860'0001U);
    EXPECT_EQ(copy(site_ea + 12), 0x3860'0002U);
    EXPECT_NE(copy(site_ea + 32), 0x3860'0003U) << "the next block";
    expect(kept, State::patched, Reason::pays);
    ASSERT_NE(stub_of(site_ea + 4), nullptr);
    EXPECT_EQ(copy(site_ea + 8), wrteei(true)) << "a stub for another instruction is none for it";
}

// What is a patch is not told by the words: the guest's own may have changed beside any of them.
TEST_F(PatcherTest, ADevicesWriteLeavesTheCountOfPatchesRight) {
    const auto stubs = [this] {
        unsigned live = 0;
        for (unsigned i = 0; i < tcache::Cache::max_pages; ++i) {
            if (patcher->overlay.cache.page(i) != tcache::Cache::no_page) {
                live += patcher->overlay.cache.live(i);
            }
        }
        return live;
    };
    const u32 words[] = {mfmsr(3), wrteei(true), wrteei(false), mtmsr(10)};
    for (u32 i = 0; i < 4; ++i) heat(site_ea + 4 * i, words[i]);
    for (u32 at = site_ea + 16; at < site_ea + 0x80; at += 4) put(at, 0x3860'0000 | at % 0x80);
    access(icbi, site_ea);
    access(icbi, site_ea + 0x20);
    EXPECT_EQ(copy(site_ea + 0x3c), own(site_ea + 0x3c));
    EXPECT_EQ(patcher->overlay.mirror.page(site_ea)->patches, 4U);
    EXPECT_EQ(patcher->dropped, 0U);
    EXPECT_EQ(patcher->overlay.mirror.patches(), 4U);
    dbt::Site& gone = *profile->sites.find({site_ea + 4, words[1], site_ea + 4, 0, 0});
    put(site_ea + 4, 0x3860'0000);
    access(icbi, site_ea);
    EXPECT_EQ(patcher->overlay.mirror.patches(), 3U);
    expect(gone, State::dropped, Reason::written);
    // What it has written since then nobody has told of.
    access(stw, site_ea + 0x60, 0x3860'0001);
    access(lwarx, site_ea);
    ASSERT_FALSE(mirrored(site_ea));
    EXPECT_EQ(patcher->overlay.mirror.patches(), 0U);
    EXPECT_EQ(stubs(), 0U);
}

// A site that a device has brought is no patch yet, though its copy is another word.
TEST_F(PatcherTest, WhatADeviceHasWrittenIsPatchedWhenItIsDue) {
    heat(site_ea, mfmsr(3));
    put(site_ea + 4, mfmsr(5));
    for (unsigned i = 1; i < threshold; ++i) exit(site_ea + 4, mfmsr(5));
    expect(exit(site_ea + 4, mfmsr(5)), State::patched, Reason::pays);
    EXPECT_EQ(copy(site_ea + 4), dbt::plan(mfmsr(5), patcher->map).word);
    EXPECT_EQ(patcher->overlay.mirror.patches(), 2U);
}

// ---- Where there are no patches.

TEST_F(PatcherTest, OnlyWhatEveryProcessSharesIsPatched) {
    map(0x4000'0000, 0x0030'0000, 0, 0, 5);
    v.regs.pid[0] = 5;
    expect(heat(0x4000'0000, mfmsr(3), 0x0030'0000), State::hot, Reason::no_mapping);
    v.regs.pid[0] = 0;
    // In the guest's address space 1.
    v.regs.msr |= msr::is | msr::ds;
    map(0x4800'0000, 0x0030'0000, 0, 0, 0, mas1::v | mas1::ts);
    expect(heat(0x4800'0000, mfmsr(3), 0x0030'0000), State::hot, Reason::no_mapping);
    v.regs.msr &= ~(msr::is | msr::ds);
    // Nothing there any more.
    expect(heat(0x5000'0000, mfmsr(3), 0x0030'0000), State::hot, Reason::no_mapping);
    EXPECT_FALSE(mirrored(0x0030'0000));
}

TEST_F(PatcherTest, WhatIsNotRamIsNotPatched) {
    for (unsigned i = 0; i < threshold; ++i) exit(device_ea + 0x100, mfmsr(3));
    const dbt::Site* const site = profile->sites.find(device_ea + 0x100, mfmsr(3));
    ASSERT_NE(site, nullptr);
    expect(*site, State::hot, Reason::no_mapping);
}

TEST_F(PatcherTest, OneAddressAtATimeRunsACopy) {
    map(alias_page, site_page);
    heat(site_ea, mfmsr(3));
    for (unsigned i = 1; i < threshold; ++i) exit(alias_ea, mfmsr(3));
    expect(exit(alias_ea, mfmsr(3)), State::hot, Reason::no_mapping);
    // When the guest has it at the other address alone, that one is patched.
    v.tlb.write(v.tlb.tlb1(0), 1, mas1::v | mas1::iprot | 4U << 8, 0, mas3::permissions, 0);
    ASSERT_EQ(v.tlb.find(site_ea, false, v.regs.pid).entry, nullptr);
    expect(again(alias_ea, mfmsr(3)), State::patched, Reason::pays);
    EXPECT_EQ(patcher->overlay.mirror.page(site_ea)->ea, alias_page);
    expect(*profile->sites.find(site_ea, mfmsr(3)), State::back, Reason::no_mapping);
}

TEST_F(PatcherTest, AFrameWithFewPatchesMakesWay) {
    begin(patch::Mode::hot, 1);
    dbt::Site& first = heat(site_ea, mfmsr(3));
    dbt::Site& second = heat(0x0080'0000, mfmsr(3));
    expect(second, State::patched, Reason::pays);
    expect(first, State::back, Reason::no_mirror);
    EXPECT_FALSE(mirrored(site_ea));
    for (unsigned i = 1; i < 8; ++i) heat(0x0080'0000 + 4 * i, mfmsr(3));
    dbt::Site& third = heat(0x0100'0000, mfmsr(3));
    expect(third, State::hot, Reason::no_mirror);
    expect(second, State::patched, Reason::pays);
}

TEST_F(PatcherTest, AFrameThatHasGoneColdMakesWay) {
    begin(patch::Mode::hot, 1);
    constexpr u32 text = 0x0080'0000, wanted = 0x0100'0000;
    dbt::Site* sites[8];
    for (u32 i = 0; i < 8; ++i) sites[i] = &heat(text + 4 * i, mfmsr(3));
    for (auto* const site : sites) site->window_rate = 100;
    pass(u64{256} << 20);
    expect(heat(wanted, mfmsr(3)), State::hot, Reason::no_mirror);
    for (auto* const site : sites) site->window_rate = 10;
    expect(again(wanted, mfmsr(3)), State::patched, Reason::pays);
    expect(*sites[0], State::back, Reason::no_mirror);
    EXPECT_FALSE(mirrored(text));
}

TEST_F(PatcherTest, NothingIsPatchedInAWindow) {
    heat(site_ea, mfmsr(3));
    begin_or_end_window();
    ASSERT_TRUE(patcher->in_window);
    dbt::Site& site = heat(site_ea + 4, mfmsr(5));
    expect(site, State::cold, Reason::none);
    begin_or_end_window();  // only its measuring begins
    ASSERT_TRUE(patcher->in_window);
    begin_or_end_window();
    ASSERT_FALSE(patcher->in_window);
    exit(site_ea + 4, mfmsr(5));
    exit(site_ea + 4, mfmsr(5));
    expect(site, State::patched, Reason::pays);
}

TEST_F(PatcherTest, OffMeansOff) {
    patch::Config config{};
    config.mode = patch::Mode::off;
    patch::start(v, patcher, config);
    EXPECT_EQ(v.patcher, nullptr);
    EXPECT_EQ(v.next_sample, ~u64{0});
    config.mode = patch::Mode::hot;
    vcpu::start_profile(v, nullptr);
    patch::start(v, patcher, config);
    EXPECT_EQ(v.patcher, nullptr) << "without a profile nobody knows what is hot";
}

TEST_F(PatcherTest, AGuestThatIsSteppedRunsNoPatches) {
    constexpr u32 dbcr0 = 308;
    heat(site_ea, mfspr(7, srr0));
    ASSERT_TRUE(patcher->overlay.on);
    run(v, mtspr(dbcr0, 4), e500::dbcr0::idm | e500::dbcr0::icmp);
    vcpu::set_msr(v, e500::msr::de);
    EXPECT_FALSE(patcher->overlay.present);
    vcpu::set_msr(v, 0);
    EXPECT_TRUE(patcher->overlay.present);
    run(v, mtspr(dbcr0, 4), 0);
}

TEST_F(PatcherTest, APatcherThatHasStoppedIsToldOfNothing) {
    heat(site_ea, mfspr(7, srr0));
    patch::stop(v);
    EXPECT_EQ(v.patch_events, nullptr);
    map(site_page, 0x0040'0000);
    vcpu::set_msr(v, e500::msr::is | e500::msr::ds);
    vcpu::set_msr(v, 0);
}

// ---- After a storage interrupt, where the guest may do now what the core's entry forbids.

// A large entry made for loads in a window, and a store to it, or the dcbi that is one.
TEST_F(PatcherTest, AStoreBesideCopiedTextGetsOnInAWindow) {
    constexpr u32 ea = 0x5000'0000, data = ea + 0x4'0000, gpa = 0x0800'0000, tsize = 7;
    ASSERT_TRUE(v.memory->add({gpa, u64{16} << 20U, 0x9000'0000, mmu::RegionKind::ram, 0}));
    map(ea, gpa, tsize);
    core::write_ram(0x9000'0100, 4, mfmsr(3));
    for (unsigned i = 0; i < threshold; ++i) {
        exit(ea + 0x100, mfmsr(3));
    }
    ASSERT_TRUE(mirrored(gpa + 0x100));
    begin_or_end_window();
    ASSERT_TRUE(patcher->in_window);
    for (const bool by_dcbi : {false, true}) {
        ASSERT_EQ(fill(data, Access::load), Fill::done);
        ASSERT_EQ(entry_for(data, true).size(), 0x10'0000U);
        if (by_dcbi) {
            run(v, dcbi(0, 4), data);
        } else {
            the_core().esr = e500::esr::st;
            the_core().dear = data;
            hv_full_exit(&v, static_cast<u32>(e500::Vector::data_storage));
            the_core().esr = 0;
            ASSERT_EQ(vcpu::resolve(v, data, Access::store), vcpu::FaultResult::resume);
        }
        ASSERT_EQ(the_core().matches(data, true).size(), 1U) << by_dcbi;
        EXPECT_EQ(permissions(entry_for(data, true)) & mas3::uw, mas3::uw);
    }
}

// What is watched for being executed and cannot be mirrored then.
TEST_F(PatcherTest, WhatIsExecutedBesideAFullMirrorHasOneEntry) {
    begin(patch::Mode::eager, 1);
    for (u32 i = 0; i < 8; ++i) heat(site_ea + 8 * i, mfmsr(3));
    constexpr u32 other = site_page + 0x80'0000;
    map(alias_page, 0x0090'0000);
    for (const u32 ea : {other, alias_page}) {
        ASSERT_EQ(fill(ea, Access::load), Fill::done);
        ASSERT_EQ(permissions(entry_for(ea, true)) & mas3::ux, 0U);
        v.nip = ea;
        hv_full_exit(&v, static_cast<u32>(e500::Vector::instruction_storage));
        ASSERT_FALSE(mirrored(v.tlb.find(ea, false, v.regs.pid).entry->gpa(ea)));
        ASSERT_EQ(vcpu::resolve(v, ea, Access::fetch), vcpu::FaultResult::resume);
        EXPECT_EQ(the_core().matches(ea, true).size(), 1U);
        EXPECT_EQ(permissions(entry_for(ea, true)) & mas3::ux, mas3::ux);
    }
}

// ---- Eager.

TEST_F(PatcherTest, EagerPatchesWhatIsExecutedAtOnce) {
    begin(patch::Mode::eager, 3);
    put(site_ea, mfmsr(3));
    put(site_ea + 4, 0x3860'0001);
    put(site_ea + 8, wrteei(true));
    const auto hit = v.tlb.find(site_ea, false, v.regs.pid);
    patch::executes(v, *hit.entry, site_ea + 0x20);
    ASSERT_TRUE(mirrored(site_ea));
    EXPECT_EQ(copy(site_ea) >> 26, 32U);
    EXPECT_EQ(copy(site_ea + 4), 0x3860'0001U);
    EXPECT_NE(stub_of(site_ea + 8), nullptr);
    EXPECT_EQ(patcher->overlay.mirror.patches(), 2U);
    // A site is one when an exit, in a window say, has made it known.
    for (unsigned i = 1; i < threshold; ++i) exit(site_ea, mfmsr(3));
    expect(exit(site_ea, mfmsr(3)), State::patched, Reason::eager);
}

TEST_F(PatcherTest, EagerTracksWhatIsExecutedPageByPage) {
    begin(patch::Mode::eager, 3);
    ASSERT_EQ(fill(0x0030'0000, Access::load), Fill::done);
    EXPECT_EQ(permissions(entry_for(0x0030'0000, true)), mas3::ur | mas3::uw)
        << "to be told when it is executed";
    heat(site_ea, mfmsr(3));
    access(lwarx, site_ea);
    EXPECT_FALSE(mirrored(site_ea));
    ASSERT_EQ(fill(site_ea, Access::load), Fill::done);
    EXPECT_EQ(permissions(entry_for(site_ea, true)), mas3::ux | mas3::ur | mas3::uw)
        << "given back: as it is, or each fetch would ask";
}

TEST_F(PatcherTest, AStoreAtAPagesEndLeavesTheNextPage) {
    const u32 next = site_page + 0x1000;
    heat(site_page + 0xff0, mfmsr(5));
    expect(heat(next, mfmsr(5)), State::patched, Reason::pays);
    access(stw, site_page + 0xffc, 0x6000'0000);
    EXPECT_EQ(copy(site_page + 0xffc), 0x6000'0000U);
    EXPECT_NE(copy(next), own(next)) << "the patch is still there";
}

TEST_F(PatcherTest, WhatIsWrittenToACopyIsMadeAnInstruction) {
    heat(site_ea, mfmsr(5));
    the_core().synced.clear();
    access(stw, site_ea + 8, 0x6000'0000);
    const u64 word = patcher->overlay.text_hpa(site_ea + 8);
    EXPECT_EQ(std::ranges::count(the_core().synced, word), 1);
}

TEST_F(PatcherTest, AllOfABlockIsFetchedAgain) {
    heat(site_ea, mfmsr(5));
    for (u32 at = site_ea + 4; at < site_ea + 0x20; at += 4) put(at, 0x3860'0000 | at % 0x20);
    access(icbi, site_ea);
    for (u32 at = site_ea + 4; at < site_ea + 0x20; at += 4) EXPECT_EQ(copy(at), own(at));
    EXPECT_NE(copy(site_ea), own(site_ea)) << "the patch is still there";
}

}  // namespace
}  // namespace trapeze::test
