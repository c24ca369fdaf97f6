// SPDX-License-Identifier: Apache-2.0
// The text mirror: which pages of the guest kernel's text are executed from a copy.
#include "hv/core/cpu.hpp"
#include "hv/patch/parts.hpp"

namespace trapeze::patch {

namespace {

// What is mirrored at once around a page, if the guest maps it so: the page's neighbours are likely
// text as well, and one entry of the core then maps them all.
constexpr u32 first_block = 64u << 10;
constexpr u32 largest_block = MirrorFrame::bytes;

// Where a page of the guest's can be mirrored, and how far around.
struct Around {
    MirrorFrame* frame;
    u32 ea;
    u64 gpa;
    const mmu::VirtualEntry* entry;
};

// The block of `bytes` around it lies in the guest's entry and in RAM, and EA and GPA are aligned
// alike.
bool fits(const Vcpu& v, const Around& a, u32 bytes) {
    const u32 mask = bytes - 1;
    u64 hpa = 0;
    return bytes <= a.entry->size() && ((a.ea ^ static_cast<u32>(a.gpa)) & mask) == 0 &&
           v.memory->ram_range(a.gpa & ~u64{mask}, bytes, hpa);
}

bool willing(const Patcher& p, const MirrorPage& page, u32 now) {
    // One that stays out ends the cover: not for a few words that were written.
    constexpr u8 few_strikes = 8;
    const u8 allowed = p.cover ? few_strikes : 0;
    return page.strikes <= allowed || page.not_before <= now;
}

// Eager: all that can be patched in a page that has just been copied.
void patch_all(Vcpu& v, MirrorFrame& frame, unsigned page) {
    // All of them have this primary opcode.
    constexpr u32 primary_mask = 0xfc00'0000, primary = 31U << 26;
    u64 own = 0;
    v.memory->ram_range(frame.gpa + u64{page} * page_bytes, page_bytes, own);
    const unsigned words = page_bytes / 4;
    for (unsigned i = 0; i < words; ++i) {
        i = core::find_word(own, i, primary_mask, primary);
        if (i < words) patch_word(v, frame, text_at(v, frame, page, i));
    }
}

// The guest has moved its text: what was mirrored at its old place is of no use.
bool still_mapped(Vcpu& v, u32 ea, u64 gpa) {
    const auto hit = v.tlb.find(ea, false, v.regs.pid);
    return hit.entry != nullptr && mmu::Overlay::steady(*hit.entry) &&
           hit.entry->gpa(ea) == (gpa & ~u64{page_bytes - 1});
}

void copy_page(Vcpu& v, MirrorFrame& frame, unsigned i, u32 ea) {
    Patcher& p = *v.patcher;
    const u64 gpa = frame.gpa + u64{i} * page_bytes;
    if (frame.is_mirrored(i)) {
        if (frame.page[i].ea == ea || still_mapped(v, frame.page[i].ea, gpa)) return;
        unmirror(v, frame, i, 1, false, Reason::no_mapping);
    }
    u64 own = 0;
    v.memory->ram_range(gpa, page_bytes, own);
    core::copy_text(p.overlay.text_hpa(gpa), own);
    p.overlay.mirror.add(frame, i, ea);
    if (p.mode == Mode::eager) patch_all(v, frame, i);
    if (p.cover) cover_page(v, frame, i);
}

// Mirrors what is not yet of the block around; pages that have been given back only if `all`.
void copy_block(Vcpu& v, const Around& a, u32 bytes) {
    const unsigned count = bytes / page_bytes;
    const unsigned first = MirrorFrame::index(a.gpa) & ~(count - 1);
    const u32 ea = a.ea & ~(bytes - 1);
    const u32 now = epoch(v);
    for (unsigned i = 0; i < count; ++i) {
        if (willing(*v.patcher, a.frame->page[first + i], now)) {
            copy_page(v, *a.frame, first + i, ea + i * page_bytes);
        }
    }
}

// Shadow entries through which the guest could still write to the block, or execute it unpatched.
void drop_views(Vcpu& v, const Around& a, u32 bytes) {
    const u64 gpa = a.gpa & ~u64{bytes - 1};
    v.shadow.drop_range(a.ea & ~(bytes - 1), bytes);
    for (unsigned i = 0; i < mmu::VirtualTlb::tlb1_entries; ++i) {
        const mmu::VirtualEntry& entry = v.tlb.tlb1(i);
        if (!v.tlb.valid(entry, 1) || &entry == a.entry) continue;
        const u64 start = entry.gpa(entry.epn());
        if (start < gpa + bytes && gpa < start + entry.size()) v.shadow.drop(entry);
    }
    if (!v.tlb.may_map_small(gpa)) return;
    for (u32 set = 0; set < v.tlb.sets(); ++set) {
        const mmu::VirtualEntry* const entries = v.tlb.set(set * page_bytes);
        for (unsigned way = 0; way < mmu::VirtualTlb::ways; ++way) {
            const mmu::VirtualEntry& entry = entries[way];
            // The low half of the address says enough: valid or not, few have it.
            if ((entry.mas3 & ~(page_bytes - 1)) - static_cast<u32>(gpa) < bytes &&
                v.tlb.valid(entry, 0)) {
                v.shadow.drop(entry);
            }
        }
    }
}

// Three of four blocks of text make a larger one; two, where it costs nothing to read a copied
// page.
void grow(Vcpu& v, const Around& a) {
    const u32 now = epoch(v);
    const unsigned enough = v.shadow.own_layout().beside_text(false) ? 3 : 2;
    for (u32 bytes = 4 * first_block; bytes <= largest_block && fits(v, a, bytes); bytes *= 4) {
        const unsigned count = bytes / page_bytes;
        const unsigned first = MirrorFrame::index(a.gpa) & ~(count - 1);
        unsigned whole = 0;
        bool clean = true;
        for (unsigned part = 0; part < 4; ++part) {
            bool mirrored = true;
            for (unsigned i = 0; i < count / 4; ++i) {
                const unsigned page = first + part * (count / 4) + i;
                mirrored = mirrored && a.frame->is_mirrored(page);
                clean = clean && willing(*v.patcher, a.frame->page[page], now);
            }
            whole += mirrored ? 1 : 0;
        }
        if (whole < enough || !clean) return;
        if (whole == 4) continue;
        copy_block(v, a, bytes);
        drop_views(v, a, bytes);
    }
}

// The frame whose patches save least makes way, if that is no more than what they cost to make
// again, and it has been there long enough to tell.
MirrorFrame* make_room(Vcpu& v, u64 gpa) {
    const Patcher& p = *v.patcher;
    auto& mirror = v.patcher->overlay.mirror;
    constexpr u32 few = 4, settled = 128;  // patches, epochs
    MirrorFrame* coldest = nullptr;
    u64 least = ~u64{0};
    for (unsigned i = 0; i < mirror.capacity(); ++i) {
        MirrorFrame& frame = mirror.frame(i);
        const bool young = epoch(v) - frame.opened < settled;
        if (young && frame.patches > few) continue;
        const u64 saved = young ? 0 : exits_saved_by(v, frame.gpa, MirrorFrame::bytes);
        if (saved * p.costs.exit > u64{frame.patches} * p.costs.patch && frame.patches > few) {
            continue;
        }
        if (coldest == nullptr || saved < least ||
            (saved == least && frame.patches < coldest->patches)) {
            coldest = &frame;
            least = saved;
        }
    }
    if (coldest == nullptr) return nullptr;
    unmirror(v, *coldest, 0, MirrorFrame::pages, false, Reason::no_mirror);
    mirror.close(*coldest);
    return mirror.open(gpa);
}

}  // namespace

Reason mirror_page(Vcpu& v, const mmu::VirtualEntry& entry, u32 ea) {
    Patcher& p = *v.patcher;
    if (resting(v)) return Reason::waiting;
    const u64 gpa = entry.gpa(ea);
    u64 hpa = 0;
    if (!v.memory->ram_range(gpa & ~u64{page_bytes - 1}, page_bytes, hpa)) {
        return Reason::no_mapping;
    }
    MirrorFrame* frame = p.overlay.mirror.find(gpa);
    if (frame == nullptr) {
        frame = p.overlay.mirror.open(gpa);
        if (frame == nullptr) frame = make_room(v, gpa);
        if (frame == nullptr) return Reason::no_mirror;
        frame->opened = epoch(v);
    }
    const unsigned i = MirrorFrame::index(gpa);
    MirrorPage& page = frame->page[i];
    if (frame->is_mirrored(i)) {
        if (page.ea == page_of(ea)) return Reason::none;
        if (still_mapped(v, page.ea, gpa)) return Reason::no_mapping;
        unmirror(v, *frame, i, 1, false, Reason::no_mapping);
    }
    if (frame->not_before > epoch(v) || !willing(p, page, epoch(v))) return Reason::waiting;
    const Around around{frame, ea, gpa, &entry};
    const u32 bytes = fits(v, around, first_block) ? first_block : page_bytes;
    copy_block(v, around, bytes);
    drop_views(v, around, bytes);
    grow(v, around);
    return Reason::none;
}

void unmirror(Vcpu& v, MirrorFrame& frame, unsigned first, unsigned count, bool struck,
              Reason reason) {
    Patcher& p = *v.patcher;
    u32 low = ~0u, high = 0;
    for (unsigned i = first; i < first + count; ++i) {
        if (!frame.is_mirrored(i)) continue;
        MirrorPage& page = frame.page[i];
        for (unsigned word = 0; page.patches != 0 && word < page_bytes / 4; ++word) {
            if (!p.overlay.mirror.is_patched(frame, i, word)) continue;
            unpatch(v, frame, text_at(v, frame, i, word), State::back, reason);
        }
        p.overlay.mirror.remove(frame, i);
        if (p.overlay.track && !p.cover) p.overlay.mirror.set_plain(frame, i, true);
        if (struck) page.not_before = strike(v, page.strikes, 1);
        if (page.ea < low) low = page.ea;
        if (page.ea > high) high = page.ea;
    }
    if (low <= high) v.shadow.drop_range(low, u64{high - low} + page_bytes);
}

void carve(Vcpu& v, MirrorFrame& frame, unsigned page) {
    // When it has come to this often, as much as lies in one aligned block without a patch, but not
    // more than the first block.
    constexpr u32 often = 32;
    unsigned first = page, count = 1;
    for (unsigned larger = 4; larger <= first_block / page_bytes && frame.carved >= often;
         larger *= 4) {
        const unsigned from = page & ~(larger - 1);
        bool bare = true;
        for (unsigned i = from; i < from + larger; ++i) {
            bare = bare && (!frame.is_mirrored(i) || frame.page[i].patches == 0);
        }
        if (!bare) break;
        first = from;
        count = larger;
    }
    unmirror(v, frame, first, count, true, Reason::faults);
    ++frame.carved;
}

void release(Vcpu& v, MirrorFrame& frame, unsigned page) {
    constexpr unsigned count = first_block / page_bytes;
    const unsigned first = page & ~(count - 1);
    for (unsigned i = first; i < first + count; ++i) {
        if (i == page || (frame.is_mirrored(i) && frame.page[i].patches == 0)) {
            unmirror(v, frame, i, 1, true, Reason::faults);
        }
    }
    // What had been mirrored only to make a larger block of it goes too.
    for (unsigned larger = 4 * count; larger <= MirrorFrame::pages; larger *= 4) {
        const unsigned from = page & ~(larger - 1);
        unsigned mirrored = 0, patches = 0;
        for (unsigned i = from; i < from + larger; ++i) {
            mirrored += frame.is_mirrored(i) ? 1 : 0;
            patches += frame.is_mirrored(i) ? frame.page[i].patches : 0;
        }
        if (patches != 0 || 2 * mirrored >= larger) return;
        unmirror(v, frame, from, larger, false, Reason::faults);
    }
}

void unmirror_all(Vcpu& v, Reason reason) {
    auto& mirror = v.patcher->overlay.mirror;
    for (unsigned i = 0; i < mirror.capacity(); ++i) {
        MirrorFrame& frame = mirror.frame(i);
        if (!frame.used) continue;
        unmirror(v, frame, 0, MirrorFrame::pages, false, reason);
        mirror.close(frame);
    }
}

// The shadow entries of all text that is, or has been, mirrored: what it is executed from changes.
void drop_text(Vcpu& v) {
    if (v.patcher->cover) {
        v.shadow.flush();  // and of text that was executed meanwhile
        return;
    }
    auto& mirror = v.patcher->overlay.mirror;
    for (unsigned f = 0; f < mirror.capacity(); ++f) {
        MirrorFrame& frame = mirror.frame(f);
        if (!frame.used || frame.mirrored == 0) continue;
        v.shadow.drop_range(frame.low, u64{frame.high - frame.low} + page_bytes);
    }
}

void executes(Vcpu& v, const mmu::VirtualEntry& entry, u32 ea) {
    Patcher& p = *v.patcher;
    if (!p.overlay.on) return;
    if (!mmu::Overlay::steady(entry)) {
        uncover(v);
        return;
    }
    const u64 gpa = entry.gpa(ea);
    MirrorFrame* frame = p.overlay.mirror.find(gpa);
    // What is executed beside patched text goes with it: fewer and larger entries of the core.
    if (!p.overlay.track && (frame == nullptr || frame->patches == 0)) return;
    const unsigned i = MirrorFrame::index(gpa);
    const bool mirrored = frame != nullptr && frame->is_mirrored(i);
    // By another address the guest's own words are executed.
    if (mirrored && (frame->page[i].ea == page_of(ea) || !p.cover)) return;
    const u64 began = now_of(v);
    const Reason reason = mirror_page(v, entry, ea);
    p.patch_ticks += now_of(v) - began;
    if (reason == Reason::none) return;
    uncover(v);
    if (!p.overlay.track || mirrored) return;
    frame = p.overlay.mirror.find(gpa);
    if (frame == nullptr) return;
    p.overlay.mirror.set_plain(*frame, i, true);
    v.shadow.drop_range(page_of(ea), page_bytes);
}

}  // namespace trapeze::patch
