// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// Sequences of instructions as the generator (host) writes them and the runner (bare metal) reads
// them: big-endian words, a header and then one record a sequence. run.py has the layout too.
namespace torture {

using u32 = std::uint32_t;

inline constexpr u32 magic = 0x746f'7274;
inline constexpr u32 most_words = 96;
inline constexpr u32 most_bytes = 2u << 20;  // of header and records together

struct Header {
    u32 magic;
    u32 count;  // of records
    u32 quiet;  // so many of them print digests alone, those behind them whole states
};

// What a sequence runs with besides its registers.
namespace flag {
inline constexpr u32 pulse = 1u << 0;       // decrementer interrupts at changing distances
inline constexpr u32 step = 1u << 1;        // single step, by the kernel's MSR[DE] and DBCR0
inline constexpr u32 small_text = 1u << 2;  // executed through 4 KiB entries at `small_text_ea`
inline constexpr u32 refill = 1u << 3;      // a miss at `small_data_ea` is refilled, not skipped
}  // namespace flag

struct Sequence {
    u32 number;          // printed with the digest
    u32 seed;            // of what memory and SPRs hold before, and of the pulses
    u32 flags;           // from namespace flag
    u32 rounds;          // how often it is run, registers as below each time
    u32 place;           // EA of the first word
    u32 count;           // words
    u32 permissions[4];  // MAS3 permission bits of the small data pages
    u32 gpr[32];
    u32 cr, xer, ctr, lr;
    u32 msr;
    u32 starts[most_words / 32];  // a bit a word: it may be replaced, with what follows up to the
                                  // next such word, by no-ops
    u32 words[most_words];
};

// The guest's memory. Everything below 64 MiB is mapped at its own address, in both address
// spaces. Text has two pages a sequence, so that one's writes do not count against the next.
inline constexpr u32 text = 0x100'0000, text_bytes = 0x2000, text_slots = 3072;
inline constexpr u32 data = 0x70'0000, data_pages = 4;
inline constexpr u32 code = data + 0x10'0000;      // a page that is mapped where something missed
inline constexpr u32 small_text_ea = 0x3000'0000;  // 4 KiB pages on the sequence's text
inline constexpr u32 small_data_ea = 0x4000'0000;  // 4 KiB pages on the data
inline constexpr u32 large_data_ea = 0x4100'0000;  // one 64 KiB page on the data
inline constexpr u32 nothing_ea = 0x5000'0000;     // mapped nowhere
inline constexpr u32 hole_ea = 0xf410'0000;  // a 4 KiB page where a VMM may be, on data page 2
// Where a VMM that takes addresses from its guest may have something of its own: near the text,
// where there is nothing, or memory that is all zeroes and that nobody has used.
inline constexpr u32 zeroes = text + text_bytes * text_slots, zeroes_end = 0x400'0000;
inline constexpr u32 beyond_end = 0x600'0000, below_small_text = 0x2e00'0000, top = 0xfe00'0000;
constexpr bool may_be_taken(u32 ea) {
    return (ea >= zeroes && ea < beyond_end) || ea >= top ||
           (ea >= below_small_text && ea < small_text_ea);
}
// Of each text page the upper half is data: stores there are stores to a page with text.
inline constexpr u32 text_data = 0xc00;

}  // namespace torture
