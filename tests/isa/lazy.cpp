// SPDX-License-Identifier: Apache-2.0
//
// A guest that maps pages when they are missed, at the top of the address space too: the first
// access to each must miss, whatever a monitor keeps up there for its own ends.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 high = 0xffff'8000, backing = 0x40'8000, pages = 8;

volatile u32 misses;
void map(Frame& f) {
    misses = misses + 1;
    const u32 page = (f.dear - high) >> 12;
    tlbwe(0, page % 4, {.ea = f.dear & ~0xfffu, .pa = backing + 0x1000 * page});
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    set_hook(Vector::data_tlb, map);
    for (u32 round = 0; round < 3; ++round) {
        for (u32 page = 0; page < pages; ++page) {
            const u32 at = high + 0x1000 * page;
            auto* const under = reinterpret_cast<volatile u32*>(backing + 0x1000 * page);
            under[round] = 0xabc0'0000 + 16 * page + round;
            mix("before", reinterpret_cast<u32>(hot_mix));
            auto* const p = reinterpret_cast<volatile u32*>(at);
            misses = 0;
            if (round == 1) {
                p[round] = round;
                same("written", at, under[round], round);
            } else {
                same("read", at, p[round], 0xabc0'0000 + 16 * page + round);
            }
            same("misses", at, misses, 1);
            if (round == 2) tlbivax(at);
        }
        flush_all();
    }
    verdict("missed and mapped", 3 * pages);
}
