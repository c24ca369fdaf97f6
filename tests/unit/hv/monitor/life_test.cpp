// SPDX-License-Identifier: Apache-2.0
// Lives of guests: what each command does in each state, deaths, and being made anew.
#include <gmock/gmock.h>

#include "hv/board/ppce500.hpp"
#include "hv/core/clock.hpp"
#include "hv/sched/run.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "several_guests.hpp"

namespace trapeze::test {
namespace {

using guest::OnDeath;
using testing::HasSubstr;
using vcpu::End;
using vcpu::Presence;

class LifeTest : public SeveralTest {
  protected:
    // Ends `g`, whose state the core has, as leave() of an exit does, and returns what was printed.
    // The core then is somebody's, or waits.
    std::string ends(Guest& g, End how, const char* reason = "the reason") {
        vcpu::end(g.vcpu, how, reason);
        return concludes(g);
    }
    std::string concludes(Guest& g) {
        waits = false;
        try {
            monitor::conclude(g.vcpu);
        } catch (const std::runtime_error& thrown) {
            EXPECT_STREQ(thrown.what(), "waits");
            waits = true;
        }
        return sent();
    }
    // The core decides anew.
    void yields() {
        waits = false;
        try {
            sched::yields(*v.core->current);
        } catch (const std::runtime_error& thrown) {
            EXPECT_STREQ(thrown.what(), "waits");
            waits = true;
        }
    }
    // b has the core, and a sleeps for ever.
    void give_to_b() {
        v.regs.msr = e500::msr::we | e500::msr::ee;
        yields();
        ASSERT_EQ(v.core->current, &b.vcpu);
        ASSERT_FALSE(waits);
    }
    // a's decrementer has run out.
    static void wake_a() {
        vcpu::Vcpu& sleeper = guest::machine.guests[0]->vcpu;
        sleeper.regs.tcr = e500::tcr::die;
        sleeper.regs.tsr = e500::tsr::dis;
        sleeper.wakes_at = 0;
    }
    bool waits = false;
};

// What follows of a command for b in each state: its status, and the state of b after it.
TEST_F(LifeTest, EachCommandInEachState) {
    struct Row {
        const char* command;
        Life before;
        int status;
        Life after;
        bool stopped, again;
    };
    using enum Life;
    for (const Row& row : {
             Row{"start", runs, 1, runs, false, false},
             Row{"start", waits, 0, starts, false, false},
             Row{"start", starts, 1, starts, false, false},
             Row{"start", paused, 1, paused, false, false},
             Row{"start", over, 0, starts, false, false},
             Row{"stop", runs, 0, runs, true, false},
             Row{"stop", waits, 0, over, false, false},
             Row{"stop", starts, 0, over, false, false},
             Row{"stop", paused, 0, runs, true, false},
             Row{"stop", over, 1, over, false, false},
             Row{"pause", runs, 0, paused, false, false},
             Row{"pause", waits, 1, waits, false, false},
             Row{"pause", starts, 1, starts, false, false},
             Row{"pause", paused, 1, paused, false, false},
             Row{"pause", over, 1, over, false, false},
             Row{"resume", runs, 1, runs, false, false},
             Row{"resume", waits, 1, waits, false, false},
             Row{"resume", starts, 1, starts, false, false},
             Row{"resume", paused, 0, runs, false, false},
             Row{"resume", over, 1, over, false, false},
             Row{"restart", runs, 0, runs, true, true},
             Row{"restart", waits, 0, starts, false, false},
             Row{"restart", starts, 0, starts, false, false},
             Row{"restart", paused, 0, runs, true, true},
             Row{"restart", over, 0, starts, false, false},
             Row{"report", runs, 0, runs, false, false},
             Row{"report", waits, 1, waits, false, false},
             Row{"report", starts, 1, starts, false, false},
             Row{"report", paused, 0, paused, false, false},
             Row{"report", over, 1, over, false, false},
             Row{"dump", runs, 0, runs, false, false},
             Row{"dump", waits, 1, waits, false, false},
             Row{"dump", starts, 1, starts, false, false},
             Row{"dump", paused, 0, paused, false, false},
             Row{"dump", over, 1, over, false, false},
         }) {
        const std::string what =
            std::string(row.command) + " in state " + std::to_string(static_cast<int>(row.before));
        bring(row.before);
        const Answer found = ask(std::string(row.command) + " b");
        EXPECT_EQ(found.status, row.status) << what << ": " << found.text();
        EXPECT_EQ(b.life, row.after) << what;
        EXPECT_EQ(b.vcpu.end == End::stopped, row.stopped) << what;
        EXPECT_EQ(b.again, row.again) << what;
        if (row.status == 1) {
            EXPECT_EQ(found.lines.size(), 1U) << what;
        }
        const bool others = row.before == waits && row.after == over;
        EXPECT_EQ(v.core->reconsider, (row.before != row.after && !others) || row.stopped ||
                                          (row.before == starts && row.status == 0))
            << what;
        EXPECT_EQ(a.life, runs) << what;
        EXPECT_EQ(v.end, End::running) << what;
        // Who is to run is ready, and nobody else.
        const bool ready = b.life == runs || (b.life == starts && row.status == 0);
        EXPECT_EQ(b.vcpu.presence, ready ? Presence::ready : Presence::waits) << what;
    }
}

TEST_F(LifeTest, APausedGuestGetsNoTime) {
    give_to_b();
    EXPECT_EQ(ask("pause b").status, 0);
    yields();
    EXPECT_TRUE(waits) << "a sleeps, and b may not run";
    b.vcpu.wakes_at = core::now();
    pass(1'000'000'000);
    yields();
    EXPECT_TRUE(waits);
    EXPECT_EQ(ask("resume b").status, 0);
    yields();
    EXPECT_FALSE(waits);
    EXPECT_EQ(v.core->current, &b.vcpu);
}

// The core is idle in b's name when an interrupt takes b into a handler.
TEST_F(LifeTest, AWaitThatEndsInAnInterruptIsOver) {
    give_to_b();
    b.vcpu.regs.msr = e500::msr::we | e500::msr::ee;
    yields();
    ASSERT_TRUE(waits);
    ASSERT_EQ(v.core->current, &b.vcpu);
    b.vcpu.regs.msr = 0;
    yields();
    EXPECT_FALSE(waits);
    EXPECT_EQ(v.core->current, &b.vcpu);
    EXPECT_EQ(b.vcpu.presence, Presence::runs);
    EXPECT_TRUE(sched::queue(0).entities[b.vcpu.entity].ready);
}

TEST_F(LifeTest, OneThatIsOverGetsNoTime) {
    give_to_b();
    const std::string said = ends(b, End::poweroff);
    EXPECT_TRUE(waits);
    EXPECT_EQ(b.life, Life::over);
    EXPECT_EQ(lines(said, "@@trapeze-summary ").size(), 1U);
    EXPECT_THAT(said, HasSubstr("\"guest\":\"b\",\"end\":\"poweroff\",\"reason\":\"the reason\""));
    pass(1'000'000'000);
    yields();
    EXPECT_TRUE(waits);
    // It takes its leave once.
    EXPECT_EQ(concludes(b), "");
    EXPECT_TRUE(waits);
}

TEST_F(LifeTest, ADeathLeavesOthersTheirsAndTheConsole) {
    give_to_b();
    const std::string said = ends(b, End::guest_died);
    EXPECT_EQ(
        lines(said, "b: ---- the guest died").size() + lines(said, "---- the guest died").size(),
        1U);
    EXPECT_EQ(a.life, Life::runs);
    EXPECT_EQ(v.end, End::running);
    EXPECT_EQ(ask("guests a").status, 0);
    wake_a();
    yields();
    EXPECT_EQ(v.core->current, &v);
    EXPECT_FALSE(waits);
}

TEST_F(LifeTest, TheLastOneTakesTheMachine) {
    give_to_b();
    ends(b, End::poweroff);
    vcpu::end(v, End::reset, "enough");
    EXPECT_THROW(monitor::conclude(v), Ended);
    EXPECT_EQ(lines(sent(), "@@trapeze-summary ").size(), 1U);
}

TEST_F(LifeTest, TheLastOneMayBeOneThatWaits) {
    for (const Life life : {Life::waits, Life::starts}) {
        bring(life);
        sched::expect(1);
        try {
            ask("stop b");
            FAIL();
        } catch (const Ended& ended) {
            EXPECT_STREQ(ended.what(), "power off");
        }
        sent();
    }
}

TEST_F(LifeTest, HaltEndsAll) {
    give_to_b();
    b.on_death = OnDeath::halt;
    vcpu::end(b.vcpu, End::guest_died, "the reason");
    EXPECT_THROW(monitor::conclude(b.vcpu), Ended);
    const std::string said = sent();
    EXPECT_THAT(said, HasSubstr("the machine halts with it"));
    EXPECT_THAT(said, HasSubstr("\"guest\":\"a\",\"end\":\"stopped\""));
}

// Only a death or a reset has a consequence.
TEST_F(LifeTest, OnDeath) {
    b.on_death = OnDeath::restart;
    for (const End how : {End::poweroff, End::stopped}) {
        bring(Life::runs);
        give_to_b();
        ends(b, how);
        EXPECT_EQ(b.life, Life::over);
    }
    for (const End how : {End::guest_died, End::reset}) {
        bring(Life::runs);
        give_to_b();
        b.vcpu.start_time = core::now();
        pass(u64{2} * frequency);
        const u32 starts = b.starts;
        the_core().pid[0] = b.vcpu.regs.pid[0] = 7;
        EXPECT_THAT(ends(b, how), HasSubstr("starts again\n"));
        EXPECT_EQ(b.life, Life::runs);
        EXPECT_EQ(b.starts, starts + 1);
        EXPECT_EQ(the_core().pid[0], 0U) << "nothing of its last life is left in the core";
        EXPECT_EQ(b.vcpu.end, End::running);
        EXPECT_FALSE(waits);
    }
}

// A guest that dies at once waits longer each time, up to ten seconds.
TEST_F(LifeTest, QuickDeathsWait) {
    b.on_death = OnDeath::restart;
    give_to_b();
    constexpr u64 ms = frequency / 1000;
    u64 expected = 10;
    for (unsigned n = 1; n <= 13; ++n) {
        b.vcpu.start_time = core::now();
        pass(frequency - 1);
        EXPECT_THAT(ends(b, End::guest_died),
                    HasSubstr("starts again in " + std::to_string(expected) +
                              " ms: it lived for "
                              "less than a second, " +
                              std::to_string(n) + " times in a row"));
        ASSERT_TRUE(waits);
        EXPECT_EQ(b.life, Life::starts);
        pass(expected * ms - 1);
        yields();
        ASSERT_TRUE(waits) << n;
        EXPECT_LE(v.core->deadline, core::now() + 1);
        pass(1);
        yields();
        ASSERT_FALSE(waits) << n;
        EXPECT_EQ(b.life, Life::runs);
        if (n <= 10) expected *= 2;
    }
    EXPECT_EQ(expected, 10'240U);
    // One that has lived begins anew.
    pass(frequency);
    EXPECT_THAT(ends(b, End::guest_died), HasSubstr("starts again\n"));
    EXPECT_FALSE(waits);
    EXPECT_THAT(ends(b, End::guest_died), HasSubstr("starts again in 10 ms"));
    // Whoever is in a hurry need not wait.
    EXPECT_EQ(ask("restart b").status, 0);
    yields();
    EXPECT_FALSE(waits);
    EXPECT_EQ(b.life, Life::runs);
    // Nor does whoever asks for it.
    EXPECT_EQ(ask("restart b").status, 0);
    EXPECT_THAT(concludes(b), HasSubstr("starts again\n"));
    EXPECT_FALSE(waits);
}

// Its summary says so: who waits for its end is not to take it for one.
TEST_F(LifeTest, SaysThatItStartsAgain) {
    give_to_b();
    EXPECT_THAT(ends(b, End::poweroff), HasSubstr("\"again\":false"));
    EXPECT_EQ(ask("start b").status, 0);
    yields();
    EXPECT_EQ(ask("restart b").status, 0);
    EXPECT_THAT(concludes(b), HasSubstr("\"again\":true"));
    yields();
    b.on_death = OnDeath::restart;
    EXPECT_THAT(ends(b, End::guest_died), HasSubstr("\"again\":true"));
    EXPECT_EQ(ask("restart b").status, 0);  // at once
    yields();
    EXPECT_THAT(ends(b, End::stopped), HasSubstr("\"again\":false"));
}

// It is made anew in pieces, between which a more urgent guest has the core.
TEST_F(LifeTest, MadeAnewInPieces) {
    pieces = 4;
    give_to_b();
    ends(b, End::poweroff);
    ASSERT_TRUE(waits);
    sched::queue(0).entities[v.entity].priority = 9;
    ASSERT_EQ(ask("start b").status, 0);
    guest::machine.remake = [](Guest& g) {
        // In the second piece a is woken.
        if (++done == 2) {
            wake_a();
        }
        if (done < pieces) return false;
        g.vcpu.end = End::running;
        return true;
    };
    yields();
    EXPECT_EQ(done, 2U);
    EXPECT_EQ(v.core->current, &v);
    EXPECT_EQ(b.life, Life::starts);
    v.regs.msr = e500::msr::we | e500::msr::ee;
    v.regs.tsr = 0;
    yields();
    EXPECT_EQ(done, 4U);
    EXPECT_EQ(v.core->current, &b.vcpu);
    EXPECT_EQ(b.life, Life::runs);
}

// A more urgent guest that never sleeps does not keep another one from being stopped.
TEST_F(LifeTest, StoppedAtOnce) {
    sched::queue(0).entities[v.entity].priority = 9;
    yields();
    ASSERT_EQ(v.core->current, &v);
    ASSERT_EQ(ask("stop b").status, 0);
    yields();
    EXPECT_EQ(b.life, Life::over);
    EXPECT_EQ(lines(sent(), "@@trapeze-summary ").size(), 1U);
    EXPECT_EQ(v.core->current, &v);
    bring(Life::paused);
    ASSERT_EQ(ask("stop b").status, 0);
    yields();
    EXPECT_EQ(b.life, Life::over);
    EXPECT_EQ(v.core->current, &v);
}

}  // namespace
}  // namespace trapeze::test
