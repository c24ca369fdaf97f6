// SPDX-License-Identifier: Apache-2.0
//
// Pages where hot code and hot data lie side by side: locks taken by lwarx and stwcx., counters,
// a stack, jump tables. All makes progress, and all is counted.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 page = 0x40'0000, data = page + 0x800;
constexpr u32 tsr_spr = 336, tcr_spr = 340, dec_spr = 22;

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }

// Adds one by lwarx and stwcx.; returns how often it had to begin anew, up to a limit.
u32 increment(u32 at) {
    u32 tries = 0, value, again;
    do {
        asm volatile("lwarx %0, 0, %2; addi %0, %0, 1; stwcx. %0, 0, %2; mfcr %1"
                     : "=&r"(value), "=r"(again)
                     : "r"(at)
                     : "memory", "cr0");
        ++tries;
    } while (!(again >> 29 & 1) && tries < 100'000);
    return tries - 1;
}

bool take(u32 lock) {
    u32 value, was;
    u32 tries = 0;
    do {
        asm volatile("1: lwarx %0, 0, %2; cmpwi %0, 0; bne- 2f; stwcx. %3, 0, %2; 2: mfcr %1; isync"
                     : "=&r"(value), "=r"(was)
                     : "r"(lock), "r"(1)
                     : "memory", "cr0");
    } while ((value != 0 || !(was >> 29 & 1)) && ++tries < 100'000);
    return value == 0 && (was >> 29 & 1);
}
void give(u32 lock) { asm volatile("msync; stw %0, 0(%1)" : : "r"(0), "b"(lock) : "memory"); }

// A counter and a lock on the page of the code that is hot.
void atomics() {
    copy_mix(page);
    word(data) = word(data + 4) = word(data + 8) = 0;
    constexpr u32 rounds = 600;
    for (u32 i = 0; i < rounds; ++i) {
        if (increment(data) >= 99'999) fail("stwcx. never stores");
        if (!take(data + 4)) fail("the lock is never free");
        word(data + 8) += i;
        if (take(data + 4)) print("the lock was taken twice");
        give(data + 4);
        mix("between locks", page, i % 8 == 0 ? 8 : 1, i);
    }
    ++checked;
    same("counted", data, word(data), rounds);
    same("lock", data + 4, word(data + 4), 0);
    same("summed", data + 8, word(data + 8), rounds * (rounds - 1) / 2);
    verdict("atomics", checked);
}

// stwcx. without a reservation does not store; one that is lost to a store of ours neither, if
// that is how the core sees it.
void no_reservation() {
    u32 stored = 0;
    for (u32 i = 0; i < hot; ++i) {
        u32 unused, condition;
        word(data) = i;
        asm volatile("lwarx %0, 0, %2; stwcx. %0, 0, %2; stwcx. %3, 0, %2; mfcr %1"
                     : "=&r"(unused), "=r"(condition)
                     : "r"(data), "r"(~i)
                     : "memory", "cr0");
        stored += condition >> 29 & 1;
        same("kept", data, word(data), i);
        mix("between", page, 4, i);
    }
    print("without a reservation: {} stored", {stored});
}

// The lwarx and stwcx. themselves in the page, with a hot instruction behind each.
void own_page_atomics() {
    constexpr u32 at = page + 0x400;
    auto* const p = reinterpret_cast<volatile u32*>(at);
    p[0] = insn::mtspr(4, 9);
    p[1] = insn::mfmsr(6);
    p[2] = insn::x(20, 7, 0, 3);       // lwarx r7,0,r3
    p[3] = insn::addi(7, 7, 1);        //
    p[4] = insn::x(150, 7, 0, 3) | 1;  // stwcx. r7,0,r3
    p[5] = 0x4082'fff4;                // bne -12
    p[6] = insn::wrteei(1);
    p[7] = insn::lwz(8, 3, 4);
    p[8] = insn::mtspr(8, 272);
    p[9] = insn::addi(8, 8, 3);
    p[10] = insn::stw(8, 3, 4);
    p[11] = insn::wrteei(0);
    p[12] = insn::bdnz(-44);
    p[13] = insn::blr;
    flush_code(at, 56);
    word(data) = word(data + 4) = 0;
    for (u32 i = 0; i < 20; ++i) reinterpret_cast<void (*)(u32, u32)>(at)(data, 100);
    same("atomic", data, word(data), 2000);
    same("plain", data + 4, word(data + 4), 6000);
    same("SPRG0", 272, mfspr<272>(), 5997);
    verdict("own page", 3);
}

// Nothing but data for long: loads, stores, all of the page, code between them hot.
void data_hot() {
    for (u32 turn = 0; turn < 4; ++turn) {
        copy_mix(page);
        mix("before", page, 200, turn);
        for (u32 round = 0; round < 6; ++round) {
            for (u32 at = data; at < page + 0x1000; at += 4) word(at) = at * round;
            for (u32 at = data; at < page + 0x1000; at += 4) same("data", at, word(at), at * round);
            mix("among data", page, 2, round);
        }
        // And bytes on the very line behind the code.
        const u32 behind = page + mix_size();
        for (u32 i = 0; i < 600; ++i) {
            auto* const b = reinterpret_cast<volatile u8*>(behind + i % 24);
            *b = static_cast<u8>(i);
            same("byte", behind, *b, i & 0xff);
        }
        mix("behind", page, 200, turn);
    }
    verdict("data", 4 * 6);
}

// The stack in the page of the code, and interrupts that come meanwhile.
u32 ticks_seen;
void on_tick(Frame&) {
    ++ticks_seen;
    mtspr<tsr_spr>(tsr::dis);
    mtspr<dec_spr>(3000);
}
void stack() {
    copy_mix(page);
    copy_mix(page + 0x200);
    constexpr u32 at = page + 0x400;
    auto* const p = reinterpret_cast<volatile u32*>(at);
    // r3 calls of a function that keeps its link on the stack, and there calls hot_mix's loop.
    constexpr u32 code[] = {
        0x7c0802a6,                                            // mflr r0
        insn::d(37, 1, 1, 0xffff'ffe0),                        // stwu r1,-32(r1)
        insn::stw(0, 1, 36),                                   //
        insn::stw(31, 1, 28),                                  //
        insn::stw(30, 1, 24),                                  //
        insn::addi(31, 3, 0),                                  // r31 = r3
        insn::addi(30, 0, 0),                                  // r30 = 0
        insn::addi(3, 0, 2),                                   // loop: hot_mix(2, r31)
        insn::addi(4, 31, 0),                                  //
        insn::branch(static_cast<int>(page - (at + 36))) | 1,  // bl
        insn::x(266, 30, 30, 3),                               // r30 += r3
        insn::addi(31, 31, 0xffff'ffff),                       //
        0x2c1f'0000,                                           // cmpwi r31,0
        0x4082'ffe8,                                           // bne loop
        insn::addi(3, 30, 0),                                  //
        insn::lwz(30, 1, 24),                                  //
        insn::lwz(31, 1, 28),                                  //
        insn::lwz(0, 1, 36),                                   //
        insn::addi(1, 1, 32),                                  //
        0x7c08'03a6,                                           // mtlr r0
        insn::sc,
    };
    for (u32 i = 0; i < sizeof code / 4; ++i) p[i] = code[i];
    flush_code(at, sizeof code);
    constexpr u32 calls = 150;
    u32 want = 0;
    for (u32 i = calls; i > 0; --i) want += mix_model(2, i, 0);
    set_hook(Vector::decrementer, on_tick);
    mtspr<tcr_spr>(tcr::die);
    mtspr<dec_spr>(3000);
    for (u32 turn = 0; turn < 3; ++turn) {
        Frame f = patterned(turn, at, 0);
        const Frame before = f;
        f.gpr[1] = page + 0xfc0;
        f.gpr[3] = calls;
        run(f);
        same("called", at, f.nip, at + sizeof code);
        same("result", at, f.gpr[3], want);
        same("r1", at, f.gpr[1], page + 0xfc0);
        for (u32 r = 13; r < 32; ++r) same("kept", r, f.gpr[r], before.gpr[r]);
    }
    mtspr<tcr_spr>(0);
    set_hook(Vector::decrementer, nullptr);
    verdict("stack", 3);
    print("# {} interrupts", {ticks_seen});
}

// Addresses of code among the code: a table that is loaded from and jumped through.
void tables() {
    constexpr u32 at = page + 0x1000, entries = 16;
    for (u32 i = 0; i < entries; ++i) {
        auto* const p = reinterpret_cast<volatile u32*>(at + 0x200 + 16 * i);
        p[0] = insn::mtspr(3, 272 + (i & 1));
        p[1] = insn::mfspr(4, 272 + (i & 1));
        p[2] = insn::addi(3, 4, i);
        p[3] = insn::blr;
        reinterpret_cast<volatile u32*>(at)[i] = at + 0x200 + 16 * i;
    }
    flush_code(at, 0x400);
    u32 value = 0;
    for (u32 i = 0; i < 1000; ++i) {
        const u32 n = i * 7 % entries;
        const u32 next =
            reinterpret_cast<u32 (*)(u32)>(reinterpret_cast<volatile u32*>(at)[n])(value);
        same("jumped", n, next, value + n);
        value = next;
    }
    verdict("tables", 1000);
}

}  // namespace

void isa_main() {
    atomics();
    no_reservation();
    own_page_atomics();
    data_hot();
    stack();
    tables();
}
