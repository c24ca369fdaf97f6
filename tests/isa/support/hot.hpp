// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tlb.hpp"

extern "C" {
trapeze::e500::u32 hot_mix(trapeze::e500::u32 rounds, trapeze::e500::u32 value);
void hot_store(trapeze::e500::u32 at, trapeze::e500::u32 word);
extern char hot_mix_end[], hot_store_end[], text_end[];
}

// What the programs share that make a site hot and then do what a monitor that patches it must
// survive. They print the same natively, and whether and when their sites are patched or not.
namespace isa {

// Runs of a site: more than the thresholds that the tests set, and enough for some to come after.
inline constexpr u32 hot = 40;
inline constexpr u32 text_begin = 0x1'0000;  // support/link.ld

inline u32 address_of(const void* p) { return reinterpret_cast<u32>(p); }
inline u32 end_of_text() { return address_of(text_end); }

inline u32 mistakes;

// True if it is as it should be; else says so, the first times.
inline bool same(const char* what, u32 at, u32 have, u32 want) {
    if (have == want) return true;
    if (mistakes++ < 20) print("{} at {x}: {x}, should be {x}", {what, at, have, want});
    return false;
}
inline bool same(const char* what, const char* which, u32 at, u32 have, u32 want) {
    if (have == want) return true;
    if (mistakes < 20) print("{}:", {what});
    return same(which, at, have, want);
}

inline u32 rotate(u32 value, u32 by) { return value << by | value >> (32 - by); }

// What hot_mix returns when it is called with this MSR.
inline u32 mix_model(u32 rounds, u32 value, u32 state) {
    u32 digest = 0;
    const u32 off = state & ~msr::ee, on = state | msr::ee;
    for (; rounds > 0; --rounds) {
        digest = (rotate(digest, 5) + on) ^ value;
        digest = (digest + value) ^ off;
        ++value;
        digest = ((rotate(digest, 3) + value) ^ on) + state;
    }
    return digest;
}

inline u32 mix_size() { return address_of(hot_mix_end) - reinterpret_cast<u32>(hot_mix); }

// Copies code to `to` and makes it executable.
inline void copy_code(u32 to, u32 from, u32 bytes) {
    for (u32 i = 0; i < bytes; i += 4) {
        *reinterpret_cast<volatile u32*>(to + i) = *reinterpret_cast<volatile u32*>(from + i);
    }
    flush_code(to, bytes);
}
inline void copy_mix(u32 to) { copy_code(to, reinterpret_cast<u32>(hot_mix), mix_size()); }

// Calls a copy of hot_mix and checks what it returns.
inline bool mix(const char* what, u32 at, u32 rounds = hot, u32 value = 0x5eed'0000) {
    const u32 want = mix_model(rounds, value, mfmsr());
    return same(what, at, reinterpret_cast<u32 (*)(u32, u32)>(at)(rounds, value), want);
}

// Calls a function in user mode, on a stack of its own, and returns what it does: up to three
// arguments. It may not print.
inline u32 user_stack[2048];
inline u32 in_user_mode(u32 function, u32 a = 0, u32 b = 0, u32 c = 0, u32 state = 0) {
    const u32 back = place({insn::sc});
    Frame f = patterned(7, function, msr::pr | state);
    f.gpr[1] = address_of(user_stack) + sizeof user_stack - 64;
    f.lr = back;
    f.gpr[3] = a;
    f.gpr[4] = b;
    f.gpr[5] = c;
    run(f);
    if (!went_well(f) || f.nip != back + 4) print_event("in user mode", f, function);
    return f.gpr[3];
}

// One line at the end, so that a program that checked nothing does not look right.
inline void verdict(const char* what, u32 number) {
    print("{}: {} checked, {} wrong", {what, number, mistakes});
    mistakes = 0;
}

// How much was looked at since the last verdict.
inline u32 checked;
inline void done(const char* what) {
    verdict(what, checked);
    checked = 0;
}

}  // namespace isa
