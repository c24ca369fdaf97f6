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

// Keeps the exit at \nip of the instruction \word for reports; r11 and r12 are lost.
    .macro  record_exit nip, word, info
    lwz     12, VCPU_TRACE_HEAD(13)
    addi    12, 12, RECORD_SIZE
    rlwinm  12, 12, 0, 23, 27           // modulo 32 records of 16 bytes
    stw     12, VCPU_TRACE_HEAD(13)
    add     12, 12, 13
    stw     \nip, VCPU_TRACED + RECORD_NIP(12)
    stw     \word, VCPU_TRACED + RECORD_WORD(12)
    li      11, \info
    stw     11, VCPU_TRACED + RECORD_INFO(12)
    .endm

// Charges the exit to \stats and returns to the guest with r10-r13 and CR as saved.
    .macro  charge stats
    lwz     12, VCPU_EXIT_TIME(13)
    mfspr   11, SPR_TBL
    lwz     10, \stats + STATS_TICKS(13)
    subf    12, 12, 11
    add     10, 10, 12
    stw     10, \stats + STATS_TICKS(13)
    lwz     11, \stats + STATS_COUNT(13)
    lwz     10, \stats + STATS_MAX(13)
    addi    11, 11, 1
    stw     11, \stats + STATS_COUNT(13)
    cmplw   12, 10
    bgt-    9f
    lwz     11, \stats + STATS_MIN(13)
    cmplw   12, 11
    blt-    10f
8:  lwz     12, VCPU_CR(13)
    mtcr    12
    lwz     10, GPR(10)(13)
    lwz     11, GPR(11)(13)
    lwz     12, GPR(12)(13)
    mfspr   13, SPR_SPRG0
    rfi
9:  stw     12, \stats + STATS_MAX(13)
    lwz     11, \stats + STATS_MIN(13)
    cmplw   12, 11
    bge+    8b
10: stw     12, \stats + STATS_MIN(13)
    b       8b
    .endm

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
    bne-    not_privileged
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
    record_exit 11, 10, CAUSE_PRIVILEGED
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

    .macro  count_free counter          // as count, but r11 and CR0 stay
    lwz     10, VCPU_COUNTERS + 4 * \counter(13)
    addi    10, 10, 1
    stw     10, VCPU_COUNTERS + 4 * \counter(13)
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
    lha     11, spr_write_offset@l(11)
    cmpwi   11, 0
    beq-    program_slow
    blt-    fast_sprg
    by_register mtspr_source
mtspr_go:
    rlwinm  11, 10, 22, 21, 30
    addis   11, 11, spr_write_offset@ha
    lha     11, spr_write_offset@l(11)
    stwx    12, 11, 13
    count   COUNTER_MTSPR
    b       advance

// SPRG3-7: also in the core, where user mode reads them without a trap.
fast_sprg:
    by_register sprg_source
sprg_go:
    rlwinm  11, 10, 16, 27, 31          // low half of the number: 19 to 23
    cmpwi   11, 21
    count_free COUNTER_MTSPR
    blt     2f
    beq     1f
    cmpwi   11, 22
    beq     3f
    stw     12, VCPU_REGS_SPRG + 4 * 7(13)
    mtspr   279, 12
    b       advance
1:  stw     12, VCPU_REGS_SPRG + 4 * 5(13)
    mtspr   277, 12
    b       advance
2:  cmpwi   11, 20
    beq     4f
    stw     12, VCPU_REGS_SPRG + 4 * 3(13)
    mtspr   275, 12
    b       advance
3:  stw     12, VCPU_REGS_SPRG + 4 * 6(13)
    mtspr   278, 12
    b       advance
4:  stw     12, VCPU_REGS_SPRG + 4 * 4(13)
    mtspr   276, 12
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
    lwz     11, VCPU_CTR(13)
    mtctr   11
    charge  VCPU_EXIT_PRIVILEGED

    register_source mtspr_source, mtspr_go
    register_source sprg_source, sprg_go
    register_source wrtee_source, wrtee_go
    register_source mtmsr_source, mtmsr_go

// An illegal instruction of guest user code: a floating-point instruction that the guest kernel
// emulates, mostly, so it is reflected as fast as a system call. Primary opcodes 19 and 31 are left
// to C++, which knows user-mode instructions that the core lacks and the architecture has.
not_privileged:
    mfspr   12, SPR_ESR
    addis   12, 12, -0x0800             // ESR[PIL] alone gives 0
    andi.   11, 10, MSR_IS_DS_DE
    or      12, 12, 11
    lwz     11, VCPU_SLOW_RFI(13)
    or      12, 12, 11
    andi.   11, 10, 0x4000              // guest user mode
    xori    11, 11, 0x4000
    or.     12, 12, 11
    bne-    program_slow
    lwz     12, VCPU_HV_MSR(13)
    lwz     11, VCPU_FETCH_MSR_USER(13)
    mfspr   10, SPR_SRR0
    mtmsr   11
    isync
    lwz     11, 0(10)
    mtmsr   12
    isync
    rlwinm  12, 11, 6, 26, 31
    ori     12, 12, 12                  // 19 becomes 31; 23 and 27 have no illegal instruction
    cmpwi   12, 31
    beq-    program_slow
    record_exit 10, 11, CAUSE_PROGRAM | RECORD_USER
    stw     10, VCPU_REGS_SRR0(13)
    lwz     12, VCPU_REGS_MSR(13)
    lis     11, ESR_PIL@h
    stw     12, VCPU_REGS_SRR1(13)
    stw     11, VCPU_REGS_ESR(13)
    lis     11, MSR_KEPT@h
    ori     11, 11, MSR_KEPT@l
    and     12, 12, 11
    lwz     11, VCPU_REAL_MSR_KERNEL(13)
    stw     12, VCPU_REGS_MSR(13)
    lwz     10, VCPU_VECTOR + 4 * 6(13)
    mtspr   SPR_SRR1, 11
    mtspr   SPR_SRR0, 10
    lwz     11, VCPU_CTR(13)
    mtctr   11
    charge  VCPU_EXIT_PROGRAM

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
    mfspr   10, SPR_SRR0
    stw     10, VCPU_REGS_SRR0(13)
    stw     12, VCPU_REGS_SRR1(13)
    li      11, 0
    record_exit 10, 11, CAUSE_SYSCALL | RECORD_USER
    lwz     12, VCPU_REGS_MSR(13)
    lis     11, MSR_KEPT@h
    ori     11, 11, MSR_KEPT@l
    and     12, 12, 11
    stw     12, VCPU_REGS_MSR(13)
    lwz     11, VCPU_REAL_MSR_KERNEL(13)
    lwz     10, VCPU_VECTOR + 4 * 8(13)
    mtspr   SPR_SRR1, 11
    mtspr   SPR_SRR0, 10
    charge  VCPU_EXIT_SYSCALL
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
