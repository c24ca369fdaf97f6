// SPDX-License-Identifier: Apache-2.0
// memset in place of the C library's. Debian compiles that library for POWER4: it clears with
// dcbz and steps by 128 bytes, the cache line of that core. On an e500 dcbz clears 32 bytes
// (e500 Core Reference Manual, cache organization), so three quarters of a large block would
// silently keep their old contents. Linked into every program of the guest.
#include <stddef.h>
#include <stdint.h>

// Compiled without -ftree-loop-distribute-patterns, which would turn the loops into calls of
// this very function.
void* memset(void* start, int value, size_t size) {
    uint8_t* at = start;
    const uint32_t word = (uint8_t)value * 0x01010101U;
    for (; size > 0 && (uintptr_t)at % sizeof word != 0; --size) *at++ = (uint8_t)value;
    uint32_t* words = __builtin_assume_aligned(at, sizeof word);
    for (; size >= 8 * sizeof word; size -= 8 * sizeof word)
        for (int i = 0; i < 8; ++i) *words++ = word;
    for (; size >= sizeof word; size -= sizeof word) *words++ = word;
    at = (uint8_t*)words;
    while (size-- > 0) *at++ = (uint8_t)value;
    return start;
}
