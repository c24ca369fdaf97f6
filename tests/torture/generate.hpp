// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sequence.hpp"

namespace torture {

/// The sequence of this number; the same for the same two arguments on every machine.
///
/// It holds instructions of every kind that the decoder's rows and the SPR rows have (but for what
/// rules.inc leaves out), in user or kernel mode, in either address space, with accesses to plain,
/// small, large, missing and text pages; it cannot leave its own text but forward, and cannot
/// change what the runner stands on. r2 is the round it is in, r3 to r9 point to memory, r10 and
/// r11 are small offsets; the others are free.
Sequence generate(std::uint64_t seed, u32 number);

}  // namespace torture
