// SPDX-License-Identifier: Apache-2.0
//
// The upper halves of the 64-bit GPRs. C++ code and the paths through an exit touch the lower ones
// alone (manual 2.3.1), so that the upper ones are the guest's all the time. A row per register;
// the assembler knows no SPE with -mcpu=8548, so its instructions are words.
#include "hv/core/fields.inc"

    .text

// No rows of the decoder's.
#define EVMERGELO (4 << 26 | 0x22d)  // RT = the lower halves of RA and RB
#define EVMWUMIAA (4 << 26 | 0x558)  // RT = the accumulator + RA's lower half * RB's
#define EVMRA (4 << 26 | 0x4c4)      // RT = the accumulator = RA
#define ACC 128                      // core::UserRegisters::acc

// Sets MSR[SPE]; r5 = the MSR before.
    .macro  with_spe
    mfmsr   r5
    oris    r6, r5, MSR_SPE@h
    mtmsr   r6
    isync
    .endm

    .set    row, 0

// Sets MSR[SPE], r5 = the MSR before, and goes to row r3 of \table.
    .macro  go_to_row table
    with_spe
    lis     r7, \table@ha
    addi    r7, r7, \table@l
    slwi    r3, r3, 3
    add     r7, r7, r3
    mtctr   r7
    bctr
    .endm

// void hv_read_upper_half(unsigned n, u32* value)
    .globl  hv_read_upper_half
hv_read_upper_half:
    go_to_row 1f
1:  .rept   32
    .long   INSN_EVSTWWE | IN(FIELD_RS, row) | IN(FIELD_RA, 4)  // evstwwe row, 0(r4)
    b       restore_msr
    .set    row, row + 1
    .endr

    .set    row, 0
// void hv_write_upper_half(unsigned n, u32 value)
    .globl  hv_write_upper_half
hv_write_upper_half:
    go_to_row 2f
2:  .rept   32
    .long   EVMERGELO | IN(FIELD_RT, row) | IN(FIELD_RA, 4) | IN(FIELD_RB, row)
    b       restore_msr
    .set    row, row + 1
    .endr

    .set    row, 0
// void hv_save_spe(void* to)
    .globl  hv_save_spe
hv_save_spe:
    with_spe
    .rept   32
    .long   INSN_EVSTWWE | IN(FIELD_RS, row) | IN(FIELD_RA, 3) | IN(FIELD_RB, row)  // 4 * row(r3)
    .set    row, row + 1
    .endr
    li      r6, 0
    .long   EVMWUMIAA | IN(FIELD_RT, 7) | IN(FIELD_RA, 6) | IN(FIELD_RB, 6)
    addi    r8, r3, ACC
    .long   INSN_EVSTWWE | IN(FIELD_RS, 7) | IN(FIELD_RA, 8)
    stw     r7, ACC + 4(r3)
    b       restore_msr

    .set    row, 0
// void hv_load_spe(const void* from)
    .globl  hv_load_spe
hv_load_spe:
    with_spe
    lwz     r6, ACC(r3)
    lwz     r7, ACC + 4(r3)
    .long   EVMERGELO | IN(FIELD_RT, 7) | IN(FIELD_RA, 6) | IN(FIELD_RB, 7)
    .long   EVMRA | IN(FIELD_RT, 7) | IN(FIELD_RA, 7)
    .rept   32
    lwz     r4, 4 * row(r3)
    .long   EVMERGELO | IN(FIELD_RT, row) | IN(FIELD_RA, 4) | IN(FIELD_RB, row)
    .set    row, row + 1
    .endr
    b       restore_msr

// In: r5 = the MSR before.
restore_msr:
    mtmsr   r5
    isync
    blr
