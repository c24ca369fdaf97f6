// SPDX-License-Identifier: Apache-2.0
// How the board's interrupt controller and its first serial port reach the guest's.
#include <gtest/gtest.h>

#include <stdexcept>

#include "core.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/core/clock.hpp"
#include "hv/dev/devices.hpp"
#include "hv/exit/entry.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/timers.hpp"

namespace trapeze::dev {
namespace {

using test::the_core;

constexpr u32 ee = 0x8000, ce = 0x20000;
constexpr u32 external = 0x00100500, critical = 0x00100100;
constexpr u32 configuration = 0x1020;
constexpr u32 task_priority = 0x20080, iack = 0x200a0, eoi = 0x200b0;
// The VMM's, of the core that asks.
constexpr u32 own_task_priority = 0x80, own_iack = 0xa0, own_eoi = 0xb0;
constexpr u32 masked = 0x80000000, active = 0x40000000, high = 0x00800000, level = 0x00400000;
constexpr u32 delivered = 8U << 16, priority_bits = 0xf0000;
constexpr unsigned i2c = 43, edge = 3;

constexpr u32 source(unsigned n) { return 0x10000 + 32 * n; }
u32& real(u32 offset) { return the_core().io[board::ccsr_base + board::mpic_offset + offset]; }
u32& real_uart(u32 reg) { return the_core().io[board::ccsr_base + board::uart0_offset + reg]; }
constexpr u32 uart_register(u32 reg) { return board::uart0_offset - board::uart_page + reg; }

class MpicTest : public testing::Test {
  protected:
    MpicTest() : v(test::fresh_guest()) {
        reset_mpic(v);
        reset_uart(v);
        start_mpic();
        start_uart(*v.devices->board);
        the_core().io_writes.clear();
        write(task_priority, 0);
    }
    u32 read(u32 offset) { return mpic.read(v, offset, 4); }
    void write(u32 offset, u32 value) { mpic.write(v, offset, 4, value); }
    // The board's controller has it; the VMM takes it.
    void comes(unsigned n) {
        real(own_iack) = n;
        hv_full_exit(&v, static_cast<u32>(e500::Vector::external));
    }
    unsigned ends() const {
        unsigned count = 0;
        for (const auto& w : the_core().io_writes) {
            count += w.hpa == board::ccsr_base + board::mpic_offset + own_eoi ? 1 : 0;
        }
        return count;
    }
    vcpu::Vcpu& v;
};

TEST_F(MpicTest, TheBoardsControllerIsTheVmms) {
    start_mpic();
    EXPECT_EQ(real(configuration), 0x20000000U);
    EXPECT_EQ(real(own_task_priority), 0U);
    EXPECT_EQ(real(0x10a0), delivered | 256U) << "messages between cores";
    EXPECT_EQ(real(source(42)), high | delivered | 42U);
    the_core().io_writes.clear();
    // What the guest does to its own changes nothing of it, but for what a source is like.
    for (const u32 offset : {configuration, 0x1090U, 0x10a0U, 0x10e0U, 0x1110U, 0x20040U, 0x80U,
                             task_priority, eoi, source(42), source(224), source(i2c) + 0x10}) {
        for (const u32 value : {0U, 1U, 0x60000000U, 0x80000000U, 0x00050042U}) {
            write(offset, value);
        }
    }
    EXPECT_TRUE(the_core().io_writes.empty());
}

TEST_F(MpicTest, ASourceIsDeliveredOnceTheGuestWantsIt) {
    write(source(i2c), masked | high | 5U << 16 | 0x43);
    EXPECT_TRUE(the_core().io_writes.empty());
    write(source(i2c), high | 5U << 16 | 0x43);
    EXPECT_EQ(real(source(i2c)), high | delivered | i2c);
    the_core().io_writes.clear();
    write(source(i2c), masked | high | 7U << 16 | 0x43);
    write(source(i2c), high | 7U << 16 | 0x43);
    EXPECT_TRUE(the_core().io_writes.empty()) << "the rest is its own business";
    write(source(edge), 5U << 16 | 0x33);
    EXPECT_EQ(real(source(edge)), delivered | edge);
    write(source(edge), level | 5U << 16 | 0x33);
    EXPECT_EQ(real(source(edge)), level | delivered | edge);
    // After a reset of its controller it wants nothing.
    write(configuration, 0x80000000);
    EXPECT_EQ(real(source(edge)), masked | edge);
    EXPECT_EQ(real(source(i2c)), masked | i2c);
    EXPECT_EQ(real(source(42)) & masked, 0U);
}

TEST_F(MpicTest, AnAdmittedInterruptIsTaken) {
    write(source(edge), 5U << 16 | 0x33);
    vcpu::set_msr(v, ee);
    comes(edge);
    EXPECT_EQ(v.nip, external);
    EXPECT_EQ(v.regs.srr0, 0x1000U);
    EXPECT_EQ(ends(), 1U);
    EXPECT_EQ(read(iack), 0x33U);
    EXPECT_FALSE(v.external_held);
}

TEST_F(MpicTest, WhatTheGuestDoesNotAdmitWaitsInItsOwn) {
    write(source(edge), 5U << 16 | 0x33);
    comes(edge);
    EXPECT_EQ(v.nip, 0x1000U);
    EXPECT_EQ(v.regs.pending, ee);
    EXPECT_EQ(ends(), 1U) << "the board's controller is free for the next";
    vcpu::set_msr(v, ee);
    vcpu::deliver_pending(v);
    EXPECT_EQ(v.nip, external);
    write(task_priority, 5);
    EXPECT_EQ(v.regs.pending, 0U);
    write(task_priority, 4);
    EXPECT_EQ(v.regs.pending, ee);
    EXPECT_EQ(read(iack), 0x33U);
    EXPECT_EQ(v.regs.pending, 0U);
}

TEST_F(MpicTest, ALevelIsParkedUntilItIsDown) {
    write(source(i2c), high | 5U << 16 | 0x43);
    comes(i2c);
    EXPECT_EQ(real(source(i2c)), high | i2c) << "priority 0: it interrupts nobody";
    EXPECT_EQ(ends(), 1U);
    real(source(i2c)) |= active;
    vcpu::set_msr(v, ee);
    vcpu::deliver_pending(v);
    EXPECT_EQ(v.nip, external);
    EXPECT_EQ(read(iack), 0x43U);
    write(eoi, 0);
    EXPECT_TRUE(v.external_held) << "the line is still up";
    EXPECT_EQ(real(source(i2c)) & priority_bits, 0U);
    EXPECT_EQ(read(iack), 0x43U);
    real(source(i2c)) &= ~active;
    write(eoi, 0);
    EXPECT_FALSE(v.external_held);
    EXPECT_EQ(real(source(i2c)), high | delivered | i2c);
}

TEST_F(MpicTest, AParkedSourceOfAnotherSenseIsDelivered) {
    write(source(i2c), high | 5U << 16 | 0x43);
    comes(i2c);
    EXPECT_TRUE(v.external_held);
    write(source(i2c), 5U << 16 | 0x43);
    EXPECT_EQ(real(source(i2c)), delivered | i2c);
    EXPECT_FALSE(v.external_held) << "what the line is like now, the board says";
}

TEST_F(MpicTest, NothingIsLeftOfWhatWasBeforeAReset) {
    write(source(i2c), high | 5U << 16 | 0x43);
    write(source(edge), 5U << 16 | 0x33);
    comes(i2c);
    write(configuration, 0x80000000);
    write(task_priority, 0);
    write(source(i2c), high | 5U << 16 | 0x43);
    write(source(edge), 5U << 16 | 0x33);
    EXPECT_EQ(real(source(i2c)), high | delivered | i2c);
    EXPECT_EQ(real(source(edge)), delivered | edge);
    EXPECT_FALSE(v.external_held) << "the line was up before";
    comes(edge);
    EXPECT_TRUE(v.external_held);
    EXPECT_EQ(real(source(i2c)), high | delivered | i2c) << "it is not parked";
}

TEST_F(MpicTest, AWithdrawnRequestIsNone) {
    write(source(i2c), high | 5U << 16 | 0x43);
    for (const bool polled : {false, true}) {
        real(source(i2c)) |= active;
        comes(i2c);
        EXPECT_EQ(v.regs.pending, ee);
        real(source(i2c)) &= ~active;  // the guest has seen to its device by itself
        if (polled) {
            EXPECT_EQ(read(iack), 0xffffU);
        } else {
            vcpu::set_msr(v, ee);
            vcpu::deliver_pending(v);
            vcpu::set_msr(v, 0);
        }
        EXPECT_EQ(v.nip, 0x1000U);
        EXPECT_EQ(v.regs.pending, 0U);
        EXPECT_EQ(real(source(i2c)), high | delivered | i2c);
    }
}

// The timers behind an external input that was withdrawn come at once.
TEST_F(MpicTest, ATimerFollowsAWithdrawnRequest) {
    write(source(i2c), high | 5U << 16 | 0x43);
    real(source(i2c)) |= active;
    comes(i2c);
    real(source(i2c)) &= ~active;
    v.regs.tsr = 0x08000000;
    v.regs.tcr = 0x04000000;
    vcpu::update_pending(v);
    vcpu::set_msr(v, ee);
    vcpu::deliver_pending(v);
    EXPECT_EQ(v.nip, 0x00100a00U + 0x100) << "the decrementer";
}

TEST_F(MpicTest, WhatWasWithdrawnFromTheBoardsIsNotEnded) {
    comes(0xffff);
    EXPECT_EQ(ends(), 0U);
    EXPECT_EQ(v.nip, 0x1000U);
}

TEST_F(MpicTest, ExternalProxyModePutsTheVectorIntoEpr) {
    write(configuration, 0x60000000);
    EXPECT_EQ(read(configuration), 0x60000000U);
    write(source(edge), 5U << 16 | 0x77);
    vcpu::set_msr(v, ee);
    comes(edge);
    EXPECT_EQ(v.nip, external);
    EXPECT_EQ(v.regs.epr, 0x77U);
    EXPECT_FALSE(v.external_held) << "acknowledged as it was taken";
    write(configuration, 0x20000000);
    EXPECT_EQ(read(configuration), 0x20000000U);
}

TEST_F(MpicTest, TheCriticalOutputWaitsForMsrCe) {
    write(source(i2c), high | 0x43);
    write(source(i2c) + 0x18, 1);
    comes(i2c);
    real(source(i2c)) |= active;
    EXPECT_EQ(v.nip, 0x1000U);
    EXPECT_EQ(v.regs.pending, ce);
    vcpu::set_msr(v, ce);
    vcpu::deliver_pending(v);
    EXPECT_EQ(v.nip, critical);
    EXPECT_EQ(v.regs.csrr1, ce);
    EXPECT_TRUE(v.critical_held) << "nothing acknowledges it";
    // The handler has seen to the device and returns.
    real(source(i2c)) &= ~active;
    v.nip = 0x1004;
    vcpu::set_msr(v, ce);
    vcpu::deliver_pending(v);
    EXPECT_EQ(v.nip, 0x1004U);
    EXPECT_EQ(real(source(i2c)), high | delivered | i2c);
}

// An input that nothing keeps down: the guest never gets its turn, and neither does a heartbeat.
TEST_F(MpicTest, AnInputThatStaysUpEndsTheGuest) {
    write(source(edge), 5U << 16 | 0x33);
    comes(edge);
    unsigned n = 1;
    try {
        for (; n < 200'000; ++n) comes(edge);
        FAIL() << "it goes on for ever";
    } catch (const std::runtime_error& ended) {
        EXPECT_STREQ(ended.what(),
                     "no progress: external at 00001000 repeated 65536 times, and the guest "
                     "completes no instruction");
    }
    EXPECT_EQ(n, 65536U);
    EXPECT_EQ(the_core().requests, 255U) << "and the console was looked at meanwhile";
    EXPECT_EQ(v.end, vcpu::End::guest_died);
}

TEST_F(MpicTest, TimersAreADeadlineOfTheCores) {
    constexpr u32 base = 0x1110, vector = 0x1120;
    constexpr u64 tick = board::mpic_timer_divider;
    EXPECT_FALSE(v.device_waits);
    write(vector, 5U << 16 | 0x70);
    write(base, 1000);
    EXPECT_EQ(v.device_deadline, core::now() + 1000 * tick);
    EXPECT_LE(the_core().decrementer, 1000 * tick);
    the_core().timebase += 600 * tick + 3;
    EXPECT_EQ(read(0x1100), 400U);
    the_core().timebase += 400 * tick;
    hv_full_exit(&v, static_cast<u32>(e500::Vector::decrementer));
    EXPECT_EQ(v.regs.pending, ee);
    EXPECT_EQ(read(iack), 0x70U);
    EXPECT_EQ(v.device_deadline, core::now() - 3 + 1000 * tick) << "and so on, to the tick";
    write(configuration, 0x80000000);
    EXPECT_FALSE(v.device_waits);
}

// ---- The serial port.

constexpr u32 uart_data = 0, uart_enables = 1, uart_identification = 2, uart_status = 5;
constexpr u32 fifo_on = 1, ready = 1, holding_empty = 0x20;

class UartTest : public MpicTest {
  protected:
    UartTest() {
        write(source(42), high | 5U << 16 | 0x42);
        put(uart_identification, fifo_on);
        real_uart(uart_status) = holding_empty;
        the_core().io_writes.clear();
    }
    u32 get(u32 reg) { return uart_page.read(v, uart_register(reg), 1); }
    void put(u32 reg, u32 value) { uart_page.write(v, uart_register(reg), 1, value); }
    std::string sent() const {
        std::string text;
        for (const auto& w : the_core().io_writes) {
            if (w.hpa == board::ccsr_base + board::uart0_offset) {
                text.push_back(static_cast<char>(w.value));
            }
        }
        return text;
    }
};

TEST_F(UartTest, OneUartIsTheGuestsAndTheOtherIsAbsent) {
    the_core().io_reads.clear();
    for (const unsigned size : {1U, 2U, 4U}) {
        for (u32 offset = 0; offset < 0x1000; offset += size) {
            const bool own = offset >= uart_register(0) && offset < uart_register(8);
            if (own) continue;
            uart_page.write(v, offset, size, 0x5a);
            EXPECT_EQ(uart_page.read(v, offset, size), 0U);
        }
    }
    EXPECT_TRUE(the_core().io_writes.empty());
    EXPECT_TRUE(the_core().io_reads.empty());
    uart_page.write(v, uart_register(7), 4, 0x123456a5);
    EXPECT_EQ(uart_page.read(v, uart_register(7), 4), 0xa5U) << "a byte, however wide";
}

TEST_F(UartTest, WhatTheBoardsCannotTakeWaits) {
    const u32 signs = v.signs;
    for (unsigned i = 0; i < 16; ++i) put(uart_data, 'a' + i);
    EXPECT_EQ(sent(), "abcdefghijklmnop");
    EXPECT_EQ(v.signs, signs + 16) << "it lives";
    real_uart(uart_status) = 0;
    put(uart_enables, 2);
    EXPECT_EQ(get(uart_identification) & 0xf, 2U);
    put(uart_data, 'q');
    EXPECT_EQ(get(uart_status), 0U) << "not empty";
    EXPECT_FALSE(v.external_held);
    EXPECT_EQ(real_uart(uart_enables), 3U) << "the board's is to tell when it is";
    real_uart(uart_status) = holding_empty;
    comes(42);
    EXPECT_EQ(real_uart(uart_data), static_cast<u32>('q'));
    EXPECT_EQ(real_uart(uart_enables), 1U);
    EXPECT_EQ(get(uart_status), 0x60U);
    EXPECT_TRUE(v.external_held) << "and the guest hears of it";
    EXPECT_EQ(read(iack), 0x42U);
}

TEST_F(UartTest, TheEndWaitsForTheLastByte) {
    real_uart(uart_status) = 0x60;
    put(uart_data, 'x');
    the_core().io_reads.clear();
    flush_uart(v);
    EXPECT_EQ(sent(), "x");
    ASSERT_FALSE(the_core().io_reads.empty());
    EXPECT_EQ(the_core().io_reads.back().hpa, board::ccsr_base + board::uart0_offset + uart_status);
}

// More comes than the guest takes: the rest stays in the board's, which makes the sender wait.
TEST_F(UartTest, WhatTheGuestDoesNotTakeStaysInTheBoards) {
    put(uart_enables, 1);
    real_uart(uart_status) = holding_empty | ready;
    real_uart(uart_data) = 'z';
    comes(42);
    EXPECT_EQ(real_uart(uart_enables), 0U) << "its line would stay up";
    EXPECT_TRUE(v.external_held);
    unsigned reads = 0;
    for (const auto& r : the_core().io_reads) {
        reads += r.hpa == board::ccsr_base + board::uart0_offset ? 1 : 0;
    }
    EXPECT_EQ(reads, 17U);
    EXPECT_EQ(get(uart_data), static_cast<u32>('z'));
    EXPECT_EQ(real_uart(uart_enables), 0U) << "there was one more";
    real_uart(uart_status) = holding_empty;
    EXPECT_EQ(get(uart_data), static_cast<u32>('z'));
    EXPECT_EQ(real_uart(uart_enables), 1U) << "that was all";
    for (unsigned i = 0; i < 16; ++i) get(uart_data);
    EXPECT_EQ(get(uart_status), 0x60U);
    EXPECT_FALSE(v.external_held);
}

}  // namespace
}  // namespace trapeze::dev
