// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tlb.hpp"

namespace isa {

// The number behind "NAME=" in the command line of the device tree, or `otherwise`. Takes TLB1
// entry 3 to read it.
inline u32 option(const char* name, u32 otherwise) {
    // The tree is searched as bytes for the word: names of properties have no '='.
    constexpr u32 kept_at = ENTRY + 4 * 3, tsize_16m = 7, bytes_16m = 0x100'0000;
    const u32 tree = *reinterpret_cast<const u32*>(kept_at);
    tlbwe(1, 3, {.ea = tree & ~(bytes_16m - 1), .pa = tree & ~(bytes_16m - 1), .tsize = tsize_16m});
    u32 size = 0, length = 0;
    while (name[length] != 0) ++length;
    asm volatile("lwz %0, 4(%1)" : "=r"(size) : "b"(tree) : "memory");
    const char* const p = reinterpret_cast<const char*>(tree);
    for (u32 i = 0; i + length + 1 < size; ++i) {
        u32 n = 0;
        while (n < length && p[i + n] == name[n]) ++n;
        if (n < length || p[i + n] != '=') continue;
        u32 number = 0;
        for (++n; p[i + n] >= '0' && p[i + n] <= '9'; ++n) number = number * 10 + (p[i + n] - '0');
        return number;
    }
    return otherwise;
}

}  // namespace isa
