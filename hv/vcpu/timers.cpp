// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/timers.hpp"

#include "hv/console/console.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/progress.hpp"

namespace trapeze::vcpu {

namespace tcr = e500::tcr;
namespace tsr = e500::tsr;

namespace {

// Nearer deadlines than this are served late rather than exit on exit; 2.5 us at 400 MHz.
constexpr u64 shortest = 1000;
constexpr u64 longest = 0x7fff'ffff;

// One watchdog time-out (manual 8.4.3): next-enable, then interrupt, then reset if asked for.
void watchdog_event(Vcpu& v) {
    u32& status = v.regs.tsr;
    if (!(status & tsr::enw)) {
        status |= tsr::enw;
    } else if (!(status & tsr::wis)) {
        status |= tsr::wis;
    } else if (v.regs.tcr & tcr::wrc_mask) {
        status |= (v.regs.tcr & tcr::wrc_mask);
        vcpu::end(
            v, vcpu::End::guest_died,
            "the guest's own watchdog timer expired a third time (TCR[WRC] asks for a reset)");
    }
}

// A moment on both clocks: deadlines are on the VMM's, periodic events are edges of the time base.
struct Moment {
    u64 timebase, now;
};
Moment moment() {
    const u64 timebase = core::read_timebase();
    return {timebase, core::clock.at(timebase)};
}

// Latches what came due up to now.
void latch_events(Vcpu& v, const Moment& m) {
    if (v.dec_running && m.now >= v.dec_deadline) {
        v.regs.tsr |= tsr::dis;
        v.dec_running = (v.regs.tcr & tcr::are) && v.regs.decar != 0;
        if (v.dec_running) {
            v.dec_deadline += v.regs.decar;
            if (v.dec_deadline <= m.now) v.dec_deadline = m.now + v.regs.decar;
        }
    }
    if (rises(v.fit_seen, m.timebase, tcr::fit_bit(v.regs.tcr))) v.regs.tsr |= tsr::fis;
    v.fit_seen = m.timebase;
    u64 edges = rising_edges(v.watchdog_seen, m.timebase, tcr::watchdog_bit(v.regs.tcr));
    v.watchdog_seen = m.timebase;
    for (unsigned i = 0; i < 3 && edges != 0; ++i, --edges) watchdog_event(v);
}

// When the guest itself must notice something next, if that is before `next`. What nobody waits for
// is latched when it is asked for.
[[gnu::always_inline]] inline u64 next_event(const Vcpu& v, const Moment& m, u64 next) {
    const auto consider = [&next](u64 deadline) {
        if (deadline < next) next = deadline;
    };
    if (v.device_waits) consider(v.device_deadline);
    // What reloads itself and has not been seen to yet says nothing new, however often it comes.
    const bool said = (v.regs.tcr & tcr::are) && (v.regs.tsr & tsr::dis);
    if (v.dec_running && (v.regs.tcr & tcr::die) && !said) consider(v.dec_deadline);
    // An edge after centuries must not wrap this clock; that of the next heartbeat will do.
    const auto consider_edge = [&](u32 bit) {
        const u64 ticks = until_edge(m.timebase, bit);
        if (ticks <= longest) consider(m.now + ticks);
    };
    if ((v.regs.tcr & tcr::fie) && !(v.regs.tsr & tsr::fis)) {
        consider_edge(tcr::fit_bit(v.regs.tcr));
    }
    if (v.regs.tcr & (tcr::wie | tcr::wrc_mask)) consider_edge(tcr::watchdog_bit(v.regs.tcr));
    return next;
}

// What the VMM wants to notice next: its beat, its samples, the end of the guest's turn or budget.
// Once that has been noticed the core's timer is set anew in any case, and must not have run out by
// then.
u64 own_deadline(const Vcpu& v) {
    const u64 own = v.next_heartbeat < v.next_sample ? v.next_heartbeat : v.next_sample;
    return v.core->deadline < own && !v.core->reconsider ? v.core->deadline : own;
}

// Sets the core's decrementer to what must be noticed next.
void schedule(const Vcpu& v, const Moment& m) {
    const u64 own = own_deadline(v);
    const u64 next = next_event(v, m, own);
    u64 delay = next > m.now ? next - m.now : 1;
    // The decrementer itself keeps its time, and so does what the guest must not put off by setting
    // its timers again and again; only periodic events are held to the shortest delay.
    const bool exact = next == own || (v.dec_running && next == v.dec_deadline);
    if (!exact && delay < shortest) delay = shortest;
    if (!exact && delay > own - m.now) delay = own - m.now;
    if (delay > longest) delay = longest;
    core::write_decrementer(static_cast<u32>(delay));
}

// Not in step with what the guest does at regular times; the same in each run.
[[gnu::noinline, gnu::cold]] void plan_heartbeat(Vcpu& v, u64 now) {
    v.beat_random ^= v.beat_random << 13;
    v.beat_random ^= v.beat_random >> 17;
    v.beat_random ^= v.beat_random << 5;
    v.next_heartbeat = now + heartbeat_period / 4 * 3 + v.beat_random % (heartbeat_period / 2);
}

void refresh(Vcpu& v, const Moment& m) {
    latch_events(v, m);
    vcpu::update_pending(v);
}

}  // namespace

void reset_timers(Vcpu& v) {
    const Moment m = moment();
    v.fit_seen = v.watchdog_seen = m.timebase;
    v.beat_random = 1;
    plan_heartbeat(v, m.now);
    core::write_tcr(tcr::die);
    schedule(v, m);
}

void rest(u64 until) {
    const u64 now = core::now();
    u64 delay = until > now ? until - now : 1;
    if (delay > heartbeat_period) delay = heartbeat_period;
    core::write_decrementer(static_cast<u32>(delay < shortest ? shortest : delay));
}

void forget_periods(Vcpu& v) { v.fit_seen = v.watchdog_seen = core::read_timebase(); }

void reschedule(Vcpu& v) { schedule(v, moment()); }

u64 next_wake(const Vcpu& v) { return next_event(v, moment(), core::never); }

void catch_up(Vcpu& v) {
    const Moment m = moment();
    if (v.device_waits && m.now >= v.device_deadline) v.on_device_deadline(v);
    refresh(v, m);
}

void settle(Vcpu& v) {
    const Moment m = moment();
    v.tbu = static_cast<u32>(m.timebase >> 32);
    v.tbl = static_cast<u32>(m.timebase);
    v.dec = v.dec_running && v.dec_deadline > m.now ? static_cast<u32>(v.dec_deadline - m.now) : 0;
    if (v.core != nullptr && v.core->current == &v) core::save_user_registers(v.user_registers);
}

u32 read_decrementer(Vcpu& v) {
    const Moment m = moment();
    refresh(v, m);
    return v.dec_running ? static_cast<u32>(v.dec_deadline - m.now) : 0;
}

void write_decrementer(Vcpu& v, u32 value) {
    const Moment m = moment();
    latch_events(v, m);
    // Zero stands still: the exception is the step from one to zero (manual 8.4.1).
    v.dec_running = value != 0;
    v.dec_deadline = m.now + value;
    vcpu::update_pending(v);
    schedule(v, m);
}

u32 read_tsr(Vcpu& v) {
    refresh(v, moment());
    return v.regs.tsr;
}

void write_tsr(Vcpu& v, u32 bits) {
    const Moment m = moment();
    latch_events(v, m);
    v.regs.tsr &= ~bits;
    vcpu::update_pending(v);
    const u32 reloaded = (v.regs.tcr & tcr::are) ? tsr::dis : 0;
    if (bits & (tsr::fis | tsr::wis | tsr::enw | reloaded)) schedule(v, m);
}

void write_tcr(Vcpu& v, u32 value) {
    const Moment m = moment();
    latch_events(v, m);
    // WRC can be set but not cleared (manual 2.6.1).
    v.regs.tcr = (value & tcr::implemented) | (v.regs.tcr & tcr::wrc_mask);
    vcpu::update_pending(v);
    schedule(v, m);
}

void write_timebase(Vcpu& v, bool upper, u32 value) {
    if (v.shares_timebase) {
        if (!v.reported_timebase) {
            console::log(
                "the guest writes the time base, which all guests read: refused, it goes on");
        }
        v.reported_timebase = true;
        return;
    }
    const Moment before = moment();
    latch_events(v, before);
    if (upper) {
        core::write_timebase_high(value);
    } else {
        core::write_timebase_low(value);
    }
    const u64 after = core::read_timebase();
    core::clock.moved(before.timebase, after);
    v.exit_time += static_cast<u32>(after - before.timebase);  // the vector read it
    v.fit_seen = v.watchdog_seen = after;
    vcpu::update_pending(v);
    schedule(v, {after, before.now});
}

bool hold_back(Vcpu& v) {
    constexpr u32 longest_hold = 1U << 20, branch_to_self = 0x48000000;
    u32 word = 0;
    // In a short loop it may be found at one instruction each time.
    const u32 state = vcpu::digest(v.gpr, 32, v.ctr);
    const bool gets_on =
        v.nip != v.given_nip || state != v.given_state || v.hold_ticks >= longest_hold ||
        (core::load_guest_word(v.nip, v.shadow.layout().fetch_space(v.user()), word) &&
         word == branch_to_self);
    if (gets_on) {
        v.given_nip = v.nip;
        v.given_state = state;
        v.moved = false;
        v.hold_ticks = 0;
        return false;
    }
    // A loaded host may take long over the first instruction: it is given twice as long each time,
    // and not a multiple, at which a short loop would be where it was.
    v.hold_ticks = v.hold_ticks == 0 ? static_cast<u32>(shortest) : 2 * v.hold_ticks + 37;
    // The core may be due to another guest before.
    const u64 now = core::now(), due = v.core->deadline > now ? v.core->deadline - now : 1;
    core::write_decrementer(due < v.hold_ticks ? static_cast<u32>(due) : v.hold_ticks);
    return true;
}

bool on_timer(Vcpu& v) {
    core::clear_tsr(tsr::dis);
    Moment m = moment();
    const bool heartbeat = m.now >= v.next_heartbeat;
    if (heartbeat) plan_heartbeat(v, m.now);
    if (m.now >= v.core->deadline) {
        v.core->reconsider = true;
        if (!heartbeat) ++v.turn_ends;
    }
    if (m.now >= v.next_sample) {
        v.patch_events->sample(v, m.now);
        m = moment();  // that takes long, and what comes next is not to be late by it
    }
    if (v.device_waits && m.now >= v.device_deadline) v.on_device_deadline(v);
    refresh(v, m);
    schedule(v, m);
    return heartbeat;
}

}  // namespace trapeze::vcpu
