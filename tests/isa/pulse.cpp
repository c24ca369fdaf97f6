// SPDX-License-Identifier: Apache-2.0
//
// Interrupts that hit hot code anywhere: what they save is an address of the guest's own code at
// which they may come, and every register as the guest has it. What waits comes in at once.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 tsr_spr = 336, tcr_spr = 340, dec_spr = 22;
constexpr u32 limit = 400'000'000;  // ticks: a second, that a loaded host may be late
constexpr u32 wanted = 4000;        // interrupts of a walk

// ---- A loop of hot instructions in which every register has a known value at every place.

// r20 and r21: a pattern, moved by way of an SPR; r22: MSR with EE=0, r23 with EE=1.
constexpr u32 pattern = 20, moved = 21, off = 22, on = 23;
constexpr u32 max_words = 48;

struct Step {
    u32 word;
    bool open;  // an interrupt may come before it
};
struct Walk {
    const char* name;
    Step step[max_words];
    u32 length;
};

// Closed: EE=0 before it, and nothing may come. A walk begins and ends with EE=0.
constexpr Walk walks[] = {
    {"wrteei",
     {{insn::wrteei(1), false},
      {insn::nop, true},
      {insn::wrteei(0), true},
      {insn::nop, false},
      {insn::wrteei(1), false},
      {insn::wrteei(1), true},
      {insn::wrteei(0), true},
      {insn::wrteei(0), false}},
     8},
    {"wrtee",
     {{insn::wrtee(on), false},
      {insn::wrtee(on), true},
      {insn::wrtee(off), true},
      {insn::wrtee(off), false},
      {insn::wrtee(on), false},
      {insn::nop, true},
      {insn::wrtee(off), true}},
     7},
    {"mtmsr",
     {{insn::mtmsr(on), false},
      {insn::mtmsr(on), true},
      {insn::mtmsr(off), true},
      {insn::mtmsr(off), false},
      {insn::mtmsr(on), false},
      {insn::mfmsr(on), true},
      {insn::mtmsr(off), true},
      {insn::mfmsr(off), false}},
     8},
    // Linux saves and restores in this manner.
    {"save and restore",
     {{insn::mfmsr(off), false},
      {insn::wrteei(1), false},
      {insn::mfmsr(on), true},
      {insn::wrteei(0), true},
      {insn::mfmsr(off), false},
      {insn::wrtee(on), false},
      {insn::wrteei(0), true},
      {insn::mtmsr(on), false},
      {insn::mfmsr(on), true},
      {insn::wrtee(off), true}},
     10},
    {"moves",
     {{insn::mtspr(pattern, 26), false},
      {insn::mfspr(moved, 26), false},
      {insn::wrteei(1), false},
      {insn::mtspr(pattern, 272), true},
      {insn::mfspr(moved, 272), true},
      {insn::mtspr(pattern, 627), true},
      {insn::mfspr(moved, 627), true},
      {insn::mtspr(pattern, 279), true},
      {insn::mfspr(moved, 279), true},
      {insn::mfspr(moved, 263), true},
      {insn::mtspr(pattern, 61), true},
      {insn::mfspr(moved, 61), true},
      {insn::tlbsync, true},
      {insn::mfmsr(on), true},
      {insn::wrteei(0), true},
      {insn::mtspr(pattern, 27), false},
      {insn::mfspr(moved, 27), false}},
     17},
    // The registers that a monitor would borrow, as operands.
    {"r9 to r12",
     {{insn::mfmsr(9), false},
      {insn::wrtee(on), false},
      {insn::mfmsr(10), true},
      {insn::wrtee(9), true},
      {insn::wrtee(10), false},
      {insn::mtmsr(9), true},
      {insn::mtmsr(10), false},
      {insn::mfmsr(12), true},
      {insn::wrteei(0), true},
      {insn::mfmsr(11), false},
      {insn::wrtee(12), false},
      {insn::wrtee(11), true},
      {insn::mtmsr(12), false},
      {insn::mtmsr(11), true}},
     14},
};

Frame expected;
const Walk* walk;
u32 base;
u32 last_count, seed, came, asked, bad;
bool seen[max_words + 1];

void complain(const Frame& f, const char* what) {
    if (bad++ < 12) {
        print("{}: {} at +{x} msr {x}", {walk->name, what, f.nip - base, f.msr & msr_mask});
    }
}

// What r9 to r12 hold depends on where in the loop it is: the last write before.
u32 register_at(u32 index, u32 number) {
    bool ee = false;
    u32 state[32];
    for (u32 i = 0; i < 32; ++i) state[i] = expected.gpr[i];
    // Twice round: what the end leaves is there at the beginning.
    for (u32 i = 0; i < walk->length + index; ++i) {
        const u32 word = walk->step[i % walk->length].word, rt = word >> 21 & 31;
        switch (word >> 1 & 0x3ff) {
            case 83:
                state[rt] = ee ? msr::ee : 0;
                break;
            case 131:
            case 146:
                ee = state[rt] & msr::ee;
                break;
            case 163:
                ee = word & 0x8000;
                break;
            default:
                break;
        }
    }
    return state[number];
}

void on_pulse(Frame& f) {
    ++came;
    const u32 at = (f.nip - base) / 4;
    const bool inside = f.nip >= base && at <= walk->length && f.nip % 4 == 0;
    // The branch at the end comes with EE=0.
    if (!inside || at == walk->length || !walk->step[at].open) complain(f, "came where it may not");
    if ((f.msr & msr_mask) != (msr::ee)) complain(f, "saved another MSR");
    if (inside) {
        seen[at] = true;
        Frame want = expected;
        for (u32 i = 9; i <= 12; ++i) want.gpr[i] = register_at(at, i);
        want.ctr = f.ctr;
        if (bad < 12) {
            const u32 wrong = compare(walk->name, want, f);
            if (wrong != 0) complain(f, "had other registers");
        }
        if (f.ctr > last_count) complain(f, "count rose");
        last_count = f.ctr;
    }
    mtspr<tsr_spr>(tsr::dis);
    seed = seed * 1664525 + 1013904223;
    mtspr<dec_spr>(asked < wanted ? 30 + (seed >> 24) : 0x7fff'ffff);
    ++asked;
    if (asked >= wanted) f.ctr = 1;
}

void go(const Walk& w) {
    walk = &w;
    base = 0x40'0000 - 16;  // the loop lies across two pages
    auto* const p = reinterpret_cast<volatile u32*>(base);
    for (u32 i = 0; i < w.length; ++i) p[i] = w.step[i].word;
    p[w.length] = insn::bdnz(-4 * static_cast<int>(w.length));
    p[w.length + 1] = insn::sc;
    flush_code(base, 4 * w.length + 8);
    expected = patterned(w.length, base, 0);
    expected.gpr[moved] = expected.gpr[pattern] = 0x1234'5000;
    expected.gpr[off] = 0;
    expected.gpr[on] = msr::ee;
    expected.ctr = 0x4000'0000;
    last_count = expected.ctr;
    u32 left[13];  // by the end of the loop, which is what it begins with
    for (u32 i = 9; i <= 12; ++i) left[i] = register_at(0, i);
    for (u32 i = 9; i <= 12; ++i) expected.gpr[i] = left[i];
    came = asked = bad = 0;
    for (bool& s : seen) s = false;
    set_hook(Vector::decrementer, on_pulse);
    mtspr<tcr_spr>(tcr::die);
    mtspr<tsr_spr>(tsr::dis);
    mtspr<dec_spr>(400);
    Frame f = expected;
    run(f);
    mtspr<tcr_spr>(0);
    set_hook(Vector::decrementer, nullptr);
    u32 places = 0, may = 0;
    for (u32 i = 0; i < w.length; ++i) {
        places += seen[i] && w.step[i].open;
        may += w.step[i].open;
    }
    print("{}: all came: {}, {} wrong, ended by {} +{}",
          {w.name, came >= wanted, bad, name(f.vector), f.nip - base});
    print("# places {} of {}", {places, may});
}

// ---- What waits comes in right behind the instruction that lets it in.

u32 hits;
Frame hit;

void on_due(Frame& f) {
    ++hits;
    hit = f;
    mtspr<tsr_spr>(tsr::dis);
}
void expire() {
    mtspr<dec_spr>(100);
    const u32 start = timebase();
    while (!(mfspr<tsr_spr>() & tsr::dis) && timebase() - start < limit) {
    }
}

void at_once() {
    set_hook(Vector::decrementer, on_due);
    mtspr<tcr_spr>(tcr::die);
    constexpr u32 openers[] = {insn::wrteei(1), insn::wrtee(4),  insn::mtmsr(4),  insn::wrtee(12),
                               insn::mtmsr(12), insn::wrtee(10), insn::mtmsr(10), insn::mtmsr(9)};
    u32 wrong = 0, runs = 0;
    for (const u32 word : openers) {
        const u32 at = place({word, insn::nop, insn::wrteei(0), insn::sc});
        for (u32 i = 0; i < hot; ++i) {
            mtspr<tsr_spr>(tsr::dis);
            // Every other time nothing waits, so that it gets hot as code that goes on.
            const bool waits = i & 1;
            if (waits) expire();
            for (u32 again = 0; again < 3; ++again) {
                hits = 0;
                Frame f = patterned(i, at, 0);
                for (const u32 r : {4u, 9u, 10u, 12u}) f.gpr[r] = msr::ee;
                const Frame before = f;
                run(f);
                ++runs;
                const bool due = waits && again == 0;
                if (hits != (due ? 1u : 0u)) {
                    ++wrong;
                    print("{x}: {} came, should be {}", {word, hits, due});
                }
                if (due) {
                    if (hit.nip != at + 4 || (hit.msr & msr_mask) != msr::ee) {
                        ++wrong;
                        print("{x}: at +{x} msr {x}", {word, hit.nip - at, hit.msr & msr_mask});
                    }
                    wrong += compare("saved", before, hit);
                }
                wrong += compare("after", before, f);
                if (f.nip != at + 16) ++wrong;
                if (wrong > 12) return;
            }
        }
    }
    mtspr<tcr_spr>(0);
    print("at once: {} runs, {} wrong", {runs, wrong});
}

// mtmsr and wrteei that do not let in what waits, and TSR that takes it back.
void held_back() {
    mtspr<tcr_spr>(tcr::die);
    u32 wrong = 0;
    const u32 at = place({insn::mtmsr(4), insn::wrtee(4), insn::wrteei(0), insn::mfmsr(6),
                          insn::mtspr(7, tsr_spr), insn::wrteei(1), insn::nop, insn::sc});
    for (u32 i = 0; i < hot; ++i) {
        expire();
        hits = 0;
        Frame f = patterned(i, at, 0);
        f.gpr[4] = msr::ce;
        f.gpr[7] = tsr::dis;
        run(f);
        if (hits != 0 || f.gpr[6] != msr::ce || (f.msr & msr_mask) != (msr::ee | msr::ce)) {
            ++wrong;
            print("held back: {} came, r6 {x}, msr {x}", {hits, f.gpr[6], f.msr & msr_mask});
        }
        if (wrong > 8) break;
    }
    mtspr<tcr_spr>(0);
    set_hook(Vector::decrementer, nullptr);
    print("held back: {} wrong", {wrong});
}

// ---- External and critical input, the same.

constexpr u32 mpic = 0x4'0000;
constexpr u32 global_configuration = mpic + 0x1020, ipi_vector = mpic + 0x10a0;
constexpr u32 source_vector = mpic + 0x1'0000 + 42 * 0x20,
              source_destination = source_vector + 0x10, source_level = source_vector + 0x18;
constexpr u32 ipi_dispatch = mpic + 0x2'0040, task_priority = mpic + 0x2'0080;
constexpr u32 acknowledge = mpic + 0x2'00a0, end_of_interrupt = mpic + 0x2'00b0;
constexpr u32 uart_enable = 0x4501, uart_identify = 0x4502;

void on_external(Frame& f) {
    ++hits;
    hit = f;
    const u32 vector = io32(acknowledge);
    if (vector != 0x50) print("external: vector {x}", {vector});
    io32(end_of_interrupt) = 0;
}
void on_critical(Frame& f) {
    ++hits;
    hit = f;
    io8(uart_enable) = 0;
    const u8 unused = io8(uart_identify);
    static_cast<void>(unused);
}
void settle() {
    const u32 start = timebase();
    while (timebase() - start < 400) {
    }
}

void inputs() {
    set_hook(Vector::external, on_external);
    set_hook(Vector::critical, on_critical);
    io32(global_configuration) = 0x2000'0000;
    io32(task_priority) = 0;
    io32(ipi_vector) = 3u << 16 | 0x50;
    io32(source_vector) = 0x00c0'0000 | 5u << 16 | 0x42;
    io32(source_destination) = 1;
    io32(source_level) = 1;  // the UART: to the critical input
    u32 wrong = 0, runs = 0;
    for (u32 i = 0; i < 3 * hot && wrong < 12; ++i) {
        const u32 kind = i % 3;  // external by wrteei, external by mtmsr, critical by mtmsr
        const u32 word = kind == 0 ? insn::wrteei(1) : insn::mtmsr(4);
        const u32 state = kind == 2 ? msr::ce : msr::ee;
        constexpr u32 at = 0x41'0000;
        auto* const p = reinterpret_cast<volatile u32*>(at + 0x40 * kind);
        if (i < 3) {
            p[0] = word;
            p[1] = insn::nop;
            p[2] = insn::mtmsr(5);
            p[3] = insn::sc;
            flush_code(address_of(const_cast<u32*>(p)), 16);
        }
        for (const bool waits : {false, true, false}) {
            if (waits && kind == 2) io8(uart_enable) = 2;
            if (waits && kind != 2) io32(ipi_dispatch) = 1;
            if (waits) settle();
            hits = 0;
            Frame f = patterned(i, at + 0x40 * kind, 0);
            f.gpr[4] = state;
            f.gpr[5] = 0;
            const Frame before = f;
            run(f);
            ++runs;
            wrong += compare("input", before, f);
            if (hits != (waits ? 1u : 0u)) {
                ++wrong;
                print("input {}: {} came, should be {}", {kind, hits, waits});
            }
            if (!waits) continue;
            wrong += compare("input", before, hit);
            if (hit.nip != before.nip + 4 || (hit.msr & msr_mask) != state) {
                ++wrong;
                print("input {}: at +{x} msr {x}",
                      {kind, hit.nip - before.nip, hit.msr & msr_mask});
            }
        }
    }
    print("inputs: {} runs, {} wrong", {runs, wrong});
}

}  // namespace

void isa_main() {
    for (const Walk& w : walks) go(w);
    at_once();
    held_back();
    inputs();
    mix("at the end", reinterpret_cast<u32>(hot_mix));
    verdict("mix", 1);
}
