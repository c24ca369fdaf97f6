// SPDX-License-Identifier: Apache-2.0
#include "kernel.hpp"

namespace rt {

namespace {

// Whether `a` goes before `b`. The order wraps after 2^32 waits, and compares right all the same
// as long as no task is 2^31 of them behind.
bool goes_before(u8 a, u32 order_a, u8 b, u32 order_b) {
    return a != b ? a > b : static_cast<i32>(order_a - order_b) < 0;
}

}  // namespace

bool Kernel::add(Task& task, Time first) {
    if (count_ == most_tasks) return false;
    tasks_[count_++] = &task;
    make_ready(task);
    if (task.period == 0) return true;
    task.state_ = Task::State::waits;
    task.next_ = first;
    return true;
}

void Kernel::postpone(Time ticks) {
    since_ += ticks;
    for (unsigned i = 0; i < count_; ++i) {
        if (tasks_[i]->next_ != never) tasks_[i]->next_ += ticks;
    }
}

void Kernel::make_ready(Task& task) {
    task.state_ = Task::State::ready;
    task.order_ = order_++;
}

void Kernel::wait(Time until) {
    current_->state_ = Task::State::waits;
    current_->order_ = order_++;
    current_->wake_ = until;
}

void Kernel::wake(Task& task, bool granted) {
    task.granted_ = granted;
    task.wake_ = never;
    task.semaphore_ = nullptr;
    Mutex* const mutex = task.mutex_;
    task.mutex_ = nullptr;
    make_ready(task);
    // Whoever has what it waited for has lost what it lent.
    if (mutex != nullptr) settle(mutex->owner_);
}

// All releases up to `now` at once, however many: a guest may have been paused. Of those that no
// job is left for the first one counts: its latency tells for how long nothing ran.
void Kernel::release(Task& task, Time now) {
    const Time first = task.next_;
    const u32 passed = static_cast<u32>((now - first) / task.period) + 1;
    task.next_ = first + Time{passed} * task.period;
    Account& a = task.account;
    a.releases += passed;
    u32 lost = passed - 1;
    if (!task.in_job_) {
        task.in_job_ = true;
        task.released_ = first;
        make_ready(task);
    } else {
        if (!task.late_) ++a.misses;
        task.late_ = true;
        if (task.another_) {
            ++lost;
        } else {
            task.another_ = true;
            task.another_released_ = first;
        }
    }
    a.skipped += lost;
    a.misses += lost;
}

void Kernel::advance(Time now) {
    for (unsigned i = 0; i < count_; ++i) {
        Task& task = *tasks_[i];
        if (task.wake_ <= now) wake(task, false);
        if (task.next_ <= now) release(task, now);
    }
}

bool Kernel::choose(Time now) {
    Task* best = nullptr;
    for (unsigned i = 0; i < count_; ++i) {
        Task* const task = tasks_[i];
        if (!task->ready()) continue;
        if (best == nullptr ||
            goes_before(task->effective_, task->order_, best->effective_, best->order_)) {
            best = task;
        }
    }
    if (best == nullptr || best == current_) return false;  // the idle task is always ready
    current_->account.ran += now - since_;
    since_ = now;
    current_ = best;
    ++best->account.dispatches;
    return true;
}

Time Kernel::next_event() const {
    Time first = never;
    for (unsigned i = 0; i < count_; ++i) {
        if (tasks_[i]->wake_ < first) first = tasks_[i]->wake_;
        if (tasks_[i]->next_ < first) first = tasks_[i]->next_;
    }
    return first;
}

template <typename Waits>
Task* Kernel::first_waiting(const Waits& waits) const {
    Task* first = nullptr;
    for (unsigned i = 0; i < count_; ++i) {
        Task* const task = tasks_[i];
        if (!waits(*task)) continue;
        if (first == nullptr ||
            goes_before(task->effective_, task->order_, first->effective_, first->order_)) {
            first = task;
        }
    }
    return first;
}

bool Kernel::try_take(Semaphore& semaphore) {
    if (semaphore.count_ == 0) return false;
    --semaphore.count_;
    current_->granted_ = true;
    return true;
}

bool Kernel::take(Semaphore& semaphore, Time until) {
    if (try_take(semaphore)) return true;
    wait(until);
    current_->semaphore_ = &semaphore;
    return false;
}

void Kernel::give(Semaphore& semaphore) {
    Task* const first =
        first_waiting([&](const Task& task) { return task.semaphore_ == &semaphore; });
    if (first != nullptr) {
        wake(*first, true);
    } else {
        ++semaphore.count_;
    }
}

// Up the chain of owners, which has no more links than there are tasks unless they have locked
// each other out for ever.
void Kernel::settle(Task* task) {
    for (unsigned link = 0; task != nullptr && link < most_tasks; ++link) {
        u8 priority = task->priority;
        for (unsigned i = 0; i < count_; ++i) {
            const Task& other = *tasks_[i];
            if (other.mutex_ != nullptr && other.mutex_->owner_ == task &&
                other.effective_ > priority) {
                priority = other.effective_;
            }
        }
        task->effective_ = priority;
        task = task->mutex_ != nullptr ? task->mutex_->owner_ : nullptr;
    }
}

bool Kernel::lock(Mutex& mutex, Time until) {
    if (mutex.owner_ == nullptr) {
        mutex.owner_ = current_;
        current_->granted_ = true;
        return true;
    }
    wait(until);
    current_->mutex_ = &mutex;
    settle(mutex.owner_);
    return false;
}

void Kernel::unlock(Mutex& mutex) {
    Task* const first = first_waiting([&](const Task& task) { return task.mutex_ == &mutex; });
    Task* const before = mutex.owner_;
    mutex.owner_ = first;
    if (first != nullptr) wake(*first, true);
    settle(before);
}

void Kernel::sleep(Time until) { wait(until); }

void Kernel::yield() { current_->order_ = order_++; }

void Kernel::end() {
    current_->state_ = Task::State::ended;
    current_->next_ = never;
}

bool Kernel::end_job(Time now) {
    Task& task = *current_;
    Account& a = task.account;
    const Time took = now - task.released_;
    ++a.jobs;
    if (took > a.longest) a.longest = took;
    if (!task.late_ && took > task.deadline) ++a.misses;
    task.late_ = false;
    if (task.another_) {
        task.another_ = false;
        task.released_ = task.another_released_;
        yield();
        return true;
    }
    task.in_job_ = false;
    wait(never);
    return false;
}

void Kernel::begin_job(Time now) {
    Account& a = current_->account;
    if (a.latency != nullptr) a.latency->add(now - current_->released_);
}

}  // namespace rt
