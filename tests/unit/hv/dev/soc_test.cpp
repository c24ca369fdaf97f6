// SPDX-License-Identifier: Apache-2.0
// The small devices of the board, by every access that the bus can make.
#include <gtest/gtest.h>

#include "core.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/dev/devices.hpp"

namespace trapeze::dev {
namespace {

using test::the_core;

u64 real(u32 offset) { return board::ccsr_base + offset; }

class SocTest : public testing::Test {
  protected:
    SocTest() : v(test::fresh_guest()) {}
    vcpu::Vcpu& v;
};

TEST_F(SocTest, AResetIsAWordOfRstcr) {
    for (const unsigned size : {1U, 2U, 4U}) {
        for (u32 offset = 0; offset < 0x1000; offset += size) {
            if (offset == 0xb0 && size == 4) continue;
            guts.write(v, offset, size, 0xffff'ffff);
        }
    }
    guts.write(v, 0xb0, 4, ~2U);
    EXPECT_EQ(v.end, vcpu::End::running);
    guts.write(v, 0xb0, 4, 2);
    EXPECT_EQ(v.end, vcpu::End::reset);
    EXPECT_TRUE(the_core().io_writes.empty());
    the_core().io[real(0xe00a0)] = 0x8021'0022;
    EXPECT_EQ(guts.read(v, 0xa0, 4), 0x8021'0022U);
    EXPECT_EQ(guts.read(v, 0xa0, 2), 0U);
}

TEST_F(SocTest, ThePowerSwitchIsAWordToo) {
    gpio.write(v, 0, 4, 0x8000'0000);
    for (const u32 offset : {8U, 9U, 10U, 11U}) gpio.write(v, offset, 1, 0x80);
    gpio.write(v, 8, 2, 0x8000);
    gpio.write(v, 10, 2, 0x8000);
    EXPECT_EQ(v.end, vcpu::End::running);
    EXPECT_EQ(the_core().io[real(0xff008)], 0U);
    gpio.write(v, 8, 4, 0x8000'0000);
    EXPECT_EQ(v.end, vcpu::End::poweroff);
    EXPECT_EQ(the_core().io[real(0xff008)], 0U) << "the VMM's own power";
}

TEST_F(SocTest, ThePowerSwitchFollowsTheData) {
    gpio.write(v, 8, 4, 0x8000'0000);
    gpio.write(v, 0, 4, 0x8000'0000);
    gpio.write(v, 8, 4, 0x8000'0000);
    EXPECT_EQ(v.end, vcpu::End::running) << "no change of data while it is an output";
    gpio.write(v, 8, 4, 0);
    gpio.write(v, 8, 4, 0xc000'0000);
    EXPECT_EQ(v.end, vcpu::End::poweroff);
}

TEST_F(SocTest, ThePowerSwitchIsPinZeroAlone) {
    gpio.write(v, 0, 4, 0xffff'ffff);
    gpio.write(v, 8, 4, 0x7fff'ffff);
    EXPECT_EQ(v.end, vcpu::End::running);
    gpio.write(v, 8, 4, 0xffff'ffff);
    EXPECT_EQ(v.end, vcpu::End::poweroff);
}

TEST_F(SocTest, GpioEndsBehindItsRegisters) {
    for (u32 offset = 0x18; offset < 0x1000; offset += 4) gpio.write(v, offset, 4, 0xffff'ffff);
    EXPECT_TRUE(the_core().io_writes.empty());
    EXPECT_EQ(gpio.read(v, 0x18, 4), 0U);
    // Its event register has no events to tell, and clears what is written to it.
    v.devices->gpio[3] = 5;
    gpio.write(v, 12, 4, 4);
    EXPECT_EQ(gpio.read(v, 12, 4), 1U);
    EXPECT_EQ(gpio.read(v, 0, 1), 0U);
}

TEST_F(SocTest, WhatIsAbsentReadsAsZero) {
    absent.write(v, 0, 4, 1);
    EXPECT_EQ(absent.read(v, 0, 4), 0U);
    EXPECT_TRUE(the_core().io_writes.empty());
    EXPECT_TRUE(the_core().io_reads.empty());
}

TEST_F(SocTest, ExitCountersAreTheGuestsOwn) {
    reset_exit_counters(v);
    EXPECT_EQ(exit_counters.read(v, 0, 4), 0x5452'5045U);
    EXPECT_EQ(exit_counters.read(v, 8, 2), 0U) << "a halfword does not latch";
    const u32 number = exit_counters.read(v, 8, 4);
    EXPECT_EQ(exit_counters.read(v, 8, 4), number + 1);
    exit_counters.write(v, 0, 4, 0);
    EXPECT_EQ(exit_counters.read(v, 1, 1), 0x52U);
    reset_exit_counters(v);
    EXPECT_EQ(exit_counters.read(v, 8, 4), 1U) << "another guest counts anew";
}

}  // namespace
}  // namespace trapeze::dev
