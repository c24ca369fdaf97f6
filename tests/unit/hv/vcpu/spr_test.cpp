// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/spr.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>
#include <set>

#include "core.hpp"

namespace trapeze::vcpu {

namespace {

using test::run;
using test::the_core;

constexpr u32 all = 0xffffffffU;

// What a supervisor finds after writing all ones over zeros, for each register it can write and
// read (manual chapter 2; registers with an effect or a clear-by-one rule have tests of their own).
std::map<unsigned, u32> masks() {
    std::map<unsigned, u32> m;
    for (const unsigned plain :
         {26U,  27U,  58U,  59U,  61U,  62U,  272U, 273U, 274U, 275U,  276U, 277U,
          278U, 279U, 286U, 312U, 313U, 316U, 317U, 570U, 571U, 572U,  574U, 575U,
          624U, 625U, 626U, 627U, 628U, 630U, 944U, 309U, 310U, 1008U, 1009U}) {
        m[plain] = all;
    }
    m[63] = 0xffff0000U;  // IVPR
    for (const unsigned pid : {48U, 633U, 634U}) {
        m[pid] = 0xff;
    }
    for (unsigned ivor = 400; ivor <= 415; ++ivor) {
        m[ivor] = 0xfff0;
    }
    for (unsigned ivor = 528; ivor <= 531; ++ivor) {
        m[ivor] = 0xfff0;
    }
    return m;
}
const std::set<unsigned> special = {22, 336, 340, 304, 308, 1010, 1011, 1012, 1013};
const std::set<unsigned> write_only = {54, 284, 285};
const std::set<unsigned> read_only = {287, 569, 573, 688, 689, 702, 1015, 1023, 526, 527};

// Numbers whose access user mode may refuse are those with bit 0x10; the others never trap.
bool traps(unsigned number) { return (number & 0x10U) != 0; }

std::array<u32, sizeof(RegisterPage) / 4> words_of(const RegisterPage& page) {
    std::array<u32, sizeof(RegisterPage) / 4> words{};
    std::memcpy(words.data(), &page, sizeof page);
    return words;
}

class SprTest : public testing::Test {
  protected:
    SprTest() : v(test::fresh_guest()) {}
    u32 read(unsigned number) {
        u32 value = 0;
        EXPECT_EQ(read_spr(v, number, value), SprResult::done) << number;
        return value;
    }
    void write(unsigned number, u32 value) {
        EXPECT_EQ(write_spr(v, number, value), SprResult::done) << number;
    }
    Vcpu& v;
};

TEST_F(SprTest, ReadsBackWhatTheRegisterKeeps) {
    for (const auto& [number, mask] : masks()) {
        for (const u32 value : {0U, all, 0x12345678U, 0xa5a5a5a5U}) {
            write(number, value);
            EXPECT_EQ(read(number), value & mask) << "SPR " << number;
        }
    }
}

TEST_F(SprTest, RegistersDoNotShareTheirPlace) {
    for (const auto& [number, mask] : masks()) {
        write(number, (number * 0x01010101U) & mask);
    }
    for (const auto& [number, mask] : masks()) {
        EXPECT_EQ(read(number), (number * 0x01010101U) & mask) << "SPR " << number;
    }
}

TEST_F(SprTest, EveryOtherNumberIsAnIllegalInstruction) {
    for (unsigned number = 0; number < 1024; ++number) {
        if (!traps(number)) {
            continue;
        }
        const bool both = masks().contains(number) || special.contains(number);
        const bool readable = both || read_only.contains(number);
        const bool writable = both || write_only.contains(number);
        v.nip = 0x1000;
        v.storm_nip = 1;
        run(v, test::mfspr(3, number));
        EXPECT_EQ(v.nip == 0x1004, readable) << "read of SPR " << number;
        if (!readable) {
            EXPECT_EQ(v.regs.esr, 0x08000000U);
        }
        if (writable) {
            continue;  // may well have an effect
        }
        v.nip = 0x1000;
        v.storm_nip = 1;
        run(v, test::mtspr(number, 4), all);
        EXPECT_NE(v.nip, 0x1004U) << "write of SPR " << number;
        EXPECT_EQ(v.regs.esr, 0x08000000U);
    }
}

TEST_F(SprTest, FastReadsAreWhatThisCodeReads) {
    for (unsigned number = 0; number < 1024; ++number) {
        const auto offset = spr_read_offset.offset[test::spr_field(number)];
        if (offset == 0) {
            continue;
        }
        ASSERT_LT(offset, sizeof(RegisterPage));
        const u32 value = 0xc0de0000U | number;
        std::memcpy(reinterpret_cast<char*>(&v) + offset, &value, 4);
        EXPECT_EQ(read(number), value) << "SPR " << number;
    }
}

TEST(SprTables, FastWritesAreWhatThisCodeWrites) {
    for (unsigned number = 0; number < 1024; ++number) {
        const auto entry = spr_write_offset.offset[test::spr_field(number)];
        if (entry == 0) {
            continue;
        }
        const unsigned offset = entry & 0x7fffU;
        ASSERT_LT(offset, sizeof(RegisterPage));
        Vcpu& v = test::fresh_guest();
        auto expected = words_of(v.regs);
        const u32 value = 0x13579bdf;
        expected.at(offset / 4) = value;
        ASSERT_EQ(write_spr(v, number, value), SprResult::done) << number;
        EXPECT_EQ(words_of(v.regs), expected)
            << "SPR " << number << " does more than the fast path's store";
        const bool copied = number >= 275 && number <= 279;
        EXPECT_EQ((entry & 0x8000U) != 0, copied) << "SPR " << number;
        if (copied) {
            EXPECT_EQ(the_core().sprg.at(number - 272), value);
        }
    }
}

TEST_F(SprTest, FastPathsKnowTheHotRegisters) {
    for (const unsigned number : {26U, 27U, 58U, 59U, 61U, 62U, 272U, 273U, 274U, 275U, 624U, 625U,
                                  626U, 627U, 628U, 630U, 944U}) {
        EXPECT_NE(spr_read_offset.offset[test::spr_field(number)], 0) << number;
        EXPECT_NE(spr_write_offset.offset[test::spr_field(number)], 0) << number;
    }
}

TEST_F(SprTest, UserModesViewOfSprgs) {
    for (unsigned n = 3; n < 8; ++n) {
        write(272 + n, 0x1000 + n);
        EXPECT_EQ(the_core().sprg.at(n), 0x1000 + n) << "user mode reads it in the core";
        EXPECT_EQ(read(256 + n), 0x1000 + n);
    }
}

TEST_F(SprTest, PidsReachTheCore) {
    write(48, 0x1ff);
    write(633, 2);
    write(634, 3);
    EXPECT_EQ(the_core().pid, (std::array<u32, 3>{0xff, 2, 3}));
}

TEST_F(SprTest, VectorsFollowIvprAndIvors) {
    write(63, 0xc000ffffU);
    write(406, 0xffff0123U);
    write(530, 0x40);
    EXPECT_EQ(v.vector[6], 0xc0000120U);
    EXPECT_EQ(v.vector[18], 0xc0000040U);
    write(63, 0xd0001234U);
    EXPECT_EQ(v.vector[6], 0xd0000120U);
    EXPECT_EQ(v.vector[18], 0xd0000040U);
}

TEST_F(SprTest, IdentityAndConfiguration) {
    EXPECT_EQ(read(287), test::pvr);
    EXPECT_EQ(read(1023), test::svr);
    EXPECT_EQ(read(1015), test::mmucfg);
    EXPECT_EQ(read(688), 0x04110200U);
    EXPECT_EQ(read(689), 0x101bc010U);
}

TEST_F(SprTest, TimeBases) {
    the_core().timebase = 0x1234'5678'9abc'def0;
    EXPECT_EQ(read(268), 0x9abcdef0U);
    EXPECT_EQ(read(269), 0x12345678U);
    EXPECT_EQ(read(526), 0x9abcdef0U);
    EXPECT_EQ(read(527), 0x12345678U);
    write(284, 5);
    write(285, 7);
    EXPECT_EQ(the_core().timebase, 0x7'0000'0005U);
}

TEST_F(SprTest, DbsrIsClearedByOnes) {
    v.regs.dbsr = 0x38000000;
    write(304, 0x30000000);
    EXPECT_EQ(read(304), 0x08000000U);
}

TEST_F(SprTest, Dbcr0ResetEndsTheGuest) {
    write(308, 0x40000000);
    EXPECT_EQ(v.end, End::running);
    write(308, 0x30000000);
    EXPECT_EQ(v.end, End::reset);
}

TEST_F(SprTest, CacheControlsReadBackWithoutTheirCommands) {
    write(1010, 0x00010003);  // CPE, DCFI, DCE
    EXPECT_EQ(read(1010), 0x00010001U);
    write(1011, 0x00010103);  // ICPE, ICLFR, ICFI, ICE
    EXPECT_EQ(read(1011), 0x00010001U);
    EXPECT_EQ(the_core().icache_invalidations, 1U);
    write(1011, 1);
    EXPECT_EQ(the_core().icache_invalidations, 1U);
    write(1013, 0x201);  // BUCSR: BBFI, BPEN
    EXPECT_EQ(read(1013), 1U);
}

TEST_F(SprTest, L1csr0ShowsTheCoresFailedLocks) {
    write(1010, 1);
    the_core().l1csr0 = 0x401;  // CUL set by a lock instruction in user mode
    EXPECT_EQ(read(1010), 0x401U);
    write(1010, 1);
    EXPECT_EQ(read(1010), 1U) << "the guest cleared it";
}

TEST_F(SprTest, Mmucsr0FlushesAndReadsZero) {
    v.tlb.write(*v.tlb.select(0, 0x5000), 0, 0x80000000, 0x5000, 0x3f, 0);
    v.tlb.write(v.tlb.tlb1(5), 1, 0x80000200, 0x40000000, 0x3f, 0);
    write(1012, 4);
    EXPECT_FALSE(v.tlb.valid(*v.tlb.select(0, 0x5000), 0));
    EXPECT_TRUE(v.tlb.valid(v.tlb.tlb1(5), 1));
    write(1012, 2);
    EXPECT_FALSE(v.tlb.valid(v.tlb.tlb1(5), 1));
    EXPECT_TRUE(v.tlb.valid(v.tlb.tlb1(0), 1)) << "IPROT";
    EXPECT_EQ(read(1012), 0U);
}

TEST_F(SprTest, PerformanceMonitorRegisters) {
    for (const unsigned number : {16U, 17U, 18U, 19U, 144U, 147U, 272U, 275U, 400U}) {
        run(v, test::mtpmr(number, 4), 0x80000000U | number);
        EXPECT_EQ(run(v, test::mfpmr(3, number)), 0x80000000U | number) << number;
        EXPECT_EQ(run(v, test::mfpmr(3, number - 16)), 0x80000000U | number) << "user's name";
    }
    u32 value = 0;
    for (unsigned number = 0; number < 1024; ++number) {
        const unsigned base = number | 16U;
        const bool exists = (base >= 16 && base < 20) || (base >= 144 && base < 148) ||
                            (base >= 272 && base < 276) || base == 400;
        EXPECT_EQ(read_pmr(v, number, value) == SprResult::done, exists) << number;
        EXPECT_EQ(write_pmr(v, number, 0) == SprResult::done, exists && (number & 16U) != 0)
            << number;
    }
}

TEST_F(SprTest, ACounterThatWouldCountIsReportedOnce) {
    run(v, test::mtpmr(144, 4), 0x80010000U);
    EXPECT_EQ(the_core().console, "") << "frozen";
    run(v, test::mtpmr(144, 4), 0x00010000U);
    const auto said = the_core().console;
    EXPECT_NE(said, "");
    run(v, test::mtpmr(145, 4), 0x00010000U);
    EXPECT_EQ(the_core().console, said);
}

}  // namespace
}  // namespace trapeze::vcpu
