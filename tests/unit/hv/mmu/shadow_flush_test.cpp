// SPDX-License-Identifier: Apache-2.0
// What stays of large guest pages that are in pieces: when the guest flushes its small pages, and
// in windows in which text runs unpatched.
#include "shadow_fixture.hpp"

namespace trapeze::mmu {
namespace {

class FlushTest : public ShadowTlbTest {
  protected:
    // Memory that is aligned to 4 KiB alone: a large page is in pieces of that size.
    void SetUp() override {
        ShadowTlbTest::SetUp();
        use(0, 0x1000'0000, 0x4000'1000);
    }
    VirtualEntry large() { return page(6, 0x1040'0000, 0x40'0000); }
    void fill_small_pages(unsigned count) {
        for (u32 i = 0; i < count; ++i) {
            const u32 ea = 0x2000'0000 + 0x1000 * i;
            const VirtualEntry& entry = page(1, ea, 0x80'0000 + 0x1000 * i);
            if (i % 2 != 0) {
                ASSERT_EQ(fill(entry, ea), Fill::done);
            } else {
                ASSERT_TRUE(shadow->fill_small(memory, entry, Access::load, true));
            }
        }
    }
    void expect_small_pages_gone(unsigned count) {
        for (u32 i = 0; i < count; ++i) {
            const u32 ea = 0x2000'0000 + 0x1000 * i;
            EXPECT_EQ(only(ea, false), nullptr) << i;
            EXPECT_EQ(shadow->ready(ea, false), nullptr) << i;
        }
    }
    u32 piece = 0x1040'3000;
};

TEST_F(FlushTest, OfFewSmallPagesLeavesPiecesInTheCore) {
    const VirtualEntry entry = large();
    for (const unsigned count : {0U, 1U, 2U, 3U, 31U, 32U}) {
        ASSERT_EQ(fill(entry, piece), Fill::done);
        fill_small_pages(count);
        shadow->flush_small();
        expect_small_pages_gone(count);
        EXPECT_NE(only(piece, false), nullptr) << count;
        EXPECT_NE(shadow->ready(piece, false), nullptr) << count;
        shadow->drop_page(piece);
    }
}

TEST_F(FlushTest, OfManySmallPagesLeavesPiecesReady) {
    const VirtualEntry entry = large();
    for (const unsigned count : {33U, 34U, 200U}) {
        ASSERT_EQ(fill(entry, piece), Fill::done);
        fill_small_pages(count);
        shadow->flush_small();
        expect_small_pages_gone(count);
        EXPECT_EQ(only(piece, false), nullptr) << count;
        EXPECT_NE(shadow->ready(piece, false), nullptr) << count;
    }
}

TEST_F(FlushTest, TakesWhatIsInTheCoreThoughNoLongerReady) {
    ASSERT_EQ(fill(large(), piece), Fill::done);
    // The same place in the table, other sets of the core's.
    const u32 first = 0x2000'0000, second = first + 0x1000 * ShadowTlb::ready_slots;
    ASSERT_EQ(fill(page(1, first, 0x80'0000), first), Fill::done);
    ASSERT_EQ(fill(page(1, second, 0x90'0000), second), Fill::done);
    ASSERT_EQ(shadow->ready(first, false), nullptr);
    ASSERT_NE(only(first, false), nullptr);
    shadow->flush_small();
    EXPECT_EQ(only(first, false), nullptr);
    EXPECT_EQ(only(second, false), nullptr);
}

TEST_F(FlushTest, TakesAPageOfTlbweThatStandsWhereAPieceWas) {
    ASSERT_EQ(fill(large(), piece), Fill::done);
    const u32 same_slot = piece ^ 0x1000 * ShadowTlb::ready_slots;
    ASSERT_TRUE(shadow->fill_small(memory, page(1, same_slot, 0x80'0000), Access::load, true));
    ASSERT_NE(shadow->ready(same_slot, false), nullptr);
    fill_small_pages(200);
    shadow->flush_small();
    EXPECT_EQ(shadow->ready(same_slot, false), nullptr);
    EXPECT_EQ(only(same_slot, false), nullptr);
}

// The same by fill().
TEST_F(FlushTest, TakesAPageThatAMissHasEnteredWhereAPieceWas) {
    ASSERT_EQ(fill(large(), piece), Fill::done);
    const u32 same_slot = piece ^ 0x1000 * ShadowTlb::ready_slots;
    ASSERT_EQ(fill(page(1, same_slot, 0x80'0000), same_slot), Fill::done);
    ASSERT_NE(shadow->ready(same_slot, false), nullptr);
    fill_small_pages(200);
    shadow->flush_small();
    EXPECT_EQ(shadow->ready(same_slot, false), nullptr);
}

TEST_F(FlushTest, BringsNoPieceBackThatAnEarlierFlushHasTaken) {
    ASSERT_EQ(fill(large(), piece), Fill::done);
    shadow->flush_tlb0();
    ASSERT_EQ(fill(large(), piece + 0x1000), Fill::done);
    fill_small_pages(200);
    shadow->flush_small();
    EXPECT_NE(shadow->ready(piece + 0x1000, false), nullptr);
    EXPECT_EQ(shadow->ready(piece, false), nullptr);
}

TEST_F(FlushTest, LeavesStubs) {
    constexpr u32 stub = 0x3000'0000;
    for (const unsigned count : {0U, 1U, 3U, 200U}) {
        shadow->flush();
        shadow->fill_stub(stub, 0x9000);
        fill_small_pages(count);
        shadow->flush_small();
        EXPECT_NE(shadow->ready(stub, true), nullptr) << count;
        EXPECT_TRUE(count > 32 || only(stub, true) != nullptr) << count;
    }
}

TEST_F(FlushTest, IsQuickWhereThereIsNothingToTake) {
    ASSERT_EQ(fill(large(), piece), Fill::done);
    fill_small_pages(1);
    shadow->flush_small();
    const unsigned before = the_core().tlb_writes;
    shadow->flush_small();
    EXPECT_EQ(the_core().tlb_writes, before);
    EXPECT_NE(only(piece, false), nullptr);
}

TEST_F(FlushTest, OfEverythingTakesPiecesToo) {
    ASSERT_EQ(fill(large(), piece), Fill::done);
    fill_small_pages(3);
    shadow->flush();
    EXPECT_TRUE(the_core().entries().empty());
    EXPECT_EQ(shadow->ready(piece, false), nullptr);
}

// ---- Blocks of which some pages are copied, while all text runs unpatched.

class WindowTest : public ShadowTlbTest {
  protected:
    void SetUp() override {
        ShadowTlbTest::SetUp();
        o.mirror.reset(2);
        o.cache.reset();
        o.mirror_hpa = 0x8000'0000;
        o.low = o.bytes = 0;
        o.track = false;
        o.present = true;
        o.on = false;
        auto& frame = *o.mirror.open(text);
        o.mirror.add(frame, tcache::MirrorFrame::index(text), text);
        shadow->attach(&o);
        shadow->flush();
        linear = &page(8, 0, 0);  // 64 MiB
    }
    // The size of what maps `ea` for the guest kernel after an access; 0: traced.
    u64 access(u32 ea, Access kind) {
        const Fill made = shadow->fill(memory, *linear, ea, kind, false);
        if (made == Fill::traced) return 0;
        EXPECT_EQ(made, Fill::done);
        const CoreEntry* const entry = only(ea, true);
        return entry == nullptr ? 0 : entry->size();
    }
    static bool writable(u32 ea) { return (only(ea, true)->mas3 & uw) != 0; }

    static constexpr u32 block = 0x10'0000, text = 0x30'4000, data = 0x30'8000;
    std::unique_ptr<Overlay> overlay = std::make_unique<Overlay>();
    Overlay& o = *overlay;
    VirtualEntry* linear = nullptr;
};

TEST_F(WindowTest, OneEntryMapsCopiedPagesAndOthersForLoadsAndFetches) {
    EXPECT_EQ(access(text, Access::fetch), block);
    EXPECT_EQ(only(data, true)->size(), block);
    EXPECT_EQ(only(text, true)->rpn(), 0x30'0000U) << "the guest's own words";
    EXPECT_FALSE(writable(text)) << "the copy must follow";
    EXPECT_EQ(access(data, Access::load), block);
    EXPECT_EQ(access(text, Access::store), 0U) << "traced";
    EXPECT_GT(access(0x100'0000, Access::load), block) << "where nothing is copied all is as ever";
    EXPECT_TRUE(writable(0x100'0000));
}

TEST_F(WindowTest, AStoreBesideThemBreaksItUp) {
    ASSERT_EQ(access(data, Access::load), block);
    // As after a storage interrupt.
    shadow->drop_range(data, 0x1000);
    EXPECT_EQ(access(data, Access::store), 0x1000U);
    EXPECT_TRUE(writable(data));
    EXPECT_EQ(access(text, Access::fetch), 0x1000U) << "no second entry for the page of data";
    EXPECT_EQ(access(data + 0x1000, Access::load), 0x1000U);
    shadow->flush();
    EXPECT_EQ(access(text, Access::fetch), block) << "until everything is flushed";
}

TEST_F(WindowTest, WithPatchesInUseThereIsNoSuchEntry) {
    o.on = true;
    EXPECT_EQ(access(data, Access::load), 0x1000U);
    EXPECT_EQ(access(text, Access::fetch), 0x1000U);
    EXPECT_EQ(only(text, true)->rpn(), o.text_hpa(text));
}

TEST_F(WindowTest, NorWhereAPageIsStolen) {
    o.cache.add_page(0x30'f000);
    o.low = 0x30'f000;
    o.bytes = 0x1000;
    EXPECT_EQ(access(text, Access::fetch), 0x1000U);
    EXPECT_EQ(access(data, Access::load), 0x1000U);
}

}  // namespace
}  // namespace trapeze::mmu
