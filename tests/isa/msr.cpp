// SPDX-License-Identifier: Apache-2.0
//
// The machine state register: its round trips through mtmsr, wrtee, wrteei, rfi and rfci; user
// mode, what is privileged there; illegal instructions, traps and system calls.
#include "insn.hpp"
#include "isa.hpp"

namespace {

using namespace isa;

// Runs one instruction in front of a system call and prints what came of it.
Frame step(const char* what, u32 word, u32 msr, Frame f) {
    f.nip = place({word, insn::sc});
    f.msr = msr;
    const Frame before = f;
    run(f);
    print_event(what, f, code_page);
    compare(what, before, f, static_cast<int>(word >> 21 & 31));
    return f;
}

// A monitor may know a shorter way from the second time on.
void again_and_again() {
    for (u32 i = 0; i < 4; ++i) {
        Frame f = patterned(3, place({insn::mtmsr(5), insn::mfmsr(6), insn::sc}), 0);
        f.gpr[5] = i < 3 ? msr::ce : msr::is | msr::ds;  // where nothing is mapped
        run(f);
        print("mtmsr {x}: {} at {x}", {f.gpr[5], name(f.vector), f.nip});
    }
    for (u32 i = 0; i < 4; ++i) {
        Frame f = patterned(4, place({insn::wrtee(9), insn::mfmsr(7), insn::sc}), 0);
        f.gpr[9] = ~0u;
        run(f);
        print("wrtee of all bits: {} {x}", {name(f.vector), f.gpr[7] & msr_mask});
    }
}

void round_trips() {
    // One bit at a time but for WE, which waits, ME, which only rfi moves in QEMU, and IS, DS,
    // PR, DE, which programs of their own look at. mtmsr is read back by mfmsr in the next word.
    constexpr u32 bits[] = {0,       msr::ucle, msr::spe,  msr::ce, msr::ee,
                            msr::fp, msr::fe0,  msr::uble, msr::fe1};
    for (const u32 bit : bits) {
        Frame f = patterned(bit, place({insn::mtmsr(5), insn::mfmsr(6), insn::sc}), 0);
        f.gpr[5] = bit;
        run(f);
        print("mtmsr {x}: mfmsr {x}, srr1 {x}", {bit, f.gpr[6] & msr_mask, f.msr & msr_mask});
        f = patterned(bit, place({insn::mfmsr(6), insn::sc}), bit);
        run(f);
        print("rfi   {x}: mfmsr {x}, srr1 {x}", {bit, f.gpr[6] & msr_mask, f.msr & msr_mask});
    }
    for (u32 from = 0; from < 2; ++from) {
        for (u32 to = 0; to < 2; ++to) {
            const u32 start = (from ? msr::ee : 0) | msr::ce | msr::fe0;
            Frame f = patterned(1, place({insn::wrteei(to), insn::mfmsr(7), insn::sc}), start);
            run(f);
            print("wrteei {} with {x}: {x}", {to, start, f.gpr[7] & msr_mask});
            f = patterned(2, place({insn::wrtee(9), insn::mfmsr(7), insn::sc}), start);
            f.gpr[9] = to ? ~0u : ~msr::ee;  // wrtee takes EE alone
            run(f);
            print("wrtee {x} with {x}: {x}", {to ? ~0u : ~msr::ee, start, f.gpr[7] & msr_mask});
        }
    }
    // rfci, in kernel and to user mode, with the low bits of the address set.
    for (const u32 target : {0u, msr::ce | msr::fe0, msr::pr, msr::pr | msr::ee | msr::ce}) {
        Frame f = patterned(3,
                            place({insn::mtspr(4, 58), insn::mtspr(5, 59), insn::rfci, insn::nop,
                                   insn::nop, insn::sc}),
                            0);
        f.gpr[4] = code_page + 20;
        f.gpr[5] = target;
        run(f);
        print_event("rfci", f, code_page);
    }
    // rfi from EE=0 to EE=1 and back; SRR0 and SRR1 keep what was written to them.
    for (const u32 target : {msr::ee, msr::ce, msr::ee | msr::pr, msr::me, msr::me | msr::ee}) {
        Frame f = patterned(4,
                            place({insn::mtspr(4, 26), insn::mtspr(5, 27), insn::mfspr(6, 26),
                                   insn::mfspr(7, 27), insn::rfi, insn::nop, insn::sc}),
                            0);
        f.gpr[4] = code_page + 24;
        f.gpr[5] = target;
        run(f);
        print("rfi read back {x} {x}", {f.gpr[6], f.gpr[7]});
        print_event("rfi", f, code_page);
    }
}

struct Named {
    const char* what;
    u32 word;
};

void user_mode() {
    constexpr Named privileged[] = {
        {"mfmsr", insn::mfmsr(3)},
        {"mtmsr", insn::mtmsr(3)},
        {"wrtee", insn::wrtee(3)},
        {"wrteei 0", insn::wrteei(0)},
        {"wrteei 1", insn::wrteei(1)},
        {"rfi", insn::rfi},
        {"rfci", insn::rfci},
        {"tlbwe", insn::tlbwe},
        {"tlbre", insn::tlbre},
        {"tlbsync", insn::tlbsync},
        {"tlbsx", insn::tlbsx(0, 4)},
        {"tlbivax", insn::tlbivax(0, 4)},
        {"dcbi", insn::x(470, 0, 0, 4)},
    };
    for (const auto& p : privileged) {
        Frame f = patterned(7, 0, 0);
        f.gpr[4] = 0x9000;
        step(p.what, p.word, msr::pr | msr::ee, f);
    }
    constexpr u16 supervisor[] = {
        22,  26,  27,  48,  54,  58,  59,   61,   62,   63,   272,  273,  274, 275, 276, 277,
        278, 279, 286, 287, 304, 308, 309,  310,  312,  313,  316,  317,  336, 340, 400, 401,
        406, 410, 414, 415, 528, 529, 530,  570,  571,  572,  573,  624,  625, 626, 627, 628,
        630, 633, 634, 688, 689, 944, 1008, 1009, 1010, 1011, 1012, 1013, 1015};
    for (const u32 spr : supervisor) {
        Frame f = patterned(spr, place({insn::mfspr(9, spr), insn::sc}), msr::pr);
        const Frame before = f;
        run(f);
        print("user mfspr {}: {} +{} esr={x}", {spr, name(f.vector), f.nip - code_page, f.esr});
        compare("user mfspr", before, f);
        f = patterned(spr, place({insn::mtspr(9, spr), insn::sc}), msr::pr);
        run(f);
        print("user mtspr {}: {} +{} esr={x}", {spr, name(f.vector), f.nip - code_page, f.esr});
    }
}

void illegal() {
    constexpr Named words[] = {
        {"zero", 0},
        {"opcode 1", 1u << 26},
        {"opcode 5", 5u << 26},
        {"opcode 6", 6u << 26},
        {"opcode 57", 57u << 26},
        {"opcode 31 xo 1", insn::x(1)},
        {"opcode 31 xo 1000", insn::x(1000)},
        {"opcode 19 xo 1000", 19u << 26 | 1000u << 1},
        {"trap always", insn::x(4, 31, 0, 0)},
        {"trap immediate", insn::d(3, 31, 0, 0)},
        {"trap not taken", insn::d(3, 0, 0, 0)},
        {"trap eq", insn::x(4, 4, 5, 5)},
        {"sc", insn::sc},
        {"nop", insn::nop},
        {"lwsync", insn::x(598, 1)},
        {"isel", 31u << 26 | 3u << 21 | 4u << 16 | 5u << 11 | 15u << 1},
        {"mulli", insn::d(7, 3, 4, 100)},
        {"fadd", 63u << 26 | 21u << 1},
        {"lfs", insn::d(48, 1, 4, 0)},
        {"stfd", insn::d(54, 1, 4, 0)},
    };
    for (const u32 mode : {0u, msr::pr, msr::ee | msr::fe0, msr::pr | msr::ee | msr::ce}) {
        print("mode {x}", {mode});
        for (const auto& w : words) {
            Frame f = patterned(w.word, 0, 0);
            f.gpr[4] = 0x9000;
            step(w.what, w.word, mode, f);
        }
    }
}

}  // namespace

void isa_main() {
    round_trips();
    again_and_again();
    user_mode();
    illegal();
}
