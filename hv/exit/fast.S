// SPDX-License-Identifier: Apache-2.0
//
// The fast paths twice, without and with the profile (fast.inc, miss.inc), and the macros that
// both use.
#include "common.inc"

#define MSR_PR_DE    (MSR_PR | MSR_DE)
#define MSR_IS_DS_DE (MSR_IS | MSR_DS | MSR_DE)

    .section .text.vectors, "ax"

// Keeps the exit at \nip of the instruction \word for reports; r11 and r12 are lost.
    .macro  record_exit nip, word, info
    record_at \nip, \word
    li      r11, \info
    stw     r11, VCPU_TRACED + RECORD_INFO(r12)
    .endm
    .macro  record_at nip, word
    next_record r12
    stw     \nip, VCPU_TRACED + RECORD_NIP(r12)
    stw     \word, VCPU_TRACED + RECORD_WORD(r12)
    .if     profiled
    li      r11, 0
    stw     r11, VCPU_TRACED + RECORD_SITE(r12)
    .endif
    .endm
    .macro  next_record at
    lwz     \at, VCPU_TRACE_HEAD(vcpu)
    addi    \at, \at, RECORD_SIZE
    rlwinm  \at, \at, 0, RECORD_RING   // modulo the size of the ring
    stw     \at, VCPU_TRACE_HEAD(vcpu)
    add     \at, \at, vcpu
    .endm

// r10-r13 and CR as saved.
    .macro  return_to_guest
    lwz     r12, VCPU_CR(vcpu)
    mtcr    r12
    lwz     r10, GPR(10)(vcpu)
    lwz     r11, GPR(11)(vcpu)
    lwz     r12, GPR(12)(vcpu)
    mfspr   r13, SPR_SPRG0
    rfi
    .endm

// Charges the exit to \stats and returns to the guest with r10-r13 and CR as saved.
    .macro  charge stats
    lwz     r12, VCPU_EXIT_TIME(vcpu)
    mfspr   r11, SPR_TBL
    lwz     r10, \stats + STATS_TICKS(vcpu)
    subf    r12, r12, r11
    add     r10, r10, r12
    stw     r10, \stats + STATS_TICKS(vcpu)
    lwz     r11, \stats + STATS_COUNT(vcpu)
    lwz     r10, \stats + STATS_MAX(vcpu)
    addi    r11, r11, 1
    stw     r11, \stats + STATS_COUNT(vcpu)
    cmplw   r12, r10
    bgt-    9f
    lwz     r11, \stats + STATS_MIN(vcpu)
    cmplw   r12, r11
    blt-    10f
8:  return_to_guest
9:  stw     r12, \stats + STATS_MAX(vcpu)
    lwz     r11, \stats + STATS_MIN(vcpu)
    cmplw   r12, r11
    bge+    8b
10: stw     r12, \stats + STATS_MIN(vcpu)
    b       8b
    .endm

// The same for a privileged instruction, at its site: one cache line.
    .macro  charge_site stats
    lwz     r10, VCPU_SITE(vcpu)
    lwz     r11, SITE_COUNT(r10)
    lwz     r12, SITE_LIMIT(r10)
    addi    r11, r11, 1
    stw     r11, SITE_COUNT(r10)
    cmplw   r11, r12
    beq-    11f                         // due: its next exit asks C++
6:  lwz     r12, VCPU_EXIT_TIME(vcpu)
    mfspr   r11, SPR_TBL
    subf    r12, r12, r11
    lwz     r11, SITE_TICKS(r10)
    add     r11, r11, r12
    stw     r11, SITE_TICKS(r10)
    lwz     r11, SITE_MAX(r10)
    cmplw   r12, r11
    bgt-    9f
7:  lwz     r11, \stats + STATS_MIN(vcpu)
    cmplw   r12, r11
    blt-    10f
8:  return_to_guest
9:  stw     r12, SITE_MAX(r10)
    b       7b
10: stw     r12, \stats + STATS_MIN(vcpu)
    b       8b
11: li      r12, SITE_ASKS
    stw     r12, SITE_MATCH(r10)
    b       6b
    .endm

// Counts an exit at the page of the instruction in r10, in the mode that MSR[PR] in r12 says, or
// leaves it, and the exit, to \slow. r10, r11, r12 are lost.
    .macro  count_page cause, slow
    rlwinm  r10, r10, 0, PAGE_MASK
    ori     r10, r10, \cause << PAGE_CAUSE_SHIFT
    rlwimi  r10, r12, 32 - MSR_PR_SHIFT, PAGE_USER
    addis   r11, r10, PAGE_SALT_HIGH * \cause
    rlwinm  r11, r11, PAGE_SET_ROTATE, PAGE_SET_MASK
    lwz     r12, VCPU_PAGE_SLOTS(vcpu)
    add     r11, r11, r12
    lwz     r12, PAGE_KEY(r11)
    cmplw   r12, r10
    bne-    \slow
    lwz     r12, PAGE_COUNT(r11)
    addi    r12, r12, 1
    stw     r12, PAGE_COUNT(r11)
    .endm

// Branches to \table + 8 * (RT or RS of the instruction in r10).
    .macro  by_register table
    field   r11, r10, FIELD_RT, 3
    addis   r11, r11, \table@ha
    addi    r11, r11, \table@l
    mtctr   r11
    bctr
    .endm

// Loads the guest's RS into r12 and goes on at \next. Each entry is two instructions.
    .macro  register_source table, next
    .balign 8
\table:
    .irp    n, 0,1,2,3,4,5,6,7,8,9
    mr      r12, r\n
    b       \next
    .endr
    .irp    n, 10,11,12
    lwz     r12, GPR(\n)(vcpu)
    b       \next
    .endr
    mfspr   r12, SPR_SPRG0
    b       \next
    .irp    n, 14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    mr      r12, r\n
    b       \next
    .endr
    .endm

// Counts the instruction's kind; with the profile its site does. count_free: r11 and CR0 stay.
    .macro  count counter
    .if     profiled == 0
    lwz     r11, VCPU_COUNTERS + 4 * \counter(vcpu)
    addi    r11, r11, 1
    stw     r11, VCPU_COUNTERS + 4 * \counter(vcpu)
    .endif
    .endm
    .macro  count_free counter
    .if     profiled == 0
    lwz     r10, VCPU_COUNTERS + 4 * \counter(vcpu)
    addi    r10, r10, 1
    stw     r10, VCPU_COUNTERS + 4 * \counter(vcpu)
    .endif
    .endm

// r10: the address behind an instruction that the guest kernel has executed; then that.
    .macro  fetch_call
    lwz     r11, VCPU_FETCH_MSR(vcpu)
    lwz     r12, VCPU_HV_MSR(vcpu)
    mtmsr   r11
    isync
    lwz     r10, -4(r10)
    mtmsr   r12
    isync
    .endm

    .set    profiled, 0
#define PROFILED 0
#define L(name) name
#include "fast.inc"
#include "call.inc"
#include "miss.inc"
#undef PROFILED
#undef L

    .set    profiled, 1
#define PROFILED 1
#define L(name) name##_profiled
#include "fast.inc"
#include "call.inc"
#include "miss.inc"
