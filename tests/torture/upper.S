// SPDX-License-Identifier: Apache-2.0
//
// The upper halves of the general registers, which belong to SPE. Both need MSR[SPE].
    .macro vector xo, rd, ra, rb
    .long   4 << 26 | (\rd) << 21 | (\ra) << 16 | (\rb) << 11 | (\xo)
    .endm
    .set    evmergehi, 556
    .set    evmergelo, 557

// void torture_read_upper(u32 to[32])
    .text
    .globl  torture_read_upper
torture_read_upper:
    vector  evmergehi, 0, 0, 0
    stw     0, 0(3)
    .irp    n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    vector  evmergehi, 0, \n, \n
    stw     0, 4 * \n(3)
    .endr
    blr

// void torture_write_upper(u32 value): the same in all of them.
    .globl  torture_write_upper
torture_write_upper:
    .irp    n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    vector  evmergelo, \n, 3, \n
    .endr
    blr
