// SPDX-License-Identifier: Apache-2.0
//
// All of memory is the guest's while hot sites run everywhere in it: every word reads as written,
// every page runs the code that is there, and what is not mapped is not there.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 island_distance = 0x20'0000, island_size = 0x1000;
constexpr u32 ea = 0x4000'0000;

u32& word(u32 at) { return *reinterpret_cast<u32*>(at); }
u32 pattern(u32 at, u32 round) { return (at ^ 0x5a5a'a5a5) * (2 * round + 0x0101'0101); }

// Every 2 MiB a page with a copy of hot_mix, which the scans leave alone.
bool island(u32 at) { return at % island_distance < island_size; }
void make_islands(u32 from, u32 to) {
    for (u32 at = from; at < to; at += island_distance) copy_mix(at);
}

// Writes and verifies [from, to) every `step` bytes, in pieces of 64 KiB with hot code between.
void scan(const char* what, u32 from, u32 to, u32 step, u32 round) {
    u32 words = 0;
    const u32 islands = (to - from) / island_distance;
    const auto island_at = [&](u32 n) { return from + n % islands * island_distance; };
    for (const bool verify : {false, true}) {
        for (u32 piece = from; piece < to; piece += 0x1'0000) {
            for (u32 at = piece; at < piece + 0x1'0000; at += step) {
                if (island(at - from)) continue;
                if (verify) {
                    same(what, at, word(at), pattern(at, round));
                } else {
                    word(at) = pattern(at, round);
                }
                ++words;
            }
            const u32 n = (piece - from) / 0x1'0000 + round;
            mix("island", island_at(n), 3, n);
            mix("another", island_at(n * 5), 1, n);
        }
    }
    for (u32 n = 0; n < islands; ++n) {
        for (u32 i = 0; i < mix_size(); i += 4) {
            same("island", island_at(n) + i, word(island_at(n) + i),
                 word(reinterpret_cast<u32>(hot_mix) + i));
        }
    }
    verdict(what, words);
}

// Every page of [from, to) runs its own code, with hot code beside it.
void run_all(const char* what, u32 from, u32 to) {
    u32 pages = 0;
    for (u32 at = from; at < to; at += 0x1000) {
        if (island(at - from)) continue;
        const u32 code = at + (at >> 12) % 64 * 32;
        auto* const p = reinterpret_cast<volatile u32*>(code);
        p[0] = insn::addi(3, 0, at >> 12 & 0x7fff);
        p[1] = insn::blr;
        flush_code(code, 8);
    }
    for (u32 round = 0; round < 2; ++round) {
        for (u32 at = from; at < to; at += 0x1000) {
            if (island(at - from)) continue;
            const u32 code = at + (at >> 12) % 64 * 32;
            same(what, at, reinterpret_cast<u32 (*)()>(code)(), at >> 12 & 0x7fff);
            ++pages;
            if (pages % 64 == 0) mix("beside", from + pages % 3 * island_distance, 2, pages);
        }
    }
    verdict(what, pages);
}

void one_large_page() {
    constexpr u32 from = 0x20'0000, to = 0x100'0000;
    make_islands(from, to);
    scan("16 MiB, first", from, to, 4, 1);
    for (u32 at = from; at < to; at += island_distance) mix("hot", at, 200);
    scan("16 MiB, hot", from, to, 4, 2);
    run_all("16 MiB, every page runs", from, to);
    scan("16 MiB, again", from, to, 16, 3);
}

// Entry 0 of TLB1 becomes larger. The board has 256 MiB; what the program does not know of, at
// the top, it leaves alone.
void larger(const char* what, u32 tsize, u32 to, u32 step) {
    tlbwe(1, 0, {.ea = 0, .pa = 0, .tsize = tsize, .protect = true});
    constexpr u32 from = 0x20'0000;
    make_islands(from, to);
    for (u32 at = from; at < to; at += island_distance) mix("hot", at, hot);
    scan(what, from, to, step, tsize);
    run_all(what, from, to);
    tlbwe(1, 0, {.ea = 0, .pa = 0, .tsize = 7, .protect = true});
}

// Where all addresses that a branch from hot code reaches are mapped memory, and none was ever
// written: what a monitor puts its own things over is the guest's all the same. So few accesses to
// a page that it does not pay to leave it.
void crowded() {
    constexpr u32 site = 0x600'0000, from = 0x400'0000, to = 0x800'0000, words = 3;
    tlbwe(1, 0, {.ea = 0, .pa = 0, .tsize = 9, .protect = true});
    copy_mix(site);
    mix("crowded", site, hot);
    u32 pages = 0;
    for (const bool verify : {false, true}) {
        for (u32 page = from; page < to; page += 0x1000) {
            if (page == site) continue;
            for (u32 i = 0; i < words; ++i) {
                const u32 at = page + 0x3fc * i;
                if (verify) {
                    same("crowded", at, word(at), pattern(at, 7));
                } else {
                    word(at) = pattern(at, 7);
                }
            }
            ++pages;
            if (pages % 1024 == 0) mix("crowded", site, 2, pages);
        }
    }
    verdict("crowded", pages);
    tlbwe(1, 0, {.ea = 0, .pa = 0, .tsize = 7, .protect = true});
}

// Small pages with holes between them: only what is mapped is there, in both modes.
void small_pages() {
    constexpr u32 pa = 0x40'0000, pages = 64;
    const auto mapped = [](u32 i) { return i % 3 != 1; };
    for (u32 i = 0; i < pages; ++i) {
        copy_mix(pa + 0x1000 * i);
        word(pa + 0x1000 * i + 0xffc) = pattern(i, 1);
        if (mapped(i)) tlbwe(0, i % 4, {.ea = ea + 0x1000 * i, .pa = pa + 0x1000 * i});
    }
    u32 there = 0, absent = 0;
    for (u32 round = 0; round < 3; ++round) {
        for (u32 i = 0; i < pages; ++i) {
            if (mapped(i)) mix("small page", ea + 0x1000 * i, hot, i);
        }
        for (u32 i = 0; i < pages; ++i) {
            const u32 at = ea + 0x1000 * i;
            for (const u32 state : {0u, msr::pr}) {
                const Frame f = attempt(Try::load, at + 0xffc, state);
                const Frame g = attempt(Try::store, at + 0xff8, state, pattern(i, round));
                if (mapped(i)) {
                    ++there;
                    same("reads", at, f.gpr[9], pattern(i, 1));
                    same("stored", at, word(pa + 0x1000 * i + 0xff8), pattern(i, round));
                    continue;
                }
                ++absent;
                const Frame h = attempt(Try::fetch, at - 4, state);
                same("no load", at, f.vector, static_cast<u32>(Vector::data_tlb));
                same("its address", at, f.dear, at + 0xffc);
                same("no store", at, g.vector, static_cast<u32>(Vector::data_tlb));
                same("no fetch", at, h.vector, static_cast<u32>(Vector::instruction_tlb));
                same("its address", at, h.nip, at);
            }
        }
    }
    print("small pages: {} there, {} not", {there, absent});
    // What was not there comes, as data and as code.
    for (u32 i = 0; i < pages; ++i) {
        if (mapped(i)) continue;
        const u32 at = ea + 0x1000 * i;
        tlbwe(0, i % 4, {.ea = at, .pa = pa + 0x1000 * i});
        for (u32 offset = mix_size(); offset < 0xff8; offset += 4) {
            word(at + offset) = pattern(at + offset, 5);
        }
        mix("new page", at, hot, i);
    }
    for (u32 i = 0; i < pages; ++i) {
        if (mapped(i)) continue;
        for (u32 offset = mix_size(); offset < 0xff8; offset += 4) {
            const u32 at = ea + 0x1000 * i + offset;
            same("new data", at, word(at), pattern(at, 5));
            same("underneath", at, word(pa + 0x1000 * i + offset), pattern(at, 5));
        }
    }
    // And goes again.
    flush_all();
    for (u32 i = 0; i < pages; ++i) {
        const Frame f = attempt(Try::fetch, ea + 0x1000 * i - 4, 0);
        same("gone", ea + 0x1000 * i, f.vector, static_cast<u32>(Vector::instruction_tlb));
    }
    verdict("small pages", pages);
}

}  // namespace

void isa_main() {
    mtspr<628>(0x100);
    crowded();
    one_large_page();
    larger("64 MiB", 8, 0x400'0000, 64);
    larger("256 MiB", 9, 0xe00'0000, 256);
    small_pages();
    mix("at home", reinterpret_cast<u32>(hot_mix), 500);
    scan("at the end", 0x20'0000, 0x100'0000, 16, 9);
}
