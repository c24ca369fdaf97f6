// SPDX-License-Identifier: Apache-2.0
//
// Hot instructions that are overwritten: by stores of every form and size, from the same page,
// through another mapping, from user mode. What was written is what runs, again and again.
#include "hot.hpp"

namespace {

using namespace isa;

// A function: r3 times the instruction at `slot`, with r4 as its operand and r6 as its result.
constexpr u32 page = 0x40'0000, slot = page + 0xffc, alias = 0x4000'0000;
constexpr u32 store_offset = 0x100;  // of hot_store in the page

constexpr u32 operand = 0x0000'9000, unset = 0x66;

struct Effect {
    u32 result, msr, sprg0, sprg1, srr0;
};

// The instructions that take each other's place, and what each does.
constexpr u32 words[] = {
    insn::mfmsr(6),      insn::addi(6, 0, 0x123), insn::mtspr(4, 272),
    insn::mtspr(4, 273), insn::wrteei(1),         insn::nop,
    insn::mfspr(6, 272), insn::mfspr(6, 273),     insn::wrteei(0),
    insn::wrtee(4),      insn::mtspr(4, 26),      insn::mtmsr(4),
    insn::addi(6, 0, 7), insn::tlbsync,           insn::mfspr(6, 26),
    insn::addi(6, 4, 0),
};
constexpr u32 word_count = sizeof words / sizeof words[0];

Effect effect_of(u32 word) {
    Effect e{unset, 0, 0x1111'0000, 0x2222'0000, 0x3333'0000};
    switch (word) {
        case insn::mfmsr(6):
            e.result = 0;
            break;
        case insn::addi(6, 0, 0x123):
            e.result = 0x123;
            break;
        case insn::addi(6, 0, 7):
            e.result = 7;
            break;
        case insn::addi(6, 4, 0):
            e.result = operand;
            break;
        case insn::mtspr(4, 272):
            e.sprg0 = operand;
            break;
        case insn::mtspr(4, 273):
            e.sprg1 = operand;
            break;
        case insn::mtspr(4, 26):
            e.srr0 = operand;
            break;
        case insn::mfspr(6, 272):
            e.result = e.sprg0;
            break;
        case insn::mfspr(6, 273):
            e.result = e.sprg1;
            break;
        case insn::mfspr(6, 26):
            e.result = e.srr0;
            break;
        case insn::wrteei(1):
        case insn::wrtee(4):
            e.msr = msr::ee;
            break;
        case insn::mtmsr(4):
            e.msr = operand & ~msr::me;  // QEMU's mtmsr leaves ME alone
            break;
        default:
            break;
    }
    return e;
}

Effect run_slot(u32 at, u32 times) {
    mtspr<272>(0x1111'0000);
    mtspr<273>(0x2222'0000);
    mtspr<26>(0x3333'0000);
    register u32 r3 asm("r3") = times;
    register u32 r4 asm("r4") = operand;
    register u32 r6 asm("r6") = unset;
    asm volatile("mtctr %3; bctrl"
                 : "+r"(r6), "+r"(r3), "+r"(r4)
                 : "r"(at)
                 : "ctr", "lr", "memory", "cr0");
    Effect e{r6, mfmsr() & ~msr::me, mfspr<272>(), mfspr<273>(), mfspr<26>()};
    mtmsr(0);
    return e;
}

bool check(const char* what, u32 at, u32 word, u32 times) {
    const Effect want = effect_of(word), have = run_slot(at - 4, times);
    ++checked;
    bool right = same(what, "result", word, have.result, want.result);
    right &= same(what, "msr", word, have.msr, want.msr);
    right &= same(what, "sprg0", word, have.sprg0, want.sprg0);
    right &= same(what, "sprg1", word, have.sprg1, want.sprg1);
    right &= same(what, "srr0", word, have.srr0, want.srr0);
    return right && same(what, "the word", word, *reinterpret_cast<volatile u32*>(at), word);
}

// mtctr, the slot, bdnz, blr round the slot; it is the last of its page, or in the middle.
void build(u32 at, u32 word) {
    auto* const p = reinterpret_cast<volatile u32*>(at - 4);
    p[0] = insn::mtspr(3, 9);
    p[1] = word;
    p[2] = insn::bdnz(-4);
    p[3] = insn::blr;
    flush_code(at - 4, 16);
}

// ---- The stores. Each stores `word` at `at`; the words around it stay what they are.

u32 swapped(u32 v) { return __builtin_bswap32(v); }
u32 old_word(u32 at) { return *reinterpret_cast<volatile u32*>(at); }

// NOLINTBEGIN(bugprone-macro-parentheses): a string of asm takes none
#define ONE(name, instruction, base, index)                                           \
    void name(u32 at, u32 word) {                                                     \
        u32 address = at - (base);                                                    \
        asm volatile(instruction : "+b"(address) : "r"(word), "r"(index) : "memory"); \
    }
// NOLINTEND(bugprone-macro-parentheses)
ONE(by_stw, "stw %1, 8(%0)", 8, 0)
ONE(by_stwx, "stwx %1, %0, %2", 8, 8)
ONE(by_stwu, "stwu %1, 16(%0)", 16, 0)
ONE(by_stwux, "stwux %1, %0, %2", 32, 32)
void by_stwbrx(u32 at, u32 word) {
    asm volatile("stwbrx %0, 0, %1" : : "r"(swapped(word)), "r"(at) : "memory");
}
void by_stb(u32 at, u32 word) {
    asm volatile("stb %0, 0(%1); stb %2, 1(%1); stb %3, 2(%1); stb %4, 3(%1)"
                 :
                 : "r"(word >> 24), "b"(at), "r"(word >> 16), "r"(word >> 8), "r"(word)
                 : "memory");
}
void by_stbx(u32 at, u32 word) {
    for (u32 i = 0; i < 4; ++i) {
        asm volatile("stbx %0, %1, %2" : : "r"(word >> (24 - 8 * i)), "b"(at), "r"(i) : "memory");
    }
}
void by_stbu(u32 at, u32 word) {
    u32 to = at - 1;
    for (u32 i = 0; i < 4; ++i) {
        asm volatile("stbu %1, 1(%0)" : "+b"(to) : "r"(word >> (24 - 8 * i)) : "memory");
    }
}
void by_stbux(u32 at, u32 word) {
    u32 to = at + 4;
    for (u32 i = 0; i < 4; ++i) {
        asm volatile("stbux %1, %0, %2" : "+b"(to) : "r"(word >> (8 * i)), "r"(-1) : "memory");
    }
}
void by_sth(u32 at, u32 word) {
    asm volatile("sth %0, 2(%1); sth %2, 0(%1)" : : "r"(word), "b"(at), "r"(word >> 16) : "memory");
}
void by_sthx(u32 at, u32 word) {
    asm volatile("sthx %0, 0, %1; sthx %2, %1, %3"
                 :
                 : "r"(word >> 16), "b"(at), "r"(word), "r"(2)
                 : "memory");
}
void by_sthu(u32 at, u32 word) {
    u32 to = at - 2;
    asm volatile("sthu %1, 2(%0); sthu %2, 2(%0)"
                 : "+b"(to)
                 : "r"(word >> 16), "r"(word)
                 : "memory");
}
void by_sthux(u32 at, u32 word) {
    u32 to = at + 4;
    asm volatile("sthux %1, %0, %3; sthux %2, %0, %3"
                 : "+b"(to)
                 : "r"(word), "r"(word >> 16), "r"(-2)
                 : "memory");
}
void by_sthbrx(u32 at, u32 word) {
    const u32 s = swapped(word);
    asm volatile("sthbrx %0, 0, %1; sthbrx %2, %1, %3"
                 :
                 : "r"(s), "b"(at), "r"(s >> 16), "r"(2)
                 : "memory");
}
// Only the bytes that differ: what is stored mixes with what the guest has there.
void by_bytes_that_differ(u32 at, u32 word) {
    const u32 old = old_word(at);
    for (u32 i = 0; i < 4; ++i) {
        const u32 shift = 24 - 8 * i;
        if (((old ^ word) >> shift & 0xff) == 0) continue;
        *reinterpret_cast<volatile u8*>(at + i) = static_cast<u8>(word >> shift);
    }
}
void by_halves_that_differ(u32 at, u32 word) {
    const u32 old = old_word(at);
    auto* const p = reinterpret_cast<volatile u16*>(at);
    if ((old ^ word) >> 16 != 0) p[0] = static_cast<u16>(word >> 16);
    if (((old ^ word) & 0xffff) != 0) p[1] = static_cast<u16>(word);
}
// Two words from two bytes before: half of it belongs to the word before.
void by_misaligned(u32 at, u32 word) {
    const u32 before = old_word(at - 4), behind = old_word(at + 4);
    *reinterpret_cast<volatile u32*>(at + 2) = word << 16 | behind >> 16;
    *reinterpret_cast<volatile u32*>(at - 2) = before << 16 | word >> 16;
}
// QEMU 7.2 drops what it has translated of the first byte of stmw and of dcbz alone.
void by_stmw(u32 at, u32 word) {
    asm volatile("mr 29, %0; lwz 30, 4(%1); lwz 31, 8(%1); stmw 29, 0(%1)"
                 :
                 : "r"(word), "b"(at)
                 : "memory", "r29", "r30", "r31");
}
void by_stwcx(u32 at, u32 word) {
    u32 unused;
    asm volatile("1: lwarx %0, 0, %1; stwcx. %2, 0, %1; bne- 1b"
                 : "=&r"(unused)
                 : "r"(at), "r"(word)
                 : "memory", "cr0");
}
// evstdd r10,0(r9), with evmergelo r10,r11,r10: the doubleword that the word is in.
void by_evstdd(u32 at, u32 word) {
    const bool first = (at & 4) == 0;
    register u32 to asm("r9") = at & ~7u;
    register u32 low asm("r10") = first ? old_word(at + 4) : word;
    register u32 high asm("r11") = first ? word : old_word(at - 4);
    mtmsr(msr::spe);
    asm volatile(".long 0x114b522d, 0x11490321" : "+r"(low) : "r"(to), "r"(high) : "memory");
    mtmsr(0);
}
// dcbz takes the whole line, which is then written anew.
void by_dcbz(u32 at, u32 word) {
    const u32 line = at & ~31u;
    u32 kept[8];
    for (u32 i = 0; i < 8; ++i) kept[i] = old_word(line + 4 * i);
    asm volatile("dcbz 0, %0" : : "r"(at) : "memory");
    for (u32 i = 0; i < 8; ++i) same("dcbz", line + 4 * i, old_word(line + 4 * i), 0);
    kept[(at - line) / 4] = word;
    for (u32 i = 0; i < 8; ++i) *reinterpret_cast<volatile u32*>(line + 4 * i) = kept[i];
}
// From code in the very page.
void by_own_page(u32 at, u32 word) {
    reinterpret_cast<void (*)(u32, u32)>((page & ~0xfffu) + store_offset)(at, word);
}
void plain_store(u32 at, u32 word) {
    *reinterpret_cast<volatile u32*>(at) = word;
    flush_code(at, 4);
}
void by_user_mode(u32 at, u32 word) { in_user_mode(reinterpret_cast<u32>(plain_store), at, word); }
void by_user_bytes(u32 at, u32 word) {
    in_user_mode(reinterpret_cast<u32>(by_bytes_that_differ), at, word);
}

struct Form {
    const char* name;
    void (*store)(u32 at, u32 word);
};
constexpr Form forms[] = {
    {"stw", by_stw},
    {"stwx", by_stwx},
    {"stwu", by_stwu},
    {"stwux", by_stwux},
    {"stwbrx", by_stwbrx},
    {"stb", by_stb},
    {"stbx", by_stbx},
    {"stbu", by_stbu},
    {"stbux", by_stbux},
    {"sth", by_sth},
    {"sthx", by_sthx},
    {"sthu", by_sthu},
    {"sthux", by_sthux},
    {"sthbrx", by_sthbrx},
    {"stmw", by_stmw},
    {"bytes that differ", by_bytes_that_differ},
    {"stwcx.", by_stwcx},
    {"halves that differ", by_halves_that_differ},
    {"evstdd", by_evstdd},
    {"misaligned", by_misaligned},
    {"dcbz", by_dcbz},
    {"own page", by_own_page},
    {"user mode", by_user_mode},
    {"bytes from user mode", by_user_bytes},
};

// The slot goes round through the words, each hot before the next comes. Code runs at `run`, is
// written at `write`, and made executable at one or the other.
void round(const Form& form, u32 write, u32 run, u32 first, u32 step) {
    build(run, words[first]);
    for (u32 i = 0, n = first; i < word_count; ++i) {
        if (!check(form.name, run, words[n], hot)) {
            build(run, words[n]);
        }
        n = (n + step) % word_count;
        form.store(write, words[n]);
        flush_code(i & 1 ? write : run, 4);
        check(form.name, run, words[n], 1);
    }
}

void every_form() {
    copy_code(page + store_offset, reinterpret_cast<u32>(hot_store),
              address_of(hot_store_end) - reinterpret_cast<u32>(hot_store));
    constexpr u32 steps[] = {1, 3, 5, 7};
    u32 turn = 0;
    for (const u32 at : {page + 0x204, page + 0x20c, slot}) {
        for (const Form& form : forms) {
            round(form, at, at, turn % word_count, steps[turn % 4]);
            ++turn;
        }
    }
    verdict("at their own address", checked);
    checked = 0;
    // Written here, run there.
    tlbwe(0, 0, {.ea = alias, .pa = page});
    tlbwe(0, 1, {.ea = alias + 0x1000, .pa = page + 0x1000});
    for (const u32 at : {page + 0x300, slot}) {
        for (const Form& form : forms) {
            round(form, at + (alias - page), at, turn % word_count, steps[turn % 4]);
            ++turn;
            round(form, at, at + (alias - page), turn % word_count, steps[turn % 4]);
            ++turn;
        }
    }
    flush_all();
    verdict("through another mapping", checked);
    checked = 0;
}

// A line of zeroes where hot code was is code of zeroes: illegal.
void zeroed() {
    constexpr u32 line = page + 0x400;
    for (u32 i = 0; i < 8; ++i) {
        build(line, insn::mfmsr(6));
        check("before dcbz", line, insn::mfmsr(6), hot);
        asm volatile("dcbz 0, %0" : : "r"(line + 4 * i) : "memory");
        flush_code(line, 32);
        Frame f = patterned(i, line, 0);
        run(f);
        print_event("zeroed", f, page);
    }
}

// Many sites of one page, one of them written to: the others go on as they were.
void neighbours() {
    constexpr u32 code = page + 0x2000, sites = 200;
    for (u32 i = 0; i < sites; ++i) build(code + 4 + 16 * i, words[i % word_count]);
    for (u32 turn = 0; turn < 6; ++turn) {
        for (u32 i = 0; i < sites; ++i) {
            const u32 at = code + 4 + 16 * i;
            check("neighbours", at, words[(i + turn) % word_count], hot / 4);
        }
        for (u32 i = 0; i < sites; ++i) {
            const u32 at = code + 4 + 16 * i;
            plain_store(at, words[(i + turn + 1) % word_count]);
            check("a neighbour", at, words[(i + turn + 1) % word_count], 2);
        }
    }
    verdict("neighbours", checked);
}

}  // namespace

void isa_main() {
    every_form();
    zeroed();
    neighbours();
}
