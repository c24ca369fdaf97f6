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

struct BlockMap {
    u32 bits[blocks / 32];
    u32 base;

    // Marks what [ea, ea + bytes) overlaps. Addresses wrap round, as branches do.
    void mark(u32 ea, u64 bytes) {
        const u32 from = ea - base;
        for (unsigned i = 0; i < blocks; ++i) {
            const u32 block = i * block_bytes;
            const bool inside = block - from < bytes || from - block < block_bytes;
            if (inside) bits[i / 32] |= 1u << i % 32;
        }
    }
    bool marked(unsigned i) const { return (bits[i / 32] >> i % 32 & 1u) != 0; }
};

bool avoided(const Patcher& p, u32 now, u32 ea) {
    return std::ranges::any_of(p.avoided, [&](const Patcher::Avoided& a) {
        return a.until > now && a.ea / block_bytes == ea / block_bytes;
    });
}

void mark_guest(Vcpu& v, BlockMap& map) {
    for (unsigned i = 0; i < mmu::VirtualTlb::tlb1_entries; ++i) {
        const mmu::VirtualEntry& entry = v.tlb.tlb1(i);
        if (!v.tlb.valid(entry, 1) || entry.space()) continue;
        if (entry.size() <= block_bytes) {
            map.mark(entry.epn(), entry.size());
            continue;
        }
        // Where there is nothing behind it, nobody looks.
        for (unsigned b = 0; b < blocks; ++b) {
            const u32 ea = map.base + b * block_bytes;
            if (entry.covers(ea) && memory_behind(v, entry, ea)) map.bits[b / 32] |= 1u << b % 32;
        }
    }
    for (u32 set = 0; set < v.tlb.sets(); ++set) {
        const mmu::VirtualEntry* const entries = v.tlb.set(set * page_bytes);
        for (unsigned way = 0; way < mmu::VirtualTlb::ways; ++way) {
            const mmu::VirtualEntry& entry = entries[way];
            if (!v.tlb.valid(entry, 0) || entry.space()) continue;
            const u32 block = (entry.epn() - map.base) / block_bytes;
            if (block < blocks) map.bits[block / 32] |= 1u << block % 32;
        }
    }
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
    for (u32& word : p.stubs[slot]) word = unused_word;
    core::sync_own_text(p.stubs[slot], page_bytes / 4);
}

bool steal_unused(Vcpu& v, u32 site) {
    Patcher& p = *v.patcher;
    BlockMap map{};
    // Not at the very edge of its reach: its neighbours' sites should find room there too.
    map.base = (site & ~(static_cast<u32>(MirrorFrame::bytes) - 1)) - reach;
    mark_guest(v, map);
    map.mark(0, block_bytes);
    map.mark(0xffff'0000, block_bytes);
    map.mark(v.shadow.hole().base, v.shadow.hole().size);
    for (unsigned i = 0; i < Cache::max_pages; ++i) {
        const u32 ea = p.overlay.cache.page(i);
        if (ea != Cache::no_page) map.mark(ea, page_bytes);
    }
    constexpr unsigned edge = (8u << 20) / block_bytes;
    const unsigned room = Cache::max_pages - p.overlay.cache.pages();
    for (unsigned b = edge; b < blocks - edge; ++b) {
        const u32 ea = map.base + b * block_bytes;
        if (map.marked(b) || avoided(p, epoch(v), ea)) continue;
        for (unsigned i = 0; i < block_pages && i < room; ++i) take_page(v, ea + i * page_bytes);
        v.shadow.drop_range(ea, block_bytes);
        return true;
    }
    return false;
}

// Whether nobody will miss the address of a page of the guest's, for fetches or at all.
bool idle(const Vcpu& v, const mmu::VirtualEntry& entry, u64 hpa) {
    const bool others = (entry.mas3 & (mas3::ux | mas3::ur | mas3::uw)) != 0;
    // Where the guest kernel's data goes elsewhere, any page will do that it may not execute.
    if (!v.shadow.own_layout().beside_text(false) && !mmu::Overlay::executable(entry)) {
        return !others;
    }
    // Not in use as far as one can see.
    return core::is_zero_page(hpa);
}

bool steal_mapped(Vcpu& v, u32 site) {
    Patcher& p = *v.patcher;
    constexpr unsigned most_tries = 2048;
    constexpr u32 span = reach - (4u << 20);
    unsigned tries = 0;
    for (u32 away = span; away >= page_bytes && tries < most_tries; away -= page_bytes) {
        for (const bool above : {true, false}) {
            const u32 ea = page_of(above ? site + away : site - away);
            const auto hit = v.tlb.find(ea, false, v.regs.pid);
            if (hit.entry == nullptr || hit.tlb != 1 || !mmu::Overlay::steady(*hit.entry)) continue;
            const u64 gpa = hit.entry->gpa(ea);
            u64 hpa = 0;
            if (!v.memory->ram_range(gpa, page_bytes, hpa)) continue;
            ++tries;
            if (p.overlay.mirror.page(gpa) != nullptr || avoided(p, epoch(v), ea) ||
                p.overlay.cache.slot(ea) != Cache::max_pages || !idle(v, *hit.entry, hpa)) {
                continue;
            }
            take_page(v, ea);
            v.shadow.drop_range(ea, page_bytes);
            return true;
        }
    }
    return false;
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

bool steal(Vcpu& v, u32 site) {
    if (v.patcher->overlay.cache.pages() == Cache::max_pages) return_empty(v);
    if (v.patcher->overlay.cache.pages() == Cache::max_pages) return false;
    if (!steal_unused(v, site) && !steal_mapped(v, site)) return false;
    note_range(v);
    pin_stubs(v);
    return true;
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

void unpatch_stub(Vcpu& v, const tcache::Entry& entry, Reason reason) {
    auto& mirror = v.patcher->overlay.mirror;
    const u32 site = entry.site;
    for (unsigned f = 0; f < mirror.capacity(); ++f) {
        MirrorFrame& frame = mirror.frame(f);
        if (!frame.used) continue;
        for (unsigned i = 0; i < MirrorFrame::pages; ++i) {
            if (!frame.is_mirrored(i) || frame.page[i].ea != page_of(site)) continue;
            const Text text = text_at(v, frame, i, site % page_bytes / 4);
            if (dbt::branch_target(site, core::read_ram(text.copy, 4)) == entry.ea) {
                unpatch(v, frame, text, State::back, reason);
                return;
            }
        }
    }
}

u32* memory_of(Patcher& p, const tcache::Entry& entry) {
    return &p.stubs[entry.page][entry.ea % page_bytes / 4];
}

tcache::Entry* place_stub(Vcpu& v, u32 site, unsigned words) {
    Cache& cache = v.patcher->overlay.cache;
    if (auto* const entry = cache.allocate(site, words)) return entry;
    if (steal(v, site)) return cache.allocate(site, words);
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
