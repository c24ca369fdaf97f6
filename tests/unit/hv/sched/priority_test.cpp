// SPDX-License-Identifier: Apache-2.0
#include "timed_queue.hpp"

namespace trapeze::sched {
namespace {

constexpr u64 slice = 100;

class PriorityTest : public testing::Test, public TimedQueue {
  protected:
    PriorityTest() : TimedQueue(fixed_priorities) { queue.slice = slice; }
    unsigned running() const { return queue.running; }
};

TEST_F(PriorityTest, ByName) {
    EXPECT_EQ(policy_by_name("priority"), &fixed_priorities);
    EXPECT_EQ(policy_by_name("cyclic"), &cyclic_windows);
    EXPECT_EQ(policy_by_name("prio"), nullptr);
    EXPECT_EQ(policy_by_name("priority2"), nullptr);
}

TEST_F(PriorityTest, NobodyReadyIsIdleWithoutATimer) {
    queue.add(1);
    start(1000);
    EXPECT_EQ(running(), none);
    EXPECT_EQ(next, never);
    until(1500);
    EXPECT_EQ(queue.idle, 500U);
    expect_sums(queue, 500);
}

TEST_F(PriorityTest, OneWithoutBudgetNeedsNoTimer) {
    const unsigned a = queue.add(1), b = queue.add(1);
    start();
    ready(a);
    EXPECT_EQ(running(), a);
    EXPECT_EQ(next, never) << "nobody to share with";
    ready(b);
    waits(b);
    EXPECT_EQ(next, never) << "again";
    until(10 * slice);
    EXPECT_EQ((*this)[a].ran, 10 * slice);
    EXPECT_EQ((*this)[a].switches, 1U);
}

TEST_F(PriorityTest, TheMoreUrgentGoesAtOnce) {
    const unsigned low = queue.add(1), high = queue.add(2);
    start();
    ready(low);
    until(30);
    ready(high);
    EXPECT_EQ(running(), high);
    EXPECT_EQ(next, never) << "however long the other one waits";
    until(500);
    EXPECT_EQ((*this)[low].stolen, 470U);
    waits(high);
    EXPECT_EQ(running(), low);
    EXPECT_EQ((*this)[low].longest, 470U);
    EXPECT_EQ((*this)[low].preemptions, 1U);
    EXPECT_EQ((*this)[high].preemptions, 0U);
    until(600);
    ready(high);
    EXPECT_EQ((*this)[high].longest, 0U);
    expect_sums(queue, 600);
}

TEST_F(PriorityTest, TheLessUrgentDoesNotDisturb) {
    const unsigned high = queue.add(255), low = queue.add(254);
    start();
    ready(high);
    ready(low);
    EXPECT_EQ(running(), high);
    EXPECT_EQ(next, never);
}

TEST_F(PriorityTest, EqualsTakeTurns) {
    const unsigned a = queue.add(1), b = queue.add(1), c = queue.add(1);
    start();
    ready(a);
    ready(b);
    ready(c);
    EXPECT_EQ(running(), a);
    EXPECT_EQ(next, slice);
    until(slice);
    EXPECT_EQ(running(), b);
    until(2 * slice);
    EXPECT_EQ(running(), c);
    until(3 * slice);
    EXPECT_EQ(running(), a);
    until(300 * slice);
    for (const unsigned i : {a, b, c}) {
        EXPECT_EQ((*this)[i].ran, 100 * slice);
        EXPECT_EQ((*this)[i].longest, 2 * slice) << "(n - 1) slices";
    }
    expect_sums(queue, 300 * slice);
}

TEST_F(PriorityTest, APreemptedEqualKeepsTheRestOfItsTurn) {
    const unsigned a = queue.add(1), b = queue.add(1), high = queue.add(9);
    start();
    ready(a);
    ready(b);
    until(60);
    ready(high);
    until(1000);
    waits(high);
    EXPECT_EQ(running(), a) << "and not b";
    EXPECT_EQ(next, 1000 + slice - 60);
    until(next);
    EXPECT_EQ(running(), b);
    EXPECT_EQ(next, 1040 + slice);
}

TEST_F(PriorityTest, WhoWaitedIsLastAndHasAWholeTurn) {
    const unsigned a = queue.add(1), b = queue.add(1), c = queue.add(1);
    start();
    ready(a);
    ready(b);
    ready(c);
    until(99);
    waits(a);
    EXPECT_EQ(running(), b);
    ready(a);
    EXPECT_EQ(running(), b);
    until(99 + 2 * slice);
    EXPECT_EQ(running(), a);
    EXPECT_EQ(next, 99 + 3 * slice);
}

TEST_F(PriorityTest, WhoRanAlonePastItsTurnMakesWayAtOnce) {
    const unsigned a = queue.add(1), b = queue.add(1);
    start();
    ready(a);
    until(5 * slice);
    ready(b);
    EXPECT_EQ(running(), b);
    EXPECT_EQ(next, 6 * slice);
    until(6 * slice - 1);
    waits(b);
    EXPECT_EQ(running(), a);
    ready(b);
    EXPECT_EQ(running(), a) << "which has a turn of its own again";
    EXPECT_EQ(next, 7 * slice - 1);
}

TEST_F(PriorityTest, WhoRanAlonePartOfItsTurnKeepsTheRest) {
    const unsigned a = queue.add(1), b = queue.add(1);
    start();
    ready(a);
    until(70);
    ready(b);
    EXPECT_EQ(running(), a);
    EXPECT_EQ(next, slice);
}

TEST_F(PriorityTest, WhoWaitsOftenTakesNobodysTurn) {
    const unsigned a = queue.add(1), b = queue.add(1), nervous = queue.add(1);
    start();
    ready(a);
    ready(b);
    for (u64 t = 10; t < 1000; t += 10) {
        until(t);
        if (running() == nervous) waits(nervous);
        ready(nervous);
    }
    EXPECT_GE((*this)[a].ran, 4 * slice);
    EXPECT_GE((*this)[b].ran, 4 * slice);
}

TEST_F(PriorityTest, WithoutBudgetItWaitsThoughTheCoreIsIdle) {
    const unsigned a = queue.add(1, 20, 100);
    start(7);
    ready(a);
    EXPECT_EQ(next, 27U) << "the budget's end";
    until(27);
    EXPECT_EQ(running(), none);
    EXPECT_EQ(next, 107U) << "the next period";
    until(106);
    EXPECT_EQ((*this)[a].ran, 20U);
    EXPECT_EQ(queue.idle, 79U);
    until(107);
    EXPECT_EQ(running(), a);
    until(1007);
    EXPECT_EQ((*this)[a].ran, 200U);
    EXPECT_EQ((*this)[a].throttled, 800U);
    EXPECT_EQ((*this)[a].exhaustions, 10U);
    expect_sums(queue, 1000);
}

TEST_F(PriorityTest, ItsBudgetLetsTheLessUrgentRun) {
    const unsigned high = queue.add(9, 20, 100), low = queue.add(1);
    start();
    ready(high);
    ready(low);
    until(1000);
    EXPECT_EQ((*this)[high].ran, 200U);
    EXPECT_EQ((*this)[low].ran, 800U);
    EXPECT_EQ((*this)[low].longest, 20U);
    expect_sums(queue, 1000);
}

TEST_F(PriorityTest, WhatIsLeftLastsUntilThePeriodsEnd) {
    const unsigned a = queue.add(1, 20, 100);
    start();
    until(85);
    ready(a);
    EXPECT_EQ(next, 120U) << "15 of this period, 20 of the next";
    until(99);
    waits(a);
    until(150);
    ready(a);
    EXPECT_EQ(next, 170U) << "nothing is saved up";
    until(1000);
    waits(a);
    until(5000);
    ready(a);
    EXPECT_EQ(next, 5020U) << "over many periods neither";
}

TEST_F(PriorityTest, WaitingKeepsTheBudget) {
    const unsigned a = queue.add(1, 20, 100);
    start();
    ready(a);
    until(15);
    waits(a);
    until(50);
    ready(a);
    EXPECT_EQ(next, 55U);
    until(60);
    waits(a);
    ready(a);
    EXPECT_EQ(running(), none) << "to wait does not give a new one";
    EXPECT_EQ(next, 100U);
}

TEST_F(PriorityTest, AWholePeriodIsNoBound) {
    const unsigned a = queue.add(1, 100, 100);
    start();
    ready(a);
    EXPECT_EQ(next, never);
    until(1000);
    EXPECT_EQ((*this)[a].ran, 1000U);
    EXPECT_EQ((*this)[a].exhaustions, 0U);
}

TEST_F(PriorityTest, WhatIsChargedLateIsTakenFromTheNextPeriods) {
    const unsigned a = queue.add(1, 20, 100);
    start();
    ready(a);
    queue.charge(50);  // 30 too many
    EXPECT_EQ(queue.choose(50), none);
    EXPECT_EQ(queue.choose(100), none) << "20 - 30";
    EXPECT_EQ(queue.deadline(100), 200U);
    EXPECT_EQ(queue.choose(200), a) << "10 left";
    EXPECT_EQ(queue.deadline(200), 210U);
}

TEST_F(PriorityTest, WhatIsChargedAfterPeriodsIsCharged) {
    const unsigned a = queue.add(1, 20, 100);
    start();
    ready(a);
    until(10);
    queue.charge(325);  // 90 of the first, twice 100, 25; 10 and three times 20 were there
    EXPECT_EQ((*this)[a].left, 10 + 20 * 3 - 90 - 200 - 25);
    EXPECT_EQ((*this)[a].next, 400U);
    (*this)[a].left = 20;
    queue.charge(326);
    EXPECT_EQ((*this)[a].left, 19);
}

TEST_F(PriorityTest, ALateTimerAtAPeriodsStartTakesNothingFromIt) {
    const unsigned a = queue.add(1, 20, 100);
    start();
    ready(a);
    until(100);
    queue.choose(100);
    queue.charge(118);
    EXPECT_EQ((*this)[a].left, 2);
}

TEST_F(PriorityTest, AnEqualWithoutBudgetComesBackAtTheEndOfTheTurn) {
    const unsigned a = queue.add(1, 50, 220), b = queue.add(1);
    start();
    ready(a);
    ready(b);
    until(50);
    EXPECT_EQ(running(), b);
    EXPECT_EQ(next, 220U) << "its turn is over at 150, but there is nobody";
    until(220);
    EXPECT_EQ(running(), a);
    until(270);
    EXPECT_EQ(running(), b);
    until(271);
    waits(b);
    until(400);
    ready(b);
    EXPECT_EQ(next, 500U) << "a comes back at 440 and waits until then";
    until(500);
    EXPECT_EQ(running(), a);
}

// What cannot be interrupted, such as a report, or its memory that is made anew.
TEST_F(PriorityTest, WhoRunsPastItsTurnsEndLeavesAsMuchToItsEquals) {
    const unsigned late = queue.add(1), b = queue.add(1), c = queue.add(1);
    start();
    // The others' timers are late as well, by little.
    const auto run = [&](unsigned turns) {
        for (unsigned turn = 0; turn < turns; ++turn) {
            queue.choose(now);
            now = queue.deadline(now) + (running() == late ? 7 * slice + 31 : 1);
        }
        queue.charge(now);
    };
    // To a turn each time.
    const auto has = [&](unsigned i, u64 ran, u64 part) {
        EXPECT_NEAR(static_cast<double>(ran), static_cast<double>(part),
                    static_cast<double>(part) / 20)
            << i;
    };
    for (const unsigned i : {late, b, c}) ready(i);
    run(1000);
    for (const unsigned i : {late, b, c}) has(i, (*this)[i].ran, now / 3);
    waits(c);
    const u64 from = now, before = (*this)[b].ran;
    run(1000);
    has(b, (*this)[b].ran - before, (now - from) / 2);
    expect_sums(queue, now);
}

TEST_F(PriorityTest, WhatIsOwedEndsNoTurn) {
    const unsigned late = queue.add(1), b = queue.add(1);
    start();
    ready(late);
    ready(b);
    now = slice + 10;
    choose();
    EXPECT_EQ(running(), b);
    EXPECT_EQ(next, now + slice);
    now = next + 5;  // both have been late, and what the first one owed is paid
    choose();
    EXPECT_EQ(running(), late);
    for (const u64 end = now + slice; now < end; ++now) {
        queue.choose(now);
        ASSERT_EQ(running(), late) << "at " << now << ", though the other one has paid";
    }
    choose();
    EXPECT_EQ(running(), b);
}

TEST_F(PriorityTest, WhoRanPastItsTurnsEndRunsIfNobodyElseDoes) {
    const unsigned late = queue.add(1), b = queue.add(1), less = queue.add(0);
    start();
    for (const unsigned i : {late, b, less}) ready(i);
    queue.charge(20 * slice);
    EXPECT_EQ(queue.choose(20 * slice), b);
    now = 21 * slice;
    EXPECT_EQ(queue.choose(now), b) << "another turn";
    waits(b);
    EXPECT_EQ(running(), late) << "it owes nothing to whoever waits, or is less urgent";
    // To wait pays as well.
    waits(late);
    ready(b);
    until(50 * slice);
    ready(late);
    EXPECT_EQ(running(), late) << "the other one ran alone past its turn";
}

TEST_F(PriorityTest, APastTimeChangesNothing) {
    const unsigned a = queue.add(1);
    start(100);
    ready(a);
    queue.charge(50);
    EXPECT_EQ((*this)[a].ran, 0U);
    EXPECT_EQ(queue.seen, 100U);
    queue.charge(101);
    EXPECT_EQ((*this)[a].ran, 1U);
}

TEST_F(PriorityTest, WhatIsSaidTwiceChangesNothing) {
    const unsigned a = queue.add(1), b = queue.add(1);
    start();
    ready(a);
    ready(b);
    until(60);
    ready(a);
    EXPECT_EQ(running(), a);
    EXPECT_EQ(next, slice);
    waits(b);
    until(90);
    waits(b);
    EXPECT_EQ((*this)[b].longest, 60U);
    EXPECT_EQ((*this)[b].stolen, 60U);
}

TEST_F(PriorityTest, MistakesOfTheConfiguration) {
    const auto fault = [this](auto change) {
        Queue q{};
        q.policy = queue.policy;
        q.slice = slice;
        q.add(1, 5, 10);
        change(q);
        const char* said = q.check();
        return std::string(said != nullptr ? said : "");
    };
    EXPECT_EQ(fault([](Queue&) {}), "");
    EXPECT_EQ(fault([](Queue& q) { q.slice = 0; }), "the time slice is zero");
    EXPECT_EQ(fault([](Queue& q) { q.add(1, 5, 0); }), "a budget needs a period, and a period one");
    EXPECT_EQ(fault([](Queue& q) { q.add(1, 0, 5); }), "a budget needs a period, and a period one");
    EXPECT_EQ(fault([](Queue& q) { q.add(1, 6, 5); }), "a budget is greater than its period");
    EXPECT_EQ(fault([](Queue& q) { q.add_window(0, 0, 1); }), "windows are of a cyclic schedule");
}

}  // namespace
}  // namespace trapeze::sched
