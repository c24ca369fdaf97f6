// SPDX-License-Identifier: Apache-2.0
#include "hv/sched/policy.hpp"

// Fixed priorities; round robin with a slice among equals; a budget is a deferrable server
// (Strosnider, Lehoczky, Sha: The Deferrable Server Algorithm, IEEE Trans. Comp. 44(1), 1995):
// what is left of it lasts until the period's end, and each period starts with all of it.
namespace trapeze::sched {

namespace {

using i64 = std::int64_t;

bool has_budget(const Entity& e) { return e.period != 0; }
bool has_left(const Entity& e) { return !has_budget(e) || e.left > 0; }
bool eligible(const Entity& e) { return e.ready && has_left(e); }

// How many of its priority, other than itself, could run.
unsigned rivals(const Queue& q, unsigned i) {
    unsigned n = 0;
    for (unsigned k = 0; k < q.count; ++k) {
        const bool equal = q.entities[k].priority == q.entities[i].priority;
        n += k != i && equal && eligible(q.entities[k]) ? 1 : 0;
    }
    return n;
}

// Last among equals, with a turn of its own.
void queue_up(Queue& q, Entity& e) {
    e.place = q.places++;
    e.slice_left = q.slice;
}

// It can run from now on. Whoever is through with its turn, and only ran on because nobody else
// wanted to, goes behind it.
void arrives(Queue& q, unsigned i) {
    Entity& e = q.entities[i];
    if (!has_left(e)) return;
    queue_up(q, e);
    for (unsigned k = 0; k < q.count; ++k) {
        Entity& other = q.entities[k];
        if (k != i && other.priority == e.priority && eligible(other) && other.slice_left == 0) {
            queue_up(q, other);
        }
    }
}

// The budget of an entity over the time from `from` to `to`, in which it ran or not.
void spend(Entity& e, u64 from, u64 to, bool ran) {
    const i64 full = static_cast<i64>(e.budget);
    if (to < e.next) {
        if (ran) e.left -= static_cast<i64>(to - from);
        return;
    }
    // Periods that start up to `to`. There is more than one only if nobody asked for long.
    u64 periods = 1;
    if (to - e.next >= e.period) periods += (to - e.next) / e.period;
    const u64 last = e.next + (periods - 1) * e.period;
    if (ran) {
        e.left += full - static_cast<i64>(e.next - from);
        if (e.left > full) e.left = full;
        e.left -= static_cast<i64>(periods - 1) * static_cast<i64>(e.period - e.budget);
        e.left -= static_cast<i64>(to - last);
    } else {
        e.left += static_cast<i64>(periods) * full;
        if (e.left > full) e.left = full;
    }
    e.next = last + e.period;
}

// What has passed of one entity's budget.
void pass_budget(Queue& q, unsigned i, u64 now) {
    Entity& e = q.entities[i];
    const bool had = has_left(e);
    if (e.ready && !had) e.throttled += (e.next < now ? e.next : now) - q.seen;
    spend(e, q.seen, now, i == q.running);
    if (had && !has_left(e)) ++e.exhaustions;
}

// The turn of the one that runs is over. Alone it runs on; else each equal has waited for what it
// ran past its turn's end, `late`: so long it leaves the core to them.
void end_turn(Queue& q, u64 late) {
    Entity& e = q.entities[q.running];
    e.slice_left = 0;
    const unsigned others = rivals(q, q.running);
    if (others == 0) return;
    e.debt += late * others;
    queue_up(q, e);
}

// Time that it did not have the core pays what it owes.
void pay(Entity& e, u64 ticks) { e.debt -= e.debt < ticks ? e.debt : ticks; }

// Whose next period has started though it could not run before, the earliest first.
struct Returning {
    unsigned order[max_entities];
    unsigned count = 0;

    void insert(const Queue& q, unsigned i) {
        unsigned at = count++;
        for (; at != 0 && q.entities[order[at - 1]].next > q.entities[i].next; --at) {
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
};

// What happened since `seen` in its order, so that it does not matter how often one looks.
void passes(Queue& q, u64 now) {
    Returning returning;
    for (unsigned i = 0; i < q.count; ++i) {
        const Entity& e = q.entities[i];
        if (!has_budget(e)) continue;
        if (e.ready && !has_left(e) && e.next <= now) {
            returning.insert(q, i);
        } else {
            pass_budget(q, i, now);
        }
    }
    Entity* const running = q.running != none ? &q.entities[q.running] : nullptr;
    u64 turn_end = never;
    if (running != nullptr && running->slice_left != 0) turn_end = q.seen + running->slice_left;
    for (unsigned k = 0; k < returning.count; ++k) {
        const unsigned i = returning.order[k];
        if (turn_end <= q.entities[i].next) {
            end_turn(q, 0);
            turn_end = never;
        }
        pass_budget(q, i, now);
        if (has_left(q.entities[i])) arrives(q, i);
    }
    for (unsigned i = 0; i < q.count; ++i) {
        if (i != q.running && q.entities[i].debt != 0) pay(q.entities[i], now - q.seen);
    }
    if (turn_end == never) return;
    if (turn_end <= now) {
        end_turn(q, now - turn_end);
    } else {
        running->slice_left = turn_end - now;
    }
}

bool has_begun(const Queue& q, const Entity& e) { return e.slice_left != q.slice; }

// The equal of `first`, the next in the order, that owes least: whose turn begins, if that of
// `first` has not. Whoever owes more is passed over for this whole turn.
unsigned who_owes_least(Queue& q, unsigned first) {
    const u8 priority = q.entities[first].priority;
    const auto equal = [priority](const Entity& e) {
        return eligible(e) && e.priority == priority;
    };
    unsigned least = first;
    for (unsigned i = 0; i < q.count; ++i) {
        const Entity &e = q.entities[i], &l = q.entities[least];
        if (!equal(e) || e.debt > l.debt) continue;
        if (e.debt < l.debt || e.place < l.place) least = i;
    }
    const u64 place = q.entities[least].place;
    for (unsigned i = 0; i < q.count; ++i) {
        Entity& e = q.entities[i];
        if (equal(e) && e.place < place) e.place = q.places++;
    }
    return least;
}

unsigned choose(Queue& q) {
    unsigned best = none;
    for (unsigned i = 0; i < q.count; ++i) {
        const Entity& e = q.entities[i];
        if (!eligible(e)) continue;
        if (best == none || e.priority > q.entities[best].priority ||
            (e.priority == q.entities[best].priority && e.place < q.entities[best].place)) {
            best = i;
        }
    }
    if (best == none || q.entities[best].debt == 0 || has_begun(q, q.entities[best])) return best;
    return who_owes_least(q, best);
}

// When the budget of one that runs from now on ends. It is full again at the period's next start,
// if it lasts so long.
u64 budget_end(const Queue& q, const Entity& e) {
    if (!has_budget(e) || e.budget >= e.period) return never;
    const u64 end = q.seen + static_cast<u64>(e.left);
    return end < e.next ? end : e.next + e.budget;
}

u64 deadline(const Queue& q) {
    u64 soonest = never;
    const auto consider = [&soonest](u64 time) {
        if (time < soonest) soonest = time;
    };
    const Entity* const running = q.running != none ? &q.entities[q.running] : nullptr;
    if (running != nullptr) {
        consider(budget_end(q, *running));
        if (rivals(q, q.running) != 0) consider(q.seen + running->slice_left);
    }
    for (unsigned i = 0; i < q.count; ++i) {
        const Entity& e = q.entities[i];
        if (!e.ready || has_left(e)) continue;
        if (running == nullptr || e.priority > running->priority) {
            consider(e.next);
        } else if (e.priority == running->priority) {
            const u64 turn = q.seen + running->slice_left;
            consider(e.next > turn ? e.next : turn);
        }
    }
    return soonest;
}

void start(Queue& q) {
    for (unsigned i = 0; i < q.count; ++i) {
        Entity& e = q.entities[i];
        e.left = static_cast<i64>(e.budget);
        e.next = has_budget(e) ? q.seen + e.period : never;
    }
}

const char* check(const Queue& q) {
    if (q.slice == 0) return "the time slice is zero";
    if (q.window_count != 0) return "windows are of a cyclic schedule";
    for (unsigned i = 0; i < q.count; ++i) {
        const Entity& e = q.entities[i];
        if ((e.budget == 0) != (e.period == 0)) return "a budget needs a period, and a period one";
        if (e.budget > e.period) return "a budget is greater than its period";
    }
    return nullptr;
}

}  // namespace

constinit const Policy fixed_priorities{"priority", check,  start,   arrives,
                                        passes,     choose, deadline};

}  // namespace trapeze::sched
