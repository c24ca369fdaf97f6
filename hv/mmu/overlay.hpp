// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/mmu/layout.hpp"
#include "hv/mmu/virtual_tlb.hpp"
#include "tcache/cache.hpp"
#include "tcache/mirror.hpp"

namespace trapeze::mmu {

// What lies over the guest's own memory where patches are: pages of text that the guest kernel
// executes from a patched copy, and pages whose effective address stubs have taken. The shadow TLB
// asks here how much of a page each access may see (docs/patching.md).
struct Overlay {
    tcache::Mirror mirror;
    tcache::Cache cache;
    u64 mirror_hpa;   // memory of the mirror's frame 0, the others follow
    u64 stub_hpa;     // memory of the cache's page 0, the others follow
    u32 low, bytes;   // all stolen pages lie in [low, low + bytes)
    bool whole;       // the cache's first pages are a block that one entry of the core maps
    bool on;          // patched text is executed, and
    bool present;     // stolen pages are the stubs'
    bool track;       // what the guest kernel executes is to be known page by page
    bool flush;       // there are patched dcbi, for which no entry may be lopsided
    u32 register_ea;  // of the register page in guest kernel data; 0: it has no place

    enum class View : u8 {
        plain,      // as the guest says,
        read_only,  // but for stores,
        tracked,    // but for fetches of its kernel,
        loads,      // but for both
        text,       // the patched copy, for fetches only
        traced,     // not at all: the VMM emulates the access
    };
    View look(const VirtualEntry& entry, u32 ea, u64 gpa, Access access, bool user,
              const Layout& layout) const;

    // Whether one shadow entry may map the block of `size` bytes at `base`, which holds the page of
    // `inside`. `stolen` says whether stolen pages in it matter.
    bool uniform(u32 base, u64 gpa, u64 size, u64 inside, bool stolen) const;
    // Whether one may that forbids stores, where this is not so: while all text is executed
    // unpatched, fetches and loads see copied pages as they see the others.
    bool alike(u32 base, u64 size) const { return !on && present && !has_stolen(base, size); }
    bool has_stolen(u32 base, u64 size) const;

    static constexpr u32 permitted(View view, u32 permissions) {
        using namespace e500::mas3;
        if (view == View::read_only) return permissions & ~(sw | uw);
        if (view == View::tracked) return permissions & ~sx;
        if (view == View::loads) return permissions & ~(sw | uw | sx);
        return permissions;
    }

    u64 text_hpa(u64 gpa) const {
        const auto* const frame = mirror.find(gpa);
        return mirror_hpa + mirror.number(*frame) * tcache::MirrorFrame::bytes +
               gpa % tcache::MirrorFrame::bytes;
    }
    bool stolen(u32 ea) const {
        return present && ea - low < bytes && cache.slot(ea & ~0xfffu) != tcache::Cache::max_pages;
    }
    // Whether there is nothing to know about a 4 KiB page, which the guest kernel may execute if it
    // is `text`; quicker than look(), and may say no.
    bool nothing_at(u32 ea, u64 gpa, bool text = true) const {
        return !(track && text) && !(present && ea - low < bytes) && mirror.find(gpa) == nullptr;
    }
    static bool executable(const VirtualEntry& entry) { return (entry.mas3 & e500::mas3::sx) != 0; }
    // Whether the guest kernel may load where it may not store, or the other way.
    static bool lopsided(const VirtualEntry& entry) {
        return ((entry.mas3 ^ entry.mas3 >> 2) & e500::mas3::sr) != 0;
    }
    // Whether the patcher is to know of an entry of TLB0 that the guest has made.
    bool concerns(const VirtualEntry& entry) const {
        return (flush && lopsided(entry)) || entry.covers(register_ea) || stolen(entry.epn());
    }
    // A mapping that patches can rely on: the same in every process.
    static bool steady(const VirtualEntry& entry) { return entry.tid() == 0 && !entry.space(); }
};

}  // namespace trapeze::mmu
