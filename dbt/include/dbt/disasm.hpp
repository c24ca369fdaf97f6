// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/insn.hpp"

namespace trapeze::dbt {

/// Writes `insn` in assembler syntax, branch targets computed from `address`, the EA of the
/// instruction. What is outside the rows becomes `.long 0x...`.
///
/// The text is cut to `size` - 1 characters and always ends in a NUL if `size` is not 0. Returns
/// the number of characters written, without the NUL. 64 bytes hold every instruction.
std::size_t disassemble(Insn insn, std::uint32_t address, char* out, std::size_t size);

}  // namespace trapeze::dbt
