// SPDX-License-Identifier: Apache-2.0
#include "hv/mmu/overlay.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace trapeze::mmu {
namespace {

using View = Overlay::View;
namespace mas1 = e500::mas1;
namespace mas2 = e500::mas2;
namespace mas3 = e500::mas3;

constexpr u32 home = 0xc040'0000, elsewhere = 0xd000'0000, stolen_ea = 0xc0c0'3000;
constexpr u64 gpa = 0x40'0000;        // of `home`
constexpr u64 beside = gpa + 0x8000;  // in its frame

VirtualEntry entry_of(u32 ea, u64 to, bool steady, bool text) {
    return {mas1::v | (steady ? 0 : 7u << 16) | 1u << 8,
            ea,
            static_cast<u32>(to) | (text ? mas3::sx : 0),
            0,
            0,
            mas2::epn_mask};
}

class OverlayTest : public testing::Test {
  protected:
    OverlayTest() : overlay(std::make_unique<Overlay>()) {
        o().mirror.reset(2);
        o().cache.reset();
        o().cache.add_page(stolen_ea);
        o().low = stolen_ea;
        o().bytes = 0x1000;
        o().on = o().present = true;
        o().track = false;
        o().mirror_hpa = 0x8000'0000;
    }
    Overlay& o() { return *overlay; }
    void mirror() {
        auto& frame = *o().mirror.open(gpa);
        o().mirror.add(frame, tcache::MirrorFrame::index(gpa), home);
    }

    // What fetches, loads and stores see: of the kernel, then of user mode; a letter each.
    std::string views(u32 ea, u64 to, const Layout& layout, bool steady = true, bool text = true) {
        constexpr char letter[] = {'.', 'r', 't', 'l', 'X', 'E'};
        const VirtualEntry entry = entry_of(ea & ~0xfffU, to, steady, text);
        std::string all;
        for (const bool user : {false, true}) {
            for (const Access access : {Access::fetch, Access::load, Access::store}) {
                const View view = o().look(entry, ea, to, access, user, layout);
                all += letter[static_cast<unsigned>(view)];
            }
            if (!user) all += ' ';
        }
        return all;
    }
    static_assert(static_cast<unsigned>(View::plain) == 0 &&
                  static_cast<unsigned>(View::read_only) == 1 &&
                  static_cast<unsigned>(View::tracked) == 2 &&
                  static_cast<unsigned>(View::loads) == 3 &&
                  static_cast<unsigned>(View::text) == 4 &&
                  static_cast<unsigned>(View::traced) == 5);

    std::unique_ptr<Overlay> overlay;
};

TEST_F(OverlayTest, WhatIsNotKnownIsTheGuests) {
    mirror();
    EXPECT_EQ(views(0xc000'1000, 0x1000, straight), "... ...");
    EXPECT_EQ(views(home + 0x8000, beside, straight), "... ...") << "in a frame, not mirrored";
    EXPECT_EQ(views(home, gpa + 0x1'0000'0000, straight), "... ...") << "above 4 GiB";
    EXPECT_EQ(views(0xc000'1000, 0x1000, crossed), "... ...");
}

TEST_F(OverlayTest, AMirroredPage) {
    mirror();
    EXPECT_EQ(views(home, gpa, straight), "XEE rrE");
    EXPECT_EQ(views(home + 0x123, gpa + 0x123, straight), "XEE rrE");
    EXPECT_EQ(views(home, gpa, crossed), "XrE rEE")
        << "the user's loads come from the space of the text";
    EXPECT_EQ(views(elsewhere, gpa, crossed), "rrE rrE");
}

TEST_F(OverlayTest, AMirroredPageThatRunsUnpatched) {
    mirror();
    for (const Layout& layout : {straight, crossed}) {
        EXPECT_EQ(views(elsewhere, gpa, layout), "rrE rrE") << "at another address";
        EXPECT_EQ(views(home, gpa, layout, false), "rrE rrE") << "of one process";
        o().on = false;
        EXPECT_EQ(views(home, gpa, layout), "rrE rrE") << "in a window";
        o().on = true;
    }
}

TEST_F(OverlayTest, AStolenPage) {
    EXPECT_EQ(views(stolen_ea, 0x1000, straight), "rEE ...") << "fetches are asked for elsewhere";
    EXPECT_EQ(views(stolen_ea + 0xfff, 0x1fff, straight), "rEE ...");
    EXPECT_EQ(views(stolen_ea, 0x1000, straight, false), "rEE ...") << "whoever maps it";
    EXPECT_EQ(views(stolen_ea - 0x1000, 0x1000, straight), "... ...");
    EXPECT_EQ(views(stolen_ea + 0x1000, 0x1000, straight), "... ...");
    EXPECT_EQ(views(stolen_ea, 0x1000, crossed, true, false), "... .EE") << "the user's data alone";
    EXPECT_EQ(views(stolen_ea, 0x1000, crossed), ".rE rEE")
        << "it may be written to be executed, also through what user mode executes";
    mirror();
    EXPECT_EQ(views(stolen_ea, gpa, straight), "rEE rrE") << "text that is mirrored elsewhere";
    o().present = false;
    EXPECT_EQ(views(stolen_ea, 0x1000, straight), "... ...");
}

TEST_F(OverlayTest, TrackingTakesFetchesOfTheKernelAway) {
    mirror();
    o().track = true;
    for (const Layout& layout : {straight, crossed}) {
        // An entry for data in the space that the kernel fetches from.
        const auto* const tracked = layout.beside_text(false) ? ".tt ..." : "... .tt";
        EXPECT_EQ(views(0xc000'1000, 0x1000, layout), tracked);
        EXPECT_EQ(views(home + 0x8000, beside, layout), tracked);
        EXPECT_EQ(views(0xc000'1000, 0x1000, layout, false), tracked) << "of one process";
        const auto* const mirrored = layout.beside_text(false) ? "rlE rrE" : "rrE rlE";
        EXPECT_EQ(views(elsewhere, gpa, layout), mirrored) << "at another address";
        EXPECT_EQ(views(home, gpa, layout, false), mirrored) << "of one process";
    }
    EXPECT_EQ(views(home, gpa, straight), "XEE rrE");
    o().mirror.set_plain(*o().mirror.find(beside), tcache::MirrorFrame::index(beside), true);
    EXPECT_EQ(views(home + 0x8000, beside, straight), "... ...") << "known, and left as it is";
    o().on = false;
    EXPECT_EQ(views(0xc000'1000, 0x1000, straight), "... ...");
}

TEST_F(OverlayTest, PermissionsFollowTheView) {
    EXPECT_EQ(Overlay::permitted(View::plain, mas3::permissions), mas3::permissions);
    EXPECT_EQ(Overlay::permitted(View::read_only, mas3::permissions),
              mas3::permissions & ~(mas3::sw | mas3::uw));
    EXPECT_EQ(Overlay::permitted(View::tracked, mas3::permissions), mas3::permissions & ~mas3::sx);
    EXPECT_EQ(Overlay::permitted(View::loads, mas3::permissions), mas3::ux | mas3::ur | mas3::sr);
    EXPECT_EQ(Overlay::permitted(View::read_only, mas3::sr), mas3::sr);
}

TEST_F(OverlayTest, CopiesStandInTheirFramesMemory) {
    auto& other = *o().mirror.open(0);
    mirror();
    EXPECT_EQ(o().mirror.number(other), 0U);
    EXPECT_EQ(o().text_hpa(gpa + 0x123), 0x8000'0000U + 0x40'0000U + 0x123U);
    EXPECT_EQ(o().text_hpa(0x3ff'ffc), 0x8000'0000U + 0x3ff'ffcU);
}

TEST_F(OverlayTest, NoEntryMapsAStolenPageWithOthers) {
    for (u64 size = 0x4000; size <= 0x1'0000'0000; size *= 4) {
        const u32 base = stolen_ea & ~static_cast<u32>(size - 1);
        EXPECT_FALSE(o().uniform(base, 0x1000'0000, size, 0x1000'0000, true)) << size;
        EXPECT_TRUE(o().uniform(base, 0x1000'0000, size, 0x1000'0000, false)) << "not for data";
        if (size > 0x1000'0000) continue;
        EXPECT_TRUE(
            o().uniform(base + static_cast<u32>(size), 0x1000'0000, size, 0x1000'0000, true));
        EXPECT_TRUE(
            o().uniform(base - static_cast<u32>(size), 0x1000'0000, size, 0x1000'0000, true));
    }
    EXPECT_TRUE(o().uniform(stolen_ea - 0x1000, 0x1000'0000, 0x1000, 0x1000'0000, true));
    // Between two of them, a gap.
    o().cache.add_page(stolen_ea + 0x10'0000);
    o().bytes = 0x10'1000;
    EXPECT_TRUE(o().uniform(stolen_ea + 0x1'd000, 0x1000'0000, 0x1000, 0x1000'0000, true));
    EXPECT_TRUE(o().uniform(stolen_ea + 0xf'f000, 0x1000'0000, 0x1000, 0x1000'0000, true));
    EXPECT_TRUE(o().uniform(0xc0c8'0000, 0x1000'0000, 0x4'0000, 0x1000'0000, true));
    EXPECT_FALSE(o().uniform(0xc0d0'0000, 0x1000'0000, 0x4000, 0x1000'0000, true));
    o().present = false;
    EXPECT_TRUE(o().uniform(0xc0d0'0000, 0x1000'0000, 0x4000, 0x1000'0000, true));
}

TEST_F(OverlayTest, NoEntryMapsMirroredPagesWithOthers) {
    mirror();
    EXPECT_FALSE(o().uniform(home, gpa, 0x4000, gpa, true));
    EXPECT_FALSE(o().uniform(home, gpa, 0x4000, gpa + 0x1000, false));
    EXPECT_TRUE(o().uniform(home, gpa, 0x1000, gpa, true));
    auto& frame = *o().mirror.find(gpa);
    for (unsigned i = 1; i < 4; ++i) o().mirror.add(frame, i, home + i * 0x1000);
    EXPECT_TRUE(o().uniform(home, gpa, 0x4000, gpa, true));
}

TEST_F(OverlayTest, NothingIsThereOnlyIfLookAgrees) {
    mirror();
    EXPECT_TRUE(o().nothing_at(0xc000'1000, 0x1000));
    EXPECT_FALSE(o().nothing_at(elsewhere, gpa));
    EXPECT_FALSE(o().nothing_at(stolen_ea, 0x1000));
    EXPECT_FALSE(o().nothing_at(home + 0x8000, beside)) << "may say no";
    o().present = false;
    EXPECT_TRUE(o().nothing_at(stolen_ea, 0x1000));
    o().track = true;
    EXPECT_FALSE(o().nothing_at(0xc000'1000, 0x1000));
    EXPECT_TRUE(o().nothing_at(0xc000'1000, 0x1000, false)) << "the kernel may not execute it";
}

}  // namespace
}  // namespace trapeze::mmu
