// SPDX-License-Identifier: Apache-2.0
#include "shadow_fixture.hpp"

namespace trapeze::mmu {
namespace {

TEST_F(ShadowTlbTest, EveryPageSizeWithAlignedMemory) {
    use(0, u64{1} << 36U, 0);
    for (u32 t = 1; t <= 10; ++t) {
        test::reset_core();
        shadow->reset(straight, test::hole);
        const u64 size = u64{0x400} << (2U * t);
        ASSERT_EQ(fill(page(t, 0x40000000, 0x3'4000'0000), 0x40000000), Fill::done) << t;
        const auto* const entry = only(0x40000000, false);
        ASSERT_NE(entry, nullptr) << t;
        EXPECT_EQ(entry->size(), size) << t;
        EXPECT_EQ(entry->rpn(), 0x3'4000'0000U) << t;
        EXPECT_EQ(entry->mas3 & (ux | uw | ur), ux | uw | ur);
        EXPECT_EQ(entry->mas3 & (sr | sw), sr | sw) << "the VMM itself reads and writes there";
        EXPECT_EQ(entry->mas3 & sx, 0U) << "and never executes";
    }
}

TEST_F(ShadowTlbTest, PagesAreNoLargerThanTheHostsAlignmentAllows) {
    // 4 KiB, 16 KiB, ... 256 MiB of alignment between EA and HPA allow entries of that size.
    for (u32 t = 1; t <= 8; ++t) {
        test::reset_core();
        shadow->reset(straight, test::hole);
        const u64 size = u64{0x400} << (2U * t);
        use(0, u64{1} << 30U, 0x1'0000'0000 + size);
        const u32 ea = 0x40000000 + 0x0123'4000;
        ASSERT_EQ(fill(page(10, 0x40000000, 0), ea), Fill::done);
        const auto* const entry = only(ea, false);
        ASSERT_NE(entry, nullptr) << t;
        EXPECT_EQ(entry->size(), size) << t;
        EXPECT_EQ(entry->rpn() + (ea - entry->epn()), 0x1'0000'0000 + size + 0x0123'4000U) << t;
    }
}

TEST_F(ShadowTlbTest, EntriesEndWhereTheRegionDoes) {
    // RAM from 16 KiB up to 1 MiB + 20 KiB, in one guest page of 4 MiB.
    use(0x4000, 0x101000, 0x8000'4000);
    const auto& entry = page(6, 0x80000000, 0);
    for (const u32 offset : {0x4000U, 0x8000U, 0x10000U, 0x40000U, 0x100000U, 0x104000U}) {
        ASSERT_EQ(fill(entry, 0x80000000 + offset), Fill::done) << offset;
    }
    for (const auto& made : the_core().entries()) {
        EXPECT_GE(made.epn(), 0x80004000U);
        EXPECT_LE(made.epn() + made.size(), 0x80105000U);
        EXPECT_EQ(made.rpn() - 0x80000000U, made.epn() - 0x80000000U);
    }
    EXPECT_EQ(only(0x80104000, false)->size(), 0x1000U);
    EXPECT_EQ(only(0x80100000, false)->size(), 0x4000U);
    EXPECT_EQ(only(0x80040000, false)->size(), 0x40000U);
    EXPECT_EQ(fill(entry, 0x80003fff), Fill::no_memory);
    EXPECT_EQ(fill(entry, 0x80105000), Fill::no_memory);
}

TEST_F(ShadowTlbTest, SharedMemoryIsCoherentForAllAndReadOnlyForSome) {
    for (const bool read_only : {false, true}) {
        test::reset_core();
        shadow->reset(straight, test::hole);
        memory = {};
        ASSERT_TRUE(memory.add({0, 0x10000, 0x8000'0000, RegionKind::shared, 0, read_only}));
        const auto& entry = page(3, 0x40000000, 0, all, 0, 0x1a);  // WIMG: W, I, G
        ASSERT_EQ(fill(entry, 0x40000000), Fill::done);
        const auto* const made = only(0x40000000, false);
        EXPECT_EQ(made->mas2 & 0x1fU, 4U) << "M alone: others may map it otherwise";
        EXPECT_EQ(made->mas3 & (ux | ur), ux | ur);
        EXPECT_EQ(made->mas3 & (uw | sw), read_only ? 0 : uw | sw) << "the VMM's stores too";
        shadow->drop(entry);
        EXPECT_EQ(fill(entry, 0x40000000, Access::store), read_only ? Fill::device : Fill::done);
    }
}

TEST_F(ShadowTlbTest, TheHoleIsLeftOutOfSpaceZeroOnly) {
    const auto& entry = page(10, 0xc0000000, 0xc0000000);
    EXPECT_EQ(fill(entry, test::hole.base), Fill::hole);
    EXPECT_EQ(fill(entry, test::hole.base + test::hole.size - 1), Fill::hole);
    ASSERT_EQ(fill(entry, test::hole.base - 1), Fill::done);
    ASSERT_EQ(fill(entry, test::hole.base + test::hole.size), Fill::done);
    for (const auto& made : the_core().entries()) {
        EXPECT_FALSE(test::hole.overlaps(made.epn(), made.size()));
    }
    ASSERT_EQ(fill(entry, test::hole.base, Access::load, false), Fill::done)
        << "the kernel's data lie in AS1";
    EXPECT_EQ(only(test::hole.base, true)->size(), u64{1} << 30U);
}

TEST_F(ShadowTlbTest, RefusesWhatTheGuestsOwnBitsForbid) {
    struct Case {
        Access access;
        bool user;
        u32 bit;
    };
    for (const Case& c : {Case{Access::fetch, true, ux},
                          {Access::fetch, false, sx},
                          {Access::load, true, ur},
                          {Access::load, false, sr},
                          {Access::store, true, uw},
                          {Access::store, false, sw}}) {
        EXPECT_EQ(fill(page(2, 0x4000, 0, all & ~c.bit), 0x4000, c.access, c.user),
                  Fill::protection);
        EXPECT_EQ(fill(page(2, 0x4000, 0, c.bit), 0x4000, c.access, c.user), Fill::done);
        shadow->flush();
    }
}

TEST_F(ShadowTlbTest, DevicesAreNeverMappedAndDirectOnesAreGuarded) {
    use(0, 0x100000, 0, RegionKind::trapped);
    EXPECT_EQ(fill(page(5, 0, 0), 0), Fill::device);
    EXPECT_TRUE(the_core().entries().empty());
    use(0, 0x100000, 0xf'e000'0000, RegionKind::direct);
    ASSERT_EQ(fill(page(5, 0, 0, all, 0, 0x04), 0x5000), Fill::done);
    EXPECT_EQ(only(0x5000, false)->mas2 & 0x1f, 0x0aU) << "I and G whatever the guest says";
    EXPECT_EQ(only(0x5000, false)->rpn(), 0xf'e000'0000U);
}

TEST_F(ShadowTlbTest, MemoryIsCachedAsTheGuestSays) {
    for (const u32 attributes : {0x00U, 0x04U, 0x0aU, 0x1fU, 0x60U}) {
        ASSERT_EQ(fill(page(1, 0x3000, 0, all, 0, attributes), 0x3000), Fill::done);
        EXPECT_EQ(only(0x3000, false)->mas2 & 0x7f, attributes);
        shadow->drop_page(0x3000);
    }
    ASSERT_EQ(fill(page(1, 0x3000, 0, all | 0x2c0), 0x3000), Fill::done);
    EXPECT_EQ(only(0x3000, false)->mas3 & 0x3c0, 0x2c0U) << "U0-U3";
}

TEST_F(ShadowTlbTest, EntriesCarryTheGuestsTid) {
    ASSERT_EQ(fill(page(1, 0x3000, 0, all, 7U << 16U), 0x3000), Fill::done);
    EXPECT_EQ(only(0x3000, false), nullptr) << "PID is not 7";
    the_core().pid[1] = 7;
    EXPECT_NE(only(0x3000, false), nullptr);
}

TEST_F(ShadowTlbTest, AFullSetReplacesAndNeverDoubles) {
    for (u32 i = 0; i < 9; ++i) {
        ASSERT_EQ(fill(page(1, 0x5000 + (i << 19U), 0), 0x5000 + (i << 19U)), Fill::done);
    }
    EXPECT_EQ(the_core().entries().size(), 4U);
    EXPECT_NE(only(0x5000 + (8U << 19U), false), nullptr);
    for (unsigned i = 0; i < 9; ++i) {
        shadow->drop_page(0x5000);
        ASSERT_EQ(fill(page(1, 0x5000, 0), 0x5000), Fill::done);
        EXPECT_NE(only(0x5000, false), nullptr);
    }
}

TEST_F(ShadowTlbTest, LargePagesLeaveTheVmmItsSlots) {
    for (u32 i = 0; i < 40; ++i) {
        ASSERT_EQ(fill(page(2, i << 20U, i << 20U), i << 20U), Fill::done);
        EXPECT_NE(only(i << 20U, false), nullptr);
    }
    EXPECT_EQ(the_core().entries().size(), ShadowTlb::tlb1_slots);
    for (unsigned i = ShadowTlb::tlb1_slots; i < 16; ++i) {
        EXPECT_FALSE(the_core().tlb1[i].valid());
    }
}

TEST_F(ShadowTlbTest, LargePagesOfTwoPidsStandBesideEachOther) {
    ASSERT_EQ(fill(page(2, 0x40000000, 0, all, 1U << 16U), 0x40000000), Fill::done);
    ASSERT_EQ(fill(page(2, 0x40000000, 0x10000, all, 2U << 16U), 0x40000000), Fill::done);
    the_core().pid[0] = 1;
    ASSERT_NE(only(0x40000000, false), nullptr) << "neither takes the other's place";
    EXPECT_EQ(only(0x40000000, false)->rpn(), 0U);
    the_core().pid[0] = 2;
    ASSERT_NE(only(0x40000000, false), nullptr);
    EXPECT_EQ(only(0x40000000, false)->rpn(), 0x10000U);
}

TEST_F(ShadowTlbTest, LargePagesMakeWayInTurn) {
    constexpr u32 more = ShadowTlb::tlb1_slots + 5;
    for (u32 i = 0; i < more; ++i) {
        ASSERT_EQ(fill(page(2, i << 20U, i << 20U), i << 20U), Fill::done);
    }
    for (u32 i = ShadowTlb::tlb1_slots; i < more; ++i) {
        EXPECT_NE(only(i << 20U, false), nullptr) << i << " of those that came last";
    }
}

TEST_F(ShadowTlbTest, WhoTakesTheCoreHasItsOwnLargePagesThereAndNobodyElses) {
    const auto other = std::make_unique<ShadowTlb>();
    for (u32 i = 0; i < 3; ++i) {
        ASSERT_EQ(fill(page(2, i << 20U, i << 20U), i << 20U), Fill::done);
    }
    shadow->drop_range(1U << 20U, 0x1000);
    other->reset(straight, test::hole);
    other->take_core(*shadow);
    for (u32 i = 0; i < 3; ++i) EXPECT_EQ(only(i << 20U, false), nullptr) << i;
    shadow->take_core(*other);
    EXPECT_NE(only(0, false), nullptr);
    EXPECT_EQ(only(1U << 20U, false), nullptr) << "it was dropped";
    EXPECT_NE(only(2U << 20U, false), nullptr);
}

TEST_F(ShadowTlbTest, NoLargePageMakesWayWhileThereIsRoom) {
    for (u32 i = 0; i < ShadowTlb::tlb1_slots; ++i) {
        ASSERT_EQ(fill(page(2, i << 20U, i << 20U), i << 20U), Fill::done);
    }
    shadow->drop_range(3U << 20U, 0x1000);
    shadow->drop_range(7U << 20U, 0x1000);
    EXPECT_EQ(the_core().entries().size(), ShadowTlb::tlb1_slots - 2);
    for (const u32 i : {20U, 21U}) {
        ASSERT_EQ(fill(page(2, i << 20U, i << 20U), i << 20U), Fill::done);
    }
    EXPECT_EQ(the_core().entries().size(), ShadowTlb::tlb1_slots);
}

TEST_F(ShadowTlbTest, DropTakesBothSpacesAndEveryPiece) {
    use(0, 0x13000, 0x5000'1000);  // unaligned: pieces of 4 KiB
    const auto& entry = page(3, 0x40000000, 0);
    for (u32 at = 0; at < 0x10000; at += 0x1000) {
        ASSERT_EQ(fill(entry, 0x40000000 + at, Access::load, true), Fill::done);
        ASSERT_EQ(fill(entry, 0x40000000 + at, Access::load, false), Fill::done);
    }
    EXPECT_EQ(the_core().entries().size(), 32U);
    shadow->drop(entry);
    EXPECT_TRUE(the_core().entries().empty());

    use(0, u64{1} << 32U, 0);
    const auto& large = page(3, 0x40000000, 0);
    const auto& other = page(3, 0x40010000, 0x10000);
    const auto& small = page(1, 0x40020000, 0x20000);
    for (const bool user : {false, true}) {
        fill(large, 0x40000000, Access::store, user);
        fill(other, 0x40010000, Access::store, user);
        fill(small, 0x40020000, Access::store, user);
    }
    EXPECT_EQ(the_core().entries().size(), 6U);
    shadow->drop(large);
    EXPECT_EQ(the_core().entries().size(), 4U);
    EXPECT_EQ(only(0x4000ffff, false), nullptr);
    EXPECT_NE(only(0x40010000, false), nullptr);
    shadow->drop(small);
    EXPECT_EQ(only(0x40020000, true), nullptr);
    EXPECT_EQ(the_core().entries().size(), 2U);
}

TEST_F(ShadowTlbTest, FlushesLeaveNothing) {
    fill(page(1, 0x1000, 0), 0x1000);
    fill(page(5, 0x40000000, 0), 0x40000000);
    shadow->flush_tlb0();
    EXPECT_EQ(only(0x1000, false), nullptr);
    EXPECT_NE(only(0x40000000, false), nullptr);
    EXPECT_EQ(shadow->ready(0x1000, false), nullptr);
    fill(page(1, 0x1000, 0), 0x1000);
    EXPECT_NE(shadow->ready(0x1000, false), nullptr);
    shadow->flush();
    EXPECT_TRUE(the_core().entries().empty());
    EXPECT_EQ(shadow->ready(0x1000, false), nullptr);
}

TEST_F(ShadowTlbTest, SmallEntriesStayReadyUntilTheirPageIsDropped) {
    const VirtualEntry& mine = page(1, 0x5000, 0x7000, all, 3U << 16U, 0x04);
    const VirtualEntry& other = page(1, 0x5000, 0x8000, all, 4U << 16U);
    fill(mine, 0x5000);
    const auto* const ready = shadow->ready(0x5abc, false);
    ASSERT_NE(ready, nullptr);
    const CoreEntry made = the_core().entries().front();
    EXPECT_EQ(ready->mas1, made.mas1);
    EXPECT_EQ(ready->mas2, made.mas2);
    EXPECT_EQ(ready->mas3, made.mas3);
    EXPECT_EQ(shadow->ready(0x5000, true), nullptr) << "the other space";
    EXPECT_EQ(shadow->ready(0x6000, false), nullptr);
    shadow->drop(other);
    EXPECT_NE(shadow->ready(0x5000, false), nullptr) << "another PID's page";
    EXPECT_TRUE(the_core().entries().empty()) << "though the core has dropped both";
    shadow->drop(mine);
    EXPECT_EQ(shadow->ready(0x5000, false), nullptr);
}

TEST_F(ShadowTlbTest, WhatTheMissPathCannotWriteIsNotReady) {
    use(0, u64{1} << 32U, 0x1'0000'0000);
    fill(page(1, 0x5000, 0x7000), 0x5000);
    EXPECT_EQ(shadow->ready(0x5000, false), nullptr) << "MAS7 is not 0";
    use(0, u64{1} << 32U, 0);
    fill(page(2, 0x10000, 0), 0x10000);
    EXPECT_EQ(shadow->ready(0x10000, false), nullptr) << "no 4 KiB page";
    shadow->enter(false, true, false);
    fill(page(1, 0x6000, 0x7000), 0x6000, Access::load, false);
    for (const bool space : {false, true}) {
        EXPECT_EQ(shadow->ready(0x6000, space), nullptr) << "it serves data only";
    }
}

TEST_F(ShadowTlbTest, TheShortWayMakesWhatTheLongWayMakes) {
    use(0x10000, 0x100000, 0x40'0000);
    tlb->reset(128);
    unsigned made = 0;
    for (u32 i = 0; i < 4096; ++i) {
        const auto access = static_cast<Access>(i % 3);
        const bool user = i % 2 != 0;
        const u32 ea = i % 7 == 0 ? test::hole.base + (i << 12U) : i * 0x9'1000U;
        const u64 gpa = u64{i * 13 % 0x120} << 12U | (i % 11 == 0 ? u64{1} << 32U : 0);
        VirtualEntry& entry = *tlb->select(0, ea);
        tlb->write(entry, 0, 0x80000000U | (i % 4) << 16U, (ea & ~0xfffU) | (i & 0x1fU),
                   static_cast<u32>(gpa) | (i * 5 & 0x3ffU), static_cast<u32>(gpa >> 32U));
        test::reset_core();
        shadow->reset(straight, test::hole);
        const Fill wanted = fill(entry, ea, access, user);
        const auto by_fill = the_core().entries();
        test::reset_core();
        shadow->reset(straight, test::hole);
        ASSERT_EQ(shadow->fill_small(memory, entry, access, user), wanted == Fill::done) << i;
        const auto by_short = the_core().entries();
        ASSERT_EQ(by_short.size(), by_fill.size()) << i;
        if (by_short.empty()) {
            continue;
        }
        ++made;
        const CoreEntry &a = by_short[0], &b = by_fill[0];
        EXPECT_TRUE(a.mas1 == b.mas1 && a.mas2 == b.mas2 && a.mas3 == b.mas3 && a.mas7 == b.mas7);
        const auto* const ready = shadow->ready(ea, (a.mas1 & ts) != 0);
        ASSERT_NE(ready, nullptr);
        EXPECT_TRUE(ready->mas1 == a.mas1 && ready->mas2 == a.mas2 && ready->mas3 == a.mas3);
        EXPECT_EQ(shadow->fills(), 1U);
    }
    EXPECT_GT(made, 500U);
    // Not where MAS7 or the host's memory is high, nor where a device lies.
    use(0x10000, 0x100000, 0x1'0000'0000);
    VirtualEntry& entry = *tlb->select(0, 0x5000);
    tlb->write(entry, 0, 0x80000000U, 0x5000, 0x20000 | all, 0);
    EXPECT_FALSE(shadow->fill_small(memory, entry, Access::load, true));
    use(0x10000, 0x100000, 0, RegionKind::trapped);
    EXPECT_FALSE(shadow->fill_small(memory, entry, Access::load, true));
    use(0x10000, 0x100000, 0, RegionKind::direct);
    EXPECT_FALSE(shadow->fill_small(memory, entry, Access::load, true));
}

TEST_F(ShadowTlbTest, ASmallPageInTheSlotOfAPieceIsNoPiece) {
    // A large page that no large block of the core's fits: its pieces stay ready when the guest
    // flushes its small pages, and those at the same place in the table do not.
    use(0x1000, 0x100000, 0x10001000);
    ASSERT_EQ(fill(page(5, 0x100000, 0), 0x103000), Fill::done);
    ASSERT_NE(shadow->ready(0x103000, false), nullptr);
    shadow->flush_small();
    ASSERT_NE(shadow->ready(0x103000, false), nullptr) << "a piece";
    const u32 small = 0x103000 + ShadowTlb::ready_slots * 0x1000;
    VirtualEntry& entry = *tlb->select(0, small);
    tlb->write(entry, 0, 0x80000000U, small, 0x20000 | all, 0);
    ASSERT_TRUE(shadow->fill_small(memory, entry, Access::load, true));
    ASSERT_NE(shadow->ready(small, false), nullptr);
    shadow->flush_small();
    EXPECT_EQ(shadow->ready(small, false), nullptr) << "the guest has none there any more";
}

TEST_F(ShadowTlbTest, NoFlushEverBringsAnOldEntryBack) {
    fill(page(1, 0x5000, 0x7000), 0x5000);
    for (u32 i = 0; i < 2 * ShadowTlb::generations; ++i) {
        shadow->flush_tlb0();
        ASSERT_EQ(shadow->ready(0x5000, false), nullptr) << i;
        ASSERT_EQ(shadow->ready(0, false), nullptr) << i;
    }
}

TEST_F(ShadowTlbTest, ARangeIsDroppedWithAllThatReachesIntoIt) {
    use(0, u64{1} << 32U, 0);
    for (const bool user : {false, true}) {
        fill(page(2, 0x40000000, 0), 0x40000000, Access::load, user);
        fill(page(2, 0x40004000, 0x4000), 0x40004000, Access::load, user);
        fill(page(1, 0x40008000, 0x8000), 0x40008000, Access::load, user);
        fill(page(1, 0x40009000, 0x9000), 0x40009000, Access::load, user);
        fill(page(1, 0xfffff000, 0x9000), 0xfffff000, Access::load, user);
    }
    shadow->drop_range(0x40005000, 0);
    EXPECT_EQ(the_core().entries().size(), 10U);
    shadow->drop_range(0x40007ffc, 8);
    EXPECT_EQ(the_core().entries().size(), 6U);
    for (const bool space : {false, true}) {
        EXPECT_NE(only(0x40003fff, space), nullptr);
        EXPECT_EQ(only(0x40004000, space), nullptr) << "a block of which only the end was named";
        EXPECT_EQ(only(0x40008000, space), nullptr);
        EXPECT_EQ(shadow->ready(0x40008000, space), nullptr);
        EXPECT_NE(only(0x40009000, space), nullptr);
        EXPECT_NE(shadow->ready(0x40009000, space), nullptr);
    }
    shadow->drop_range(0xffffffff, 1);
    EXPECT_EQ(only(0xfffff000, false), nullptr);
    shadow->drop_range(0, u64{1} << 32U);
    EXPECT_TRUE(the_core().entries().empty());
}

TEST_F(ShadowTlbTest, ModesThatKeepTheirSpacesCostNoFlush) {
    const auto before = shadow->flushes();
    for (unsigned i = 0; i < 4; ++i) {
        shadow->enter(true, false, false);
        shadow->enter(false, false, false);
    }
    EXPECT_EQ(shadow->flushes(), before);
    EXPECT_TRUE(shadow->simple());
    shadow->enter(true, true, true);  // user in AS1, kernel in AS0, as Linux never does
    EXPECT_EQ(shadow->flushes(), before + 1);
    shadow->enter(false, false, false);
    shadow->enter(true, true, true);
    EXPECT_EQ(shadow->flushes(), before + 1);
    EXPECT_FALSE(shadow->simple());
}

TEST_F(ShadowTlbTest, MixedSpacesServeEachSideFromItsOwn) {
    // The kernel fetches from AS1 and loads from AS0, at one address.
    shadow->enter(false, true, false);
    const Layout& layout = shadow->layout();
    ASSERT_NE(layout.fetch_space(false), layout.data_space(false));
    ASSERT_EQ(fill(page(1, 0x1000, 0x5000, all, ts), 0x1000, Access::fetch, false), Fill::done);
    ASSERT_EQ(fill(page(1, 0x1000, 0x6000), 0x1000, Access::load, false), Fill::done);
    const CoreEntry fetched = *only(0x1000, layout.fetch_space(false));
    const CoreEntry loaded = *only(0x1000, layout.data_space(false));
    EXPECT_EQ(fetched.rpn(), 0x5000U);
    EXPECT_EQ(fetched.mas3 & (ux | uw | ur), ux);
    EXPECT_EQ(loaded.rpn(), 0x6000U);
    EXPECT_EQ(loaded.mas3 & (ux | uw | ur), uw | ur);
    shadow->enter(false, false, false);
    EXPECT_TRUE(the_core().entries().empty()) << "what was made for a mixed mode fits no other";
}

TEST_F(ShadowTlbTest, AGuestModeThatWantsTheHoleRunsInTheOtherSpaceAlone) {
    const u32 ea = test::hole.base + 0x5000;
    const u32 rights = ux | sx | ur | sw;
    for (const Layout& own : {straight, crossed}) {
        for (const bool user : {false, true}) {
            shadow->reset(own, test::hole);
            shadow->enter(user, false, false);
            ASSERT_EQ(fill(page(1, 0x1000, 0x7000, rights), 0x1000, Access::load, user),
                      user ? Fill::done : Fill::protection);
            const auto entry = page(1, ea, 0x5000, rights);
            const bool fetch = own.fetch_space(user), data = own.data_space(user);
            EXPECT_EQ(fill(entry, ea, Access::fetch, user), fetch ? Fill::done : Fill::hole);
            if (user) {
                EXPECT_EQ(fill(entry, ea, Access::load, true), data ? Fill::done : Fill::hole);
            }
            ASSERT_TRUE(shadow->make_way(user, false, 0x100));
            EXPECT_TRUE(the_core().entries().empty()) << "entries of both modes would mix";
            EXPECT_FALSE(shadow->simple());
            EXPECT_TRUE(shadow->layout().fetch_space(user) && shadow->layout().data_space(user));
            ASSERT_EQ(fill(entry, ea, Access::fetch, user), Fill::done);
            const CoreEntry made = *only(ea, true);
            EXPECT_EQ(made.mas3 & (ux | uw | ur), user ? ux | ur : ux | uw);
            EXPECT_EQ(fill(entry, ea, user ? Access::store : Access::load, user), Fill::protection);
            // Back when the other mode runs, or for a handler.
            shadow->enter(user, false, false);
            EXPECT_FALSE(the_core().entries().empty());
            if (user) {
                shadow->enter(false, false, false);
            } else {
                shadow->come_back();
            }
            EXPECT_TRUE(the_core().entries().empty());
            EXPECT_TRUE(shadow->simple());
            EXPECT_STREQ(shadow->layout().name, own.name);
        }
    }
}

TEST_F(ShadowTlbTest, WhileSplitOneSideOfAnInstructionMayLieInTheHole) {
    const u32 ea = test::hole.base;
    shadow->enter(false, true, false);
    const auto text = page(1, ea, 0x5000, all, ts);
    const auto data = page(1, ea, 0x6000);
    ASSERT_EQ(fill(text, ea, Access::fetch, false), Fill::hole);
    ASSERT_TRUE(shadow->make_way(false, true, 0x100));
    EXPECT_EQ(fill(text, ea, Access::fetch, false), Fill::done);
    EXPECT_EQ(fill(data, ea, Access::load, false), Fill::hole);
    ASSERT_TRUE(shadow->make_way(false, false, 0x104)) << "another instruction";
    EXPECT_EQ(fill(data, ea, Access::load, false), Fill::done);
    EXPECT_EQ(only(ea, true)->mas3 & (ux | uw | ur), uw | ur);
    EXPECT_EQ(fill(text, ea, Access::fetch, false), Fill::hole);
    EXPECT_FALSE(shadow->make_way(false, true, 0x104)) << "both for one: for ever";
    shadow->enter(false, false, false);
    shadow->enter(false, true, false);
    EXPECT_TRUE(shadow->make_way(false, true, 0x104));
}

}  // namespace
}  // namespace trapeze::mmu
