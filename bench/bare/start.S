// SPDX-License-Identifier: Apache-2.0
//
// Entry of the bare-metal benchmarks, before that of tests/isa/support; and handlers of a few
// instructions, so that a measured exit is all there is to measure. IVORs are pointed to them.
#include "layout.h"

    .section .text.start, "ax"
    .globl  bare_start
bare_start:
    stw     3, BARE_DEVICE_TREE(0)
    b       _start

    .macro  handler name
    .balign 16
    .globl  \name
\name:
    .endm

    .text
// Goes on where LR says, in the handler's own mode: no rfi, no exit.
    handler bare_on_any
    blr
// From user mode, to the instruction that r28 names.
    handler bare_on_user
    mtspr   26, 28
    rfi
// Counts in r25 and clears the timer bits r26.
    handler bare_on_decrementer
    addi    25, 25, 1
    mtspr   336, 26
    rfi
// r8 and r9: the controller's acknowledge and end-of-interrupt registers; r4 is 0.
    handler bare_on_external
    lwz     6, 0(8)
    stb     4, 12(7)
    stw     4, 0(9)
    blr
// r7: the registers of the I2C controller, which stops asking; r4 is 0.
    handler bare_on_i2c
    stb     4, 12(7)
    blr
// A debug interrupt: clears DBSR bits r26.
    handler bare_on_debug
    mtspr   304, 26
    blr
// An external interrupt: notes the time, and goes on with the handler of tests/isa/support.
    handler bare_noting_external
    stw     31, BARE_SAVED(0)
    mfspr   31, 268
    stw     31, BARE_NOTED(0)
    lwz     31, BARE_SAVED(0)
    b       vectors + 16 * 4
