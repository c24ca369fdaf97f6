// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "dbt/insn.hpp"

namespace trapeze::dbt {

/// What there is to know about an operation, operands apart.
struct OpInfo {
    const char* mnemonic;
    const char* operands;  ///< Assembler order; see insn_rows.inc.
    Kind kind;
    std::uint16_t flags;   ///< From namespace flag.
    std::uint8_t element;  ///< Bytes of one element of a load or store; 0 if none.
    std::uint8_t bytes;  ///< Bytes of the whole access, where the operation alone says it; else 0.

    constexpr bool has(std::uint16_t f) const { return (flags & f) != 0; }
};

namespace detail {

/// What the bits of a row require of a word.
struct Pattern {
    std::uint32_t mask;   ///< The bits that are fixed,
    std::uint32_t value;  ///< and what they are.
};

/// Not constant, so that a wrong row does not compile, and the message shows this name.
inline void row_is_wrong(const char* /*why*/) {}

consteval Pattern pattern(std::string_view bits) {
    std::uint32_t mask = 0;
    std::uint32_t value = 0;
    unsigned position = 0;
    for (const char c : bits) {
        if (c == ' ') {
            continue;
        }
        const std::uint32_t bit = 1U << (31U - position);
        if (c == '0' || c == '1') {
            mask |= bit;
            value |= c == '1' ? bit : 0;
        } else if (c != '-') {
            const Field f = field_of(c);
            if (position < f.first || position > f.last) {
                row_is_wrong("a field letter is outside its field");
            }
        }
        ++position;
    }
    if (position != 32) {
        row_is_wrong("a row has 32 bits");
    }
    return {mask, value};
}

consteval OpInfo op_info(const char* mnemonic, const char* operands, Kind kind, unsigned flags,
                         unsigned element = 0, unsigned bytes = 0) {
    const bool counted = (flags & (flag::multiple | flag::string)) != 0;
    return {mnemonic,
            operands,
            kind,
            static_cast<std::uint16_t>(flags),
            static_cast<std::uint8_t>(element),
            static_cast<std::uint8_t>(bytes == 0 && !counted ? element : bytes)};
}

/// The bits of each row as written, for tests and for the derived tables.
inline constexpr std::array<std::string_view, op_count> row_bits{{
    {},
#define INSN(bits, name, ...)     bits,
#define INSN_DOT(bits, name, ...) bits,
#include "dbt/insn_rows.inc"
#undef INSN_DOT
#undef INSN
}};

consteval std::array<Pattern, op_count> make_patterns() {
    std::array<Pattern, op_count> result{};
    for (std::size_t i = 1; i < op_count; ++i) {
        result[i] = pattern(row_bits[i]);
    }
    return result;
}

consteval std::array<OpInfo, op_count> make_infos() {
    using namespace flag;
    using enum Kind;
    return {{
        op_info(".long", "", other, 0),
#define INSN(bits, name, operands, ...)     op_info(#name, operands, __VA_ARGS__),
#define INSN_DOT(bits, name, operands, ...) op_info(#name ".", operands, __VA_ARGS__),
#include "dbt/insn_rows.inc"
#undef INSN_DOT
#undef INSN
    }};
}

inline constexpr std::array<Pattern, op_count> patterns = make_patterns();
inline constexpr std::array<OpInfo, op_count> infos = make_infos();

/// No word matches two rows: any two differ in a bit that is fixed in both.
consteval bool rows_are_disjoint() {
    for (std::size_t i = 1; i < op_count; ++i) {
        for (std::size_t j = i + 1; j < op_count; ++j) {
            const std::uint32_t common = patterns[i].mask & patterns[j].mask;
            if (((patterns[i].value ^ patterns[j].value) & common) == 0) {
                return false;
            }
        }
    }
    return true;
}
static_assert(rows_are_disjoint());

constexpr std::uint32_t primary(std::uint32_t word) { return word >> 26U; }

/// Primary opcode to operation, for those without an extended opcode.
consteval std::array<Op, 64> make_primary() {
    std::array<Op, 64> table{};
    for (std::size_t i = 1; i < op_count; ++i) {
        const std::uint32_t opcode = primary(patterns[i].value);
        if (opcode != 4 && opcode != 19 && opcode != 31) {
            if (table[opcode] != Op::invalid) {
                row_is_wrong("two rows share a primary opcode without extended opcode");
            }
            table[opcode] = static_cast<Op>(i);
        }
    }
    return table;
}

/// Extended opcode to operation for the primary opcode `opcode`, whose extended opcode is the
/// field of `1 << bits` values that ends `shift` bits from the right and is fixed in every row.
template <std::uint32_t opcode, unsigned shift, unsigned bits>
consteval std::array<Op, 1U << bits> make_extended() {
    constexpr std::uint32_t field = ((1U << bits) - 1U) << shift;
    std::array<Op, 1U << bits> table{};
    for (std::size_t i = 1; i < op_count; ++i) {
        const Pattern& p = patterns[i];
        if (primary(p.value) != opcode) {
            continue;
        }
        Op& slot = table[(p.value & field) >> shift];
        if ((p.mask & field) != field || slot != Op::invalid) {
            row_is_wrong("an extended opcode is not fixed, or two rows share it");
        }
        slot = static_cast<Op>(i);
    }
    return table;
}

inline constexpr auto by_primary = make_primary();
// All SPE loads and stores are 01100 in bits 21 to 25, so that bits 26 to 31 tell them apart.
inline constexpr auto by_extended_4 = make_extended<4, 0, 6>();
inline constexpr auto by_extended_19 = make_extended<19, 1, 10>();
inline constexpr auto by_extended_31 = make_extended<31, 1, 10>();

}  // namespace detail

/// What `word` is; any word outside the rows is Op::invalid. Two table look-ups and a compare.
///
/// Register combinations that the manual calls invalid forms, such as an update form with RA=0,
/// still decode: they are the emulator's to judge.
constexpr Insn decode(std::uint32_t word) {
    Op op = Op::invalid;
    switch (detail::primary(word)) {
        case 4:
            op = detail::by_extended_4[word & 0x3fU];
            break;
        case 19:
            op = detail::by_extended_19[word >> 1U & 0x3ffU];
            break;
        case 31:
            op = detail::by_extended_31[word >> 1U & 0x3ffU];
            break;
        default:
            op = detail::by_primary[detail::primary(word)];
    }
    const detail::Pattern& p = detail::patterns[static_cast<std::size_t>(op)];
    return {word, (word & p.mask) == p.value ? op : Op::invalid};
}

/// What there is to know about `op`.
constexpr const OpInfo& info(Op op) { return detail::infos[static_cast<std::size_t>(op)]; }

/// The word of `op` with all its operands, and the bits that it ignores, 0.
constexpr std::uint32_t word_of(Op op) {
    return detail::patterns[static_cast<std::size_t>(op)].value;
}

/// Whether the core, in user mode, refuses this with a privileged-instruction exception. For a move
/// to or from an SPR or PMR its number says it, by the same bit (Book E, "SPR numbers"; e500
/// manual, PMR tables of the register model).
constexpr bool is_privileged(Insn insn) {
    const OpInfo& i = info(insn.op);
    return i.has(flag::privileged) || (i.has(flag::by_register) && (insn.spr() & 0x10U) != 0);
}

/// Byte offset added to RA|0 by a load or store that is not indexed, scaled if it is an SPE one.
/// Zero for string instructions.
constexpr std::int32_t displacement(Insn insn) {
    const OpInfo& i = info(insn.op);
    if (i.has(flag::spe)) {
        return static_cast<std::int32_t>(insn.uimm() * i.bytes);
    }
    return i.has(flag::string) ? 0 : insn.d();
}

}  // namespace trapeze::dbt
