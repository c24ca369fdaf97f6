// SPDX-License-Identifier: Apache-2.0
//
// Interrupt vectors that save everything in a fixed frame, call isa_handler(Frame*), and go on
// with whatever the frame then says; and the way from C++ into a frame and back.
#include "frame.h"

// Symbols, so that macros can choose among them.
    .set    frame_0, FRAME_0
    .set    frame_1, FRAME_1
    .set    frame_2, FRAME_2

    .macro slot n, class
    .balign 16
    stw     0, frame_\class + F_GPR(0)
    li      0, \n
    b       common_\class
    .endm

    .section .text.vectors, "ax"
    .globl  vectors
vectors:
    slot 0, 1
    slot 1, 2
    .irp n, 2,3,4,5,6,7,8,9,10,11
    slot \n, 0
    .endr
    slot 12, 1
    slot 13, 0
    slot 14, 0
    slot 15, 1
    .irp n, 16,17,18,19
    slot \n, 0
    .endr

    .macro load_frame f, base, srr0, srr1
    lwz     0, \f + F_NIP(\base)
    mtspr   \srr0, 0
    lwz     0, \f + F_MSR(\base)
    mtspr   \srr1, 0
    lwz     0, \f + F_LR(\base)
    mtlr    0
    lwz     0, \f + F_CTR(\base)
    mtctr   0
    lwz     0, \f + F_XER(\base)
    mtxer   0
    lwz     0, \f + F_CR(\base)
    mtcr    0
    .endm

    .macro class k, srr0, srr1, return
common_\k:
    stw     0, frame_\k + F_VECTOR(0)
    .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    stw     \n, frame_\k + F_GPR + 4 * \n(0)
    .endr
    mfcr    3
    stw     3, frame_\k + F_CR(0)
    mfxer   3
    stw     3, frame_\k + F_XER(0)
    mfctr   3
    stw     3, frame_\k + F_CTR(0)
    mflr    3
    stw     3, frame_\k + F_LR(0)
    mfspr   3, \srr0
    stw     3, frame_\k + F_NIP(0)
    mfspr   3, \srr1
    stw     3, frame_\k + F_MSR(0)
    mfspr   3, 62
    stw     3, frame_\k + F_ESR(0)
    mfspr   3, 61
    stw     3, frame_\k + F_DEAR(0)
    mfmsr   3
    stw     3, frame_\k + F_INSIDE(0)
    lwz     1, HANDLER_STACK + 4 * \k(0)
    li      3, frame_\k
    bl      isa_handler
    load_frame frame_\k, 0, \srr0, \srr1
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    lwz     \n, frame_\k + F_GPR + 4 * \n(0)
    .endr
    \return
    .endm

    class 0, 26, 27, rfi
    class 1, 58, 59, rfci
    class 2, 570, 571, ".long 0x4c00004c"  // rfmci

// void isa_enter(const Frame*): goes on as the frame says; comes back through isa_leave.
    .globl  isa_enter
isa_enter:
    .irp    n, 1,2,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    stw     \n, HOST + 4 * \n(0)
    .endr
    mflr    0
    stw     0, HOST + 128(0)
    mfcr    0
    stw     0, HOST + 132(0)
    mfmsr   0
    stw     0, HOST + 136(0)
    load_frame 0, 3, 26, 27
    .irp    n, 0,1,2,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    lwz     \n, F_GPR + 4 * \n(3)
    .endr
    lwz     3, F_GPR + 12(3)
    rfi

// [[noreturn]] void isa_leave(): ends the isa_enter in progress.
    .globl  isa_leave
isa_leave:
    .irp    n, 1,2,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    lwz     \n, HOST + 4 * \n(0)
    .endr
    lwz     0, HOST + 132(0)
    mtcr    0
    lwz     0, HOST + 128(0)
    mtspr   26, 0
    lwz     0, HOST + 136(0)
    mtspr   27, 0
    rfi

// Handlers that return at once, for measuring: IVORs may be pointed here.
    .section .text.vectors, "ax"
    .balign 16
    .globl  isa_return_handler
isa_return_handler:
    rfi
    .balign 16
    .globl  isa_refill_handler
isa_refill_handler:                     // r27 = MAS3; the others as the miss left them
    mtspr   627, 27
    tlbwe
    rfi
