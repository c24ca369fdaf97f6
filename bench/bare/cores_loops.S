// SPDX-License-Identifier: Apache-2.0
//
// What two cores execute at once (cores.cpp): loops of one kind of instruction, and where the second
// core begins. void LOOP(u32 turns), without a stack.
    .text

    .macro  loop name
    .balign 16
    .globl  \name
\name:
    mtctr   3
    .endm

// The reference: nothing that another core could be in the way of.
    loop    cores_branch
1:  bdnz    1b
    blr

// A system call and the return of its handler, cores_handler.
    loop    cores_sc_rfi
1:  sc
    bdnz    1b
    blr

// A return to the instruction behind it.
    loop    cores_rfi
    mfmsr   5
    mtspr   27, 5
    lis     6, 2f@ha
    addi    6, 6, 2f@l
    mtspr   26, 6
1:  rfi
2:  bdnz    1b
    blr

// Two, of which the first sets MSR[DS] and the second clears it: no data is touched in between.
    loop    cores_mtmsr_pair
    mfmsr   5
    ori     6, 5, 0x10
1:  mtmsr   6
    isync
    mtmsr   5
    isync
    bdnz    1b
    blr

    .balign 16
    .globl  cores_handler
cores_handler:
    rfi

// r3: the end of its stack.
    .balign 16
    .globl  cores_second
cores_second:
    mr      1, 3
    li      0, 0
    stwu    0, -16(1)
    bl      cores_second_main
    b       .
