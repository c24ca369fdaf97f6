// SPDX-License-Identifier: Apache-2.0
// What vectors.S and executive.cpp agree on: words in low memory that tests/isa/support leaves
// free, so that a vector reaches them with RA=0, and a task's registers (Context has them as a
// struct).
#pragma once

#define RT_CONTEXT 0x2c00  // address of the current task's registers
#define RT_R3      0x2c04  // what a vector saves
#define RT_VECTOR  0x2c08

#define C_GPR   0
#define C_CR    128
#define C_XER   132
#define C_CTR   136
#define C_LR    140
#define C_NIP   144
#define C_MSR   148
#define C_CLEAR 152  // stwcx. ends whatever reservation there is
