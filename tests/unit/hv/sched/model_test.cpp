// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <vector>

#include "timed_queue.hpp"

// The policies against models that go from tick to tick and know no deadlines. The queue is asked
// only when something happens and when its deadline says so: what the model does between, it must
// not have missed.
namespace trapeze::sched {
namespace {

struct Random {
    unsigned below(unsigned n) { return static_cast<unsigned>(engine() % n); }
    std::mt19937 engine;
};

// Fixed priorities: a list for each, of those who can run.
class PriorityModel {
  public:
    explicit PriorityModel(const Queue& q) : slice_(static_cast<int>(q.slice)) {
        for (unsigned i = 0; i < q.count; ++i) {
            const Entity& e = q.entities[i];
            guests_.push_back({e.priority, static_cast<int>(e.budget), static_cast<int>(e.period)});
            guests_.back().left = guests_.back().budget;
        }
    }
    void ready(unsigned i) {
        if (guests_[i].ready) return;
        guests_[i].ready = true;
        if (can_run(i)) arrive(i);
    }
    void waits(unsigned i) {
        guests_[i].ready = false;
        leave(i);
    }
    // Whoever should run.
    unsigned choice() const {
        for (const auto& list : lists_) {
            if (!list.second.empty()) return list.second.front();
        }
        return none;
    }
    // A tick in which `who` runs; then it is `time`.
    void tick(unsigned who, u64 time) {
        if (who != none) {
            --guests_[who].left;
            guests_[who].turn = std::max(0, guests_[who].turn - 1);
        }
        // Its own budget first, then its turn, then whoever comes back.
        if (who != none) {
            refill(who, time);
            auto& list = lists_[guests_[who].priority];
            if (!can_run(who)) {
                leave(who);
            } else if (guests_[who].turn == 0 && list.size() > 1) {
                again(who, list);
            }
        }
        for (unsigned i = 0; i < guests_.size(); ++i) {
            if (i == who) continue;
            const bool could = can_run(i);
            refill(i, time);
            if (!could && can_run(i)) arrive(i);
        }
    }

  private:
    struct Guest {
        unsigned priority;
        int budget, period;
        int left = 0, turn = 0;
        bool ready = false;
    };
    bool can_run(unsigned i) const {
        return guests_[i].ready && (guests_[i].period == 0 || guests_[i].left > 0);
    }
    void refill(unsigned i, u64 time) {
        Guest& g = guests_[i];
        if (g.period == 0 || time % static_cast<unsigned>(g.period) != 0) return;
        g.left = std::min(g.budget, g.left + g.budget);
    }
    void again(unsigned i, std::deque<unsigned>& list) {
        std::erase(list, i);
        list.push_back(i);
        guests_[i].turn = slice_;
    }
    void arrive(unsigned i) {
        auto& list = lists_[guests_[i].priority];
        again(i, list);
        const std::deque<unsigned> others = list;
        for (const unsigned k : others) {
            if (guests_[k].turn == 0) again(k, list);
        }
    }
    void leave(unsigned i) { std::erase(lists_[guests_[i].priority], i); }

    int slice_;
    std::vector<Guest> guests_;
    std::map<unsigned, std::deque<unsigned>, std::greater<>> lists_;  // the most urgent first
};

// A fixed table, looked up at each tick.
class CyclicModel {
  public:
    explicit CyclicModel(const Queue& q) : owners_(q.frame, none), ready_(q.count) {
        for (unsigned w = 0; w < q.window_count; ++w) {
            const Window& window = q.windows[w];
            for (u64 t = 0; t < window.length; ++t) owners_[window.start + t] = window.entity;
        }
    }
    void ready(unsigned i) { ready_[i] = true; }
    void waits(unsigned i) { ready_[i] = false; }
    unsigned choice() const {
        const unsigned owner = owners_[time_ % owners_.size()];
        return owner != none && ready_[owner] ? owner : none;
    }
    void tick(unsigned /*who*/, u64 time) { time_ = time; }

  private:
    std::vector<unsigned> owners_;
    std::vector<bool> ready_;
    u64 time_ = 0;
};

constexpr u64 long_enough = 3000;

// Both side by side from time 0, with guests that become ready and wait as they like.
template <typename Model>
void compare(Queue& q, Random& random, unsigned calm) {
    ASSERT_STREQ(q.check(), nullptr);
    Model model(q);
    q.start(0);
    u64 next = 0;
    unsigned timers = 0;
    for (u64 t = 0; t < long_enough; ++t) {
        bool asked = t >= next;
        if (asked) ++timers;
        if (random.below(calm) == 0) {
            const unsigned i = random.below(q.count);
            if (random.below(2) == 0) {
                q.ready(i, t);
                model.ready(i);
            } else {
                q.waits(i, t);
                model.waits(i);
            }
            asked = true;
        }
        if (random.below(20) == 0) q.charge(t);
        if (asked) {
            q.choose(t);
            next = q.deadline(t);
            ASSERT_GT(next, t);
        }
        ASSERT_EQ(q.running, model.choice()) << "at " << t;
        model.tick(q.running, t + 1);
    }
    q.charge(long_enough);
    expect_sums(q, long_enough);
    EXPECT_LT(timers, long_enough / 3);
}

Queue random_priorities(Random& random) {
    Queue q{};
    q.policy = &fixed_priorities;
    q.slice = 5 + random.below(30);
    const unsigned count = 1 + random.below(max_entities), levels = 1 + random.below(4);
    for (unsigned i = 0; i < count; ++i) {
        const auto priority = static_cast<u8>(random.below(levels));
        const unsigned period = random.below(2) == 0 ? 0 : 20 + random.below(200);
        q.add(priority, period == 0 ? 0 : 5 + random.below(period - 4), period);
    }
    return q;
}

TEST(SchedulerModel, FixedPriorities) {
    for (unsigned seed = 0; seed < 300; ++seed) {
        SCOPED_TRACE(seed);
        Random random{std::mt19937(seed)};
        Queue q = random_priorities(random);
        compare<PriorityModel>(q, random, 1 + random.below(60));
        if (HasFatalFailure()) return;
    }
}

TEST(SchedulerModel, CyclicWindows) {
    for (unsigned seed = 0; seed < 100; ++seed) {
        SCOPED_TRACE(seed);
        Random random{std::mt19937(seed)};
        Queue q{};
        q.policy = &cyclic_windows;
        const unsigned count = 1 + random.below(max_entities);
        for (unsigned i = 0; i < count; ++i) q.add(static_cast<u8>(random.below(3)));
        u64 at = 0;
        const unsigned windows = count + random.below(max_windows - count + 1);
        for (unsigned w = 0; w < windows; ++w) {
            if (random.below(3) == 0) at += random.below(20);
            const u64 length = 5 + random.below(30);
            ASSERT_TRUE(q.add_window(w < count ? w : random.below(count), at, length));
            at += length;
        }
        q.frame = at + random.below(20);
        compare<CyclicModel>(q, random, 1 + random.below(60));
        if (HasFatalFailure()) return;
    }
}

// Whoever is to be asked comes up to `latest` ticks late.
TEST(SchedulerModel, BudgetsAreExceededByNoMoreThanOneIsLate) {
    constexpr unsigned latest = 7;
    for (unsigned seed = 0; seed < 100; ++seed) {
        SCOPED_TRACE(seed);
        Random random{std::mt19937(seed)};
        Queue q = random_priorities(random);
        q.start(0);
        for (unsigned i = 0; i < q.count; ++i) q.ready(i, 0);
        u64 t = 0;
        while (t < long_enough) {
            q.choose(t);
            const u64 next = std::min(q.deadline(t), t + 50);
            ASSERT_GT(next, t);
            t = next + random.below(latest + 1);
            q.charge(t);
            for (unsigned i = 0; i < q.count; ++i) {
                const Entity& e = q.entities[i];
                if (e.period == 0) continue;
                const u64 started = t / e.period + 1;
                ASSERT_LE(e.ran, started * e.budget + latest) << i << " at " << t;
            }
        }
        expect_sums(q, t);
    }
}

// Of equals each waits at most for a turn of each other one.
TEST(SchedulerModel, NobodyStarvesAmongEquals) {
    for (unsigned seed = 0; seed < 100; ++seed) {
        SCOPED_TRACE(seed);
        Random random{std::mt19937(seed)};
        Queue q{};
        q.policy = &fixed_priorities;
        q.slice = 5 + random.below(30);
        const unsigned count = 2 + random.below(max_entities - 1);
        for (unsigned i = 0; i < count; ++i) q.add(1);
        q.start(0);
        // Some always work, others wait often.
        const unsigned busy = 1 + random.below(count);
        for (unsigned i = 0; i < busy; ++i) q.ready(i, 0);
        u64 next = 0;
        for (u64 t = 0; t < long_enough; ++t) {
            bool asked = t >= next;
            if (busy < count && random.below(6) == 0) {
                const unsigned i = busy + random.below(count - busy);
                if (q.entities[i].ready) {
                    q.waits(i, t);
                } else {
                    q.ready(i, t);
                }
                asked = true;
            }
            if (!asked) continue;
            q.choose(t);
            next = q.deadline(t);
        }
        for (unsigned i = 0; i < count; ++i) {
            EXPECT_LE(q.entities[i].longest, (count - 1) * q.slice) << i;
        }
        EXPECT_EQ(q.idle, 0U);
    }
}

}  // namespace
}  // namespace trapeze::sched
