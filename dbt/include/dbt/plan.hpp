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
    stub,   ///< A branch to a stub.
};

struct Plan {
    PatchKind kind;
    std::uint32_t word;   ///< The replacement; of a stub, the branch to it comes from branch().
    Stub stub;            ///< For PatchKind::stub,
    std::uint8_t source;  ///< and the register it takes its operand from.
};

/// How `word` can be patched, if at all; a matter of the instruction alone.
Plan plan(std::uint32_t word, const RegisterMap& map);

/// An instruction that `stub` with this source register stands for.
std::uint32_t instruction(Stub stub, unsigned source);

}  // namespace trapeze::dbt
