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
    .macro  call name, turns, result
    li      5, \turns
    mtctr   5
    bl      \name
    mr      \result, 3
    .endm

calibrate_begin:
    lis     12, CALIBRATE_AT@h
    ori     12, 12, CALIBRATE_AT@l
    call    empty, CALIBRATE_TURNS, 20
    // Everything once before it counts: caches, and what QEMU translates, are warm then.
    call    load, CALIBRATE_WARM, 21
    call    load, CALIBRATE_TURNS, 21
    call    load, CALIBRATE_WARM, 22
    call    load, CALIBRATE_TURNS, 22
    call    stub, CALIBRATE_WARM, 23
    call    stub, CALIBRATE_TURNS, 23
    call    stub, CALIBRATE_WARM, 24
    call    stub, CALIBRATE_TURNS, 24
    .irp    n, 1, 2, 3, 4
    call    site_\n, CALIBRATE_TURNS, 25
    call    site_\n, CALIBRATE_TURNS, 25
    .endr
    call    fault, CALIBRATE_FAULTS, 25
    call    fault, CALIBRATE_FAULTS, 25
    .long   0

    timed   empty, nop
    timed   load, mfmsr 6
    timed   stub, wrteei 0
    .irp    n, 1, 2, 3, 4
    timed   site_\n, wrteei 0
    .endr
    timed   fault, lwz 6, 0(12)
calibrate_end:
