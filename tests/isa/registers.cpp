// SPDX-License-Identifier: Apache-2.0
//
// All 32 general registers, CR, XER, LR and CTR across every kind of trapped instruction, with
// each register as its operand.
#include "insn.hpp"
#include "isa.hpp"
#include "tlb.hpp"

namespace {

using namespace isa;

unsigned wrong = 0;

// An illegal instruction with other registers: whatever a monitor keeps is none of `check`'s.
void leave_other_registers() {
    constexpr u32 at = code_page + 0x800;
    *reinterpret_cast<volatile u32*>(at) = 0;
    flush_code(at, 4);
    Frame f = patterned(0x77, at, 0);
    run(f);
}

// Runs `words`; register `target` should then have `value`, and all else be as before. Twice: the
// second time a monitor may know the place and go another way.
void check(const char* what, const Frame& start, u32 target, u32 value, bool masked = false) {
    Frame f = start;
    run(f);
    leave_other_registers();
    f = start;
    run(f);
    Frame want = start;
    want.gpr[target] = value;
    if (masked) f.gpr[target] &= msr_mask;
    wrong += compare(what, want, f);
    if (static_cast<Vector>(f.vector) != Vector::system_call) {
        print_event(what, f, code_page);
        ++wrong;
    }
}

void done(const char* what) {
    print("{}: {} wrong", {what, wrong});
    wrong = 0;
}

// What every register should have been given: through mtspr from one and mfspr to another.
void spr(const char* what, u32 number, u32 mask) {
    for (u32 rt = 0; rt < 32; ++rt) {
        const u32 rs = (rt + 7) % 32;
        const Frame f = patterned(
            rt + number, place({insn::mtspr(rs, number), insn::mfspr(rt, number), insn::sc}), 0);
        check(what, f, rt, f.gpr[rs] & mask);
    }
    done(what);
}

void machine_state() {
    for (u32 rt = 0; rt < 32; ++rt) {
        const u32 state = msr::ce | msr::fe0 | (rt % 2 ? msr::ee : 0) | (rt % 3 ? msr::fe1 : 0);
        check("mfmsr", patterned(rt, place({insn::mfmsr(rt), insn::sc}), state), rt, state);
    }
    done("mfmsr");
    for (u32 rs = 0; rs < 32; ++rs) {
        const u32 rt = (rs + 11) % 32;
        Frame f = patterned(rs, place({insn::wrtee(rs), insn::mfmsr(rt), insn::sc}), msr::fe1);
        check("wrtee", f, rt, msr::fe1 | (f.gpr[rs] & msr::ee));
    }
    done("wrtee");
    for (u32 e = 0; e < 2; ++e) {
        for (u32 rt = 0; rt < 32; ++rt) {
            check("wrteei", patterned(rt, place({insn::wrteei(e), insn::mfmsr(rt), insn::sc}), 0),
                  rt, e ? msr::ee : 0);
        }
    }
    done("wrteei");
    for (u32 rs = 0; rs < 32; ++rs) {
        const u32 rt = (rs + 5) % 32;
        Frame f = patterned(rs, place({insn::mtmsr(rs), insn::mfmsr(rt), insn::sc}), msr::fe1);
        f.gpr[rs] &= msr::ce | msr::ee | msr::fe0 | msr::fe1 | msr::ucle | msr::fp;
        check("mtmsr", f, rt, f.gpr[rs]);
    }
    done("mtmsr");
}

void version() {
    for (u32 rt = 0; rt < 32; ++rt) {
        check("PVR", patterned(rt, place({insn::mfspr(rt, 287), insn::sc}), 0), rt, mfspr<287>());
    }
    done("PVR");
}

// An entry is found by any register, and goes by the sum of any two.
void addresses() {
    constexpr u32 ea = 0x7000'0000, part = 0x1234'5000;
    for (u32 rb = 0; rb < 32; ++rb) {
        const u32 rt = (rb + 9) % 32;
        tlbwe(0, 1, {.ea = ea, .pa = 0x40'0000});
        Frame f = patterned(rb, place({insn::tlbsx(0, rb), insn::mfspr(rt, 625), insn::sc}), 0);
        f.gpr[rb] = ea;
        check("tlbsx", f, rt, mas1::v | 1u << 8);
        for (const u32 ra : {0u, (rb + 3) % 32, (rb + 17) % 32}) {
            f = patterned(ra + rb, place({insn::tlbivax(ra, rb), insn::sc}), 0);
            f.gpr[rb] = ra == 0 ? ea : ea - part;
            if (ra != 0) f.gpr[ra] = part;
            for (u32 turn = 0; turn < 2; ++turn) {
                tlbwe(0, 1, {.ea = ea, .pa = 0x40'0000});
                check("tlbivax", f, rb, f.gpr[rb]);
                tlbsx(ea);
                if (mfspr<625>() & mas1::v) ++wrong;
            }
        }
    }
    done("tlbsx and tlbivax of every register");
    flush_all();
}

void others() {
    struct Word {
        const char* what;
        u32 word;
    };
    constexpr Word words[] = {
        {"sc", insn::nop},
        {"tlbsync", insn::tlbsync},
        {"tlbre", insn::tlbre},
        {"tlbsx", insn::tlbsx(0, 4)},
        {"tlbsx indexed", insn::tlbsx(5, 4)},
        {"tlbivax", insn::tlbivax(0, 4)},
        {"dcbi", insn::x(470, 0, 0, 6)},
        {"mtspr DEC", insn::mtspr(7, 22)},
        {"mtspr TSR", insn::mtspr(7, 336)},
        {"mtspr TB", insn::mtspr(7, 284)},
        {"mtspr L1CSR1", insn::mtspr(8, 1011)},
    };
    for (const auto& w : words) {
        for (u32 seed = 0; seed < 8; ++seed) {
            Frame f = patterned(seed, place({w.word, insn::sc}), 0);
            f.gpr[4] = 0x7000'0000;
            f.gpr[5] = 0x1000;
            f.gpr[6] = 0x9000;
            f.gpr[7] = 0;
            f.gpr[8] = 0;
            check(w.what, f, 4, f.gpr[4]);
        }
        done(w.what);
    }
    // Faults: the handler sees all registers as they were.
    struct Fault {
        const char* what;
        u32 word;
        u32 msr;
    };
    const Fault faults[] = {
        {"DTLB miss", insn::lwz(9, 4, 0), 0},
        {"DTLB miss, store", insn::stw(9, 4, 0), 0},
        {"DTLB miss in user mode", insn::lwz(9, 4, 0), msr::pr},
        {"DSI", insn::lwz(9, 10, 0), msr::pr},
        {"privileged", insn::mfmsr(9), msr::pr},
        {"illegal", 0, 0},
        {"illegal in user mode", 0, msr::pr},
        {"SPE unavailable", 0x1000'020a | 3u << 21, 0},
        {"trap", insn::x(4, 31), 0},
    };
    for (const auto& fault : faults) {
        for (u32 seed = 0; seed < 8; ++seed) {
            Frame f = patterned(seed, place({fault.word, insn::sc}), fault.msr);
            f.gpr[4] = 0x7000'0000;
            f.gpr[10] = ccsr + 0x4500;
            const Frame before = f;
            run(f);
            if (seed == 0) print_event(fault.what, f, code_page);
            wrong += compare(fault.what, before, f);
        }
        done(fault.what);
    }
}

// Loads from and stores to pages that the core's TLB must be refilled for.
void refills() {
    for (u32 rt = 0; rt < 32; ++rt) {
        const u32 ra = (rt + 3) % 31 + 1;
        const u32 target = ra == rt ? (rt + 1) % 32 : rt;
        *reinterpret_cast<volatile u32*>(0x9000 + 4 * rt) = 0xfeed'0000 + rt;
        mtspr<1012>(mmucsr0::tlb0_fi);
        Frame f = patterned(rt, place({insn::lwz(target, ra, 4 * rt), insn::sc}), 0);
        f.gpr[ra] = 0x9000;
        check("load", f, target, 0xfeed'0000 + rt);
    }
    done("loads");
}

}  // namespace

void isa_main() {
    spr("SPRG0", 272, ~0u);
    spr("SPRG3", 275, ~0u);
    spr("SPRG4", 276, ~0u);
    spr("SRR0", 26, ~0u);
    spr("SRR1", 27, ~0u);
    spr("DEAR", 61, ~0u);
    spr("MAS1", 625, ~0u);
    spr("CSRR1", 59, ~0u);
    spr("USPRG0", 256, ~0u);
    spr("DAC1", 316, ~0u);
    machine_state();
    version();
    addresses();
    others();
    refills();
}
