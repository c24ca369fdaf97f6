// SPDX-License-Identifier: Apache-2.0
//
// Entry by ePAPR: AS0, PR=0, one TLB1 entry that maps EA 0 to physical 0 over the loaded images,
// r3 = device tree. Maps the image at its own address (TLB1 entry 15) and goes there.
#include "offsets.h"

#define SPR_MAS0 624
#define SPR_MAS1 625
#define SPR_MAS2 626
#define SPR_MAS3 627
#define SPR_MAS7 944

    .section .text.start, "ax"
    .globl  _start
_start:
    mr      31, 3
    lis     4, 0x100f                   // MAS0: TLB1, entry 15
    mtspr   SPR_MAS0, 4
    lis     4, 0xc000                   // MAS1: V, IPROT, AS0,
    ori     4, 4, 0x0700                // 16 MiB
    mtspr   SPR_MAS1, 4
    lis     4, HV_BASE@h
    ori     4, 4, 0x4                   // MAS2: M
    mtspr   SPR_MAS2, 4
    li      4, 0x15                     // MAS3: SX, SW, SR
    mtspr   SPR_MAS3, 4
    li      4, 0
    mtspr   SPR_MAS7, 4
    isync
    tlbwe
    msync
    isync
    lis     4, 1f@h
    ori     4, 4, 1f@l
    mtctr   4
    bctr
1:  lis     4, bss_begin@ha             // clear .bss, word by word
    addi    4, 4, bss_begin@l
    lis     5, bss_end@ha
    addi    5, 5, bss_end@l
    li      6, 0
2:  cmplw   4, 5
    bge     3f
    stw     6, 0(4)
    addi    4, 4, 4
    b       2b
3:  lis     1, stack_top@ha
    addi    1, 1, stack_top@l
    mr      3, 31
    bl      hv_main
4:  b       4b

    .section .bss.stack, "aw", @nobits
    .balign 16
    .space  16384
    .globl  stack_top
stack_top:
    .space  16
    .space  8192
    .globl  panic_stack_top
panic_stack_top:
    .space  16
