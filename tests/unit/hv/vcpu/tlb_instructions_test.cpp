// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/tlb_instructions.hpp"

#include <gtest/gtest.h>

#include "core.hpp"
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::vcpu {
namespace {

using test::run;

class TlbInstructionsTest : public testing::Test {
  protected:
    TlbInstructionsTest() : v(test::fresh_guest()), r(v.regs) {}
    bool write(u32 mas0, u32 mas1, u32 mas2, u32 mas3, u32 mas7 = 0) {
        r.mas0 = mas0;
        r.mas1 = mas1;
        r.mas2 = mas2;
        r.mas3 = mas3;
        r.mas7 = mas7;
        v.nip = 0x1000;
        run(v, test::tlbwe);
        return v.nip == 0x1004;
    }
    void read(u32 mas0, u32 mas2) {
        r.mas0 = mas0;
        r.mas1 = r.mas3 = r.mas7 = 0x55555555;
        r.mas2 = mas2;
        run(v, test::tlbre);
    }
    static bool in_core(u32 ea) {
        const test::Core& core = test::the_core();
        return !core.matches(ea, false).empty() || !core.matches(ea, true).empty();
    }
    Vcpu& v;
    RegisterPage& r;
};

TEST_F(TlbInstructionsTest, WhatIsWrittenIsRead) {
    ASSERT_TRUE(write(0x10050000, 0xc0123500, 0x40010002, 0x5f00013f, 0xa));
    read(0x10050000, 0);
    EXPECT_EQ(r.mas0 & 0xffff0000U, 0x10050000U);
    EXPECT_EQ(r.mas1, 0xc0121500U) << "V, IPROT, TID, TS, TSIZE";
    EXPECT_EQ(r.mas2, 0x40000002U) << "EPN bits below the 1 MiB page are not kept";
    EXPECT_EQ(r.mas3 & 0xfff003ffU, 0x5f00013fU);
    EXPECT_EQ(r.mas7, 0xaU);
    EXPECT_EQ(v.nip, 0x1008U);
}

TEST_F(TlbInstructionsTest, Tlb0IsChosenByMas2AndWay) {
    ASSERT_TRUE(write(0x00020000, 0x80070000, 0x00345000, 0x00777015));
    read(0x00020000, 0x00345000);
    EXPECT_EQ(r.mas1, 0x80070100U) << "TSIZE reads 4 KiB";
    EXPECT_EQ(r.mas2, 0x00345000U);
    EXPECT_EQ(r.mas3, 0x00777015U);
    read(0x00010000, 0x00345000);
    EXPECT_EQ(r.mas1 & 0x80000000U, 0U);
}

TEST_F(TlbInstructionsTest, NoSuchTlbOrSizeIsIllegal) {
    EXPECT_FALSE(write(0x20000000, 0x80000100, 0x1000, 0x3f));
    EXPECT_FALSE(write(0x30000000, 0x80000100, 0x1000, 0x3f));
    EXPECT_FALSE(write(0x10050000, 0x80000000, 0x1000, 0x3f)) << "TSIZE 0";
    EXPECT_FALSE(write(0x10050000, 0x80000c00, 0x1000, 0x3f)) << "16 GiB";
    EXPECT_TRUE(write(0x10050000, 0x00000c00, 0x1000, 0x3f)) << "not valid: any size";
    EXPECT_TRUE(write(0x10050000, 0x80000b00, 0, 0x3f)) << "4 GiB";
}

TEST_F(TlbInstructionsTest, SearchFindsOrGivesDefaults) {
    ASSERT_TRUE(write(0x00030000, 0x80070000, 0x90345004, 0x00777015, 3));
    r.mas6 = 0x00070000;
    r.mas4 = 0x00010405;
    run(v, test::tlbsx(0, 4), 0x90345678);
    EXPECT_EQ(r.mas0 & 0xffff0000U, 0x00030000U);
    EXPECT_EQ(r.mas1, 0x80070100U);
    EXPECT_EQ(r.mas2, 0x90345004U);
    EXPECT_EQ(r.mas3, 0x00777015U);
    EXPECT_EQ(r.mas7, 3U);
    r.mas6 = 0x00080001;
    run(v, test::tlbsx(0, 4), 0x90345678);
    EXPECT_EQ(r.mas1, 0x00081400U) << "V=0, TID and TS of MAS6, TSIZE of MAS4";
    EXPECT_EQ(r.mas0 >> 28U, 0U);
    EXPECT_EQ(r.mas2 & 0x7fU, 5U);
    EXPECT_EQ(r.mas3, 0U);
    EXPECT_EQ(r.mas7, 0U);
}

TEST_F(TlbInstructionsTest, SearchFindsTlb1) {
    r.mas6 = 0;
    run(v, test::tlbsx(0, 4), 0x00123456);
    EXPECT_EQ(r.mas0 & 0x3fff0000U, 0x10000000U);
    EXPECT_EQ(r.mas1, 0xc0000900U);
}

TEST_F(TlbInstructionsTest, MissesFillMasForEachTidDefault) {
    run(v, test::mtspr(48, 4), 0x11);
    run(v, test::mtspr(633, 4), 0x22);
    run(v, test::mtspr(634, 4), 0x33);
    const u32 tids[] = {0x11, 0x22, 0x33, 0};
    for (u32 choice = 0; choice < 4; ++choice) {
        r.mas4 = choice << 16U | 0x100 | 0x14;
        r.mas3 = r.mas7 = 0xffffffff;
        const u32 way = v.tlb.victim();
        set_miss_registers(v, 0xc0ffee42, choice == 2);
        EXPECT_EQ(r.mas0, way << 16U | ((way + 1) & 3U)) << "TLBSEL, ESEL, NV";
        EXPECT_EQ(r.mas1, 0x80000100U | tids[choice] << 16U | (choice == 2 ? 0x1000U : 0));
        EXPECT_EQ(r.mas2, 0xc0ffe014U);
        EXPECT_EQ(r.mas3, 0U);
        EXPECT_EQ(r.mas6, 0x00110000U | (choice == 2 ? 1U : 0)) << "SPID0 is PID0";
        EXPECT_EQ(r.mas7, 0U);
    }
    r.mas4 = 0x10000000;
    set_miss_registers(v, 0, false);
    EXPECT_EQ(r.mas0 >> 28U, 1U);
}

TEST_F(TlbInstructionsTest, InvalidationByAddress) {
    for (u32 way = 0; way < 4; ++way) {
        ASSERT_TRUE(
            write(way << 16U, 0x80000000U | way << 16U, way < 3 ? 0x90345000 : 0x90b45000, 0x15));
    }
    ASSERT_TRUE(write(0x10040000, 0x80000200, 0x90344000, 0x15));
    run(v, test::tlbivax(0, 4), 0x90345000);
    for (u32 way = 0; way < 4; ++way) {
        EXPECT_EQ(v.tlb.valid(*v.tlb.select(way << 16U, 0x90345000), 0), way == 3)
            << "whatever their TID";
    }
    EXPECT_TRUE(v.tlb.valid(v.tlb.tlb1(4), 1)) << "TLBSEL named the other";
    run(v, test::tlbivax(0, 4), 0x90345008);
    EXPECT_FALSE(v.tlb.valid(v.tlb.tlb1(4), 1));
    run(v, test::tlbivax(0, 4), 0x00000008);
    EXPECT_TRUE(v.tlb.valid(v.tlb.tlb1(0), 1)) << "IPROT";
    run(v, test::tlbivax(0, 4), 0x4);
    EXPECT_FALSE(v.tlb.valid(*v.tlb.select(3U << 16U, 0x90345000), 0)) << "INV_ALL";
    ASSERT_TRUE(write(0x10040000, 0x80000200, 0x90344000, 0x15));
    run(v, test::tlbivax(0, 4), 0xc);
    EXPECT_FALSE(v.tlb.valid(v.tlb.tlb1(4), 1)) << "INV_ALL of TLB1";
    EXPECT_TRUE(v.tlb.valid(v.tlb.tlb1(0), 1));
}

TEST_F(TlbInstructionsTest, AWrittenPageIsThereAtOnce) {
    set_msr(v, 0);
    v.last_miss = mmu::Access::store;
    v.last_miss_user = true;
    r.dear = 0x90345678;
    ASSERT_TRUE(write(0, 0x80000000, 0x90345000, 0x00777000 | 0x3f));
    ASSERT_EQ(test::the_core().matches(0x90345678, false).size(), 1U);
    EXPECT_EQ(test::the_core().matches(0x90345678, false)[0].rpn(), test::ram_hpa + 0x777000);
    ASSERT_TRUE(write(0, 0x00000000, 0x90345000, 0));
    EXPECT_TRUE(test::the_core().matches(0x90345678, false).empty());
}

// Only what the guest executes in now: not the other address space, nor another process.
TEST_F(TlbInstructionsTest, APageOfAnotherSpaceOrProcessIsNotThereAtOnce) {
    set_msr(v, 0);
    v.last_miss = mmu::Access::load;
    v.last_miss_user = false;
    r.dear = 0x90345678;
    ASSERT_TRUE(write(0, e500::mas1::v | e500::mas1::ts, 0x90345000, 0x00777000 | 0x3f));
    EXPECT_FALSE(in_core(0x90345678));
    ASSERT_TRUE(write(0, e500::mas1::v | 7U << 16U, 0x90345000, 0x00777000 | 0x3f));
    EXPECT_FALSE(in_core(0x90345678));
    ASSERT_TRUE(write(0, e500::mas1::v, 0x90345000, 0x00777000 | 0x3f));
    EXPECT_TRUE(in_core(0x90345678));
}

// A guest may have two entries for one page. That is its error; the core never has two.
TEST_F(TlbInstructionsTest, AllWaysForOnePageAreOneEntryInTheCore) {
    set_msr(v, 0);
    for (const mmu::Access access : {mmu::Access::fetch, mmu::Access::load, mmu::Access::store}) {
        for (u32 way = 0; way < 4; ++way) {
            v.last_miss = access;
            v.last_miss_user = (way & 1U) != 0;
            r.dear = 0x90345678;
            ASSERT_TRUE(
                write(way << 16U, e500::mas1::v, 0x90345000, 0x00700000U | way << 12U | 0x3f));
            for (const bool space : {false, true}) {
                EXPECT_LE(test::the_core().matches(0x90345678, space).size(), 1U);
            }
        }
    }
    run(v, test::dcbi(0, 4), 0x90345678);
    run(v, test::dcbi(0, 4), 0x90345678);
    for (const bool space : {false, true}) {
        EXPECT_LE(test::the_core().matches(0x90345678, space).size(), 1U) << "dcbi makes its own";
    }
}

// Whatever takes an entry of the guest's takes what the core and the ready table have of it.
TEST_F(TlbInstructionsTest, NothingStaysOfWhatAnInstructionTakes) {
    constexpr u32 small = 0x2000'0000, large = 0x3000'0000, mmucsr0 = 1012;
    struct Way {
        const char* what;
        bool tlb1;
        u32 word, value;  // in r4
    };
    const Way ways[] = {
        {"tlbwe over a small page", false, test::tlbwe, 0},
        {"tlbwe over a large page", true, test::tlbwe, 0},
        {"tlbivax", false, test::tlbivax(0, 4), small},
        {"tlbivax of all small pages", false, test::tlbivax(0, 4), 4},
        {"tlbivax of a large page", true, test::tlbivax(0, 4), large | 8},
        {"MMUCSR0, TLB0", false, test::mtspr(mmucsr0, 4), e500::mmucsr0::tlb0_fi},
        {"MMUCSR0, TLB1", true, test::mtspr(mmucsr0, 4), e500::mmucsr0::tlb1_fi},
    };
    for (const Way& way : ways) {
        SCOPED_TRACE(way.what);
        const u32 ea = way.tlb1 ? large : small;
        ASSERT_TRUE(write(way.tlb1 ? 0x1009'0000 : 0, e500::mas1::v | (way.tlb1 ? 5U : 1U) << 8U,
                          ea, 0x10'0000 | e500::mas3::permissions));
        ASSERT_EQ(resolve(v, ea, mmu::Access::load), FaultResult::resume);
        ASSERT_TRUE(in_core(ea));
        r.mas1 = 0;
        run(v, way.word, way.value);
        EXPECT_FALSE(in_core(ea));
        EXPECT_EQ(v.shadow.ready(ea, false), nullptr);
        EXPECT_EQ(v.shadow.ready(ea, true), nullptr);
    }
}

}  // namespace
}  // namespace trapeze::vcpu
