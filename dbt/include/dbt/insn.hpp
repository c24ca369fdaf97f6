// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// Decoding of one e500v2 instruction word, for the host and for bare metal.
///
/// Bits are numbered as in the manuals: bit 0 is the most significant one of a 32-bit word.
namespace trapeze::dbt {

/// Every instruction the decoder knows, one for each row of insn_rows.inc; anything else, such as
/// integer arithmetic, which neither traps nor touches memory, is `invalid`.
enum class Op : std::uint8_t {
    invalid,
#define INSN(bits, name, ...)     name,
#define INSN_DOT(bits, name, ...) name##_,
#include "dbt/insn_rows.inc"
#undef INSN_DOT
#undef INSN
    count
};

/// Number of operations, `invalid` included.
inline constexpr std::size_t op_count = static_cast<std::size_t>(Op::count);

/// What an instruction is about.
enum class Kind : std::uint8_t {
    other,       ///< Nothing below; only Op::invalid.
    supervisor,  ///< Machine state, TLB, and moves to and from SPRs, PMRs and DCRs.
    load,
    store,
    cache,  ///< Cache hints, flushes, invalidations and locks.
    branch,
    trap,  ///< System call and conditional traps.
    sync,
};

/// Properties of an instruction, to be combined by |.
namespace flag {
inline constexpr std::uint16_t update = 1U << 0U;      ///< Writes EA back to RA.
inline constexpr std::uint16_t indexed = 1U << 1U;     ///< EA is RA|0 + RB, else RA|0 + offset.
inline constexpr std::uint16_t algebraic = 1U << 2U;   ///< The loaded value is sign-extended.
inline constexpr std::uint16_t reversed = 1U << 3U;    ///< Least significant byte first.
inline constexpr std::uint16_t multiple = 1U << 4U;    ///< RT (RS) to r31, a word each.
inline constexpr std::uint16_t string = 1U << 5U;      ///< A count of bytes, in NB or XER.
inline constexpr std::uint16_t reserve = 1U << 6U;     ///< Sets or consumes the reservation.
inline constexpr std::uint16_t zeroing = 1U << 7U;     ///< Writes (zero) to a cache block.
inline constexpr std::uint16_t spe = 1U << 8U;         ///< 64-bit registers; needs MSR[SPE].
inline constexpr std::uint16_t privileged = 1U << 9U;  ///< Always needs MSR[PR]=0.
inline constexpr std::uint16_t by_register =
    1U << 10U;  ///< Privileged if the register number says so.
inline constexpr std::uint16_t locking = 1U
                                         << 11U;    ///< In user mode a DSI unless MSR[UCLE] is set.
inline constexpr std::uint16_t absent = 1U << 12U;  ///< Not in the e500v2: illegal instruction.
}  // namespace flag

/// Where one operand sits in the word. The letter names it in the rows.
struct Field {
    char letter;
    std::uint8_t first;  ///< Its most significant bit.
    std::uint8_t last;   ///< Its least significant bit.
};

inline constexpr Field fields[] = {
    {'t', 6, 10},   // RT, target register
    {'s', 6, 10},   // RS, source register
    {'a', 11, 15},  // RA
    {'b', 16, 20},  // RB
    {'d', 16, 31},  // D or SI, signed
    {'u', 16, 20},  // UIMM of the SPE loads and stores, in units of the bytes accessed
    {'n', 16, 20},  // NB, number of bytes; 0 means 32
    {'p', 11, 20},  // SPR, its two halves swapped; also TBR
    {'q', 11, 20},  // PMR, likewise swapped
    {'y', 11, 20},  // DCR, likewise swapped
    {'E', 16, 16},  // E of wrteei, the new MSR[EE]
    {'c', 6, 10},   // CT, which cache
    {'m', 6, 10},   // MO of mbar
    {'o', 6, 10},   // TO, trap conditions
    {'v', 20, 26},  // LEV of sc
    {'i', 6, 29},   // LI, signed, in words
    {'k', 16, 29},  // BD, signed, in words
    {'O', 6, 10},   // BO
    {'I', 11, 15},  // BI
    {'h', 19, 20},  // BH
    {'A', 30, 30},  // AA, the target is absolute
    {'L', 31, 31},  // LK, set the link register
};

/// The field of this letter. An unknown letter does not compile.
constexpr Field field_of(char letter) {
    std::size_t i = 0;
    while (fields[i].letter != letter) {
        ++i;
    }
    return fields[i];
}

/// An instruction word and what it is. The extractors name the operands; only those in the row of
/// `op` mean anything.
struct Insn {
    std::uint32_t word;
    Op op;

    /// The field of this letter, right-aligned.
    template <char letter>
    constexpr unsigned get() const {
        constexpr Field f = field_of(letter);
        constexpr unsigned width = f.last - f.first + 1U;
        return word >> (31U - f.last) & ((1U << width) - 1U);
    }

    /// The field of this letter as a two's complement number.
    template <char letter>
    constexpr std::int32_t get_signed() const {
        constexpr Field f = field_of(letter);
        constexpr unsigned width = f.last - f.first + 1U;
        return static_cast<std::int32_t>(word << f.first) >> (32U - width);
    }

    constexpr unsigned rt() const { return get<'t'>(); }
    constexpr unsigned rs() const { return get<'s'>(); }
    constexpr unsigned ra() const { return get<'a'>(); }
    constexpr unsigned rb() const { return get<'b'>(); }
    /// D of a load or store, SI of twi.
    constexpr std::int32_t d() const { return get_signed<'d'>(); }
    /// Offset of an SPE load or store before it is scaled; see displacement() in decode.hpp.
    constexpr unsigned uimm() const { return get<'u'>(); }
    /// Number of bytes of lswi and stswi, 1 to 32.
    constexpr unsigned nb() const { return get<'n'>() == 0 ? 32 : get<'n'>(); }
    constexpr unsigned spr() const { return swap_halves(get<'p'>()); }
    constexpr unsigned pmr() const { return swap_halves(get<'q'>()); }
    constexpr unsigned dcr() const { return swap_halves(get<'y'>()); }
    constexpr bool e() const { return get<'E'>() != 0; }
    constexpr unsigned ct() const { return get<'c'>(); }
    constexpr unsigned mo() const { return get<'m'>(); }
    constexpr unsigned to() const { return get<'o'>(); }
    constexpr unsigned lev() const { return get<'v'>(); }
    /// Displacement of b in bytes.
    constexpr std::int32_t li() const { return get_signed<'i'>() * 4; }
    /// Displacement of bc in bytes.
    constexpr std::int32_t bd() const { return get_signed<'k'>() * 4; }
    constexpr unsigned bo() const { return get<'O'>(); }
    constexpr unsigned bi() const { return get<'I'>(); }
    constexpr unsigned bh() const { return get<'h'>(); }
    constexpr bool aa() const { return get<'A'>() != 0; }
    constexpr bool lk() const { return get<'L'>() != 0; }

  private:
    static constexpr unsigned swap_halves(unsigned n) { return n >> 5U | (n & 31U) << 5U; }
};

}  // namespace trapeze::dbt
