// SPDX-License-Identifier: Apache-2.0
#include "hv/sched/policy.hpp"

// A fixed table of windows in a major frame (ARINC 653 Part 1, 2.3.1): an entity runs in its
// windows and nowhere else, whatever the others do.
namespace trapeze::sched {

namespace {

// The window that `seen` is in, or window_count.
unsigned window_now(const Queue& q) {
    const u64 offset = q.seen - q.frame_start;
    unsigned w = 0;
    while (w < q.window_count &&
           (offset < q.windows[w].start || offset - q.windows[w].start >= q.windows[w].length)) {
        ++w;
    }
    return w;
}

void arrives(Queue& /*q*/, unsigned /*i*/) {}

void passes(Queue& q, u64 now) {
    const u64 offset = now - q.frame_start;
    if (offset < q.frame) return;
    // More than one frame only if nobody asked for long.
    q.frame_start += offset < 2 * q.frame ? q.frame : offset - offset % q.frame;
}

unsigned choose(Queue& q) {
    const unsigned w = window_now(q);
    if (w == q.window_count) return none;
    const unsigned i = q.windows[w].entity;
    return q.entities[i].ready ? i : none;
}

u64 deadline(const Queue& q) {
    if (q.running != none) {
        const unsigned w = window_now(q);
        return w == q.window_count ? never
                                   : q.frame_start + q.windows[w].start + q.windows[w].length;
    }
    // Until the next window of one that could run, in this frame or the next.
    const u64 offset = q.seen - q.frame_start;
    u64 soonest = never;
    for (unsigned w = 0; w < q.window_count; ++w) {
        const Window& window = q.windows[w];
        if (!q.entities[window.entity].ready) continue;
        const u64 start = q.frame_start + window.start + (window.start > offset ? 0 : q.frame);
        if (start < soonest) soonest = start;
    }
    return soonest;
}

void start(Queue& q) { q.frame_start = q.seen; }

const char* check(const Queue& q) {
    if (q.frame == 0) return "a cyclic schedule needs a major frame";
    for (unsigned i = 0; i < q.count; ++i) {
        if (q.entities[i].period != 0) return "a cyclic schedule has windows, not budgets";
    }
    u32 served = 0;
    u64 free = 0;
    for (unsigned w = 0; w < q.window_count; ++w) {
        const Window& window = q.windows[w];
        if (window.entity >= q.count) return "a window is of no guest";
        if (window.length == 0) return "a window is empty";
        if (window.start < free) return "windows overlap";
        if (window.start > q.frame || window.length > q.frame - window.start) {
            return "a window ends after the major frame";
        }
        free = window.start + window.length;
        served |= 1U << window.entity;
    }
    if (served != (1U << q.count) - 1) return "a guest has no window";
    return nullptr;
}

}  // namespace

constinit const Policy cyclic_windows{"cyclic", check, start, arrives, passes, choose, deadline};

}  // namespace trapeze::sched
