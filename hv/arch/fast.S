// SPDX-License-Identifier: Apache-2.0
//
// The fast paths: the handful of privileged instructions that make up nearly all exits of a
// Linux guest, and the system call. Whatever is not plainly one of them goes to full_exit with
// nothing changed, so that each rule stands in C++ once (vcpu/emulate.cpp) and here only when it
// is a load, a store or a bit.
#include "offsets.h"

#define SPR_SRR0   26
#define SPR_SRR1   27
#define SPR_ESR    62
#define SPR_TBL    268
#define SPR_SPRG0  272
#define SPR_SPRG2  274

#define GPR(n) (VCPU_GPR + 4 * (n))
#define MSR_PR_DE  0x4200
#define MSR_IS_DS_DE 0x0230

    .section .text.vectors, "ax"

    .balign 128
    .globl  vector_program
vector_program:
    mtspr   SPR_SPRG0, 13
    mfspr   13, SPR_SPRG2
    stw     12, GPR(12)(13)
    mfspr   12, SPR_TBL
    stw     12, VCPU_EXIT_TIME(13)
    stw     11, GPR(11)(13)
    stw     10, GPR(10)(13)
    mfcr    12
    mfctr   11
    stw     12, VCPU_CR(13)
    stw     11, VCPU_CTR(13)
    // Only a privileged instruction of the guest kernel that is not being single-stepped.
    mfspr   12, SPR_ESR
    lwz     10, VCPU_REGS_MSR(13)
    addis   12, 12, -0x0400             // ESR[PPR] alone gives 0
    andi.   11, 10, MSR_PR_DE
    or.     12, 12, 11
    bne-    program_slow
    // The instruction, through the space the guest fetched it from.
    lwz     10, VCPU_FETCH_MSR(13)
    lwz     12, VCPU_HV_MSR(13)
    mfspr   11, SPR_SRR0
    mtmsr   10
    isync
    .globl  fast_fetch
fast_fetch:
    lwz     10, 0(11)
    mtmsr   12
    isync
    // Primary opcode 31 by its extended opcode, through a table of 1024 addresses.
    rlwinm  11, 10, 6, 26, 31
    cmpwi   11, 31
    bne     primary_19
    rlwinm  11, 10, 1, 20, 29
    addis   11, 11, fast_table@ha
    lwz     11, fast_table@l(11)
    mtctr   11
    bctr

// Branches to \table + 8 * (RT or RS of the instruction in r10).
    .macro  by_register table
    rlwinm  11, 10, 14, 24, 28
    addis   11, 11, \table@ha
    addi    11, 11, \table@l
    mtctr   11
    bctr
    .endm

// Loads the guest's RS into r12 and goes on at \next. Each entry is two instructions.
    .macro  register_source table, next
    .balign 8
\table:
    .irp    n, 0,1,2,3,4,5,6,7,8,9
    mr      12, \n
    b       \next
    .endr
    .irp    n, 10,11,12
    lwz     12, GPR(\n)(13)
    b       \next
    .endr
    mfspr   12, SPR_SPRG0
    b       \next
    .irp    n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    mr      12, \n
    b       \next
    .endr
    .endm

    .macro  count counter
    lwz     11, VCPU_COUNTERS + 4 * \counter(13)
    addi    11, 11, 1
    stw     11, VCPU_COUNTERS + 4 * \counter(13)
    .endm

fast_mfmsr:
    count   COUNTER_MFMSR
    lwz     12, VCPU_REGS_MSR(13)
    by_register put_register

fast_mfspr:
    rlwinm  11, 10, 22, 21, 30          // SPR field, halves as they stand, times 2
    addis   11, 11, spr_read_offset@ha
    lhz     11, spr_read_offset@l(11)
    cmpwi   11, 0
    beq-    program_slow
    lwzx    12, 11, 13
    count   COUNTER_MFSPR
    by_register put_register

fast_mtspr:
    rlwinm  11, 10, 22, 21, 30
    addis   11, 11, spr_write_offset@ha
    lhz     11, spr_write_offset@l(11)
    cmpwi   11, 0
    beq-    program_slow
    by_register mtspr_source
mtspr_go:
    rlwinm  11, 10, 22, 21, 30
    addis   11, 11, spr_write_offset@ha
    lhz     11, spr_write_offset@l(11)
    stwx    12, 11, 13
    count   COUNTER_MTSPR
    b       advance

fast_wrteei:
    lwz     12, VCPU_REGS_MSR(13)
    lwz     11, VCPU_REGS_PENDING(13)
    rlwimi  12, 10, 0, 16, 16           // MSR[EE] = E
    and.    11, 11, 12
    bne-    program_slow
    stw     12, VCPU_REGS_MSR(13)
    count   COUNTER_WRTEEI
    b       advance

fast_wrtee:
    by_register wrtee_source
wrtee_go:
    lwz     10, VCPU_REGS_MSR(13)
    lwz     11, VCPU_REGS_PENDING(13)
    rlwimi  10, 12, 0, 16, 16
    and.    11, 11, 10
    bne-    program_slow
    stw     10, VCPU_REGS_MSR(13)
    count   COUNTER_WRTEE
    b       advance

// mtmsr that changes nothing but EE, CE, ME and RI.
fast_mtmsr:
    by_register mtmsr_source
mtmsr_go:
    lwz     11, VCPU_REGS_MSR(13)
    xor     11, 11, 12
    rlwinm  11, 11, 0, 17, 15           // without EE
    rlwinm  11, 11, 0, 20, 18           // without ME
    rlwinm  11, 11, 0, 15, 13           // without CE
    rlwinm. 11, 11, 0, 31, 29           // without RI
    bne-    program_slow
    lwz     11, VCPU_REGS_PENDING(13)
    and.    11, 11, 12
    bne-    program_slow
    stw     12, VCPU_REGS_MSR(13)
    count   COUNTER_MTMSR
    b       advance

// rfi within guest address space 0, without debugging or an interrupt that it would let in.
primary_19:
    lis     12, 0x4c00
    ori     12, 12, 100                 // rfi
    cmplw   10, 12
    bne-    program_slow
    lwz     12, VCPU_REGS_SRR1(13)
    lwz     11, VCPU_SLOW_RFI(13)
    andi.   10, 12, MSR_IS_DS_DE
    or      11, 11, 10
    lwz     10, VCPU_REGS_PENDING(13)
    and     10, 10, 12
    or.     11, 11, 10
    bne-    program_slow
    lis     11, MSR_IMPLEMENTED_NO_WE@h
    ori     11, 11, MSR_IMPLEMENTED_NO_WE@l
    and     12, 12, 11
    stw     12, VCPU_REGS_MSR(13)
    andi.   11, 12, 0x4000
    lwz     10, VCPU_REAL_MSR_USER(13)
    bne     1f
    lwz     10, VCPU_REAL_MSR_KERNEL(13)
1:  lis     11, MSR_PASSED_THROUGH@h
    ori     11, 11, MSR_PASSED_THROUGH@l
    and     12, 12, 11
    or      10, 10, 12
    mtspr   SPR_SRR1, 10
    lwz     11, VCPU_REGS_SRR0(13)
    mtspr   SPR_SRR0, 11
    count   COUNTER_RFI
    b       leave

// Writes r12 to the guest's RT; the instruction is done.
    .balign 8
put_register:
    .irp    n, 0,1,2,3,4,5,6,7,8,9
    mr      \n, 12
    b       advance
    .endr
    .irp    n, 10,11,12
    stw     12, GPR(\n)(13)
    b       advance
    .endr
    mtspr   SPR_SPRG0, 12
    b       advance
    .irp    n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    mr      \n, 12
    b       advance
    .endr

advance:
    mfspr   11, SPR_SRR0
    addi    11, 11, 4
    mtspr   SPR_SRR0, 11
// Charges the exit and returns to the guest: r10-r13, CR, CTR are as saved.
leave:
    lwz     12, VCPU_EXIT_TIME(13)
    mfspr   11, SPR_TBL
    lwz     10, VCPU_EXIT_PRIVILEGED + STATS_TICKS(13)
    subf    12, 12, 11
    add     10, 10, 12
    stw     10, VCPU_EXIT_PRIVILEGED + STATS_TICKS(13)
    lwz     11, VCPU_EXIT_PRIVILEGED + STATS_COUNT(13)
    lwz     10, VCPU_EXIT_PRIVILEGED + STATS_MAX(13)
    addi    11, 11, 1
    stw     11, VCPU_EXIT_PRIVILEGED + STATS_COUNT(13)
    cmplw   12, 10
    bgt-    new_max
    lwz     11, VCPU_EXIT_PRIVILEGED + STATS_MIN(13)
    cmplw   12, 11
    blt-    new_min
restore:
    lwz     11, VCPU_CTR(13)
    lwz     12, VCPU_CR(13)
    mtctr   11
    mtcr    12
    lwz     10, GPR(10)(13)
    lwz     11, GPR(11)(13)
    lwz     12, GPR(12)(13)
    mfspr   13, SPR_SPRG0
    rfi
new_max:
    stw     12, VCPU_EXIT_PRIVILEGED + STATS_MAX(13)
    lwz     11, VCPU_EXIT_PRIVILEGED + STATS_MIN(13)
    cmplw   12, 11
    bge+    restore
new_min:
    stw     12, VCPU_EXIT_PRIVILEGED + STATS_MIN(13)
    b       restore

    register_source mtspr_source, mtspr_go
    register_source wrtee_source, wrtee_go
    register_source mtmsr_source, mtmsr_go

// To the full exit as if it had come straight from the vector: r10, r11, CTR as the guest's.
program_slow:
    mfspr   12, SPR_SRR1
    andi.   12, 12, 0x4000              // a trap of the VMM itself is a defect
    beq-    1f
    lwz     11, VCPU_CTR(13)
    mtctr   11
    lwz     10, GPR(10)(13)
    lwz     11, GPR(11)(13)
    li      12, 6
    b       full_exit
1:  mr      5, 1
    mflr    6
    li      4, 6
    mr      3, 13
    lis     1, panic_stack_top@ha
    addi    1, 1, panic_stack_top@l
    b       hv_panic

// sc: reflected to the guest's vector, all in registers.
    .balign 128
    .globl  vector_system_call
vector_system_call:
    mtspr   SPR_SPRG0, 13
    mfspr   13, SPR_SPRG2
    stw     12, GPR(12)(13)
    mfspr   12, SPR_TBL
    stw     12, VCPU_EXIT_TIME(13)
    mfcr    12
    stw     11, GPR(11)(13)
    stw     12, VCPU_CR(13)
    lwz     12, VCPU_REGS_MSR(13)
    lwz     11, VCPU_SLOW_RFI(13)
    stw     10, GPR(10)(13)
    andi.   10, 12, MSR_IS_DS_DE
    or.     11, 11, 10
    bne-    syscall_slow
    mfspr   11, SPR_SRR0
    stw     11, VCPU_REGS_SRR0(13)
    stw     12, VCPU_REGS_SRR1(13)
    lis     11, MSR_KEPT@h
    ori     11, 11, MSR_KEPT@l
    and     12, 12, 11
    stw     12, VCPU_REGS_MSR(13)
    lwz     11, VCPU_REAL_MSR_KERNEL(13)
    lwz     10, VCPU_VECTOR + 4 * 8(13)
    mtspr   SPR_SRR1, 11
    mtspr   SPR_SRR0, 10
    lwz     12, VCPU_EXIT_TIME(13)
    mfspr   11, SPR_TBL
    lwz     10, VCPU_EXIT_SYSCALL + STATS_TICKS(13)
    subf    12, 12, 11
    add     10, 10, 12
    stw     10, VCPU_EXIT_SYSCALL + STATS_TICKS(13)
    lwz     11, VCPU_EXIT_SYSCALL + STATS_COUNT(13)
    lwz     10, VCPU_EXIT_SYSCALL + STATS_MAX(13)
    addi    11, 11, 1
    stw     11, VCPU_EXIT_SYSCALL + STATS_COUNT(13)
    cmplw   12, 10
    bgt-    2f
    lwz     11, VCPU_EXIT_SYSCALL + STATS_MIN(13)
    cmplw   12, 11
    blt-    3f
1:  lwz     12, VCPU_CR(13)
    mtcr    12
    lwz     10, GPR(10)(13)
    lwz     11, GPR(11)(13)
    lwz     12, GPR(12)(13)
    mfspr   13, SPR_SPRG0
    rfi
2:  stw     12, VCPU_EXIT_SYSCALL + STATS_MAX(13)
    lwz     11, VCPU_EXIT_SYSCALL + STATS_MIN(13)
    cmplw   12, 11
    bge+    1b
3:  stw     12, VCPU_EXIT_SYSCALL + STATS_MIN(13)
    b       1b
syscall_slow:
    lwz     10, GPR(10)(13)
    lwz     11, GPR(11)(13)
    li      12, 8
    b       full_exit

// Extended opcode of primary 31 to fast path.
    .section .rodata.fast_table, "a"
    .balign 4
    .globl  fast_table
fast_table:
    .set    xo, 0
    .rept   1024
    .if     xo == 83
    .long   fast_mfmsr
    .elseif xo == 131
    .long   fast_wrtee
    .elseif xo == 146
    .long   fast_mtmsr
    .elseif xo == 163
    .long   fast_wrteei
    .elseif xo == 339
    .long   fast_mfspr
    .elseif xo == 467
    .long   fast_mtspr
    .else
    .long   program_slow
    .endif
    .set    xo, xo + 1
    .endr
