// SPDX-License-Identifier: Apache-2.0
//
// Pages whose use changes: code over other code, code that becomes data and code again, addresses
// that get another page, pages at several addresses, one address in several processes.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 page_a = 0x40'0000, page_b = 0x41'0000, page_c = 0x42'0000;
constexpr u32 ea = 0x4000'0000;

// A function at pa that reads SPRG `n` the hot way and says which page it is: marker + SPRGn.
void fill(u32 pa, u32 marker, u32 n) {
    auto* const p = reinterpret_cast<volatile u32*>(pa);
    p[0] = insn::mtspr(3, 9);
    p[1] = insn::addi(7, 0, 0);
    p[2] = insn::mfspr(6, 272 + n);
    p[3] = insn::mtspr(6, 272 + 3);
    p[4] = insn::wrteei(1);
    p[5] = insn::mfmsr(5);
    p[6] = insn::wrteei(0);
    p[7] = insn::x(266, 7, 6, 5);  // add r7,r6,r5
    p[8] = insn::bdnz(-24);
    p[9] = insn::addi(3, 7, marker);
    p[10] = insn::blr;
    flush_code(pa, 44);
}
constexpr u32 words = 11;
u32 digest(u32 marker, u32 n) { return 0x100 * (n + 1) + msr::ee + marker; }
u32 call(u32 at, u32 times) { return reinterpret_cast<u32 (*)(u32)>(at)(times); }

void check(const char* what, u32 at, u32 marker, u32 n, u32 times = hot) {
    ++checked;
    same(what, at, call(at, times), digest(marker, n));
}

// A copy over another function, forward and backward, by words and by bytes.
void copied() {
    for (u32 turn = 0; turn < 24; ++turn) {
        const u32 n = turn % 3;
        fill(page_a, turn, n);
        check("before", page_a, turn, n);
        fill(page_b, 100 + turn, (n + 1) % 3);
        if (turn & 1) check("the other", page_b, 100 + turn, (n + 1) % 3);
        const u32 bytes = 4 * words;
        for (u32 i = 0; i < bytes; ++i) {
            const u32 at = turn & 2 ? i : bytes - 1 - i;
            if (turn & 4) {
                reinterpret_cast<volatile u8*>(page_a)[at] =
                    reinterpret_cast<volatile u8*>(page_b)[at];
            } else if (at % 4 == 0) {
                reinterpret_cast<volatile u32*>(page_a)[at / 4] =
                    reinterpret_cast<volatile u32*>(page_b)[at / 4];
            }
        }
        flush_code(page_a, bytes);
        check("after", page_a, 100 + turn, (n + 1) % 3);
        // And to another place on a page that is hot.
        copy_code(page_a + 0x800, page_b, bytes);
        check("beside", page_a + 0x800, 100 + turn, (n + 1) % 3);
    }
    done("copied");
}

// Code that is freed: the page holds data, which is read and written much, then code again.
void freed() {
    auto* const p = reinterpret_cast<volatile u32*>(page_a);
    for (u32 turn = 0; turn < 8; ++turn) {
        fill(page_a, turn, turn % 3);
        check("code", page_a, turn, turn % 3);
        for (u32 round = 0; round < 4; ++round) {
            for (u32 i = 0; i < 1024; ++i) p[i] = i * 0x01010101 + round;
            for (u32 i = 0; i < 1024; ++i) {
                same("data", page_a + 4 * i, p[i], i * 0x01010101 + round);
            }
            ++checked;
        }
        // Words that look like hot instructions, never run.
        for (u32 i = 0; i < 1024; ++i) p[i] = insn::mfmsr(i & 31);
        for (u32 i = 0; i < 1024; ++i) same("words", page_a + 4 * i, p[i], insn::mfmsr(i & 31));
        ++checked;
    }
    done("freed");
}

// One address with several pages by turns, as entries of TLB0 and of TLB1.
void remapped() {
    fill(page_a, 1, 0);
    fill(page_b, 2, 1);
    fill(page_c, 3, 2);
    constexpr u32 pages[] = {page_a, page_b, page_c};
    for (u32 turn = 0; turn < 30; ++turn) {
        const u32 n = turn * 7 % 3;
        tlbwe(0, 0, {.ea = ea, .pa = pages[n]});
        check("TLB0", ea, n + 1, n, turn % 5 == 4 ? 1 : hot);
        if (turn % 4 == 3) {
            tlbivax(ea);
            const Frame f = attempt(Try::fetch, ea - 4, 0);
            if (f.vector != static_cast<u32>(Vector::instruction_tlb)) {
                print_event("gone", f, ea);
            }
        }
    }
    flush_all();
    constexpr u32 large = 0x4100'0000;
    for (u32 turn = 0; turn < 30; ++turn) {
        const u32 n = turn * 5 % 3;
        tlbwe(1, 5, {.ea = large, .pa = pages[n], .tsize = 3});  // 64 KiB
        check("TLB1", large, n + 1, n, turn % 5 == 4 ? 1 : hot);
        if (turn % 3 == 2) tlbivax(large | 8);
        if (turn % 7 == 6) mtspr<1012>(mmucsr0::tlb1_fi);
    }
    flush_all();
    // What was executable is not any more, and is again.
    for (u32 turn = 0; turn < 6; ++turn) {
        tlbwe(0, 0, {.ea = ea, .pa = page_a});
        check("executable", ea, 1, 0);
        const u32 less = turn & 1 ? mas3::sr | mas3::sw : mas3::sr | mas3::sx;
        tlbwe(0, 0, {.ea = ea, .pa = page_a, .permissions = less});
        const Frame f = attempt(Try::store, ea + 0x700, 0, turn);
        print("less: store {}", {name(f.vector)});
        if (turn & 1) {
            print("less: fetch {}", {name(attempt(Try::fetch, ea - 4, 0).vector)});
        } else {
            check("still", ea, 1, 0);
        }
        const Frame h = attempt(Try::load, ea + 8, 0);
        same("still reads", ea + 8, h.gpr[9], insn::mfspr(6, 272));
    }
    flush_all();
    done("remapped");
}

// One page at two addresses, both hot; written through one, run at both.
void twice() {
    constexpr u32 second = 0x4200'0000;
    tlbwe(0, 0, {.ea = ea, .pa = page_a});
    tlbwe(1, 5, {.ea = second, .pa = page_a, .tsize = 3});
    for (u32 turn = 0; turn < 12; ++turn) {
        const u32 where[] = {ea, second, page_a};
        fill(where[turn % 3], turn, turn % 3);
        for (u32 i = 0; i < 3; ++i) check("twice", where[(turn + i) % 3], turn, turn % 3);
        for (const u32 at : where) {
            for (u32 i = 0; i < words; ++i) {
                same("reads alike", at + 4 * i, *reinterpret_cast<volatile u32*>(at + 4 * i),
                     *reinterpret_cast<volatile u32*>(page_a + 4 * i));
            }
        }
    }
    flush_all();
    done("twice");
}

// One address in processes 5 and 6 and in none, hot in all.
void processes() {
    fill(page_a, 1, 0);
    fill(page_b, 2, 1);
    fill(page_c, 3, 2);
    for (u32 round = 0; round < 3; ++round) {
        tlbwe(0, 0, {.ea = ea, .pa = page_a, .tid = 5});
        tlbwe(0, 1, {.ea = ea, .pa = page_b, .tid = 6});
        tlbwe(0, 2, {.ea = ea + 0x1000, .pa = page_c});
        for (u32 turn = 0; turn < 6; ++turn) {
            mtspr<48>(5 + turn % 2);
            asm volatile("isync" : : : "memory");
            check("process", ea, turn % 2 ? 2 : 1, turn % 2);
            check("every process", ea + 0x1000, 3, 2);
        }
        mtspr<48>(0);
        asm volatile("isync" : : : "memory");
        flush_all();
        tlbwe(0, 3, {.ea = ea, .pa = page_c});
        check("no process", ea, 3, 2);
        flush_all();
    }
    done("processes");
}

// A page of which only the other half of its code is known: two pages in a row, of which the
// second comes, goes and changes behind the first.
void behind() {
    for (u32 i = 0; i < 3; ++i) {
        auto* const p = reinterpret_cast<volatile u32*>(page_a + 0x1000 * (i + 1));
        p[0] = insn::mfmsr(6);
        p[1] = insn::addi(3, 6, i + 1);
        p[2] = insn::blr;
        flush_code(page_a + 0x1000 * (i + 1), 12);
    }
    auto* const last = reinterpret_cast<volatile u32*>(page_a + 0xff8);
    last[0] = insn::mfmsr(5);
    last[1] = insn::wrteei(0);
    flush_code(page_a + 0xff8, 8);
    tlbwe(0, 0, {.ea = ea, .pa = page_a});
    for (u32 turn = 0; turn < 3 * hot; ++turn) {
        tlbwe(0, 1, {.ea = ea + 0x1000, .pa = page_a + 0x1000 * (turn % 3 + 1)});
        ++checked;
        same("behind", ea, call(ea + 0xff8, 0), turn % 3 + 1);
        if (turn % 8 == 7) {
            tlbivax(ea + 0x1000);
            const Frame f = attempt(Try::fetch, ea + 0xff4, 0);
            same("missing", turn, f.nip, ea + 0x1000);
            same("missing", turn, f.vector, static_cast<u32>(Vector::instruction_tlb));
        }
    }
    flush_all();
    done("behind");
}

}  // namespace

void isa_main() {
    mtspr<272>(0x100);
    mtspr<273>(0x200);
    mtspr<274>(0x300);
    mtspr<628>(0x100);
    copied();
    freed();
    remapped();
    twice();
    processes();
    behind();
}
