// SPDX-License-Identifier: Apache-2.0
#include "dbt/disasm.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "dbt/decode.hpp"

namespace trapeze::dbt {
namespace {

std::string text(std::uint32_t word, std::uint32_t address = 0) {
    std::array<char, 64> out{};
    const std::size_t length = disassemble(decode(word), address, out.data(), out.size());
    EXPECT_EQ(length, std::string(out.data()).size());
    return out.data();
}

TEST(Disassemble, ReadsAsTheAssemblerWrites) {
    EXPECT_EQ(text(0x7c6000a6), "mfmsr r3");
    EXPECT_EQ(text(0x7c008146), "wrteei 1");
    EXPECT_EQ(text(0x4c000064), "rfi");
    EXPECT_EQ(text(0x7c7b02a6), "mfspr r3,SRR1");
    EXPECT_EQ(text(0x7c7343a6), "mtspr SPRG3,r3");
    EXPECT_EQ(text(0x7c7f7aa6), "mfspr r3,511") << "an SPR the core does not have";
    EXPECT_EQ(text(0x8061fffc), "lwz r3,-4(r1)");
    EXPECT_EQ(text(0x80608000), "lwz r3,-32768(0)");
    EXPECT_EQ(text(0x7c0321ad), ".long 0x7c0321ad");
    EXPECT_EQ(text(0x7c60212d), "stwcx. r3,0,r4");
    EXPECT_EQ(text(0x1064fb01), "evldd r3,248(r4)");
    EXPECT_EQ(text(0x7c632214), ".long 0x7c632214");
}

TEST(Disassemble, ComputesBranchTargets) {
    EXPECT_EQ(text(0x4bfffffc, 0xc0001000), "b 0xc0000ffc");
    EXPECT_EQ(text(0x48000011, 0xfffffff8), "bl 0x00000008") << "addresses wrap";
    EXPECT_EQ(text(0x4bfffffe, 0xc0001000), "ba 0xfffffffc");
    EXPECT_EQ(text(0x4186fff8, 0x1000), "bc 12,4*cr1+eq,0x00000ff8");
}

TEST(Disassemble, CutsWhatDoesNotFit) {
    std::array<char, 8> out{};
    out.fill('#');
    EXPECT_EQ(disassemble(decode(0x7c6000a6), 0, out.data(), 6), 5U);
    EXPECT_STREQ(out.data(), "mfmsr");
    EXPECT_EQ(out[6], '#');
    EXPECT_EQ(disassemble(decode(0x7c6000a6), 0, out.data(), 1), 0U);
    EXPECT_EQ(out[0], '\0');
    out[0] = '#';
    EXPECT_EQ(disassemble(decode(0x7c6000a6), 0, out.data(), 0), 0U);
    EXPECT_EQ(out[0], '#') << "a buffer of size 0 is not touched";
}

}  // namespace
}  // namespace trapeze::dbt
