// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/insn.hpp"
#include "random.hpp"

namespace torture {

// What the registers of a sequence are for; the others are free.
inline constexpr u32 round_register = 2, first_pointer = 3, last_pointer = 9, first_index = 10,
                     last_index = 11;

// One that may be written: r0, r1, r12 to r31.
u32 work_register(Random& random);
// One to read: any now and then.
u32 source_register(Random& random);

// An instruction word as the operation's row says, each field with a value that is harmless there:
// addresses by the pointers, targets that are free, now and then with ignored bits.
u32 row_word(Random& random, trapeze::dbt::Op op);

}  // namespace torture
