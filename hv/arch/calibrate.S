// SPDX-License-Identifier: Apache-2.0
//
// What the VMM runs as a guest of its own before the real one, to time what patching is decided by
// (boot/calibrate.cpp): copied to guest-physical CALIBRATE_AT, entered there in guest kernel mode,
// ended by an illegal instruction. Times are ticks of CALIBRATE_TURNS turns; a site is patched
// between its first and its second time.
#include "offsets.h"

#define SPR_TBL 268

    .section .rodata.calibrate, "a"
    .balign 16
    .globl  calibrate_begin, calibrate_end

// r3 = ticks of CTR turns of \insn.
    .macro  timed name, insn:vararg
\name:
    mfspr   4, SPR_TBL
1:  \insn
    bdnz    1b
    mfspr   3, SPR_TBL
    subf    3, 4, 3
    blr
    .endm
    .macro  call name, turns
    li      5, \turns
    mtctr   5
    bl      \name
    .endm
// The least of several times: whatever comes between is no part of it.
    .macro  least name, turns, batches, result
    call    \name, \turns
    mr      \result, 3
    .rept   \batches - 1
    call    \name, \turns
    cmplw   3, \result
    bge     2f
    mr      \result, 3
2:
    .endr
    .endm

calibrate_begin:
    lis     12, CALIBRATE_AT@h
    ori     12, 12, CALIBRATE_AT@l
    // Everything once before it counts: caches, and what QEMU translates, are warm then.
    call    empty, CALIBRATE_WARM
    least   empty, CALIBRATE_TURNS, 3, 20
    call    load, CALIBRATE_WARM
    least   load, CALIBRATE_TURNS, 3, 21
    call    load, CALIBRATE_PATCH
    least   load, CALIBRATE_TURNS, 3, 22
    call    stub, CALIBRATE_WARM
    least   stub, CALIBRATE_TURNS, 3, 23
    call    stub, CALIBRATE_PATCH
    least   stub, CALIBRATE_TURNS, 3, 24
    .irp    n, 1, 2, 3, 4
    call    site_\n, CALIBRATE_PATCH
    .endr
    least   fault, CALIBRATE_FAULTS, 3, 25
    .long   0

    timed   empty, nop
    timed   load, mfmsr 6
    timed   stub, wrteei 0
    .irp    n, 1, 2, 3, 4
    timed   site_\n, wrteei 0
    .endr
    timed   fault, stw 6, 0(12)              // text, in either layout
calibrate_end:
