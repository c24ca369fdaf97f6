// SPDX-License-Identifier: Apache-2.0
// FH_PARTITION_MEMCPY: what is copied is what the list says, and nothing else changes.
#include <random>

#include "hv/sched/run.hpp"
#include "managing_guest.hpp"

namespace trapeze::test {
namespace {

using para::Status;

constexpr u32 copy_call = para::token(para::freescale, 8);
constexpr u32 list_gpa = 0x2'0000, local_gpa = 0x3'0000;

struct Entry {
    u64 source, target, size, reserved = 0;
};

class CopyTest : public ManagingTest {
  protected:
    static void put_list(const std::vector<Entry>& entries, u64 gpa = list_gpa) {
        for (const Entry& entry : entries) {
            for (const u64 word : {entry.source, entry.target, entry.size, entry.reserved}) {
                core::write_ram(ram_hpa + gpa, 4, static_cast<u32>(word >> 32U));
                core::write_ram(ram_hpa + gpa + 4, 4, static_cast<u32>(word));
                gpa += 8;
            }
        }
    }
    Status out(const std::vector<Entry>& entries) {
        put_list(entries);
        return call(copy_call, {handle, self, list_gpa, 0, static_cast<u32>(entries.size())});
    }
    Status in(const std::vector<Entry>& entries) {
        put_list(entries);
        return call(copy_call, {self, handle, list_gpa, 0, static_cast<u32>(entries.size())});
    }
};

TEST_F(CopyTest, OutOfAndIntoTheOther) {
    put_other(0x1234, "what the other one has");
    EXPECT_EQ(out({{0x1234, local_gpa + 7, 22}}), Status::success);
    EXPECT_EQ(own_bytes(local_gpa + 7, 22), "what the other one has");
    put_own(local_gpa, "what this one has");
    EXPECT_EQ(in({{local_gpa, other_bytes - 17, 17}}), Status::success);
    EXPECT_EQ(other_at(other_bytes - 17, 17), "what this one has");
    EXPECT_EQ(out({}), Status::success);
    EXPECT_EQ(out({{0x1234, local_gpa, 0}}), Status::success);
}

TEST_F(CopyTest, AnyListAsAModelHasIt) {
    std::mt19937 random(15);
    const auto below = [&](u64 n) { return random() % n; };
    constexpr u64 window = 0x4000;
    std::string own(window, 0), other(window, 0);
    for (char& c : own) c = static_cast<char>(random());
    for (char& c : other) c = static_cast<char>(random());
    put_own(local_gpa, own);
    put_other(0, other);
    for (unsigned round = 0; round < 60; ++round) {
        const bool inward = below(2) != 0;
        std::vector<Entry> entries;
        for (u64 n = below(12); n-- != 0;) {
            const u64 size = below(8) == 0 ? below(window) : below(300);
            const u64 from = below(window - size + 1), to = below(window - size + 1);
            entries.push_back(
                {inward ? local_gpa + from : from, inward ? to : local_gpa + to, size});
            std::string& source = inward ? own : other;
            std::string& target = inward ? other : own;
            target.replace(to, size, source.substr(from, size));
        }
        ASSERT_EQ(inward ? in(entries) : out(entries), Status::success);
        ASSERT_EQ(own_bytes(local_gpa, window), own) << round;
        ASSERT_EQ(other_at(0, window), other) << round;
    }
}

TEST_F(CopyTest, ACallDoesAPiece) {
    // Words, and bytes, which are slower: no more than 2048 and 512 of them.
    EXPECT_EQ(out({{0, local_gpa, 0x4000}}), Status::success);
    EXPECT_GE(executions, 8U);
    EXPECT_EQ(out({{1, local_gpa, 0x800}}), Status::success);
    EXPECT_GE(executions, 4U);
    std::vector<Entry> empty(1000, Entry{0, local_gpa, 0});
    EXPECT_EQ(out(empty), Status::success);
    EXPECT_GE(executions, 125U);
}

TEST_F(CopyTest, WhatIsOutsideIsNotReached) {
    put_own(local_gpa, "before");
    const u64 own_end = u64{64} << 20U;
    for (const Entry& wrong : {
             Entry{other_bytes, local_gpa, 1},
             Entry{other_bytes - 3, local_gpa, 4},
             Entry{0, own_end - 3, 4},
             Entry{0, device_ea, 4},
             Entry{~u64{0}, local_gpa, 2},
             Entry{0, ~u64{0}, 2},
             Entry{0, local_gpa, ~u64{0}},
             Entry{1, local_gpa, ~u64{0}},
             Entry{u64{1} << 32U, local_gpa, 4},
             Entry{0, u64{1} << 32U, 4},
             Entry{0, local_gpa, u64{1} << 32U},
         }) {
        EXPECT_EQ(out({wrong}), Status::bad_address) << wrong.source << " " << wrong.target;
        EXPECT_EQ(in({{wrong.target, wrong.source, wrong.size}}), Status::bad_address);
        // What stands before it is done.
        EXPECT_EQ(out({{0, local_gpa + 0x100, 4}, wrong}), Status::bad_address);
    }
    EXPECT_EQ(own_bytes(local_gpa, 6), "before");
    EXPECT_TRUE(fake_device().writes.empty() && fake_device().reads.empty());
}

TEST_F(CopyTest, ListsThatAreNone) {
    put_list({{0, local_gpa, 4}});
    for (const u32 at : {list_gpa + 4U, list_gpa + 16U, list_gpa + 31U}) {
        EXPECT_EQ(call(copy_call, {handle, self, at, 0, 1}), Status::invalid);
    }
    EXPECT_EQ(call(copy_call, {handle, self, list_gpa, 1, 1}), Status::bad_address);
    EXPECT_EQ(call(copy_call, {handle, self, device_ea, 0, 1}), Status::bad_address);
    EXPECT_EQ(call(copy_call, {handle, self, 0xffff'ffe0U, 0xffff'ffffU, 2}), Status::bad_address);
    EXPECT_EQ(call(copy_call, {self, self, list_gpa, 0, 1}), Status::invalid);
    EXPECT_EQ(call(copy_call, {handle, handle, list_gpa, 0, 1}), Status::invalid);
    EXPECT_EQ(out({{0, local_gpa, 4, 1}}), Status::success) << "what is reserved is anything";
    // Longer than the guest's memory: it ends where that does.
    const u32 last = (64U << 20U) - 64;
    put_list({{0, local_gpa, 0}, {0, local_gpa, 0}}, last);
    EXPECT_EQ(call(copy_call, {handle, self, last, 0, ~0U}), Status::bad_address);
}

TEST_F(CopyTest, WhatGoesOnIsCheckedAsWhatBegins) {
    put_list({{0, local_gpa, 0x100}});
    put_own(local_gpa + 0x100, "behind");
    EXPECT_EQ(call(para::copy_goes_on, {handle, self, list_gpa, 0, 1, 0x101}), Status::invalid);
    EXPECT_EQ(call(para::copy_goes_on, {handle, self, list_gpa, 0, 1, ~0U}), Status::invalid);
    EXPECT_EQ(call(para::copy_goes_on, {2, self, list_gpa, 0, 1, 0}), Status::invalid);
    EXPECT_EQ(call(para::copy_goes_on, {handle, self, list_gpa, 0, 1, 0x100}), Status::success);
    EXPECT_EQ(own_bytes(local_gpa + 0x100, 6), "behind");
}

TEST_F(CopyTest, OneThatIsMadeAnewIsLeftAlone) {
    bring(Life::starts);
    EXPECT_EQ(out({{0, local_gpa, 4}}), Status::invalid_state);
    EXPECT_EQ(in({{local_gpa, 0, 4}}), Status::invalid_state);
    for (const Life life : {Life::over, Life::waits, Life::paused}) {
        bring(life);
        EXPECT_EQ(out({{0, local_gpa, 4}}), Status::success);
        EXPECT_EQ(in({{local_gpa, 0, 4}}), Status::success);
    }
}

// a's own text, of which there is a copy: what it executes is what has been copied there.
TEST_F(CopyTest, CopiedTextIsExecuted) {
    heat(site_ea, mfmsr(3));
    ASSERT_TRUE(mirrored(site_ea));
    ASSERT_NE(copy(site_ea), mfmsr(3));
    put_other(0, std::string("\x38\x60\x00\x07", 4));
    ASSERT_EQ(out({{0, site_ea, 4}}), Status::success);
    EXPECT_FALSE(mirrored(site_ea));
    EXPECT_EQ(own(site_ea), 0x3860'0007U);
}

// b, which executes nothing of what is written, need not have the core that both are on.
TEST_F(CopyTest, NobodyIsAskedAboutWhatIsNoText) {
    put_list({{local_gpa, 0x1000, 4}});
    v.gpr[3] = self;
    v.gpr[4] = handle;
    v.gpr[5] = list_gpa;
    v.gpr[6] = 0;
    v.gpr[7] = 1;
    ASSERT_EQ(para::partition_memcpy(v), Status::unfinished);
    EXPECT_EQ(b.vcpu.asked, 0U);
    EXPECT_EQ(para::partition_memcpy_on(v), Status::success);
}

// And b's core is told, and waited for.
TEST_F(CopyTest, TheOthersCoreLooksAtWhatWasWritten) {
    move_away();
    a.devices.board->homes[1] = &elsewhere;
    put_list({{local_gpa, 0x1000, 4}, {local_gpa, 0x2000, 4}});
    v.gpr[3] = self;
    v.gpr[4] = handle;
    v.gpr[5] = list_gpa;
    v.gpr[6] = 0;
    v.gpr[7] = 2;
    ASSERT_EQ(para::partition_memcpy(v), Status::unfinished);
    EXPECT_EQ(b.vcpu.asked, guest::ask_written);
    EXPECT_EQ(v.gpr[7], 1U);
    for (unsigned n = 0; n < 3; ++n) {
        ASSERT_EQ(para::partition_memcpy_on(v), Status::unfinished);
        EXPECT_EQ(v.gpr[7], 1U) << "it went on without that core";
    }
    b.vcpu.asked = 0;
    // That core was made anew and has forgotten it.
    ASSERT_EQ(para::partition_memcpy_on(v), Status::unfinished);
    EXPECT_EQ(b.vcpu.asked, guest::ask_written);
    para::take_written(b.vcpu);
    b.vcpu.asked = 0;
    ASSERT_EQ(para::partition_memcpy_on(v), Status::unfinished);
    EXPECT_EQ(v.gpr[7], 0U);
    para::take_written(b.vcpu);
    EXPECT_EQ(para::partition_memcpy_on(v), Status::success);
    b.vcpu.asked = 0;
}

}  // namespace
}  // namespace trapeze::test
