// SPDX-License-Identifier: Apache-2.0
//
// Entry by ePAPR: AS0, PR=0, one TLB1 entry that maps EA 0 to physical 0 over the loaded images,
// r3 = device tree. Maps the image at its own address (core/own_map.hpp) and goes there.
#include "offsets.h"

// The entry of the image: nobody but the VMM may use it, nothing takes it away (IPROT). Goes on
// behind it at its own address; r4 and CTR are lost.
    .macro  map_image
    lis     r4, IMAGE_MAS0@h
    mtspr   SPR_MAS0, r4
    lis     r4, IMAGE_MAS1@h
    ori     r4, r4, IMAGE_MAS1@l
    mtspr   SPR_MAS1, r4
    lis     r4, IMAGE_MAS2@h
    ori     r4, r4, IMAGE_MAS2@l
    mtspr   SPR_MAS2, r4
    li      r4, IMAGE_MAS3
    mtspr   SPR_MAS3, r4
    li      r4, 0
    mtspr   SPR_MAS7, r4
    isync
    tlbwe
    msync
    isync
    lis     r4, .Lmapped\@@h
    ori     r4, r4, .Lmapped\@@l
    mtctr   r4
    bctr
.Lmapped\@:
    .endm

    .section .text.start, "ax"
    .globl  _start
_start:
    mr      r31, r3
    map_image
    lis     r4, bss_begin@ha            // clear .bss, word by word
    addi    r4, r4, bss_begin@l
    lis     r5, bss_end@ha
    addi    r5, r5, bss_end@l
    li      r6, 0
2:  cmplw   r4, r5
    bge     3f
    stw     r6, 0(r4)
    addi    r4, r4, 4
    b       2b
3:  lis     r1, stack_top@ha
    addi    r1, r1, stack_top@l
    mr      r3, r31
    bl      hv_main
4:  b       4b

// Entry of another core, by the spin table (ePAPR 5.5): as above, r3 = its number.
    .globl  start_secondary
start_secondary:
    mr      r31, r3
    map_image
    lis     r1, second_stack_top@ha
    addi    r1, r1, second_stack_top@l
    mr      r3, r31
    bl      hv_secondary
5:  b       5b

    .section .bss.stack, "aw", @nobits
    .balign 16
    .space  16384
    .globl  stack_top
stack_top:
    .space  16
    .space  16384
    .globl  second_stack_top
second_stack_top:
    .space  16
    .space  8192
    .globl  panic_stack_top
panic_stack_top:
    .space  16
