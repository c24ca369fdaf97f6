// SPDX-License-Identifier: Apache-2.0
//
// Every load, store and cache instruction at every page of device registers, of PCI and of nothing,
// at any alignment and across their edges, from both modes and both address spaces.
#include "hot.hpp"
#include "siege.hpp"

namespace {

using namespace siege;

struct Window {
    u32 ea, tsize;
    u64 pa;
};
// A window of each in both address spaces; CCSR also where the VMM itself is.
constexpr Window windows[] = {
    {0xd000'0000, 5, 0xf'e000'0000},  // 1 MiB: CCSR
    {0xf400'0000, 5, 0xf'e000'0000},  // the same
    {0xd010'0000, 5, 0xf'e010'0000},  // behind it: nothing
    {0xd100'0000, 3, 0xf'e100'0000},  // 64 KiB: PCI I/O
    {0xd200'0000, 5, 0xc'0000'0000},  // PCI memory
    {0xd300'0000, 5, 0xf'0000'0000},  // the platform bus
    {0xd400'0000, 5, 0xf'ef00'0000},  // the spin table
};
constexpr u32 rounds_between = 64;

void map_windows() {
    u32 entry = 1;
    for (const Window& w : windows) {
        for (const bool space : {false, true}) {
            if (entry == 14) return;
            tlbwe(1, entry++,
                  {.ea = w.ea,
                   .pa = w.pa,
                   .tsize = w.tsize,
                   .space = space,
                   .attributes = mas2::i | mas2::g});
        }
    }
}

u32 device_address(Random& random) {
    constexpr u32 pages[] = {0x0, 0x3, 0x4, 0x8, 0x40, 0x41, 0x50, 0x60, 0xe0, 0xf0, 0xff};
    const Window& w = windows[random.below(sizeof windows / sizeof windows[0])];
    const u32 size = 1024u << 2 * w.tsize;
    u32 at = random.once_in(2) ? (random.of(pages) << 12) % size : (random.word() % size) & ~0xfffu;
    switch (random.below(6)) {
        case 0:
        case 1:
        case 2: {
            // Registers by which one could get out, each byte of them, and what is before them.
            constexpr u32 registers[] = {
                0x3000,   0x45f8,   0x4600,   0x4604,   0x8000,   0x8004,   0x8c20,   0x8c30,
                0x8da0,   0x8da8,   0x8db0,   0x8dc0,   0x8dd0,   0x8de0,   0x8df0,   0x8e20,
                0x4'0080, 0x4'1000, 0x4'1020, 0x4'1090, 0x4'10a0, 0x4'1100, 0x5'0540, 0x6'0080,
                0x6'00a0, 0x6'00b0, 0xe'00a0, 0xe'00b8, 0xf'0000, 0xf'f018};
            at = (random.of(registers) + random.below(16) - 8) % size;
            break;
        }
        case 3:
            at += random.below(0x1000);
            break;
        case 4:
            at += 0x1000 - random.below(16);
            break;
        default:
            at += random.below(32);
    }
    return w.ea + at;
}

// The program's own console and what ends the machine are left to the program.
bool left_alone(u32 ea) {
    const u32 at = ea & 0xf'ffff;
    const bool ccsr_there = (ea & 0xfff0'0000) == 0xd000'0000 || (ea & 0xfff0'0000) == 0xf400'0000;
    const auto near = [&](u32 first, u32 end) { return at + 128 > first && at < end; };
    return ccsr_there &&
           (near(0x4500, 0x4508) || near(0xe'00b0, 0xe'00b4) || near(0xf'f000, 0xf'f00c));
}

void round(Random& random) {
    using dbt::Kind;
    Frame f{};
    fill(random, f);
    u32 ea = 0;
    do {
        ea = device_address(random);
    } while (left_alone(ea));
    // Any register may be the base: they all hold the address, but RB and the like, which hold 0.
    const u32 word = instruction(random, {Kind::load, Kind::store, Kind::cache});
    const auto insn = dbt::decode(word);
    const auto& info = dbt::info(insn.op);
    const u32 ra = word >> 16 & 31;
    const u32 base =
        ea - static_cast<u32>(info.has(dbt::flag::indexed) ? 0 : dbt::displacement(insn));
    if (ra == 0) return;
    f.gpr[ra] = base;
    if (info.has(dbt::flag::indexed)) {
        const u32 rb = word >> 11 & 31;
        f.gpr[ra] = 0;
        f.gpr[rb] = ea;
        if (ra == rb) return;
    }
    f.xer = random.below(128);
    attempt(random, f, {word}, 2);
}

}  // namespace

void isa_main() {
    const u32 seed = option("seed", 1), rounds = option("rounds", 3000);
    begin();
    Random random(seed);
    for (u32 n = 0; n < rounds; ++n) {
        if (n % rounds_between == 0) {
            recover();
            map_windows();
        }
        round(random);
    }
    recover();
    summary("accesses");
}
