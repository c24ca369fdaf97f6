// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/e500.hpp"

namespace trapeze::mmu {

using e500::u32;
using e500::u64;
using e500::u8;

// What lies at a guest-physical address.
enum class RegionKind : u8 {
    ram,      // mapped, cached as the guest says
    direct,   // a device the guest drives itself: mapped, cache-inhibited and guarded
    trapped,  // a device the VMM stands in front of: never mapped, every access exits
    // Memory of several guests: mapped, cached and coherent whatever this one says. Not RAM: no DMA
    // reaches it, and the VMM keeps no copy of its text.
    shared,
};

struct Region {
    u64 gpa;
    u64 size;
    u64 hpa;
    RegionKind kind;
    u8 device;               // of a trapped region: index into the guest's device table
    bool read_only = false;  // of a shared one: a store exits, and is ignored

    bool is_memory() const { return kind == RegionKind::ram || kind == RegionKind::shared; }
};

// The guest's physical address space, as a list of regions that do not overlap. RAM need not lie
// at the host address it has for the guest, nor in one piece.
class MemoryMap {
  public:
    static constexpr unsigned capacity = 48;

    // False when the table is full or the region is empty, wraps, exceeds 36 bits or overlaps.
    bool add(const Region& region);
    // The region that holds `gpa`, or null.
    const Region* find(u64 gpa) const;
    // True if all of [gpa, gpa + size) is RAM in one region; then `hpa` is where it starts.
    bool ram_range(u64 gpa, u64 size, u64& hpa) const;
    // The same for RAM and shared memory.
    bool memory_range(u64 gpa, u64 size, u64& hpa, bool& read_only) const;
    u64 ram_bytes() const;
    // True if `gpa` lies in the first region and that is RAM, all of it below 4 GiB on both sides.
    bool in_low_ram(u32 gpa, u32& hpa) const {
        const u32 offset = gpa - low_gpa_;
        hpa = low_hpa_ + offset;
        return offset < low_size_;
    }
    unsigned count() const { return count_; }
    const Region& operator[](unsigned i) const { return regions_[i]; }

  private:
    Region regions_[capacity] = {};
    unsigned count_ = 0;
    mutable unsigned last_ = 0;  // what find() has found
    u32 low_gpa_ = 0, low_size_ = 0, low_hpa_ = 0;
};

}  // namespace trapeze::mmu
