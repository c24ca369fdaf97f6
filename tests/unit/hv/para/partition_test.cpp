// SPDX-License-Identifier: Apache-2.0
// Partition calls of a guest that manages another one: handles, states, what they ask of its core.
#include "hv/dev/devices.hpp"
#include "hv/para/channel.hpp"
#include "hv/sched/run.hpp"
#include "managing_guest.hpp"

namespace trapeze::test {
namespace {

using para::PartitionStatus;
using para::Status;

constexpr u32 restart_call = para::token(para::freescale, 4),
              status_call = para::token(para::freescale, 5),
              start_call = para::token(para::freescale, 6),
              stop_call = para::token(para::freescale, 7),
              copy_call = para::token(para::freescale, 8),
              get_call = para::token(para::freescale, 2),
              set_call = para::token(para::freescale, 3);

class PartitionTest : public ManagingTest {};

TEST_F(PartitionTest, NothingIsReachedByAnotherHandle) {
    for (const u32 wrong : {0U, 2U, 4U, 15U, 16U, 0x8000'0003U, ~1U}) {
        for (const u32 token :
             {restart_call, status_call, start_call, stop_call, get_call, set_call}) {
            EXPECT_EQ(call(token, {wrong, 0, 0, 0, 0, 0, 0, 0}), Status::invalid) << wrong << token;
        }
        EXPECT_EQ(call(copy_call, {wrong, self, 0, 0, 0}), Status::invalid);
        EXPECT_EQ(call(copy_call, {self, wrong, 0, 0, 0}), Status::invalid);
    }
    EXPECT_EQ(b.vcpu.asked, 0U);
    // Of these it may not be itself.
    for (const u32 token : {start_call, get_call, set_call}) {
        EXPECT_EQ(call(token, {self, 0, 0, 0, 0, 0, 0, 0}), Status::invalid);
    }
}

TEST_F(PartitionTest, AHandleOfAnotherKindIsNone) {
    a.devices.handles[5].told = [](vcpu::Vcpu&, unsigned) {};
    a.devices.handles[5].state = a.devices.handles[handle].state;
    EXPECT_EQ(call(stop_call, {5}), Status::invalid);
    a.devices.handles[5] = {};
}

TEST_F(PartitionTest, StatesAreThoseOfItsLife) {
    struct Row {
        Life life;
        u32 asked;
        PartitionStatus status;
    };
    for (const Row& row : {
             Row{Life::runs, 0, PartitionStatus::running},
             Row{Life::runs, guest::ask_stop, PartitionStatus::stopping},
             Row{Life::runs, guest::ask_restart, PartitionStatus::starting},
             Row{Life::runs, guest::ask_pause, PartitionStatus::pausing},
             Row{Life::runs, guest::ask_written, PartitionStatus::running},
             Row{Life::paused, 0, PartitionStatus::paused},
             Row{Life::paused, guest::ask_resume, PartitionStatus::resuming},
             Row{Life::paused, guest::ask_stop, PartitionStatus::stopping},
             Row{Life::waits, 0, PartitionStatus::stopped},
             Row{Life::waits, guest::ask_start, PartitionStatus::starting},
             Row{Life::over, 0, PartitionStatus::stopped},
             Row{Life::over, guest::ask_stop, PartitionStatus::stopped},
             Row{Life::over, guest::ask_start, PartitionStatus::starting},
             Row{Life::starts, 0, PartitionStatus::starting},
             Row{Life::starts, guest::ask_stop, PartitionStatus::stopping},
         }) {
        bring(row.life);
        b.vcpu.asked = row.asked;
        EXPECT_EQ(status(), row.status) << static_cast<int>(row.life) << " asked " << row.asked;
        // Its core has taken that, and has not done it.
        b.vcpu.asked = 0;
        b.vcpu.answers = row.asked;
        EXPECT_EQ(status(), row.status) << static_cast<int>(row.life) << " does " << row.asked;
        b.vcpu.answers = 0;
    }
}

TEST_F(PartitionTest, OneThatHasEndedStops) {
    b.vcpu.end = vcpu::End::guest_died;
    EXPECT_EQ(status(), PartitionStatus::stopping);
    b.again = true;
    EXPECT_EQ(status(), PartitionStatus::starting);
}

TEST_F(PartitionTest, OneThatIsMadeAnewSaysThatItStarts) {
    // Its memory is all zeroes then (boot/main.cpp).
    b.life = Life{};
    EXPECT_EQ(status(), PartitionStatus::starting);
}

TEST_F(PartitionTest, CallsGoWithStates) {
    struct Row {
        Life life;
        bool start, stop, restart;
    };
    for (const Row& row :
         {Row{Life::runs, false, true, true}, Row{Life::paused, false, true, true},
          Row{Life::starts, false, true, false}, Row{Life::waits, true, false, false},
          Row{Life::over, true, false, false}}) {
        const auto check = [&](u32 token, bool allowed, u32 asks) {
            bring(row.life);
            const Status status = call(token, {handle, 0, 1});
            EXPECT_EQ(status, allowed ? Status::success : Status::invalid_state) << token;
            EXPECT_EQ(b.vcpu.asked, allowed ? asks : 0) << token;
            EXPECT_EQ(v.core->reconsider, allowed);
            b.vcpu.asked = 0;
        };
        check(start_call, row.start, guest::ask_start);
        check(stop_call, row.stop, guest::ask_stop);
        check(restart_call, row.restart, guest::ask_restart);
    }
    bring(Life::runs);
    ASSERT_EQ(call(stop_call, {handle}), Status::success);
    EXPECT_EQ(call(stop_call, {handle}), Status::invalid_state);
    b.vcpu.asked = 0;
}

TEST_F(PartitionTest, ItIsStoppedAndStartedByItsCore) {
    ASSERT_EQ(call(stop_call, {handle}), Status::success);
    EXPECT_EQ(status(), PartitionStatus::stopping);
    yields();
    EXPECT_EQ(status(), PartitionStatus::stopped);
    EXPECT_EQ(a.life, Life::runs);
    ASSERT_EQ(call(start_call, {handle, 0x1234, 1}), Status::success);
    EXPECT_EQ(partition.start_at, 0U);
    EXPECT_EQ(status(), PartitionStatus::starting);
    yields();
    v.regs.msr = e500::msr::we | e500::msr::ee;
    yields();
    EXPECT_EQ(status(), PartitionStatus::running);
}

TEST_F(PartitionTest, OneWithItsMemoryStartsAtThatEntry) {
    bring(Life::over);
    for (const u32 wrong : {1U, 2U, 0x1003U, static_cast<u32>(other_bytes), ~3U}) {
        EXPECT_EQ(call(start_call, {handle, wrong, 0}), Status::invalid) << wrong;
    }
    EXPECT_EQ(b.vcpu.asked, 0U);
    ASSERT_EQ(call(start_call, {handle, other_bytes - 4, 0}), Status::success);
    EXPECT_EQ(para::take_start(1), (other_bytes - 4) | 1);
    EXPECT_EQ(para::take_start(1), 0U);
    EXPECT_EQ(para::take_start(0), 0U);
    b.vcpu.asked = 0;
}

TEST_F(PartitionTest, OneOfAnotherCoreIsAskedByAMessage) {
    move_away();
    a.devices.board->homes[1] = &elsewhere;
    the_core().io_writes.clear();
    v.core->reconsider = false;
    ASSERT_EQ(call(stop_call, {handle}), Status::success);
    EXPECT_EQ(b.vcpu.asked, guest::ask_stop);
    EXPECT_FALSE(v.core->reconsider);
    ASSERT_EQ(the_core().io_writes.size(), 1U);
    EXPECT_EQ(the_core().io_writes[0].value, 2U);
    b.vcpu.asked = 0;
}

TEST_F(PartitionTest, AManagerIsToldOfAChange) {
    constexpr u32 source = para::edge_source(handle);
    dev::reset_mpic(a.vcpu);
    dev::Openpic& model = a.devices.mpic.model;
    model.write(0x2'0080, 4, 0, 0);  // task priority
    // Rising edge, priority 8.
    model.write(0x1'0000 + 0x20 * source, 4, 0x0088'0000U | source, 0);
    ASSERT_EQ(model.candidate(0), dev::Openpic::none);
    sched::pause(b.vcpu);
    EXPECT_EQ(model.candidate(0), source);
    model.acknowledge(0);
    model.write(0x2'00b0, 4, 0, 0);
    para::state_changed(a.vcpu);  // whom nobody manages
    EXPECT_EQ(model.candidate(0), dev::Openpic::none);
}

TEST_F(PartitionTest, AGuestMayEndItself) {
    ASSERT_EQ(call(status_call, {self}), Status::success);
    EXPECT_EQ(v.gpr[4], static_cast<u32>(PartitionStatus::running));
    ASSERT_EQ(call(stop_call, {self}), Status::success);
    EXPECT_EQ(v.end, vcpu::End::poweroff);
    v.end = vcpu::End::running;
    ASSERT_EQ(call(restart_call, {self}), Status::success);
    EXPECT_EQ(v.end, vcpu::End::reset);
    EXPECT_TRUE(a.again);
    v.end = vcpu::End::running;
    a.again = false;
}

}  // namespace
}  // namespace trapeze::test
