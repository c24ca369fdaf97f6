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
    li      12, \vector
    b       \to
from_hv_\name:
    li      13, \vector
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
    mfspr   12, \srr0
    mtspr   SPR_SRR0, 12
    mfspr   12, SPR_IAC1
    mtspr   SPR_SPRG0, 12
    li      12, \vector
    b       full_exit
from_hv_\name:
    li      13, \vector
    b       \hv
    .endm

    .balign 65536                       // IVPR holds the upper 16 bits
    .globl  vectors
vectors:
    slot_critical critical,      0, SPR_CSRR0, SPR_CSRR1, hv_hit_critical
    slot_critical machine_check, 1, SPR_MCSRR0, SPR_MCSRR1, hv_defect
    slot dsi,               2, full_exit
    slot isi,               3, full_exit
    slot external,          4, full_exit
    slot alignment,         5, full_exit
    slot fp_unavailable,    7, full_exit
    slot ap_unavailable,    9, full_exit
    slot decrementer,      10, full_exit
    slot fixed_interval,   11, full_exit
    slot_critical watchdog,     12, SPR_CSRR0, SPR_CSRR1, hv_hit_critical
    slot_critical debug,        15, SPR_CSRR0, SPR_CSRR1, hv_hit_critical
    slot spe_unavailable,  16, full_exit
    slot spe_data,         17, full_exit
    slot spe_round,        18, full_exit
    slot performance,      19, full_exit
    slot program_full,      6, full_exit    // without fast paths: use_fast_paths
    slot system_call_full,  8, full_exit

// The registers that a C++ function may change, and where the guest was, but r10 to r12, CR and CTR.
    .macro  save_most
    save_called
    mfspr   3, SPR_SPRG0
    stw     3, GPR(13)(13)
    mfspr   7, SPR_SRR0
    stw     7, VCPU_NIP(13)
    .endm
// The same when r12 and CR are saved.
    .macro  save_volatile
    stw     10, GPR(10)(13)
    stw     11, GPR(11)(13)
    save_most
    mfctr   5
    stw     5, VCPU_CTR(13)
    .endm
// Light: C++ decides; 0 resumes the guest at once, else everything is saved and handed over.
    .globl  light_exit
light_exit:
    save_volatile
    mfspr   8, SPR_SRR1
    stw     8, VCPU_ENTRY_MSR(13)
    on_stack
    mr      4, 12
    bl      hv_light_exit
    cmpwi   3, 0
    bne-    1f
light_return:
    lwz     4, VCPU_NIP(13)
    mtspr   SPR_SRR0, 4
    lwz     5, VCPU_ENTRY_MSR(13)
    mtspr   SPR_SRR1, 5
    lwz     6, VCPU_XER(13)
    mtxer   6
    lwz     7, VCPU_CTR(13)
    mtctr   7
    lwz     8, VCPU_LR(13)
    mtlr    8
    lwz     9, VCPU_CR(13)
    mtcr    9
    lwz     0, GPR(0)(13)
    lwz     1, GPR(1)(13)
    .irp    n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
    lwz     \n, GPR(\n)(13)
    .endr
    rfi
1:  mr      4, 3                        // the light part returned the vector
    b       full_exit_rest

// Middle: from a fast path that has fetched and recorded the guest kernel's privileged instruction,
// r10, and has saved r10 to r12, CR and CTR. Of r14 to r31 only those stand in the Vcpu that its
// fields for RS, RA and RB name.
    .macro  save_named rotate
    rlwinm  11, 10, \rotate, 24, 28
    cmplwi  11, 8 * 14
    blt     1f
    addis   11, 11, (2f - 8 * 14)@ha
    addi    11, 11, (2f - 8 * 14)@l
    mtctr   11
    bctr
2:  .irp    n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    stw     \n, GPR(\n)(13)
    b       1f
    .endr
1:
    .endm
    .globl  middle_exit, middle_exit_bare
middle_exit:
    save_named 14
    save_named 19
    save_named 24
middle_exit_bare:                       // it names none
    stw     2, GPR(2)(13)
    save_most
    on_stack
    mr      4, 10
    bl      hv_middle_exit
    lwz     2, GPR(2)(13)
    cmpwi   3, 0
    beq+    light_return
    blt-    1f
    addi    11, 3, (2f - 8 * 14)@l      // 8 times the register that it has written, of r14 to r31
    addis   11, 11, (2f - 8 * 14)@ha
    mtctr   11
    bctr
2:  .irp    n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    lwz     \n, GPR(\n)(13)
    b       light_return
    .endr
1:                                      // the guest ends or waits
    .irp    n, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    stw     \n, GPR(\n)(13)
    .endr
    on_stack
    bl      hv_leave
    b       full_return

// Full: from a vector (r12 = vector number, CR and r12 saved).
    .globl  full_exit
full_exit:
    save_volatile
    mr      4, 12
full_exit_rest:
    stw     2, GPR(2)(13)
    .irp    n, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    stw     \n, GPR(\n)(13)
    .endr
    on_stack
    bl      hv_full_exit
    .globl  full_return
full_return:
    lwz     2, GPR(2)(13)
    .irp    n, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    lwz     \n, GPR(\n)(13)
    .endr
    b       light_return

// An exception while the VMM ran: r13 = vector; r12 and CR0 are lost but for SPRG1. Three cases:
// waiting for an interrupt (nothing else in the VMM runs with EE=1), a probe of guest memory that
// found no mapping, or a defect.
    .globl  from_hv
from_hv:
    mfspr   12, SPR_SRR1
    andi.   12, 12, 0x8000              // MSR[EE]
    bne     idle_exit
    mtspr   SPR_SPRG0, 11
    mfspr   11, SPR_SRR0
    lis     12, probe_begin@ha
    addi    12, 12, probe_begin@l
    subf    12, 12, 11
    cmplwi  12, probe_end - probe_begin
    blt     2f
hv_defect:
    mr      4, 13                       // a defect: say so and end
    mr      5, 1
    mflr    6
    mfspr   13, SPR_SPRG2
    mr      3, 13
    lis     1, panic_stack_top@ha
    addi    1, 1, panic_stack_top@l
    b       hv_panic

// A critical interrupt while the VMM ran: put it off until the guest runs again, with CE=1.
hv_hit_critical:
    mfspr   13, SPR_CSRR1
    andi.   13, 13, 0x8000
    bne     1f
    mfspr   13, SPR_CSRR1
    rlwinm  13, 13, 0, 15, 13           // without CE
    rlwinm  13, 13, 0, 23, 21           // without DE
    mtspr   SPR_CSRR1, 13
    mtcr    12
    mfspr   12, SPR_IAC2
    mfspr   13, SPR_IAC1
    rfci
1:  li      13, 0
idle_exit:                              // every guest register stands in the Vcpu
    mr      4, 13
    mfspr   13, SPR_SPRG2
    mfspr   12, SPR_TBL
    stw     12, VCPU_EXIT_TIME(13)
    on_stack
    bl      hv_idle_exit
    b       full_return

2:  lis     12, probe_fixup@ha          // probes declare r11, r12 and cr0 as lost
    addi    12, 12, probe_fixup@l
    mtspr   SPR_SRR0, 12
    mfspr   13, SPR_SPRG2
    rfi

// [[noreturn]] void hv_resume(): enters the guest with the registers of the Vcpu.
    .globl  hv_resume
hv_resume:
    mfspr   13, SPR_SPRG2
    b       full_return

// [[noreturn]] void hv_wait(u32 msr): waits with this MSR; an interrupt ends in hv_idle_exit.
    .globl  hv_wait
hv_wait:
    msync
    mtmsr   3
    isync
1:  b       1b

// int hv_probe_word(u32 ea, u32 msr, u32* value): loads a word under another MSR[DS]; the value
// is stored under the VMM's own. 0, or -1 if nothing maps the address.
    .globl  hv_probe_word
hv_probe_word:
    mfmsr   10
    mtmsr   4
    isync
probe_begin:
    lwz     9, 0(3)
    b       1f
    .globl  hv_probe_flush
// int hv_probe_flush(u32 ea, u32 msr): the same for dcbf.
hv_probe_flush:
    mfmsr   10
    mtmsr   4
    isync
    dcbf    0, 3
    mtmsr   10
    isync
    li      3, 0
    blr
probe_end:
1:  mtmsr   10
    isync
    stw     9, 0(5)
    li      3, 0
    blr
probe_fixup:
    mtmsr   10
    isync
    li      3, -1
    blr
