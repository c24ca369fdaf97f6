// SPDX-License-Identifier: Apache-2.0
//
// The upper halves of the 64-bit GPRs. C++ code and the paths through an exit touch the lower ones
// alone (manual 2.3.1), so that the upper ones are the guest's all the time. A row per register;
// the assembler knows no SPE with -mcpu=8548, so its instructions are words.

    .text

    .set    row, 0

// Sets MSR[SPE], r5 = the MSR before, and goes to row r3 of \table.
    .macro  go_to_row table
    mfmsr   5
    oris    6, 5, 0x0200                // MSR[SPE]
    mtmsr   6
    isync
    lis     7, \table@ha
    addi    7, 7, \table@l
    slwi    3, 3, 3
    add     7, 7, 3
    mtctr   7
    bctr
    .endm

// void hv_read_upper_half(unsigned n, u32* value)
    .globl  hv_read_upper_half
hv_read_upper_half:
    go_to_row 1f
1:  .rept   32
    .long   4 << 26 | row << 21 | 4 << 16 | 0x339           // evstwwe row, 0(4)
    b       restore_msr
    .set    row, row + 1
    .endr

    .set    row, 0
// void hv_write_upper_half(unsigned n, u32 value)
    .globl  hv_write_upper_half
hv_write_upper_half:
    go_to_row 2f
2:  .rept   32
    .long   4 << 26 | row << 21 | 4 << 16 | row << 11 | 0x22d   // evmergelo row, 4, row
    b       restore_msr
    .set    row, row + 1
    .endr

restore_msr:
    mtmsr   5
    isync
    blr
