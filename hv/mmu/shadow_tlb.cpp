// SPDX-License-Identifier: Apache-2.0
#include "hv/mmu/shadow_tlb.hpp"

#include <bit>

namespace trapeze::mmu {

namespace mas1 = e500::mas1;
namespace mas2 = e500::mas2;
namespace mas3 = e500::mas3;

namespace {

constexpr u32 smallest_block = 5;  // TSIZE of 1 MiB
constexpr u32 nowhere = 1;         // no instruction's address

u64 slot_size(const ShadowTlb::Slot& slot) { return mas1::page_size(mas1::tsize(slot.mas1)); }
bool slot_overlaps(const ShadowTlb::Slot& slot, u32 ea, u64 bytes) {
    const u32 base = slot.mas2 & mas2::epn_mask;
    return (slot.mas1 & mas1::v) && u64{base} < u64{ea} + bytes &&
           u64{ea} < u64{base} + slot_size(slot);
}

template <typename Function>
void each_bit(u32 bits, Function&& f) {
    for (; bits != 0; bits &= bits - 1) f(static_cast<unsigned>(std::countr_zero(bits)));
}

}  // namespace

void ShadowTlb::reset(const Layout& layout, Hole hole) {
    layout_ = layout;
    for (u32 permissions = 0; permissions < 64; ++permissions) {
        permissions_[0][permissions] = static_cast<u8>(layout.permissions(false, permissions));
        permissions_[1][permissions] = static_cast<u8>(layout.permissions(true, permissions));
    }
    hole_ = hole;
    split_ = aside_ = turned_ = false;
    choose_layout();
    spaces_[0] = spaces_[1] = false;
    flush();
    flushes_ = fills_ = replayed_ = 0;
}

bool ShadowTlb::enter(bool user, bool virtual_is, bool virtual_ds) {
    const bool same = sole_user_ == user && sole_is_ == virtual_is;
    if (virtual_is != virtual_ds) {
        // Fetches and loads of one mode see different guest spaces: run crossed, where they are
        // apart in the core too, and let each entry serve one side only.
        if (split_ && same) return false;
        split_ = true;
        aside_ = turned_ = false;
        turned_at_ = nowhere;
        sole_user_ = user;
        sole_is_ = virtual_is;
        choose_layout();
        flush();
        return true;
    }
    if (aside_ && same) return false;
    if (split_ || aside_) {
        split_ = aside_ = false;
        spaces_[0] = spaces_[1] = virtual_is;
        choose_layout();
        flush();
        return true;
    }
    // In `crossed` each core space serves both modes, so they must agree, and all four are alike;
    // in `straight` each mode has its own.
    const bool fetch = layout_.fetch_space(user), data = layout_.data_space(user);
    if (spaces_[fetch] == virtual_is) return false;
    spaces_[fetch] = spaces_[data] = virtual_is;
    flush();
    return true;
}

bool ShadowTlb::make_way(bool user, bool virtual_space, u32 nip) {
    if (split_) {
        if (turned_at_ == nip) return false;
        turned_ = !turned_;
        turned_at_ = nip;
    } else {
        aside_ = true;
        sole_user_ = user;
        sole_is_ = virtual_space;
    }
    choose_layout();
    flush();
    return true;
}

bool ShadowTlb::come_back() {
    if (!aside_) return false;
    aside_ = false;
    spaces_[0] = spaces_[1] = sole_is_;
    choose_layout();
    flush();
    return true;
}

Fill ShadowTlb::fill(const MemoryMap& memory, const VirtualEntry& entry, u32 ea, Access access,
                     bool user) {
    if (!entry.allows(access, user)) return Fill::protection;

    const u64 gpa = entry.gpa(ea);
    const Region* const region = memory.find(gpa);
    if (region == nullptr) return Fill::no_memory;
    if (region->kind == RegionKind::trapped) return Fill::device;
    const bool read_only = region->read_only;
    if (read_only && access == Access::store) return Fill::device;

    const bool fetch = access == Access::fetch;
    const bool space = fetch ? layout().fetch_space(user) : layout().data_space(user);
    if (!space && hole_.overlaps(ea & ~0xfffu, 0x1000)) return Fill::hole;

    Overlay::View view = Overlay::View::plain;
    if (overlay_ != nullptr) view = overlay_->look(entry, ea, gpa, access, user, layout());
    if (view == Overlay::View::traced) return Fill::traced;
    const bool text = view == Overlay::View::text;

    // The largest block around `ea` that the guest's page, the region, both alignments and the
    // pages that the VMM keeps allow.
    const u64 hpa = text ? overlay_->text_hpa(gpa) : region->hpa + (gpa - region->gpa);
    // A large page that is broken up around kept ones has many small pieces, and the core few
    // entries for them: 4 KiB entries, which are kept ready, serve them better.
    u32 tsize = 1;
    const bool large = mas1::tsize(entry.mas1) > smallest_block && overlay_ != nullptr;
    for (u32 t = large ? smallest_block : 2; t <= mas1::tsize(entry.mas1); ++t) {
        const u64 size = mas1::page_size(t);
        const u64 offset = ea & (size - 1);
        if (((ea ^ hpa) & (size - 1)) != 0 || gpa - region->gpa < offset ||
            region->size - (gpa - region->gpa) < size - offset) {
            break;
        }
        const auto base = static_cast<u32>(ea - offset);
        if (!space && hole_.overlaps(base, size)) break;
        if (overlay_ != nullptr &&
            !overlay_->uniform(base, gpa - offset, size, gpa,
                               space == layout().kernel_is || Overlay::executable(entry))) {
            if (t == smallest_block && access != Access::store && !in_pieces(base) &&
                overlay_->alike(base, size)) {
                view = Overlay::View::read_only;
                tsize = t;
            }
            break;
        }
        tsize = t;
    }
    const auto offset_mask = static_cast<u32>(mas1::page_size(tsize) - 1);
    const u32 guest_permissions = Overlay::permitted(view, entry.mas3 & mas3::permissions) &
                                  (read_only ? ~(mas3::sw | mas3::uw) : ~0U);

    Slot slot{};
    slot.mas1 = mas1::v | (entry.mas1 & mas1::tid_mask) | (space ? mas1::ts : 0) | tsize << 8;
    const u32 order = entry.mas2 & mas2::e;
    const u32 attributes = region->kind == RegionKind::ram      ? entry.mas2 & mas2::attributes
                           : region->kind == RegionKind::shared ? mas2::m | order
                                                                : mas2::i | mas2::g | order;
    slot.mas2 = (ea & ~offset_mask) | attributes;
    // The VMM itself may read and write through every entry (SR, SW): it fetches the trapped
    // instruction and emulates accesses at the guest's own address.
    slot.mas3 = (static_cast<u32>(hpa) & mas3::rpn_mask & ~offset_mask) | mas3::sr |
                (text || read_only ? 0 : mas3::sw) | (entry.mas3 & mas3::user_bits) |
                (text     ? mas3::ux
                 : split_ ? Layout::sole_permissions(guest_permissions, user, fetch, !fetch)
                 : aside_ ? Layout::sole_permissions(guest_permissions, user, true, true)
                          : permissions_[space][guest_permissions]);
    slot.mas7 = static_cast<u32>(hpa >> 32);

    ++fills_;
    if (tsize == 1) {
        if (mas1::tsize(entry.mas1) != 1) {
            fragments_ = true;
            in_pieces_[ea >> 25] |= 1u << (ea >> 20) % 32;
        }
        write_tlb0(slot, mas1::tsize(entry.mas1) != 1);
    } else {
        write_tlb1(slot);
    }
    return Fill::done;
}

void ShadowTlb::write_tlb0(const Slot& slot, bool piece) {
    const bool space = (slot.mas1 & mas1::ts) != 0;
    if (!piece) note_small(slot.mas2 & mas2::epn_mask);
    // While an entry serves one side only, and above 4 GiB, every miss comes to fill().
    if (slot.mas7 == 0 && !split_) {
        const u32 index = ready_index(slot.mas2);
        const u32 bit = 1u << index % 32;
        u32& bits = pieces_[space][index / 32];
        bits = piece ? bits | bit : bits & ~bit;
        ready_[space][ready_index(slot.mas2)] = {key(slot.mas2), slot.mas1, slot.mas2, slot.mas3};
    }
    const u32 way = victim0_[(slot.mas2 >> 12) & (sets - 1)]++ & (ways - 1);
    core::write_tlb0(way, slot.mas1, slot.mas2, slot.mas3, slot.mas7);
}

void ShadowTlb::write_tlb1(const Slot& slot) {
    unsigned index = tlb1_slots;
    for (unsigned i = 0; i < tlb1_slots; ++i) {
        if (slot_overlaps(tlb1_[i], slot.mas2 & mas2::epn_mask, slot_size(slot)) &&
            ((tlb1_[i].mas1 ^ slot.mas1) & (mas1::ts | mas1::tid_mask)) == 0) {
            index = i;
            break;
        }
        if (!(tlb1_[i].mas1 & mas1::v)) index = i;
    }
    if (index == tlb1_slots) {
        index = victim1_;
        victim1_ = static_cast<u8>((victim1_ + 1) % tlb1_slots);
    }
    tlb1_[index] = slot;
    tlb1_valid_ |= 1u << index;
    core::write_tlb(1, index, {slot.mas1, slot.mas2, slot.mas3, slot.mas7});
}

void ShadowTlb::drop_large(const VirtualEntry& entry) {
    drop_blocks(entry.epn(), entry.size());
    if (fragments_) flush_tlb0();
}

void ShadowTlb::drop_page(u32 ea) {
    for (auto& table : ready_) {
        Ready& slot = table[ready_index(ea)];
        if (slot.key == key(ea)) slot.key = 0;
    }
    core::drop_tlb0(ea & mas2::epn_mask);
}

void ShadowTlb::drop_range(u32 ea, u64 bytes) {
    if (bytes == 0) return;
    drop_blocks(ea, bytes);
    constexpr u64 page = 0x1000, most = 16;  // pages that are dropped one by one
    const u32 first = ea & mas2::epn_mask;
    const u64 pages = (ea - first + bytes + page - 1) / page;
    if (pages >= ready_slots) {
        flush_tlb0();
        return;
    }
    for (u32 i = 0; i < pages; ++i) {
        const u32 at = first + i * static_cast<u32>(page);
        if (pages <= most) {
            drop_page(at);
            continue;
        }
        for (auto& table : ready_) {
            Ready& slot = table[ready_index(at)];
            if (slot.key == key(at)) slot.key = 0;
        }
    }
    // The rest stays ready.
    if (pages > most) core::flush_tlb0();
}

// The entries of TLB1.
void ShadowTlb::drop_blocks(u32 ea, u64 bytes) {
    each_bit(tlb1_valid_, [&](unsigned i) {
        Slot& slot = tlb1_[i];
        if (!slot_overlaps(slot, ea, bytes)) return;
        slot.mas1 = 0;
        tlb1_valid_ &= ~(1u << i);
        core::write_tlb(1, i, {0, slot.mas2, 0, 0});
    });
}

void ShadowTlb::fill_stub(u32 ea, u64 hpa) {
    Slot slot{};
    slot.mas1 = mas1::v | (layout().kernel_is ? mas1::ts : 0) | mas1::tsize_4k;
    slot.mas2 = (ea & mas2::epn_mask) | mas2::m;
    slot.mas3 = (static_cast<u32>(hpa) & mas3::rpn_mask) | mas3::sr | mas3::ux;
    slot.mas7 = static_cast<u32>(hpa >> 32);
    fragments_ = true;
    write_tlb0(slot, true);
}

void ShadowTlb::next_generation() {
    if (++generation_ == generations) {
        generation_ = 1;
        for (auto& table : ready_) {
            for (Ready& slot : table) slot.key = 0;
        }
    }
}

void ShadowTlb::flush_tlb0() {
    next_generation();
    fragments_ = false;
    small_count_ = 0;
    core::flush_tlb0();
}

void ShadowTlb::flush_small() {
    // Where there are no pieces, a flush of everything takes nothing that has to come back.
    if (small_count_ <= (fragments_ ? most_small : few_small)) {
        for (u32 i = 0; i < small_count_; ++i) drop_page(small_[i]);
        small_count_ = 0;
        return;
    }
    small_count_ = 0;
    const u32 before = generation_;
    next_generation();
    for (unsigned space = 0; space < 2 && fragments_; ++space) {
        for (u32 word = 0; word < ready_slots / 32; ++word) {
            for (u32 left = pieces_[space][word]; left != 0; left &= left - 1) {
                const auto bit = static_cast<u32>(std::countr_zero(left));
                Ready& slot = ready_[space][32 * word + bit];
                if ((slot.key & ~mas2::epn_mask) == before) {
                    slot.key = (slot.key & mas2::epn_mask) | generation_;
                } else {
                    pieces_[space][word] &= ~(1u << bit);
                }
            }
        }
    }
    core::flush_tlb0();
}

void ShadowTlb::take_core(const ShadowTlb& from) {
    core::flush_tlb0();
    each_bit(tlb1_valid_ | from.tlb1_valid_, [&](unsigned i) {
        const Slot& slot = tlb1_[i];
        core::write_tlb(1, i, {slot.mas1, slot.mas2, slot.mas3, slot.mas7});
    });
}

void ShadowTlb::flush() {
    ++flushes_;
    flush_tlb0();
    for (u32& word : in_pieces_) word = 0;
    drop_blocks(0, u64{1} << 32);
}

}  // namespace trapeze::mmu
