// SPDX-License-Identifier: Apache-2.0
#include "hv/mmu/virtual_tlb.hpp"

#include <bit>

namespace trapeze::mmu {

namespace mas1 = e500::mas1;

void VirtualTlb::reset(unsigned sets) {
    sets_ = sets;
    generation_ = 1;
    victim_ = 0;
    valid1_ = 0;
    forget_small_frames();
    for (auto& entry : tlb0_) entry = {};
    for (auto& entry : tlb1_) entry = {};
}

VirtualTlb::Hit VirtualTlb::find(u32 ea, bool space, const u32 (&pids)[3]) {
    VirtualEntry* const base = set(ea);
    for (unsigned way = 0; way < ways; ++way) {
        VirtualEntry& entry = base[way];
        if (entry.covers(ea) && valid(entry, 0) && entry.space() == space && entry.serves(pids)) {
            return {&entry, 0, static_cast<u8>(way)};
        }
    }
    for (u32 left = valid1_; left != 0; left &= left - 1) {
        const auto i = static_cast<unsigned>(std::countr_zero(left));
        VirtualEntry& entry = tlb1_[i];
        if (entry.covers(ea) && entry.space() == space && entry.serves(pids)) {
            return {&entry, 1, static_cast<u8>(i)};
        }
    }
    return {nullptr, 0, 0};
}

VirtualTlb::Hit VirtualTlb::search(u32 ea, bool space, u32 pid) {
    const u32 pids[3] = {pid, pid, pid};
    return find(ea, space, pids);
}

void VirtualTlb::write_tlb1(VirtualEntry& entry, u32 m1, u32 m2, u32 m3, u32 m7) {
    const u64 size = mas1::page_size(mas1::tsize(m1));
    entry.page_mask = size >= (u64{1} << 32) ? 0 : ~static_cast<u32>(size - 1);
    entry.mas1 = m1;
    entry.mas2 = m2 & (entry.page_mask | e500::mas2::attributes);
    entry.mas3 = m3;
    entry.mas7 = m7;
    note_tlb1(entry);
}

void VirtualTlb::flush_tlb1() {
    for (auto& entry : tlb1_) {
        if (!(entry.mas1 & mas1::iprot)) invalidate(entry);
    }
}

// ASSOC, MINSIZE, MAXSIZE, IPROT, AVAIL, NENTRY (manual 2.12.4).
u32 VirtualTlb::tlb0cfg() const { return ways << 24 | 1u << 20 | 1u << 16 | (sets_ * ways); }
u32 VirtualTlb::tlb1cfg() {
    return tlb1_entries << 24 | 1u << 20 | 11u << 16 | 1u << 15 | 1u << 14 | tlb1_entries;
}

}  // namespace trapeze::mmu
