// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "hv/core/cpu.hpp"
#include "hv/core/slots.hpp"
#include "hv/mmu/layout.hpp"
#include "hv/mmu/memory_map.hpp"
#include "hv/mmu/overlay.hpp"
#include "hv/mmu/virtual_tlb.hpp"

namespace trapeze::mmu {

// The part of the effective address space that is the VMM's in AS0: never given to the guest.
struct Hole {
    u32 base, size;
    bool overlaps(u32 ea, u64 bytes) const {
        return u64{ea} < u64{base} + size && u64{base} < u64{ea} + bytes;
    }
};

// What became of a request to make a guest access possible.
enum class Fill : u8 {
    done,        // a shadow entry stands
    protection,  // the guest's own entry forbids it: a storage interrupt for the guest
    device,      // a trapped device lies there, or what may not be stored to: emulate the access
    traced,      // the VMM keeps the page for patched text, stubs: emulate the access
    no_memory,   // the guest has nothing at that physical address
    hole,        // the VMM's own range
};

// The entries really in the core, made from the guest's on demand. Of TLB1 there is an image, of
// TLB0 none: tlbivax takes what it has for an EA, whatever PID and space. What was made for TLB0
// is kept ready for when the core's few ways have lost it.
class ShadowTlb {
  public:
    static constexpr unsigned sets = 128, ways = 4;                   // the e500v2's own TLB0
    static constexpr unsigned tlb1_slots = core::slot::shadow_count;  // from 0 on

    // An entry of TLB0 as the core takes it (MAS7 is 0), for a miss that needs no C++
    // (exit/miss.inc). Its place is the page number modulo `ready_slots`, by space of the core.
    struct alignas(16) Ready {
        u32 key;  // EPN | generation: valid while that is the table's
        u32 mas1, mas2, mas3;
    };
    static constexpr u32 ready_slots = 2048;
    static constexpr u32 generations = 0x1000;  // they fit below the EPN; 0 is never valid

    void reset(const Layout& layout, Hole hole);
    // From now on `overlay` has its say; null: no longer.
    void attach(const Overlay* overlay) { overlay_ = overlay; }
    const Layout& layout() const { return *current_; }
    // The one the user chose.
    const Layout& own_layout() const { return layout_; }
    Hole hole() const { return hole_; }

    // Says which guest address spaces the core's two now hold; drops what no longer fits.
    // Straight and crossed need no flush while the guest keeps IS = DS and each mode its space.
    // True if anything has changed.
    bool enter(bool user, bool virtual_is, bool virtual_ds);

    // The guest, at `nip`, wants what Fill::hole denies: runs its mode in AS1 alone, where there is
    // no hole, until enter() of another or come_back(). While IS != DS one of the two sides stays
    // in AS0; false if both want the hole.
    bool make_way(bool user, bool virtual_space, u32 nip);
    bool come_back();

    // Enters a shadow entry for `ea`, made from `entry`, in the space that `access` of mode
    // `user` uses. The core has no 4 KiB entry for it: it has missed, or drop_for_store() was
    // called.
    Fill fill(const MemoryMap& memory, const VirtualEntry& entry, u32 ea, Access access, bool user);
    // The same for a 4 KiB page of the guest's in low RAM, while the guest keeps to its address
    // space 0; false if it takes a fill(), which says what is the matter.
    bool fill_small(const MemoryMap& memory, const VirtualEntry& entry, Access access, bool user);

    // Drops everything that was made from this guest entry (any PID, both spaces).
    void drop(const VirtualEntry& entry) {
        if (e500::mas1::tsize(entry.mas1) != 1) {
            drop_large(entry);
            return;
        }
        const u32 ea = entry.epn(), index = ready_index(ea), wanted = key(ea);
        for (auto& table : ready_) {
            Ready& slot = table[index];
            // Another PID's page at this EA stays ready, though tlbivax takes it too.
            if (slot.key == wanted && e500::mas1::tid(slot.mas1) == entry.tid()) slot.key = 0;
        }
        core::drop_tlb0(ea);
    }
    void flush();
    // The core has had those of `from`, another guest's, and has these from now on. What is ready
    // comes back at its first miss.
    void take_core(const ShadowTlb& from);
    // Enters a 4 KiB page of the VMM's for fetches of the guest kernel.
    void fill_stub(u32 ea, u64 hpa);
    // Drops all 4 KiB entries, in constant time (but for one call in 4095).
    void flush_tlb0();
    // Drops those made from 4 KiB pages of the guest's. If that is a few, one by one, so that
    // pieces of its larger pages stay in the core; else these stay ready.
    void flush_small();
    // Drops every entry, of any size, PID and space, that maps some of [ea, ea + bytes).
    void drop_range(u32 ea, u64 bytes);
    // Drops the 4 KiB entries for the page of `ea`, of any PID and space.
    void drop_page(u32 ea);
    // Before a fill() for a store that the core has not refused: those, and what may be there for
    // loads alone while all text runs unpatched (Overlay::alike).
    void drop_for_store(u32 ea) {
        drop_page(ea);
        if (overlay_ != nullptr && !overlay_->on) drop_blocks(ea & e500::mas2::epn_mask, 0x1000);
    }

    u64 fills() const { return fills_ + replayed_; }
    u64 flushes() const { return flushes_; }
    // Keeps the 32-bit counter of the short paths from wrapping: at every heartbeat.
    void fold() {
        fills_ += replayed_;
        replayed_ = 0;
    }
    struct Slot {
        u32 mas1, mas2, mas3, mas7;
    };
    bool simple() const { return !split_ && !aside_ && !spaces_[0] && !spaces_[1]; }

    // What the miss path finds for `ea` in a space of the core: an entry, of whatever PID, or null.
    const Ready* ready(u32 ea, bool space) const {
        const Ready& slot = ready_[space][ready_index(ea)];
        return slot.key == key(ea) ? &slot : nullptr;
    }
    // Where that path looks.
    static constexpr std::size_t ready_offset() { return offsetof(ShadowTlb, ready_); }
    static constexpr std::size_t generation_offset() { return offsetof(ShadowTlb, generation_); }
    static constexpr std::size_t replayed_offset() { return offsetof(ShadowTlb, replayed_); }

  private:
    static constexpr u32 ready_index(u32 ea) { return ea >> 12 & (ready_slots - 1); }
    u32 key(u32 ea) const { return (ea & e500::mas2::epn_mask) | generation_; }

    void choose_layout() {
        current_ = split_ ? (turned_ ? &turned : &crossed) : aside_ ? &aside : &layout_;
    }
    void write_tlb0(const Slot& slot, bool piece);
    void next_generation();
    // A 4 KiB page of the guest's has an entry now, in the core and perhaps ready.
    void note_small(u32 ea) {
        if (small_count_ <= most_small) small_[small_count_++] = ea;
    }
    void write_tlb1(const Slot& slot);
    void drop_large(const VirtualEntry& entry);
    void drop_blocks(u32 ea, u64 bytes);

    Layout layout_ = straight;
    const Layout* current_ = &layout_;
    u8 permissions_[2][64] = {};  // layout_.permissions() by space and guest permissions
    Hole hole_ = {};
    const Overlay* overlay_ = nullptr;
    bool split_ = false;               // guest runs with IS != DS: run crossed, one side an entry,
    bool turned_ = false;              // or the other way round, since
    u32 turned_at_ = 0;                // this instruction
    bool aside_ = false;               // one mode in AS1
    bool spaces_[2] = {false, false};  // guest AS that the core's AS0, AS1 hold
    bool sole_user_ = false, sole_is_ = false;  // for whom split or aside
    bool fragments_ = false;                    // TLB0 holds pieces of larger guest pages
    // Blocks of 1 MiB of which a piece of 4 KiB has been made since the last flush of everything.
    u32 in_pieces_[128] = {};
    bool in_pieces(u32 ea) const { return (in_pieces_[ea >> 25] >> (ea >> 20) % 32 & 1) != 0; }
    u32 pieces_[2][ready_slots / 32] = {};  // which ready entries may be such
    // The EAs of all 4 KiB pages of the guest's that may have an entry, since the last flush of
    // them; more than `most_small`: not all.
    static constexpr u32 most_small = 32, few_small = 2;
    u32 small_[most_small + 1] = {};
    u32 small_count_ = 0;
    u8 victim0_[sets] = {};
    Slot tlb1_[tlb1_slots] = {};
    u32 tlb1_valid_ = 0;  // of these, a bit each
    u8 victim1_ = 0;
    u32 generation_ = 1;
    u32 replayed_ = 0;
    u64 fills_ = 0, flushes_ = 0;
    Ready ready_[2][ready_slots] = {};
};

inline bool ShadowTlb::fill_small(const MemoryMap& memory, const VirtualEntry& entry, Access access,
                                  bool user) {
    namespace mas3 = e500::mas3;
    const u32 ea = entry.mas2 & e500::mas2::epn_mask;
    const bool space =
        access == Access::fetch ? layout_.fetch_space(user) : layout_.data_space(user);
    u32 hpa = 0;
    if (!entry.allows(access, user) || entry.mas7 != 0 ||
        !memory.in_low_ram(entry.mas3 & mas3::rpn_mask, hpa) ||
        (!space && ea - hole_.base < hole_.size) ||
        (overlay_ != nullptr &&
         !overlay_->nothing_at(ea, entry.mas3 & mas3::rpn_mask, Overlay::executable(entry)))) {
        return false;
    }
    const u32 m1 = e500::mas1::v | (entry.mas1 & e500::mas1::tid_mask) |
                   (space ? e500::mas1::ts : 0) | e500::mas1::tsize_4k;
    const u32 m3 = hpa | mas3::sr | mas3::sw | (entry.mas3 & mas3::user_bits) |
                   permissions_[space][entry.mas3 & mas3::permissions];
    ++replayed_;
    const u32 index = ready_index(ea);
    ready_[space][index] = {key(ea), m1, entry.mas2, m3};
    if (fragments_) pieces_[space][index / 32] &= ~(1U << index % 32);
    note_small(ea);
    const u32 way = victim0_[index & (sets - 1)]++ & (ways - 1);
    core::write_tlb0(way, m1, entry.mas2, m3, 0);
    return true;
}

}  // namespace trapeze::mmu
