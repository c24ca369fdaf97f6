// SPDX-License-Identifier: Apache-2.0
//
// A guest that flushes TLB0 again and again, as Linux does whenever it writes to its own text: with
// hot sites here and there in much text that a large page maps, and a few small pages between two
// flushes; with the word `many` on its command line, more of them than a monitor cares to remember.
// It prints the same natively, and patched or not; tests/system/test_vmm_flushes.py measures it.
#include "bare.hpp"
#include "tlb.hpp"

namespace {

using namespace isa;

constexpr u32 text = 0x40'0000, pages = 128, hot_every = 32;
constexpr u32 small = 0x4000'0000, backing = 0x80'0000;

u32 mistakes;

// A function in each page; `mfmsr` in some.
void place_text() {
    constexpr u32 blr = 0x4e80'0020, addi_r3_1 = 0x3863'0001, mfmsr_r4 = 0x7c80'00a6;
    for (u32 i = 0; i < pages; ++i) {
        auto* const at = reinterpret_cast<volatile u32*>(text + 0x1000 * i + 64 * (i % 16));
        at[0] = i % hot_every == 0 ? mfmsr_r4 : addi_r3_1;
        at[1] = addi_r3_1;
        at[2] = blr;
        flush_code(text + 0x1000 * i + 64 * (i % 16), 12);
    }
}

u32 run_text() {
    u32 sum = 0;
    for (u32 i = 0; i < pages; ++i) {
        auto* const f = reinterpret_cast<u32 (*)(u32)>(text + 0x1000 * i + 64 * (i % 16));
        sum = f(sum);
    }
    return sum;
}

void map_small(u32 n) {
    mtspr<626>(small + 0x1000 * n);
    mtspr<627>((backing + 0x1000 * (n % 4)) | mas3::permissions);
    asm volatile("isync; tlbwe; isync" : : : "memory");
}

void flush_small() { mtspr<1012>(mmucsr0::tlb0_fi); }

void go(u32 rounds, u32 count) {
    mtspr<624>(mas0::make(0, 0));
    mtspr<625>(mas1::v | 1u << 8);
    mtspr<944>(0);
    u32 want = 0;
    for (u32 round = 0; round < rounds; ++round) {
        for (u32 n = 0; n < count; ++n) {
            map_small(n);
            auto* const p = reinterpret_cast<volatile u32*>(small + 0x1000 * n);
            if (n == 0 && *p != want) ++mistakes;
            *p = round + n;
        }
        want = round + (count - 1) / 4 * 4;
        if (run_text() != 2 * pages - pages / hot_every) ++mistakes;
        flush_small();
    }
}

}  // namespace

void isa_main() {
    *reinterpret_cast<volatile u32*>(backing) = 0;
    place_text();
    const bool many = bare::word_given("many");
    const u32 rounds = many ? 25'000 : 160'000;
    go(rounds, many ? 40 : 2);
    print("{} rounds, {} wrong", {rounds, mistakes});
}
