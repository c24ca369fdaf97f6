// SPDX-License-Identifier: Apache-2.0
//
// Guests that get stuck, one a value of STUCK (CMakeLists.txt), and the last, which only looks
// stuck wherever a heartbeat finds it. They stand alone.
#define SPR_TBL  268
#define SPR_IVPR 63
#define SPR_IVOR(n) (400 + (n))

    .macro  value reg, number
    lis     \reg, (\number)@h
    ori     \reg, \reg, (\number)@l
    .endm
// Writes TLB1 entry \index.
    .macro  map index, mas1, mas2, mas3, mas7
    value   3, 0x10000000 | \index << 16
    mtspr   624, 3
    value   3, \mas1
    mtspr   625, 3
    value   3, \mas2
    mtspr   626, 3
    value   3, \mas3
    mtspr   627, 3
    li      3, \mas7
    mtspr   944, 3
    isync
    tlbwe
    isync
    .endm
    .macro  map_devices                 // 1 MiB at e0000000
    map     15, 0xc0000500, 0xe000000a, 0xe0000005, 0xf
    .endm
    .macro  handler_of vector, label
    li      3, \label - vectors
    mtspr   SPR_IVOR(\vector), 3
    .endm
    .macro  set_vectors
    value   3, vectors
    mtspr   SPR_IVPR, 3
    .endm
    .macro  no_vectors                  // where nothing is mapped
    lis     3, 0x7000
    mtspr   SPR_IVPR, 3
    .endm

    .section .text.start, "ax"
    .globl  _start
_start:
    lis     1, 0xabcd                   // seen in the report's registers
    ori     1, 1, 0x1234
#if STUCK == 1                          // critical: the guest's watchdog, and no handler for it
    no_vectors
    value   3, 0x48180000               // TCR: WIE, a period of 2^14 ticks
    mtspr   340, 3
    lis     3, 0x0002                   // MSR[CE]
    mtmsr   3
    .globl  stuck_here
stuck_here:
    b       stuck_here
#elif STUCK == 2                        // machine check, and no handler for it
    no_vectors
    map     1, 0xc0000500, 0x30000000, 0x3000003f, 0
    li      3, 0x1000                   // MSR[ME]
    mtmsr   3
    lis     4, 0x3000
    .globl  stuck_here
stuck_here:
    lwz     5, 0x10(4)
#elif STUCK == 3                        // two handlers, each of which begins with the other's interrupt
    set_vectors
    handler_of 6, touch
    handler_of 13, stop
    lis     4, 0x5000
    .globl  stuck_here
stuck_here:
    trap
#elif STUCK == 4                        // a system-call handler that begins with a system call
    set_vectors
    handler_of 8, call
    .globl  stuck_here
stuck_here:
    sc
#elif STUCK == 5                        // polls a device
    map_devices
    lis     4, 0xe000
    .globl  stuck_here
stuck_here:
    lbz     5, 0x4505(4)
    cmpwi   5, 0
    bne     stuck_here
#elif STUCK == 6                        // a loop of exits
    .globl  stuck_here
stuck_here:
    mfmsr   5
    mfspr   5, 272
    mtspr   273, 5
    b       stuck_here
#elif STUCK == 7                        // interrupts enabled, and nothing to interrupt it
    wrteei  1
    .globl  stuck_here
stuck_here:
    b       stuck_here
#elif STUCK == 8                        // rfi to itself
    value   3, stuck_here
    mtspr   26, 3
    li      3, 0
    mtspr   27, 3
    .globl  stuck_here
stuck_here:
    rfi
#elif STUCK == 9                        // in the VMM's own addresses
    map     1, 0xc0000700, 0xf4000000, 0x0000003f, 0
    value   3, stuck_here
    oris    3, 3, 0xf400
    mtctr   3
    bctr
    .globl  stuck_here
stuck_here:
    addi    5, 5, 1
    b       stuck_here
#elif STUCK == 10                       // user mode, with interrupts disabled
    value   3, stuck_here
    mtspr   26, 3
    li      3, 0x4000
    mtspr   27, 3
    rfi
    .globl  stuck_here
stuck_here:
    b       stuck_here
#elif STUCK == 11                  // four ways of being alive, PHASE ticks each
#define PHASE 640000000                 // 1.6 s at 400 MHz
#define MOST_OF_THE_TIME 200000         // turns of a loop
    .macro  until_over label            // back to \label until the phase is over
    mfspr   5, SPR_TBL
    subf    5, 20, 5
    cmplw   5, 21
    blt     \label
    mfspr   20, SPR_TBL
    .endm
    .macro  work
    value   5, MOST_OF_THE_TIME
    mtctr   5
    bdnz    .
    .endm
    map_devices
    set_vectors
    value   21, PHASE
    mfspr   20, SPR_TBL
1:  wrteei  1                           // enables interrupts now and then
    wrteei  0
    work
    until_over 1b
2:  work                                // prints
    li      5, '.'
    lis     4, 0xe000
    stb     5, 0x4500(4)
    until_over 2b
    handler_of 8, served                // is in user mode now and then,
    value   22, 3f
    li      23, 0x4000
    value   24, 4f
    b       go
3:  nop
    sc
4:  map     2, 0xc0001700, 0, 0x3f, 0   // and in that of address space 1
    li      23, 0x4030
    value   24, 5f
    b       go
5:  lis     4, 0xe00e
    li      5, 2
    stw     5, 0xb0(4)                  // RSTCR
#endif
1:  b       1b

    .balign 65536                       // IVPR holds the upper 16 bits
vectors:
    .balign 16
touch:                                  // what a DTLB miss cannot be without
    lwz     5, 0(4)
    .balign 16
stop:
    trap
    .balign 16
call:
    sc
#if STUCK == 11
    .balign 16
served:
    work
    until_over go
    mtctr   24
    bctr
go: mtspr   26, 22
    mtspr   27, 23
    rfi
#endif
