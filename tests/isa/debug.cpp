// SPDX-License-Identifier: Apache-2.0
//
// Single step: DBCR0[ICMP] with MSR[DE], over instructions that trap to a monitor and over those
// that do not, in both modes; and what user mode and masks do to it.
#include "tlb.hpp"

namespace {

using namespace isa;

constexpr u32 dbcr0_spr = 308, dbsr_spr = 304;

struct Step {
    u32 nip, status, saved;
};
Step steps[64];
u32 count, stop;

void on_debug(Frame& f) {
    if (count < 64) steps[count++] = {f.nip, mfspr<dbsr_spr>(), f.msr & msr_mask};
    mtspr<dbsr_spr>(~0u);
    // The system call that ends the run is not stepped: its handler would be, too.
    if (f.nip == stop || count == 64) f.msr &= ~msr::de;
}

void walk(const char* what, std::initializer_list<u32> words, u32 state, u32 end) {
    count = 0;
    stop = code_page + end;
    Frame f = patterned(1, place(words), state | msr::de);
    f.gpr[4] = 0x9000;
    f.gpr[5] = state | msr::de;
    f.gpr[10] = ccsr + 0xe'00a0;
    f.gpr[11] = code_page + 16;
    f.ctr = 3;
    mtspr<dbsr_spr>(~0u);
    mtspr<dbcr0_spr>(dbcr0::idm | dbcr0::icmp);
    run(f);
    mtspr<dbcr0_spr>(0);
    print("{}: {} steps, then {} +{} r6 {x} r7 {x} ctr {}",
          {what, count, name(f.vector), f.nip - code_page, f.gpr[6], f.gpr[7], f.ctr});
    for (u32 i = 0; i < count; ++i) {
        print("  +{} {x} {x}", {steps[i].nip - code_page, steps[i].status, steps[i].saved});
    }
}

// Through interrupts: QEMU's core clears DE on every one, so that their handlers run unstepped, and
// their rfi sets it again.
u32 calls, misses, inside[8];

void on_call(Frame& f) {
    if (calls < 8) inside[calls] = f.inside & (msr::de | msr::ee | msr::pr);
    ++calls;
    f.gpr[3] = 0x3333'0000 + calls;
}
void on_program(Frame& f) {
    if (calls < 8) inside[calls] = f.inside & (msr::de | msr::ee | msr::pr);
    ++calls;
    f.nip += 4;
}
void on_miss(Frame& f) {
    ++misses;
    tlbwe(1, 5, {.ea = f.dear & ~0xfffu, .pa = 0x9000});
}
void on_end(Frame& f) {
    if (count < 64) steps[count++] = {f.nip, mfspr<dbsr_spr>(), f.msr & msr_mask};
    mtspr<dbsr_spr>(~0u);
    if (f.nip == stop || count == 64) {
        f.msr &= ~msr::de;
        set_hook(Vector::system_call, nullptr);
    }
}

void through_interrupts(u32 state) {
    constexpr u32 illegal = 0, lwz_miss = insn::lwz(8, 12, 0);
    calls = misses = count = 0;
    set_hook(Vector::debug, on_end);
    set_hook(Vector::system_call, on_call);
    set_hook(Vector::program, on_program);
    set_hook(Vector::data_tlb, on_miss);
    Frame f = patterned(1,
                        place({insn::addi(3, 0, 1), insn::sc, insn::addi(6, 3, 0), illegal,
                               insn::addi(7, 3, 1), lwz_miss, insn::sc, insn::nop, insn::sc}),
                        state | msr::de);
    stop = code_page + 32;
    f.gpr[12] = 0x7654'3000;
    *reinterpret_cast<volatile u32*>(0x9000) = 0x1234'5678;
    mtspr<dbsr_spr>(~0u);
    mtspr<dbcr0_spr>(dbcr0::idm | dbcr0::icmp);
    run(f);
    mtspr<dbcr0_spr>(0);
    set_hook(Vector::debug, on_debug);
    set_hook(Vector::system_call, nullptr);
    set_hook(Vector::program, nullptr);
    set_hook(Vector::data_tlb, nullptr);
    print("through interrupts with {x}: {} steps, {} calls, {} misses, then {} +{}",
          {state, count, calls, misses, name(f.vector), f.nip - code_page});
    print("  r3 {x} r6 {x} r7 {x} r8 {x}", {f.gpr[3], f.gpr[6], f.gpr[7], f.gpr[8]});
    for (u32 i = 0; i < calls && i < 8; ++i) print("  inside {x}", {inside[i]});
    for (u32 i = 0; i < count; ++i) {
        print("  +{} {x} {x}", {steps[i].nip - code_page, steps[i].status, steps[i].saved});
    }
    flush_all();
}

}  // namespace

void isa_main() {
    set_hook(Vector::debug, on_debug);
    walk("plain", {insn::nop, insn::addi(6, 0, 1), insn::addi(7, 0, 2), insn::sc}, 0, 12);
    walk("plain in user mode", {insn::nop, insn::addi(6, 0, 1), insn::nop, insn::sc}, msr::pr, 12);
    walk("memory", {insn::stw(4, 4, 0), insn::lwz(6, 4, 0), insn::lwz(7, 4, 4), insn::sc}, 0, 12);
    walk("branches", {insn::branch(8), insn::nop, insn::bdnz(-4), insn::nop, insn::sc}, 0, 16);
    walk("registers",
         {insn::mtspr(4, 272), insn::mfspr(6, 272), insn::mtspr(4, 26), insn::mfspr(7, 26),
          insn::sc},
         0, 16);
    walk("mfspr slow", {insn::mfspr(6, 628), insn::mtspr(4, 276), insn::mfspr(7, 260), insn::sc}, 0,
         12);
    walk("mfmsr, wrteei",
         {insn::mfmsr(6), insn::wrteei(1), insn::wrteei(0), insn::mfmsr(7), insn::sc}, 0, 16);
    walk("tlb", {insn::tlbsx(0, 4), insn::tlbre, insn::tlbsync, insn::isync, insn::sc}, 0, 16);
    walk("device", {insn::lwz(6, 10, 0), insn::nop, insn::lwz(7, 10, 0), insn::sc}, 0, 12);
    walk("rfi",
         {insn::mtspr(11, 26), insn::mtspr(5, 27), insn::rfi, insn::nop, insn::nop, insn::sc}, 0,
         20);
    // DE without IDM, and IDM without DE.
    count = 0;
    mtspr<dbcr0_spr>(0);
    Frame f = patterned(1, place({insn::nop, insn::nop, insn::sc}), msr::de);
    run(f);
    print("no event enabled: {} steps, {}", {count, name(f.vector)});
    mtspr<dbcr0_spr>(dbcr0::idm | dbcr0::icmp);
    f = patterned(1, place({insn::nop, insn::mfmsr(6), insn::sc}), 0);
    run(f);
    mtspr<dbcr0_spr>(0);
    print("DE=0: {} steps, {}", {count, name(f.vector)});
    for (const u32 state : {0u, msr::pr, msr::ee}) through_interrupts(state);
}
