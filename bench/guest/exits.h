// SPDX-License-Identifier: Apache-2.0
// The VMM's exit counters as a device (option exits-device=on; docs/devices.md).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    exits_magic = 0x54525045,
    exits_magic_at = 0x0,
    exits_causes_at = 0x4,
    exits_latch_at = 0x8,
    exits_kinds_at = 0xc,
    exits_ticks_at = 0x10,   // since the guest's start: high word, low word
    exits_cause_at = 0x40,   // + 16 * cause: count high, low; ticks high, low
    exits_kind_at = 0x240,   // + 8 * kind: count high, low
    exits_names_at = 0x400,  // zero-terminated, causes before kinds
    exits_page = 0x1000,
    exits_most = 32,  // causes, and kinds
};
#define EXITS_ADDRESS 0xfe00f0000ULL

// Counts as they were at a latch, low words only: differences are what is wanted.
struct exits {
    uint32_t cause[exits_most], kind[exits_most];
};

// Maps the device if BENCH_EXITS=1 is in the environment. Its address is never touched
// otherwise: without the device that is a machine check.
void exits_open(void);
bool exits_counted(void);
void exits_latch(void);
// The counts of the last latch. Each load is an exit of its own: see exits_between().
void exits_read(struct exits* into);
// Turns `from`, read behind one latch, and `to`, read behind the next, into the exits between
// them that are not the device's own.
void exits_between(const struct exits* from, struct exits* to);
// `causes` or kinds as NAME=COUNT,...; "-" when there are none. `size` bytes at `text`.
void exits_text(const struct exits* counts, bool causes, char* text, size_t size);
