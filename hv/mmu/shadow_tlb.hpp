// SPDX-License-Identifier: Apache-2.0
#pragma once

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
    device,      // a trapped device lies there: emulate the access
    traced,      // the VMM keeps the page for patched text, stubs: emulate the access
    no_memory,   // the guest has nothing at that physical address
    hole,        // the VMM's own range
};

// The entries really in the core, made from the guest's on demand. TLB0 is kept as an image, so
// that a guest invalidation finds what it made without reading the core's TLB back.
class ShadowTlb {
  public:
    static constexpr unsigned sets = 128, ways = 4;  // the e500v2's own TLB0
    static constexpr unsigned tlb1_slots = 12;       // TLB1 entries the VMM leaves to the guest

    void reset(const Layout& layout, Hole hole);
    // From now on `overlay` has its say; null: no longer.
    void attach(const Overlay* overlay) { overlay_ = overlay; }
    const Layout& layout() const { return split_ ? crossed : layout_; }

    // Says which guest address spaces the core's two now hold; drops what no longer fits.
    // Straight and crossed need no flush while the guest keeps IS = DS and each mode its space.
    void enter(bool user, bool virtual_is, bool virtual_ds);

    // Enters a shadow entry for `ea`, made from `entry`, in the space that `access` of mode
    // `user` uses.
    Fill fill(const MemoryMap& memory, const VirtualEntry& entry, u32 ea, Access access, bool user);

    // Drops everything that was made from this guest entry (any PID, both spaces).
    void drop(const VirtualEntry& entry);
    void flush();
    // Drops everything that maps an EA in [ea, ea + bytes), in both spaces.
    void drop_range(u32 ea, u64 bytes);
    // Enters a 4 KiB page of the VMM's for fetches of the guest kernel.
    void fill_stub(u32 ea, u64 hpa);
    // Drops all 4 KiB entries, in constant time.
    void flush_tlb0();

    u64 fills() const { return fills_; }
    u64 flushes() const { return flushes_; }
    struct Slot {
        u32 mas1, mas2, mas3, mas7;
        u32 generation;  // TLB0: the slot is in the core while this is the image's generation
    };
    const Slot& tlb1_slot(unsigned i) const { return tlb1_[i]; }
    const Slot* find(u32 ea, bool space) const;
    bool simple() const { return !split_ && !spaces_[0] && !spaces_[1]; }

  private:
    void write_tlb0(const Slot& slot);
    void write_tlb1(const Slot& slot);
    bool live(const Slot& slot) const {
        return (slot.mas1 & e500::mas1::v) && slot.generation == generation_;
    }

    Layout layout_ = straight;
    u8 permissions_[2][64] = {};  // layout_.permissions() by space and guest permissions
    Hole hole_ = {};
    const Overlay* overlay_ = nullptr;
    bool split_ = false;               // guest runs with IS != DS: run crossed, one side an entry
    bool spaces_[2] = {false, false};  // guest AS that the core's AS0, AS1 hold
    bool split_user_ = false, split_is_ = false;
    bool fragments_ = false;  // TLB0 holds pieces of larger guest pages
    Slot tlb0_[sets][ways] = {};
    u8 victim0_[sets] = {};
    Slot tlb1_[tlb1_slots] = {};
    u8 victim1_ = 0;
    u32 generation_ = 1;
    u64 fills_ = 0, flushes_ = 0;
};

}  // namespace trapeze::mmu
