// SPDX-License-Identifier: Apache-2.0
#include "hv/sched/run.hpp"

#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/exit/entry.hpp"
#include "hv/exit/run.hpp"
#include "hv/guest/machine.hpp"
#include "hv/sched/switch.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/timers.hpp"

namespace trapeze::sched {

using core::u64;
using guest::machine;
using vcpu::End;
using vcpu::Presence;
using vcpu::Vcpu;

namespace {

// A core's, which alone touches it.
struct Turn {
    u64 slice_end;  // of the guest that has the core; VMM's clock
};
constinit Turn turn{};

// Guests that a core may yet run.
template <typename Function>
void each(const core::Core& c, Function&& f) {
    for (unsigned i = 0; i < machine.count; ++i) {
        guest::Guest& g = *machine.guests[i];
        if (g.vcpu.core == &c && !g.over) f(g.vcpu);
    }
}

// Whoever waits, and has what it waits for.
void wake(const core::Core& c, u64 now) {
    each(c, [now](Vcpu& v) {
        if (v.presence != Presence::waits) return;
        if (v.wakes_at <= now) {
            vcpu::catch_up(v);
            v.wakes_at = vcpu::next_wake(v);
        }
        if ((v.regs.pending & v.regs.msr) != 0 || v.end != End::running) {
            v.becomes(Presence::ready, now);
        }
    });
}

// Round robin: the one that has the core keeps it for its slice. Null: nobody wants it.
Vcpu* choose(const core::Core& c, u64 now) {
    Vcpu* first = nullptr;   // in the order of numbers,
    Vcpu* behind = nullptr;  // and behind the one that has the core
    bool passed = false, stays = false;
    each(c, [&](Vcpu& v) {
        const bool own = &v == c.current;
        if (own) passed = true;
        if (v.presence != Presence::ready) return;
        if (own) {
            stays = now < turn.slice_end;
            return;
        }
        if (first == nullptr) first = &v;
        if (passed && behind == nullptr) behind = &v;
    });
    const bool own_ready = passed && c.current->presence == Presence::ready;
    if (stays) return c.current;
    if (behind != nullptr) return behind;
    if (first != nullptr) return first;
    return own_ready ? c.current : nullptr;
}

// When to come back although nothing else happens.
u64 deadline(const core::Core& c) {
    u64 next = core::never;
    each(c, [&](const Vcpu& v) {
        if (&v == c.current) return;
        const u64 at = v.presence == Presence::waits ? v.wakes_at : turn.slice_end;
        if (at < next) next = at;
    });
    return next;
}

// Nobody wants the core: its timers are those of the guest whose state it has.
[[noreturn]] void idle(Vcpu& v) { hv_wait(v.hv_msr | e500::msr::we | e500::msr::ee); }

// The core, which has v's state, goes to whom it is due.
void give(Vcpu& v) {
    core::Core& c = *v.core;
    for (;;) {
        c.reconsider = false;
        const u64 now = core::now();
        wake(c, now);
        Vcpu* const next = choose(c, now);
        if (next == nullptr) {
            c.deadline = deadline(c);
            vcpu::reschedule(*c.current);
            idle(*c.current);
        }
        if (next != c.current) {
            switch_guests(*c.current, *next);
            turn.slice_end = now + machine.slice_ticks;
        } else if (turn.slice_end <= now) {
            turn.slice_end = now + machine.slice_ticks;
        }
        next->becomes(Presence::runs, now);
        if (next->end == End::running) {
            vcpu::catch_up(*next);
            vcpu::deliver_pending(*next);
        }
        if (next->end != End::running) {
            next->guest->events->ended(*next);
            return;
        }
        if (next->waits()) {  // what it has woken for is withdrawn
            next->wakes_at = vcpu::next_wake(*next);
            next->becomes(Presence::waits, now);
            continue;
        }
        c.deadline = deadline(c);
        next->entry_msr = vcpu::core_msr(*next);
        vcpu::reschedule(*next);
        return;
    }
}

}  // namespace

void yields(Vcpu& v) {
    if (!machine.shared()) {
        v.core->reconsider = false;
        if (!v.waits()) return;
        v.becomes(Presence::waits, core::now());
        idle(v);
    }
    const u64 now = core::now();
    if (v.waits()) v.wakes_at = vcpu::next_wake(v);
    v.becomes(v.waits() ? Presence::waits : Presence::ready, now);
    give(v);
}

bool leave_to_others(Vcpu& v) {
    v.guest->over = true;
    v.becomes(Presence::waits, core::now());
    bool any = false;
    each(*v.core, [&any](const Vcpu&) { any = true; });
    if (any) {
        // Its own timers are nobody's any more, and the core's state is one that still waits.
        if (v.core->current == &v) {
            Vcpu* other = nullptr;
            each(*v.core, [&other](Vcpu& o) {
                if (other == nullptr) other = &o;
            });
            switch_guests(v, *other);
        }
        give(v);
    }
    return any;
}

void start(Vcpu& first) {
    Vcpu* const before = first.core->current;
    switch_guests(before != nullptr ? *before : first, first);
    turn.slice_end = core::now() + machine.slice_ticks;
    first.core->deadline = machine.shared() ? turn.slice_end : core::never;
    vcpu::reschedule(first);
    vcpu::run(first);
}

}  // namespace trapeze::sched
