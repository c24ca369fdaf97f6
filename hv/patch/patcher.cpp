// SPDX-License-Identifier: Apache-2.0
#include "hv/patch/patcher.hpp"

#include "hv/core/clock.hpp"
#include "hv/core/cpu.hpp"
#include "hv/patch/parts.hpp"
#include "hv/profile/profile.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/spr.hpp"
#include "hv/vcpu/timers.hpp"

namespace trapeze::patch {

using dbt::PatchKind;
using dbt::Site;

namespace {

constexpr const char* mode_names[] = {"off", "hot", "eager"};
constexpr const char* state_names[] = {"cold", "hot", "patched", "dropped", "back"};
constexpr const char* reason_names[] = {
    "-",       "pays",   "eager",   "no-template", "no-mapping", "no-mirror",  "no-page",
    "written", "faults", "waiting", "off",         "reads",      "permissions"};
static_assert(sizeof reason_names / sizeof *reason_names == static_cast<unsigned>(Reason::count));

static_assert(vcpu::note::sprgs == dbt::RegisterMap::sprgs_note);

constexpr vcpu::PatchEvents events{mode_changes, entry_made, fetch_stub, executes, sample};

constexpr u16 in_page(std::size_t offset) { return static_cast<u16>(offset); }

dbt::RegisterMap map_at(u32 register_ea) {
    using vcpu::RegisterPage;
    return {
        static_cast<std::int32_t>(register_ea),
        in_page(offsetof(RegisterPage, msr)),
        in_page(offsetof(RegisterPage, pending)),
        {in_page(offsetof(RegisterPage, scratch)), in_page(offsetof(RegisterPage, scratch) + 4)},
        vcpu::spr_read_offset.offset,
        vcpu::spr_write_offset.offset,
        in_page(offsetof(RegisterPage, notes)),
        in_page(offsetof(RegisterPage, sprg))};
}

// How long a site that could not be patched is not asked about again, in its own exits.
constexpr u32 patience = 64;

void set(Site& site, State state, Reason reason) {
    site.state = static_cast<u8>(state);
    site.reason = static_cast<u8>(reason);
}

// The site is patched from now on: its exits are those in sampling windows.
void adopt(Vcpu& v, Site& site, Reason reason) {
    const Patcher& p = *v.patcher;
    const Clock now = clock_at(v, now_of(v));
    set(site, State::patched, reason);
    site.limit = Site::never;
    site.windows = site.window_rate = 0;
    site.window_start[0] = p.windows.ticks;
    site.window_start[1] = p.windows.events;
    site.patched_at[0] = now.ticks;
    site.patched_at[1] = now.events;
    site.marked = site.exits();
}

bool final(Reason reason) { return reason == Reason::no_template; }

// With the one at hand, which is not charged yet.
u32 exits_of(const Site& site) { return static_cast<u32>(site.exits()) + 1; }

void wait_for_cover(const Vcpu& v, Site& site) {
    const u32 price = price_of_cover(v), had = exits_of(site);
    if (!can_cover(v)) {
        site.limit = Site::never;
    } else {
        site.arm(price > had ? price - had : v.patcher->threshold * patience);
    }
}

// Begins to cover text if the site's own exits are worth it; else what it waits for.
Reason cover_for(Vcpu& v, Site& site) {
    const Patcher& p = *v.patcher;
    const dbt::Plan plan = dbt::plan(site.word, p.map);
    if (plan.kind != PatchKind::stub || !dbt::needs_reads_patched(plan.stub) || p.cover) {
        return Reason::none;
    }
    const bool waits = p.cover_not_before > epoch(v) || exits_of(site) < price_of_cover(v);
    if (!can_cover(v) || waits) return Reason::reads;
    cover(v);
    return Reason::none;
}

// Where the site's word is, once its page is mirrored; else why it is not.
Reason reach(Vcpu& v, Site& site, MirrorFrame*& frame) {
    Patcher& p = *v.patcher;
    if (p.overlay.register_ea == 0) return Reason::off;
    const PatchKind kind = dbt::plan(site.word, p.map).kind;
    if (kind == PatchKind::none) return Reason::no_template;
    if (kind == PatchKind::flush && !can_flush(v)) return Reason::permissions;
    if (site.pid != 0 || site.mode != 0) return Reason::no_mapping;
    const auto hit = v.tlb.find(site.ea, false, v.regs.pid);
    if (hit.entry == nullptr || !mmu::Overlay::steady(*hit.entry) ||
        hit.entry->gpa(site.ea) != site.gpa) {
        return Reason::no_mapping;
    }
    Reason reason = cover_for(v, site);
    if (reason == Reason::none) reason = mirror_page(v, *hit.entry, site.ea);
    if (reason != Reason::none) return reason;
    frame = p.overlay.mirror.find(site.gpa);
    return Reason::none;
}

// The word that stands for a guest's word at `text`, its stub placed if it needs one; 0: `why` not.
u32 replacement(Vcpu& v, MirrorFrame& frame, const Text& text, u32 own, Reason& why) {
    Patcher& p = *v.patcher;
    const dbt::Plan plan = dbt::plan(own, p.map);
    why = Reason::no_template;
    if (plan.kind == PatchKind::none) return 0;
    why = Reason::permissions;
    if (plan.kind == PatchKind::flush) {
        if (!can_flush(v)) return 0;
        p.overlay.flush = true;
    }
    if (plan.kind != PatchKind::stub) return plan.word;
    why = Reason::reads;
    if (dbt::needs_reads_patched(plan.stub) && !p.cover) return 0;
    const auto words = static_cast<unsigned>(dbt::stub_words(plan.stub));
    why = Reason::no_page;
    tcache::Entry* const entry = place_stub(v, frame, text.ea, words);
    if (entry == nullptr) return 0;
    entry->word = own;
    entry->kind = static_cast<u8>(plan.stub);
    entry->source = plan.source;
    u32 code[dbt::max_stub_words];
    if (dbt::emit_stub(plan.stub, plan.source, entry->ea, text.ea, p.map, code) == 0) {
        p.overlay.cache.release(*entry);
        return 0;
    }
    u32* const to = memory_of(p, *entry);
    for (unsigned i = 0; i < words; ++i) to[i] = code[i];
    core::sync_own_text(to, words);
    return dbt::branch(text.ea, entry->ea);
}

void commit(u64 copy, u32 word) {
    core::write_ram(copy, 4, word);
    core::sync_text(copy);
}

}  // namespace

const char* name(Mode mode) { return mode_names[static_cast<unsigned>(mode)]; }
const char* name(State state) {
    return state_names[state == State::patched ? 2 : static_cast<unsigned>(state)];
}
const char* name(Reason reason) { return reason_names[static_cast<unsigned>(reason)]; }

u32 threshold_for(const Costs& costs) {
    // A site that has been executed so often is likely to be executed as often again. Not fewer
    // than `least`: what the core fetches anew after a patch is not in its costs.
    constexpr u32 least = 16, most = 1000;
    const u32 gain = costs.exit > costs.stub ? costs.exit - costs.stub : 1;
    const u32 turns = costs.patch / gain;
    return turns < least ? least : turns > most ? most : turns;
}

u64 now_of(const Vcpu& v) { return core::now() - v.start_time; }

void start(Vcpu& v, Patcher* patcher, const Config& config) {
    v.patcher = patcher;
    v.overlay = nullptr;
    v.patch_events = nullptr;
    v.store_ram = nullptr;
    v.stub_low = v.stub_bytes = 0;
    v.next_sample = core::never;
    v.shadow.attach(nullptr);
    if (patcher == nullptr || v.profile == nullptr || config.mode == Mode::off) {
        v.patcher = nullptr;
        return;
    }
    Patcher& p = *patcher;
    p.mode = config.mode;
    p.costs = config.costs;
    p.threshold_given = config.threshold != 0;
    p.threshold = config.threshold != 0 ? config.threshold : threshold_for(p.costs);
    p.overlay.mirror.reset(config.frames);
    p.overlay.cache.reset();
    p.overlay.mirror_hpa = config.mirror_hpa;
    p.overlay.stub_hpa = core::own_hpa(p.stubs);
    clear_stubs(p);
    p.overlay.on = p.overlay.present = false;
    p.overlay.low = p.overlay.bytes = 0;
    p.overlay.whole = false;
    p.cover_strikes = 0;
    p.cover_not_before = 0;
    p.overlay.flush = false;
    p.flush_strikes = 0;
    p.flush_not_before = 0;
    p.overlay.track = config.mode == Mode::eager;
    p.cover = p.overlay.track && can_cover(v);
    p.in_window = p.measuring = false;
    p.least_patch_ticks = ~u64{0};
    p.clock = p.window_began = p.windows = p.since = {};
    p.unpatched = {};
    p.clock_read = p.windows_seen = p.stint_began = p.rests = 0;
    p.stint_windows = p.losses = p.resting_until = p.rest_strikes = 0;
    p.net = 0;
    p.random = 0x2545f491;
    p.churn = config.churn;
    p.made = p.dropped = p.back = p.faults = p.text_writes = p.fault_ticks = p.patch_ticks = 0;
    for (auto& stolen : p.stolen) stolen = {};
    for (auto& avoided : p.avoided) avoided = {};
    p.next_avoided = 0;
    v.profile->sites.set_first_limit(p.threshold > 1 ? p.threshold - 1 : 0);
    v.store_ram = store_ram;
    v.shadow.attach(&p.overlay);
    v.overlay = &p.overlay;
    v.patch_events = &events;
    place_register_page(v);
    mode_changes(v);
    schedule_window(v, 0);
}

void stop(Vcpu& v) {
    v.patcher->overlay.on = v.patcher->overlay.present = false;
    unpin(v);
    v.shadow.attach(nullptr);
    v.patcher = nullptr;
    v.overlay = nullptr;
    v.patch_events = nullptr;
    v.store_ram = nullptr;
    v.on_calibrated = nullptr;
}

void consider(Vcpu& v) {
    Patcher& p = *v.patcher;
    Site& site = *v.site;
    if (p.in_window || v.end != vcpu::End::running) {
        site.arm(1);
        return;
    }
    before_first_patch(v);
    const u64 began = core::now();
    MirrorFrame* frame = nullptr;
    Reason reason = is_patched(site) ? Reason::none : reach(v, site, frame);
    if (frame != nullptr) {
        const unsigned i = MirrorFrame::index(site.gpa);
        const auto word = static_cast<unsigned>(site.gpa % page_bytes / 4);
        const Text text = text_at(v, *frame, i, word);
        if (core::read_ram(text.own, 4) == site.word) {
            if (p.overlay.mirror.is_patched(*frame, i, word)) {
                adopt(v, site, p.mode == Mode::eager ? Reason::eager : Reason::pays);
                return;
            }
            reason = patch_word(v, *frame, text);
            if (reason == Reason::none) adopt(v, site, Reason::pays);
        }
    }
    if (!is_patched(site)) {
        if (site.state != static_cast<u8>(State::dropped) &&
            site.state != static_cast<u8>(State::back)) {
            set(site, State::hot, reason);
        } else {
            site.reason = static_cast<u8>(reason);
        }
        if (final(reason)) {
            site.limit = Site::never;
            site.lasting = true;
        } else if (reason == Reason::reads) {
            wait_for_cover(v, site);
        } else if (frame != nullptr && reason == Reason::no_page && searches(*frame)) {
            site.arm(1);
        } else {
            site.arm(p.threshold * patience);
        }
    }
    const u64 ticks = core::now() - began;
    if (is_patched(site) && ticks < p.least_patch_ticks) p.least_patch_ticks = ticks;
    p.patch_ticks += ticks;
}

Text text_at(const Vcpu& v, const MirrorFrame& frame, unsigned page, unsigned word) {
    const mmu::Overlay& o = v.patcher->overlay;
    Text text{};
    const u32 offset = 4 * word;
    text.ea = frame.page[page].ea + offset;
    text.gpa = frame.gpa + u64{page} * page_bytes + offset;
    v.memory->ram_range(text.gpa, 4, text.own);
    text.copy = o.text_hpa(text.gpa);
    return text;
}

Reason patch_word(Vcpu& v, MirrorFrame& frame, const Text& text) {
    Patcher& p = *v.patcher;
    const u32 own = core::read_ram(text.own, 4);
    Reason why = Reason::none;
    const u32 word = replacement(v, frame, text, own, why);
    if (word == 0) return why;
    commit(text.copy, word);
    ++p.made;
    p.overlay.mirror.set_patched(frame, MirrorFrame::index(text.gpa), word_of(text), true);
    return Reason::none;
}

void set_register_map(Patcher& p) { p.map = map_at(p.overlay.register_ea); }

namespace {

// The site of the patch at `text`: patches are where every process maps the kernel's text alike.
Site* site_at(Vcpu& v, const Text& text, u32 own) {
    return v.profile->sites.find({text.ea, own, text.gpa, 0, 0});
}

void note(Vcpu& v, const Text& text, u32 own, State state, Reason reason) {
    Patcher& p = *v.patcher;
    Site* const site = site_at(v, text, own);
    if (site == nullptr || !is_patched(*site)) return;
    site->saved = saved(v, *site, now_of(v));
    set(*site, state, reason);
    site->arm(p.threshold);
}

}  // namespace

void unpatch(Vcpu& v, MirrorFrame& frame, const Text& text, State state, Reason reason) {
    Patcher& p = *v.patcher;
    const unsigned page = MirrorFrame::index(text.gpa);
    if (!p.overlay.mirror.is_patched(frame, page, word_of(text))) return;
    const u32 own = core::read_ram(text.own, 4);
    const u32 word = core::read_ram(text.copy, 4);
    u32 replaced = own;  // unless a device has written another there
    if (dbt::is_branch(word)) {
        tcache::Entry* const entry = p.overlay.cache.find(dbt::branch_target(text.ea, word));
        if (entry != nullptr && entry->site == text.ea) {
            replaced = entry->word;
            release_stub(v, *entry);
        }
    }
    commit(text.copy, own);
    p.overlay.mirror.set_patched(frame, page, word_of(text), false);
    ++(state == State::dropped ? p.dropped : p.back);
    note(v, text, replaced, state, reason);
}

void follow_register_page(Vcpu& v) {
    Patcher& p = *v.patcher;
    for_each_patch(v, [&](MirrorFrame& frame, const Text& text, u32 own) {
        Site* const site = site_at(v, text, own);
        unpatch(v, frame, text, State::back, Reason::waiting);
        --p.back;
        if (patch_word(v, frame, text) != Reason::none) return;
        --p.made;
        if (site != nullptr) adopt(v, *site, Reason::pays);
    });
}

void mode_changes(Vcpu& v) {
    Patcher& p = *v.patcher;
    const bool wanted = !v.slow_rfi && p.overlay.register_ea != 0;
    if (wanted == p.overlay.present) return;
    end_window(v);
    drop_text(v);
    p.overlay.on = p.overlay.present = wanted;
    if (wanted) {
        pin(v);
        drop_text(v);
    } else {
        unpin(v);
        vcpu::sync_sprgs(v);
    }
}

u32 own_word(Vcpu& v, u32 ea, u32 word) {
    const auto hit = v.tlb.find(ea, v.virtual_is(), v.regs.pid);
    if (v.patcher == nullptr || hit.entry == nullptr || v.user()) return word;
    const u64 gpa = hit.entry->gpa(ea);
    u64 hpa = 0;
    if (v.patcher->overlay.mirror.page(gpa) == nullptr || !v.memory->ram_range(gpa, 4, hpa)) {
        return word;
    }
    return core::read_ram(hpa, 4);
}

}  // namespace trapeze::patch
