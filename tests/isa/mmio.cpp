// SPDX-License-Identifier: Apache-2.0
//
// Every form of load and store, to memory and to device registers that a monitor may emulate:
// the value, the updated address, and no other register changed.
#include "tlb.hpp"

namespace {

using namespace isa;

enum Form : u8 { plain, indexed };
struct Row {
    const char* what;
    Form form;
    u32 opcode;  // primary, or extended if indexed
    u32 size;
    bool update, store;
};
constexpr Row rows[] = {
    {"lbz", plain, 34, 1, false, false},      {"lbzu", plain, 35, 1, true, false},
    {"lhz", plain, 40, 2, false, false},      {"lhzu", plain, 41, 2, true, false},
    {"lha", plain, 42, 2, false, false},      {"lhau", plain, 43, 2, true, false},
    {"lwz", plain, 32, 4, false, false},      {"lwzu", plain, 33, 4, true, false},
    {"stb", plain, 38, 1, false, true},       {"stbu", plain, 39, 1, true, true},
    {"sth", plain, 44, 2, false, true},       {"sthu", plain, 45, 2, true, true},
    {"stw", plain, 36, 4, false, true},       {"stwu", plain, 37, 4, true, true},
    {"lbzx", indexed, 87, 1, false, false},   {"lbzux", indexed, 119, 1, true, false},
    {"lhzx", indexed, 279, 2, false, false},  {"lhzux", indexed, 311, 2, true, false},
    {"lhax", indexed, 343, 2, false, false},  {"lhaux", indexed, 375, 2, true, false},
    {"lwzx", indexed, 23, 4, false, false},   {"lwzux", indexed, 55, 4, true, false},
    {"lhbrx", indexed, 790, 2, false, false}, {"lwbrx", indexed, 534, 4, false, false},
    {"stbx", indexed, 215, 1, false, true},   {"stbux", indexed, 247, 1, true, true},
    {"sthx", indexed, 407, 2, false, true},   {"sthux", indexed, 439, 2, true, true},
    {"stwx", indexed, 151, 4, false, true},   {"stwux", indexed, 183, 4, true, true},
    {"sthbrx", indexed, 918, 2, false, true}, {"stwbrx", indexed, 662, 4, false, true},
};

struct Target {
    const char* what;
    u32 offset;    // in CCSR, or memory below 1 MiB if `memory`
    u32 from, to;  // sizes of access it is tried with
    u32 value;     // what it is set to first
    bool memory;
};
constexpr Target targets[] = {
    {"memory", 0x9100, 1, 4, 0x8192'a3b4, true},
    {"MPIC source vector", 0x5'0000, 1, 4, 0x8085'00a3, false},
    {"UART scratch", 0x4507, 1, 1, 0xe7, false},
    {"PCI outbound translation", 0x8c20, 4, 4, 0x000c'8412, false},
    {"GUTS PVR", 0xe'00a0, 4, 4, 0, false},
};

u32 window;  // where CCSR is for this round

u32 address(const Target& t) { return t.memory ? t.offset : window + t.offset; }

void set(const Target& t) {
    if (t.from == 4 && t.value == 0) return;
    if (t.to == 1) {
        *reinterpret_cast<volatile u8*>(address(t)) = static_cast<u8>(t.value);
    } else {
        *reinterpret_cast<volatile u32*>(address(t)) = t.value;
    }
}
u32 get(const Target& t) {
    if (t.to == 1) return *reinterpret_cast<volatile u8*>(address(t));
    return *reinterpret_cast<volatile u32*>(address(t));
}

void forms(const Target& t, u32 state) {
    for (const auto& row : rows) {
        if (row.size < t.from || row.size > t.to || (row.store && t.value == 0)) continue;
        for (u32 byte = 0; byte < t.to; byte += row.size) {
            set(t);
            const u32 displacement = row.form == plain ? 0xfff0 : 0;  // -16
            const u32 word = row.form == plain ? insn::d(row.opcode, 9, 4, displacement)
                                               : insn::x(row.opcode, 9, 4, 11);
            Frame f = patterned(row.opcode, place({word, insn::sc}), state);
            const u32 ea = address(t) + byte;
            f.gpr[9] = 0x9a8b'7c6d;
            f.gpr[4] = row.form == plain ? ea + 16 : ea - 0x1234;
            f.gpr[11] = 0x1234;
            Frame want = f;
            run(f);
            if (row.update) want.gpr[4] = ea;
            compare(row.what, want, f, row.store ? -1 : 9);
            print("{} +{}: {} {x} {x}", {row.what, byte, name(f.vector), f.gpr[9], get(t)});
        }
    }
}

// lmw and stmw over four words: registers of one outbound window, and memory.
void multiples(const char* what, u32 at, u32 state) {
    auto* const p = reinterpret_cast<volatile u32*>(at);
    for (u32 i = 0; i < 4; ++i) p[i] = i == 3 ? 0 : 0x1000 + i;
    Frame f = patterned(1, place({insn::d(46, 28, 4, 0), insn::d(46, 29, 4, 4), insn::sc}), state);
    f.gpr[4] = at;
    Frame want = f;
    run(f);
    print("{} lmw: {} {x} {x} {x} {x}",
          {what, name(f.vector), f.gpr[28], f.gpr[29], f.gpr[30], f.gpr[31]});
    for (u32 i = 28; i < 32; ++i) want.gpr[i] = f.gpr[i];
    compare(what, want, f);
    f = patterned(1, place({insn::d(47, 29, 4, 0), insn::sc}), state);
    f.gpr[4] = at;
    for (u32 i = 29; i < 32; ++i) f.gpr[i] = 0x2000 + i;
    want = f;
    run(f);
    compare(what, want, f);
    print("{} stmw: {} {x} {x} {x} {x}", {what, name(f.vector), p[0], p[1], p[2], p[3]});
}

// All registers as source and target, and as the base.
void registers() {
    unsigned wrong = 0;
    for (u32 r = 0; r < 32; ++r) {
        const u32 base = r == 5 ? 6 : 5;
        Frame f = patterned(
            r, place({insn::stw(r, base, 0x20), insn::lwz((r + 1) % 32, base, 0x20), insn::sc}), 0);
        if ((r + 1) % 32 == base) continue;
        f.gpr[base] = window + 0x8c00;
        f.gpr[r] = 0x8000 + r;
        Frame want = f;
        want.gpr[(r + 1) % 32] = f.gpr[r];
        run(f);
        wrong += compare("device", want, f);
    }
    print("32 registers: {} wrong", {wrong});
}

}  // namespace

void isa_main() {
    window = ccsr;
    for (const auto& t : targets) {
        print("{} in kernel mode", {t.what});
        forms(t, 0);
    }
    multiples("memory", 0x9100, 0);
    multiples("PCI window", window + 0x8c20, 0);
    registers();
    // A device that user mode may reach.
    window = 0x7000'0000;
    tlbwe(1, 3, {.ea = window, .pa = 0xf'e000'0000, .tsize = 5, .attributes = mas2::i | mas2::g});
    for (const auto& t : targets) {
        print("{} in user mode", {t.what});
        forms(t, msr::pr);
    }
    multiples("PCI window", window + 0x8c20, msr::pr);
}
