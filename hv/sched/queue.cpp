// SPDX-License-Identifier: Apache-2.0
#include "hv/sched/policy.hpp"

namespace trapeze::sched {

namespace {

bool same(const char* a, const char* b) {
    while (*a != '\0' && *a == *b) {
        ++a;
        ++b;
    }
    return *a == *b;
}

// Whom the ticks after `seen` belong to. One that waits may still run, until `choose` says
// otherwise.
void account(Queue& q, u64 ticks) {
    if (q.running == none) q.idle += ticks;
    for (unsigned i = 0; i < q.count; ++i) {
        Entity& e = q.entities[i];
        if (i == q.running) {
            e.ran += ticks;
        } else if (e.ready) {
            e.stolen += ticks;
        } else {
            e.slept += ticks;
        }
    }
}

// It has waited until now.
void note_wait(Entity& e, u64 now) {
    if (now - e.waiting_since > e.longest) e.longest = now - e.waiting_since;
}

}  // namespace

const Policy* policy_by_name(const char* name) {
    constexpr const Policy* policies[] = {&fixed_priorities, &cyclic_windows};
    for (const Policy* const policy : policies) {
        if (same(policy->name, name)) return policy;
    }
    return nullptr;
}

unsigned Queue::add(u8 priority, u64 budget, u64 period) {
    Entity& e = entities[count];
    e.priority = priority;
    e.budget = budget;
    e.period = period;
    return count++;
}

bool Queue::add_window(unsigned entity, u64 start, u64 length) {
    if (window_count == max_windows) return false;
    unsigned at = window_count++;
    for (; at != 0 && windows[at - 1].start > start; --at) windows[at] = windows[at - 1];
    windows[at] = {start, length, entity};
    return true;
}

const char* Queue::check() const { return policy->check(*this); }

void Queue::start(u64 now) {
    running = none;
    seen = now;
    policy->start(*this);
}

void Queue::ready(unsigned i, u64 now) {
    charge(now);
    Entity& e = entities[i];
    if (e.ready) return;
    e.ready = true;
    e.waiting_since = seen;
    policy->arrives(*this, i);
}

void Queue::waits(unsigned i, u64 now) {
    charge(now);
    Entity& e = entities[i];
    if (e.ready && i != running) note_wait(e, seen);
    e.ready = false;
}

void Queue::charge(u64 now) {
    if (now <= seen) return;
    account(*this, now - seen);
    policy->passes(*this, now);
    seen = now;
}

unsigned Queue::choose(u64 now) {
    charge(now);
    const unsigned next = policy->choose(*this);
    if (next == running) return next;
    if (running != none && entities[running].ready) {
        ++entities[running].preemptions;
        entities[running].waiting_since = seen;
    }
    running = next;
    if (next != none) {
        Entity& e = entities[next];
        ++e.switches;
        note_wait(e, seen);
    }
    return next;
}

u64 Queue::deadline(u64 now) {
    charge(now);
    return policy->deadline(*this);
}

}  // namespace trapeze::sched
