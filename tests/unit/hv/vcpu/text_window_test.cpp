// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/text_window.hpp"

#include <gtest/gtest.h>

#include "core.hpp"
#include "hv/core/slots.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/tlb_instructions.hpp"

namespace trapeze::vcpu {
namespace {

using test::the_core;
namespace mas1 = e500::mas1;
namespace mas3 = e500::mas3;

// RAM that is aligned as the board's is, and the guest kernel's addresses for it.
constexpr u64 ram_gpa = 0x1000'0000, ram_hpa = 0x1'4000'0000;
constexpr u32 kernel_ea = 0xc000'0000, size_16m = 7, size_4m = 6, size_1m = 5;

class TextWindowTest : public testing::Test {
  protected:
    TextWindowTest() : v(test::fresh_guest()) {
        v.memory->add({ram_gpa, 24U << 20U, ram_hpa, mmu::RegionKind::ram, 0});
        v.regs.ivpr = kernel_ea + 0x50'0000;
    }
    // TLB1 entry 3 of the guest: `ea` at `gpa`.
    void map(u32 tsize, u32 more1 = 0, u32 permissions = mas3::sx | mas3::sr, u32 ea = kernel_ea,
             u32 gpa = ram_gpa) {
        v.regs.mas0 = 0x1003'0000;
        v.regs.mas1 = mas1::v | tsize << 8U | more1;
        v.regs.mas2 = ea;
        v.regs.mas3 = gpa | permissions;
        v.regs.mas7 = 0;
        ASSERT_TRUE(write_entry(v));
    }
    bool opens() {
        open_text_window(v);
        return v.text_ea != Vcpu::no_text;
    }
    static const test::CoreEntry& in_core() { return the_core().tlb1[core::slot::text]; }
    Vcpu& v;
};

TEST_F(TextWindowTest, ShowsTheBlockOfTheHandlersToTheVmmAlone) {
    EXPECT_FALSE(opens()) << "nothing maps it";
    map(size_16m);
    ASSERT_TRUE(opens());
    EXPECT_EQ(v.text_ea, kernel_ea + 0x40'0000);
    EXPECT_TRUE(in_core().valid());
    EXPECT_EQ(in_core().epn(), own_map::text_base);
    EXPECT_EQ(in_core().size(), own_map::text_size);
    EXPECT_EQ(in_core().rpn(), ram_hpa + 0x40'0000);
    EXPECT_EQ(in_core().mas1 & (mas1::ts | mas1::tid_mask), 0U);
    EXPECT_EQ(in_core().mas3 & mas3::permissions, mas3::sr);
}

TEST_F(TextWindowTest, StaysClosedWhereTheTranslationIsNotOneForAll) {
    map(size_1m, 0, mas3::sx, kernel_ea + 0x40'0000, ram_gpa + 0x40'0000);
    EXPECT_FALSE(opens()) << "it has another further up";
    map(size_16m, 7U << 16U);
    EXPECT_FALSE(opens()) << "it is a process's";
    map(size_16m, mas1::ts);
    EXPECT_FALSE(opens()) << "it is the other space's";
    map(size_16m, 0, mas3::ux | mas3::sr);
    EXPECT_FALSE(opens()) << "the kernel cannot execute it";
    map(size_16m, 0, mas3::sx, kernel_ea, 0x2000'0000);
    EXPECT_FALSE(opens()) << "it is not RAM";
    map(size_16m, 0, mas3::sx, kernel_ea, 0);
    EXPECT_FALSE(opens()) << "the host has it not as the core's entry would";
    map(size_16m, 0, mas3::sx, kernel_ea, ram_gpa + 0x100'0000);
    v.regs.ivpr = kernel_ea + 0x80'0000;
    EXPECT_FALSE(opens()) << "it is not all RAM";
}

TEST_F(TextWindowTest, ClosesWhenTheTranslationGoes) {
    map(size_16m);
    ASSERT_TRUE(opens());
    map(size_4m, 0, mas3::sx, kernel_ea + 0x40'0000, ram_gpa + 0x80'0000);
    EXPECT_EQ(v.text_ea, Vcpu::no_text) << "replaced";
    ASSERT_TRUE(opens());
    EXPECT_EQ(in_core().rpn(), ram_hpa + 0x80'0000);
    invalidate_entries(v, e500::invalidate::tlb1 | (kernel_ea + 0x40'0000));
    EXPECT_EQ(v.text_ea, Vcpu::no_text) << "invalidated";
    map(size_4m, mas1::iprot, mas3::sx, kernel_ea + 0x40'0000);
    ASSERT_TRUE(opens());
    set_msr(v, e500::msr::is);
    EXPECT_EQ(v.text_ea, Vcpu::no_text) << "fetches are from the other space";
    set_msr(v, 0);
    ASSERT_TRUE(opens());
    test::map_page(v, 4, kernel_ea + 0x1000'0000, 0);
    test::map_page(v, 4, kernel_ea + 0x1000'0000, 0x1000);
    EXPECT_NE(v.text_ea, Vcpu::no_text) << "another entry went";
}

TEST_F(TextWindowTest, IsTheGuestsThatHasTheCore) {
    map(size_16m);
    ASSERT_TRUE(opens());
    the_core().tlb1[core::slot::text] = {};
    take_text_window(v);
    EXPECT_EQ(in_core().rpn(), ram_hpa + 0x40'0000);
    close_text_window(v);
    the_core().tlb1[core::slot::text] = {};
    take_text_window(v);
    EXPECT_FALSE(in_core().valid());
}

}  // namespace
}  // namespace trapeze::vcpu
