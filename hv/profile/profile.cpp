// SPDX-License-Identifier: Apache-2.0
#include "hv/profile/profile.hpp"

#include "dbt/decode.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/cpu.hpp"

namespace trapeze::vcpu {

void start_profile(Vcpu& v, Profile* profile) {
    v.profile = profile;
    v.sites = profile != nullptr ? &profile->sites : nullptr;
    v.site = nullptr;
    v.site_buckets = nullptr;
    v.page_slots = nullptr;
    if (profile == nullptr) return;
    profile->sites.reset();
    profile->pages.reset();
    profile->timeline.reset(timeline_period);
    profile->lasting = profile->drawn = 0;
    profile->next_live_site = profile->next_live_page = 0;
    for (u64& total : profile->drawn_totals) total = 0;
    v.site_buckets = profile->sites.bucket_array();
    v.page_slots = profile->pages.slots();
}

ExitRecord settled(const ExitRecord& record) {
    if (record.site == nullptr) return record;
    const bool user = (record.site->mode & dbt::SiteKey::user) != 0;
    return {record.site->ea, record.site->word, 0,
            static_cast<u32>(Cause::privileged) | (user ? ExitRecord::user_mode : 0), nullptr};
}

void look_up_site(Vcpu& v, u32 word) {
    dbt::SiteTable& sites = v.profile->sites;
    v.site = v.user() ? nullptr : sites.known(v.nip, word);
    if (v.site != nullptr) return;
    dbt::SiteKey key{v.nip, word, 0, 0, 0};
    if (v.user()) key.mode |= dbt::SiteKey::user;
    if (v.virtual_is()) key.mode |= dbt::SiteKey::space1;
    bool small = false;
    const auto hit = v.tlb.find(v.nip, v.virtual_is(), v.regs.pid);
    if (hit.entry != nullptr) {
        key.gpa = hit.entry->gpa(v.nip);
        key.pid = static_cast<u16>(hit.entry->tid());
        small = hit.tlb == 0;
    }
    if (sites.used() == sites.capacity()) {
        // One of them may make way: no record may point to it.
        for (ExitRecord& record : v.traced) record = settled(record);
    }
    v.site = &sites.enter(key, core::now() - v.start_time,
                          static_cast<u8>(counter_of(dbt::decode(word).op)), small);
    // Gone from the guest's TLB though the core ran it a moment ago: known by its EA alone, and
    // not for long, as no entry will go that would tell of the change.
    if (hit.entry == nullptr) sites.distrust(v.nip, 4);
}

void charge_page(Vcpu& v, Cause cause, u32 ea, bool user, u32 ticks) {
    v.profile->pages.charge(ea, static_cast<unsigned>(cause), user);
    v.exits[static_cast<unsigned>(cause)].add(ticks);
}

void fold_counters(Vcpu& v) {
    for (auto& stats : v.exits) stats.fold();
    for (unsigned i = 0; i < counter_count; ++i) {
        // With a profile the sites have counted them, on the fast paths too.
        if (v.profile == nullptr) v.counted[i] += v.counters[i];
        v.counters[i] = 0;
    }
    v.shadow.fold();
    if (v.profile != nullptr) fold_profile(v);
}

void fold_profile(Vcpu& v) {
    const auto sums = v.profile->sites.fold(core::now() - v.start_time);
    auto& privileged = v.exits[static_cast<unsigned>(Cause::privileged)];
    privileged.folded_count += sums.count;
    privileged.folded_ticks += sums.ticks;
    if (sums.max > privileged.max) privileged.max = sums.max;
    v.profile->lasting += sums.lasting;
    for (unsigned i = 0; i < counter_count; ++i) v.counted[i] += sums.by_kind[i];
    v.profile->pages.fold();
}

void draw_timeline(Vcpu& v) {
    Profile& p = *v.profile;
    const u64 now = core::now() - v.start_time;
    const u64 elapsed = now - p.drawn;
    // When an exit was in the time since the last look nobody knows: evenly, a part for each span.
    constexpr u64 most = 16;
    const u64 crossed = elapsed / p.timeline.span_ticks() + 1;
    const auto parts = static_cast<u32>(crossed < most ? crossed : most);
    u64 totals[cause_count] = {};
    for (u32 part = 1; part <= parts; ++part) {
        for (unsigned i = 0; i < cause_count; ++i) {
            const u64 grown = v.exits[i].folded_count - p.drawn_totals[i];
            totals[i] = p.drawn_totals[i] + grown * part / parts;
        }
        p.timeline.advance(p.drawn + elapsed * (2 * u64{part} - 1) / (2 * u64{parts}), totals,
                           cause_count);
    }
    for (unsigned i = 0; i < cause_count; ++i) p.drawn_totals[i] = totals[i];
    p.drawn = now;
}

void beat_profile(Vcpu& v) { v.profile->sites.beat(); }

}  // namespace trapeze::vcpu
