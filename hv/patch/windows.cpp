// SPDX-License-Identifier: Apache-2.0
// What patching pays as a whole: for short windows of time all text is executed unpatched, and what
// the guest then takes for what it does is held against what it takes with patches. Everything is
// in that: exits of every cause, refills of the core's TLB, the work of patching itself.
#include "hv/core/cpu.hpp"
#include "hv/patch/parts.hpp"
#include "hv/profile/profile.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/timers.hpp"

namespace trapeze::patch {

using dbt::Site;
using vcpu::Cause;

namespace {

// One part in so many of the time is spent in windows, of which the first part only makes the core
// warm: what it has to load again is no cost of unpatched text, and has been paid by patching.
constexpr u64 window_share = 128, warming_share = 4;
constexpr u64 shortest_gap = 16'000'000, longest_gap = 8 * vcpu::heartbeat_period;

// Fewer events than this tell nothing.
constexpr u64 few_events = 32;

// Patching as a whole rests when so many windows in a row have shown it to be worse than none, by
// one part in `margin`; the first time for so many epochs. After so many windows without a rest the
// next one is like the first.
constexpr u32 losses_to_rest = 4, windows_to_forgive = 16;
constexpr u64 margin = 64;
constexpr u32 first_rest = 64;
constexpr u8 most_rest_strikes = 8;

bool same_unpatched(Cause cause) {
    using enum Cause;
    return cause != privileged && cause != tracing && cause != text_write && cause != dtlb_shadow &&
           cause != itlb_shadow && cause != decrementer && cause != heartbeat;
}

struct Total {
    u64 count, ticks;
};
Total total(const Vcpu& v, Cause cause) {
    const auto& s = v.exits[static_cast<unsigned>(cause)];
    return {s.folded_count + s.count, s.folded_ticks + s.ticks};
}

// What `exits` take that their own ticks do not show: the way in and out.
u64 way(const Patcher& p, u64 exits) { return exits * p.costs.way / 1000; }

u64 events(const Vcpu& v) {
    u64 sum = v.profile->lasting;
    for (unsigned i = 0; i < vcpu::cause_count; ++i) {
        const auto cause = static_cast<Cause>(i);
        if (same_unpatched(cause)) sum += total(v, cause).count;
    }
    return sum;
}

// The clock at `now`, all that sites have counted being in the exits (fold_profile).
Clock clock(const Vcpu& v, u64 now) {
    const Patcher& p = *v.patcher;
    u64 vmm = 0, exits = 0;
    for (unsigned i = 0; i < vcpu::cause_count; ++i) {
        const Total t = total(v, static_cast<Cause>(i));
        vmm += t.ticks;
        exits += t.count;
    }
    // The exit at hand is not charged yet.
    const u32 at_hand = core::timebase_low() - v.exit_time;
    const u64 here = passed(passed(now, now_of(v)), at_hand);
    const Total faults = total(v, Cause::tracing), writes = total(v, Cause::text_write);
    return {
        .ticks = passed(v.idle_ticks + v.stolen_ticks + vmm + here + way(p, exits), now),
        .events = events(v),
        // The VMM's own beats, and dumps, come whatever is patched.
        .busy = passed(v.idle_ticks + v.stolen_ticks + total(v, Cause::heartbeat).ticks, now),
        .traced = faults.ticks + writes.ticks + way(p, faults.count + writes.count),
        .work = p.patch_ticks,
    };
}

Clock between(const Clock& from, const Clock& to) {
    return {passed(from.ticks, to.ticks), passed(from.events, to.events),
            passed(from.busy, to.busy), passed(from.traced, to.traced), passed(from.work, to.work)};
}

// A sum of which a quarter goes each time.
void mix(Clock& sum, const Clock& more) {
    sum.ticks += more.ticks - sum.ticks / 4;
    sum.events += more.events - sum.events / 4;
    sum.busy += more.busy - sum.busy / 4;
}

// a * b / c, for a product that may have more than 64 bits if `a` is much larger than `c`.
u64 scaled(u64 a, u64 b, u64 c) { return a / c * b + a % c * b / c; }

// What `span`, of patched time, would have taken unpatched, by what windows showed: by the guest's
// own time, less what it has spent in stubs meanwhile,
u64 by_time(const Patcher& p, const Seen& u, const Clock& span) {
    const u64 own = u.clock.ticks * 1000;
    if (own == 0) return span.busy;
    return scaled(u.clock.busy, scaled(span.ticks, own, own + u.stubs * p.costs.stub),
                  u.clock.ticks);
}
// and by events, which are the better clock where there are any.
u64 unpatched_time(const Patcher& p, const Seen& u, const Clock& span) {
    if (u.clock.events < few_events) return by_time(p, u, span);
    return scaled(u.clock.busy, span.events, u.clock.events);
}

// Whether the guest did in a window what it did in the time before: as many events for its own
// time, within a factor of two.
bool alike(const Clock& window, const Clock& span) {
    const u64 expected = span.ticks == 0 ? 0 : scaled(window.ticks, span.events, span.ticks);
    if (window.events < few_events && expected < few_events) return true;
    return window.events <= 2 * expected && expected <= 2 * window.events;
}

// Time saved in `span`. Where no window was like it, that is what is known to have been spent.
std::int64_t gain(const Patcher& p, const Clock& span) {
    const bool told = p.unpatched.clock.busy != 0 && alike(p.unpatched.clock, span);
    const u64 unpatched =
        told ? unpatched_time(p, p.unpatched, span) : passed(span.work + span.traced, span.busy);
    return static_cast<std::int64_t>(unpatched - span.busy);
}

// Patches that have just been made have still to pay for their making.
bool loses(const Patcher& p, const Seen& window, const Clock& span) {
    const u64 unpatched = unpatched_time(p, window, span);
    return passed(span.work, span.busy) > unpatched + unpatched / margin;
}

// Patching as a whole has cost more than it saved: the guest runs as it is for a while.
void rest(Vcpu& v) {
    Patcher& p = *v.patcher;
    p.resting_until = epoch(v) + (first_rest << p.rest_strikes);
    if (p.rest_strikes < most_rest_strikes) ++p.rest_strikes;
    ++p.rests;
    uncover(v);
    unmirror_all(v, Reason::waiting);
}

// Of a time with patches, which begins.
void begin_stint(Patcher& p) {
    p.since = p.clock;
    p.unpatched = {};
    p.stint_windows = p.losses = 0;
}

// All text is run unpatched, or patched again.
void switch_text(Vcpu& v, bool patched) {
    Patcher& p = *v.patcher;
    p.overlay.on = patched;
    v.shadow.flush();
}

void begin_window(Vcpu& v) {
    Patcher& p = *v.patcher;
    p.in_window = true;
    p.measuring = false;
    switch_text(v, false);
    vcpu::sync_sprgs(v);
}

void begin_measuring(Vcpu& v) {
    Patcher& p = *v.patcher;
    auto& sites = v.profile->sites;
    for (unsigned i = 0; i < sites.used(); ++i) {
        Site& site = sites.site(i);
        if (is_patched(site)) site.marked = site.exits();
    }
    p.measuring = true;
    // What has just been done is not the window's.
    p.clock_read = now_of(v);
    p.window_began = p.clock = clock(v, p.clock_read);
}

// The exits of patched sites in the window that took `ticks`; returns those that stubs save.
u64 count_exits(Vcpu& v, u64 ticks) {
    const Patcher& p = *v.patcher;
    auto& sites = v.profile->sites;
    u64 stubs = 0;
    for (unsigned i = 0; i < sites.used(); ++i) {
        Site& site = sites.site(i);
        if (!is_patched(site)) continue;
        const auto exits = static_cast<u32>(site.exits() - site.marked);
        site.windows += exits;
        const u64 rate = ticks == 0 ? 0 : exits * vcpu::heartbeat_period / ticks;
        site.window_rate += static_cast<u32>(rate / 8) - site.window_rate / 8;
        if (exits != 0 && dbt::plan(site.word, p.map).kind == dbt::PatchKind::stub) stubs += exits;
    }
    return stubs;
}

void end_measuring(Vcpu& v) {
    Patcher& p = *v.patcher;
    Seen seen{between(p.window_began, p.clock), 0};
    p.windows.ticks += seen.clock.ticks;
    p.windows.events += seen.clock.events;
    seen.stubs = count_exits(v, seen.clock.busy);
    // Stores to copied text are still made for the guest, which would not be if it were not copied.
    seen.clock.busy = passed(seen.clock.traced, seen.clock.busy);
    const Clock span = between(p.since, p.window_began);
    // Of a window in which the guest did something else nothing follows.
    if (alike(seen.clock, span)) {
        mix(p.unpatched.clock, seen.clock);
        p.unpatched.stubs += seen.stubs - p.unpatched.stubs / 4;
        p.losses = loses(p, seen, span) ? p.losses + 1 : 0;
        ++p.windows_seen;
    }
    p.net += gain(p, span);
    p.since = p.clock;
    p.measuring = false;
    ++p.stint_windows;
}

void judge(Vcpu& v) {
    Patcher& p = *v.patcher;
    // Who asks for everything to be patched gets it.
    if (p.losses >= losses_to_rest && p.mode != Mode::eager) {
        rest(v);
    } else if (p.stint_windows > windows_to_forgive) {
        p.rest_strikes = 0;
    }
}

}  // namespace

void read_clock(Vcpu& v, u64 now) {
    vcpu::fold_profile(v);
    v.patcher->clock = clock(v, now);
    v.patcher->clock_read = now;
}

Clock clock_at(const Vcpu& v, u64 now) {
    const Patcher& p = *v.patcher;
    Clock clock = p.clock;
    clock.ticks += passed(p.clock_read, now);
    clock.events = events(v);
    return clock;
}

bool resting(const Vcpu& v) { return v.patcher->resting_until > epoch(v); }

void before_first_patch(Vcpu& v) {
    Patcher& p = *v.patcher;
    if (p.overlay.mirror.patches() != 0) return;
    const u64 now = now_of(v);
    read_clock(v, now);
    begin_stint(p);
    p.stint_began = now;
}

u32 next_random(Patcher& p) {
    p.random ^= p.random << 13;
    p.random ^= p.random >> 17;
    p.random ^= p.random << 5;
    return p.random;
}

void turn_window(Vcpu& v) {
    const Patcher& p = *v.patcher;
    if (p.in_window) {
        leave_window(v);
    } else if (p.overlay.on) {
        begin_window(v);
    }
}

void schedule_window(Vcpu& v, u64 now) {
    Patcher& p = *v.patcher;
    if (p.churn != 0) {
        v.next_sample = v.start_time + now + p.churn;
        return;
    }
    u64 gap = passed(p.stint_began, now) / 4;
    if (gap < shortest_gap) gap = shortest_gap;
    if (gap > longest_gap) gap = longest_gap;
    const u64 length = gap / window_share;
    // Not in step with what the guest does at regular times.
    gap = gap / 2 + gap * (next_random(p) % 1024) / 1024;
    v.next_sample = v.start_time + now +
                    (!p.in_window  ? gap
                     : p.measuring ? length - length / warming_share
                                   : length / warming_share);
}

void sample(Vcpu& v, u64 now) {
    Patcher& p = *v.patcher;
    now -= v.start_time;
    read_clock(v, now);
    if (p.churn != 0) {
        churn(v);
    } else if (p.measuring) {
        end_measuring(v);
        leave_window(v);
        judge(v);
    } else if (p.in_window) {
        begin_measuring(v);
    } else if (p.overlay.on && p.overlay.mirror.patches() != 0) {
        begin_window(v);
    }
    schedule_window(v, now_of(v));
}

void leave_window(Vcpu& v) {
    Patcher& p = *v.patcher;
    p.in_window = p.measuring = false;
    switch_text(v, p.overlay.present);
}

void end_window(Vcpu& v) {
    Patcher& p = *v.patcher;
    if (!p.in_window) return;
    const u64 now = now_of(v);
    read_clock(v, now);
    leave_window(v);
    schedule_window(v, now);
}

void settle(Vcpu& v, u64 now) { read_clock(v, now); }

std::int64_t net_ticks(const Vcpu& v) {
    const Patcher& p = *v.patcher;
    // Without a window there is nothing but what is known to have been spent.
    if (p.windows_seen == 0) return -static_cast<std::int64_t>(p.fault_ticks + p.patch_ticks);
    if (resting(v) || p.overlay.mirror.patches() == 0) return p.net;
    return p.net + gain(p, between(p.since, p.measuring ? p.window_began : p.clock));
}

}  // namespace trapeze::patch
