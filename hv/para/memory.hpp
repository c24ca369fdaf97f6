// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/e500.hpp"

namespace trapeze::para {

using e500::u16;
using e500::u32;
using e500::u64;
using e500::u8;

// A guest's RAM as a device of its own sees it. Addresses are guest-physical, and any at all: what
// does not lie in RAM as a whole, in one region, is refused, and nothing is moved then.
struct Memory {
    void* owner;
    bool (*holds)(void* owner, u64 gpa, u64 bytes);
    bool (*load)(void* owner, u64 gpa, void* to, u32 bytes);
    bool (*store)(void* owner, u64 gpa, const void* from, u32 bytes);
};

// Numbers in a guest's memory are little-endian, whatever the core is (virtio 1.2, 2.2).
constexpr u16 little_16(const u8* at) { return static_cast<u16>(at[0] | at[1] << 8); }
constexpr u32 little_32(const u8* at) {
    return little_16(at) | static_cast<u32>(little_16(at + 2)) << 16;
}
constexpr u64 little_64(const u8* at) { return little_32(at) | u64{little_32(at + 4)} << 32; }
constexpr void put_16(u8* at, u32 value) {
    at[0] = static_cast<u8>(value);
    at[1] = static_cast<u8>(value >> 8);
}
constexpr void put_32(u8* at, u32 value) {
    put_16(at, value);
    put_16(at + 2, value >> 16);
}

}  // namespace trapeze::para
