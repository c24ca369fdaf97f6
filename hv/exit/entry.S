// SPDX-License-Identifier: Apache-2.0
//
// The vectors and the way in and out of the guest (docs/exits.md has the picture).
//
// Four ways through an exit, from short to long:
//   fast   program exceptions of a handful of instructions, sc: r10-r13, CR, CTR saved, no C++
//   middle the other privileged instructions: what a C++ function may change, and what they name
//   light  TLB misses: the registers a C++ function may change
//   full   everything: all registers stand in the Vcpu
//
// Registers of the core that are the VMM's: SPRG0-2 (user mode cannot read them), SPRG2 = Vcpu.
// In VMM C++ code r13 (never allocated under -mno-sdata) is the Vcpu, r2 is still the guest's.
#include "common.inc"

    .section .text.vectors, "ax"

// One slot: \vector is the IVOR number, \to where it goes with r12 free to use.
    .macro slot name, vector, to
    .balign 128
    .globl  vector_\name
vector_\name:
    prologue SPR_SRR1, SPR_SPRG0, SPR_SPRG1, from_hv_\name
    li      r12, \vector
    b       \to
from_hv_\name:
    li      r13, \vector
    b       from_hv
    .endm

// Critical-class slots may interrupt a non-critical prologue of the VMM (the core leaves CE set
// there), so they have scratch registers of their own: IAC1 and IAC2, which the VMM never uses to
// debug with. What they save is copied to SRR0/1, where the exit code looks.
    .macro  slot_critical name, vector, srr0, srr1, hv
    .balign 128
    .globl  vector_\name
vector_\name:
    prologue \srr1, SPR_IAC1, SPR_IAC2, from_hv_\name
    mfspr   r12, \srr0
    mtspr   SPR_SRR0, r12
    mfspr   r12, SPR_IAC1
    mtspr   SPR_SPRG0, r12
    li      r12, \vector
    b       full_exit
from_hv_\name:
    li      r13, \vector
    b       \hv
    .endm

    .balign 65536                       // IVPR holds the upper 16 bits
    .globl  vectors
vectors:
    slot_critical critical, VECTOR_CRITICAL, SPR_CSRR0, SPR_CSRR1, hv_hit_critical
    slot_critical machine_check, VECTOR_MACHINE_CHECK, SPR_MCSRR0, SPR_MCSRR1, hv_defect
    slot dsi,              VECTOR_DATA_STORAGE, full_exit
    slot isi,              VECTOR_INSTRUCTION_STORAGE, full_exit
    slot external,         VECTOR_EXTERNAL, full_exit
    slot alignment,        VECTOR_ALIGNMENT, full_exit
    slot fp_unavailable,   VECTOR_FP_UNAVAILABLE, full_exit
    slot ap_unavailable,   VECTOR_AP_UNAVAILABLE, full_exit
    slot decrementer,      VECTOR_DECREMENTER, full_exit
    slot fixed_interval,   VECTOR_FIXED_INTERVAL, full_exit
    slot_critical watchdog, VECTOR_WATCHDOG, SPR_CSRR0, SPR_CSRR1, hv_hit_critical
    slot_critical debug,    VECTOR_DEBUG, SPR_CSRR0, SPR_CSRR1, hv_hit_critical
    slot spe_unavailable,  VECTOR_SPE_UNAVAILABLE, full_exit
    slot spe_data,         VECTOR_SPE_DATA, full_exit
    slot spe_round,        VECTOR_SPE_ROUND, full_exit
    slot performance,      VECTOR_PERFORMANCE, full_exit
    slot program_full,     VECTOR_PROGRAM, full_exit     // without fast paths: use_fast_paths
    slot system_call_full, VECTOR_SYSTEM_CALL, full_exit
    slot dtlb_light,       VECTOR_DATA_TLB, light_exit_traced    // without the ready table:
    slot itlb_light,       VECTOR_INSTRUCTION_TLB, light_exit_traced    // use_profile

// The registers that a C++ function may change, and where the guest was, but r10 to r12, CR and CTR.
    .macro  save_most
    save_called
    mfspr   r3, SPR_SPRG0
    stw     r3, GPR(13)(vcpu)
    mfspr   r7, SPR_SRR0
    stw     r7, VCPU_NIP(vcpu)
    .endm
// The same when r12 and CR are saved.
    .macro  save_volatile
    stw     r10, GPR(10)(vcpu)
    stw     r11, GPR(11)(vcpu)
    save_most
    mfctr   r5
    stw     r5, VCPU_CTR(vcpu)
    .endm
// Light: C++ decides; 0 resumes the guest at once, else everything is saved and handed over.
// In: vcpu, r12 = vector; guest r12, CR in the Vcpu, guest r13 in SPRG0. Back to the guest.
    .globl  light_exit
light_exit:
    save_volatile
    mfspr   r8, SPR_SRR1
    stw     r8, VCPU_ENTRY_MSR(vcpu)
    on_stack
    mr      r4, r12
    bl      hv_light_exit
    cmpwi   r3, 0
    bne-    light_left
// In: vcpu; all that a light exit saves, and where the guest goes on, in the Vcpu. Back to the guest.
light_return:
    lwz     r4, VCPU_NIP(vcpu)
    mtspr   SPR_SRR0, r4
    lwz     r5, VCPU_ENTRY_MSR(vcpu)
    mtspr   SPR_SRR1, r5
    lwz     r6, VCPU_XER(vcpu)
    mtxer   r6
    lwz     r7, VCPU_CTR(vcpu)
    mtctr   r7
    lwz     r8, VCPU_LR(vcpu)
    mtlr    r8
    lwz     r9, VCPU_CR(vcpu)
    mtcr    r9
    lwz     r0, GPR(0)(vcpu)
    lwz     r1, GPR(1)(vcpu)
    .irp    n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
    lwz     r\n, GPR(\n)(vcpu)
    .endr
    rfi
// The same for the trace.
// In: as light_exit. Back to the guest.
light_exit_traced:
    save_volatile
    mfspr   r8, SPR_SRR1
    stw     r8, VCPU_ENTRY_MSR(vcpu)
    on_stack
    mr      r4, r12
    bl      hv_traced_miss
    cmpwi   r3, 0
    beq+    light_return
// In: vcpu, r3 = vector; all that a light exit saves in the Vcpu.
light_left:
    mr      r4, r3
    b       full_exit_rest

// Of r14 to r31 the register that a field of the instruction in r10 names; r11, CR and CTR are lost.
    .macro  save_named first, last
    field   r11, r10, \first, \last, 3
    cmplwi  r11, 8 * 14
    blt     1f
    addis   r11, r11, (2f - 8 * 14)@ha
    addi    r11, r11, (2f - 8 * 14)@l
    mtctr   r11
    bctr
2:  .irp    n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    stw     r\n, GPR(\n)(vcpu)
    b       1f
    .endr
1:
    .endm
// Middle: from a fast path that has fetched and recorded the guest kernel's privileged instruction.
// Of r14 to r31 only those stand in the Vcpu that its fields for RS, RA and RB name.
// In: vcpu, r10 = instruction; guest r10 to r12, CR, CTR in the Vcpu, guest r13 in SPRG0. Back to the
// guest.
    .globl  middle_exit, middle_exit_bare
middle_exit:
    save_named FIELD_RT
    save_named FIELD_RA
    save_named FIELD_RB
// The same of an instruction that names none.
// In: as middle_exit.
middle_exit_bare:
    stw     r2, GPR(2)(vcpu)
    save_most
    on_stack
    mr      r4, r10
    bl      hv_middle_exit
    lwz     r2, GPR(2)(vcpu)
    cmpwi   r3, 0
    beq+    light_return
    blt-    middle_left
    addi    r11, r3, (2f - 8 * 14)@l    // 8 times the register that it has written, of r14 to r31
    addis   r11, r11, (2f - 8 * 14)@ha
    mtctr   r11
    bctr
2:  .irp    n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    lwz     r\n, GPR(\n)(vcpu)
    b       light_return
    .endr
// A hypercall of the guest kernel's.
// In: vcpu; guest r10 to r12, CR in the Vcpu, guest r13 in SPRG0. Back to the guest.
    .globl  hypercall_exit
hypercall_exit:
    stw     r2, GPR(2)(vcpu)
    save_most
    mfctr   r5
    stw     r5, VCPU_CTR(vcpu)
    on_stack
    bl      hv_hypercall
    lwz     r2, GPR(2)(vcpu)
    cmpwi   r3, 0
    beq+    light_return
    li      r4, CAUSE_HYPERCALL
    b       left
// The guest ends or waits.
// In: vcpu; in the Vcpu what a light exit saves, r2, and of r14 to r31 those that were named. Back to
// the guest.
middle_left:
    li      r4, CAUSE_PRIVILEGED
// In: as middle_left, and r4 = the cause.
left:
    .irp    n, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    stw     r\n, GPR(\n)(vcpu)
    .endr
    on_stack
    bl      hv_leave
    b       full_return

// Full: from a vector.
// In: vcpu, r12 = vector; guest r12, CR in the Vcpu, guest r13 in SPRG0. Back to the guest.
    .globl  full_exit
full_exit:
    save_volatile
    mr      r4, r12
// In: vcpu, r4 = vector; all that a light exit saves in the Vcpu. Back to the guest.
full_exit_rest:
    stw     r2, GPR(2)(vcpu)
    .irp    n, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    stw     r\n, GPR(\n)(vcpu)
    .endr
    on_stack
    bl      hv_full_exit
// Into the guest that the core has now, perhaps another one than before.
// In: all of that guest's registers in its Vcpu. Back to it.
full_return:
    mfspr   vcpu, SPR_SPRG2
    lwz     r2, GPR(2)(vcpu)
    .irp    n, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    lwz     r\n, GPR(\n)(vcpu)
    .endr
    b       light_return

// An exception while the VMM ran. Three cases: waiting for an interrupt (nothing else in the VMM
// runs with EE=1), a probe of guest memory that found no mapping, or a defect.
// In: r13 = vector; r12 and CR are lost. Back to the guest, or to the probe.
    .globl  from_hv
from_hv:
    mfspr   r12, SPR_SRR1
    andi.   r12, r12, MSR_EE
    bne     idle_exit
    mtspr   SPR_SPRG0, r11
    mfspr   r11, SPR_SRR0
    lis     r12, probe_begin@ha
    addi    r12, r12, probe_begin@l
    subf    r12, r12, r11
    cmplwi  r12, probe_end - probe_begin
    blt     probe_failed

// A defect: say so and end.
// In: r13 = vector, r1 and LR as the VMM had them.
    .globl  hv_defect
hv_defect:
    mr      r4, r13
    mr      r5, r1
    mflr    r6
    mfspr   vcpu, SPR_SPRG2
    mr      r3, vcpu
    lis     r1, panic_stack_top@ha
    addi    r1, r1, panic_stack_top@l
    b       hv_panic

// A critical interrupt while the VMM ran: put it off until the guest runs again, with CE=1.
// In: r12 = CR; the VMM's r12 in IAC2, its r13 in IAC1. Back to the VMM, or, if it waits, the guest.
hv_hit_critical:
    mfspr   r13, SPR_CSRR1
    andi.   r13, r13, MSR_EE
    bne     1f                          // MSR[EE]: it waits
    mfspr   r13, SPR_CSRR1
    rlwinm  r13, r13, 0, ~MSR_CE
    rlwinm  r13, r13, 0, ~MSR_DE
    mtspr   SPR_CSRR1, r13
    mtcr    r12
    mfspr   r12, SPR_IAC2
    mfspr   r13, SPR_IAC1
    rfci
1:  li      r13, VECTOR_CRITICAL
// In: r13 = vector; all of the guest's registers in the Vcpu. Back to the guest.
idle_exit:
    mr      r4, r13
    mfspr   vcpu, SPR_SPRG2
    mfspr   r12, SPR_TBL
    stw     r12, VCPU_EXIT_TIME(vcpu)
    on_stack
    bl      hv_idle_exit
    b       full_return

// In: nothing. Back to the probe's fixup; r11, r12, cr0 are lost, as probes declare.
probe_failed:
    lis     r12, probe_fixup@ha
    addi    r12, r12, probe_fixup@l
    mtspr   SPR_SRR0, r12
    mfspr   vcpu, SPR_SPRG2
    rfi

    .globl  hv_resume
hv_resume:
    b       full_return

    .globl  hv_wait
hv_wait:
    msync
    mtmsr   r3
    isync
1:  b       1b

// What faults between probe_begin and probe_end goes on at probe_fixup. Only what must: a word is
// stored under the VMM's own MSR[DS].
    .globl  hv_probe_word
hv_probe_word:
    mfmsr   r10
    mtmsr   r4
    isync
probe_begin:
    lwz     r9, 0(r3)
    b       probed_word
    .globl  hv_probe_flush
hv_probe_flush:
    mfmsr   r10
    mtmsr   r4
    isync
    dcbf    0, r3
    mtmsr   r10
    isync
    li      r3, 0
    blr
probe_end:
// In: r9 = the word, r10 = the VMM's MSR, r5 = where it goes.
probed_word:
    mtmsr   r10
    isync
    stw     r9, 0(r5)
    li      r3, 0
    blr
// In: r10 = the VMM's MSR. Returns -1 to the probe's caller.
probe_fixup:
    mtmsr   r10
    isync
    li      r3, -1
    blr
