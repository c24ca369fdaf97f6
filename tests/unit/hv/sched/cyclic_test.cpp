// SPDX-License-Identifier: Apache-2.0
#include "timed_queue.hpp"

namespace trapeze::sched {
namespace {

// a: 0 to 50 and 70 to 80; b: 50 to 60; nobody: 60 to 70 and 80 to 100.
class CyclicTest : public testing::Test, public TimedQueue {
  protected:
    CyclicTest() : TimedQueue(cyclic_windows) {
        queue.frame = 100;
        queue.add(1);
        queue.add(9);
        queue.add_window(a, 70, 10);
        queue.add_window(b, 50, 10);
        queue.add_window(a, 0, 50);
    }
    unsigned running() const { return queue.running; }
    static constexpr unsigned a = 0, b = 1;
};

TEST_F(CyclicTest, WindowsAreSorted) {
    EXPECT_EQ(queue.window_count, 3U);
    EXPECT_EQ(queue.windows[0].start, 0U);
    EXPECT_EQ(queue.windows[1].start, 50U);
    EXPECT_EQ(queue.windows[2].start, 70U);
    for (unsigned i = 3; i < max_windows; ++i) EXPECT_TRUE(queue.add_window(a, 80, 1));
    EXPECT_FALSE(queue.add_window(a, 80, 1));
    EXPECT_EQ(queue.window_count, max_windows);
}

TEST_F(CyclicTest, EachRunsInItsWindows) {
    start(1000);
    EXPECT_EQ(running(), none);
    EXPECT_EQ(next, never) << "nobody is ready";
    ready(a);
    ready(b);
    for (u64 frame = 1000; frame < 1300; frame += 100) {
        until(frame);
        EXPECT_EQ(running(), a) << "whatever the priority";
        EXPECT_EQ(next, frame + 50);
        until(frame + 50);
        EXPECT_EQ(running(), b);
        EXPECT_EQ(next, frame + 60);
        until(frame + 60);
        EXPECT_EQ(running(), none);
        EXPECT_EQ(next, frame + 70);
        until(frame + 70);
        EXPECT_EQ(running(), a);
        until(frame + 80);
        EXPECT_EQ(running(), none);
        EXPECT_EQ(next, frame + 100);
    }
    until(1300);
    EXPECT_EQ((*this)[a].ran, 180U);
    EXPECT_EQ((*this)[b].ran, 30U);
    EXPECT_EQ(queue.idle, 90U);
    EXPECT_EQ((*this)[b].longest, 90U);
    expect_sums(queue, 300);
}

TEST_F(CyclicTest, AnIdleWindowStaysIdle) {
    start();
    ready(b);
    EXPECT_EQ(running(), none);
    EXPECT_EQ(next, 50U);
    until(55);
    waits(b);
    EXPECT_EQ(running(), none);
    EXPECT_EQ(next, never);
    until(58);
    ready(b);
    EXPECT_EQ(running(), b) << "what is left of its window";
    EXPECT_EQ(next, 60U);
    until(61);
    waits(b);
    ready(b);
    EXPECT_EQ(running(), none);
    EXPECT_EQ(next, 150U);
}

TEST_F(CyclicTest, AfterManyFrames) {
    start(30);
    until(30 + 1'000'055);
    ready(b);
    EXPECT_EQ(running(), b);
    EXPECT_EQ(next, 30U + 1'000'060);
    until(30 + 1'000'199);
    EXPECT_EQ(running(), none);
    EXPECT_EQ(queue.frame_start, 30U + 1'000'100);
}

TEST_F(CyclicTest, AdjacentWindowsOfOne) {
    queue.add_window(a, 80, 20);
    start();
    ready(a);
    ready(b);
    until(75);
    EXPECT_EQ(next, 80U);
    until(80);
    EXPECT_EQ(running(), a);
    until(100);
    EXPECT_EQ(running(), a);
    EXPECT_EQ((*this)[a].switches, 2U);
}

TEST_F(CyclicTest, MistakesOfTheConfiguration) {
    const auto fault = [this](auto change) {
        Queue q = queue;
        change(q);
        const char* said = q.check();
        return std::string(said != nullptr ? said : "");
    };
    EXPECT_EQ(fault([](Queue&) {}), "");
    EXPECT_EQ(fault([](Queue& q) { q.frame = 0; }), "a cyclic schedule needs a major frame");
    EXPECT_EQ(fault([](Queue& q) { q.frame = 79; }), "a window ends after the major frame");
    EXPECT_EQ(fault([](Queue& q) { q.frame = 80; }), "");
    EXPECT_EQ(fault([](Queue& q) { q.add_window(a, 101, 1); }),
              "a window ends after the major frame");
    EXPECT_EQ(fault([](Queue& q) { q.add_window(a, 90, never); }),
              "a window ends after the major frame");
    EXPECT_EQ(fault([](Queue& q) { q.add_window(2, 90, 1); }), "a window is of no guest");
    EXPECT_EQ(fault([](Queue& q) { q.add_window(a, 90, 0); }), "a window is empty");
    EXPECT_EQ(fault([](Queue& q) { q.add_window(a, 59, 3); }), "windows overlap");
    EXPECT_EQ(fault([](Queue& q) { q.add(1); }), "a guest has no window");
    EXPECT_EQ(fault([](Queue& q) { q.entities[a].period = q.entities[a].budget = 5; }),
              "a cyclic schedule has windows, not budgets");
}

}  // namespace
}  // namespace trapeze::sched
