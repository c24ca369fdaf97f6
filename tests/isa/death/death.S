// SPDX-License-Identifier: Apache-2.0
//
// Guests that die, one a value of DEATH (CMakeLists.txt). They stand alone: no vectors, no output.
#define SPR_IVPR 63
#define SPR_IVOR(n) (400 + (n))

    .section .text.start, "ax"
    .globl  _start
_start:
    lis     1, 0xabcd                   // seen in the report's registers
    ori     1, 1, 0x1234
#if DEATH == 1                          // no handler: vectors where nothing is mapped
    lis     3, 0x7000
    mtspr   SPR_IVPR, 3
    .globl  dies_here
dies_here:
    .long   0
#elif DEATH == 2                        // a handler that raises the exception it handles
    lis     3, handler@h
    mtspr   SPR_IVPR, 3
    li      3, handler@l
    mtspr   SPR_IVOR(6), 3
    .globl  dies_here
dies_here:
    trap
    .balign 16
    .globl  handler
handler:
    trap
#elif DEATH == 3                        // checkstop: memory it does not have, MSR[ME]=0
    lis     3, 0x1000                   // TLB1 entry 0 again, 1 GiB
    mtspr   624, 3
    lis     3, 0xc000
    ori     3, 3, 0x0a00
    mtspr   625, 3
    li      3, 0
    mtspr   626, 3
    mtspr   944, 3
    li      3, 0x3f
    mtspr   627, 3
    isync
    tlbwe
    isync
    lis     4, 0x3000
    .globl  dies_here
dies_here:
    lwz     5, 0x10(4)
#elif DEATH == 4                        // waits with every interrupt disabled
    lis     3, 0x0080
    mtspr   1008, 3                     // HID0[DOZE]
    lis     3, 0x0004                   // MSR[WE]
    .globl  dies_here
dies_here:
    mtmsr   3
#elif DEATH == 5                        // never ends, never lets an interrupt in
    wrteei  0
    .globl  dies_here
dies_here:
    b       dies_here
#elif DEATH == 6                        // MSR[IS] != MSR[DS], code and data in the VMM's own addresses
    lis     3, 0xc000
    ori     3, 3, 0x0700                // TLB1 entry 0: 16 MiB again, at 0
    mtspr   625, 3
    li      3, 0
    mtspr   626, 3
    mtspr   944, 3
    li      3, 0x3f
    mtspr   627, 3
    lis     3, 0x1000
    mtspr   624, 3
    isync
    tlbwe
    lis     4, 0xf400                   // entries 1 and 2: at 0xf4000000 in either space
    mtspr   626, 4
    lis     3, 0x1001
    mtspr   624, 3
    isync
    tlbwe
    lis     3, 0x1002
    mtspr   624, 3
    lis     3, 0xc000
    ori     3, 3, 0x1700
    mtspr   625, 3
    isync
    tlbwe
    isync
    lis     3, dies_here@h
    ori     3, 3, dies_here@l
    or      3, 3, 4
    mtspr   26, 3
    li      3, 0x0020                   // IS
    mtspr   27, 3
    lis     4, 0xf412
    rfi
    .globl  dies_here
dies_here:
    stw     1, 8(4)
#elif DEATH == 7                        // a handler that is only zeros, by way of a DTLB miss
    lis     3, 0x0080
    mtspr   SPR_IVPR, 3
    lis     4, 0x5000
    .globl  dies_here
dies_here:
    lwz     5, 4(4)
#elif DEATH == 8                        // bigger than its memory
    .globl  dies_here
dies_here:
    b       dies_here
    .section .bss, "aw", @nobits
    .space  0x20000000
#endif
#if DEATH != 8
1:  b       1b
#endif
