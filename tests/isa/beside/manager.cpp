// SPDX-License-Identifier: Apache-2.0
//
// A guest that manages another one by its handle 0, beside/told.cpp, and does what its console
// says, a byte at a time. Its attacks make calls with whatever arguments; what they must not do to
// others is looked at from outside (tests/system/test_vmm_partitions.py).
#include "isa.hpp"

namespace {

using namespace isa;

constexpr u32 line_status = 0x4505, uart0 = 0x4500;
constexpr u32 handle = 0, self = ~0u;
constexpr u32 restart = 4, get_status = 5, start = 6, stop = 7, copy = 8, copy_goes_on = 29;
constexpr u32 freescale = 2u << 16;
constexpr u32 success = 0, invalid = 8, last_status = 13;

// What the other one fills with its pattern.
constexpr u32 filled = 0x20'0000, pattern = 0x9e37'79b9;
// Memory of this one's that nothing else needs.
constexpr u32 free_from = 8u << 20, free_to = 12u << 20;

struct Call {
    u32 r[8];  // r3 to r10
    u32 token;
};

// The hypercall; its results are in r[0] and r[1].
void make(Call& c) {
    register u32 r3 asm("r3") = c.r[0];
    register u32 r4 asm("r4") = c.r[1];
    register u32 r5 asm("r5") = c.r[2];
    register u32 r6 asm("r6") = c.r[3];
    register u32 r7 asm("r7") = c.r[4];
    register u32 r8 asm("r8") = c.r[5];
    register u32 r9 asm("r9") = c.r[6];
    register u32 r10 asm("r10") = c.r[7];
    register u32 r11 asm("r11") = c.token;
    asm volatile(".long 0x44000022"
                 : "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7), "+r"(r8), "+r"(r9), "+r"(r10),
                   "+r"(r11)
                 :
                 : "r0", "r12", "ctr", "xer", "cr0", "cr1", "cr5", "cr6", "cr7", "memory");
    c.r[0] = r3;
    c.r[1] = r4;
}
u32 make(u32 number, u32 first, u32 second = 0, u32 third = 0, u32 fourth = 0, u32 fifth = 0) {
    Call c{{first, second, third, fourth, fifth, 0, 0, 0}, freescale | number};
    make(c);
    return c.r[0];
}

u32 status() {
    Call c{{handle}, freescale | get_status};
    make(c);
    if (c.r[0] != success) fail("no status");
    return c.r[1];
}

struct alignas(32) Entry {
    u32 source_high, source, target_high, target, size_high, size, reserved[2];
};
Entry list[16];

u32 random_state = 15;
u32 next() {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

// All that the other one filled comes here, a part of it goes back changed and is read again.
void check_copies() {
    constexpr u32 words = 0x10'0000 / 4;
    auto* const here = reinterpret_cast<u32*>(free_from);
    list[0] = {0, filled, 0, free_from, 0, 4 * words, {}};
    u32 result = make(copy, handle, self, reinterpret_cast<u32>(list), 0, 1);
    u32 wrong = 0;
    for (u32 i = 0; i < words; ++i) wrong += here[i] != i * pattern ? 1 : 0;
    print("manager: read {}, {} words are wrong", {result, wrong});
    for (u32 n = 0; n < 16; ++n) {
        list[n] = {0, free_from + 0x1001 * n + 3, 0, filled + 0x1001 * n, 0, 0x777, {}};
    }
    result = make(copy, self, handle, reinterpret_cast<u32>(list), 0, 16);
    print("manager: written {}", {result});
}

// Where the other one reads its PID, it is given a 9 from now on.
void change_text() {
    constexpr u32 text = 0x1'0000, bytes = 0x2000, rt = 0x1fu << 21;
    constexpr u32 mfpid = 0x7c10'0aa6, li_9 = 0x3800'0009;
    auto* const here = reinterpret_cast<u32*>(free_from);
    list[0] = {0, text, 0, free_from, 0, bytes, {}};
    u32 result = make(copy, handle, self, reinterpret_cast<u32>(list), 0, 1), changed = 0;
    for (u32 i = 0; i < bytes / 4; ++i) {
        if ((here[i] & ~rt) != mfpid) continue;
        here[i] = li_9 | (here[i] & rt);
        list[0] = {0, free_from + 4 * i, 0, text + 4 * i, 0, 4, {}};
        result |= make(copy, self, handle, reinterpret_cast<u32>(list), 0, 1);
        ++changed;
    }
    print("manager: text changed {}, {}", {result, changed != 0});
}

// An address: within the memory that may change, near an edge, or anything.
u32 address() {
    const u32 any = next();
    switch (any % 4) {
        case 0:
            return free_from + any % (free_to - free_from);
        case 1:
            return (16u << 20) - any % 64;
        default:
            return any < free_from ? any + free_from : any;
    }
}

void attack(u32 rounds, bool own_handle) {
    u32 results[last_status + 1] = {}, wrong = 0;
    for (u32 n = 0; n < rounds; ++n) {
        for (Entry& entry : list) {
            const u32 high = next() % 8 == 0 ? next() : 0;
            entry = {high,      address(), next() % 16 == 0 ? next() : 0,
                     address(), 0,         next() % 5 == 0 ? next() : next() % 0x3000,
                     {}};
            if (next() % 32 == 0) entry.reserved[1] = 1;
        }
        Call c{};
        for (u32& r : c.r) r = next() % 3 == 0 ? next() : address();
        c.token = next() % 8 == 0 ? next() : freescale | next() % 32;
        const u32 number = c.token & 0xffff;
        c.r[0] = own_handle ? (next() % 2 == 0 ? handle : self) : 1 + next() % 0x7fff'fffe;
        // It does not end itself.
        if (c.r[0] == self && (number == restart || number == stop)) c.r[0] = handle;
        if (number == copy || number == copy_goes_on) {
            c.r[1] = next() % 2 == 0 ? self : handle;
            if (!own_handle) c.r[1] = next() | 0x10;
            c.r[2] = reinterpret_cast<u32>(list);
            if (next() % 8 == 0) c.r[2] += next() % 2 == 0 ? next() % 32 : 16u << 20;
            if (next() % 8 != 0) c.r[3] = 0;
            if (next() % 8 != 0) c.r[4] = next() % 17;
        } else {
            c.r[1] = next() % 4 != 0 ? 0 : c.r[1];
            c.r[3] = next() % 4 != 0 ? 0 : c.r[3];
            c.r[5] = next() % 4 != 0 ? 0 : c.r[5];
        }
        make(c);
        if (c.r[0] > last_status) {
            ++wrong;
        } else {
            ++results[c.r[0]];
        }
    }
    u32 refused = results[invalid] + results[12];
    print("manager: {} calls, {} with no result, all refused {}",
          {rounds, wrong, refused == rounds});
}

void obey(u8 what) {
    constexpr u32 rounds = 20'000;
    switch (what) {
        case 'q':
            print("manager: status {}", {status()});
            return;
        case 'k':
            print("manager: stop {}", {make(stop, handle)});
            return;
        case 'b':
            print("manager: start {}", {make(start, handle, 0, 1)});
            return;
        case 'r':
            print("manager: restart {}", {make(restart, handle)});
            return;
        case 'w':  // until it runs
            while (status() != 1) {
            }
            print("manager: it runs");
            return;
        case 'e':  // until it is stopped
            while (status() != 0) {
            }
            print("manager: it is stopped");
            return;
        case 'c':
            check_copies();
            return;
        case 't':
            change_text();
            return;
        case 'a':
            attack(rounds, false);
            return;
        case 'A':
            attack(rounds, true);
            return;
        default:
            return;
    }
}

}  // namespace

void isa_main() {
    print("manager: starts");
    for (;;) {
        if ((io8(line_status) & 1) != 0) obey(io8(uart0));
    }
}
