// SPDX-License-Identifier: Apache-2.0
// The VMM's console: formats, the check of a dump, and manners towards the two UARTs.
#include "hv/console/console.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "hv/board/ppce500.hpp"
#include "hv/core/clock.hpp"
#include "monitored_guest.hpp"

namespace trapeze::test {
namespace {

using console::print;

class ConsoleTest : public MonitorTest {
  protected:
    template <typename... T>
    static std::string printed(const char* format, const T&... arguments) {
        print(format, arguments...);
        return sent();
    }
};

TEST_F(ConsoleTest, Numbers) {
    EXPECT_EQ(printed("{}", 0), "0");
    EXPECT_EQ(printed("{} {}", 7, "x"), "7 x");
    EXPECT_EQ(printed("{}", 4'294'967'295U), "4294967295");
    EXPECT_EQ(printed("{}", u64{4'294'967'296}), "4294967296");
    EXPECT_EQ(printed("{}", ~u64{0}), "18446744073709551615");
    EXPECT_EQ(printed("{}", std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(printed("{}", -10), "-10");
    EXPECT_EQ(printed("{:x}", 0xabcU), "00000abc");
    EXPECT_EQ(printed("{:x}", u64{0xf'1234'5678}), "f12345678");
    EXPECT_EQ(printed("{:X}", 0xabcU), "abc");
    EXPECT_EQ(printed("{:X}", 0), "0");
    EXPECT_EQ(printed("{} {}", true, 'c'), "yes c");
}

TEST_F(ConsoleTest, TextMakesNoLineOfItsOwn) {
    EXPECT_EQ(printed("{}.", "a\nb\x1b[2J\x7f\xc3\xa9"), "a?b?[2J???.");
    EXPECT_EQ(printed("\"{}\"", console::Quoted{"say \"no\\\"\t"}), R"("say \"no\\\"?")");
}

TEST_F(ConsoleTest, Columns) {
    EXPECT_EQ(printed("[{:4}]", 12), "[  12]");
    EXPECT_EQ(printed("[{:-4}]", 12), "[12  ]");
    EXPECT_EQ(printed("[{:4}]", -12), "[ -12]");
    EXPECT_EQ(printed("[{:-4}]", -12), "[-12 ]");
    EXPECT_EQ(printed("[{:12}]", "right"), "[       right]");
    EXPECT_EQ(printed("[{:-12}]", "left"), "[left        ]");
    EXPECT_EQ(printed("[{:2}]", "wider"), "[wider]");
}

TEST_F(ConsoleTest, WhatIsWrittenWrongGoesNoFurther) {
    EXPECT_EQ(printed("a {} b {} c", 1), "a 1 b  c") << "an argument too few";
    const console::Argument three[] = {1, 2, 3};
    console::print_arguments("{}{}{}", three, 1);
    EXPECT_EQ(sent(), "1") << "though there is something behind it";
    EXPECT_EQ(printed("a", 1), "a") << "and too many";
    EXPECT_EQ(printed("a {", 1), "a ");
}

TEST_F(ConsoleTest, LinesHaveTheTime) {
    struct Row {
        u64 ticks;
        const char* text;
    };
    constexpr u64 second = frequency, micro = second / 1'000'000;
    for (const Row& row : {Row{0, "[vmm    0.000000] x\n"}, Row{micro, "[vmm    0.000001] x\n"},
                           Row{second - 1, "[vmm    0.999999] x\n"},
                           Row{12 * second + 34 * micro, "[vmm   12.000034] x\n"},
                           Row{123'456 * second, "[vmm 123456.000000] x\n"}}) {
        the_core().timebase = row.ticks;
        core::clock = {};
        console::log("x");
        EXPECT_EQ(sent(), row.text);
    }
    console::set_clock(0);
    console::log("y");
    EXPECT_EQ(sent(), "[vmm    0.000000] y\n") << "not known yet";
}

TEST_F(ConsoleTest, TheCheckIsZlibs) {
    std::string text;
    for (unsigned i = 0; i < 1000; ++i) {
        text.push_back(i % 50 == 49 ? '\n' : static_cast<char>(i * 7 & 0x7f));
    }
    std::erase(text, '\0');
    const auto count = std::ranges::count(text, '\n');
    for (unsigned again = 0; again < 2; ++again) {
        console::put("not in it\n");
        console::begin_check();
        console::put(text.c_str());
        const console::Check check = console::end_check();
        console::put("nor this\n");
        EXPECT_EQ(check.crc, crc32(0, reinterpret_cast<const Bytef*>(text.data()),
                                   static_cast<uInt>(text.size())));
        EXPECT_EQ(check.lines, count);
    }
}

// No more bytes at once than the FIFO holds, each time after a look that found it empty.
TEST_F(ConsoleTest, TheUartIsNotOverrun) {
    constexpr u64 uart = board::ccsr_base + board::uart1_offset;
    struct Look {
        std::size_t reads, writes;
    };
    console::put('\n');
    the_core().io_reads.clear();
    sent();
    the_core().io_writes.clear();
    std::size_t looks = 0;
    for (unsigned i = 1; i <= 100; ++i) {
        console::put('x');
        looks = the_core().io_reads.size();
        EXPECT_GE(16 * (looks + 1), i) << "one look was made before";
    }
    EXPECT_LE(looks, 7U) << "nor at each byte";
    for (const IoWrite& write : the_core().io_writes) EXPECT_EQ(write.hpa, uart);
}

// The guest goes on after a line: then the UART is quiet, and UART0 says again what it asks for.
TEST_F(ConsoleTest, TheGuestsUartSpeaksLast) {
    restated() = 0;
    console::put("line\n");
    EXPECT_EQ(restated(), 1U);
    console::begin_check();
    console::put("a\nb\nc\n");
    console::end_check();
    EXPECT_EQ(restated(), 1U) << "a dump is not interrupted";
    console::put("end\n");
    EXPECT_EQ(restated(), 2U);
    EXPECT_EQ(console::poll(), -1);
    EXPECT_EQ(restated(), 2U);
    receive('q');
    EXPECT_EQ(console::poll(), 'q');
    EXPECT_EQ(restated(), 3U);
    receive(0xff);
    EXPECT_EQ(console::poll(), 0xff);
}

}  // namespace
}  // namespace trapeze::test
