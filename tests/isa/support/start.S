// SPDX-License-Identifier: Apache-2.0
//
// Entry of every program: native and under the VMM alike, one TLB1 entry from EA 0.
#include "frame.h"

    .macro set spr, value
    lis     3, (\value)@ha
    addi    3, 3, (\value)@l
    mtspr   \spr, 3
    .endm

    .section .text.start, "ax"
    .globl  _start
_start:
    // How it was entered, for whom that concerns (start.cpp).
    .irp    n, 1,3,4,5,6,7,8,9
    stw     \n, (ENTRY + 4 * \n)(0)
    .endr
    mfmsr   0
    stw     0, ENTRY(0)
    lis     4, 0x1000                   // MAS0: TLB1, entry 0
    li      5, ENTRY_TLB
1:  mtspr   624, 4
    isync
    tlbre
    isync
    mfspr   6, 625
    mfspr   7, 626
    mfspr   8, 627
    mfspr   9, 944
    stw     6, 0(5)
    stw     7, 4(5)
    stw     8, 8(5)
    stw     9, 12(5)
    addi    5, 5, 16
    addis   4, 4, 1
    cmpwi   5, ENTRY_TLB + 16 * 16
    blt     1b
    lis     1, (stack_top - 16)@ha
    addi    1, 1, (stack_top - 16)@l
    lis     3, bss_start@ha
    addi    3, 3, bss_start@l
    lis     4, bss_end@ha
    addi    4, 4, bss_end@l
    li      0, 0
1:  cmplw   3, 4
    bge     2f
    stw     0, 0(3)
    addi    3, 3, 4
    b       1b
2:  // TLB1 entry 0: 16 MiB at 0 for everybody, whatever the size it came with.
    set     624, 0x10000000             // MAS0
    set     625, 0xc0000700             // MAS1: V, IPROT, TSIZE 7
    set     626, 0                      // MAS2
    set     627, 0x3f                   // MAS3
    set     944, 0                      // MAS7
    isync
    tlbwe
    isync
    // TLB1 entry 15: CCSR, 1 MiB, the kernel's.
    set     624, 0x100f0000
    set     625, 0xc0000500
    set     626, 0xe000000a             // I, G
    set     627, 0xe0000005             // SW, SR
    set     944, 0xf
    isync
    tlbwe
    isync
    lis     3, vectors@ha
    addi    3, 3, vectors@l
    mtspr   63, 3                       // IVPR
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    li      3, 16 * \n
    mtspr   400 + \n, 3
    .endr
    .irp    n, 0,1,2,3
    li      3, 16 * (16 + \n)
    mtspr   528 + \n, 3
    .endr
    .irp    n, 0,1,2
    lis     3, (handler_stack_\n - 16)@ha
    addi    3, 3, (handler_stack_\n - 16)@l
    stw     3, HANDLER_STACK + 4 * \n(0)
    .endr
    li      3, 0
    stwu    3, -16(1)
    bl      isa_begin
1:  b       1b
