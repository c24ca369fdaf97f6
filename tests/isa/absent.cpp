// SPDX-License-Identifier: Apache-2.0
//
// Addresses that nothing is mapped at, while code is hot: what a monitor may have put there is not
// to be seen, by user mode in any way, by the kernel as data.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 hole = 0xf412'3000, backing = 0x40'0000;
// What a branch from the program reaches, beyond its own 16 MiB; and what RA=0 reaches.
constexpr u32 reach_begin = 0x100'0000, reach_end = 0x200'0000, block = 0x1'0000;
constexpr u32 highest = 0xffff'8000;

// One access, after a load from r5: a program that has touched what a monitor must make way for.
Frame access(Try how, u32 ea, u32 state, bool after) {
    const u32 first = after ? insn::lwz(8, 5, 0) : insn::nop;
    const u32 mtctr = insn::mtspr(4, 9), bctr = 0x4e80'0420;
    const u32 word = how == Try::load ? insn::lwz(9, 4, 0) : insn::stw(9, 4, 0);
    const u32 at = how == Try::fetch ? place({first, mtctr, bctr}) : place({first, word, insn::sc});
    Frame f = patterned(ea >> 12, at, state);
    f.gpr[4] = ea;
    f.gpr[5] = hole;
    run(f);
    return f;
}

void absent(u32 ea, u32 state, bool after) {
    for (const Try how : {Try::load, Try::store, Try::fetch}) {
        // A kernel that jumps to what it does not have may see what a monitor has (docs/limits.md).
        if (how == Try::fetch && !(state & msr::pr)) continue;
        const Frame f = access(how, ea, state, after);
        const bool fetch = how == Try::fetch;
        ++checked;
        same("a miss", ea, f.vector,
             static_cast<u32>(fetch ? Vector::instruction_tlb : Vector::data_tlb));
        same("where", ea, fetch ? f.nip : f.dear, ea);
        if (!fetch) same("ESR", ea, f.esr, how == Try::store ? esr::st : 0);
        same("MSR", ea, f.msr & msr_mask, state);
    }
}

}  // namespace

void isa_main() {
    constexpr u32 other_space = msr::is | msr::ds;
    mtspr<628>(0x100);
    tlbwe(1, 2, {.ea = 0, .pa = 0, .tsize = 7, .space = true});
    tlbwe(0, 0, {.ea = hole, .pa = backing});
    tlbwe(0, 1, {.ea = hole, .pa = backing, .space = true});
    for (const bool after : {false, true}) {
        for (u32 ea = reach_begin; ea < reach_end; ea += block) {
            // Anywhere in the first pages, where the first stubs would be.
            const u32 offset = ea / block % 4 * 0x1000 + ea / block * 16 % 0x400;
            if (ea % (16 * block) == 0) mix("hot", reinterpret_cast<u32>(hot_mix), hot, ea);
            absent(ea + offset, msr::pr, after);
            absent(ea, msr::pr, after);
            absent(ea + offset, msr::pr | other_space, after);
        }
        verdict("near the code", checked);
        checked = 0;
        for (u32 ea = highest; ea != 0; ea += 0x1000) {
            for (u32 offset = 0; offset < 0x400; offset += 0x84) {
                absent(ea + offset, msr::pr, after);
                absent(ea + offset, msr::pr | other_space, after);
                absent(ea + offset, other_space, after);
                mix("hot", reinterpret_cast<u32>(hot_mix), 2, ea);
            }
        }
        verdict("high", checked);
        checked = 0;
    }
    // The kernel last: it would have what it touches left alone.
    for (const u32 state : {other_space, 0u}) {
        for (u32 ea = reach_begin; ea < reach_end; ea += block) {
            absent(ea + 0x40, state, ea / block & 1);
            if (ea % (4 * block) == 0) mix("hot", reinterpret_cast<u32>(hot_mix), hot, ea);
        }
    }
    verdict("the kernel's data", checked);
}
