// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "frame.h"
#include "hv/core/e500.hpp"

// What the bare-metal programs share. A program is a function isa_main() that prints lines; it
// runs in supervisor mode with MSR = 0, TLB1[0] = 16 MiB at 0 for both modes, TLB1[15] = CCSR.
namespace isa {

using namespace trapeze::e500;

// The registers around an interrupt: vectors.S fills it, and goes on with what it then holds.
struct Frame {
    u32 gpr[32];
    u32 cr, xer, ctr, lr;
    u32 nip, msr;  // SRR0, SRR1 of the interrupt's class
    u32 vector;    // IVOR number, IVOR32 and up as 16 and up
    u32 esr, dear;
    u32 inside;  // MSR in the handler
};
static_assert(offsetof(Frame, cr) == F_CR && offsetof(Frame, nip) == F_NIP &&
              offsetof(Frame, vector) == F_VECTOR && offsetof(Frame, inside) == F_INSIDE);

// Runs from frame.nip, with frame.msr and all registers, up to the first interrupt that has no
// hook; then `frame` has the state it interrupted.
void run(Frame& frame);

// What to do on an interrupt while code runs; without a hook it ends run(). A hook may change
// the frame, and with it where the interrupted code goes on.
using Hook = void (*)(Frame&);
void set_hook(Vector vector, Hook hook);

// Copies instructions to the code page, for run(); returns their address. The page is
// executable in both modes through TLB1[0].
u32 place(std::initializer_list<u32> words);
void flush_code(u32 address, u32 bytes);
inline constexpr u32 code_page = 0x8000;

// A frame with a different value in every register, made from `seed`.
Frame patterned(u32 seed, u32 nip, u32 msr);
// Prints each register in which `after` is not what `before` says, but for `except` (-1: none).
unsigned compare(const char* what, const Frame& before, const Frame& after, int except = -1);

// MSR bits that can be compared. QEMU has no PMM and RI, and reports the kind of a program
// interrupt in SRR1, where WE is; in a handler it has also cleared CE, which the core keeps.
inline constexpr u32 msr_mask = msr::implemented & ~(msr::we | msr::pmm | msr::ri);
inline constexpr u32 inside_mask = msr_mask & ~msr::ce;

// One line: {} is the next argument in decimal or as text, {x} in hex with 8 digits.
struct Argument {
    Argument(const char* t) : text(t), value(0) {}  // NOLINT(google-explicit-constructor)
    Argument(u32 v) : text(nullptr), value(v) {}    // NOLINT(google-explicit-constructor)
    Argument(int v) : text(nullptr), value(static_cast<u32>(v)) {}  // NOLINT
    Argument(bool v) : text(v ? "yes" : "no"), value(0) {}          // NOLINT
    const char* text;
    u32 value;
};
void put_text(const char* text);
void print(const char* format, std::initializer_list<Argument> arguments = {});
const char* name(u32 vector);
// "what: DSI esr=... [dear=...] at +n": +n counts from `base`.
void print_event(const char* what, const Frame& frame, u32 base);

[[noreturn]] void reset();

// Stops with a line if something that the program itself needs went wrong.
[[noreturn]] void fail(const char* why);

template <unsigned number>
inline u32 mfspr() {
    u32 value;
    asm volatile("mfspr %0, %1" : "=r"(value) : "i"(number) : "memory");
    return value;
}
template <unsigned number>
inline void mtspr(u32 value) {
    asm volatile("mtspr %1, %0" : : "r"(value), "i"(number) : "memory");
}
inline u32 mfmsr() {
    u32 value;
    asm volatile("mfmsr %0" : "=r"(value) : : "memory");
    return value;
}
inline void mtmsr(u32 value) { asm volatile("mtmsr %0; isync" : : "r"(value) : "memory"); }
inline void wrteei(bool on) {
    if (on) {
        asm volatile("wrteei 1" : : : "memory");
    } else {
        asm volatile("wrteei 0" : : : "memory");
    }
}
inline u32 timebase() { return mfspr<268>(); }

// CCSR, through TLB1[15].
inline constexpr u32 ccsr = 0xe0000000;
inline volatile u32& io32(u32 offset) { return *reinterpret_cast<volatile u32*>(ccsr + offset); }
inline volatile u8& io8(u32 offset) { return *reinterpret_cast<volatile u8*>(ccsr + offset); }

}  // namespace isa

// The program.
void isa_main();
