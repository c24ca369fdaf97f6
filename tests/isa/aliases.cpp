// SPDX-License-Identifier: Apache-2.0
//
// One page at many addresses, all of them run, written by the one and the other, and moved
// meanwhile; and code that writes what it comes to next.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 pages = 4, places = 6;
u32 first_page;  // new ones in each turn, so that nobody knows them yet
u32 page_at(u32 n) {
    constexpr u32 offsets[pages] = {0, 0x1000, 0x5000, 0x8'0000};
    return first_page + offsets[n];
}
// Where they are seen: 4 KiB, 64 KiB, 1 MiB; the last is always where the pages themselves are.
struct Place {
    u32 ea, tsize;
};
constexpr Place place_at[places] = {{0x4000'0000, 1}, {0x4000'1000, 1}, {0x4001'0000, 3},
                                    {0x4020'0000, 5}, {0xc000'0000, 1}, {0, 0}};

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }

u32 state = 1;
u32 random(u32 below) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
}

// Each page has functions of one slot: mtctr r3; slot; bdnz; wrteei 0; mr r3,r6; blr, at four
// offsets, two of them alike so that pages differ by the slot alone.
constexpr u32 functions = 4, distance = 0x140;
constexpr u32 offset_of(u32 n) { return 0x40 + n * distance; }

struct Word {
    u32 instruction, result;
};
Word word_of(u32 n) {
    switch (n % 6) {
        case 0:
            return {insn::mfmsr(6), 0};
        case 1:
            return {insn::mfspr(6, 272), 0x100};
        case 2:
            return {insn::mfspr(6, 273), 0x200};
        case 3:
            return {insn::addi(6, 0, n), n};
        case 4:
            return {insn::addi(6, 4, n), 0x5000 + n};
        default:
            return {insn::wrteei(1), 0x66};
    }
}

// What the model says.
u32 slot[pages][functions], seen_at[places];
constexpr u32 nowhere = pages;

u32 address(u32 p, u32 page, u32 offset) {
    if (p == places - 1) return page_at(page) + offset;
    return place_at[p].ea + page_at(page) % (1024u << 2 * place_at[p].tsize) + offset;
}

void map(u32 p, u32 page) {
    const Place& to = place_at[p];
    const u32 mask = (1024u << 2 * to.tsize) - 1;
    const bool small = to.tsize == 1;
    if (page == nowhere) {
        if (small) {
            tlbivax(to.ea);
        } else {
            tlbwe(1, 2 + p, {.ea = to.ea, .pa = 0, .tsize = to.tsize}, false);
        }
    } else {
        tlbwe(small ? 0 : 1, small ? p / 2 : 2 + p,
              {.ea = to.ea, .pa = page_at(page) & ~mask, .tsize = to.tsize});
    }
    seen_at[p] = page;
}

void build(u32 page, u32 n, u32 value) {
    const u32 at = page_at(page) + offset_of(n);
    slot[page][n] = value;
    const u32 code[] = {insn::mtspr(3, 9), insn::addi(6, 0, 0x66), word_of(value).instruction,
                        insn::bdnz(-4),    insn::wrteei(0),        insn::addi(3, 6, 0),
                        insn::blr};
    for (u32 i = 0; i < sizeof code / 4; ++i) word(at + 4 * i) = code[i];
    flush_code(at, sizeof code);
}

void run_one(u32 p, u32 times) {
    const u32 page = p == places - 1 ? random(pages) : seen_at[p];
    const u32 n = random(functions);
    if (page == nowhere) {
        const Frame f = attempt(Try::fetch, place_at[p].ea, 0);
        same("not there", place_at[p].ea, f.vector, static_cast<u32>(Vector::instruction_tlb));
        return;
    }
    const u32 at = address(p, page, offset_of(n));
    ++checked;
    same("runs", at, reinterpret_cast<u32 (*)(u32, u32)>(at)(times, 0x5000),
         word_of(slot[page][n]).result);
}

void write_one(u32 p, bool user) {
    const u32 page = p == places - 1 ? random(pages) : seen_at[p];
    if (page == nowhere) return;
    const u32 n = random(functions), value = random(600);
    const u32 at = address(p, page, offset_of(n) + 8), instruction = word_of(value).instruction;
    slot[page][n] = value;
    if (user) {
        in_user_mode(reinterpret_cast<u32>(hot_store), at, instruction);
    } else {
        hot_store(at, instruction);
    }
    const u32 other = random(places);
    if (other == places - 1 || seen_at[other] == page) {
        const u32 there = address(other, page, offset_of(n) + 8);
        same("reads", there, word(there), instruction);
    }
}

void by_chance(u32 turns) {
    for (u32 page = 0; page < pages; ++page) {
        for (u32 n = 0; n < functions; ++n) build(page, n, random(600));
    }
    for (u32 p = 0; p < places - 1; ++p) map(p, random(pages));
    for (u32 i = 0; i < turns; ++i) {
        const u32 p = random(places);
        switch (random(16)) {
            case 0:
                write_one(p, false);
                break;
            case 1:
                write_one(p, true);
                break;
            case 2:
                if (p < places - 1) map(p, random(pages + 1));
                break;
            case 3:
            case 4:
                run_one(p, hot);
                break;
            default:
                run_one(p, 1 + random(4));
        }
    }
    flush_all();
}

// A loop that stores each next word of a list to the slot before it, makes it executable and comes
// to it. All in one page: code, list, and what is counted. Returns a digest.
constexpr u32 loop_at = 0xc0'0000, list = loop_at + 0x400, list_words = 64, tally = loop_at + 0xa00;
void writes_ahead(const char* what, bool user, u32 base, u32 gap) {
    const u32 slot_index = 10 + gap;
    u32 code[40];
    u32 n = 0;
    for (const u32 w : {insn::lwz(4, 8, 0), insn::addi(8, 8, 4), insn::stw(4, 7, 0),
                        insn::x(54, 0, 0, 7) /* dcbst */, insn::x(598) /* msync */,
                        insn::x(982, 0, 0, 7) /* icbi */, insn::x(598), insn::isync,
                        insn::lwz(9, 7, 0), insn::x(266, 3, 3, 9)}) {
        code[n++] = w;
    }
    while (n < slot_index) code[n++] = insn::addi(11, 11, 1);
    code[n++] = insn::nop;  // the slot
    code[n++] = insn::x(266, 3, 3, 6);
    code[n++] = insn::lwz(9, 10, 0);
    code[n++] = insn::addi(9, 9, 1);
    code[n++] = insn::stw(9, 10, 0);
    code[n] = insn::bdnz(-4 * static_cast<int>(n));
    code[++n] = insn::sc;
    for (u32 i = 0; i <= n; ++i) word(loop_at + 4 * i) = code[i];
    flush_code(loop_at, 4 * n + 4);
    u32 want = 0, last = 0x6666;
    for (u32 i = 0; i < list_words; ++i) {
        u32 instruction = insn::addi(6, 0, i);
        u32 result = i;
        if (i % 3 == 1) {
            instruction = user ? insn::mfspr(6, 260) : insn::mfspr(6, 272);
            result = user ? 0x4321 : 0x100;
        } else if (i % 3 == 2) {
            instruction = user ? insn::nop : insn::mfmsr(6);
            result = user ? last : 0;
        }
        word(list + 4 * i) = instruction;
        want += instruction + result;
        last = result;
    }
    for (u32 round = 0; round < 4; ++round) {
        word(tally) = round;
        mtspr<276>(0x4321);
        Frame f = patterned(round, base + loop_at, user ? msr::pr : 0);
        f.gpr[3] = 0;
        f.gpr[6] = 0x6666;
        f.gpr[7] = base + loop_at + 4 * slot_index;
        f.gpr[8] = base + list;
        f.gpr[10] = base + tally;
        f.ctr = list_words;
        run(f);
        ++checked;
        same(what, gap, f.gpr[3], want);
        same(what, gap, f.nip, base + loop_at + 4 * (n + 1));
        same(what, gap, word(tally), round + list_words);
    }
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    mtspr<272>(0x100);
    mtspr<273>(0x200);
    for (u32 seed = 1; seed <= 8; ++seed) {
        state = seed;
        first_page = 0x30'0000 + seed * 0x10'0000;
        by_chance(800);
        done("by chance");
    }
    constexpr u32 elsewhere = 0x2000'0000;
    for (const u32 base : {0u, elsewhere}) {
        if (base != 0) tlbwe(1, 3, {.ea = base, .pa = 0, .tsize = 7});
        for (const bool user : {false, true}) {
            for (const u32 gap : {0u, 1u, 2u, 7u, 16u}) {
                writes_ahead(user ? "user mode" : "kernel", user, base, gap);
            }
        }
    }
    flush_all();
    done("writes ahead");
}
