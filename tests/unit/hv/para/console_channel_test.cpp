// SPDX-License-Identifier: Apache-2.0
// A byte channel whose other end is the guest's console.
#include <gtest/gtest.h>

#include "hv/board/ppce500.hpp"
#include "hv/para/channel.hpp"
#include "joined_guests.hpp"

namespace trapeze::para {
namespace {

using test::the_core;

constexpr u32 send = token(epapr, 1), receive = token(epapr, 2), poll = token(epapr, 3);
constexpr u32 number = 1, uart_data = 0, uart_enables = 1, uart_status = 5;
constexpr u32 holding_empty = 0x20;

// Guest 2 of three, on a core of its own, so that bytes are in frames.
class ConsoleTest : public testing::Test {
  protected:
    ConsoleTest() {
        channel->ends[0] = {channel.get(), 2, number};
        channel->ends[1] = {channel.get(), ChannelEnd::console, 0};
        the_core().uart = uart;
        the_core().io[uart + uart_status] = holding_empty;
        dev::start_uart(*v.devices->board);
        dev::reset_uart(v);
        attach_console(v, channel->ends[0]);
        the_core().io_writes.clear();
    }
    std::string printed() const {
        std::string text;
        for (const auto& w : the_core().io_writes) {
            if (w.hpa == uart + uart_data) text.push_back(static_cast<char>(w.value));
        }
        return text;
    }
    bool asks_for_input() const { return (the_core().io[uart + uart_enables] & 1) != 0; }
    bool asks_for_room() const { return (the_core().io[uart + uart_enables] & 2) != 0; }
    void typed(const std::string& text) {
        the_core().incoming += text;
        dev::on_uart(*v.devices->board, *all.guest(0).core);
        all.take_messages();
    }
    std::string received() {
        std::string text;
        while (all.call(2, receive, {number, 16}) == Status::success && v.gpr[4] != 0) {
            for (u32 i = 0; i < v.gpr[4]; ++i) {
                text.push_back(static_cast<char>(v.gpr[5 + i / 4] >> (24 - 8 * (i % 4))));
            }
        }
        return text;
    }

    const e500::u64 uart = board::ccsr_base + board::uart0_offset;
    test::JoinedGuests all;
    vcpu::Vcpu& v = all.guest(2);
    std::unique_ptr<Channel> channel = std::make_unique<Channel>();
};

TEST_F(ConsoleTest, WhatTheGuestSendsIsPrinted) {
    const u32 signs = v.signs;
    EXPECT_EQ(all.call(2, send, {number, 3, 0x61100a00}), Status::success);
    EXPECT_EQ(printed(), std::string("\x10"
                                     "Ca\x10\x10\n"));
    EXPECT_NE(v.signs, signs) << "it lives";
    EXPECT_TRUE(all.line(2, send_source(number)));
    EXPECT_FALSE(asks_for_room());
}

TEST_F(ConsoleTest, WhatTheBoardCannotTakeWaitsAndNothingIsLost) {
    the_core().io[uart + uart_status] = 0;
    std::string sent;
    while (all.call(2, send, {number, 4, 0x30313233}) == Status::success) sent += "0123";
    EXPECT_EQ(sent.size() % ByteQueue::capacity, 0U) << "what there is room for, and all of it";
    EXPECT_FALSE(all.line(2, send_source(number)));
    EXPECT_TRUE(asks_for_room());
    the_core().io[uart + uart_status] = holding_empty;
    dev::on_uart(*v.devices->board, *all.guest(0).core);
    EXPECT_EQ(printed(),
              "\x10"
              "C" +
                  sent);
    EXPECT_FALSE(asks_for_room());
    all.take_messages();
    EXPECT_TRUE(all.line(2, send_source(number)));
}

TEST_F(ConsoleTest, WhatIsTypedIsForTheChannelAndNotForTheUart) {
    typed(
        "\x10"
        "Chello");
    EXPECT_TRUE(all.line(2, receive_source(number)));
    EXPECT_EQ(v.devices->uart.room(), dev::Uart16550{}.room()) << "nothing came there";
    EXPECT_EQ(received(), "hello");
    EXPECT_FALSE(all.line(2, receive_source(number)));
}

TEST_F(ConsoleTest, MoreThanItTakesStaysInTheBoards) {
    std::string text;
    for (u32 i = 0; i < ByteQueue::capacity + 100; ++i) {
        text.push_back(static_cast<char>('a' + i % 26));
    }
    typed(
        "\x10"
        "C" +
        text);
    EXPECT_EQ(the_core().incoming.size(), 99U) << "one byte is held between";
    EXPECT_FALSE(asks_for_input()) << "its line would stay up";
    EXPECT_EQ(received(), text);
    EXPECT_TRUE(asks_for_input());
}

TEST_F(ConsoleTest, AGuestMadeAnewHasWhatIsTypedFromThenOn) {
    const std::string text(ByteQueue::capacity + 100, 'x');
    typed(
        "\x10"
        "C" +
        text);
    dev::reset_uart(v);
    attach_console(v, channel->ends[0]);
    EXPECT_EQ(all.call(2, poll, {number}), Status::success);
    EXPECT_EQ(v.gpr[4], 0U) << "what it had not received is gone";
    v.devices->handles[number].told(v, number);
    EXPECT_TRUE(asks_for_input()) << "or nothing would ever come again";
    EXPECT_EQ(received(), std::string(100, 'x')) << "what had not come yet";
}

}  // namespace
}  // namespace trapeze::para
