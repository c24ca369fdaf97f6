// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <vector>

#include "hv/para/virtqueue.hpp"

// A driver's side of a split virtqueue, in memory that a test looks into.
namespace trapeze::para::test {

/// 1 MiB of RAM from 0; nothing else is there.
class RingMemory {
  public:
    static constexpr u64 size = 1U << 20U;

    RingMemory() : bytes(size) {}
    RingMemory(const RingMemory&) = delete;
    RingMemory& operator=(const RingMemory&) = delete;

    Memory memory() { return {this, holds, load, store}; }
    /// The driver's; what is not there reads as zero.
    u32 read_16(u64 at) const { return there(at, 2) ? little_16(&bytes[at]) : 0; }
    u32 read_32(u64 at) const { return there(at, 4) ? little_32(&bytes[at]) : 0; }
    void write_16(u64 at, u32 value) {
        if (there(at, 2)) put_16(&bytes[at], value);
    }
    void write_32(u64 at, u32 value) {
        if (there(at, 4)) put_32(&bytes[at], value);
    }

    std::vector<u8> bytes;
    unsigned stores = 0, wild = 0;  // and accesses to what is not there

  private:
    static bool there(u64 gpa, u64 count) { return gpa <= size && count <= size - gpa; }
    static RingMemory& of(void* owner) { return *static_cast<RingMemory*>(owner); }
    static bool holds(void* /*owner*/, u64 gpa, u64 count) { return there(gpa, count); }
    static bool load(void* owner, u64 gpa, void* to, u32 count) {
        if (!there(gpa, count)) {
            ++of(owner).wild;
            return false;
        }
        std::memcpy(to, &of(owner).bytes[gpa], count);
        return true;
    }
    static bool store(void* owner, u64 gpa, const void* from, u32 count) {
        if (!there(gpa, count)) {
            ++of(owner).wild;
            return false;
        }
        ++of(owner).stores;
        std::memcpy(&of(owner).bytes[gpa], from, count);
        return true;
    }
};

inline constexpr u32 has_next = 1, writes = 2, is_table = 4;

/// Where a queue's parts are, and what a driver does there.
struct Driver {
    RingMemory* ram;
    u32 size = 8;
    u64 descriptors = 0x1000, available = 0x2000, used = 0x3000;
    u32 made = 0;

    void describe(u32 n, u64 at, u32 count, u32 flags = 0, u32 next = 0) const {
        const u64 to = descriptors + u64{16} * n;
        ram->write_32(to, static_cast<u32>(at));
        ram->write_32(to + 4, static_cast<u32>(at >> 32U));
        ram->write_32(to + 8, count);
        ram->write_16(to + 12, flags);
        ram->write_16(to + 14, next);
    }
    void offer(u32 head) {
        ram->write_16(available + 4 + u64{2} * (made % size), head);
        ram->write_16(available + 2, ++made);
    }
    void set_flags(u32 flags) const { ram->write_16(available, flags); }
    void set_used_event(u32 index) const { ram->write_16(available + 4 + u64{2} * size, index); }
    u32 available_event() const { return ram->read_16(used + 4 + u64{8} * size); }
    u32 used_index() const { return ram->read_16(used + 2); }
    u32 used_head(u32 n) const { return ram->read_32(used + 4 + u64{8} * (n % size)); }
    u32 used_bytes(u32 n) const { return ram->read_32(used + 8 + u64{8} * (n % size)); }
};

}  // namespace trapeze::para::test
