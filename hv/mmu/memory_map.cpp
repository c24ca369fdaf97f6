// SPDX-License-Identifier: Apache-2.0
#include "hv/mmu/memory_map.hpp"

namespace trapeze::mmu {

bool MemoryMap::add(const Region& region) {
    constexpr u64 limit = u64{1} << 36;
    if (count_ == capacity || region.size == 0 || region.gpa >= limit ||
        region.size > limit - region.gpa) {
        return false;
    }
    for (unsigned i = 0; i < count_; ++i) {
        const Region& other = regions_[i];
        if (region.gpa < other.gpa + other.size && other.gpa < region.gpa + region.size) {
            return false;
        }
    }
    constexpr u64 low = u64{1} << 32;
    if (count_ == 0 && region.kind == RegionKind::ram && region.gpa + region.size < low &&
        region.hpa + region.size < low) {
        low_gpa_ = static_cast<u32>(region.gpa);
        low_hpa_ = static_cast<u32>(region.hpa);
        low_size_ = static_cast<u32>(region.size);
    }
    regions_[count_++] = region;
    return true;
}

// Who asks asks again soon: an access to a device looks for it more than once.
const Region* MemoryMap::find(u64 gpa) const {
    const Region& last = regions_[last_];
    if (gpa - last.gpa < last.size) return &last;
    for (unsigned i = 0; i < count_; ++i) {
        if (gpa - regions_[i].gpa >= regions_[i].size) continue;
        last_ = i;
        return &regions_[i];
    }
    return nullptr;
}

bool MemoryMap::ram_range(u64 gpa, u64 size, u64& hpa) const {
    const Region* region = find(gpa);
    if (region == nullptr || region->kind != RegionKind::ram) return false;
    bool read_only = false;
    return memory_range(gpa, size, hpa, read_only);
}

bool MemoryMap::memory_range(u64 gpa, u64 size, u64& hpa, bool& read_only) const {
    const Region* region = find(gpa);
    if (region == nullptr || !region->is_memory()) return false;
    if (size > region->size - (gpa - region->gpa)) return false;
    hpa = region->hpa + (gpa - region->gpa);
    read_only = region->read_only;
    return true;
}

u64 MemoryMap::ram_bytes() const {
    u64 sum = 0;
    for (unsigned i = 0; i < count_; ++i) {
        if (regions_[i].kind == RegionKind::ram) sum += regions_[i].size;
    }
    return sum;
}

}  // namespace trapeze::mmu
