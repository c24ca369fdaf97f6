// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/registers.hpp"

// Which SPR is only a word to keep, and where, by its number; from the rows of registers.hpp.
namespace trapeze::vcpu {

using dbt::Spr;

constexpr unsigned number_of(Spr spr) { return static_cast<unsigned>(spr); }

constexpr bool is_ivor(unsigned number) {
    return (number >= 400 && number <= 415) || (number >= 528 && number <= 531);
}
constexpr unsigned ivor_index(unsigned number) {
    return number >= 528 ? number - 528 + 16 : number - 400;
}

namespace detail {

// The number by which it can be written too: USPRG3 and SPRG4R to SPRG7R are such registers to
// read.
constexpr unsigned writable_name(unsigned number) {
    if (number == number_of(Spr::USPRG3)) return number_of(Spr::SPRG3);
    if (number >= number_of(Spr::SPRG4R) && number <= number_of(Spr::SPRG7R)) {
        return number - number_of(Spr::SPRG4R) + number_of(Spr::SPRG4);
    }
    return number;
}
constexpr const Register* find(unsigned number) {
    for (const Register& r : registers) {
        if (r.spr != no_spr && number - r.spr < r.field.count) return &r;
    }
    return nullptr;
}

}  // namespace detail

// Where a register that is only a word to keep has its word; 0 (MSR's place) for the others.
constexpr u16 storage(unsigned number) {
    number = detail::writable_name(number);
    const Register* const r = detail::find(number);
    return r == nullptr ? u16{0} : static_cast<u16>(r->field.offset + 4 * (number - r->spr));
}

// Registers whose read is a load.
constexpr bool plain_read(unsigned number) {
    const Register* const r = detail::find(detail::writable_name(number));
    return r != nullptr && (r->access & plain::read) != 0;
}

// Registers whose write is a store of all 32 bits and nothing else, with no copy in the core.
constexpr bool plain_write(unsigned number) {
    const Register* const r = detail::find(number);
    return r != nullptr && (r->access & plain::write) != 0;
}

}  // namespace trapeze::vcpu
