// SPDX-License-Identifier: Apache-2.0
//
// The executive's vectors and its switch. An interrupt leaves all registers in the current task's
// Context, nothing on its stack, which may be what has no room. It runs on a stack of its own with
// interrupts disabled, and goes on with the task that rt_interrupt returns.
#include "layout.h"

    .macro slot n
    .balign 16
    stw     3, RT_R3(0)
    li      3, \n
    b       rt_save
    .endm

    .section .text.vectors, "ax"
    .balign 16
rt_vectors:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19
    slot \n
    .endr

rt_save:
    stw     3, RT_VECTOR(0)
    lwz     3, RT_CONTEXT(0)
    stw     0, C_GPR(3)
    stw     1, C_GPR + 4(3)
    stw     2, C_GPR + 8(3)
    stmw    4, C_GPR + 16(3)
    lwz     0, RT_R3(0)
    stw     0, C_GPR + 12(3)
    mfcr    0
    stw     0, C_CR(3)
    mfxer   0
    stw     0, C_XER(3)
    mfctr   0
    stw     0, C_CTR(3)
    mflr    0
    stw     0, C_LR(3)
    mfspr   0, 26                       // SRR0
    stw     0, C_NIP(3)
    mfspr   0, 27                       // SRR1
    stw     0, C_MSR(3)
    lis     1, (handler_stack_0 - 16)@ha
    addi    1, 1, (handler_stack_0 - 16)@l
    lwz     4, RT_VECTOR(0)
    bl      rt_interrupt                // Context* rt_interrupt(Context*, vector)

// [[noreturn]] void rt_resume(Context*), with interrupts disabled.
    .globl  rt_resume
rt_resume:
    stw     3, RT_CONTEXT(0)
    li      4, C_CLEAR
    stwcx.  4, 3, 4
    lwz     0, C_NIP(3)
    mtspr   26, 0
    lwz     0, C_MSR(3)
    mtspr   27, 0
    lwz     0, C_LR(3)
    mtlr    0
    lwz     0, C_CTR(3)
    mtctr   0
    lwz     0, C_XER(3)
    mtxer   0
    lwz     0, C_CR(3)
    mtcr    0
    lmw     4, C_GPR + 16(3)
    lwz     0, C_GPR(3)
    lwz     1, C_GPR + 4(3)
    lwz     2, C_GPR + 8(3)
    lwz     3, C_GPR + 12(3)
    rfi

// void rt_switch(Context* from, Context* to), with interrupts disabled: returns when `from` is
// resumed. What a function may change is not kept.
    .globl  rt_switch
rt_switch:
    stw     1, C_GPR + 4(3)
    stw     2, C_GPR + 8(3)
    stmw    13, C_GPR + 52(3)
    mfcr    0
    stw     0, C_CR(3)
    mflr    0
    stw     0, C_LR(3)
    stw     0, C_NIP(3)
    mfmsr   0
    stw     0, C_MSR(3)
    mr      3, 4
    b       rt_resume

// void rt_install(): all vectors are the executive's. IVPR is the 64 KiB that .text begins with.
    .globl  rt_install
rt_install:
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    li      3, (rt_vectors + 16 * \n)@l
    mtspr   400 + \n, 3
    .endr
    .irp    n, 0,1,2,3
    li      3, (rt_vectors + 16 * (16 + \n))@l
    mtspr   528 + \n, 3
    .endr
    blr
