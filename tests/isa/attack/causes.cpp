// SPDX-License-Identifier: Apache-2.0
//
// Every cause of an interrupt with handlers that cannot be: where nothing is mapped, nothing may be
// executed, a device or no memory is, misaligned, in the VMM's own range; one in the other's
// handler. What the program can survive first; then, chosen by the seed, what it cannot.
#include "hot.hpp"
#include "siege.hpp"

namespace {

using namespace siege;

constexpr u32 tcr_spr = 340, dec_spr = 22, ivpr_spr = 63;
constexpr u32 plain_window = 0x0501'0000, hole_window = 0xf401'0000;
constexpr u32 first_bad = 0x8000;  // of the 64 KiB at IVPR: the program's text is in front of it
constexpr u32 no_memory = 0x4010'0000, no_access = 0x4011'0000, no_execute = 0x4012'0000,
              nothing = 0x4013'0000;

void set_offset(Random& random, u32 vector, u32 value);

// Where the vectors are, at a second address, and behind them a page of each kind.
void map_window(Random& random, u32 window) {
    for (u32 at = 0; at < first_bad; at += 0x1000) {
        tlbwe(0, at >> 12 & 3, {.ea = window + at, .pa = text_begin + at});
    }
    const struct {
        u64 pa;
        u32 permissions;
    } kinds[] = {{0x40'0000, mas3::permissions & ~(mas3::sx | mas3::ux)},
                 {0x40'0000, 0},
                 {0x40'0000, mas3::permissions},
                 {0xf'e000'4000, mas3::permissions},
                 {0xf'e00f'f000, mas3::permissions},
                 {0xc'0000'0000, mas3::permissions},
                 {0x7000'0000, mas3::permissions}};
    // 0x8000 has nothing.
    u32 at = first_bad + 0x1000;
    for (const auto& kind : kinds) {
        tlbwe(0, at >> 12 & 3, {.ea = window + at, .pa = kind.pa, .permissions = kind.permissions});
        at += 0x1000;
    }
    // A page of code that is anything.
    for (u32 i = 0; i < 0x1000; i += 4) {
        *reinterpret_cast<volatile u32*>(0x40'0000 + i) =
            random.once_in(2) ? instruction(random) : insn::sc;
    }
    flush_code(0x40'0000, 0x1000);
    tlbwe(0, 0, {.ea = no_memory, .pa = 0x7000'0000});
    tlbwe(0, 0, {.ea = no_access, .pa = 0x40'0000, .permissions = 0});
    tlbwe(0, 0, {.ea = no_execute, .pa = 0x40'0000, .permissions = mas3::sr | mas3::ur});
}

void raise(Random& random, Frame& f) {
    constexpr u32 words[] = {0,
                             0x7fe0'0008,  // trap
                             insn::sc,
                             insn::lwz(5, 4, 0),
                             insn::stw(5, 4, 0),
                             insn::x(20, 5, 0, 4),  // lwarx
                             0x1085'0301,           // evldd r4,0(r5)
                             insn::mfspr(5, 22),
                             insn::rfi,
                             insn::rfci,
                             insn::rfmci,
                             insn::mtspr(6, dec_spr),
                             insn::mtspr(7, tcr_spr),
                             insn::wrteei(1),
                             insn::mtmsr(8),
                             insn::mtspr(9, 308),     // DBCR0
                             0x4e80'0420,             // bctr
                             insn::x(166, 0, 4, 4)};  // dcbtls
    constexpr u32 targets[] = {no_memory, no_access, no_execute, nothing, 0x40'0001, 0xf412'3456};
    f.gpr[4] = random.of(targets);
    f.gpr[6] = random.below(3);
    // TCR, but for the watchdog, which bounds the attempt.
    f.gpr[7] = (random.word() & ~0xf01e'0000u) | watchdog_period(21) | tcr::wie;
    f.gpr[8] = state(random);
    f.gpr[9] = 1u << 30 | 3u << 26;
    f.ctr = random.of(targets);
    if (random.once_in(8)) {
        io32(0x4'10a0) = 0x0008'0042;
        io32(0x6'0080) = 0;
        io32(0x6'0040) = 1;
    }
    attempt(random, f, {random.of(words), random.of(words), random.of(words)}, 12);
}

template <u32 n>
void set_one(u32 vector, u32 value) {
    constexpr u32 spr = n < 16 ? 400 + n : 528 - 16 + n;
    if (vector == n) mtspr<spr>(value);
    if constexpr (n + 1 < vector_count) set_one<n + 1>(vector, value);
}

void set_offset(Random& random, u32 vector, u32 value) {
    set_one<0>(vector, value | (random.once_in(4) ? 0xf : 0));
}

// What brings the program back must stay: system calls, misses, storage and program interrupts of
// the handler's, and machine checks. Each of them may be bad alone.
bool may_be_bad(u32 vector) {
    switch (static_cast<Vector>(vector)) {
        case Vector::system_call:
        case Vector::instruction_tlb:
        case Vector::instruction_storage:
        case Vector::machine_check:
        case Vector::watchdog:
            return false;
        default:
            return true;
    }
}

void round(Random& random) {
    recover();
    const u32 window = random.once_in(3) ? hole_window : plain_window;
    map_window(random, window);
    mtspr<ivpr_spr>(window);
    for (u32 n = 1 + random.below(3); n > 0; --n) {
        const u32 vector = random.below(vector_count);
        if (!may_be_bad(vector)) continue;
        set_offset(random, vector, first_bad + (random.below(8) << 12) + (random.below(16) << 4));
    }
    for (u32 n = 0; n < 4; ++n) {
        Frame f{};
        fill(random, f);
        raise(random, f);
    }
}

// The last thing: all vectors are bad, or those without which there is no way back.
void die(Random& random) {
    recover();
    constexpr u32 everything[] = {0x7000'0000, 0xf400'0000, 0xf500'0000, 0xe000'0000,
                                  0xfe80'0000, 0xffff'0000, 0x0040'0000};
    map_window(random, plain_window);
    if (random.once_in(2)) {
        mtspr<ivpr_spr>(random.of(everything));
    } else {
        mtspr<ivpr_spr>(plain_window);
        const u32 page = first_bad + (random.below(8) << 12);
        for (u32 vector = 0; vector < vector_count; ++vector) {
            if (random.once_in(2)) set_offset(random, vector, page);
        }
    }
    print("# now it dies");
    for (;;) {
        Frame f{};
        fill(random, f);
        raise(random, f);
    }
}

}  // namespace

void isa_main() {
    begin();
    const u32 seed = option("seed", 1), rounds = option("rounds", 300);
    Random random(seed);
    for (u32 n = 0; n < rounds; ++n) round(random);
    summary("causes");
    if (option("die", 1) != 0) die(random);
    recover();
}
