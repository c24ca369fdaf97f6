// SPDX-License-Identifier: Apache-2.0
#include "rows.hpp"

#include <bit>
#include <map>
#include <random>

#include "dbt/decode.hpp"

namespace trapeze::test {

RowBits row_bits(dbt::Op op) {
    RowBits row;
    std::map<char, std::uint32_t> letters;
    std::uint32_t bit = 1U << 31U;
    for (const char c : dbt::detail::row_bits[static_cast<std::size_t>(op)]) {
        if (c == ' ') {
            continue;
        }
        if (c == '0' || c == '1') {
            row.fixed |= bit;
            row.value |= c == '1' ? bit : 0;
        } else if (c == '-') {
            row.ignored |= bit;
        } else {
            row.operands |= bit;
            letters[c] |= bit;
        }
        bit >>= 1U;
    }
    for (const auto& [letter, bits] : letters) {
        row.fields.push_back(bits);
    }
    return row;
}

std::vector<std::uint32_t> words_of(dbt::Op op) {
    constexpr int whole_space = 16;
    const RowBits row = row_bits(op);
    std::vector<std::uint32_t> words;
    if (std::popcount(row.operands) <= whole_space) {
        std::uint32_t operands = 0;
        do {
            words.push_back(row.value | operands);
            operands = (operands - row.operands) & row.operands;  // the next subset of the bits
        } while (operands != 0);
        return words;
    }
    std::mt19937 random(static_cast<unsigned>(op));
    for (const std::uint32_t field : row.fields) {
        std::vector<std::uint32_t> contents = {0, field};
        for (std::uint32_t bit = 1; bit != 0; bit <<= 1U) {
            if ((field & bit) != 0) {
                contents.push_back(bit);
                contents.push_back(field & ~bit);
            }
        }
        for (const std::uint32_t content : contents) {
            const auto noise = static_cast<std::uint32_t>(random());
            for (const std::uint32_t others : {0U, ~0U, noise}) {
                words.push_back(row.value | content | (others & row.operands & ~field));
            }
        }
    }
    for (unsigned i = 0; i < 1U << whole_space; ++i) {
        words.push_back(row.value | (static_cast<std::uint32_t>(random()) & row.operands));
    }
    return words;
}

}  // namespace trapeze::test
