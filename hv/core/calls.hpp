// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/e500.hpp"

// What core/cpu.cpp asks of assembly, by the 32-bit PowerPC calling convention.
extern "C" {

// The probes (exit/entry.S) touch a guest address under `msr`, whose DS says in which space; 0, or
// -1 if the core has no entry that lets them. The word is stored under the VMM's own MSR.
int hv_probe_word(trapeze::e500::u32 ea, trapeze::e500::u32 msr, trapeze::e500::u32* value);
int hv_probe_flush(trapeze::e500::u32 ea, trapeze::e500::u32 msr);  // dcbf
// The upper half of a 64-bit GPR, n = 0 to 31 (core/spe.S).
void hv_read_upper_half(unsigned n, trapeze::e500::u32* value);
void hv_write_upper_half(unsigned n, trapeze::e500::u32 value);
// The 32 upper halves and the accumulator, 136 bytes, from and to the start of a
// core::UserRegisters.
void hv_save_spe(void* to);
void hv_load_spe(const void* from);
// Copies a page of 4 KiB that holds instructions (core/copy.S).
void hv_copy_text(void* to, const void* from);
}
