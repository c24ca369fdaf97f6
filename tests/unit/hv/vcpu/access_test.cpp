// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/access.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <vector>

#include "access_model.hpp"
#include "core.hpp"
#include "dbt/decode.hpp"
#include "hv/dev/bus.hpp"
#include "hv/vcpu/emulate.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::vcpu {
namespace {

using test::d_form;
using test::device_ea;
using test::fake_device;
using test::Piece;
using test::port_memory;
using test::x_form;

class AccessTest : public testing::Test {
  protected:
    AccessTest() : v(test::fresh_guest()) {
        port_memory() = {};
        port_memory().pages[0x10000] = {};
        port_memory().pages[0x11000] = {};
        v.gpr[5] = 0x10000;
        v.gpr[6] = 8;
    }
    AccessResult run(u32 word) { return emulate_access(v, dbt::decode(word), test::memory_port()); }
    void put_word(u32 ea, u32 value) {
        for (unsigned i = 4; i-- > 0; value >>= 8U) {
            port_memory().pages.at(ea & ~0xfffU).bytes.at((ea & 0xfffU) + i) =
                static_cast<test::u8>(value);
        }
    }
    Vcpu& v;
};

TEST_F(AccessTest, PiecesAreWholeElementsInOrder) {
    v.gpr[5] = 0x10101;
    EXPECT_EQ(run(d_form(46, 29, 5, 0)), AccessResult::done);  // lmw r29, misaligned
    EXPECT_EQ(port_memory().pieces,
              (std::vector<Piece>{{0x10101, 4, false}, {0x10105, 4, false}, {0x10109, 4, false}}));
    port_memory().pieces.clear();
    EXPECT_EQ(run(x_form(725, 3, 5, 6)), AccessResult::done);  // stswi of 6 bytes
    EXPECT_EQ(port_memory().pieces, (std::vector<Piece>{{0x10101, 4, true}, {0x10105, 2, true}}));
}

TEST_F(AccessTest, AnElementInTwoPagesGoesByBytes) {
    v.gpr[3] = 0xa1b2c3d4;
    v.gpr[5] = 0x10ffe;
    EXPECT_EQ(run(d_form(36, 3, 5, 0)), AccessResult::done);
    EXPECT_EQ(port_memory().pieces,
              (std::vector<Piece>{
                  {0x10ffe, 1, true}, {0x10fff, 1, true}, {0x11000, 1, true}, {0x11001, 1, true}}));
    EXPECT_EQ(run(d_form(32, 4, 5, 0)), AccessResult::done);
    EXPECT_EQ(v.gpr[4], 0xa1b2c3d4U);
}

// Wherever the second page begins within a store, all forms leave the first page alone, too.
TEST_F(AccessTest, NothingIsStoredIfTheSecondPageFaults) {
    port_memory().pages[0x11000].store = false;
    const auto blank = port_memory().pages;
    for (const u32 word : {d_form(47, 0, 5, 0), x_form(725, 3, 5, 0), d_form(36, 3, 5, 0),
                           d_form(45, 3, 5, 0), 4U << 26U | 3U << 21U | 5U << 16U | 0x321U}) {
        const unsigned bytes = word >> 26U == 47U   ? 128
                               : word >> 26U == 31U ? 32
                               : word >> 26U == 45U ? 2
                               : word >> 26U == 4U  ? 8
                                                    : 4;
        for (unsigned in_first = 1; in_first < bytes; ++in_first) {
            for (auto& r : v.gpr) {
                r = 0x01010101;
            }
            v.gpr[5] = 0x11000 - in_first;
            v.nip = 0x2000;
            EXPECT_EQ(run(word), AccessResult::interrupted);
            EXPECT_EQ(v.regs.dear, 0x11000U) << std::hex << word << " " << in_first;
            EXPECT_EQ(v.regs.esr, 0x00800000U);
            EXPECT_EQ(v.regs.srr0, 0x2000U);
            EXPECT_EQ(v.gpr[5], 0x11000 - in_first);
            EXPECT_TRUE(port_memory().pieces.empty());
            EXPECT_EQ(port_memory().pages.at(0x10000).bytes, blank.at(0x10000).bytes);
        }
    }
}

TEST_F(AccessTest, AMultipleLoadThatFaultsChangesNoRegisterAndStartsAgain) {
    v.gpr[29] = 0x10ff8;
    put_word(0x10ff8, 1);
    put_word(0x10ffc, 2);
    port_memory().pages[0x11000].load = false;
    const auto before = std::to_array(v.gpr);
    v.nip = 0x2000;
    EXPECT_EQ(run(d_form(46, 28, 29, 0)), AccessResult::interrupted);  // its base is among them
    EXPECT_EQ(std::to_array(v.gpr), before);
    EXPECT_EQ(v.regs.dear, 0x11000U);
    EXPECT_EQ(v.regs.esr, 0U);
    port_memory().pages[0x11000].load = true;
    put_word(0x11004, 4);
    v.nip = 0x2000;
    EXPECT_EQ(run(d_form(46, 28, 29, 0)), AccessResult::done);
    EXPECT_EQ(v.gpr[28], 1U);
    EXPECT_EQ(v.gpr[29], 2U);
    EXPECT_EQ(v.gpr[31], 4U);
}

// No instruction has changed a register before all of it is loaded.
TEST_F(AccessTest, ALoadThatEndsInTheMiddleChangesNoRegister) {
    struct Case {
        u32 word;
        std::size_t pieces;
    };
    v.xer = 17;
    for (const Case& c : {Case{d_form(46, 3, 5, 0), 29},
                          {d_form(33, 3, 5, 0x7c), 1},
                          {x_form(597, 30, 5, 0), 8},
                          {x_form(533, 30, 5, 7), 5},
                          {4U << 26U | 3U << 21U | 5U << 16U | 0x305U, 4}}) {
        v.gpr[7] = 0;
        const auto before = std::to_array(v.gpr);
        const auto upper = test::the_core().upper_half;
        for (std::size_t i = 0; i < c.pieces; ++i) {
            port_memory().pieces.clear();
            port_memory().most = i;
            v.end = End::running;
            v.nip = 0x2000;
            EXPECT_EQ(run(c.word), AccessResult::interrupted) << std::hex << c.word;
            EXPECT_EQ(port_memory().pieces.size(), i);
            EXPECT_EQ(std::to_array(v.gpr), before);
            EXPECT_EQ(test::the_core().upper_half, upper);
            EXPECT_EQ(v.nip, 0x2000U);
        }
    }
}

TEST_F(AccessTest, ARefusalChangesNothing) {
    port_memory().pages[0x11000].refused = true;
    v.gpr[5] = 0x10ffc;
    v.nip = 0x2000;
    const auto before = std::to_array(v.gpr);
    for (const u32 word : {d_form(46, 29, 5, 0), d_form(47, 29, 5, 0), d_form(37, 3, 5, 4),
                           d_form(33, 3, 5, 2), x_form(1014, 0, 5, 6)}) {
        EXPECT_EQ(run(word), AccessResult::refused) << std::hex << word;
        EXPECT_EQ(std::to_array(v.gpr), before);
        EXPECT_EQ(v.nip, 0x2000U);
    }
    EXPECT_TRUE(port_memory().pieces.empty());
}

TEST_F(AccessTest, AStepIsReportedAfterTheAccess) {
    v.regs.dbcr0 = 0x48000000;
    set_msr(v, 0x200);
    v.nip = 0x2000;
    EXPECT_EQ(run(d_form(47, 30, 5, 0)), AccessResult::done);
    EXPECT_EQ(v.nip, 0x00101000U);
    EXPECT_EQ(v.regs.csrr0, 0x2004U);
    EXPECT_EQ(port_memory().pieces.size(), 2U);
}

// See access.hpp: a loop around an emulated lwarx would not end. The core then says what there is
// to say of an address that is misaligned.
TEST_F(AccessTest, ReservationsAreRefused) {
    v.cr = 0xffffffff;
    v.nip = 0x2000;
    const auto before = std::to_array(v.gpr);
    for (const u32 address : {0x10008U, 0x1000aU}) {
        for (const u32 word : {x_form(20, 3, 5, 6), x_form(150, 3, 5, 6) | 1U}) {
            v.gpr[6] = address - v.gpr[5];
            EXPECT_EQ(run(word), AccessResult::refused);
        }
    }
    v.gpr[6] = 8;
    EXPECT_EQ(std::to_array(v.gpr), before);
    EXPECT_EQ(v.cr, 0xffffffffU);
    EXPECT_EQ(v.nip, 0x2000U);
    EXPECT_TRUE(port_memory().pieces.empty());
}

TEST_F(AccessTest, ALoadOfADeviceInTwoPagesReadsNothingIfOneFaults) {
    v.tlb.write(v.tlb.tlb1(1), 1, 0x80000100, device_ea | 0xa, device_ea | 0x3f, 0);  // 4 KiB
    v.gpr[5] = device_ea + 0xff8;
    v.gpr[30] = 0x77;
    v.nip = 0x2000;
    dev::emulate_device_access(v, d_form(46, 29, 5, 0), device_ea + 0xff8);
    EXPECT_EQ(v.regs.dear, device_ea + 0x1000);
    EXPECT_EQ(v.nip, 0x00100e00U) << "data TLB";
    EXPECT_TRUE(fake_device().reads.empty());
    EXPECT_EQ(v.gpr[30], 0x77U);
}

}  // namespace
}  // namespace trapeze::vcpu
