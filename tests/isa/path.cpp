// SPDX-License-Identifier: Apache-2.0
//
// Path lengths: how many instructions a privileged instruction takes, in and out. Meant for
// --icount, where an instruction is a nanosecond and the time base counts 0.4 of them. Informs
// only, but for the bound that the project promises for mfmsr; tests/system/test_profile_cost.py
// compares what it says with the profile and without.
#include "insn.hpp"
#include "isa.hpp"

extern "C" char isa_return_handler[], isa_refill_handler[];

namespace {

using namespace isa;

constexpr u32 turns = 4096;
constexpr u32 trap_always = insn::x(4, 31);
constexpr u32 stride_ea = 0x4000'0000;

struct Loop {
    u32 at = code_page;
    u32 times = turns;
};

// Ticks of a loop of body + bdnz. r4 = 0, r5 and r27 as given, r6 is free for loads.
u32 ticks(std::initializer_list<u32> body, u32 msr, u32 r5 = 0, u32 r27 = 0, u32 srr0 = 0,
          Loop where = {}) {
    u32 words[16];
    unsigned n = 0;
    words[n++] = insn::mfspr(20, 268);
    const unsigned loop = n;
    for (const u32 word : body) words[n++] = word;
    words[n] = insn::bdnz(static_cast<int>(loop - n) * 4);
    ++n;
    words[n++] = insn::mfspr(21, 268);
    words[n++] = trap_always;
    auto* to = reinterpret_cast<volatile u32*>(where.at);
    for (unsigned i = 0; i < n; ++i) to[i] = words[i];
    flush_code(where.at, n * 4);
    Frame f{};
    f.gpr[4] = msr;
    f.gpr[5] = r5;
    f.gpr[27] = r27;
    f.gpr[28] = srr0 != 0 ? where.at + srr0 : 0;
    f.ctr = where.times;
    f.nip = where.at;
    f.msr = msr;
    run(f);
    if (static_cast<Vector>(f.vector) != Vector::program) {
        print_event("measuring", f, where.at);
        fail("a measured loop ended early");
    }
    return f.gpr[21] - f.gpr[20];
}

// Instructions a turn, without the loop's own, in tenths.
u32 tenths(u32 with, u32 without) { return (with - without) * 25 / turns; }

u32 row(const char* what, u32 with, u32 without) {
    const u32 t = tenths(with, without);
    print("# {}: {}.{}", {what, t / 10, t % 10});
    return t;
}

// mfmsr at a place that shares the VMM's bucket for it with `others` newer ones (SiteTable).
u32 behind(u32 others) {
    constexpr u32 first = 0x60'0000, same_bucket = 0x2'0000;
    const u32 at = first + others * 0x1000;
    for (u32 i = 0; i <= others; ++i) {
        ticks({insn::mfmsr(6)}, 0, 0, 0, 0, {at + i * same_bucket, 1});
    }
    return ticks({insn::mfmsr(6)}, 0, 0, 0, 0, {at, turns});
}

}  // namespace

void isa_main() {
    print("# instructions in and out, each itself included");
    const u32 empty = ticks({}, 0);
    row("nop", ticks({insn::nop}, 0), empty);
    const u32 mfmsr_path = row("mfmsr", ticks({insn::mfmsr(6)}, 0), empty);
    row("mfmsr r30", ticks({insn::mfmsr(30)}, 0), empty);
    row("mfmsr, second of its bucket", behind(1), empty);
    row("mfmsr, third of its bucket", behind(2), empty);
    row("mfmsr, fourth of its bucket", behind(3), empty);
    row("wrteei 0", ticks({insn::wrteei(0)}, 0), empty);
    row("wrteei 1, wrteei 0", ticks({insn::wrteei(1), insn::wrteei(0)}, 0), empty);
    row("wrtee", ticks({insn::wrtee(5)}, 0), empty);
    row("mtmsr, nothing changes", ticks({insn::mtmsr(4)}, 0), empty);
    row("mtspr SRR0", ticks({insn::mtspr(5, 26)}, 0), empty);
    row("mfspr SRR0", ticks({insn::mfspr(6, 26)}, 0), empty);
    row("mfspr SPRG0", ticks({insn::mfspr(6, 272)}, 0), empty);
    row("mtspr SPRG0", ticks({insn::mtspr(5, 272)}, 0), empty);
    row("mfspr SPRG3 (272+3)", ticks({insn::mfspr(6, 275)}, 0), empty);
    row("mtspr SPRG4", ticks({insn::mtspr(5, 276)}, 0), empty);
    row("mfspr DEAR", ticks({insn::mfspr(6, 61)}, 0), empty);
    row("mtspr MAS0", ticks({insn::mtspr(5, 624)}, 0), empty);
    row("mfspr DEC", ticks({insn::mfspr(6, 22)}, 0), empty);
    row("mtspr PID0", ticks({insn::mtspr(5, 48)}, 0), empty);
    // rfi to the branch behind it; SRR0 and SRR1 stay as they are.
    mtspr<400 + 8>(static_cast<u32>(isa_return_handler - reinterpret_cast<char*>(0x10000)));
    row("mtspr SRR0, mtspr SRR1, rfi",
        ticks({insn::mtspr(28, 26), insn::mtspr(4, 27), insn::rfi}, 0, 0, 0, 16), empty);
    row("sc, rfi in kernel mode", ticks({insn::sc}, 0), empty);
    row("sc, rfi in user mode", ticks({insn::sc}, msr::pr), ticks({}, msr::pr));
    mtspr<400 + 8>(16 * 8);
    // Misses over fresh pages that all become the same one.
    mtspr<628>(1u << 8);  // MAS4: TLB0, 4 KiB
    mtspr<1012>(mmucsr0::tlb0_fi);
    mtspr<400 + 13>(static_cast<u32>(isa_refill_handler - reinterpret_cast<char*>(0x10000)));
    const u32 stride = ticks({insn::addi(5, 5, 4096)}, 0);
    row("DTLB miss, mtspr MAS3, tlbwe, rfi in kernel mode",
        ticks({insn::addi(5, 5, 4096), insn::lwz(6, 5, 0)}, 0, stride_ea,
              0x9000 | mas3::permissions),
        stride);
    mtspr<1012>(mmucsr0::tlb0_fi);
    row("DTLB miss, mtspr MAS3, tlbwe, rfi in user mode",
        ticks({insn::addi(5, 5, 4096), insn::lwz(6, 5, 0)}, msr::pr, stride_ea,
              0x9000 | mas3::permissions),
        stride);
    mtspr<400 + 13>(16 * 13);
    const bool bound = mfmsr_path <= 1200;
    print("mfmsr in at most 120 instructions: {}", {bound});
}
