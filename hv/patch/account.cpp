// SPDX-License-Identifier: Apache-2.0
// What each page of patches pays: exits saved, as windows show them (windows.cpp), against tracing
// faults, measured one by one.
#include "hv/core/cpu.hpp"
#include "hv/patch/parts.hpp"
#include "hv/profile/profile.hpp"

namespace trapeze::patch {

using dbt::Site;

namespace {

// A page may cost this much before it has shown what it saves, in faults.
constexpr u32 grace = 16;
// A page without patches: one access may be a correction of text that is made once.
constexpr u32 few_faults = 8, few_writes = 1;
// Pages given back between two beats after which their frame is.
constexpr u32 most_carved = 64;

// What a tracing fault has cost so far; the way back into the guest is little beside it.
u32 fault_ticks(const Vcpu& v) { return core::timebase_low() - v.exit_time; }

// How much more a clock showed in all of the time than in the windows, times `windows`; false if
// the windows have too little of it.
bool extrapolate(u64 windows, u64 whole, u64 seen, u64 least, u64& result) {
    if (seen < least || whole < seen) return false;
    result = windows * (whole - seen) / seen;
    return true;
}

u64 exits_saved_by_stubs(Vcpu& v, unsigned slot) {
    auto& sites = v.profile->sites;
    tcache::Cache& cache = v.patcher->overlay.cache;
    u64 sum = 0;
    for (unsigned i = 0; i < tcache::Cache::max_entries; ++i) {
        const tcache::Entry& entry = cache.entry(i);
        if (entry.words == 0 || entry.page != slot) continue;
        const Site* const site = sites.find(entry.site, entry.word);
        if (site != nullptr && is_patched(*site)) sum += site->window_rate;
    }
    return sum;
}

// Whether what is owed for faults lately is more than the patches save in the same time.
bool loses(const Patcher& p, u32 debt, u64 exits_saved) {
    // Halved at each beat, a debt comes to what two beats cost.
    const u64 allowed = 2 * exits_saved * p.costs.exit / 1000 + u64{grace} * p.costs.fault / 1000;
    return debt > allowed;
}

}  // namespace

u64 exits_saved_by(Vcpu& v, u64 gpa, u32 bytes) {
    auto& sites = v.profile->sites;
    u64 sum = 0;
    for (unsigned i = 0; i < sites.used(); ++i) {
        const Site& site = sites.site(i);
        if (is_patched(site) && site.gpa - gpa < bytes) sum += site.window_rate;
    }
    return sum;
}

void beat(Vcpu& v) {
    Patcher& p = *v.patcher;
    auto& mirror = p.overlay.mirror;
    for (unsigned f = 0; f < mirror.capacity(); ++f) {
        MirrorFrame& frame = mirror.frame(f);
        if (!frame.used) continue;
        frame.carved = 0;
        for (MirrorPage& page : frame.page) page.debt /= 2;
    }
    for (auto& stolen : p.stolen) stolen.debt /= 2;
}

namespace {

// A page without patches has been accessed once more.
void charge_bare(Vcpu& v, MirrorFrame& frame, unsigned number, bool written) {
    const Patcher& p = *v.patcher;
    const MirrorPage& page = frame.page[number];
    const bool fits = page.debt <= few_faults * p.costs.fault / 1000;
    if (!written && fits) return;
    const MirrorPage* const before = number != 0 ? &frame.page[number - 1] : nullptr;
    if (written && before != nullptr && before->strikes != 0 && before->not_before > epoch(v)) {
        // Something writes page after page: what is no text any more.
        release(v, frame, number);
    } else if ((page.faults > few_writes && !p.cover) || !fits) {
        carve(v, frame, number);
    }
}

}  // namespace

void charge_text(Vcpu& v, MirrorFrame& frame, unsigned number, bool written) {
    Patcher& p = *v.patcher;
    const u32 ticks = fault_ticks(v);
    MirrorPage& page = frame.page[number];
    p.fault_ticks += ticks;
    ++page.faults;
    page.debt += ticks;
    if (page.patches == 0) {
        charge_bare(v, frame, number, written);
    } else if (page.faults % 16 == 0) {
        const u64 gpa = frame.gpa + u64{number} * page_bytes;
        if (loses(p, page.debt, exits_saved_by(v, gpa, page_bytes))) {
            unmirror(v, frame, number, 1, true, Reason::faults);
            ++frame.carved;
        }
    }
    if (frame.carved < most_carved) return;
    // Something goes through all of it.
    unmirror(v, frame, 0, MirrorFrame::pages, true, Reason::faults);
    frame.not_before = strike(v, frame.strikes, 2);
    frame.carved = 0;
}

void charge_stolen(Vcpu& v, u32 ea) {
    Patcher& p = *v.patcher;
    const unsigned slot = p.overlay.cache.slot(ea);
    if (slot == tcache::Cache::max_pages) return;
    auto& stolen = p.stolen[slot];
    const u32 ticks = fault_ticks(v);
    p.fault_ticks += ticks;
    ++stolen.faults;
    stolen.debt += ticks;
    const bool bare = p.overlay.cache.live(slot) == 0;
    if (bare || (stolen.faults % 16 == 0 && loses(p, stolen.debt, exits_saved_by_stubs(v, slot)))) {
        give_back(v, ea, true);
    }
}

u64 saved(const Vcpu& v, const Site& site, u64 now) {
    const Patcher& p = *v.patcher;
    if (!is_patched(site)) return site.saved;
    constexpr u64 few_events = 32;
    const Clock clock = clock_at(v, now);
    u64 exits = 0;
    // Between two readings the clock counts time in the VMM too: it can go back.
    if (!extrapolate(site.windows, passed(site.patched_at[1], clock.events),
                     passed(site.window_start[1], p.windows.events), few_events, exits)) {
        extrapolate(site.windows, passed(site.patched_at[0], clock.ticks),
                    passed(site.window_start[0], p.windows.ticks), 1, exits);
    }
    return site.saved + exits;
}

u64 saved(const Vcpu& v, u64 now) {
    const auto& sites = v.profile->sites;
    u64 sum = 0;
    for (unsigned i = 0; i < sites.used(); ++i) sum += saved(v, sites.site(i), now);
    return sum;
}

}  // namespace trapeze::patch
