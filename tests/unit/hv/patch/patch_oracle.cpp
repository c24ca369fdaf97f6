// SPDX-License-Identifier: Apache-2.0
#include "patch_oracle.hpp"

#include <cstring>
#include <map>

namespace trapeze::test {

namespace mas1 = e500::mas1;
namespace mas3 = e500::mas3;
using tcache::Cache;
using tcache::MirrorFrame;

namespace {

u32 word_at(const unsigned char* at) {
    return u32{at[0]} << 24U | u32{at[1]} << 16U | u32{at[2]} << 8U | at[3];
}

}  // namespace

void PatchOracle::check() {
    own_entries();
    stolen_pages();
    copies();
    stubs();
    entries();
}

// ---- The core's entries and the ready table.

void PatchOracle::entries() {
    std::set<u32> all = pages;
    all.insert(p.overlay.register_ea);
    for (unsigned i = 0; i < Cache::max_pages; ++i) {
        const u32 ea = p.overlay.cache.page(i);
        if (ea != Cache::no_page) all.insert(ea);
    }
    std::map<std::pair<u32, bool>, std::vector<u32>> served;  // by which TIDs
    const auto look = [&](const CoreEntry& entry, bool own) {
        const bool space = (entry.mas1 & mas1::ts) != 0;
        const auto end = entry.epn() + entry.size() - 1;
        for (auto at = all.lower_bound(entry.epn()); at != all.end() && *at <= end; ++at) {
            if (!own) page(entry, *at, "the core");
            served[{*at, space}].push_back(mas1::tid(entry.mas1));
        }
        if (!own && entry.size() == 0x1000 && !all.contains(entry.epn())) {
            page(entry, entry.epn(), "the core");
        }
    };
    for (const auto& set : the_core().tlb0) {
        for (const auto& entry : set) {
            if (entry.valid()) look(entry, false);
        }
    }
    for (unsigned i = 0; i < the_core().tlb1.size(); ++i) {
        const auto& entry = the_core().tlb1.at(i);
        if (entry.valid()) look(entry, i >= mmu::ShadowTlb::tlb1_slots);
    }
    for (const auto& [where, tids] : served) {
        for (std::size_t i = 0; i < tids.size(); ++i) {
            for (std::size_t j = i + 1; j < tids.size(); ++j) {
                const bool together = tids[i] == 0 || tids[j] == 0 || tids[i] == tids[j];
                EXPECT_FALSE(together) << "two entries of the core for " << std::hex << where.first
                                       << " in space " << where.second;
            }
        }
    }
    for (const u32 ea : all) {
        for (const bool space : {false, true}) {
            const auto* const ready = v.shadow.ready(ea, space);
            if (ready == nullptr) continue;
            EXPECT_EQ((ready->mas1 & mas1::ts) != 0, space);
            page({ready->mas1, ready->mas2, ready->mas3, 0}, ea, "the ready table");
        }
    }
}

void PatchOracle::page(const CoreEntry& entry, u32 ea, const char* where) {
    const mmu::Overlay& o = p.overlay;
    const u64 to = entry.rpn() + (ea - entry.epn());
    const char* why = "no entry of the guest's";
    if (to - o.stub_hpa < sizeof p.stubs) {
        const bool right = o.stolen(ea) && to == o.stub_hpa + u64{o.cache.slot(ea)} * 4096 &&
                           (entry.mas1 & (mas1::ts | mas1::tid_mask)) ==
                               (v.shadow.own_layout().fetch_space(false) ? mas1::ts : 0) &&
                           (entry.mas3 & (mas3::ux | mas3::ur | mas3::uw)) == mas3::ux;
        why = right ? nullptr : "a stub's page for somebody else";
    } else {
        for (const auto* const guest : guests_at(ea)) {
            if (guest->tid() != mas1::tid(entry.mas1)) continue;
            why = fault(*guest, entry, ea);
            if (why == nullptr) break;
        }
    }
    EXPECT_TRUE(why == nullptr) << why << ": " << std::hex << ea << " in " << where << ", MAS1 "
                                << entry.mas1 << " MAS2 " << entry.mas2 << " MAS3 " << entry.mas3;
}

std::vector<const mmu::VirtualEntry*> PatchOracle::guests_at(u32 ea) const {
    std::vector<const mmu::VirtualEntry*> found;
    const auto add = [&](const mmu::VirtualEntry& entry, unsigned tlb) {
        if (v.tlb.valid(entry, tlb) && entry.covers(ea)) found.push_back(&entry);
    };
    for (unsigned i = 0; i < mmu::VirtualTlb::tlb1_entries; ++i) add(v.tlb.tlb1(i), 1);
    for (unsigned way = 0; way < mmu::VirtualTlb::ways; ++way) add(v.tlb.set(ea)[way], 0);
    return found;
}

// Whether one mode runs in AS1 alone.
bool PatchOracle::aside() const { return v.shadow.layout().kernel_ds == v.shadow.layout().user_ds; }

// Whether the guest kernel executes the copy there.
bool PatchOracle::home(const mmu::VirtualEntry& guest, u32 ea) const {
    const auto* const text = p.overlay.mirror.page(guest.gpa(ea));
    return p.overlay.on && text != nullptr && text->ea == ea && guest.tid() == 0 && !guest.space();
}

const char* PatchOracle::fault(const mmu::VirtualEntry& guest, const CoreEntry& entry,
                               u32 ea) const {
    const u64 gpa = guest.gpa(ea), to = entry.rpn() + (ea - entry.epn());
    const auto* const region = v.memory->find(gpa);
    if (region == nullptr) return "nothing behind it";
    const bool copied = p.overlay.mirror.page(gpa) != nullptr;
    const bool text = copied && to == p.overlay.text_hpa(gpa);
    if (!text && to != region->hpa + (gpa - region->gpa)) return "other memory";
    if (text && (entry.mas3 & mas3::sw) != 0) return "the VMM's own stores reach the copy";
    const bool space = (entry.mas1 & mas1::ts) != 0;
    const auto& layout = v.shadow.layout();
    for (const bool user : {false, true}) {
        if (aside() && user != v.user()) continue;  // its entries serve one mode
        if (layout.fetch_space(user) == space && (entry.mas3 & mas3::ux) != 0) {
            const char* const why = fetch_fault(guest, ea, user, text);
            if (why != nullptr) return why;
        }
        if (layout.data_space(user) != space) continue;
        for (const bool store : {false, true}) {
            if (!(entry.mas3 & (store ? mas3::uw : mas3::ur))) continue;
            const char* const why = data_fault(guest, ea, user, store);
            if (why != nullptr) return why;
            if (text) return "the copy is data";
        }
    }
    return nullptr;
}

const char* PatchOracle::fetch_fault(const mmu::VirtualEntry& guest, u32 ea, bool user,
                                     bool text) const {
    if (!(guest.mas3 & (user ? mas3::ux : mas3::sx))) return "the guest forbids fetches";
    if (user) return text ? "user mode executes the copy" : nullptr;
    if (p.overlay.stolen(ea)) return "the guest's own page where a stub is";
    if (home(guest, ea) != text) return text ? "the copy, where it is not to be" : "not the copy";
    if (p.overlay.on && p.cover && !text) return "executed unseen under the cover";
    return nullptr;
}

const char* PatchOracle::data_fault(const mmu::VirtualEntry& guest, u32 ea, bool user,
                                    bool store) const {
    const u32 bit = store ? mas3::uw : mas3::ur;
    if (!(guest.mas3 & (user ? bit : bit >> 1U))) return "the guest forbids loads or stores";
    const bool beside = v.shadow.layout().beside_text(user);
    if (beside && p.overlay.stolen(ea)) return "data where a stub is";
    if (beside && home(guest, ea)) return "data where the copy is";
    if (!store) return nullptr;
    if (p.overlay.mirror.page(guest.gpa(ea)) != nullptr) return "text can be written unseen";
    const bool executable = (guest.mas3 & mas3::sx) != 0;
    if (!user && executable && p.overlay.stolen(ea)) return "text can be written under a stub";
    return nullptr;
}

// ---- The VMM's own two.

void PatchOracle::own_entries() {
    const auto& o = p.overlay;
    const bool data = v.shadow.layout().data_space(false);
    const CoreEntry& registers = the_core().tlb1.at(12);
    EXPECT_EQ(registers.valid(), o.present);
    if (o.present) {
        EXPECT_EQ(registers.epn(), p.overlay.register_ea);
        EXPECT_EQ((registers.mas1 & mas1::ts) != 0, data);
        for (const auto* const guest : guests_at(p.overlay.register_ea)) {
            EXPECT_TRUE(guest->space() ||
                        v.memory->find(guest->gpa(p.overlay.register_ea)) == nullptr)
                << "the guest has a page where the registers are";
        }
    }
    const u32 first = o.cache.page(0);
    bool whole = o.present && first % 0x1'0000 == 0;
    for (unsigned i = 1; i < 16; ++i) whole = whole && o.cache.page(i) == first + i * 0x1000;
    const CoreEntry& block = the_core().tlb1.at(13);
    EXPECT_EQ(block.valid(), whole);
    if (whole) {
        EXPECT_EQ(block.epn(), first);
        EXPECT_EQ(block.size(), 0x1'0000U);
        EXPECT_EQ(block.rpn(), o.stub_hpa);
    }
}

// ---- Stolen pages and stubs.

void PatchOracle::stolen_pages() {
    std::set<u32> now;
    u32 low = ~0U, high = 0;
    const Cache& cache = p.overlay.cache;
    for (unsigned i = 0; i < Cache::max_pages; ++i) {
        const u32 ea = cache.page(i);
        if (ea == Cache::no_page) continue;
        now.insert(ea);
        low = std::min(low, ea);
        high = std::max(high, ea);
        if (stolen_before.contains(ea)) continue;
        SCOPED_TRACE(testing::Message() << std::hex << ea << " is stolen");
        EXPECT_TRUE(ea >= 0x1'0000 && ea < 0xffff'0000) << "where displacements from 0 reach";
        EXPECT_FALSE(hole.overlaps(ea, 0x1000)) << "where the VMM is";
        for (const auto* const guest : guests_at(ea)) {
            const u64 gpa = guest->gpa(ea);
            const auto* const region = v.memory->find(gpa);
            if (guest->space() || region == nullptr) continue;
            const bool data = !v.shadow.own_layout().beside_text(false) &&
                              !(guest->mas3 & (mas3::permissions & ~(mas3::sr | mas3::sw)));
            EXPECT_TRUE(dense_) << "the guest has memory there";
            EXPECT_EQ(guest->tid(), 0U);
            EXPECT_GT(guest->size(), 0x1000U) << "a small page of the guest's";
            EXPECT_EQ(region->kind, mmu::RegionKind::ram);
            EXPECT_TRUE(data || core::is_zero(region->hpa + (gpa - region->gpa), 0, 1024))
                << "in use";
            EXPECT_EQ(p.overlay.mirror.page(gpa), nullptr) << "text that has a copy";
        }
    }
    stolen_before = now;
    EXPECT_EQ(v.stub_bytes, now.empty() ? 0 : high - low + 0x1000);
    EXPECT_EQ(v.stub_low, now.empty() ? 0 : low);
}

void PatchOracle::stubs() {
    Cache& cache = p.overlay.cache;
    for (unsigned i = 0; i < Cache::max_entries; ++i) {
        const auto& entry = cache.entry(i);
        if (entry.words == 0) continue;
        bool led_to = false;
        for (const auto& [gpa, ea] : mirrored_before) {
            if (ea != (entry.site & ~0xfffU)) continue;
            const u32 word = core::read_ram(p.overlay.text_hpa(gpa + entry.site % 4096), 4);
            led_to = led_to || dbt::branch_target(entry.site, word) == entry.ea;
        }
        EXPECT_TRUE(led_to) << "no patch leads to the stub of " << std::hex << entry.site;
    }
}

// ---- Copies.

void PatchOracle::copies() {
    std::set<std::pair<u64, u32>> now;
    auto& mirror = p.overlay.mirror;
    for (unsigned f = 0; f < mirror.capacity(); ++f) {
        const MirrorFrame& frame = mirror.frame(f);
        if (!frame.used) continue;
        u32 patches = 0;
        for (unsigned i = 0; frame.mirrored != 0 && i < MirrorFrame::pages; ++i) {
            if (!frame.is_mirrored(i)) continue;
            const u64 gpa = frame.gpa + u64{i} * 4096;
            patches += frame.page[i].patches;
            copied_page(frame, i);
            now.insert({gpa, frame.page[i].ea});
            if (mirrored_before.contains({gpa, frame.page[i].ea})) continue;
            bool mapped = false;
            for (const auto* const guest : guests_at(frame.page[i].ea)) {
                mapped = mapped || (guest->tid() == 0 && !guest->space() &&
                                    guest->gpa(frame.page[i].ea) == gpa);
            }
            EXPECT_TRUE(mapped) << "nobody executes " << std::hex << gpa << " at "
                                << frame.page[i].ea;
        }
        EXPECT_EQ(frame.patches, patches);
    }
    mirrored_before = now;
}

void PatchOracle::copied_page(const MirrorFrame& frame, unsigned i) {
    const u64 gpa = frame.gpa + u64{i} * 4096;
    const auto* const own = the_core().ram[ram_hpa + gpa].data();
    const auto* const copy = the_core().ram[p.overlay.text_hpa(gpa)].data();
    const bool same = std::memcmp(own, copy, 4096) == 0;
    if (same && frame.page[i].patches == 0 && !p.cover) return;
    unsigned patches = 0;
    for (unsigned at = 0; at < 4096; at += 4) {
        const u32 is = word_at(copy + at), was = word_at(own + at), ea = frame.page[i].ea + at;
        if (is == was) {
            if (p.cover && dbt::reads_without_trap(was)) {
                ADD_FAILURE() << "an old value is read at " << std::hex << ea;
            }
            continue;
        }
        ++patches;
        const dbt::Plan plan = dbt::plan(was, p.map);
        bool right = plan.kind != dbt::PatchKind::none && plan.word == is;
        if (plan.kind == dbt::PatchKind::stub) {
            const auto* const stub = p.overlay.cache.find(dbt::branch_target(ea, is));
            right = dbt::is_branch(is) && stub != nullptr && stub->site == ea && stub->word == was;
        }
        EXPECT_TRUE(right) << std::hex << was << " at " << ea << " is executed as " << is;
    }
    EXPECT_EQ(patches, frame.page[i].patches) << std::hex << gpa;
}

}  // namespace trapeze::test
