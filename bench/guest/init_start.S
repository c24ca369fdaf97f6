// SPDX-License-Identifier: Apache-2.0
// Entry of the program `init`: the time base before anything else, then boot(ticks high, low,
// stack) on an aligned stack. At entry r1 points to argc (Linux 32-bit Power ABI).
    .section .note.GNU-stack,"",@progbits
    .text
    .globl _start
_start:
    mfspr 3,269
    mfspr 4,268
    mfspr 5,269
    cmpw 3,5
    bne- _start
    mr 5,1
    clrrwi 1,1,4
    li 0,0
    stwu 0,-16(1)
    bl boot
