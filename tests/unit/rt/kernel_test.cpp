// SPDX-License-Identifier: Apache-2.0
#include "bench/rt/kernel.hpp"

#include <gtest/gtest.h>

namespace {

using namespace rt;

// A kernel whose tasks are what a test has it do: the one that should run does it.
class KernelTest : public testing::Test {
  protected:
    void add(Task& task, Time first = 0) {
        EXPECT_TRUE(kernel.add(task, first));
        kernel.choose(now);
    }
    void go_to(Time time) {
        now = time;
        kernel.advance(now);
        kernel.choose(now);
    }
    void choose() { kernel.choose(now); }
    void runs(const Task& task) { EXPECT_STREQ(kernel.current().name, task.name) << "at " << now; }

    Task idle{"idle", 0};
    Kernel kernel{idle};
    Time now = 0;
};

TEST_F(KernelTest, TheMostUrgentOneRunsThenTheFirstOfEquals) {
    Task low{"low", 1}, first{"first", 2}, second{"second", 2}, high{"high", 9};
    add(low);
    runs(low);
    add(first);
    add(second);
    runs(first);
    kernel.yield();
    choose();
    runs(second);
    // A more urgent one does not cost it its turn among its equals.
    add(high);
    runs(high);
    kernel.end();
    choose();
    runs(second);
    kernel.sleep(5);
    choose();
    runs(first);
    kernel.end();
    choose();
    runs(low);
    go_to(4);
    runs(low);
    go_to(5);
    runs(second);
    kernel.end();
    choose();
    kernel.end();
    choose();
    runs(idle);
    EXPECT_EQ(kernel.next_event(), never);
}

TEST_F(KernelTest, NoMoreTasksThanThereIsRoomFor) {
    std::vector<std::unique_ptr<Task>> tasks;
    for (unsigned i = 1; i < most_tasks; ++i) {
        tasks.push_back(std::make_unique<Task>("one", 1));
        EXPECT_TRUE(kernel.add(*tasks.back(), 0));
    }
    Task more{"more", 1};
    EXPECT_FALSE(kernel.add(more, 0));
    EXPECT_EQ(kernel.count(), most_tasks);
}

TEST_F(KernelTest, ReleasesAreAbsolute) {
    Task task{"task", 5, 100, 60};
    Histogram latency(1);
    task.account.latency = &latency;
    add(task, 10);
    EXPECT_EQ(kernel.next_event(), 10U);
    // Each job is late by another time, and takes another; the next release does not move.
    for (Time release = 10; release < 1'000'010; release += 100) {
        go_to(release - 1);
        runs(idle);
        const Time late = release / 100 % 30;
        go_to(release + late);
        runs(task);
        kernel.begin_job(now);
        EXPECT_EQ(task.released(), release);
        EXPECT_EQ(kernel.next_event(), release + 100);
        now += 20;
        EXPECT_FALSE(kernel.end_job(now));
        choose();
    }
    EXPECT_EQ(task.account.releases, 10'000U);
    EXPECT_EQ(task.account.jobs, 10'000U);
    EXPECT_EQ(task.account.misses, 0U);
    EXPECT_EQ(task.account.longest, 49U);
    EXPECT_EQ(task.account.ran, 200'000U);
    EXPECT_EQ(task.account.dispatches, 10'000U);
    EXPECT_EQ(latency.least(), 0U);
    EXPECT_EQ(latency.most(), 29U);
}

TEST_F(KernelTest, ADeadlineIsMissedOnce) {
    Task task{"task", 5, 100, 60};
    add(task, 0);
    go_to(0);
    // To the tick in time, and a tick late.
    EXPECT_FALSE(kernel.end_job(60));
    EXPECT_EQ(task.account.misses, 0U);
    choose();
    go_to(100);
    EXPECT_FALSE(kernel.end_job(161));
    EXPECT_EQ(task.account.misses, 1U);
    choose();
    // Past the next release: counted when that comes, and not again at the end.
    go_to(200);
    go_to(300);
    EXPECT_EQ(task.account.misses, 2U);
    EXPECT_TRUE(kernel.end_job(310));
    EXPECT_EQ(task.account.misses, 2U);
    // The one that came meanwhile has the deadline of its own release.
    EXPECT_EQ(task.released(), 300U);
    EXPECT_FALSE(kernel.end_job(360));
    EXPECT_EQ(task.account.misses, 2U);
    EXPECT_EQ(task.account.skipped, 0U);
    EXPECT_EQ(task.account.releases, task.account.jobs);
}

TEST_F(KernelTest, AnOverrunSkipsAllReleasesButTheFirst) {
    Task task{"task", 5, 100};
    add(task, 0);
    go_to(0);
    for (const Time time : {100, 200, 300, 400}) go_to(time);
    EXPECT_EQ(task.account.releases, 5U);
    EXPECT_EQ(task.account.misses, 4U);
    EXPECT_EQ(task.account.skipped, 3U);
    EXPECT_TRUE(kernel.end_job(450));
    EXPECT_EQ(task.released(), 100U);
    EXPECT_FALSE(kernel.end_job(460));
    choose();
    runs(idle);
    EXPECT_EQ(task.account.jobs + task.account.skipped, task.account.releases);
    EXPECT_EQ(task.account.misses, 5U);
    // The phase is what it was.
    EXPECT_EQ(kernel.next_event(), 500U);
}

TEST_F(KernelTest, APauseIsManyReleasesAtOnce) {
    Task task{"task", 5, 100};
    add(task, 0);
    // Waiting for its release: the first one counts, and its job is late.
    Histogram latency(1000);
    task.account.latency = &latency;
    go_to(1'000'000'050);
    kernel.begin_job(now);
    EXPECT_EQ(latency.most(), 1'000'000'050U);
    EXPECT_EQ(task.account.releases, 10'000'001U);
    EXPECT_EQ(task.account.skipped, 10'000'000U);
    EXPECT_EQ(task.account.misses, 10'000'000U);
    // In its job: that one is late, the next one comes behind it.
    go_to(2'000'000'050);
    EXPECT_EQ(task.account.misses, 20'000'000U);
    EXPECT_TRUE(kernel.end_job(now));
    EXPECT_EQ(task.released(), 1'000'000'100U);
    EXPECT_FALSE(kernel.end_job(now));
    EXPECT_EQ(task.account.misses, task.account.releases);
    EXPECT_EQ(task.account.jobs + task.account.skipped, task.account.releases);
    EXPECT_EQ(kernel.next_event(), 2'000'000'100U);
}

TEST_F(KernelTest, AJobThatWaitsIsStillAJob) {
    Task task{"task", 5, 100};
    Semaphore semaphore;
    add(task, 0);
    go_to(0);
    EXPECT_FALSE(kernel.take(semaphore));
    choose();
    runs(idle);
    go_to(100);
    runs(idle);
    EXPECT_EQ(task.account.misses, 1U);
    kernel.give(semaphore);
    choose();
    runs(task);
    EXPECT_TRUE(kernel.end_job(120));
}

// The lower half of the time base, 32 bits, goes round each 10.7 s.
TEST_F(KernelTest, PeriodsGoThroughTheWrapOfTheLowerHalf) {
    constexpr Time wrap = Time{1} << 32;
    Task task{"task", 5, 400'000}, other{"other", 1};
    kernel.postpone(wrap - 1'000'000);
    add(other);
    add(task, wrap - 1'000'000);
    for (Time release = wrap - 1'000'000; release < wrap + 2'000'000; release += 400'000) {
        EXPECT_EQ(kernel.next_event(), release);
        go_to(release - 1);
        runs(other);
        go_to(release);
        runs(task);
        EXPECT_FALSE(kernel.end_job(release + 1000));
        choose();
    }
    EXPECT_EQ(task.account.misses, 0U);
    EXPECT_EQ(task.account.skipped, 0U);
    EXPECT_EQ(task.account.jobs, task.account.releases);
}

TEST(TimeBase, ReadInHalvesAcrossTheWrap) {
    // What each reading finds: it goes on by one each time.
    for (Time start = (Time{7} << 32) - 6; start < (Time{7} << 32) + 3; ++start) {
        Time time = start;
        const Time read = read_timebase([&] { return static_cast<u32>(time++ >> 32); },
                                        [&] { return static_cast<u32>(time++); });
        EXPECT_GE(read, start);
        EXPECT_LT(read, time);
    }
}

TEST_F(KernelTest, ASemaphoreGoesToTheMostUrgentThenToTheFirst) {
    Semaphore semaphore(1);
    Task low{"low", 1}, first{"first", 2}, second{"second", 2}, high{"high", 3};
    for (Task* const task : {&high, &first, &second, &low}) {
        add(*task);
        runs(*task);
        const bool had = kernel.take(semaphore);
        EXPECT_EQ(had, task == &high);
        if (had) {
            EXPECT_FALSE(kernel.take(semaphore));
        }
        choose();
    }
    runs(idle);
    for (Task* const task : {&high, &first, &second, &low}) {
        kernel.give(semaphore);
        choose();
        runs(*task);
        EXPECT_TRUE(task->granted());
        EXPECT_EQ(semaphore.count(), 0U);
        kernel.end();
        choose();
    }
    kernel.give(semaphore);
    EXPECT_EQ(semaphore.count(), 1U);
}

TEST_F(KernelTest, AWaitEndsWithItsTime) {
    Semaphore semaphore;
    Task task{"task", 1};
    add(task);
    EXPECT_FALSE(kernel.take(semaphore, 50));
    EXPECT_EQ(kernel.next_event(), 50U);
    choose();
    go_to(49);
    runs(idle);
    go_to(50);
    runs(task);
    EXPECT_FALSE(task.granted());
    // It does not wait any more: what is given now stays.
    kernel.give(semaphore);
    EXPECT_EQ(semaphore.count(), 1U);
    EXPECT_TRUE(kernel.take(semaphore, 60));
    EXPECT_EQ(kernel.next_event(), never);
}

class Inheritance : public KernelTest {
  protected:
    // `task` becomes ready and locks; whether it had to wait.
    bool locks(Task& task, Mutex& which, Time until = never) {
        runs(task);
        const bool had = kernel.lock(which, until);
        choose();
        return had;
    }
    Task low{"low", 1}, middle{"middle", 5}, high{"high", 9};
    Mutex mutex, inner;
};

TEST_F(Inheritance, TheOwnerRunsBeforeWhoIsInBetween) {
    add(low);
    EXPECT_TRUE(locks(low, mutex));
    add(high);
    EXPECT_FALSE(locks(high, mutex));
    EXPECT_EQ(low.effective(), 9);
    add(middle);
    runs(low);
    kernel.unlock(mutex);
    choose();
    EXPECT_EQ(low.effective(), 1);
    EXPECT_EQ(mutex.owner(), &high);
    EXPECT_TRUE(high.granted());
    runs(high);
    kernel.unlock(mutex);
    EXPECT_EQ(mutex.owner(), nullptr);
    kernel.end();
    choose();
    runs(middle);
}

TEST_F(Inheritance, ThroughAChainAndBack) {
    add(low);
    EXPECT_TRUE(locks(low, inner));
    add(middle);
    EXPECT_TRUE(locks(middle, mutex));
    EXPECT_FALSE(locks(middle, inner));
    EXPECT_EQ(low.effective(), 5);
    add(high);
    EXPECT_FALSE(locks(high, mutex, 100));
    EXPECT_EQ(middle.effective(), 9);
    EXPECT_EQ(low.effective(), 9);
    runs(low);
    // The one that lent it waits no longer.
    go_to(100);
    runs(high);
    EXPECT_FALSE(high.granted());
    EXPECT_EQ(middle.effective(), 5);
    EXPECT_EQ(low.effective(), 5);
    kernel.end();
    choose();
    runs(low);
    kernel.unlock(inner);
    choose();
    EXPECT_EQ(low.effective(), 1);
    runs(middle);
}

TEST_F(Inheritance, WhatIsStillHeldStillLends) {
    add(low);
    EXPECT_TRUE(locks(low, mutex));
    EXPECT_TRUE(locks(low, inner));
    add(middle);
    EXPECT_FALSE(locks(middle, mutex));
    add(high);
    EXPECT_FALSE(locks(high, inner));
    EXPECT_EQ(low.effective(), 9);
    kernel.unlock(inner);
    EXPECT_EQ(low.effective(), 5);
    kernel.unlock(mutex);
    EXPECT_EQ(low.effective(), 1);
}

TEST_F(Inheritance, TheNextOwnerInheritsFromThoseThatStillWait) {
    add(low);
    EXPECT_TRUE(locks(low, mutex));
    Task first{"first", 9};
    add(first);
    EXPECT_FALSE(locks(first, mutex));
    // Its owner has the same priority by now, and was there before.
    add(high);
    runs(low);
    kernel.yield();
    choose();
    EXPECT_FALSE(locks(high, mutex));
    kernel.unlock(mutex);
    choose();
    // Of two equals the first one has it; a third waits for its end.
    EXPECT_EQ(mutex.owner(), &first);
    runs(first);
    Task urgent{"urgent", 20};
    add(urgent);
    EXPECT_FALSE(locks(urgent, mutex));
    EXPECT_EQ(first.effective(), 20);
    kernel.unlock(mutex);
    choose();
    EXPECT_EQ(first.effective(), 9);
    runs(urgent);
    kernel.unlock(mutex);
    EXPECT_EQ(mutex.owner(), &high);
    EXPECT_EQ(urgent.effective(), 20);
    EXPECT_EQ(high.effective(), 9);
}

// Two that have locked each other out: they wait for ever, the others go on.
TEST_F(Inheritance, ADeadlockEndsNoLoop) {
    add(low);
    EXPECT_TRUE(locks(low, mutex));
    add(middle);
    EXPECT_TRUE(locks(middle, inner));
    EXPECT_FALSE(locks(middle, mutex));
    EXPECT_FALSE(locks(low, inner));
    runs(idle);
    add(high);
    runs(high);
    EXPECT_FALSE(locks(high, mutex));
    runs(idle);
}

TEST(HistogramTest, ExtremesAreExactAndTheRestToABucket) {
    Histogram times(10);
    EXPECT_EQ(times.least(), 0U);
    EXPECT_EQ(times.most(), 0U);
    EXPECT_EQ(times.reached_by(500), 0U);
    for (Time time = 1; time <= 1000; ++time) times.add(time);
    EXPECT_EQ(times.total(), 1000U);
    EXPECT_EQ(times.least(), 1U);
    EXPECT_EQ(times.most(), 1000U);
    EXPECT_EQ(times.reached_by(500), 509U);
    EXPECT_EQ(times.reached_by(1000), 1000U);
    times.add(1'000'000'000);
    EXPECT_EQ(times.most(), 1'000'000'000U);
    EXPECT_EQ(times.reached_by(999), 1009U);
    EXPECT_EQ(times.reached_by(1000), 1'000'000'000U);
    times.clear();
    EXPECT_EQ(times.total(), 0U);
}

}  // namespace
