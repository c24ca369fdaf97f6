// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "dbt/insn.hpp"

namespace trapeze::test {

/// The bits of `op`'s row, by what stands there.
struct RowBits {
    std::uint32_t fixed = 0;            ///< 0 or 1
    std::uint32_t value = 0;            ///< where there is a 1
    std::uint32_t operands = 0;         ///< a letter
    std::uint32_t ignored = 0;          ///< -
    std::vector<std::uint32_t> fields;  ///< the bits of each letter
};

RowBits row_bits(dbt::Op op);

/// Words of this row with ignored bits 0: all of them where the operands have at most 16 bits,
/// else each field at its extremes and with each single bit, among other operands that are all 0,
/// all 1 and random, and 65,536 random words. The same words on every run.
std::vector<std::uint32_t> words_of(dbt::Op op);

}  // namespace trapeze::test
