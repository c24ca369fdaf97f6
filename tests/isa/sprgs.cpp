// SPDX-License-Identifier: Apache-2.0
//
// SPRG3 to SPRG7 have two numbers: one that traps and one that user mode may read and that does
// not. What hot code writes by the one is what both modes read by the other, at once.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 page = 0x40'0000;

void expect(const char* what, u32 at, u32 have, u32 want) {
    ++checked;
    same(what, at, have, want);
}

// All five, by the numbers of user mode.
struct Five {
    u32 value[5];
} five;
u32 read_five() {
    five = {{mfspr<259>(), mfspr<260>(), mfspr<261>(), mfspr<262>(), mfspr<263>()}};
    return 0;
}

// In a loop: write by 275 + n, read by both numbers, count what differs.
void loops() {
    for (u32 n = 0; n < 5; ++n) {
        const u32 at = page + 0x40 * n;
        auto* const p = reinterpret_cast<volatile u32*>(at);
        p[0] = insn::mtspr(3, 9);
        p[1] = insn::addi(3, 0, 0);
        p[2] = insn::mtspr(4, 275 + n);
        p[3] = insn::mfspr(5, 259 + n);
        p[4] = insn::mfspr(6, 275 + n);
        p[5] = 31u << 26 | 5u << 21 | 7u << 16 | 4u << 11 | 316u << 1;  // xor r7,r5,r4
        p[6] = 31u << 26 | 6u << 21 | 8u << 16 | 4u << 11 | 316u << 1;  // xor r8,r6,r4
        p[7] = 31u << 26 | 7u << 21 | 7u << 16 | 8u << 11 | 444u << 1;  // or r7,r7,r8
        p[8] = 31u << 26 | 3u << 21 | 3u << 16 | 7u << 11 | 444u << 1;  // or r3,r3,r7
        p[9] = insn::addi(4, 4, 0x111);
        p[10] = insn::bdnz(-32);
        p[11] = insn::blr;
        flush_code(at, 48);
    }
    for (u32 round = 0; round < hot; ++round) {
        for (u32 n = 0; n < 5; ++n) {
            const u32 at = page + 0x40 * n, first = round << 16 | n << 12;
            expect("loop", 275 + n, reinterpret_cast<u32 (*)(u32, u32)>(at)(50, first), 0);
            read_five();
            expect("left", 259 + n, five.value[n], first + 49 * 0x111);
        }
    }
    verdict("loops", checked);
    checked = 0;
}

// Written here, read in the kernel and in user mode; what is not written stays.
void in_turn() {
    u32 model[5] = {};
    u32 random = 1;
    const auto write = [&](u32 n, u32 value) {
        switch (n) {
            case 0:
                mtspr<275>(value);
                break;
            case 1:
                mtspr<276>(value);
                break;
            case 2:
                mtspr<277>(value);
                break;
            case 3:
                mtspr<278>(value);
                break;
            default:
                mtspr<279>(value);
                break;
        }
    };
    for (u32 n = 0; n < 5; ++n) write(n, 0);
    for (u32 round = 0; round < 1200; ++round) {
        random = random * 1664525 + 1013904223;
        const u32 n = (random >> 24) % 5;
        model[n] = random;
        write(n, random);
        if (round % 4 == 0) {
            in_user_mode(reinterpret_cast<u32>(read_five));
        } else {
            read_five();
        }
        for (u32 i = 0; i < 5; ++i) expect("in turn", 259 + i, five.value[i], model[i]);
        expect("SPRG3", 275, mfspr<275>(), model[0]);
        expect("SPRG4", 276, mfspr<276>(), model[1]);
        expect("SPRG7", 279, mfspr<279>(), model[4]);
    }
    verdict("in turn", checked);
    checked = 0;
}

// User mode may not write any, nor read SPRG3 to 7 by the kernel's numbers.
void forbidden() {
    for (u32 round = 0; round < hot; ++round) {
        for (u32 n = 0; n < 5; ++n) {
            mtspr<276>(round);
            for (const u32 word : {insn::mtspr(4, 275 + n), insn::mfspr(4, 275 + n)}) {
                const u32 at = page + 0x800;
                *reinterpret_cast<volatile u32*>(at) = word;
                flush_code(at, 4);
                Frame f = patterned(round, at, msr::pr);
                run(f);
                expect("forbidden", word, f.vector, static_cast<u32>(Vector::program));
                expect("forbidden", word, f.esr, esr::ppr);
            }
            read_five();
            expect("unchanged", 260, five.value[1], round);
        }
    }
    verdict("forbidden", checked);
}

}  // namespace

void isa_main() {
    loops();
    in_turn();
    forbidden();
}
