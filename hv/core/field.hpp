// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <initializer_list>

#include "hv/core/e500.hpp"

// What is kept for a guest, registers or a device's model, as rows: one table says how it is after
// a reset, how it is written down and read back, and what may stand in it. The state is a plain
// struct of words and bytes, without pointers and without times of a clock.
namespace trapeze::core {

using e500::u16;
using e500::u32;
using e500::u8;

struct Field {
    const char* name;
    u16 offset;  // of the first element in the state
    u16 count;   // of elements,
    u8 width;    // each of 1 or 4 bytes
    u32 reset;   // each one's value after a reset
    u32 legal;   // bits that one may have
};

// What a row says of the state; rows may say more of their own.
constexpr const Field& field_of(const Field& f) { return f; }

// Element `i` of the row, in the state whose first byte is at `state`.
inline u32 element(const u8* state, const Field& f, unsigned i) {
    const u8* const at = state + f.offset + size_t{i} * f.width;
    if (f.width == 1) return *at;
    u32 value = 0;
    __builtin_memcpy(&value, at, sizeof value);
    return value;
}
inline void set_element(u8* state, const Field& f, unsigned i, u32 value) {
    u8* const at = state + f.offset + size_t{i} * f.width;
    if (f.width == 1) {
        *at = static_cast<u8>(value);
    } else {
        __builtin_memcpy(at, &value, sizeof value);
    }
}

// Bytes that a state takes when it is written down: its elements, big-endian, row by row.
template <typename Row, unsigned n>
constexpr unsigned saved_bytes(const Row (&rows)[n]) {
    unsigned sum = 0;
    for (const Row& row : rows) sum += field_of(row).count * field_of(row).width;
    return sum;
}

template <typename State, typename Row, unsigned n>
void reset_fields(State& state, const Row (&rows)[n]) {
    auto* const bytes = reinterpret_cast<u8*>(&state);
    for (const Row& row : rows) {
        const Field& f = field_of(row);
        for (unsigned i = 0; i < f.count; ++i) set_element(bytes, f, i, f.reset);
    }
}

template <typename State, typename Row, unsigned n>
void save_fields(const State& state, const Row (&rows)[n], u8* to) {
    const auto* const bytes = reinterpret_cast<const u8*>(&state);
    for (const Row& row : rows) {
        const Field& f = field_of(row);
        for (unsigned i = 0; i < f.count; ++i) {
            const u32 value = element(bytes, f, i);
            for (unsigned b = f.width; b-- > 0;) *to++ = static_cast<u8>(value >> 8 * b);
        }
    }
}

// The name of the row that has a bit it may not have, with nothing changed; null: all is read.
template <typename State, typename Row, unsigned n>
const char* load_fields(State& state, const Row (&rows)[n], const u8* from) {
    auto* const bytes = reinterpret_cast<u8*>(&state);
    for (const bool store : {false, true}) {
        const u8* at = from;
        for (const Row& row : rows) {
            const Field& f = field_of(row);
            for (unsigned i = 0; i < f.count; ++i) {
                u32 value = 0;
                for (unsigned b = 0; b < f.width; ++b) value = value << 8 | *at++;
                if (!store && (value & ~f.legal) != 0) return f.name;
                if (store) set_element(bytes, f, i, value);
            }
        }
    }
    return nullptr;
}

}  // namespace trapeze::core
