// SPDX-License-Identifier: Apache-2.0
// Where vectors.S keeps things. The frames lie in the first 32 KiB, so that a vector can store
// a register with RA=0 and needs no scratch register (isa.hpp has the layout as a struct).
#pragma once

#define FRAME_0       0x2000  // non-critical interrupts
#define FRAME_1       0x2200  // critical
#define FRAME_2       0x2400  // machine check
#define HANDLER_STACK 0x2600  // stack pointer of each class's handler, 3 words
#define HOST          0x2700  // what isa_enter saves
#define ENTRY         0x2900  // how the program was entered: MSR and, 4 n on, rn,
#define ENTRY_TLB     0x2940  // and MAS1, MAS2, MAS3, MAS7 of each entry of TLB1

#define F_GPR    0
#define F_CR     128
#define F_XER    132
#define F_CTR    136
#define F_LR     140
#define F_NIP    144
#define F_MSR    148
#define F_VECTOR 152
#define F_ESR    156
#define F_DEAR   160
#define F_INSIDE 164  // MSR in the handler
