// SPDX-License-Identifier: Apache-2.0
//
// Special purpose registers: what each keeps of a pattern, their other names, what user mode
// reads of them.
#include "insn.hpp"
#include "isa.hpp"

namespace {

using namespace isa;

// Writes r5 and reads it back in one breath, as the register may be one that the handlers need;
// then puts back what it had.
void patterns(const char* what, u32 spr, u32 mask = ~0u) {
    constexpr u32 values[] = {0xffff'ffff, 0x5555'aaaa, 0x1234'5678, 0x8000'0001, 0};
    u32 read[5];
    for (unsigned i = 0; i < 5; ++i) {
        Frame f = patterned(spr + i,
                            place({insn::mfspr(10, spr), insn::mtspr(5, spr), insn::mfspr(6, spr),
                                   insn::mtspr(10, spr), insn::sc}),
                            0);
        f.gpr[5] = values[i];
        Frame before = f;
        run(f);
        read[i] = f.gpr[6] & mask;
        before.gpr[6] = f.gpr[6];
        before.gpr[10] = f.gpr[10];
        compare(what, before, f);
        if (static_cast<Vector>(f.vector) != Vector::system_call) {
            print_event(what, f, code_page);
            return;
        }
    }
    print("{} ({}): {x} {x} {x} {x} {x}", {what, spr, read[0], read[1], read[2], read[3], read[4]});
}

struct Row {
    const char* what;
    u32 spr, mask;
};
// Masks leave out bits that QEMU stores although the e500v2 has none there, or has not itself
// (PID is 8 bits wide, BUCSR[BBFI] reads as 0, of L1CSR QEMU has CE and CPE). Left out are PIR,
// which QEMU does not let the guest write, MCAR, which it does, and DECAR, which cannot be read.
constexpr Row rows[] = {
    {"XER", 1, ~0u},           {"LR", 8, ~0u},
    {"CTR", 9, ~0u},           {"USPRG0", 256, ~0u},
    {"SPRG0", 272, ~0u},       {"SPRG1", 273, ~0u},
    {"SPRG2", 274, ~0u},       {"SPRG3", 275, ~0u},
    {"SPRG4", 276, ~0u},       {"SPRG5", 277, ~0u},
    {"SPRG6", 278, ~0u},       {"SPRG7", 279, ~0u},
    {"SRR0", 26, ~0u},         {"SRR1", 27, ~0u},
    {"CSRR0", 58, ~0u},        {"CSRR1", 59, ~0u},
    {"MCSRR0", 570, ~0u},      {"MCSRR1", 571, ~0u},
    {"DEAR", 61, ~0u},         {"ESR", 62, ~0u},
    {"MAS0", 624, ~0u},        {"MAS1", 625, ~0u},
    {"MAS2", 626, ~0u},        {"MAS3", 627, ~0u},
    {"MAS4", 628, ~0u},        {"MAS6", 630, ~0u},
    {"MAS7", 944, ~0u},        {"PID0", 48, 0xff},
    {"PID1", 633, 0xff},       {"PID2", 634, 0xff},
    {"IVPR", 63, ~0u},         {"IAC1", 312, ~0u},
    {"IAC2", 313, ~0u},        {"DAC1", 316, ~0u},
    {"DAC2", 317, ~0u},        {"DBCR1", 309, ~0u},
    {"DBCR2", 310, ~0u},       {"BUCSR", 1013, ~0x200u},
    {"BBEAR", 513, ~0u},       {"BBTAR", 514, ~0u},
    {"L1CSR0", 1010, 0x10001}, {"L1CSR1", 1011, 0x10001},
    {"HID1", 1009, ~0u},       {"SPEFSCR", 512, ~0u},
    {"MCSR", 572, ~0u},
};

void names() {
    for (u32 i = 0; i < 8; ++i) {
        const u32 value = 0x1111'1111 * (i + 1);
        // SPRG3 to SPRG7 have a second, readable number: 259 to 263.
        const u32 other = i < 3 ? 272 + i : 256 + i;
        for (const u32 mode : {0u, msr::pr}) {
            place({insn::mtspr(5, 272 + i), insn::sc});
            Frame f{};
            f.gpr[5] = value + mode;
            f.nip = code_page;
            run(f);
            Frame g = patterned(i, place({insn::mfspr(6, other), insn::sc}), mode);
            run(g);
            print("SPRG{} read as {} with msr {x}: {} {x}",
                  {i, other, mode, name(g.vector), other >= 272 && mode ? 0 : g.gpr[6]});
        }
    }
    Frame f = patterned(8, place({insn::mtspr(5, 256), insn::mfspr(6, 256), insn::sc}), msr::pr);
    run(f);
    print("USPRG0 in user mode: {} {x}, kernel reads {x}",
          {name(f.vector), f.gpr[6], mfspr<256>()});
    print("PVR {x} SVR {x} PIR {x}", {mfspr<287>(), mfspr<1023>(), mfspr<286>()});
    print("# TLB0CFG {x} TLB1CFG {x} MMUCFG {x} HID0 {x} L1CFG0 {x} L1CFG1 {x}",
          {mfspr<688>(), mfspr<689>(), mfspr<1015>(), mfspr<1008>(), mfspr<515>(), mfspr<516>()});
    // The time base goes on, in both modes and by both numbers of its lower half.
    for (const u32 mode : {0u, msr::pr}) {
        Frame t = patterned(
            9, place({insn::mfspr(5, 268), insn::mfspr(6, 268), insn::mfspr(7, 269), insn::sc}),
            mode);
        run(t);
        print("time base goes on with msr {x}: {} {}",
              {mode, name(t.vector), t.gpr[6] - t.gpr[5] < 0x1000'0000});
    }
    // Writing it: TBU and TBL (284, 285), the lower half last.
    mtspr<284>(0);
    mtspr<285>(0x1234'5678);
    mtspr<284>(0x1000'0000);
    const u32 upper = mfspr<269>(), lower = mfspr<268>();
    print("time base as written: {x} {}", {upper, lower - 0x1000'0000 < 0x0800'0000});
}

void vectors() {
    for (u32 i = 0; i < 16; ++i) patterns("IVOR", 400 + i, 0xfff0);
    for (u32 i = 0; i < 4; ++i) patterns("IVOR32+", 528 + i, 0xfff0);
}

}  // namespace

void isa_main() {
    for (const auto& row : rows) patterns(row.what, row.spr, row.mask);
    vectors();
    names();
}
