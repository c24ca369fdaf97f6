// SPDX-License-Identifier: Apache-2.0
//
// What the VMM runs as a guest of its own before the real one, to time what patching is decided by
// (boot/calibrate.cpp): copied to guest-physical CALIBRATE_AT, entered there in guest kernel mode,
// ended by an illegal instruction. Times are ticks of CALIBRATE_TURNS turns; a site is patched
// between its first and its second time.
#include "offsets.h"

    .section .rodata.calibrate, "a"
    .balign 16
    .globl  calibrate_begin, calibrate_end

// r3 = ticks of CTR turns of \insn.
    .macro  timed name, insn:vararg
\name:
    mfspr   r4, SPR_TBL
1:  \insn
    bdnz    1b
    mfspr   r3, SPR_TBL
    subf    r3, r4, r3
    blr
    .endm
    .macro  call name, turns
    li      r5, \turns
    mtctr   r5
    bl      \name
    .endm
// The least of several times: whatever comes between is no part of it.
    .macro  least name, turns, batches, result
    call    \name, \turns
    mr      \result, r3
    .rept   \batches - 1
    call    \name, \turns
    cmplw   r3, \result
    bge     2f
    mr      \result, r3
2:
    .endr
    .endm

calibrate_begin:
    lis     r12, CALIBRATE_AT@h
    ori     r12, r12, CALIBRATE_AT@l
    // Everything once before it counts: caches, and what QEMU translates, are warm then.
    call    empty, CALIBRATE_WARM
    least   empty, CALIBRATE_TURNS, 3, r20
    call    load, CALIBRATE_WARM
    least   load, CALIBRATE_TURNS, 3, r21
    call    load, CALIBRATE_PATCH
    least   load, CALIBRATE_TURNS, 3, r22
    call    stub, CALIBRATE_WARM
    least   stub, CALIBRATE_TURNS, 3, r23
    call    stub, CALIBRATE_PATCH
    least   stub, CALIBRATE_TURNS, 3, r24
    .irp    n, 1, 2, 3, 4
    call    site_\n, CALIBRATE_PATCH
    .endr
    least   fault, CALIBRATE_FAULTS, 3, r25
    .long   0

    timed   empty, nop
    timed   load, mfmsr r6
    timed   stub, wrteei 0
    .irp    n, 1, 2, 3, 4
    timed   site_\n, wrteei 0
    .endr
    timed   fault, stw r6, 0(r12)            // text, in either layout
calibrate_end:
