// SPDX-License-Identifier: Apache-2.0
#include "hv/irq/timers.hpp"

#include "hv/arch/cpu.hpp"
#include "hv/patch/patcher.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/profile.hpp"

namespace trapeze::irq {

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

// Latches what came due up to now.
void latch_events(Vcpu& v, u64 now) {
    if (v.dec_running && now >= v.dec_deadline) {
        v.regs.tsr |= tsr::dis;
        v.dec_running = (v.regs.tcr & tcr::are) && v.regs.decar != 0;
        if (v.dec_running) {
            v.dec_deadline += v.regs.decar;
            if (v.dec_deadline <= now) v.dec_deadline = now + v.regs.decar;
        }
    }
    if (rising_edges(v.fit_seen, now, tcr::fit_bit(v.regs.tcr)) != 0) v.regs.tsr |= tsr::fis;
    v.fit_seen = now;
    u64 edges = rising_edges(v.watchdog_seen, now, tcr::watchdog_bit(v.regs.tcr));
    v.watchdog_seen = now;
    for (unsigned i = 0; i < 3 && edges != 0; ++i, --edges) watchdog_event(v);
}

// Sets the core's decrementer to what must be noticed next. What nobody waits for is latched
// when it is asked for.
void schedule(const Vcpu& v, u64 now) {
    u64 next = v.next_heartbeat < v.next_sample ? v.next_heartbeat : v.next_sample;
    const auto consider = [&next](u64 deadline) {
        if (deadline < next) next = deadline;
    };
    if (v.dec_running && (v.regs.tcr & tcr::die)) consider(v.dec_deadline);
    if ((v.regs.tcr & tcr::fie) && !(v.regs.tsr & tsr::fis)) {
        consider(next_edge(now, tcr::fit_bit(v.regs.tcr)));
    }
    if (v.regs.tcr & (tcr::wie | tcr::wrc_mask)) {
        consider(next_edge(now, tcr::watchdog_bit(v.regs.tcr)));
    }
    u64 delay = next > now ? next - now : 1;
    // The decrementer itself keeps its time; only periodic events are held to the shortest delay.
    const bool exact = v.dec_running && next == v.dec_deadline;
    if (!exact && delay < shortest) delay = shortest;
    if (delay > longest) delay = longest;
    arch::write_decrementer(static_cast<u32>(delay));
}

void refresh(Vcpu& v, u64 now) {
    latch_events(v, now);
    vcpu::update_pending(v);
}

}  // namespace

void reset_timers(Vcpu& v) {
    const u64 now = arch::timebase();
    v.fit_seen = v.watchdog_seen = now;
    v.next_heartbeat = now + heartbeat_period;
    arch::write_tcr(tcr::die);
    schedule(v, now);
}

u32 read_decrementer(Vcpu& v) {
    const u64 now = arch::timebase();
    refresh(v, now);
    return v.dec_running ? static_cast<u32>(v.dec_deadline - now) : 0;
}

void write_decrementer(Vcpu& v, u32 value) {
    const u64 now = arch::timebase();
    latch_events(v, now);
    // Zero stands still: the exception is the step from one to zero (manual 8.4.1).
    v.dec_running = value != 0;
    v.dec_deadline = now + value;
    vcpu::update_pending(v);
    schedule(v, now);
}

u32 read_tsr(Vcpu& v) {
    refresh(v, arch::timebase());
    return v.regs.tsr;
}

void write_tsr(Vcpu& v, u32 bits) {
    const u64 now = arch::timebase();
    latch_events(v, now);
    v.regs.tsr &= ~bits;
    vcpu::update_pending(v);
    if (bits & (tsr::fis | tsr::wis | tsr::enw)) schedule(v, now);
}

void write_tcr(Vcpu& v, u32 value) {
    const u64 now = arch::timebase();
    latch_events(v, now);
    // WRC can be set but not cleared (manual 2.6.1).
    v.regs.tcr = (value & tcr::implemented) | (v.regs.tcr & tcr::wrc_mask);
    vcpu::update_pending(v);
    schedule(v, now);
}

void write_timebase(Vcpu& v, bool upper, u32 value) {
    if (v.profile != nullptr) vcpu::fold_profile(v);  // its times are of the old count too
    const u64 before = arch::timebase();
    latch_events(v, before);
    if (upper) {
        arch::write_timebase_high(value);
    } else {
        arch::write_timebase_low(value);
    }
    // Origins and deadlines are times of the old count: move them along.
    const u64 shift = arch::timebase() - before;
    v.exit_time += static_cast<u32>(shift);
    v.start_time += shift;
    v.last_progress += shift;
    v.last_dump += shift;
    v.next_live += shift;
    v.dec_deadline += shift;
    v.next_heartbeat += shift;
    if (v.patcher != nullptr) v.next_sample += shift;
    v.fit_seen = v.watchdog_seen = arch::timebase();
    vcpu::update_pending(v);
    schedule(v, v.fit_seen);
}

bool on_timer(Vcpu& v) {
    arch::clear_tsr(tsr::dis);
    const u64 now = arch::timebase();
    const bool heartbeat = now >= v.next_heartbeat;
    if (heartbeat) v.next_heartbeat = now + heartbeat_period;
    if (now >= v.next_sample) patch::sample(v, now);
    refresh(v, now);
    schedule(v, now);
    return heartbeat;
}

}  // namespace trapeze::irq
