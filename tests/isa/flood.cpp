// SPDX-License-Identifier: Apache-2.0
//
// More trap sites than the VMM has room for: 6 pages of 1024, once each, between those of a
// loop that stays hot.
#include "tlb.hpp"

namespace {

using namespace isa;

constexpr u32 pages = 6, words = 1024, first = 0x60'0000, hot = 0x5f'f000;

}  // namespace

void isa_main() {
    auto* const p = reinterpret_cast<volatile u32*>(hot);
    p[0] = insn::mfmsr(6);
    p[1] = insn::blr;
    flush_code(hot, 8);
    for (u32 i = 0; i < 500; ++i) reinterpret_cast<void (*)()>(hot)();
    for (u32 page = 0; page < pages; ++page) {
        const u32 at = first + page * 4 * words;
        auto* const to = reinterpret_cast<volatile u32*>(at);
        for (u32 i = 0; i + 1 < words; ++i) to[i] = insn::mfspr(6, 272);
        to[words - 1] = insn::blr;
        flush_code(at, 4 * words);
        reinterpret_cast<void (*)()>(at)();
        for (u32 i = 0; i < 100; ++i) reinterpret_cast<void (*)()>(hot)();
    }
    print("once each: {}, hot: {}", {pages * (words - 1), 500 + pages * 100});
}
