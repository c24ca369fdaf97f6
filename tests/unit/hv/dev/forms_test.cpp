// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core.hpp"
#include "hv/dev/bus.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::dev {
namespace {

using test::d_form;
using test::device_ea;
using test::fake_device;
using test::x_form;

class FormsTest : public testing::Test {
  protected:
    FormsTest() : v(test::fresh_guest()) {
        v.gpr[5] = device_ea + 0x100;
        v.gpr[6] = 8;
    }
    // Runs a load of r3 with the device's answer; what ends up in r3.
    u32 load(u32 word, u32 answer, unsigned size, u32 offset) {
        v.gpr[3] = 0xdeadbeef;
        v.gpr[5] = device_ea + 0x100;
        v.nip = 0x1000;
        fake_device() = {};
        fake_device().answers = {answer};
        emulate_device_access(v, word, device_ea + offset);
        EXPECT_EQ(v.nip, 0x1004U);
        EXPECT_EQ(fake_device().reads.size(), 1U);
        if (!fake_device().reads.empty()) {
            EXPECT_EQ(fake_device().reads[0].hpa, offset);
            EXPECT_EQ(fake_device().reads[0].size, size);
        }
        EXPECT_TRUE(fake_device().writes.empty());
        return v.gpr[3];
    }
    // Runs a store of r3; what the device got.
    u32 store(u32 word, u32 value, unsigned size, u32 offset) {
        v.gpr[3] = value;
        v.gpr[5] = device_ea + 0x100;
        v.nip = 0x1000;
        fake_device() = {};
        emulate_device_access(v, word, device_ea + offset);
        EXPECT_EQ(v.nip, 0x1004U);
        EXPECT_TRUE(fake_device().reads.empty());
        EXPECT_EQ(fake_device().writes.size(), 1U);
        if (fake_device().writes.empty()) {
            return 0;
        }
        EXPECT_EQ(fake_device().writes[0].hpa, offset);
        EXPECT_EQ(fake_device().writes[0].size, size);
        return fake_device().writes[0].value;
    }
    vcpu::Vcpu& v;
};

// Opcodes of the forms with a displacement, with update, indexed, indexed with update.
struct Form {
    u32 plain, update, indexed, indexed_update;
    unsigned size;
};

TEST_F(FormsTest, LoadsExtendWithZeroes) {
    for (const Form& f : {Form{34, 35, 87, 119, 1}, {40, 41, 279, 311, 2}, {32, 33, 23, 55, 4}}) {
        const u32 answer = f.size == 1 ? 0x81 : f.size == 2 ? 0x8123 : 0x81234567;
        EXPECT_EQ(load(d_form(f.plain, 3, 5, 4), answer, f.size, 0x104), answer);
        EXPECT_EQ(v.gpr[5], device_ea + 0x100);
        EXPECT_EQ(load(d_form(f.update, 3, 5, 0xfffc), answer, f.size, 0xfc), answer);
        EXPECT_EQ(v.gpr[5], device_ea + 0xfc);
        EXPECT_EQ(load(x_form(f.indexed, 3, 5, 6), answer, f.size, 0x108), answer);
        EXPECT_EQ(v.gpr[5], device_ea + 0x100);
        EXPECT_EQ(load(x_form(f.indexed_update, 3, 5, 6), answer, f.size, 0x108), answer);
        EXPECT_EQ(v.gpr[5], device_ea + 0x108);
    }
}

TEST_F(FormsTest, AlgebraicLoadsExtendTheSign) {
    for (const u32 word :
         {d_form(42, 3, 5, 8), d_form(43, 3, 5, 8), x_form(343, 3, 5, 6), x_form(375, 3, 5, 6)}) {
        EXPECT_EQ(load(word, 0x8123, 2, 0x108), 0xffff8123U);
        EXPECT_EQ(load(word, 0x7123, 2, 0x108), 0x7123U);
    }
}

TEST_F(FormsTest, ReversedFormsSwapBytes) {
    EXPECT_EQ(load(x_form(790, 3, 5, 6), 0x8123, 2, 0x108), 0x2381U);
    EXPECT_EQ(load(x_form(534, 3, 5, 6), 0x12345678, 4, 0x108), 0x78563412U);
    EXPECT_EQ(store(x_form(918, 3, 5, 6), 0xaaaa1234, 2, 0x108), 0x3412U);
    EXPECT_EQ(store(x_form(662, 3, 5, 6), 0x12345678, 4, 0x108), 0x78563412U);
}

TEST_F(FormsTest, StoresGiveTheLowBytes) {
    for (const Form& f :
         {Form{38, 39, 215, 247, 1}, {44, 45, 407, 439, 2}, {36, 37, 151, 183, 4}}) {
        const u32 value = 0xa1b2c3d4;
        const u32 seen = f.size == 1 ? 0xd4 : f.size == 2 ? 0xc3d4 : value;
        EXPECT_EQ(store(d_form(f.plain, 3, 5, 4), value, f.size, 0x104), seen) << f.size;
        EXPECT_EQ(store(d_form(f.update, 3, 5, 4), value, f.size, 0x104), seen);
        EXPECT_EQ(v.gpr[5], device_ea + 0x104);
        EXPECT_EQ(store(x_form(f.indexed, 3, 5, 6), value, f.size, 0x108), seen);
        EXPECT_EQ(store(x_form(f.indexed_update, 3, 5, 6), value, f.size, 0x108), seen);
        EXPECT_EQ(v.gpr[5], device_ea + 0x108);
    }
}

TEST_F(FormsTest, MultipleFormsTouchAWordEach) {
    fake_device().answers = {1, 2, 3};
    emulate_device_access(v, d_form(46, 29, 5, 0), device_ea + 0x100);  // lmw r29
    EXPECT_EQ(v.gpr[29], 1U);
    EXPECT_EQ(v.gpr[31], 3U);
    ASSERT_EQ(fake_device().reads.size(), 3U);
    EXPECT_EQ(fake_device().reads[2].hpa, 0x108U);
    emulate_device_access(v, d_form(47, 30, 5, 0), device_ea + 0x100);  // stmw r30
    ASSERT_EQ(fake_device().writes.size(), 2U);
    EXPECT_EQ(fake_device().writes[0].value, 2U);
    EXPECT_EQ(fake_device().writes[1].hpa, 0x104U);
    EXPECT_EQ(v.nip, 0x1008U);
}

TEST_F(FormsTest, ReservationsAreAlignmentInterrupts) {
    struct Case {
        u32 word, esr;
    };
    for (const Case& c : {Case{x_form(20, 3, 5, 6), 0},                // lwarx
                          {x_form(150, 3, 5, 6) | 1U, 0x00800000}}) {  // stwcx.
        v.nip = 0x1000;
        emulate_device_access(v, c.word, device_ea + 0x108);
        EXPECT_EQ(v.nip, 0x00100600U) << std::hex << c.word;
        EXPECT_EQ(v.regs.dear, device_ea + 0x108);
        EXPECT_EQ(v.regs.esr, c.esr) << std::hex << c.word;
        EXPECT_EQ(v.regs.srr0, 0x1000U);
    }
    EXPECT_TRUE(fake_device().reads.empty());
    EXPECT_TRUE(fake_device().writes.empty());
}

constexpr u32 evldd = 4U << 26U | 3U << 21U | 5U << 16U | 0x301U, evstdd = evldd | 0x20U;

TEST_F(FormsTest, EightBytesAreTwoWords) {
    fake_device().answers = {0x11111111, 0x22222222};
    emulate_device_access(v, evldd, device_ea + 0x100);
    EXPECT_EQ(v.nip, 0x1004U);
    EXPECT_EQ(v.gpr[3], 0x22222222U);
    EXPECT_EQ(test::the_core().upper_half[3], 0x11111111U);
    emulate_device_access(v, evstdd, device_ea + 0x100);
    ASSERT_EQ(fake_device().writes.size(), 2U);
    EXPECT_EQ(fake_device().writes[0].value, 0x11111111U);
    EXPECT_EQ(fake_device().writes[1].hpa, 0x104U);
    EXPECT_EQ(fake_device().writes[1].value, 0x22222222U);
    v.nip = 0x1000;
    fake_device() = {};
    emulate_device_access(v, x_form(1014, 0, 5, 6), device_ea + 0x108);  // dcbz
    EXPECT_EQ(v.nip, 0x1004U);
    ASSERT_EQ(fake_device().writes.size(), 8U);
    EXPECT_EQ(fake_device().writes[0].hpa, 0x100U);
    EXPECT_EQ(fake_device().writes[7].hpa, 0x11cU);
    EXPECT_EQ(fake_device().writes[7].size, 4U);
}

TEST_F(FormsTest, StringsAreWordsAndWhatIsLeft) {
    fake_device().answers = {0x01020304, 0x0506, 0x07};
    emulate_device_access(v, x_form(597, 3, 5, 7), device_ea + 0x100);  // lswi of 7 bytes
    EXPECT_EQ(v.nip, 0x1004U);
    EXPECT_EQ(v.gpr[3], 0x01020304U);
    EXPECT_EQ(v.gpr[4], 0x05060700U);
    ASSERT_EQ(fake_device().reads.size(), 3U);
    EXPECT_EQ(fake_device().reads[1].size, 2U);
    EXPECT_EQ(fake_device().reads[2].hpa, 0x106U);
    emulate_device_access(v, x_form(725, 3, 5, 7), device_ea + 0x100);  // stswi
    ASSERT_EQ(fake_device().writes.size(), 3U);
    EXPECT_EQ(fake_device().writes[0].value, 0x01020304U);
    EXPECT_EQ(fake_device().writes[1].value, 0x0506U);
    EXPECT_EQ(fake_device().writes[2].value, 0x07U);
}

TEST_F(FormsTest, ForbiddenAccessesReachNoDevice) {
    v.tlb.write(v.tlb.tlb1(1), 1, 0x80000300, device_ea, device_ea | 0x01, 0);  // SR
    v.gpr[3] = 7;
    emulate_device_access(v, d_form(36, 3, 5, 0), device_ea + 0x100);
    EXPECT_EQ(v.nip, 0x00100300U) << "data storage";
    EXPECT_EQ(v.regs.esr, 0x00800000U);
    EXPECT_TRUE(fake_device().writes.empty());
    vcpu::set_msr(v, 0x4000);
    v.nip = 0x1000;
    emulate_device_access(v, d_form(32, 3, 5, 0), device_ea + 0x100);
    EXPECT_EQ(v.nip, 0x00100300U);
    EXPECT_EQ(v.gpr[3], 7U);
    EXPECT_TRUE(fake_device().reads.empty());
}

TEST_F(FormsTest, AnEmulatedAccessIsStepped) {
    v.regs.dbcr0 = 0x48000000;
    vcpu::set_msr(v, 0x200);
    emulate_device_access(v, d_form(32, 3, 5, 0), device_ea + 0x100);
    EXPECT_EQ(v.nip, 0x00101000U);
    EXPECT_EQ(v.regs.csrr0, 0x1004U);
}

}  // namespace
}  // namespace trapeze::dev
