// SPDX-License-Identifier: Apache-2.0
//
// How a guest is entered: its registers, the one mapping, where the device tree is and what room
// it has, and that memory is zero but for what was loaded.
#include "tlb.hpp"

namespace {

using namespace isa;

u32 word_at(u32 address) { return *reinterpret_cast<volatile u32*>(address); }
u32 entered_with(u32 reg) { return word_at(ENTRY + 4 * reg); }

void registers() {
    print("msr {x}", {entered_with(0) & msr_mask});
    for (const u32 reg : {1, 3, 4, 5, 6, 7, 8, 9}) print("r{} {x}", {reg, entered_with(reg)});
    print("tcr {x} hid0 {x} dbcr0 {x} pid {} {} {}",
          {mfspr<340>(), mfspr<1008>(), mfspr<308>(), mfspr<48>(), mfspr<633>(), mfspr<634>()});
}

void mappings() {
    for (u32 i = 0; i < 16; ++i) {
        const u32 at = ENTRY_TLB + 16 * i;
        if (word_at(at) & mas1::v) {
            print("tlb1[{}] {x} {x} {x} {x}",
                  {i, word_at(at), word_at(at + 4), word_at(at + 8), word_at(at + 12)});
        }
    }
}

void memory() {
    constexpr u32 window = 0x4000'0000, page_256m = 9, program_end = 0x40'0000;
    constexpr u32 magic = 0, total_size = 4, all = 0x1000'0000;
    tlbwe(1, 3, {.ea = window, .pa = 0, .tsize = page_256m});
    const u32 tree = entered_with(3);
    const u32 size = word_at(window + tree + total_size);
    print("tree {x}, {} bytes", {word_at(window + tree + magic), size});
    u32 others = 0;
    for (u32 at = program_end; at < all; at += 4) {
        if (at == tree) at += size;
        if (word_at(window + at) != 0 && others++ == 0) print("not zero: {x}", {at});
    }
    print("{} words of memory are not zero", {others});
}

}  // namespace

void isa_main() {
    registers();
    mappings();
    memory();
}
