// SPDX-License-Identifier: Apache-2.0
//
// void hv_copy_text(void* to, const void* from): copies a page of 4 KiB that holds instructions,
// 64 bytes a turn, and makes them visible to fetches (manual 4.3: dcbst, msync, icbi, isync).
// No stmw for the copy: QEMU 7.2 forgets what it has translated of the first byte alone (probe_access).
    .section .text, "ax"
    .globl  hv_copy_text
hv_copy_text:
    stwu    1, -80(1)
    stmw    16, 8(1)
    li      0, 64
    mtctr   0
    li      12, 32
    mr      11, 3
1:  lmw     16, 0(4)
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    stw     16 + \n, 4 * \n(3)
    .endr
    dcbst   0, 3
    dcbst   12, 3
    addi    4, 4, 64
    addi    3, 3, 64
    bdnz    1b
    msync
    li      0, 64
    mtctr   0
2:  icbi    0, 11
    icbi    12, 11
    addi    11, 11, 64
    bdnz    2b
    msync
    isync
    lmw     16, 8(1)
    addi    1, 1, 80
    blr
