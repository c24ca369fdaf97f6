// SPDX-License-Identifier: Apache-2.0
#include "row_word.hpp"

#include <string_view>

#include "dbt/decode.hpp"
#include "rules.hpp"

namespace torture {

namespace dbt = trapeze::dbt;
using dbt::Kind;
using dbt::Op;

u32 work_register(Random& random) {
    const u32 r = random.below(22);
    return r < 2 ? r : r + 10;
}
u32 source_register(Random& random) {
    return random.once_in(3) ? random.below(32) : work_register(random);
}

namespace {

u32 field_value(Random& random, char letter, const dbt::OpInfo& info) {
    const bool memory = info.kind == Kind::load || info.kind == Kind::store ||
                        info.kind == Kind::cache || info.has(dbt::flag::indexed);
    const bool many = info.has(dbt::flag::multiple) || info.has(dbt::flag::string);
    switch (letter) {
        case 't':
            return many ? random.from(16, 31) : work_register(random);
        case 's':
            return many ? random.from(16, 31) : source_register(random);
        case 'a':
            return memory ? random.from(first_pointer, last_pointer) : source_register(random);
        case 'b':
            return memory ? random.from(first_index, last_index) : source_register(random);
        case 'd':
            return info.has(dbt::flag::update) ? random.from(0, 32) - 16
                                               : random.from(0, 255) - 128;
        case 'u':
            return random.below(9);
        case 'n':
            return random.from(1, 16);
        case 'v':
            return 0;  // other levels are another core's
        default:
            return random.word();
    }
}

}  // namespace

u32 row_word(Random& random, Op op) {
    const auto index = static_cast<std::size_t>(op);
    const std::string_view bits = dbt::detail::row_bits[index];
    const auto& info = dbt::info(op);
    u32 word = dbt::detail::patterns[index].value;
    const bool ignored = random.once_in(12);
    u32 values[256];
    bool chosen[256] = {};
    u32 position = 0;
    for (const char c : bits) {
        if (c == ' ') continue;
        const u32 bit = 1u << (31 - position++);
        if (c == '0' || c == '1') continue;
        if (c == '-') {
            if (ignored && random.once_in(2)) word |= bit;
            continue;
        }
        const dbt::Field field = dbt::field_of(c);
        const auto letter = static_cast<unsigned char>(c);
        if (!chosen[letter]) {
            values[letter] = c == 'a' && without_ra(op) ? 0 : field_value(random, c, info);
            chosen[letter] = true;
        }
        const u32 from_right = field.last - (position - 1);
        if (values[letter] >> from_right & 1) word |= bit;
    }
    return word;
}

}  // namespace torture
