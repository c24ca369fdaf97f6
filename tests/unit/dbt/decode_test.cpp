// SPDX-License-Identifier: Apache-2.0
#include "dbt/decode.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace trapeze::dbt {
namespace {

// Words assembled by binutils. What a caller relies on holds at compile time.
static_assert(decode(0x7c6000a6).op == Op::mfmsr && decode(0x7c6000a6).rt() == 3);
static_assert(decode(0x7c008146).op == Op::wrteei && decode(0x7c008146).e());
static_assert(!decode(0x7c000146).e());
static_assert(decode(0x4c000064).op == Op::rfi);
static_assert(decode(0x7c7b02a6).op == Op::mfspr && decode(0x7c7b02a6).spr() == 27);
static_assert(decode(0x7c709ba6).op == Op::mtspr && decode(0x7c709ba6).spr() == 624);
static_assert(decode(0x7c70629c).op == Op::mfpmr && decode(0x7c70629c).pmr() == 400);
static_assert(decode(0x8061fffc).op == Op::lwz && decode(0x8061fffc).d() == -4);
static_assert(decode(0x4bfffffc).op == Op::b && decode(0x4bfffffc).li() == -4);
static_assert(decode(0x4082fff8).op == Op::bc && decode(0x4082fff8).bd() == -8);
static_assert(decode(0x4e800021).op == Op::bclr && decode(0x4e800021).lk());
static_assert(decode(0x7c6004aa).op == Op::lswi && decode(0x7c6004aa).nb() == 32);

TEST(Decode, KnowsNothingOutsideTheRows) {
    EXPECT_EQ(decode(0).op, Op::invalid);
    EXPECT_EQ(decode(0xffffffff).op, Op::invalid);
    EXPECT_EQ(decode(0x7c632214).op, Op::invalid) << "add r3,r3,r4";
    EXPECT_EQ(decode(0x60000000).op, Op::invalid) << "nop";
    EXPECT_EQ(decode(0x7c0000a7).op, Op::invalid) << "mfmsr with a reserved bit set";
    EXPECT_EQ(decode(0x100002ff).op, Op::invalid) << "SPE, but neither load nor store";
    EXPECT_EQ(decode(0x12345678).word, 0x12345678U);
}

TEST(Decode, ScalesSpeOffsets) {
    EXPECT_EQ(displacement(decode(0x1064fb01)), 31 * 8) << "evldd r3,248(r4)";
    EXPECT_EQ(displacement(decode(0x1064fb05)), 31 * 8) << "evldh r3,248(r4)";
    EXPECT_EQ(displacement(decode(0x1064fb09)), 31 * 2) << "evlhhesplat r3,62(r4)";
    EXPECT_EQ(displacement(decode(0x1064fb39)), 31 * 4) << "evstwwe r3,124(r4)";
    EXPECT_EQ(displacement(decode(0x8061fffc)), -4) << "lwz r3,-4(r1)";
    EXPECT_EQ(displacement(decode(0x7c6484aa)), 0) << "lswi r3,r4,16";
}

TEST(Decode, KnowsPrivilegeByTheRegisterNumber) {
    EXPECT_TRUE(is_privileged(decode(0x7c6000a6))) << "mfmsr";
    EXPECT_TRUE(is_privileged(decode(0x7c7a02a6))) << "mfsrr0";
    EXPECT_FALSE(is_privileged(decode(0x7c6802a6))) << "mflr";
    EXPECT_FALSE(is_privileged(decode(0x7c6442a6))) << "mfspr 260, SPRG4R";
    EXPECT_TRUE(is_privileged(decode(0x7c70629c))) << "mfpmr 400, PMGC0";
    EXPECT_FALSE(is_privileged(decode(0x7c60629c))) << "mfpmr 384, UPMGC0";
    EXPECT_FALSE(is_privileged(decode(0x80610000))) << "lwz";
    EXPECT_FALSE(is_privileged(decode(0))) << "invalid";
}

/// The names of ordinary loads and stores spell their properties: l or st, size, z or a, u, x.
TEST(Info, OfLoadsAndStoresIsWhatTheirNamesSpell) {
    unsigned checked = 0;
    for (std::size_t i = 1; i < op_count; ++i) {
        const OpInfo& op = info(static_cast<Op>(i));
        constexpr std::uint16_t special =
            flag::spe | flag::multiple | flag::string | flag::reserve | flag::reversed;
        if ((op.kind != Kind::load && op.kind != Kind::store) || op.has(special)) {
            continue;
        }
        std::string_view name = op.mnemonic;
        const bool load = name.front() == 'l';
        EXPECT_EQ(op.kind == Kind::load, load) << name;
        name.remove_prefix(load ? 1 : 2);
        const unsigned bytes = name.front() == 'b' ? 1 : name.front() == 'h' ? 2 : 4;
        EXPECT_EQ(op.element, bytes) << op.mnemonic;
        EXPECT_EQ(op.bytes, bytes) << op.mnemonic;
        EXPECT_EQ(op.has(flag::algebraic), name.find('a') != name.npos) << op.mnemonic;
        EXPECT_EQ(op.has(flag::update), name.find('u') != name.npos) << op.mnemonic;
        EXPECT_EQ(op.has(flag::indexed), name.find('x') != name.npos) << op.mnemonic;
        ++checked;
    }
    EXPECT_EQ(checked, 28U);
}

/// An SPE access is of one size with or without index, and that is its offset's scale.
TEST(Info, OfSpeAccessesIsTheSameWithIndex) {
    unsigned pairs = 0;
    for (std::size_t i = 1; i + 1 < op_count; ++i) {
        const OpInfo& plain = info(static_cast<Op>(i));
        const OpInfo& indexed = info(static_cast<Op>(i + 1));
        if (plain.has(flag::spe) && !plain.has(flag::indexed)) {
            EXPECT_EQ(std::string(plain.mnemonic) + "x", indexed.mnemonic);
            EXPECT_TRUE(indexed.has(flag::indexed)) << indexed.mnemonic;
            EXPECT_EQ(plain.bytes, indexed.bytes) << plain.mnemonic;
            EXPECT_EQ(plain.element, indexed.element) << plain.mnemonic;
            EXPECT_EQ(plain.kind, indexed.kind) << plain.mnemonic;
            ++pairs;
        }
    }
    EXPECT_EQ(pairs, 18U);
}

}  // namespace
}  // namespace trapeze::dbt
