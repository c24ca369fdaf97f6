// SPDX-License-Identifier: Apache-2.0
#include "hv/boot/place.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace trapeze::boot {
namespace {

constexpr u64 mib = u64{1} << 20U;
constexpr u32 tree_size = 1U << 20U;

// Seen in QEMU 7.2 with the same images (-machine dumpdtb, and r3 as a program prints it).
TEST(Place, PutsThePartsWhereTheBoardDoes) {
    const Extent uboot{0xf00000, 0x65e74, 0xf65e74};
    Placement p = place_parts(uboot, tree_size, 0, 256 * mib);
    EXPECT_TRUE(p.fits);
    EXPECT_EQ(p.tree, 0x2700000U);
    p = place_parts(uboot, tree_size, 1000, 256 * mib);
    EXPECT_EQ(p.tree, 0x2700000U);
    EXPECT_EQ(p.ramdisk, 64 * mib);
    const Extent large{0, 40 * mib + 1, 40 * mib + 1};
    p = place_parts(large, tree_size, 1000, 256 * mib);
    EXPECT_EQ(p.tree, 64 * mib);
    EXPECT_EQ(p.ramdisk, 65 * mib) << "the board would have both at 64 MiB";
}

TEST(Place, TreesStandOnAMebibyteInWhateverMemory) {
    for (u64 ram = 8 * mib; ram <= 512 * mib; ram += 4 * mib) {
        for (const u64 kernel : {u64{4}, 1 * mib - 4, 5 * mib, 5 * mib + 4}) {
            const Placement p = place_parts({0, kernel, kernel}, tree_size, 100'000, ram);
            ASSERT_TRUE(p.fits) << ram << " " << kernel;
            ASSERT_EQ(p.tree % mib, 0U) << ram << " " << kernel;
            ASSERT_GE(p.tree, kernel);
            ASSERT_GE(p.ramdisk, p.tree + tree_size);
            ASSERT_LE(p.ramdisk + 100'000, ram);
        }
    }
}

TEST(Place, MemoryThatTheBoardCannotHaveKeepsTheRamdiskLow) {
    const Extent kernel{0, 6 * mib, 6 * mib};
    EXPECT_EQ(place_parts(kernel, tree_size, 4 * mib, 128 * mib).ramdisk, 64 * mib);
    EXPECT_EQ(place_parts(kernel, tree_size, 4 * mib, 100 * mib).ramdisk, 31 * mib);
    EXPECT_EQ(place_parts(kernel, tree_size, 4 * mib, 64 * mib).ramdisk, 31 * mib) << "no room";
}

TEST(Place, ScarceRoomPacksAndNoRoomIsRefused) {
    Placement p = place_parts({0x10000, 0x1000, 0x11000}, tree_size, 0x1000, 4 * mib);
    EXPECT_TRUE(p.fits);
    EXPECT_EQ(p.tree, 1 * mib);
    p = place_parts({0, 0x211000, 0x211000}, tree_size, 0xd0000, 4 * mib);
    EXPECT_TRUE(p.fits);
    EXPECT_EQ(p.tree, 0x220000U) << "behind the kernel, because on a MiB nothing else fits";
    EXPECT_FALSE(place_parts({0, 0x311000, 0x311000}, tree_size, 0x1000, 4 * mib).fits);
    // Segments far apart: their sum says little, and the tree is behind the last.
    p = place_parts({0, 2 * mib, 60 * mib + 4}, tree_size, 0x1000, 128 * mib);
    EXPECT_TRUE(p.fits);
    EXPECT_GE(p.tree, 60 * mib + 4);
    EXPECT_GE(p.ramdisk, p.tree + tree_size);
}

TEST(Place, TheFirstMappingIsMoreThanWhatItCovers) {
    EXPECT_EQ(initial_map(1), 4 * mib);
    EXPECT_EQ(initial_map(25 * mib), 64 * mib);
    EXPECT_EQ(initial_map(64 * mib), 256 * mib) << "as QEMU: more, not as much";
    EXPECT_EQ(initial_map(64 * mib - 1), 64 * mib);
    EXPECT_EQ(initial_map(1400 * mib), 1U << 30U) << "its largest page that is not 4 GiB";
}

// Else patched text of a guest of 128 MiB would have to make way for an alignment that it has
// nothing of.
TEST(Place, NoMemoryIsAlignedToMoreThanItsSize) {
    for (const auto& [size, align] : {std::pair{0 * mib, 256 * mib},
                                      {1 * mib, 4 * mib},
                                      {4 * mib, 4 * mib},
                                      {16 * mib, 16 * mib},
                                      {63 * mib, 16 * mib},
                                      {64 * mib, 64 * mib},
                                      {128 * mib, 64 * mib},
                                      {256 * mib, 256 * mib},
                                      {1536 * mib, 256 * mib}}) {
        EXPECT_EQ(wanted_alignment(size), align) << size / mib;
    }
}

}  // namespace
}  // namespace trapeze::boot
