// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/page_table.hpp"
#include "dbt/site_table.hpp"
#include "dbt/timeline.hpp"
#include "hv/vcpu/vcpu.hpp"

namespace trapeze::vcpu {

// What is kept of a guest's exits: privileged instructions by trap site, the others by page, all
// by time. While it is on, the counters of Cause::privileged and of the instructions are sums over
// the sites, so that an exit at a known site counts once and not twice (docs/exits.md).
struct Profile {
    dbt::SiteTable sites;
    dbt::PageTable pages;
    dbt::Timeline timeline;
    u64 lasting;  // exits of sites that are exits however the guest is run, folded
    u64 drawn;    // time up to which the time line goes, in ticks since the guest's start
    u64 drawn_totals[cause_count];
    u32 next_live_site;  // EA, and
    u32 next_live_page;  // slot, where the next live dump goes on
};

// The time line is brought up to date at heartbeats, and at the guest's own timer interrupts if
// this many ticks have gone by (10 ms at 400 MHz).
inline constexpr u64 timeline_period = u64{1} << 22;
static_assert(cause_count <= dbt::PageTable::causes && cause_count <= dbt::Timeline::columns);
static_assert(counter_count < dbt::SiteTable::kinds);

// Begins with empty tables; null: no profile.
void start_profile(Vcpu& v, Profile* profile);

// Moves the 32-bit counters of the fast paths to the 64-bit ones, with or without a profile.
void fold_counters(Vcpu& v);

// All that follows is for a Vcpu that has a profile; who calls asks first, so that one that has
// none loses two instructions.

// The site that the privileged instruction at v.nip is charged to; before it is emulated.
void look_up_site(Vcpu& v, u32 word);
inline void find_site(Vcpu& v, u32 word) {
    // The fast path may have handed on an instruction whose site it has found.
    const dbt::Site* const site = v.site;
    if (site != nullptr && site->match == v.nip && site->word == word && !v.user()) return;
    look_up_site(v, word);
}

// The exit as if it had been recorded whole.
ExitRecord settled(const ExitRecord& record);

// One exit of that site, or of another cause at the page of `ea`, which took `ticks`.
inline void charge_site(Vcpu& v, u32 ticks) {
    dbt::SiteTable::charge(*v.site, ticks);
    auto& stats = v.exits[static_cast<unsigned>(Cause::privileged)];
    if (ticks < stats.min) stats.min = ticks;
}
void charge_page(Vcpu& v, Cause cause, u32 ea, bool user, u32 ticks);

// Moves the sites' counters into the Vcpu's own, and folds the rest of the profile.
void fold_profile(Vcpu& v);
// Brings the time line up to now; after fold_counters.
void draw_timeline(Vcpu& v);
// Decays the rates: once per heartbeat, after fold_profile.
void beat_profile(Vcpu& v);

}  // namespace trapeze::vcpu
