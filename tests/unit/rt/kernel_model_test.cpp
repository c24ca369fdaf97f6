// SPDX-License-Identifier: Apache-2.0
//
// Random tasks that lock, wait, sleep and have periods; after each step what must hold is looked
// at, with priorities worked out from who waits for whom.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "bench/rt/kernel.hpp"

namespace {

using namespace rt;

class Model {
  public:
    explicit Model(unsigned seed) : random_(seed) {
        now_ = (Time{1} << 32) - 5000;
        kernel_.postpone(now_);
        start_ = now_;
        while (kernel_.count() < most_tasks) {
            const bool periodic = chance(2);
            const u32 period = periodic ? 50 + below(200) : 0;
            tasks_.push_back({std::make_unique<Task>("task", static_cast<u8>(1 + below(5)), period,
                                                     periodic ? 1 + below(period) : 0)});
            Task& task = *tasks_.back().task;
            if (periodic) tasks_.back().next = now_ + below(300);
            kernel_.add(task, tasks_.back().next);
        }
        kernel_.choose(now_);
    }

    void step() {
        // Time passes in steps that are longer than some periods at times, or up to what comes
        // next.
        const Time next = kernel_.next_event();
        const bool exactly = next != never && next > now_ && chance(3);
        go_to(exactly ? next : now_ + (chance(20) ? below(1000) : below(20)));
        act();
        kernel_.choose(now_);
        check();
    }

  private:
    struct One {
        std::unique_ptr<Task> task;
        Time next = 0;  // release, by the model
        u32 releases = 0;
        Mutex* wants = nullptr;
        Time until = never;
        std::vector<Mutex*> has = {};
        u32 jobs = 0;
    };

    u32 below(u32 n) { return static_cast<u32>(random_() % n); }
    bool chance(u32 one_in) { return below(one_in) == 0; }
    One* of(const Task& task) {
        for (One& one : tasks_) {
            if (one.task.get() == &task) return &one;
        }
        return nullptr;
    }

    void go_to(Time time) {
        now_ = time;
        for (One& one : tasks_) {
            if (one.until <= now_) give_up(one);
            for (; one.task->period != 0 && one.next <= now_; one.next += one.task->period) {
                ++one.releases;
            }
        }
        kernel_.advance(now_);
        kernel_.choose(now_);
        check();
    }
    static void give_up(One& one) {
        one.wants = nullptr;
        one.until = never;
    }

    void lock(One& one, Mutex& mutex, Time until) {
        const bool free = mutex.owner() == nullptr;
        EXPECT_EQ(kernel_.lock(mutex, until), free);
        if (free) {
            EXPECT_EQ(mutex.owner(), one.task.get());
            one.has.push_back(&mutex);
        } else {
            one.wants = &mutex;
            one.until = until;
        }
    }

    void unlock(Mutex& mutex) {
        kernel_.unlock(mutex);
        for (One& other : tasks_) {
            if (mutex.owner() != other.task.get()) continue;
            EXPECT_EQ(other.wants, &mutex);
            EXPECT_TRUE(other.task->granted());
            give_up(other);
            other.has.push_back(&mutex);
        }
    }

    // The current task does something.
    void act() {
        One* const one = of(kernel_.current());
        if (one == nullptr) {
            // An interrupt, if anything.
            if (chance(2)) kernel_.give(semaphore_);
            return;
        }
        const Time until = chance(2) ? never : now_ + below(100);
        Mutex& mutex = mutexes_[below(3)];
        const auto held = std::find(one->has.begin(), one->has.end(), &mutex);
        switch (below(8)) {
            case 0:
            case 1:
                // In order of their addresses, so that nobody is locked out for ever.
                if (held != one->has.end()) break;
                if (std::any_of(one->has.begin(), one->has.end(),
                                [&](const Mutex* other) { return other > &mutex; })) {
                    break;
                }
                lock(*one, mutex, until);
                break;
            case 2:
            case 3:
                if (held == one->has.end()) break;
                one->has.erase(held);
                unlock(mutex);
                break;
            case 4:
                kernel_.take(semaphore_, until);
                break;
            case 5:
                kernel_.give(semaphore_);
                break;
            case 6:
                if (one->task->period != 0) {
                    if (!one->has.empty()) break;
                    kernel_.end_job(now_);
                    ++one->jobs;
                } else {
                    kernel_.sleep(now_ + below(100));
                }
                break;
            default:
                kernel_.yield();
                break;
        }
    }

    // The greatest of its own and of those that wait for what it has, by recursion.
    u32 priority(const One& one) const {
        u32 most = one.task->priority;
        for (const One& other : tasks_) {
            if (other.wants != nullptr && other.wants->owner() == one.task.get()) {
                most = std::max(most, priority(other));
            }
        }
        return most;
    }

    void check() {
        Time ran = idle_.account.ran;
        for (const One& one : tasks_) {
            const Task& task = *one.task;
            const Account& a = task.account;
            ASSERT_EQ(task.effective(), priority(one));
            if (task.ready()) {
                ASSERT_LE(task.effective(), kernel_.current().effective());
            }
            if (one.wants != nullptr) {
                ASSERT_FALSE(task.ready());
            }
            ran += a.ran;
            if (task.period == 0) continue;
            ASSERT_EQ(a.releases, one.releases);
            ASSERT_EQ(a.jobs, one.jobs);
            ASSERT_LE(kernel_.next_event(), one.next);
            ASSERT_GT(one.next, now_);
            // One that runs or waits to, and one behind it.
            ASSERT_LE(a.jobs + a.skipped, a.releases);
            ASSERT_GE(a.jobs + a.skipped + 2, a.releases);
            ASSERT_GE(a.misses, a.skipped);
            ASSERT_LE(a.misses, a.releases);
        }
        ASSERT_TRUE(kernel_.current().ready());
        // All time but that of the current task's turn is somebody's.
        ASSERT_LE(ran, now_ - start_);
    }

    std::mt19937 random_;
    Task idle_{"idle", 0};
    Kernel kernel_{idle_};
    Semaphore semaphore_{2};
    Mutex mutexes_[3];
    std::vector<One> tasks_;
    Time now_ = 0, start_ = 0;
};

TEST(KernelModel, PrioritiesReleasesAndAccountsHoldAfterEachStep) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        SCOPED_TRACE(seed);
        Model model(seed);
        for (int i = 0; i < 2000; ++i) {
            model.step();
            if (testing::Test::HasFatalFailure()) return;
        }
    }
}

}  // namespace
