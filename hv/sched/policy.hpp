// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "hv/core/e500.hpp"

// Which of a core's guests runs, and until when: policies without hardware (docs/scheduler.md).
// Times are ticks of the VMM's clock (core/clock.hpp). No function loops longer than over the
// entities or the windows there are.
namespace trapeze::sched {

using e500::u32;
using e500::u64;
using e500::u8;

inline constexpr unsigned max_entities = 8, max_windows = 32;
// No entity: the core is idle.
inline constexpr unsigned none = max_entities;
// A time that does not come, core::never.
inline constexpr u64 never = ~u64{0};

// A guest's virtual core as its core schedules it.
struct Entity {
    // As configured; constant from Queue::start on.
    u8 priority;         // 0 to 255, greater is more urgent
    u64 budget, period;  // ticks of each period that it may run; both 0: no bound

    // Of the policies.
    bool ready;         // it could run
    std::int64_t left;  // of its budget; below 0: charged late, and taken from the next
    u64 next;           // when its next period starts, never: no budget
    u64 slice_left;     // of its turn among equals
    u64 place;          // among equals; less is earlier
    u64 debt;           // ticks that it leaves to equals first, for it ran past its turn's end
    u64 waiting_since;  // when it became ready, or another one took its place

    // Accounts. ran + stolen + slept is the time since the start.
    u64 ran;          // ticks on the core, exits included
    u64 stolen;       // ticks that it was ready and did not run,
    u64 throttled;    // of these: without budget
    u64 slept;        // ticks that it had nothing to do
    u64 longest;      // the most ticks that it waited in one go
    u32 switches;     // times that the core went over to it
    u32 preemptions;  // times that it had to go though it was ready
    u32 exhaustions;  // times that its budget ended
};

// A time in the major frame that belongs to an entity: `start` to `start + length`, exclusive.
struct Window {
    u64 start, length;  // ticks
    unsigned entity;
};

struct Queue;

// A policy: what is its own of scheduling. Each function finds the accounts right up to
// Queue::seen.
struct Policy {
    const char* name;  // as in a configuration
    // Null, or what is wrong with the configuration.
    const char* (*check)(const Queue& q);
    void (*start)(Queue& q);
    // Entity `i` has become ready.
    void (*arrives)(Queue& q, unsigned i);
    // The time from Queue::seen to `now` has passed, in which Queue::running ran.
    void (*passes)(Queue& q, u64 now);
    // Who should run from now on, or none.
    unsigned (*choose)(Queue& q);
    // When that may change though no entity becomes ready or waits.
    u64 (*deadline)(const Queue& q);
};

// Fixed priorities, budgets, round robin among equals.
extern const Policy fixed_priorities;
// A fixed table of windows, as in ARINC 653.
extern const Policy cyclic_windows;
// By its name, or null.
const Policy* policy_by_name(const char* name);

// A core's entities. All zeroes, then filled by `add`, `add_window` and by hand; checked; started.
// Only the core that it belongs to touches it.
struct Queue {
    const Policy* policy;
    u64 slice;  // ticks of a turn among equals (priority)
    u64 frame;  // ticks of the major frame (cyclic)
    unsigned count, window_count;
    Entity entities[max_entities];
    Window windows[max_windows];  // by start

    unsigned running;  // whom `choose` named last, or none
    u64 seen;          // up to when the accounts are right
    u64 idle;          // ticks that nobody ran
    u64 places;        // handed out so far (priority)
    u64 frame_start;   // of the frame that `seen` is in (cyclic)

    // The index of the new one; there may be max_entities.
    unsigned add(u8 priority, u64 budget = 0, u64 period = 0);
    // False if there is no room for it.
    bool add_window(unsigned entity, u64 start, u64 length);
    // Null, or what is wrong, to be said to the user.
    const char* check() const;
    // From now on time passes. Nobody is ready yet; periods and frames start now.
    void start(u64 now);

    // The entity can run, or can not until it is ready again. Says nothing new: no effect. What
    // `choose` would name may have changed.
    void ready(unsigned i, u64 now);
    void waits(unsigned i, u64 now);
    // The time up to now is of the one that runs, or idle. A time before `seen`: no effect.
    void charge(u64 now);
    // Who runs from now on.
    unsigned choose(u64 now);
    // When to choose again at the latest, which is later than now, or never. It holds until an
    // entity becomes ready or waits, and only if what `choose` named runs.
    u64 deadline(u64 now);
};

}  // namespace trapeze::sched
