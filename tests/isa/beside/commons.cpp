// SPDX-License-Identifier: Apache-2.0
//
// Memory that guests share, seen twice by one of them: at 2 GiB, where it may write, and at 9 GiB,
// where it may not (tests/system/test_vmm_shared.py). What the one stores the other reads; nothing
// that is stored by the other changes anything, whatever the guest's TLB allows; text there is
// executed as it stands, however hot.
#include "access.hpp"
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u64 writable_gpa = 0x8000'0000, read_only_gpa = 0x2'4000'0000;
constexpr u32 bytes = 0x1'0000;
// Each twice: as one page of 64 KiB, and from TLB0.
constexpr u32 writable = 0x5000'0000, read_only = 0x5100'0000;
constexpr u32 small_writable = 0x5200'0000, small_read_only = 0x5300'0000;
constexpr u32 tsize_64k = 3;

volatile u32& word(u32 at) { return *reinterpret_cast<volatile u32*>(at); }

void map() {
    tlbwe(1, 4, {.ea = writable, .pa = writable_gpa, .tsize = tsize_64k});
    tlbwe(1, 5, {.ea = read_only, .pa = read_only_gpa, .tsize = tsize_64k});
    tlbwe(0, 0, {.ea = small_writable, .pa = writable_gpa, .attributes = mas2::i | mas2::g});
    tlbwe(0, 1, {.ea = small_read_only, .pa = read_only_gpa});
}

void fill(u32 seed) {
    for (u32 i = 0; i < 64; ++i) word(writable + 4 * i) = seed + i;
}
void is_filled(const char* what, u32 seed) {
    for (u32 i = 0; i < 64; ++i) {
        ++checked;
        same(what, 4 * i, word(writable + 4 * i), seed + i);
        same(what, 4 * i, word(read_only + 4 * i), seed + i);
    }
}

void everybody_sees() {
    fill(0x1000);
    is_filled("large pages", 0x1000);
    for (u32 i = 0; i < 64; ++i) {
        ++checked;
        word(small_writable + 4 * i) = 0x2000 + i;
        same("small pages", 4 * i, word(small_read_only + 4 * i), 0x2000 + i);
    }
    is_filled("what small ones wrote", 0x2000);
    for (u32 at = 0; at < bytes; at += 4096) word(writable + at) = at;
    for (u32 at = 0; at < bytes; at += 4096) {
        ++checked;
        same("each page", at, word(read_only + at), at);
    }
    done("seen");
}

void store_word(u32 at, u32 value) { word(at) = value; }

// Before a load of the page and after one; the core has no entry, or one without the right.
void stores_are_ignored() {
    fill(0x3000);
    for (const u32 place : {read_only, small_read_only}) {
        for (const bool loaded : {false, true}) {
            each_form([&](Form form) {
                for (const u32 skew : {0U, 1U, 5U}) {
                    map();
                    if (loaded) same("load", place, word(place + 32), 0x3008);
                    store(form, place + 32 + skew, 0xdead'beef);
                }
            });
            map();
            zero_block(place + 64);
            map();
            if (loaded) same("load", place, word(place), 0x3000);
            in_user_mode(reinterpret_cast<u32>(store_word), place + 8, 0xbad);
            asm volatile("dcbi 0, %0; dcbf 0, %0" : : "r"(place) : "memory");
        }
    }
    // From writable memory into it: the half that may be stored is.
    constexpr u32 before = 0x8000;
    tlbwe(0, 2, {.ea = read_only - 0x1000, .pa = writable_gpa + before});
    word(writable + before + 0xffc) = 0;
    store(Form::word, read_only - 2, 0x1234'5678);
    same("half", read_only - 2, word(writable + before + 0xffc), 0x1234);
    is_filled("not stored", 0x3000);
    done("ignored");
}

u32 reserve(u32 at, u32 add, bool exits) {
    u32 old = 0;
    if (exits) {
        asm volatile("1: lwarx %0, 0, %1; mfspr 9, 272; add 9, %0, %2; stwcx. 9, 0, %1; bne- 1b"
                     : "=&r"(old)
                     : "r"(at), "r"(add)
                     : "cr0", "r9", "memory");
    } else {
        asm volatile("1: lwarx %0, 0, %1; add 9, %0, %2; stwcx. 9, 0, %1; bne- 1b"
                     : "=&r"(old)
                     : "r"(at), "r"(add)
                     : "cr0", "r9", "memory");
    }
    return old;
}

void reservations() {
    word(writable + 512) = 7;
    Frame f =
        patterned(1, place({0x7d20'2028, 0x7d20'212d, insn::sc}), 0);  // lwarx, stwcx. r9,0,r4
    f.gpr[4] = read_only + 512;
    run(f);
    ++checked;
    same("stwcx.", 512, f.vector, static_cast<u32>(Vector::alignment));
    same("stwcx.", 512, word(writable + 512), 7);
    for (u32 i = 0; i < 100; ++i) {
        ++checked;
        same("lwarx", i, reserve(writable + 512, 3, false), 7 + 3 * i);
    }
    // An exit between the two loses each reservation: the VMM steps in.
    for (u32 i = 0; i < 3; ++i) {
        ++checked;
        same("lwarx, exit", i, reserve(writable + 512, 1, true), 307 + i);
    }
    done("reserved");
}

// Text at both places, hot; changed at the one while it is hot at the other.
void text() {
    constexpr u32 at = 0x4000, site = 0x100;
    copy_mix(writable + at);
    flush_code(read_only + at, mix_size());
    for (u32 turn = 0; turn < 4; ++turn) {
        ++checked;
        mix("text", read_only + at);
        mix("text", writable + at);
    }
    const u32 code[] = {insn::mtspr(3, 9), insn::addi(6, 0, 0x66), insn::mfspr(6, 272),
                        insn::bdnz(-4),    insn::addi(3, 6, 0),    insn::blr};
    for (u32 i = 0; i < sizeof code / 4; ++i) word(writable + at + site + 4 * i) = code[i];
    flush_code(writable + at + site, sizeof code);
    flush_code(read_only + at + site, sizeof code);
    const auto call = reinterpret_cast<u32 (*)(u32)>(read_only + at + site);
    mtspr<272>(0x272);
    for (u32 turn = 0; turn < 8; ++turn) {
        ++checked;
        same("before", turn, call(hot), 0x272);
        hot_store(writable + at + site + 8, insn::addi(6, 0, 0x100 + turn));
        flush_code(read_only + at + site, sizeof code);
        same("after", turn, call(hot), 0x100 + turn);
        hot_store(writable + at + site + 8, insn::mfspr(6, 272));
        flush_code(read_only + at + site, sizeof code);
    }
    done("text");
}

}  // namespace

void isa_main() {
    use_spe();
    map();
    everybody_sees();
    stores_are_ignored();
    reservations();
    text();
}
