// SPDX-License-Identifier: Apache-2.0
//
// The fast paths twice, without and with the profile (fast.inc, miss.inc), and the macros that
// both use.
#include "common.inc"

#define MSR_PR_DE  0x4200
#define MSR_IS_DS_DE 0x0230

    .section .text.vectors, "ax"

// Keeps the exit at \nip of the instruction \word for reports; r11 and r12 are lost.
    .macro  record_exit nip, word, info
    record_at \nip, \word
    li      11, \info
    stw     11, VCPU_TRACED + RECORD_INFO(12)
    .endm
    .macro  record_at nip, word
    next_record 12
    stw     \nip, VCPU_TRACED + RECORD_NIP(12)
    stw     \word, VCPU_TRACED + RECORD_WORD(12)
    .if     profiled
    li      11, 0
    stw     11, VCPU_TRACED + RECORD_SITE(12)
    .endif
    .endm
    .macro  next_record at
    lwz     \at, VCPU_TRACE_HEAD(13)
    addi    \at, \at, RECORD_SIZE
    rlwinm  \at, \at, 0, 22, 26         // modulo 32 records of 32 bytes
    stw     \at, VCPU_TRACE_HEAD(13)
    add     \at, \at, 13
    .endm

// r10-r13 and CR as saved.
    .macro  return_to_guest
    lwz     12, VCPU_CR(13)
    mtcr    12
    lwz     10, GPR(10)(13)
    lwz     11, GPR(11)(13)
    lwz     12, GPR(12)(13)
    mfspr   13, SPR_SPRG0
    rfi
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
8:  return_to_guest
9:  stw     12, \stats + STATS_MAX(13)
    lwz     11, \stats + STATS_MIN(13)
    cmplw   12, 11
    bge+    8b
10: stw     12, \stats + STATS_MIN(13)
    b       8b
    .endm

// The same for a privileged instruction, at its site: one cache line.
    .macro  charge_site stats
    lwz     10, VCPU_SITE(13)
    lwz     11, SITE_COUNT(10)
    lwz     12, SITE_LIMIT(10)
    addi    11, 11, 1
    stw     11, SITE_COUNT(10)
    cmplw   11, 12
    beq-    11f                         // due: its next exit asks C++
6:  lwz     12, VCPU_EXIT_TIME(13)
    mfspr   11, SPR_TBL
    subf    12, 12, 11
    lwz     11, SITE_TICKS(10)
    add     11, 11, 12
    stw     11, SITE_TICKS(10)
    lwz     11, SITE_MAX(10)
    cmplw   12, 11
    bgt-    9f
7:  lwz     11, \stats + STATS_MIN(13)
    cmplw   12, 11
    blt-    10f
8:  return_to_guest
9:  stw     12, SITE_MAX(10)
    b       7b
10: stw     12, \stats + STATS_MIN(13)
    b       8b
11: li      12, SITE_ASKS
    stw     12, SITE_MATCH(10)
    b       6b
    .endm

// Counts an exit at the page of the instruction in r10, in the mode that MSR[PR] in r12 says, or
// leaves it, and the exit, to \slow. r10, r11, r12 are lost.
    .macro  count_page cause, slow
    rlwinm  10, 10, 0, 0, 19
    ori     10, 10, \cause << 1
    rlwimi  10, 12, 18, 31, 31
    addis   11, 10, PAGE_SALT_HIGH * \cause
    rlwinm  11, 11, 26, 15, 25          // page number modulo 2048 sets of 64 bytes
    lwz     12, VCPU_PAGE_SLOTS(13)
    add     11, 11, 12
    lwz     12, PAGE_KEY(11)
    cmplw   12, 10
    bne-    \slow
    lwz     12, PAGE_COUNT(11)
    addi    12, 12, 1
    stw     12, PAGE_COUNT(11)
    .endm

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

// Counts the instruction's kind; with the profile its site does. count_free: r11 and CR0 stay.
    .macro  count counter
    .if     profiled == 0
    lwz     11, VCPU_COUNTERS + 4 * \counter(13)
    addi    11, 11, 1
    stw     11, VCPU_COUNTERS + 4 * \counter(13)
    .endif
    .endm
    .macro  count_free counter
    .if     profiled == 0
    lwz     10, VCPU_COUNTERS + 4 * \counter(13)
    addi    10, 10, 1
    stw     10, VCPU_COUNTERS + 4 * \counter(13)
    .endif
    .endm

    .set    profiled, 0
#define PROFILED 0
#define L(name) name
#include "fast.inc"
#include "miss.inc"
#undef PROFILED
#undef L

    .set    profiled, 1
#define PROFILED 1
#define L(name) name##_profiled
#include "fast.inc"
#include "miss.inc"
