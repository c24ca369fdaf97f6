// SPDX-License-Identifier: Apache-2.0
//
// Two guests that share a core, from one program: with storm=1 in the command line one that exits
// as often as it can, else one that computes, and says what share of the core's instructions it had
// beside each kind of exit. The kind follows from the time base, which both read. For -icount,
// where an instruction is 0.4 ticks.
#include "insn.hpp"
#include "isa.hpp"
#include "option.hpp"
#include "tlb.hpp"

namespace {

using namespace isa;

constexpr u32 dec_spr = 22, pid_spr = 48, tsr_spr = 336, tcr_spr = 340, hid0_spr = 1008;
constexpr u32 window = 24'000'000;  // ticks, 60 ms
constexpr u32 instructions_a_window = window / 2 * 5;
constexpr u32 line_status = 0x4505;
constexpr u32 pages_ea = 0x4000'0000, page_bytes = 0x1000, pages = 64;
constexpr u32 nap = 800, soon = 2000, far = 0x7fff'ffff;  // ticks: 2 us, 5 us, 5 s

// Each a batch that takes less than a slice.

void no_exits() { asm volatile("mtctr %0; 1: bdnz 1b" : : "r"(1000) : "ctr"); }

void privileged() {
    for (u32 i = 0; i < 100; ++i) mfmsr();
}

// In C++, as all that follow. Each sets the core's timer anew.
void special_registers() {
    for (u32 i = 0; i < 20; ++i) mtspr<dec_spr>(far);
}

void system_calls() {
    Frame f = patterned(1, place({insn::sc}), msr::pr);
    run(f);
}

void translations() {
    for (u32 i = 0; i < pages; ++i) {
        tlbwe(0, i & 3, {.ea = pages_ea + i * page_bytes, .pa = 0x40'0000});
        [[maybe_unused]] const u32 word =
            *reinterpret_cast<volatile u32*>(pages_ea + i * page_bytes);
    }
}

void flushes() {
    flush_all();
    mtspr<pid_spr>(mfspr<pid_spr>() ^ 1);
}

void devices() {
    for (u32 i = 0; i < 20; ++i) [[maybe_unused]] const u8 status = io8(line_status);
}

// lwarx at an odd address, which its handler steps over.
void alignment() {
    Frame f = patterned(2, place({insn::x(20, 5, 0, 4), insn::x(20, 5, 0, 4), insn::sc}), 0);
    f.gpr[4] = 0x40'0001;
    run(f);
}

// A word that is no instruction, the same.
void illegal() {
    Frame f = patterned(3, place({0, 0, 0, insn::sc}), 0);
    run(f);
}

// Timer interrupts, one soon after the other.
void timers() {
    mtspr<tcr_spr>(tcr::die);
    mtspr<dec_spr>(soon);
    Frame f = patterned(4, place({insn::bdnz(0), insn::sc}), msr::ee);
    f.ctr = 20'000;
    run(f);
    mtspr<tcr_spr>(0);
}

// It waits, and is woken soon.
void naps() {
    mtspr<hid0_spr>(hid0::nap | hid0::tben);
    mtspr<tsr_spr>(tsr::dis);
    mtspr<dec_spr>(nap);
    mtspr<tcr_spr>(tcr::die);
    Frame f = patterned(5, place({insn::mtmsr(3), insn::nop, insn::branch(-8)}), 0);
    f.gpr[3] = msr::ee | msr::we;
    set_hook(Vector::decrementer, nullptr);
    run(f);
    mtspr<tcr_spr>(0);
}

struct Kind {
    const char* name;
    void (*batch)();
};
constexpr Kind kinds[] = {{"no exits", no_exits},
                          {"privileged instructions", privileged},
                          {"special registers", special_registers},
                          {"system calls", system_calls},
                          {"translations", translations},
                          {"flushes", flushes},
                          {"device registers", devices},
                          {"alignment interrupts", alignment},
                          {"illegal instructions", illegal},
                          {"timer interrupts", timers},
                          {"naps", naps}};
constexpr u32 kind_count = sizeof kinds / sizeof *kinds;

void step_over(Frame& f) { f.nip += 4; }

void next_timer(Frame& /*f*/) {
    mtspr<tsr_spr>(tsr::dis);
    mtspr<dec_spr>(soon);
}

bool before(u32 time) { return static_cast<int>(timebase() - time) < 0; }

void storm(u32 end) {
    set_hook(Vector::alignment, step_over);
    set_hook(Vector::program, step_over);
    u32 batches[kind_count] = {};
    while (before(end)) {
        const u32 kind = timebase() / window % kind_count;
        set_hook(Vector::decrementer, next_timer);
        kinds[kind].batch();
        ++batches[kind];
    }
    for (u32 i = 0; i < kind_count; ++i) {
        print("# {} times {}", {batches[i], kinds[i].name});
    }
}

void compute(u32 start) {
    constexpr u32 turns = 1000;
    u32 done[kind_count];
    while (before(start)) {
    }
    for (u32 i = 0; i < kind_count; ++i) {
        u32 blocks = 0;
        for (; before(start + (i + 1) * window); ++blocks) {
            asm volatile("mtctr %0; 1: bdnz 1b" : : "r"(turns) : "ctr");
        }
        done[i] = blocks;
    }
    for (u32 i = 0; i < kind_count; ++i) {
        const u32 kind = (start / window + i) % kind_count;
        print("{}: {} of 1000",
              {kinds[kind].name, done[i] / (instructions_a_window / 1000 / turns)});
    }
}

}  // namespace

void isa_main() {
    const bool storms = option("storm", 0) != 0;
    const u32 start = (timebase() / window + 1) * window;
    if (storms) {
        storm(start + (kind_count + 1) * window);
    } else {
        compute(start);
    }
    print("done");
    io32(0xff000) = 0x8000'0000;  // the power switch
    io32(0xff008) = 0x8000'0000;
    for (;;) {
    }
}
