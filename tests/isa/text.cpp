// SPDX-License-Identifier: Apache-2.0
//
// Text reads as it was written, by every form of load, however hot it is: at its own address,
// through other mappings, in kernel and in user mode.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 copy = 0x40'0000;  // of the text, made before it gets hot
constexpr u32 alias = 0x4000'0000;

u32 checked;  // loads, in kernel and user mode alike

// Where the first difference of a pass was; user mode cannot print.
struct Difference {
    u32 count, at, have, want;
} difference;

void differs(u32 at, u32 have, u32 want) {
    if (difference.count++ == 0) difference = {1, at, have, want};
}
void expect(u32 at, u32 have, u32 want) {
    ++checked;
    if (have != want) differs(at, have, want);
}

u32 byte_of(u32 at) { return *reinterpret_cast<volatile u8*>(at); }
u32 half_of(u32 at) { return byte_of(at) << 8 | byte_of(at + 1); }
u32 word_of(u32 at) { return half_of(at) << 16 | half_of(at + 2); }
u32 reversed(u32 v) { return v << 24 | (v & 0xff00) << 8 | (v >> 8 & 0xff00) | v >> 24; }

// A load of one form from address ra + rb. An update form shows that it has updated.
#define INDEXED(name, instruction)                                                                \
    u32 name(u32 at) {                                                                            \
        u32 value;                                                                                \
        asm volatile(instruction " %0, %1, %2" : "=r"(value) : "b"(at - 64), "r"(64) : "memory"); \
        return value;                                                                             \
    }
#define DISPLACED(name, instruction)                                                     \
    u32 name(u32 at) {                                                                   \
        u32 value;                                                                       \
        asm volatile(instruction " %0, 20(%1)" : "=r"(value) : "b"(at - 20) : "memory"); \
        return value;                                                                    \
    }
#define UPDATING(name, instruction)                                                      \
    u32 name(u32 at) {                                                                   \
        u32 value, base = at + 36;                                                       \
        asm volatile(instruction " %0, -36(%1)" : "=r"(value), "+b"(base) : : "memory"); \
        return base == at ? value : ~value;                                              \
    }
#define UPDATING_INDEXED(name, instruction)                                                      \
    u32 name(u32 at) {                                                                           \
        u32 value, base = at + 8;                                                                \
        asm volatile(instruction " %0, %1, %2" : "=&r"(value), "+b"(base) : "r"(-8) : "memory"); \
        return base == at ? value : ~value;                                                      \
    }
DISPLACED(do_lbz, "lbz")
UPDATING(do_lbzu, "lbzu")
INDEXED(do_lbzx, "lbzx")
UPDATING_INDEXED(do_lbzux, "lbzux")
DISPLACED(do_lhz, "lhz")
UPDATING(do_lhzu, "lhzu")
INDEXED(do_lhzx, "lhzx")
UPDATING_INDEXED(do_lhzux, "lhzux")
DISPLACED(do_lha, "lha")
UPDATING(do_lhau, "lhau")
INDEXED(do_lhax, "lhax")
UPDATING_INDEXED(do_lhaux, "lhaux")
DISPLACED(do_lwz, "lwz")
UPDATING(do_lwzu, "lwzu")
INDEXED(do_lwzx, "lwzx")
UPDATING_INDEXED(do_lwzux, "lwzux")
INDEXED(do_lhbrx, "lhbrx")
INDEXED(do_lwbrx, "lwbrx")
INDEXED(do_lwarx, "lwarx")

u32 halves_lha(u32 v) { return v & 0x8000 ? v | 0xffff'0000 : v; }
u32 halves_lhbrx(u32 v) { return (v & 0xff) << 8 | v >> 8; }
u32 as_is(u32 v) { return v; }

struct Form {
    const char* name;
    u32 (*load)(u32 at);
    u32 size;
    u32 (*made)(u32 value);
};
constexpr Form forms[] = {
    {"lbz", do_lbz, 1, as_is},
    {"lbzu", do_lbzu, 1, as_is},
    {"lbzx", do_lbzx, 1, as_is},
    {"lbzux", do_lbzux, 1, as_is},
    {"lhz", do_lhz, 2, as_is},
    {"lhzu", do_lhzu, 2, as_is},
    {"lhzx", do_lhzx, 2, as_is},
    {"lhzux", do_lhzux, 2, as_is},
    {"lha", do_lha, 2, halves_lha},
    {"lhau", do_lhau, 2, halves_lha},
    {"lhax", do_lhax, 2, halves_lha},
    {"lhaux", do_lhaux, 2, halves_lha},
    {"lwz", do_lwz, 4, as_is},
    {"lwzu", do_lwzu, 4, as_is},
    {"lwzx", do_lwzx, 4, as_is},
    {"lwzux", do_lwzux, 4, as_is},
    {"lhbrx", do_lhbrx, 2, halves_lhbrx},
    {"lwbrx", do_lwbrx, 4, reversed},
    {"lwarx", do_lwarx, 4, as_is},
};

u32 want_of(u32 at, u32 size) {
    return size == 1 ? byte_of(at) : size == 2 ? half_of(at) : word_of(at);
}

// Each form at every `step` bytes of [from, to), which is seen at `shift` from its place.
u32 by_form(u32 number, u32 shift, u32 step) {
    const Form& form = forms[number];
    for (u32 at = text_begin; at + form.size <= end_of_text(); at += step * form.size) {
        const u32 want = form.made(want_of(copy + at, form.size));
        expect(at + shift, form.load(at + shift), want);
    }
    return difference.count;
}

u32 by_multiple(u32 shift) {
    for (u32 at = text_begin; at + 16 <= end_of_text(); at += 64) {
        u32 have[4];
        asm volatile("lmw 28, 0(%1); stmw 28, 0(%2)"
                     : "=m"(have)
                     : "b"(at + shift), "b"(have)
                     : "r28", "r29", "r30", "r31");
        for (u32 i = 0; i < 4; ++i) expect(at + shift + 4 * i, have[i], word_of(copy + at + 4 * i));
    }
    return difference.count;
}

// evldd r10,0(r9): a doubleword to both halves of r10; evmergehi gives the upper one.
u32 by_vector(u32 shift) {
    for (u32 at = text_begin; at + 8 <= end_of_text(); at += 32) {
        register u32 from asm("r9") = at + shift;
        register u32 low asm("r10");
        register u32 high asm("r11");
        asm volatile(".long 0x11490301, 0x116a522c" : "=r"(low), "=r"(high) : "r"(from) : "memory");
        expect(at + shift, high, word_of(copy + at));
        expect(at + shift + 4, low, word_of(copy + at + 4));
    }
    return difference.count;
}

// Words and halves that lie across two words, and across two pages.
u32 misaligned(u32 shift) {
    for (u32 at = text_begin + 13; at + 8 <= end_of_text(); at += 37) {
        expect(at + shift, do_lwz(at + shift), word_of(copy + at));
        expect(at + shift, do_lhz(at + shift), half_of(copy + at));
    }
    for (u32 page = text_begin + 0x1000; page + 8 <= end_of_text(); page += 0x1000) {
        for (u32 at = page - 4; at < page + 2; ++at) {
            expect(at + shift, do_lwz(at + shift), word_of(copy + at));
            expect(at + shift, do_lwbrx(at + shift), reversed(word_of(copy + at)));
        }
    }
    return difference.count;
}

using Pass = u32 (*)(u32, u32, u32);
u32 pass_form(u32 number, u32 shift, u32 step) { return by_form(number, shift, step); }
u32 pass_multiple(u32, u32 shift, u32) { return by_multiple(shift); }
u32 pass_vector(u32, u32 shift, u32) { return by_vector(shift); }
u32 pass_misaligned(u32, u32 shift, u32) { return misaligned(shift); }

u32 wrong;
void pass(const char* where, const char* name, Pass function, u32 number, u32 shift, u32 step,
          bool user) {
    difference = {};
    const u32 at = reinterpret_cast<u32>(function);
    if (user) {
        in_user_mode(at, number, shift, step, msr::spe);
    } else {
        function(number, shift, step);
    }
    if (difference.count == 0) return;
    wrong += difference.count;
    print("{}, {}: {} differ, the first at {x}: {x}, should be {x}",
          {where, name, difference.count, difference.at, difference.have, difference.want});
}

void read_all(const char* where, u32 shift, u32 step, bool user = false) {
    checked = wrong = 0;
    hot_mix(hot, 1);
    for (u32 i = 0; i < sizeof forms / sizeof forms[0]; ++i) {
        pass(where, forms[i].name, pass_form, i, shift, step, user);
    }
    pass(where, "lmw", pass_multiple, 0, shift, step, user);
    pass(where, "evldd", pass_vector, 0, shift, step, user);
    pass(where, "misaligned", pass_misaligned, 0, shift, step, user);
    mix("afterwards", reinterpret_cast<u32>(hot_mix));
    print("{}: {} loads, {} wrong", {where, checked, wrong + mistakes});
}

// What has just got hot, read at once: an account of what the reads cost has seen nothing of them
// yet. A copy of hot_mix for each form, far from the others, and a few loads of words that trap.
void read_fresh() {
    constexpr u32 place = 0x60'0000, distance = 0x1'0000;
    constexpr u32 first_word = 2, words = 12, loads = 12;
    const u32 mix_copy = copy + reinterpret_cast<u32>(hot_mix);
    checked = 0;
    u32 number = 0;
    difference = {};
    for (const Form& form : forms) {
        const u32 at = place + number * distance;
        copy_mix(at);
        mix("fresh", at);
        u32 offset = 4 * (first_word + number % words);
        for (u32 i = 0; i < loads && offset + form.size <= 4 * 19; ++i) {
            const u32 want = form.made(want_of(mix_copy + offset, form.size));
            expect(at + offset, form.load(at + offset), want);
            offset += form.size;
        }
        mix("behind it", at);
        ++number;
    }
    if (difference.count != 0) {
        print("fresh: {} differ, the first at {x}: {x}, should be {x}",
              {difference.count, difference.at, difference.have, difference.want});
    }
    print("fresh: {} loads, {} wrong", {checked, difference.count + mistakes});
}

// lwarx and stwcx. that stores what is there already. The store may fail, as it may on any core
// that is interrupted between the two, but not for long.
void reservations() {
    constexpr u32 attempts = 4;
    u32 stored = 0;
    for (u32 at = text_begin; at < end_of_text(); at += 100) {
        u32 word, condition = 0;
        for (u32 i = 0; i < attempts && !(condition >> 29 & 1); ++i) {
            asm volatile("lwarx %0, 0, %2; stwcx. %0, 0, %2; mfcr %1"
                         : "=&r"(word), "=r"(condition)
                         : "r"(at)
                         : "memory", "cr0");
            same("lwarx", at, word, word_of(copy + at));
        }
        stored += condition >> 29 & 1;
        mix("beside a reservation", reinterpret_cast<u32>(hot_mix), 3);
    }
    print("reservations: {} of {}", {stored, (end_of_text() - text_begin + 99) / 100});
}

}  // namespace

void isa_main() {
    u32 digest = 0;
    for (u32 at = text_begin; at < end_of_text(); at += 4) {
        const u32 word = *reinterpret_cast<volatile u32*>(at);
        *reinterpret_cast<volatile u32*>(copy + at) = word;
        digest = rotate(digest, 1) ^ word;
    }
    print("text: {} bytes, digest {x}", {end_of_text() - text_begin, digest});
    mtmsr(msr::spe);
    mix("the first time", reinterpret_cast<u32>(hot_mix), 2000);
    read_fresh();
    read_all("kernel", 0, 1);
    read_all("user mode", 0, 1, true);
    mix("again", reinterpret_cast<u32>(hot_mix), 500);
    for (u32 page = 0; page < 16; ++page) {
        tlbwe(0, page % 4,
              {.ea = alias + text_begin + page * 0x1000, .pa = text_begin + page * 0x1000});
    }
    read_all("4 KiB pages elsewhere", alias, 3);
    read_all("the same in user mode", alias, 3, true);
    flush_all();
    tlbwe(1, 4, {.ea = alias, .pa = 0, .tsize = 5});
    read_all("1 MiB elsewhere", alias, 3);
    reinterpret_cast<u32 (*)(u32, u32)>(alias + reinterpret_cast<u32>(hot_mix))(hot, 3);
    read_all("1 MiB elsewhere, hot there too", alias, 3);
    read_all("and where it was", 0, 3);
    flush_all();
    reservations();
    read_all("after reservations", 0, 1);
}
