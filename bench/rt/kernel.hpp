// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "histogram.hpp"

// The executive's rules, without a core: which task runs, what wakes it, what it inherits. The
// tests of tests/unit/rt run them on the host; executive.cpp asks them with interrupts disabled.
// No function loops over more than the tasks there are, those that change what a task inherits over
// the square of that.
namespace rt {

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using i32 = std::int32_t;

inline constexpr unsigned most_tasks = 12;
// A time that never comes.
inline constexpr Time never = ~Time{0};

// The time base, of which a core reads a half at a time: `upper` and `lower` do so.
template <typename Upper, typename Lower>
Time read_timebase(const Upper& upper, const Lower& lower) {
    for (;;) {
        const u32 high = upper();
        const u32 low = lower();
        // Else the lower half went round in between.
        if (upper() == high) return Time{high} << 32 | low;
    }
}

class Kernel;
class Mutex;
class Semaphore;

// What a periodic task has to show. jobs + skipped + 1 for one that runs or waits to = releases.
struct Account {
    u32 releases = 0;              // that have come
    u32 jobs = 0;                  // that were done
    u32 misses = 0;                // deadlines at which the job was not done, each once
    u32 skipped = 0;               // releases without a job: those before took too long
    u32 dispatches = 0;            // how often the core went over to the task
    Time ran = 0;                  // ticks that it had the core
    Time longest = 0;              // from a release to its job's end
    Histogram* latency = nullptr;  // from a release to its job's first instruction
};

class Task {
  public:
    // A greater priority is more urgent; 0 is the idle task's. `period` 0: not periodic, else from
    // 1 to 2^31 ticks. A job must be done `deadline` ticks after its release; 0 is the period.
    constexpr Task(const char* its_name, u8 its_priority, u32 its_period = 0, u32 its_deadline = 0)
        : name(its_name),
          priority(its_priority),
          period(its_period),
          deadline(its_deadline == 0 ? its_period : its_deadline),
          effective_(its_priority) {}

    const char* const name;
    const u8 priority;
    const u32 period, deadline;
    Account account;

    // With what it has inherited.
    [[nodiscard]] u8 effective() const { return effective_; }
    [[nodiscard]] bool ready() const { return state_ == State::ready; }
    // Whether what it waited for last has come, rather than its time.
    [[nodiscard]] bool granted() const { return granted_; }
    // The release of the job that it does.
    [[nodiscard]] Time released() const { return released_; }

  private:
    friend class Kernel;
    enum class State : u8 { ready, waits, ended };

    State state_ = State::ready;
    u8 effective_;
    bool granted_ = false;
    bool in_job_ = false;   // periodic: released, and not done
    bool late_ = false;     // its deadline has passed, and is counted
    bool another_ = false;  // the next release has come meanwhile
    u32 order_ = 0;         // who came first among equals
    Time wake_ = never;     // ends a wait
    Time next_ = never;     // release
    Time released_ = 0, another_released_ = 0;
    Semaphore* semaphore_ = nullptr;
    Mutex* mutex_ = nullptr;
};

// A counting semaphore: of those that wait the most urgent one gets what is given, of equals the
// one that waits longest.
class Semaphore {
  public:
    explicit constexpr Semaphore(u32 count = 0) : count_(count) {}
    [[nodiscard]] u32 count() const { return count_; }

  private:
    friend class Kernel;
    u32 count_;
};

// A binary semaphore that belongs to who took it. It lends its owner the priority of the most
// urgent task that waits for it, through any chain of owners that wait themselves.
class Mutex {
  public:
    [[nodiscard]] const Task* owner() const { return owner_; }

  private:
    friend class Kernel;
    Task* owner_ = nullptr;
};

class Kernel {
  public:
    // Begins at time 0. `idle` must never wait.
    explicit constexpr Kernel(Task& idle) : tasks_{&idle}, current_(&idle) {}

    // False if there are most_tasks already. The first release of a periodic task is at `first`.
    bool add(Task& task, Time first);
    // All that the tasks are to do, releases among it, is so much later.
    void postpone(Time ticks);
    [[nodiscard]] Task& current() const { return *current_; }
    [[nodiscard]] unsigned count() const { return count_; }
    [[nodiscard]] Task& task(unsigned i) const { return *tasks_[i]; }

    // Time goes on to `now`: wakes and releases what is due.
    void advance(Time now);
    // The current task becomes the most urgent one that is ready. True if it is another one.
    bool choose(Time now);
    // When advance() has to be called next at the latest; `never` if nothing waits for time.
    [[nodiscard]] Time next_event() const;

    // What the current task does. Those that may have to wait say whether it need not: if false,
    // choose() takes another one, and granted() tells what came of it once it runs again.
    bool try_take(Semaphore& semaphore);
    bool take(Semaphore& semaphore, Time until = never);
    bool lock(Mutex& mutex, Time until = never);  // not one that it has
    void unlock(Mutex& mutex);                    // one that it has
    void sleep(Time until);
    void yield();
    void end();
    // The job is done. True if the next one's release has come already.
    bool end_job(Time now);
    // The job's first instruction.
    void begin_job(Time now);

    // What whoever likes does, interrupt handlers too.
    void give(Semaphore& semaphore);

  private:
    void make_ready(Task& task);
    void wait(Time until);
    void wake(Task& task, bool granted);
    void release(Task& task, Time now);
    // Makes its priority, and those of whom it makes wait, what they should be.
    void settle(Task* task);
    template <typename Waits>
    Task* first_waiting(const Waits& waits) const;

    Task* tasks_[most_tasks];
    unsigned count_ = 1;
    u32 order_ = 1;
    Task* current_;
    Time since_ = 0;  // when it got the core
};

}  // namespace rt
