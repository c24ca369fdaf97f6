// SPDX-License-Identifier: Apache-2.0
//
// A guest that begins to read and write all of its memory while its hot sites go on, and stops
// doing so: A, hot sites alone; B, 8 MiB word by word, code that is hot included, with hot sites
// between; C, as A. tests/system/test_vmm_patch.py compares what the phases take; each says in a
// note how many ticks went by and, if the VMM counts for the guest, its exits of three causes.
#include "hot.hpp"

namespace {

using namespace isa;

constexpr u32 begin = 0, end = 0x80'0000, data = 0x10'0000;
constexpr u32 copies = 6, copy_distance = 0x10'0000;  // of hot_mix, in what is scanned
constexpr u32 turns = 400, rounds = 40;               // of A and C, and of hot_mix in each turn
constexpr u32 scans = 4;

// The exit counters (docs/devices.md): the offsets of the counts of two causes, if they are there.
constexpr u32 counters = 0xf'0000, magic = 0x54525045;
struct Cause {
    const char* name;
    u32 offset;
};
Cause causes[] = {{"privileged", 0}, {"tracing", 0}, {"text_write", 0}};

void find_counters() {
    if (io32(counters) != magic) return;
    const u32 number = io32(counters + 4);
    u32 at = counters + 0x400;
    for (u32 i = 0; i < number; ++i) {
        for (Cause& cause : causes) {
            u32 n = 0;
            while (cause.name[n] != 0 && static_cast<char>(io8(at + n)) == cause.name[n]) ++n;
            if (cause.name[n] == 0 && io8(at + n) == 0) cause.offset = counters + 0x40 + 16 * i;
        }
        while (io8(at++) != 0) {
        }
    }
}
// Low words: no phase has 2^32 exits.
u32 count(const Cause& cause) { return cause.offset != 0 ? io32(cause.offset + 4) : 0; }

struct Point {
    u32 ticks, exits[3];
};
Point now() {
    const u32 unused = io32(counters + 8);  // natively nothing
    static_cast<void>(unused);
    const u32 privileged = count(causes[0]), tracing = count(causes[1]), writes = count(causes[2]);
    return {timebase(), {privileged, tracing, writes}};
}

u32 copy_at(u32 n) { return data + n % copies * copy_distance + 0x800 * (n % copies); }
bool is_copy(u32 at) {
    for (u32 n = 0; n < copies; ++n) {
        if (at - copy_at(n) < mix_size()) return true;
    }
    return false;
}

void work() {
    for (u32 turn = 0; turn < turns; ++turn) {
        mix("hot", reinterpret_cast<u32>(hot_mix), rounds, turn);
        mix("copy", copy_at(turn), rounds, turn);
    }
}

// Reads it all, writes behind the program but where the copies are.
u32 scan(u32 round) {
    u32 words = 0;
    for (u32 piece = begin; piece < end; piece += 0x1'0000) {
        u32 digest = 0;
        for (u32 at = piece; at < piece + 0x1'0000; at += 4) {
            // Memory begins at 0.
            // NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
            digest ^= *reinterpret_cast<volatile u32*>(at);
        }
        if (piece >= data) {
            u32 want = 0;
            for (u32 at = piece; at < piece + 0x1'0000; at += 0x100) {
                if (is_copy(at)) continue;
                auto* const p = reinterpret_cast<volatile u32*>(at);
                const u32 value = at * (round + 1);
                want ^= *p ^ value;
                *p = value;
            }
            u32 again = 0;
            for (u32 at = piece; at < piece + 0x1'0000; at += 4) {
                again ^= *reinterpret_cast<volatile u32*>(at);
            }
            same("scanned", piece, again, digest ^ want);
            words += 0x4000;
        }
        words += 0x4000;
        mix("between", copy_at(piece >> 16), 8, piece);
    }
    return words;
}

void note(const char* phase, const Point& from) {
    const Point to = now();
    print("# phase {} ticks {} privileged {} tracing {} text_write {}",
          {phase, to.ticks - from.ticks, to.exits[0] - from.exits[0], to.exits[1] - from.exits[1],
           to.exits[2] - from.exits[2]});
}

}  // namespace

void isa_main() {
    find_counters();
    for (u32 n = 0; n < copies; ++n) copy_mix(copy_at(n));
    Point start = now();
    work();
    note("A", start);
    start = now();
    u32 words = 0;
    for (u32 round = 0; round < scans; ++round) words += scan(round);
    note("B", start);
    start = now();
    work();
    note("C", start);
    verdict("scan", words);
}
