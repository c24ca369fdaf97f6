// SPDX-License-Identifier: Apache-2.0
// The smallest program: exit(42). What exec costs beyond it is the kernel's.
    .section .note.GNU-stack,"",@progbits
    .text
    .globl _start
_start:
    li 0,1
    li 3,42
    sc
