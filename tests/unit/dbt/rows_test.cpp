// SPDX-License-Identifier: Apache-2.0
// Every row against libopcodes, both ways.
#include "rows.hpp"

#include <gtest/gtest.h>

#include <array>
#include <iomanip>
#include <map>
#include <ostream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "dbt/decode.hpp"
#include "dbt/disasm.hpp"
#include "dbt/spr.hpp"
#include "witness.hpp"

namespace trapeze::dbt {
void PrintTo(const Op& op, std::ostream* out) { *out << info(op).mnemonic; }
}  // namespace trapeze::dbt

namespace trapeze::test {
namespace {

using dbt::decode;
using dbt::info;
using dbt::Insn;
using dbt::Kind;
using dbt::Op;
namespace flag = dbt::flag;

constexpr std::uint32_t address = 0xc0001000;

std::string hex(std::uint32_t word) {
    std::ostringstream out;
    out << "0x" << std::hex << std::setw(8) << std::setfill('0') << word;
    return out.str();
}

/// The dialect of libopcodes that knows `op`. What the e500v2 has, "e500" must know, and what it
/// has not, "e500" must not: other cores speak for those.
std::string dialect(Op op) {
    switch (op) {
        case Op::mfdcr:
        case Op::mtdcr:
        case Op::lswi:
        case Op::lswx:
        case Op::stswi:
        case Op::stswx:
            return "440,raw";
        case Op::rfdi:
        case Op::wait:
            return "e500mc,raw";
        case Op::mftb:
            return "ppc,raw";
        default:
            return "e500,raw";
    }
}

/// BO encodings with a 1 where the manual has z, "reserved".
bool bo_is_reserved(unsigned bo) {
    switch (bo & 0x14U) {
        case 0x04:
            return (bo & 0x02U) != 0;
        case 0x10:
            return (bo & 0x08U) != 0;
        case 0x14:
            return bo != 0x14U;
        default:
            return false;
    }
}

/// The manual's invalid forms, which libopcodes refuses by name. decode() names them: they differ
/// from the valid ones in register numbers alone, not in what instruction it is.
bool is_invalid_form(Insn insn) {
    const bool load = info(insn.op).kind == Kind::load;
    switch (insn.op) {
        case Op::bc:
        case Op::bclr:
        case Op::bcctr:
            return bo_is_reserved(insn.bo());
        case Op::lmw:
            return insn.ra() >= insn.rt();
        case Op::mftb:
            return insn.spr() != 268 && insn.spr() != 269;
        case Op::lswi:
            return insn.rt() == insn.ra();
        case Op::lswx:
            return insn.rt() == insn.ra() || insn.rt() == insn.rb();
        default:
            return info(insn.op).has(flag::update) &&
                   (insn.ra() == 0 || (load && insn.ra() == insn.rt()));
    }
}

void erase_once(std::string& text, std::string_view piece) {
    if (const auto at = text.find(piece); at != std::string::npos) {
        text.erase(at, piece.size());
    }
}

/// libopcodes' text in our spelling. Stated differences, all of them:
/// - operands later architectures added in reserved bits, which raw prints when they are 0;
/// - r0 as the base of an SPE access, which the core takes as 0, and we print so;
/// - SPR numbers, which raw does not name (spr_test.cpp checks the names).
std::string in_our_spelling(std::string theirs, Insn insn) {
    static const std::map<Op, std::string_view> extra = {
        {Op::mtmsr, ",0"},       {Op::dcbf, ",0"},   {Op::lwarx, ",0"}, {Op::tlbre, " r0,r0,0"},
        {Op::tlbwe, " r0,r0,0"}, {Op::tlbsx, "r0,"}, {Op::wait, " 0"},
    };
    if (const auto found = extra.find(insn.op); found != extra.end()) {
        if (insn.op == Op::tlbsx) {
            erase_once(theirs, found->second);
        } else {
            EXPECT_TRUE(theirs.ends_with(found->second)) << theirs;
            theirs.resize(theirs.size() - found->second.size());
        }
    }
    if (info(insn.op).has(flag::spe) && insn.ra() == 0) {
        if (const auto at = theirs.find("(r0)"); at != std::string::npos) {
            theirs.replace(at, 4, "(0)");
        } else if (const auto middle = theirs.find(",r0,"); middle != std::string::npos) {
            theirs.replace(middle, 4, ",0,");
        }
    }
    if (const dbt::SprInfo* spr = dbt::find_spr(insn.spr()); spr != nullptr) {
        if (insn.op == Op::mfspr || insn.op == Op::mftb || insn.op == Op::mtspr) {
            const std::string number = std::to_string(spr->number);
            const auto from = insn.op == Op::mtspr ? theirs.find(' ') : theirs.find(',');
            const auto at = theirs.find(number, from);
            EXPECT_NE(at, std::string::npos) << theirs;
            theirs.replace(at, number.size(), spr->name);
        }
    }
    return theirs;
}

std::string ours(Insn insn) {
    std::array<char, 64> text{};
    disassemble(insn, address, text.data(), text.size());
    return text.data();
}

class Row : public testing::TestWithParam<Op> {};

TEST_P(Row, IsWhatLibopcodesSays) {
    Witness witness(dialect(GetParam()));
    for (const std::uint32_t word : words_of(GetParam())) {
        const Insn insn = decode(word);
        ASSERT_EQ(insn.op, GetParam()) << hex(word);
        const std::string theirs = witness.text(word, address);
        if (is_invalid_form(insn)) {
            ASSERT_EQ(theirs, ".long " + hex(word));
        } else {
            ASSERT_EQ(ours(insn), in_our_spelling(theirs, insn)) << hex(word);
        }
    }
}

TEST_P(Row, IsAbsentFromTheCoreExactlyIfLibopcodesE500LacksIt) {
    Witness witness("e500,raw");
    unsigned known = 0;
    unsigned valid = 0;
    for (const std::uint32_t word : words_of(GetParam())) {
        if (!is_invalid_form(decode(word))) {
            ++valid;
            known += witness.text(word).starts_with(".long") ? 0 : 1;
        }
    }
    EXPECT_EQ(known, info(GetParam()).has(flag::absent) ? 0 : valid);
}

TEST_P(Row, IgnoresItsIgnoredBitsAndNoOthers) {
    const RowBits row = row_bits(GetParam());
    for (std::uint32_t bit = 1; bit != 0; bit <<= 1U) {
        const bool same = decode(row.value ^ bit).op == GetParam();
        EXPECT_EQ(same, (row.fixed & bit) == 0) << hex(bit);
    }
    EXPECT_EQ(decode(row.value | row.operands | row.ignored).op, GetParam());
}

std::string name_of(const testing::TestParamInfo<Op>& op) {
    const std::string name = info(op.param).mnemonic;
    return name.ends_with('.') ? name.substr(0, name.size() - 1) + "_" : name;
}

std::vector<Op> all_ops() {
    std::vector<Op> ops;
    for (std::size_t i = 1; i < dbt::op_count; ++i) {
        ops.push_back(static_cast<Op>(i));
    }
    return ops;
}

INSTANTIATE_TEST_SUITE_P(Every, Row, testing::ValuesIn(all_ops()), name_of);

/// What libopcodes calls by one of our names, we call so too, in a sample of all words: 2,048
/// random ones for each primary opcode, and for those with extended opcodes each value of the last
/// 11 bits below 16 random upper parts and below all zeros, where reserved bits are good.
TEST(Words, ThatLibopcodesNamesAsOursAreOurs) {
    std::map<std::string, Op> by_name;
    for (const Op op : all_ops()) {
        const std::string name = info(op).mnemonic;
        by_name[name] = op;
        if (info(op).kind == Kind::branch) {
            by_name[name + "l"] = op;
            if (op == Op::b || op == Op::bc) {
                by_name[name + "a"] = op;
                by_name[name + "la"] = op;
            }
        }
    }
    std::vector<std::uint32_t> words;
    std::mt19937 random(1);
    for (std::uint32_t primary = 0; primary < 64; ++primary) {
        for (unsigned i = 0; i < 2048; ++i) {
            words.push_back(primary << 26U | static_cast<std::uint32_t>(random()) >> 6U);
        }
    }
    for (const std::uint32_t primary : {4U, 17U, 19U, 31U}) {
        for (std::uint32_t low = 0; low < 1U << 11U; ++low) {
            words.push_back(primary << 26U | low);
            for (unsigned i = 0; i < 16; ++i) {
                const auto noise = static_cast<std::uint32_t>(random());
                words.push_back(primary << 26U | (noise >> 6U & ~0x7ffU) | low);
            }
        }
    }
    // Reserved bits that libopcodes ignores and QEMU refuses.
    const std::map<Op, std::uint32_t> refused = {
        {Op::sc, 0x03fff01d}, {Op::mbar, 0x001ff800}, {Op::dcbf, 0x03c00000}};
    Witness witness("e500,raw");
    unsigned named = 0;
    for (const std::uint32_t word : words) {
        if (const auto found = by_name.find(witness.mnemonic(word)); found != by_name.end()) {
            const Op op = found->second;
            ++named;
            const bool refuse = refused.contains(op) && (word & refused.at(op)) != 0;
            EXPECT_EQ(decode(word).op, refuse ? Op::invalid : op)
                << hex(word) << ' ' << found->first;
        }
    }
    EXPECT_GT(named, words.size() / 16) << "the sample hardly meets our instructions";
}

}  // namespace
}  // namespace trapeze::test
