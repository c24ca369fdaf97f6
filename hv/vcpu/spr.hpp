// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

namespace trapeze::vcpu {

// Reads or writes a guest SPR as supervisor. To add one: a row in dbt/spr_rows.inc (number, name,
// who may do what), one in registers.hpp if there is a word to keep, and a case in
// read_special/write_special if it does something (docs/supervisor-instructions.md).
enum class SprResult : u8 {
    done,
    absent,  // not in the e500v2, or not readable/writable: an illegal instruction
};

SprResult read_spr(Vcpu& v, unsigned number, u32& value);
SprResult write_spr(Vcpu& v, unsigned number, u32 value);

// Performance monitor registers, by PMR number (manual 2.17).
SprResult read_pmr(Vcpu& v, unsigned number, u32& value);
SprResult write_pmr(Vcpu& v, unsigned number, u32 value);

// The two tables of the fast paths (exit/fast.inc), indexed by the instruction's SPR field as it
// stands, halves swapped: byte offset in the Vcpu, 0 for "ask C++". For writes, the sign bit marks
// the registers that are copied to the core.
struct OffsetTable {
    u16 offset[1024];
};
extern "C" const OffsetTable spr_read_offset, spr_write_offset;

// Recomputes the handler addresses after IVPR or an IVOR changed.
void update_vectors(Vcpu& v);

}  // namespace trapeze::vcpu
