// SPDX-License-Identifier: Apache-2.0
//
// Pages that kernel and user mode share: the same words run hot in both, with privileged ones among
// them that user mode steps round; each reads, counts in and rewrites what the other runs.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 ea = 0x4000'0000, tsize_64k = 3, counter = 0x800, elsewhere = 0x30'0000;

u32 counts_on = elsewhere;  // the page that the routine counts in

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }

// A new one now and then: a monitor may leave alone what was written much.
u32 page = 0x40'0000;
void next_page() { page += 0x1'0000; }

// r3 rounds on value r4; privileged words only if r5 is not 0; counts at r10 + `counter`.
constexpr u32 routine[] = {
    insn::mtspr(3, 9),     insn::addi(3, 0, 0),
    0x2c05'0000,  // loop: cmpwi r5,0
    0x4182'0024,  // beq plain
    insn::mfmsr(6),        insn::wrteei(1),
    insn::mfmsr(7),        insn::wrteei(0),
    insn::mtspr(4, 272),   insn::mfspr(8, 272),
    insn::x(266, 3, 3, 7),                       // add r3,r3,r7
    insn::x(266, 3, 3, 8), insn::addi(4, 4, 1),  // plain:
    insn::x(266, 3, 3, 4), insn::lwz(9, 10, counter),
    insn::addi(9, 9, 1),   insn::stw(9, 10, counter),
    insn::bdnz(-60),       insn::blr,
};
constexpr u32 sprg_word = 9, plain_word = 12, words = sizeof routine / 4;

void build(u32 at) {
    for (u32 i = 0; i < words; ++i) word(at + 4 * i) = routine[i];
    flush_code(at, sizeof routine);
}

// What the routine returns when each plain round adds `step`, and word `sprg_word` reads the SPRG
// or gives `constant`.
u32 model(u32 rounds, u32 value, bool privileged, u32 step = 1, u32 constant = 0) {
    u32 sum = 0;
    for (; rounds > 0; --rounds) {
        if (privileged) sum += msr::ee + (constant == 0 ? value : constant);
        value += step;
        sum += value;
    }
    return sum;
}

u32 call(u32 at, u32 rounds, u32 value, bool user) {
    const u32 back = place({insn::sc});
    Frame f = patterned(value, at, user ? msr::pr : 0);
    f.lr = back;
    f.gpr[3] = rounds;
    f.gpr[4] = value;
    f.gpr[5] = user ? 0 : 1;
    f.gpr[10] = counts_on;
    run(f);
    same("ends", at, f.nip, back + 4);
    return f.gpr[3];
}
void both(const char* what, u32 base, u32 offset, u32 rounds, u32 value, u32 step = 1,
          u32 constant = 0) {
    for (const bool user : {false, true}) {
        ++checked;
        const u32 before = word(counts_on + counter);
        same(what, user, call(base + offset, rounds, value, user),
             model(rounds, value, !user, step, constant));
        same("counted", user, word(counts_on + counter), before + rounds);
    }
}

u32 digest_of(u32 at, u32 count) {
    u32 digest = 0;
    for (u32 i = 0; i < 4 * count; i += 4) digest = rotate(digest, 1) ^ word(at + i);
    return digest;
}

// As pages of 4 KiB and of 64, at their own address and elsewhere.
void by_turns() {
    u32 want = 0;
    for (const u32 w : routine) want = rotate(want, 1) ^ w;
    for (u32 kind = 0; kind < 3; ++kind) {
        for (u32 i = 0; i < 12; ++i) {
            if (i % 3 == 0) next_page();
            const u32 base = kind == 0 ? page : ea;
            if (kind == 1) tlbwe(0, 0, {.ea = ea, .pa = page});
            if (kind == 2) tlbwe(1, 3, {.ea = ea, .pa = page, .tsize = tsize_64k});
            const u32 offset = i % 3 * 0x100;
            build(page + offset);
            for (u32 round = 0; round < 4; ++round) both("by turns", base, offset, hot / 2, i);
            for (const bool user : {false, true}) {
                const u32 at = base + offset, reader = reinterpret_cast<u32>(digest_of);
                same("reads", user, user ? in_user_mode(reader, at, words) : digest_of(at, words),
                     want);
            }
        }
        flush_all();
    }
    done("by turns");
}

// User mode writes what the kernel runs hot, and itself too; from elsewhere and from the page.
void written() {
    const u32 store = reinterpret_cast<u32>(hot_store);
    for (u32 i = 0; i < 64; ++i) {
        if (i % 4 == 0) {
            next_page();
            build(page);
            copy_code(page + 0x600, store, address_of(hot_store_end) - store);
            tlbwe(0, 1, {.ea = ea, .pa = page});
        }
        const u32 base = i & 1 ? ea : page;
        const u32 by = i & 2 ? base + 0x600 : store;
        const auto write = [&](u32 at, u32 instruction) {
            if (i % 3 == 0) {
                reinterpret_cast<void (*)(u32, u32)>(by)(at, instruction);
            } else {
                in_user_mode(by, at, instruction);
            }
            same("stored", at, word(at), instruction);
        };
        const u32 constant = 1 + i;
        write(base + 4 * sprg_word, insn::addi(8, 0, constant));
        write((base ^ page ^ ea) + 4 * plain_word, insn::addi(4, 4, 2 + i));
        both("new words", i & 4 ? ea : page, 0, hot / 2, i, 2 + i, constant);
        write(base + 4 * sprg_word, routine[sprg_word]);
        both("one is back", i & 4 ? page : ea, 0, hot / 2, i, 2 + i);
        write(base + 4 * plain_word, routine[plain_word]);
        both("as before", i & 4 ? ea : page, 0, 3, i);
    }
    flush_all();
    done("written");
}

// Counters, bytes, halves and reservations of both modes among words that run hot.
void data_among() {
    next_page();
    build(page);
    counts_on = page;
    const u32 data = page + 4 * words;
    const auto scribble = [](u32 at, u32 value) -> u32 {
        u32 cr;
        *reinterpret_cast<volatile u8*>(at + 1) = static_cast<u8>(value);
        *reinterpret_cast<volatile u16*>(at + 2) = static_cast<u16>(value * 3);
        for (u32 done = 0; done == 0; done = cr >> 29 & 1) {
            asm volatile("lwarx %0, 0, %1; addi %0, %0, 1; stwcx. %0, 0, %1; mfcr %0"
                         : "=&r"(cr)
                         : "r"(at + 4)
                         : "memory", "cr0");
        }
        return word(at) ^ word(at + 4);
    };
    u32 (*const function)(u32, u32) = scribble;
    word(data) = word(data + 4) = 0;
    for (u32 i = 0; i < 3 * hot; ++i) {
        const u32 have = in_user_mode(reinterpret_cast<u32>(function), data, i);
        same("user's data", i, have, ((i & 0xff) << 16 | (i * 3 & 0xffff)) ^ (i + 1));
        both("among data", page, 0, i % 5 + 1, i);
    }
    done("data");
}

// Every combination of rights on a page that has been hot in the kernel.
void rights() {
    for (u32 round = 0; round < 2; ++round) {
        for (u32 n = 0; n < 64; ++n) {
            next_page();
            fill_page(page, 0x0a0a);
            copy_mix(page + 0x100);
            const u32 p = (n * 29 + round * 7) % 64;
            const u32 base = ea + round * 0x10'0000;
            tlbwe(0, 0, {.ea = base, .pa = page});
            mix("all may", base + 0x100, hot, n);
            tlbwe(0, 0, {.ea = base, .pa = page, .permissions = p});
            if (p & mas3::sx) mix("less", base + 0x100, hot, n);
            matrix("hot", p, base);
            matrix("hot, own address", p, page);
        }
        flush_all();
    }
    fill_page(page, 0x0a0a);
    // The kernel runs it and may not read it, user mode reads and may not run it; and a second
    // entry has it the other way round.
    tlbwe(0, 0, {.ea = ea, .pa = page, .permissions = mas3::sx | mas3::ur});
    tlbwe(0, 1, {.ea = ea + 0x1000, .pa = page, .permissions = mas3::sr | mas3::ux});
    for (u32 i = 0; i < 6; ++i) {
        mix("execute only", ea + 0x100, hot, i);
        matrix("execute only", i, ea);
        matrix("the other", i, ea + 0x1000);
        ++checked;
    }
    flush_all();
    done("rights");
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    by_turns();
    written();
    data_among();
    rights();
}
