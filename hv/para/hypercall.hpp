// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

// Hypercalls of ePAPR 1.1 (chapter 7; docs/hypercalls.md): r11 is the token, r3 to r10 are
// arguments; r3 comes back with the result, r4 on with what else there is. No other register
// changes.
namespace trapeze::para {

using e500::u32;

// Results (ePAPR 1.1, table 7-1).
enum class Status : u32 {
    success = 0,
    not_permitted = 1,
    no_entry = 2,
    io_error = 3,
    again = 4,
    no_memory = 5,
    bad_address = 6,
    no_device = 7,
    invalid = 8,
    internal = 9,
    configuration = 10,
    invalid_state = 11,
    unimplemented = 12,
    overflow = 13,
    // None: the guest executes the instruction again, whose arguments are now what is left to do.
    unfinished = 0x100,
};

// Token of a call: who has defined it, and its number there.
constexpr u32 epapr = 1, freescale = 2;
constexpr u32 token(u32 vendor, u32 number) { return vendor << 16 | number; }

// Who defines calls, from 1 on, and how many each may: fast.inc knows that there are no others.
constexpr u32 vendors = 2, numbers = 32;

// A call. Its arguments are in v.gpr[3] on and so is what it gives, but for the result; of r14 to
// r31 it knows nothing. v.nip is behind the instruction. The guest's core makes it, with interrupts
// off: what it does is bounded.
struct Hypercall {
    u32 token;
    const char* name;  // as ePAPR and Freescale write it
    Status (*make)(vcpu::Vcpu& v);
};

// All calls. `find`: null, there is no such call.
const Hypercall* find(u32 token);
unsigned hypercall_count();
const Hypercall& hypercall(unsigned index);

// The instruction: sc with LEV = 1, of a guest kernel. A guest without hypercalls
// (Vcpu::hypercalls), and user mode, have an sc that is a system call whatever LEV says.
inline constexpr u32 instruction = 0x4400'0022;

// Whether the sc that the guest has executed, and is behind, is a hypercall.
bool at_hypercall(const vcpu::Vcpu& v);
// Makes it. The guest may wait then, be at an interrupt's handler, or have ended.
void make_hypercall(vcpu::Vcpu& v);

}  // namespace trapeze::para
