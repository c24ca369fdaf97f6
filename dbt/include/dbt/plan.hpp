// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "dbt/decode.hpp"
#include "dbt/stub.hpp"

namespace trapeze::dbt {

/// What can replace a trapping instruction.
enum class PatchKind : std::uint8_t {
    none,   ///< Nothing: every execution is an exit.
    load,   ///< One load from the register page.
    store,  ///< One store to it.
    nop,    ///< Nothing at all is its effect in a guest.
    flush,  ///< dcbf, while what the guest kernel can load it can store to, and the other way.
    stub,   ///< A branch to a stub.
};

struct Plan {
    PatchKind kind;
    std::uint32_t word;   ///< The replacement; of a stub, the branch to it comes from branch().
    Stub stub;            ///< For PatchKind::stub,
    std::uint8_t source;  ///< and the register it takes its operand from.
};

/// Whether a stub stores a register of which the core has a copy that user mode reads without a
/// trap: only where all such reads by the guest kernel are patched too.
constexpr bool needs_reads_patched(Stub stub) {
    return stub >= Stub::write_sprg3 && stub < Stub::count;
}

/// Whether `word` is such a read: mfspr of SPR 256 to 263 (manual 2.2; of these USPRG0 is user
/// mode's own, and harmless).
inline constexpr std::uint32_t read_mask = 0xfc18'ffff, untrapped_read = 0x7c00'42a6;
constexpr bool reads_without_trap(std::uint32_t word) {
    return (word & read_mask) == untrapped_read;
}

/// How `word` can be patched, if at all; a matter of the instruction alone.
Plan plan(std::uint32_t word, const RegisterMap& map);

}  // namespace trapeze::dbt
