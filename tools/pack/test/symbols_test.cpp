// SPDX-License-Identifier: Apache-2.0
#include "pack/symbols.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "samples.hpp"

namespace {

using namespace trapeze::pack;
using samples::bytes_of;
using testing::HasSubstr;

TEST(Symbols, SystemMapGivesSortedCode) {
    const auto symbols = parse_symbols(
        bytes_of("c0000010 t second\nc0000000 T first\nc0400000 D data\nc0000010 t second\n"), "s");
    ASSERT_EQ(symbols.size(), 2U);
    EXPECT_EQ(symbols[0].address, 0xc0000000U);
    EXPECT_EQ(symbols[0].name, "first");
    EXPECT_EQ(symbols[1].name, "second");
}

TEST(Symbols, NamesFitIntoALine) {
    const auto symbols =
        parse_symbols(bytes_of("c0000000 T two words\nc0000010 T caf\xc3\xa9\x1b[31m\nc0000020 T " +
                               std::string(300, 'n') + "\n"),
                      "s");
    ASSERT_EQ(symbols.size(), 3U);
    EXPECT_EQ(symbols[0].name, "two?words");
    EXPECT_EQ(symbols[1].name, "caf???[31m");
    EXPECT_EQ(symbols[2].name, std::string(255, 'n'));
}

TEST(Symbols, OtherTextIsRefusedWithItsLine) {
    for (const char* text : {"c0000000 T ok\nnonsense\n", "c0000000 T ok\nc0000004\n",
                             "c0000000 T ok\n1c0000004 T far\n", "c0000000 T ok\nc0000000 T \n"}) {
        EXPECT_THAT(samples::refusal([&] { parse_symbols(bytes_of(text), "s"); }),
                    HasSubstr("line 2"))
            << text;
    }
}

TEST(Symbols, EncodingHasCountRowsAndNames) {
    const Bytes data = encode_symbols({{0x100, "ab"}, {0x200, "c"}});
    ASSERT_EQ(data.size(), 4U + 2 * 8 + 3 + 2);
    EXPECT_EQ(be32_at(data, 0), 2U);
    EXPECT_EQ(be32_at(data, 4), 0x100U);
    EXPECT_EQ(be32_at(data, 8), 0U);
    EXPECT_EQ(be32_at(data, 12), 0x200U);
    EXPECT_EQ(be32_at(data, 16), 3U);
    EXPECT_EQ(as_text(ByteView(data).subspan(20)), std::string_view("ab\0c\0", 5));
}

}  // namespace
