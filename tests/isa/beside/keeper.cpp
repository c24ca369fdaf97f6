// SPDX-License-Identifier: Apache-2.0
//
// A guest that another one runs beside: it gives every register that no exit saves, and much of its
// memory, values of its own (KEEPER_SEED), computes for longer than a slice, and looks whether they
// are still there. rounds=N, of some 0.2 ms, in the command line.
#include "insn.hpp"
#include "isa.hpp"
#include "option.hpp"

namespace {

using namespace isa;

constexpr u32 seed = KEEPER_SEED;
constexpr u32 turns = 200'000;  // of a loop of two instructions
constexpr u32 spefscr_spr = 512, usprg0_spr = 256, status_kept = 0x0000'003f;
constexpr u32 spe = 0x0200'0000;  // MSR[SPE]

// evldd and evstdd of register n at 8 * n(r3), evmra r4,r4 and evmwumiaa r4,r5,r5.
constexpr u32 evldd(u32 n) { return 4u << 26 | n << 21 | 3u << 16 | n << 11 | 0x301; }
constexpr u32 evstdd(u32 n) { return 4u << 26 | n << 21 | 3u << 16 | n << 11 | 0x321; }
constexpr u32 evmra4 = 4u << 26 | 4u << 21 | 4u << 16 | 0x4c4;
constexpr u32 evmwumiaa4 = 4u << 26 | 4u << 21 | 5u << 16 | 5u << 11 | 0x558;

struct alignas(8) Wide {
    u32 upper, lower;
};
Wide given[32], wide[32];  // the program loads the second, and stores over it
u32 random_state = seed;

u32 next() {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

// Loads r4 to r31, the accumulator from r4, counts, and stores the accumulator and r6 to r31.
u32 program() {
    u32* at = reinterpret_cast<u32*>(code_page);
    const u32 start = code_page;
    for (u32 n = 4; n < 32; ++n) *at++ = evldd(n);
    *at++ = evmra4;
    *at++ = insn::bdnz(0);
    *at++ = 14u << 26 | 5u << 21;
    *at++ = evmwumiaa4;
    *at++ = evstdd(4);
    for (u32 n = 6; n < 32; ++n) *at++ = evstdd(n);
    *at++ = insn::sc;
    flush_code(start, static_cast<u32>(at - reinterpret_cast<u32*>(start)) * 4);
    return start;
}

unsigned wrong = 0;
void check(const char* what, u32 n, u32 want, u32 got) {
    if (want == got) return;
    if (++wrong <= 10) print("{} {}: {x} instead of {x}", {what, n, got, want});
}

// An instruction that another guest has at the same address, and which comes and goes: what the
// core executes is this guest's.
void rewrites() {
    constexpr u32 mas1_spr = 625, mas2_spr = 626, times = 4, away = 0x800;
    const u32 one = next(), other = next();
    mtspr<mas1_spr>(one);
    mtspr<mas2_spr>(other);
    const bool first = (next() & 1) != 0;
    u32* const at = reinterpret_cast<u32*>(code_page + away);
    at[0] = first ? insn::mfspr(3, mas1_spr) : insn::mfspr(3, mas2_spr);
    at[1] = insn::blr;
    flush_code(code_page + away, 8);
    for (u32 i = 0; i < times; ++i) {
        const auto read = reinterpret_cast<u32 (*)()>(code_page + away);
        check("rewritten instruction", i, first ? one : other, read());
    }
}

// Memory that nothing else is in. Each time a part of it is looked at, for a time that does
// not take the registers' away; in the end all of it.
volatile u32* const kept = reinterpret_cast<volatile u32*>(0x40'0000);
constexpr u32 parts = 64, words_a_part = 0x2'0000 / 4;  // 8 MiB in all

u32 word_of(u32 i) { return (i * 0x9e37'79b9) ^ seed; }

void fill_memory() {
    for (u32 i = 0; i < parts * words_a_part; ++i) kept[i] = word_of(i);
}

void check_memory(u32 part) {
    const u32 first = part % parts * words_a_part;
    for (u32 i = first; i < first + words_a_part; ++i) {
        check("word", reinterpret_cast<u32>(kept + i), word_of(i), kept[i]);
    }
}

}  // namespace

void isa_main() {
    const u32 rounds = option("rounds", 40);
    const u32 start = program();
    fill_memory();
    u32 sprg[5];
    for (u32 round = 0; round < rounds; ++round) {
        for (Wide& w : given) w = {next(), next()};
        for (u32& value : sprg) value = next();
        const u32 status = next() & status_kept, user = next();
        const u32 pid[] = {next() & 0xff, next() & 0xff, next() & 0xff};
        mtspr<275>(sprg[0]);
        mtspr<276>(sprg[1]);
        mtspr<277>(sprg[2]);
        mtspr<278>(sprg[3]);
        mtspr<279>(sprg[4]);
        mtspr<48>(pid[0]);
        mtspr<633>(pid[1]);
        mtspr<634>(pid[2]);
        mtmsr(spe);
        mtspr<spefscr_spr>(status);
        mtspr<usprg0_spr>(user);
        Frame f = patterned(seed + round, start, msr::ee | spe);
        f.gpr[3] = reinterpret_cast<u32>(wide);
        f.ctr = turns;
        for (u32 n = 0; n < 32; ++n) wide[n] = given[n];
        run(f);
        if (f.vector != static_cast<u32>(Vector::system_call)) print_event("keeper", f, start);
        rewrites();
        for (u32 n = 4; n < 32; ++n) {
            if (n == 5) continue;
            check("upper half of r", n, given[n].upper, wide[n].upper);
            check("lower half of r", n, given[n].lower, wide[n].lower);
        }
        check("SPRG", 3, sprg[0], mfspr<259>());
        check("SPRG", 4, sprg[1], mfspr<260>());
        check("SPRG", 5, sprg[2], mfspr<261>());
        check("SPRG", 6, sprg[3], mfspr<262>());
        check("SPRG", 7, sprg[4], mfspr<263>());
        check("PID", 0, pid[0], mfspr<48>());
        check("PID", 1, pid[1], mfspr<633>());
        check("PID", 2, pid[2], mfspr<634>());
        check("SPEFSCR", 0, status, mfspr<spefscr_spr>());
        check("USPRG", 0, user, mfspr<usprg0_spr>());
        check_memory(round);
    }
    for (u32 part = 0; part < parts; ++part) check_memory(part);
    print("{} rounds, {} wrong", {rounds, wrong});
    io32(0xff000) = 0x8000'0000;  // the power switch
    io32(0xff008) = 0x8000'0000;
    for (;;) {
    }
}
