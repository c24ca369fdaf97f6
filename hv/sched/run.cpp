// SPDX-License-Identifier: Apache-2.0
#include "hv/sched/run.hpp"

#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/devices.hpp"
#include "hv/exit/entry.hpp"
#include "hv/exit/run.hpp"
#include "hv/exit/traced.hpp"
#include "hv/guest/machine.hpp"
#include "hv/para/partition.hpp"
#include "hv/sched/policy.hpp"
#include "hv/sched/switch.hpp"
#include "hv/trace/ring.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/timers.hpp"

namespace trapeze::sched {

using core::u32;
using core::u64;
using guest::Life;
using guest::machine;
using trace::What;
using vcpu::End;
using vcpu::Presence;
using vcpu::Vcpu;

namespace {

// Each core's, which alone touches it once guests run.
constinit Queue queues[core::max_cores]{};

Queue& queue_of(const core::Core& c) { return queues[c.number]; }

// Guests that are not over, of all cores: atomically.
constinit u32 alive = 0;

// Guests of a core, in whatever state.
template <typename Function>
void each_at_all(const core::Core& c, Function&& f) {
    for (unsigned i = 0; i < machine.count; ++i) {
        guest::Guest& g = *machine.guests[i];
        if (g.vcpu.core == &c) f(g.vcpu);
    }
}

bool runs(const Vcpu& v) { return v.guest->life == Life::runs; }

// Guests that a core may run.
template <typename Function>
void each(const core::Core& c, Function&& f) {
    each_at_all(c, [&f](Vcpu& v) {
        if (runs(v) || v.guest->life == Life::starts) f(v);
    });
}

// It wants the core no longer, or again.
void sleeps(Vcpu& v) {
    const u64 now = core::now();
    v.becomes(Presence::waits, now);
    queue_of(*v.core).waits(v.entity, now);
    v.core->reconsider = true;
}
void comes(Vcpu& v) {
    const u64 now = core::now();
    v.becomes(Presence::ready, now);
    queue_of(*v.core).ready(v.entity, now);
    v.core->reconsider = true;
}

// True if no other guest is left.
bool dies_last(Vcpu& v) {
    if (v.guest->life == Life::over) return __atomic_load_n(&alive, __ATOMIC_SEQ_CST) == 0;
    v.guest->life = Life::over;
    para::state_changed(v);
    return __atomic_sub_fetch(&alive, 1, __ATOMIC_SEQ_CST) == 0;
}

// Whoever waits, and has what it waits for.
void wake(const core::Core& c, u64 now) {
    each(c, [now](Vcpu& v) {
        if (v.presence != Presence::waits) return;
        const bool due = v.wakes_at <= now;
        if (runs(v) && due) {
            vcpu::catch_up(v);
            v.wakes_at = vcpu::next_wake(v);
        }
        if (runs(v) ? (v.regs.pending & v.regs.msr) != 0 || v.end != End::running || v.to_tell
                    : due) {
            v.becomes(Presence::ready, now);
            queue_of(*v.core).ready(v.entity, now);
        }
    });
}

// Null: nobody wants the core, or may have it. Whoever has been stopped goes first, be others more
// urgent: it takes nothing of the core but its leave.
Vcpu* choose(const core::Core& c, u64 now) {
    const unsigned chosen = queue_of(c).choose(now);
    Vcpu *found = nullptr, *stopped = nullptr;
    each(c, [&](Vcpu& v) {
        if (v.entity == chosen) found = &v;
        if (runs(v) && v.end == End::stopped) stopped = &v;
    });
    if (stopped != nullptr) return stopped;
    return found;
}

// When to come back although nothing else happens.
u64 deadline(const core::Core& c, u64 now) {
    u64 next = queue_of(c).deadline(now);
    each(c, [&](const Vcpu& v) {
        const bool wakes = (&v != c.current || !runs(v)) && v.presence == Presence::waits;
        if (wakes && v.wakes_at < next) next = v.wakes_at;
    });
    return next;
}

// What other cores have asked of guests of this one, which has the state of one of them. Returns
// whether they have: that may take long.
bool answer(const core::Core& c) {
    bool any = false;
    each_at_all(c, [&](Vcpu& v) {
        u32 what = __atomic_load_n(&v.asked, __ATOMIC_RELAXED);
        if (what == 0) return;
        // Never is it in neither word: who asks a guest for its state knows what is to come.
        do {
            __atomic_store_n(&v.answers, what, __ATOMIC_SEQ_CST);
        } while (!__atomic_compare_exchange_n(&v.asked, &what, 0, false, __ATOMIC_SEQ_CST,
                                              __ATOMIC_SEQ_CST));
        trace::add(c, What::asked, v.guest_number, core::now(), what);
        if (c.current != &v) switch_guests(*c.current, v);
        v.guest->events->asked(v, what);
        __atomic_store_n(&v.answers, 0, __ATOMIC_SEQ_CST);
        any = true;
    });
    return any;
}

// Nobody wants the core: its timers are those of the guest whose state it has.
[[noreturn]] void idle(Vcpu& v) { hv_wait(v.hv_msr | e500::msr::we | e500::msr::ee); }

// Nothing of what the guest before has left in the core stays. False: there is more to do, which
// can wait for another guest.
bool make_anew(Vcpu& v) {
    if (!machine.remake(*v.guest)) return false;
    v.guest->life = Life::runs;
    para::state_changed(v);
    ++v.guest->starts;
    trace::add(*v.core, v.guest->starts == 1 ? What::started : What::restarted, v.guest_number,
               core::now());
    enter_anew(v);
    return true;
}

// The core, which has v's state, goes to whom it is due; it is `now`.
void give(Vcpu& v, u64 now) {
    core::Core& c = *v.core;
    for (;; now = core::now()) {
        c.reconsider = false;
        if (answer(c)) now = core::now();
        wake(c, now);
        Vcpu* const next = choose(c, now);
        if (next == nullptr) {
            c.deadline = deadline(c, now);
            if (runs(*c.current)) {
                vcpu::reschedule(*c.current);
            } else {
                vcpu::rest(c.deadline);
            }
            idle(*c.current);
        }
        if (next != c.current) switch_guests(*c.current, *next);
        if (next->guest->life == Life::starts) {
            const bool made = make_anew(*next);
            now = core::now();
            if (!made) {
                // What has come meanwhile, as while the core idles.
                dev::on_external(*next);
                continue;
            }
            // A more urgent one has been told of it.
            if (c.reconsider) continue;
        }
        next->becomes(Presence::runs, now);
        if (next->end == End::running) {
            if (next->to_tell) dev::take_signals(*next);
            vcpu::catch_up(*next);
            const u32 before = next->nip;
            vcpu::deliver_pending(*next);
            if (c.trace_ring != nullptr) vcpu::trace_delivery(*next, before);
        }
        if (next->end != End::running) {
            next->guest->events->ended(*next);
            return;
        }
        if (next->waits()) {  // what it has woken for is withdrawn
            next->wakes_at = vcpu::next_wake(*next);
            next->becomes(Presence::waits, now);
            queue_of(c).waits(next->entity, now);
            continue;
        }
        c.deadline = deadline(c, now);
        next->entry_msr = vcpu::core_msr(*next);
        vcpu::reschedule(*next);
        return;
    }
}

}  // namespace

void yields(Vcpu& v) {
    if (!runs(v)) {
        give(v, core::now());
        return;
    }
    if (!machine.shared()) {
        v.core->reconsider = false;
        if (!v.waits()) return;
        v.becomes(Presence::waits, core::now());
        idle(v);
    }
    const u64 now = core::now();
    if (v.waits()) {
        v.wakes_at = vcpu::next_wake(v);
        queue_of(*v.core).waits(v.entity, now);
        v.becomes(Presence::waits, now);
    } else {
        // An interrupt may have ended its wait while the core was idle in its name.
        queue_of(*v.core).ready(v.entity, now);
        v.becomes(Presence::ready, now);
    }
    give(v, now);
}

bool leave_to_others(Vcpu& v) {
    sleeps(v);
    if (dies_last(v)) return false;
    // If the core has nobody left it waits for other cores, and for the monitor.
    give(v, core::now());
    return true;
}

void pause(Vcpu& v) {
    if (!runs(v)) return;
    v.guest->life = Life::paused;
    para::state_changed(v);
    trace::add(*v.core, What::paused, v.guest_number, core::now());
    sleeps(v);
}

void resume(Vcpu& v) {
    if (v.guest->life != Life::paused) return;
    v.guest->life = Life::runs;
    para::state_changed(v);
    trace::add(*v.core, What::resumed, v.guest_number, core::now());
    vcpu::forget_periods(v);
    comes(v);
}

void start_anew(Vcpu& v, u64 not_before) {
    const Life life = v.guest->life;
    if (life == Life::paused) return;
    if (life == Life::over) __atomic_add_fetch(&alive, 1, __ATOMIC_SEQ_CST);
    v.guest->life = Life::starts;
    if (not_before <= core::now()) {
        comes(v);
        return;
    }
    sleeps(v);
    v.wakes_at = not_before;
}

bool end_guest(Vcpu& v, const char* reason, bool again) {
    const Life life = v.guest->life;
    if (life == Life::starts && again) {
        start_anew(v);
        return false;
    }
    if (life == Life::starts) sleeps(v);
    if (life == Life::starts || life == Life::waits) return dies_last(v);
    if (life == Life::over) return false;
    v.guest->again = again;
    vcpu::end(v, End::stopped, reason);
    resume(v);
    v.core->reconsider = true;
    return false;
}

void expect(unsigned guests) { alive = guests; }

Queue& queue(unsigned core) { return queues[core]; }

void start(core::Core& c, Vcpu& first) {
    Queue& q = queue_of(c);
    const u64 now = core::now();
    q.start(now);
    each(c, [&q, now](Vcpu& v) { q.ready(v.entity, now); });
    // Of boot, and of calibration, nothing stays in the core.
    if (c.current == nullptr) c.current = &first;
    switch_guests(*c.current, first);
    if (machine.shared() || !runs(first)) give(first, core::now());
    vcpu::run(*c.current);
}

}  // namespace trapeze::sched
