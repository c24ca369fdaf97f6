// SPDX-License-Identifier: Apache-2.0
//
// u32 hot_mix(u32 rounds, u32 value): every kind of instruction that a monitor may patch, each
// `rounds` times, in code that can be copied anywhere. Returns a digest of what they gave, which
// mix_model() in hot.hpp computes too. Leaves MSR as it was; SRR0, SPRG0, MAS3 change.
    .section .text.hot, "ax"
    .globl  hot_mix, hot_mix_end
    .balign 64
hot_mix:
    mtctr   3
    li      3, 0
1:  mfmsr   5
    mtspr   272, 4                      // SPRG0
    mfspr   6, 272
    mtspr   26, 6                       // SRR0, which an interrupt would change
    mfspr   8, 26
    addi    4, 4, 1
    wrteei  1
    mfmsr   7
    wrteei  0
    mtspr   627, 4                      // MAS3
    mfmsr   9
    wrtee   7
    mfspr   10, 627
    mfmsr   11
    mtmsr   5
    tlbsync
    mfmsr   12
    rotlwi  3, 3, 5
    add     3, 3, 7
    xor     3, 3, 6
    add     3, 3, 8
    xor     3, 3, 9
    rotlwi  3, 3, 3
    add     3, 3, 10
    xor     3, 3, 11
    add     3, 3, 12
    bdnz    1b
    blr
hot_mix_end:

// void hot_store(u32 at, u32 word): stores and makes it executable; copied, it can store to its
// own page.
    .globl  hot_store, hot_store_end
    .balign 32
hot_store:
    stw     4, 0(3)
    dcbst   0, 3
    msync
    icbi    0, 3
    msync
    isync
    blr
hot_store_end:
