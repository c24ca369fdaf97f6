// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include "hv/sched/policy.hpp"

namespace trapeze::sched {

// A queue and the core around it: time passes, and whoever is chosen runs.
struct TimedQueue {
    explicit TimedQueue(const Policy& policy) { queue.policy = &policy; }

    void start(u64 at = 0) {
        ASSERT_STREQ(queue.check(), nullptr);
        now = at;
        queue.start(now);
        choose();
    }
    void choose() {
        queue.choose(now);
        next = queue.deadline(now);
        ASSERT_GT(next, now);
    }
    void ready(unsigned i) {
        queue.ready(i, now);
        choose();
    }
    void waits(unsigned i) {
        queue.waits(i, now);
        choose();
    }
    // Until `time`, choosing whenever the policy asks for it.
    void until(u64 time) {
        while (next <= time && !testing::Test::HasFatalFailure()) {
            now = next;
            choose();
        }
        now = time;
        queue.charge(now);
    }
    Entity& operator[](unsigned i) { return queue.entities[i]; }

    Queue queue{};
    u64 now = 0, next = never;
};

// Every tick of everyone is somebody's.
inline void expect_sums(const Queue& q, u64 ticks) {
    u64 core = q.idle;
    for (unsigned i = 0; i < q.count; ++i) {
        const Entity& e = q.entities[i];
        core += e.ran;
        EXPECT_EQ(e.ran + e.stolen + e.slept, ticks) << i;
        EXPECT_LE(e.throttled, e.stolen) << i;
        EXPECT_LE(e.longest, e.stolen) << i;
    }
    EXPECT_EQ(core, ticks);
}

}  // namespace trapeze::sched
