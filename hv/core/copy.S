// SPDX-License-Identifier: Apache-2.0
//
// void hv_copy_text(void* to, const void* from): copies a page that holds instructions, two cache
// blocks in 16 registers a turn, and makes them visible to fetches (manual 4.3: dcbst, msync, icbi, isync).
// No stmw for the copy: QEMU 7.2 forgets what it has translated of the first byte alone (probe_access).
#include "offsets.h"

#define TURN (2 * CACHE_BLOCK)

    .section .text, "ax"
    .globl  hv_copy_text
hv_copy_text:
    stwu    r1, -80(r1)
    stmw    r16, 8(r1)
    li      r0, PAGE_BYTES / TURN
    mtctr   r0
    li      r12, CACHE_BLOCK
    mr      r11, r3
1:  lmw     r16, 0(r4)
    .irp    n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    stw     r\n, 4 * (\n - 16)(r3)
    .endr
    dcbst   0, r3
    dcbst   r12, r3
    addi    r4, r4, TURN
    addi    r3, r3, TURN
    bdnz    1b
    msync
    li      r0, PAGE_BYTES / TURN
    mtctr   r0
2:  icbi    0, r11
    icbi    r12, r11
    addi    r11, r11, TURN
    bdnz    2b
    msync
    isync
    lmw     r16, 8(r1)
    addi    r1, r1, 80
    blr
