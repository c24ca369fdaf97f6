// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/e500.hpp"
#include "hv/mmu/layout.hpp"

namespace trapeze::mmu {

using e500::u16;
using e500::u32;
using e500::u64;
using e500::u8;

// One entry of the TLB the guest believes it programs, in the form of its MAS registers.
struct VirtualEntry {
    u32 mas1, mas2, mas3, mas7;
    u32 generation;  // TLB0: the entry is valid while this is the array's generation
    u32 page_mask;   // EA bits that the entry compares

    bool covers(u32 ea) const { return ((ea ^ mas2) & page_mask) == 0; }
    u32 epn() const { return mas2 & page_mask; }
    u64 size() const { return e500::mas1::page_size(e500::mas1::tsize(mas1)); }
    bool space() const { return (mas1 & e500::mas1::ts) != 0; }
    u32 tid() const { return e500::mas1::tid(mas1); }
    u64 gpa(u32 ea) const {
        return (u64{mas7} << 32 | (mas3 & e500::mas3::rpn_mask & page_mask)) | (ea & ~page_mask);
    }
    bool allows(Access access, bool user) const {
        return (mas3 & permission_for(access, user)) != 0;
    }
    // An entry serves the address spaces of TID 0 (all) or of a PID register that equals its TID.
    bool serves(const u32 (&pids)[3]) const {
        const u32 t = tid();
        return t == 0 || t == pids[0] || t == pids[1] || t == pids[2];
    }
};

// The guest's TLB0 (4 KiB pages, 4 ways) and TLB1 (16 entries, every page size), manual 12.3.
// TLB0 may have more sets than the core's own: TLB0CFG tells the guest, which then misses less.
class VirtualTlb {
  public:
    static constexpr unsigned ways = 4;
    static constexpr unsigned max_sets = 512;  // TLB0CFG[NENTRY] is a 12-bit field
    static constexpr unsigned tlb1_entries = 16;

    // `sets` is a power of two, 1 to max_sets.
    void reset(unsigned sets);

    struct Hit {
        VirtualEntry* entry;  // null: no entry matches
        u8 tlb;
        u8 index;  // way or TLB1 entry
    };
    // What the core would find for `ea` in address space `space` with these PIDs.
    Hit find(u32 ea, bool space, const u32 (&pids)[3]);
    // As find, for tlbsx: one PID to search with.
    Hit search(u32 ea, bool space, u32 pid);

    // The entry MAS0 and MAS2 name, or null if there is no such TLB.
    VirtualEntry* select(u32 mas0, u32 mas2) {
        switch (e500::mas0::tlbsel(mas0)) {
            case 0:
                return set(mas2) + (e500::mas0::esel(mas0) & (ways - 1));
            case 1:
                return &tlb1_[e500::mas0::esel(mas0) & (tlb1_entries - 1)];
            default:
                return nullptr;
        }
    }
    bool valid(const VirtualEntry& entry, unsigned tlb) const {
        return (entry.mas1 & e500::mas1::v) && (tlb == 1 || entry.generation == generation_);
    }
    // Writes an entry in place, as tlbwe with these MAS values.
    void write(VirtualEntry& entry, unsigned tlb, u32 m1, u32 m2, u32 m3, u32 m7) {
        if (tlb != 0) {
            write_tlb1(entry, m1, m2, m3, m7);
            return;
        }
        // It holds 4 KiB pages whatever TSIZE says, and has no IPROT (manual 12.3.2).
        small_frames_[frame(m3) / 32] |= 1u << frame(m3) % 32;
        constexpr u32 without = e500::mas1::tsize_mask | e500::mas1::iprot;
        entry = {
            (m1 & ~without) | e500::mas1::tsize_4k, m2, m3, m7, generation_, e500::mas2::epn_mask};
    }
    void invalidate(VirtualEntry& entry) {
        entry.mas1 &= ~e500::mas1::v;
        note_tlb1(entry);
    }

    // Constant time: the entries of older generations are invalid.
    void flush_tlb0() {
        ++generation_;
        forget_small_frames();
    }
    // Whether a 4 KiB entry may map some of the 4 MiB of physical memory that hold `gpa`: false
    // only if none does.
    bool may_map_small(u64 gpa) const {
        return small_frames_[frame(gpa) / 32] >> frame(gpa) % 32 & 1u;
    }
    // Drops the entries without IPROT.
    void flush_tlb1();

    VirtualEntry* set(u32 ea) {
        const u32 first = ((ea >> 12) & (sets_ - 1)) * ways;
        return &tlb0_[first];
    }
    VirtualEntry& tlb1(unsigned i) { return tlb1_[i]; }
    const VirtualEntry& tlb1(unsigned i) const { return tlb1_[i]; }
    u32 tlb0cfg() const;
    static u32 tlb1cfg();
    unsigned sets() const { return sets_; }
    u32 next_victim() { return victim_ = (victim_ + 1) & (ways - 1); }
    u32 victim() const { return victim_; }

  private:
    static constexpr unsigned frames = 64;
    static constexpr u32 frame(u64 gpa) { return static_cast<u32>(gpa) >> 22 & (frames - 1); }
    void forget_small_frames() {
        for (u32& bits : small_frames_) bits = 0;
    }
    void write_tlb1(VirtualEntry& entry, u32 m1, u32 m2, u32 m3, u32 m7);
    // Keeps `valid1_`, if `entry` is one of TLB1's.
    void note_tlb1(const VirtualEntry& entry) {
        const auto offset =
            reinterpret_cast<std::uintptr_t>(&entry) - reinterpret_cast<std::uintptr_t>(tlb1_);
        if (offset >= sizeof tlb1_) return;
        const auto index = static_cast<u32>(offset / sizeof entry);
        const u32 bit = 1U << index;
        valid1_ = (entry.mas1 & e500::mas1::v) ? valid1_ | bit : valid1_ & ~bit;
    }

    VirtualEntry tlb0_[max_sets * ways];
    VirtualEntry tlb1_[tlb1_entries];
    u32 valid1_ = 0;  // a bit for each valid entry of TLB1: most guests have few
    u32 sets_ = 128;
    u32 generation_ = 1;
    // A bit for each frame of 4 MiB, modulo 64, that 4 KiB entries have mapped.
    u32 small_frames_[frames / 32] = {};
    u32 victim_ = 0;
};

}  // namespace trapeze::mmu
