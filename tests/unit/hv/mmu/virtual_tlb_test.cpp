// SPDX-License-Identifier: Apache-2.0
#include "hv/mmu/virtual_tlb.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace trapeze::mmu {
namespace {

constexpr u32 v = 0x80000000U, iprot = 0x40000000U, ts = 0x1000U;
constexpr u32 tid(u32 n) { return n << 16U; }
constexpr u32 tsize(u32 n) { return n << 8U; }
constexpr u32 mas0(u32 tlb, u32 entry) { return tlb << 28U | entry << 16U; }

class VirtualTlbTest : public testing::Test {
  protected:
    void SetUp() override { tlb->reset(128); }
    VirtualEntry& write(u32 where, u32 mas1, u32 mas2, u32 mas3 = 0x3f, u32 mas7 = 0) {
        VirtualEntry* const entry = tlb->select(where, mas2);
        tlb->write(*entry, where >> 28U & 3U, mas1, mas2, mas3, mas7);
        return *entry;
    }
    bool hits(u32 ea, bool space = false, u32 pid0 = 0, u32 pid1 = 0, u32 pid2 = 0) {
        return tlb->find(ea, space, {pid0, pid1, pid2}).entry != nullptr;
    }
    std::unique_ptr<VirtualTlb> tlb = std::make_unique<VirtualTlb>();
};

TEST_F(VirtualTlbTest, Tlb0HoldsFourWaysOfEachSet) {
    // With 128 sets, EA bits 7 up from the page choose the set: pages 128 apart share one.
    for (u32 way = 0; way < 4; ++way) {
        write(mas0(0, way), v, 0x5000U + (way << 19U));
    }
    for (u32 way = 0; way < 4; ++way) {
        const auto hit = tlb->find(0x5123U + (way << 19U), false, {0, 0, 0});
        ASSERT_NE(hit.entry, nullptr);
        EXPECT_EQ(hit.tlb, 0);
        EXPECT_EQ(hit.index, way);
    }
    write(mas0(0, 2), v, 0x5000U + (9U << 19U));
    EXPECT_FALSE(hits(0x5000U + (2U << 19U))) << "replaced";
    EXPECT_TRUE(hits(0x5000U + (9U << 19U)));
    EXPECT_TRUE(hits(0x5000U));
    EXPECT_FALSE(hits(0x4fffU));
    EXPECT_FALSE(hits(0x6000U));
}

TEST_F(VirtualTlbTest, MoreSetsHoldMore) {
    tlb->reset(512);
    EXPECT_EQ(tlb->sets(), 512U);
    for (u32 page = 0; page < 512; ++page) {
        write(mas0(0, 1), v, page << 12U, page << 12U | 0x3fU);
    }
    for (u32 page = 0; page < 512; ++page) {
        const auto hit = tlb->find(page << 12U, false, {0, 0, 0});
        ASSERT_NE(hit.entry, nullptr);
        EXPECT_EQ(hit.entry->gpa((page << 12U) + 0xabc), (page << 12U) + 0xabcU);
    }
}

TEST_F(VirtualTlbTest, Tlb0IgnoresTsizeAndIprot) {
    const auto& entry = write(mas0(0, 0), v | iprot | tsize(5), 0x7000);
    EXPECT_EQ(entry.size(), 0x1000U);
    EXPECT_FALSE(hits(0x8000));
    EXPECT_EQ(entry.mas1 & iprot, 0U);
}

// What its size does not need of an address counts for nothing (manual 12.3.2).
TEST_F(VirtualTlbTest, ALargePageIgnoresTheLowBitsOfItsAddresses) {
    for (u32 t = 1; t <= 9; ++t) {
        const u32 size = 0x400U << (2U * t);
        const auto& entry = write(mas0(1, 3), v | tsize(t), 0xc0000000U | ((size - 1) & ~0xfffU),
                                  0x20000000U | ((size - 1) & ~0xfffU) | 0x3fU);
        EXPECT_EQ(entry.epn(), 0xc0000000U) << t;
        EXPECT_EQ(entry.gpa(0xc0000abcU), 0x20000abcU) << t;
    }
}

TEST_F(VirtualTlbTest, KnowsWhichFramesSmallPagesMayMap) {
    constexpr u64 frame = 0x400000;
    EXPECT_FALSE(tlb->may_map_small(frame));
    write(mas0(0, 0), v, 0x7000, 0x7ff000U | 0x3fU);
    EXPECT_TRUE(tlb->may_map_small(frame));
    EXPECT_TRUE(tlb->may_map_small(2 * frame - 1));
    EXPECT_FALSE(tlb->may_map_small(0));
    EXPECT_FALSE(tlb->may_map_small(2 * frame));
    tlb->flush_tlb0();
    EXPECT_FALSE(tlb->may_map_small(frame));
}

TEST_F(VirtualTlbTest, EveryPageSizeOfTlb1) {
    for (u32 t = 1; t <= 11; ++t) {
        tlb->reset(128);
        const u64 size = u64{0x400} << (2U * t);
        const u32 base = t == 11 ? 0 : static_cast<u32>(0x80000000U & ~(size - 1));
        write(mas0(1, t), v | tsize(t), base | 0x123000U, 0xa0000000U | 0x3fU, 0xc);
        const u32 last = static_cast<u32>(base + (size - 1));
        if (size > 0x400000) {
            EXPECT_TRUE(hits(base)) << t;
            EXPECT_TRUE(hits(last)) << t;
            const auto hit = tlb->find(last, false, {0, 0, 0});
            ASSERT_NE(hit.entry, nullptr);
            EXPECT_EQ(hit.tlb, 1);
            EXPECT_EQ(hit.index, t);
            // RPN bits below the page size do not count.
            EXPECT_EQ(hit.entry->gpa(last),
                      0xc'0000'0000U | ((0xa0000000U & ~(size - 1)) | (last & (size - 1))));
        } else {
            const u32 page = static_cast<u32>((base | 0x123000U) & ~(size - 1));
            EXPECT_TRUE(hits(page)) << t;
            EXPECT_TRUE(hits(static_cast<u32>(page + size - 1))) << t;
            EXPECT_FALSE(hits(page - 1)) << t;
            EXPECT_FALSE(hits(static_cast<u32>(page + size))) << t;
        }
        if (t < 11 && size > 0x400000) {
            EXPECT_FALSE(hits(base - 1)) << t;
            EXPECT_FALSE(hits(last + 1)) << t;
        }
    }
}

TEST_F(VirtualTlbTest, TidMatchesZeroOrAnyOfThreePids) {
    write(mas0(0, 0), v | tid(7), 0x1000);
    EXPECT_FALSE(hits(0x1000));
    EXPECT_TRUE(hits(0x1000, false, 7));
    EXPECT_TRUE(hits(0x1000, false, 0, 7));
    EXPECT_TRUE(hits(0x1000, false, 0, 0, 7));
    EXPECT_FALSE(hits(0x1000, false, 6, 8, 0x107));
    write(mas0(1, 3), v | tsize(2), 0x4000);
    EXPECT_TRUE(hits(0x7fff, false, 1, 2, 3)) << "TID 0 serves everyone";
}

TEST_F(VirtualTlbTest, AddressSpacesAreApart) {
    write(mas0(0, 0), v | ts, 0x1000);
    write(mas0(1, 0), v | tsize(2), 0x4000);
    EXPECT_TRUE(hits(0x1000, true));
    EXPECT_FALSE(hits(0x1000, false));
    EXPECT_TRUE(hits(0x4000, false));
    EXPECT_FALSE(hits(0x4000, true));
}

TEST_F(VirtualTlbTest, SearchUsesItsOwnPidAlone) {
    write(mas0(0, 2), v | tid(9), 0x1000);
    EXPECT_EQ(tlb->search(0x1000, false, 9).index, 2);
    EXPECT_EQ(tlb->search(0x1000, false, 8).entry, nullptr);
}

TEST_F(VirtualTlbTest, InvalidEntriesAreNotFound) {
    write(mas0(0, 0), tsize(1), 0x1000);
    write(mas0(1, 0), tsize(11), 0);
    EXPECT_FALSE(hits(0x1000));
    auto& entry = write(mas0(0, 1), v, 0x1000);
    EXPECT_TRUE(hits(0x1000));
    tlb->invalidate(entry);
    EXPECT_FALSE(hits(0x1000));
    EXPECT_FALSE(tlb->valid(entry, 0));
}

TEST_F(VirtualTlbTest, FlushOfTlb0LeavesTlb1AndLaterEntries) {
    auto& old = write(mas0(0, 0), v, 0x1000);
    write(mas0(1, 0), v | tsize(2), 0x4000);
    tlb->flush_tlb0();
    EXPECT_FALSE(hits(0x1000));
    EXPECT_FALSE(tlb->valid(old, 0));
    EXPECT_TRUE(hits(0x4000));
    write(mas0(0, 1), v, 0x2000);
    EXPECT_TRUE(hits(0x2000));
    EXPECT_FALSE(hits(0x1000));
    write(mas0(0, 0), v, 0x1000);
    EXPECT_TRUE(hits(0x1000));
}

TEST_F(VirtualTlbTest, FlushOfTlb1LeavesWhatIprotProtects) {
    write(mas0(0, 0), v, 0x1000);
    write(mas0(1, 0), v | iprot | tsize(2), 0x4000);
    write(mas0(1, 15), v | tsize(2), 0x8000);
    tlb->flush_tlb1();
    EXPECT_TRUE(hits(0x1000));
    EXPECT_TRUE(hits(0x4000));
    EXPECT_FALSE(hits(0x8000));
}

TEST_F(VirtualTlbTest, SelectNamesTwoTlbs) {
    EXPECT_EQ(tlb->select(mas0(1, 15), 0), &tlb->tlb1(15));
    EXPECT_EQ(tlb->select(mas0(0, 3), 0x7f000), tlb->set(0x7f000) + 3);
    EXPECT_EQ(tlb->select(mas0(0, 7), 0), tlb->select(mas0(0, 3), 0)) << "ESEL has two bits here";
    EXPECT_EQ(tlb->select(mas0(2, 0), 0), nullptr);
    EXPECT_EQ(tlb->select(mas0(3, 0), 0), nullptr);
}

TEST_F(VirtualTlbTest, ConfigurationRegisters) {
    // ASSOC 4, MINSIZE 1, MAXSIZE 1, neither IPROT nor AVAIL, NENTRY 512 (manual table 2-39).
    EXPECT_EQ(tlb->tlb0cfg(), 0x04110200U);
    tlb->reset(512);
    EXPECT_EQ(tlb->tlb0cfg(), 0x04110800U);
    // ASSOC 16, 4 KiB to 4 GiB, IPROT, AVAIL, NENTRY 16.
    EXPECT_EQ(VirtualTlb::tlb1cfg(), 0x101bc010U);
}

TEST_F(VirtualTlbTest, VictimsTakeTurns) {
    EXPECT_EQ(tlb->victim(), 0U);
    for (u32 i = 1; i <= 8; ++i) {
        EXPECT_EQ(tlb->next_victim(), i % 4);
        EXPECT_EQ(tlb->victim(), i % 4);
    }
}

}  // namespace
}  // namespace trapeze::mmu
