// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/insn.hpp"
#include "hv/mmu/layout.hpp"
#include "hv/vcpu/vcpu.hpp"

namespace trapeze::vcpu {

// What became of an emulated access, or of a piece of one.
enum class AccessResult : u8 {
    done,
    interrupted,  // the guest was given an interrupt instead, or ended
    refused,      // it cannot be done here: nothing has changed
};

// What stands behind the addresses of an emulated load or store. Every function translates `ea`
// for the guest's current mode, and where that fails gives the guest the interrupt that an access
// of its kind at `ea` deserves (make_accessible).
struct Port {
    // Moves an element of 1, 2 or 4 bytes; values are right-aligned and big-endian. `ea` need not
    // be aligned. An element may lie in two pages: then both have been checked.
    AccessResult (*read)(Vcpu& v, u32 ea, unsigned size, u32& value);
    AccessResult (*write)(Vcpu& v, u32 ea, unsigned size, u32 value);
    // The same for an element of 8 bytes, which is two words, the one at the lower address first.
    AccessResult (*read_pair)(Vcpu& v, u32 ea, u32* words);
    AccessResult (*write_pair)(Vcpu& v, u32 ea, const u32* words);
    // Whether read or write would be done anywhere in the page of `ea`; moves nothing. A page may
    // still interrupt a piece by ending the guest, but refuses all of an access or nothing.
    AccessResult (*check)(Vcpu& v, u32 ea, mmu::Access access);
};

// Emulates `insn` at v.nip, a load, store, or cache instruction that user mode may execute, of any
// form the decoder knows but lwarx and stwcx. When it is done, registers and v.nip are as after the
// instruction; else registers are as before, and nothing was stored unless the guest ended. A piece
// is moved once. Refused: by the port, or because the instruction is none of these.
//
// Pieces go in ascending order, and may be misaligned. What lies in two pages is checked in both
// before the first piece moves; the interrupt's DEAR is then the second page's first byte.
//
// lwarx and stwcx. are refused, whatever the port, because a reservation can not be made to last:
// the core's own is lost on the way back into the guest (QEMU's rfi clears it; Book E lets any
// core), and a stwcx. without one fails on the spot, touches no page and so never comes here. A
// loop around an emulated lwarx would not end. Who traces a page must take the refusal for a
// request to map the page, its patches dropped or its address given back: the guest executes the
// lwarx again, both instructions run on the core, and the loop makes the progress it always makes.
AccessResult emulate_access(Vcpu& v, const dbt::Insn& insn, const Port& port);

}  // namespace trapeze::vcpu
