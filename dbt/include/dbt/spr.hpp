// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace trapeze::dbt {

/// What one privilege level may do with an SPR: - nothing, r read, w write.
enum class Access : std::uint8_t { none = 0, read = 1, write = 2, both = 3 };

/// One special-purpose register of the e500v2.
struct SprInfo {
    const char* name;
    std::uint16_t number;
    Access user;
    Access supervisor;
};

/// The special-purpose registers, by their manual names.
enum class Spr : std::uint16_t {
#define SPR(number, name, ...) name = number,
#include "dbt/spr_rows.inc"
#undef SPR
};

namespace detail {

/// "--", "r-", "-w" or "rw". Anything else does not compile.
consteval Access access(std::string_view rw) {
    constexpr std::string_view spelled[] = {"--", "r-", "-w", "rw"};
    std::size_t i = 0;
    while (spelled[i] != rw) {
        ++i;
    }
    return static_cast<Access>(i);
}

inline constexpr SprInfo spr_rows[] = {
#define SPR(number, name, user, supervisor) {#name, number, access(user), access(supervisor)},
#include "dbt/spr_rows.inc"
#undef SPR
};

consteval bool spr_rows_ascend() {
    for (std::size_t i = 1; i < sizeof(spr_rows) / sizeof(spr_rows[0]); ++i) {
        if (spr_rows[i - 1].number >= spr_rows[i].number) {
            return false;
        }
    }
    return true;
}
static_assert(spr_rows_ascend(), "rows are in order, and no number comes twice");

}  // namespace detail

/// All rows, in ascending order of number.
inline constexpr auto& spr_rows = detail::spr_rows;

/// The row of SPR `number`, null if the e500v2 has none: then access is an illegal instruction, or
/// a privileged one in user mode if spr_is_supervisor().
constexpr const SprInfo* find_spr(unsigned number) {
    std::size_t low = 0;
    std::size_t high = sizeof(spr_rows) / sizeof(spr_rows[0]);
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (spr_rows[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const bool found =
        low < sizeof(spr_rows) / sizeof(spr_rows[0]) && spr_rows[low].number == number;
    return found ? &spr_rows[low] : nullptr;
}

/// Whether the number alone makes an access privileged (Book E, "SPR numbers").
constexpr bool spr_is_supervisor(unsigned number) { return (number & 0x10U) != 0; }

}  // namespace trapeze::dbt
