// SPDX-License-Identifier: Apache-2.0
//
// Loops that get on, slowly or at once: a decrementer that runs out sooner than a way to its
// handler and back may take, where the interrupted code is somewhere special; and lwarx and stwcx.
// with an instruction between them that leaves the guest.
#include "tlb.hpp"

namespace {

using namespace isa;

constexpr u32 hole = 0xf400'0000, device = 0x5000'00a0, page = 0x40'0000, counter = 0x41'0000;
constexpr u32 tsr_spr = 336, tcr_spr = 340, dec_spr = 22;
constexpr u32 soon = 3500;  // ticks

volatile u32 interrupts;

void on_decrementer(Frame&) {
    interrupts = interrupts + 1;
    mtspr<dec_spr>(soon);
    mtspr<tsr_spr>(tsr::dis);
}

// Copies the words to `page`, which is where `ea` is, in both address spaces.
void copy(std::initializer_list<u32> words) {
    auto* to = reinterpret_cast<volatile u32*>(page);
    for (const u32 word : words) *to++ = word;
    flush_code(page, static_cast<u32>(words.size()) * 4);
}

void interrupted(const char* what, u32 ea, u32 state) {
    constexpr u32 turns = 20'000;
    copy({insn::addi(6, 6, 1), insn::lwz(7, 4, 0), insn::x(266, 8, 8, 7), insn::bdnz(-12),
          insn::sc});
    *reinterpret_cast<volatile u32*>(counter) = 3;
    Frame f = patterned(1, ea, state | msr::ee);
    f.gpr[4] = counter;
    f.gpr[6] = f.gpr[8] = 0;
    f.ctr = turns;
    interrupts = 0;
    set_hook(Vector::decrementer, on_decrementer);
    mtspr<tsr_spr>(tsr::dis);
    mtspr<tcr_spr>(tcr::die);
    mtspr<dec_spr>(soon);
    run(f);
    mtspr<tcr_spr>(0);
    mtspr<dec_spr>(0);
    mtspr<tsr_spr>(tsr::dis);
    set_hook(Vector::decrementer, nullptr);
    print("{} with {x}: {} at +{} turns {} sum {}",
          {what, state, name(f.vector), f.nip - ea, f.gpr[6], f.gpr[8]});
    print("# {} interrupts", {static_cast<u32>(interrupts)});
}

// Adds one to a word `turns` times; `word` stands between lwarx and stwcx., `after` behind it.
void reserved(const char* what, u32 word, u32 state, u32 after = insn::nop) {
    constexpr u32 turns = 40;
    constexpr u32 lwarx = insn::x(20, 6, 0, 4), stwcx = insn::x(150, 6, 0, 4) | 1;
    constexpr u32 bne = 0x4082'0000;
    copy({lwarx, word, after, insn::addi(6, 6, 1), stwcx, bne | (-20 & 0xfffc), insn::bdnz(-24),
          insn::sc});
    *reinterpret_cast<volatile u32*>(counter) = 0;
    Frame f = patterned(2, page, state);
    f.gpr[4] = counter;
    f.gpr[5] = device;
    f.ctr = turns;
    run(f);
    print("{} with {x}: {} at +{} counter {} cr0 {x}",
          {what, state, name(f.vector), f.nip - page, *reinterpret_cast<volatile u32*>(counter),
           f.cr >> 28});
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    const Page space1{.ea = 0, .pa = 0, .tsize = 7, .space = true};
    tlbwe(1, 2, space1);
    tlbwe(0, 0, {.ea = hole, .pa = page});
    tlbwe(0, 1, {.ea = hole, .pa = page, .space = true});
    for (const u32 mode : {0u, msr::pr}) {
        interrupted("plain", page, mode);
        interrupted("in address space 1", page, mode | msr::is | msr::ds);
        interrupted("in the hole", hole, mode);
        interrupted("in the hole of address space 1", hole, mode | msr::is | msr::ds);
    }
    // The processor version, a device's register.
    tlbwe(0, 2, {.ea = device & ~0xfffu, .pa = 0xf'e00e'0000, .attributes = mas2::i | mas2::g});
    reserved("nothing between", insn::nop, 0);
    reserved("mfmsr", insn::mfmsr(7), 0);
    reserved("mfspr DEC", insn::mfspr(7, dec_spr), 0);
    reserved("wrteei", insn::wrteei(0), 0, insn::mfspr(7, tsr_spr));
    reserved("tlbsx", insn::tlbsx(0, 4), 0);
    reserved("tlbsync", insn::tlbsync, 0);
    for (const u32 mode : {0u, msr::pr}) {
        reserved("device", insn::lwz(7, 5, 0), mode);
        reserved("device, twice", insn::lwz(7, 5, 0), mode, insn::lwz(8, 5, 0));
    }
    flush_all();
}
