// SPDX-License-Identifier: Apache-2.0
// The pages whose addresses stubs have taken, and the register page's.
#include <algorithm>

#include "hv/core/clock.hpp"
#include "hv/core/cpu.hpp"
#include "hv/core/slots.hpp"
#include "hv/patch/parts.hpp"

namespace trapeze::patch {

namespace mas1 = e500::mas1;
namespace mas2 = e500::mas2;
namespace mas3 = e500::mas3;
using tcache::Cache;

namespace {

// Addresses are looked for in blocks of 64 KiB, so that 16 pages that stand as their memory does
// are one entry of the core.
constexpr u32 block_bytes = 64u << 10;
constexpr unsigned block_pages = block_bytes / page_bytes;
constexpr u32 reach = 0x0200'0000;
constexpr unsigned blocks = 2 * reach / block_bytes;

constexpr u32 unused_word = 0x7fe0'0008;  // trap

// Where a displacement from 0 reaches.
constexpr u32 register_places[] = {0xffff'8000, 0xffff'9000, 0xffff'a000, 0xffff'b000, 0xffff'c000,
                                   0xffff'd000, 0xffff'e000, 0xffff'f000, 0x0000'7000, 0x0000'6000,
                                   0x0000'5000, 0x0000'4000, 0x0000'3000, 0x0000'2000, 0x0000'1000};

bool memory_behind(const Vcpu& v, const mmu::VirtualEntry& entry, u32 ea) {
    return v.memory->find(entry.gpa(ea)) != nullptr;
}

bool taken_by_guest(const Vcpu& v, const mmu::VirtualEntry& entry, u32 ea) {
    return !entry.space() && entry.covers(ea) && memory_behind(v, entry, ea);
}

bool free_for_registers(Vcpu& v, u32 ea) {
    for (unsigned i = 0; i < mmu::VirtualTlb::tlb1_entries; ++i) {
        const mmu::VirtualEntry& entry = v.tlb.tlb1(i);
        if (v.tlb.valid(entry, 1) && taken_by_guest(v, entry, ea)) return false;
    }
    const mmu::VirtualEntry* const set = v.tlb.set(ea);
    for (unsigned way = 0; way < mmu::VirtualTlb::ways; ++way) {
        if (v.tlb.valid(set[way], 0) && taken_by_guest(v, set[way], ea)) return false;
    }
    return true;
}

bool avoided(const Patcher& p, u32 now, u32 ea) {
    return std::ranges::any_of(p.avoided, [&](const Patcher::Avoided& a) {
        return a.until > now && a.ea / block_bytes == ea / block_bytes;
    });
}

// Whether the guest has a small page in the block at `ea`.
bool small_entries_in(Vcpu& v, u32 ea) {
    for (u32 page = ea; page != ea + block_bytes; page += page_bytes) {
        const mmu::VirtualEntry* const set = v.tlb.set(page);
        for (unsigned way = 0; way < mmu::VirtualTlb::ways; ++way) {
            const mmu::VirtualEntry& entry = set[way];
            if (entry.covers(page) && v.tlb.valid(entry, 0) && !entry.space()) return true;
        }
    }
    return false;
}

bool overlaps(u32 ea, u32 other, u64 bytes) {
    return ea - other < bytes || other - ea < block_bytes;
}

// Blocks from `ea` on that are of no use to the search, for the guest or the VMM has something
// there: at least one, or 0 if this one is free. Those behind a large entry are counted at once.
unsigned taken_blocks(Vcpu& v, u32 ea) {
    for (unsigned i = 0; i < mmu::VirtualTlb::tlb1_entries; ++i) {
        const mmu::VirtualEntry& entry = v.tlb.tlb1(i);
        if (!v.tlb.valid(entry, 1) || entry.space()) continue;
        if (entry.size() <= block_bytes) {
            if (overlaps(ea, entry.epn(), entry.size())) return 1;
            continue;
        }
        // Where there is nothing behind it, nobody looks.
        const u64 gpa = entry.gpa(ea);
        const mmu::Region* const region = entry.covers(ea) ? v.memory->find(gpa) : nullptr;
        if (region == nullptr) continue;
        const u64 rest =
            std::min(entry.size() - (ea - entry.epn()), region->size - (gpa - region->gpa));
        return rest < block_bytes ? 1 : static_cast<unsigned>(rest / block_bytes);
    }
    if (ea == 0 || ea == 0xffff'0000) return 1;
    if (v.shadow.hole().overlaps(ea, block_bytes)) return 1;
    const Patcher& p = *v.patcher;
    for (unsigned i = 0; i < Cache::max_pages; ++i) {
        if (p.overlay.cache.page(i) / block_bytes == ea / block_bytes &&
            p.overlay.cache.page(i) != Cache::no_page) {
            return 1;
        }
    }
    if (small_entries_in(v, ea)) return 1;
    return avoided(p, epoch(v), ea) ? 1 : 0;
}

// Where the cache's pages lie, once these have changed.
void note_range(Vcpu& v) {
    mmu::Overlay& overlay = v.patcher->overlay;
    const Cache& cache = overlay.cache;
    u32 low = ~0u, high = 0;
    for (unsigned i = 0; i < Cache::max_pages; ++i) {
        const u32 ea = cache.page(i);
        if (ea == Cache::no_page) continue;
        if (ea < low) low = ea;
        if (ea > high) high = ea;
    }
    v.stub_low = low > high ? 0 : low;
    v.stub_bytes = low > high ? 0 : high - low + page_bytes;
    overlay.low = v.stub_low;
    overlay.bytes = v.stub_bytes;
    const u32 first = cache.page(0);
    overlay.whole = first % block_bytes == 0;
    for (unsigned i = 1; i < block_pages; ++i) {
        overlay.whole = overlay.whole && cache.page(i) == first + i * page_bytes;
    }
}

// Writes the core's entry for the first block, if it is whole and stands as its memory does.
void pin_stubs(Vcpu& v) {
    Patcher& p = *v.patcher;
    if (!p.overlay.whole || !p.overlay.present) {
        core::write_tlb(1, core::slot::stubs, {0, 0, 0, 0});
        return;
    }
    const u32 ea = p.overlay.cache.page(0);
    const u32 space = v.shadow.layout().fetch_space(false) ? mas1::ts : 0;
    core::write_tlb(1, core::slot::stubs,
                    {mas1::v | space | mas1::tsize_for(block_bytes), ea | mas2::m,
                     static_cast<u32>(p.overlay.stub_hpa) | mas3::ux | mas3::sr, 0});
}

void take_page(Vcpu& v, u32 ea) {
    Patcher& p = *v.patcher;
    if (!p.overlay.cache.add_page(ea)) return;
    const unsigned slot = p.overlay.cache.slot(ea);
    p.stolen[slot] = {};
}

// A search for a page goes over places: first the blocks in reach of all of a frame, not at the
// very edge of it, for its neighbours' sites should find room there too; then over the guest's own
// pages, from the farthest on. One attempt looks at a few, and the frame remembers where the next
// one goes on.
constexpr unsigned edge = (8u << 20) / block_bytes;
constexpr unsigned last_block = blocks - edge;
constexpr u32 span = reach - static_cast<u32>(MirrorFrame::bytes);
constexpr unsigned last_place = last_block + 2 * (span / page_bytes);
constexpr unsigned most_blocks = 4, most_pages = 8;  // in one attempt

enum class Theft : u8 { taken, later, none };

Theft steal_unused(Vcpu& v, MirrorFrame& frame, u32 base) {
    const Cache& cache = v.patcher->overlay.cache;
    unsigned block = std::max<unsigned>(frame.searched, edge);
    for (unsigned looks = 0; block < last_block && looks < most_blocks; ++looks) {
        const u32 ea = base - reach + block * block_bytes;
        if (const unsigned taken = taken_blocks(v, ea); taken != 0) {
            block = std::min(block + taken, last_block);
            continue;
        }
        const unsigned room = Cache::max_pages - cache.pages();
        for (unsigned i = 0; i < block_pages && i < room; ++i) take_page(v, ea + i * page_bytes);
        v.shadow.drop_range(ea, block_bytes);
        return Theft::taken;
    }
    frame.searched = static_cast<u16>(block);
    return Theft::later;
}

// Whether nobody will miss the address of a page of the guest's, for fetches or at all. `looked`:
// all of the page was looked at.
bool idle(const Vcpu& v, const mmu::VirtualEntry& entry, u64 hpa, bool& looked) {
    const bool others = (entry.mas3 & (mas3::ux | mas3::ur | mas3::uw)) != 0;
    // Where the guest kernel's data goes elsewhere, any page will do that it may not execute.
    if (!v.shadow.own_layout().beside_text(false) && !mmu::Overlay::executable(entry)) {
        return !others;
    }
    // Not in use as far as one can see. Most that are show it at once.
    constexpr unsigned words = page_bytes / 4, begin = 16;
    if (!core::is_zero(hpa, 0, begin)) return false;
    looked = true;
    return core::is_zero(hpa, begin, words);
}

Theft steal_mapped(Vcpu& v, MirrorFrame& frame, u32 base) {
    Patcher& p = *v.patcher;
    bool looked = false;
    for (unsigned i = 0; i < most_pages && frame.searched < last_place && !looked; ++i) {
        const unsigned place = frame.searched++ - last_block;
        const u32 away = span - place / 2 * page_bytes;
        const u32 ea = place % 2 == 0 ? base + away : base - away;
        const auto hit = v.tlb.find(ea, false, v.regs.pid);
        if (hit.entry == nullptr || hit.tlb != 1 || !mmu::Overlay::steady(*hit.entry)) continue;
        const u64 gpa = hit.entry->gpa(ea);
        u64 hpa = 0;
        if (!v.memory->ram_range(gpa, page_bytes, hpa)) continue;
        if (p.overlay.mirror.page(gpa) != nullptr || avoided(p, epoch(v), ea) ||
            p.overlay.cache.slot(ea) != Cache::max_pages || !idle(v, *hit.entry, hpa, looked)) {
            continue;
        }
        take_page(v, ea);
        v.shadow.drop_range(ea, page_bytes);
        return Theft::taken;
    }
    return frame.searched < last_place ? Theft::later : Theft::none;
}

// Pages that hold nothing, and did not help: their room is wanted elsewhere.
void return_empty(Vcpu& v) {
    Cache& cache = v.patcher->overlay.cache;
    for (unsigned i = 0; i < Cache::max_pages; ++i) {
        const u32 ea = cache.page(i);
        if (ea == Cache::no_page || cache.live(i) != 0) continue;
        cache.remove_page(ea);
        v.shadow.drop_range(ea, page_bytes);
    }
    note_range(v);
    pin_stubs(v);
}

Theft steal(Vcpu& v, MirrorFrame& frame, u32 site) {
    constexpr u32 pause = 64;  // epochs, after a search for nothing
    if (v.patcher->overlay.cache.pages() == Cache::max_pages) return_empty(v);
    if (v.patcher->overlay.cache.pages() == Cache::max_pages) return Theft::none;
    if (frame.no_search_before > epoch(v)) return Theft::none;
    const u32 base = site & ~(static_cast<u32>(MirrorFrame::bytes) - 1);
    const Theft theft =
        frame.searched < last_block ? steal_unused(v, frame, base) : steal_mapped(v, frame, base);
    if (theft == Theft::later) return theft;
    frame.searched = 0;
    if (theft == Theft::none) {
        frame.no_search_before = epoch(v) + pause;
        return theft;
    }
    note_range(v);
    pin_stubs(v);
    return theft;
}

// The guest kernel may execute what it has mapped: no fetch would tell its own text from a stub.
void make_way_for_text(Vcpu& v, const mmu::VirtualEntry& entry) {
    const Cache& cache = v.patcher->overlay.cache;
    for (unsigned i = 0; i < Cache::max_pages; ++i) {
        const u32 ea = cache.page(i);
        if (ea != Cache::no_page && taken_by_guest(v, entry, ea)) give_back(v, ea, true);
    }
}

}  // namespace

namespace {

// Takes the stub's patch away if it is on this page.
bool unpatch_there(Vcpu& v, const tcache::Entry& entry, MirrorFrame& frame, unsigned page,
                   Reason reason) {
    const u32 site = entry.site;
    if (!frame.is_mirrored(page) || frame.page[page].ea != page_of(site)) return false;
    const Text text = text_at(v, frame, page, site % page_bytes / 4);
    if (dbt::branch_target(site, core::read_ram(text.copy, 4)) != entry.ea) return false;
    unpatch(v, frame, text, State::back, reason);
    return true;
}

}  // namespace

void unpatch_stub(Vcpu& v, const tcache::Entry& entry, Reason reason) {
    auto& mirror = v.patcher->overlay.mirror;
    // Where the guest has it, most likely; there are thousands of pages to look at else.
    const auto hit = v.tlb.find(entry.site, false, v.regs.pid);
    if (hit.entry != nullptr) {
        const u64 gpa = hit.entry->gpa(entry.site);
        MirrorFrame* const frame = mirror.find(gpa);
        if (frame != nullptr && unpatch_there(v, entry, *frame, MirrorFrame::index(gpa), reason)) {
            return;
        }
    }
    for (unsigned f = 0; f < mirror.capacity(); ++f) {
        MirrorFrame& frame = mirror.frame(f);
        if (!frame.used) continue;
        for (unsigned i = 0; i < MirrorFrame::pages; ++i) {
            if (unpatch_there(v, entry, frame, i, reason)) return;
        }
    }
}

u32* memory_of(Patcher& p, const tcache::Entry& entry) {
    return &p.stubs[entry.page][entry.ea % page_bytes / 4];
}

tcache::Entry* place_stub(Vcpu& v, MirrorFrame& frame, u32 site, unsigned words) {
    Cache& cache = v.patcher->overlay.cache;
    if (auto* const entry = cache.allocate(site, words)) return entry;
    const Theft theft = steal(v, frame, site);
    if (theft == Theft::taken) return cache.allocate(site, words);
    if (theft == Theft::later) return nullptr;
    // Old ones make way; they come back if they are still hot.
    for (unsigned i = 0; i < Cache::units; ++i) {
        tcache::Entry* const old = cache.victim(site);
        if (old == nullptr) return nullptr;
        unpatch_stub(v, *old, Reason::no_page);
        if (old->words != 0) return nullptr;
        if (auto* const entry = cache.allocate(site, words)) return entry;
    }
    return nullptr;
}

void clear_stubs(Patcher& p) {
    for (auto& page : p.stubs) {
        for (u32& word : page) word = unused_word;
        core::sync_own_text(page, page_bytes / 4);
    }
}

void release_stub(Vcpu& v, tcache::Entry& entry) {
    Patcher& p = *v.patcher;
    u32* const at = memory_of(p, entry);
    for (unsigned i = 0; i < entry.words; ++i) at[i] = unused_word;
    core::sync_own_text(at, entry.words);
    p.overlay.cache.release(entry);
}

void give_back(Vcpu& v, u32 ea, bool struck) {
    Patcher& p = *v.patcher;
    Cache& cache = p.overlay.cache;
    const unsigned slot = cache.slot(page_of(ea));
    if (slot == Cache::max_pages) return;
    for (unsigned i = 0; i < Cache::max_entries && cache.live(slot) != 0; ++i) {
        const tcache::Entry& entry = cache.entry(i);
        if (entry.words != 0 && entry.page == slot) unpatch_stub(v, entry, Reason::faults);
    }
    cache.remove_page(page_of(ea));
    if (struck) {
        Patcher::Avoided* place = &p.avoided[p.next_avoided];
        for (auto& a : p.avoided) {
            if (a.strikes != 0 && a.ea == page_of(ea)) place = &a;
        }
        if (place == &p.avoided[p.next_avoided]) {
            p.next_avoided = (p.next_avoided + 1) % Patcher::most_avoided;
            place->strikes = 0;
        }
        place->ea = page_of(ea);
        place->until = strike(v, place->strikes, 2);
    }
    note_range(v);
    pin_stubs(v);
    v.shadow.drop_range(page_of(ea), page_bytes);
}

bool fetch_stub(Vcpu& v, u32 ea) {
    Patcher& p = *v.patcher;
    if (!p.overlay.stolen(ea)) return false;
    if (p.overlay.cache.find(ea) == nullptr) {
        give_back(v, ea, true);  // the guest itself goes there
        return false;
    }
    const unsigned slot = p.overlay.cache.slot(page_of(ea));
    v.shadow.fill_stub(ea, p.overlay.stub_hpa + u64{slot} * page_bytes);
    return true;
}

Left leave_stub(Vcpu& v) {
    Patcher& p = *v.patcher;
    const tcache::Entry* const entry = p.overlay.cache.find(v.nip);
    if (entry == nullptr) {
        if (!p.overlay.stolen(v.nip)) return {Left::elsewhere, v.nip, 0};
        give_back(v, v.nip, true);
        return {Left::nothing, v.nip, 0};
    }
    const auto stub = static_cast<dbt::Stub>(entry->kind);
    const dbt::Recovery recovery = dbt::recover(stub, (v.nip - entry->ea) / 4);
    for (unsigned i = 0; i < 2; ++i) {
        if (recovery.restore[i]) v.gpr[dbt::borrowed(i, entry->source)] = v.regs.scratch[i];
    }
    const u32 site = entry->site;
    v.nip = recovery.done ? site + 4 : site;
    return {recovery.done ? Left::done : Left::before, site, own_word(v, site, entry->word)};
}

void pin(Vcpu& v) {
    Patcher& p = *v.patcher;
    const u32 space = v.shadow.layout().data_space(false) ? mas1::ts : 0;
    // Nothing of the guest's is there that the core might have (free_for_registers).
    core::write_tlb(1, core::slot::registers,
                    {mas1::v | space | mas1::tsize_4k, p.overlay.register_ea | mas2::m,
                     static_cast<u32>(core::own_hpa(&v.regs)) | mas3::ur | mas3::uw, 0});
    pin_stubs(v);
}

void unpin(Vcpu& v) {
    core::write_tlb(1, core::slot::registers, {0, 0, 0, 0});
    if (v.patcher != nullptr) {
        pin_stubs(v);
    } else {
        core::write_tlb(1, core::slot::stubs, {0, 0, 0, 0});
    }
}

void take_core(Vcpu& v) {
    if (v.patcher != nullptr && v.patcher->overlay.present) {
        pin(v);
    } else {
        unpin(v);
    }
}

bool place_register_page(Vcpu& v) {
    Patcher& p = *v.patcher;
    p.overlay.register_ea = 0;
    for (const u32 ea : register_places) {
        if (!free_for_registers(v, ea)) continue;
        p.overlay.register_ea = ea;
        break;
    }
    set_register_map(p);
    return p.overlay.register_ea != 0;
}

void entry_made(Vcpu& v, const mmu::VirtualEntry& entry) {
    Patcher& p = *v.patcher;
    if (p.overlay.flush && mmu::Overlay::lopsided(entry)) cannot_flush(v);
    if ((entry.mas3 & mas3::sx) != 0) make_way_for_text(v, entry);
    if (p.overlay.register_ea == 0) {
        if (place_register_page(v)) mode_changes(v);
        return;
    }
    if (!taken_by_guest(v, entry, p.overlay.register_ea)) return;
    end_window(v);
    if (!place_register_page(v)) {
        mode_changes(v);
        unmirror_all(v, Reason::off);
        return;
    }
    follow_register_page(v);
    if (p.overlay.present) pin(v);
}

}  // namespace trapeze::patch
