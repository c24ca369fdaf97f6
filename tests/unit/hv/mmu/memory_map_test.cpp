// SPDX-License-Identifier: Apache-2.0
#include "hv/mmu/memory_map.hpp"

#include <gtest/gtest.h>

namespace trapeze::mmu {
namespace {

constexpr u64 top = u64{1} << 36U;

Region ram(u64 gpa, u64 size, u64 hpa = 0) { return {gpa, size, hpa, RegionKind::ram, 0}; }

TEST(MemoryMap, FindsTheRegionOfEveryAddressAndNoOther) {
    MemoryMap map;
    ASSERT_TRUE(map.add(ram(0x1000, 0x2000)));
    ASSERT_TRUE(map.add({0x3000, 0x1000, 0, RegionKind::trapped, 5}));
    ASSERT_TRUE(map.add(ram(top - 0x1000, 0x1000)));
    EXPECT_EQ(map.count(), 3U);
    EXPECT_EQ(map.find(0xfff), nullptr);
    EXPECT_EQ(map.find(0x1000), &map[0]);
    EXPECT_EQ(map.find(0x2fff), &map[0]);
    EXPECT_EQ(map.find(0x3000), &map[1]);
    EXPECT_EQ(map.find(0x3fff)->device, 5);
    EXPECT_EQ(map.find(0x4000), nullptr);
    EXPECT_EQ(map.find(top - 0x1001), nullptr);
    EXPECT_EQ(map.find(top - 1), &map[2]);
    EXPECT_EQ(map.find(top), nullptr);
    EXPECT_EQ(map.find(~u64{0}), nullptr);
}

TEST(MemoryMap, RefusesOverlaps) {
    MemoryMap map;
    ASSERT_TRUE(map.add(ram(0x10000, 0x10000)));
    EXPECT_FALSE(map.add(ram(0x10000, 0x10000))) << "the same";
    EXPECT_FALSE(map.add(ram(0xf000, 0x1001))) << "its first byte";
    EXPECT_FALSE(map.add(ram(0x1ffff, 0x1000))) << "its last byte";
    EXPECT_FALSE(map.add(ram(0x14000, 0x100))) << "inside";
    EXPECT_FALSE(map.add(ram(0, top))) << "around";
    EXPECT_EQ(map.count(), 1U);
    EXPECT_TRUE(map.add(ram(0xf000, 0x1000))) << "up to it";
    EXPECT_TRUE(map.add(ram(0x20000, 0x1000))) << "from its end";
}

TEST(MemoryMap, HoldsWhatThirtySixBitsAddress) {
    MemoryMap map;
    EXPECT_FALSE(map.add(ram(0, 0))) << "empty";
    EXPECT_FALSE(map.add(ram(top, 1)));
    EXPECT_FALSE(map.add(ram(top - 1, 2)));
    EXPECT_FALSE(map.add(ram(0x1000, top - 0xfff)));
    EXPECT_FALSE(map.add(ram(0x1000, ~u64{0}))) << "wraps";
    EXPECT_FALSE(map.add(ram(~u64{0}, 1)));
    EXPECT_TRUE(map.add(ram(0, top)));
    EXPECT_EQ(map.ram_bytes(), top);
}

TEST(MemoryMap, SharedMemoryIsMemoryButNotRam) {
    MemoryMap map;
    ASSERT_TRUE(map.add(ram(0, 0x10000)));
    ASSERT_TRUE(map.add({0x10000, 0x2000, 0x70000, RegionKind::shared, 0, true}));
    ASSERT_TRUE(map.add({0x12000, 0x1000, 0, RegionKind::trapped, 0}));
    u64 hpa = 0;
    bool read_only = false;
    EXPECT_FALSE(map.ram_range(0x10000, 4, hpa)) << "no DMA, no copy of its text";
    EXPECT_EQ(map.ram_bytes(), 0x10000U);
    EXPECT_TRUE(map.memory_range(0x11ffc, 4, hpa, read_only));
    EXPECT_EQ(hpa, 0x71ffcU);
    EXPECT_TRUE(read_only);
    EXPECT_FALSE(map.memory_range(0x11ffd, 4, hpa, read_only));
    EXPECT_TRUE(map.memory_range(0x8000, 4, hpa, read_only));
    EXPECT_FALSE(read_only);
    EXPECT_FALSE(map.memory_range(0x12000, 4, hpa, read_only));
}

TEST(MemoryMap, IsFullAtItsCapacity) {
    MemoryMap map;
    for (unsigned i = 0; i < MemoryMap::capacity; ++i) {
        EXPECT_TRUE(map.add(ram(u64{i} << 20U, 0x1000)));
    }
    EXPECT_FALSE(map.add(ram(u64{MemoryMap::capacity} << 20U, 0x1000)));
}

TEST(MemoryMap, RamRangeLiesInOneRegion) {
    MemoryMap map;
    ASSERT_TRUE(map.add(ram(0x10000, 0x10000, 0x5'0000'3000)));
    ASSERT_TRUE(map.add(ram(0x20000, 0x10000, 0)));
    ASSERT_TRUE(map.add({0x30000, 0x1000, 0, RegionKind::direct, 0}));
    u64 hpa = 0;
    EXPECT_TRUE(map.ram_range(0x10000, 0x10000, hpa));
    EXPECT_EQ(hpa, 0x5'0000'3000U);
    EXPECT_TRUE(map.ram_range(0x1fffc, 4, hpa));
    EXPECT_EQ(hpa, 0x5'0001'2ffcU);
    EXPECT_FALSE(map.ram_range(0x1fffd, 4, hpa)) << "two regions";
    EXPECT_FALSE(map.ram_range(0x2fffd, 4, hpa)) << "beyond RAM";
    EXPECT_FALSE(map.ram_range(0x30000, 4, hpa)) << "a device";
    EXPECT_FALSE(map.ram_range(0xfffe, 2, hpa));
    EXPECT_FALSE(map.ram_range(0x10000, ~u64{0}, hpa));
    EXPECT_EQ(map.ram_bytes(), 0x20000U);
}

}  // namespace
}  // namespace trapeze::mmu
