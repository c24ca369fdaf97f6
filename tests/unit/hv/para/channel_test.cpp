// SPDX-License-Identifier: Apache-2.0
// Byte channels and doorbells between guests.
#include "hv/para/channel.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "joined_guests.hpp"

namespace trapeze::para {
namespace {

constexpr u32 send = token(epapr, 1), receive = token(epapr, 2), poll = token(epapr, 3),
              ring = token(epapr, 14);

TEST(ByteQueue, IsAQueueOfBoundedLength) {
    auto queue = std::make_unique<ByteQueue>();
    std::deque<u8> model;
    std::mt19937 random(1);
    u8 next = 0;
    for (int i = 0; i < 100'000; ++i) {
        u8 bytes[64] = {};
        const u32 count = random() % 65;
        // Full and empty are seen often: for a while more goes in, then more out.
        if (random() % 8 < (i / 1000 % 2 != 0 ? 6U : 2U)) {
            for (u8& byte : bytes) byte = next++;
            const bool was_empty = model.empty();
            const auto moved = queue->put(bytes, count);
            ASSERT_EQ(moved.bytes, std::min<size_t>(count, ByteQueue::capacity - model.size()));
            ASSERT_EQ(moved.tell, was_empty && moved.bytes != 0);
            model.insert(model.end(), bytes, bytes + moved.bytes);
            next = static_cast<u8>(next - (64 - moved.bytes));
        } else {
            const bool was_full = model.size() == ByteQueue::capacity;
            const auto moved = queue->take(bytes, count);
            ASSERT_EQ(moved.bytes, std::min<size_t>(count, model.size()));
            ASSERT_EQ(moved.tell, was_full && moved.bytes != 0);
            for (u32 b = 0; b < moved.bytes; ++b) {
                ASSERT_EQ(bytes[b], model.front());
                model.pop_front();
            }
        }
        ASSERT_EQ(queue->used(), model.size());
        ASSERT_EQ(queue->room(), ByteQueue::capacity - model.size());
    }
}

// Each side sleeps when it finds nothing to do until the other one tells it: nobody sleeps for
// ever, and each byte comes once, in order.
TEST(ByteQueue, TellsWhoeverSleeps) {
    auto queue = std::make_unique<ByteQueue>();
    constexpr u32 total = 2'000'000;
    std::atomic<u32> writer_told{0}, reader_told{0};
    std::thread writer([&] {
        std::mt19937 random(2);
        for (u32 sent = 0; sent < total;) {
            u8 bytes[16];
            const u32 count = std::min<u32>(1 + random() % 16, total - sent);
            for (u32 i = 0; i < count; ++i) bytes[i] = static_cast<u8>((sent + i) * 7);
            const u32 seen = writer_told.load();
            const auto moved = queue->put(bytes, count);
            sent += moved.bytes;
            if (moved.tell) ++reader_told;
            if (queue->room() == 0) {
                while (writer_told.load() == seen) std::this_thread::yield();
            }
        }
    });
    u32 wrong = 0;
    for (u32 got = 0; got < total;) {
        u8 bytes[16];
        const u32 seen = reader_told.load();
        const auto moved = queue->take(bytes, sizeof bytes);
        for (u32 i = 0; i < moved.bytes; ++i) {
            wrong += bytes[i] != static_cast<u8>((got + i) * 7) ? 1 : 0;
        }
        got += moved.bytes;
        if (moved.tell) ++writer_told;
        if (got < total && queue->used() == 0) {
            while (reader_told.load() == seen) std::this_thread::yield();
        }
    }
    writer.join();
    EXPECT_EQ(wrong, 0U);
}

class ChannelTest : public testing::Test {
  protected:
    // Guest 0's handle 1 and guest 2's handle 3.
    ChannelTest() {
        near = {channel.get(), 0, 1};
        far = {channel.get(), 2, 3};
        attach(all.guest(0), near);
        attach(all.guest(2), far);
    }
    Status put(u32 count, u32 word = 0) {
        return all.call(0, send, {1, count, word, word, word, word});
    }
    u32 got(unsigned n, u32 handle, u32 most = 16) {
        EXPECT_EQ(all.call(n, receive, {handle, most}), Status::success);
        return all.guest(n).gpr[4];
    }
    void fill() {
        while (put(16) == Status::success) {
        }
    }

    test::JoinedGuests all;
    std::unique_ptr<Channel> channel = std::make_unique<Channel>();
    ChannelEnd &near = channel->ends[0], &far = channel->ends[1];
};

TEST_F(ChannelTest, TheOtherCoreIsToldOnce) {
    EXPECT_FALSE(all.line(2, receive_source(3)));
    EXPECT_TRUE(all.line(2, send_source(3))) << "there is room from the start";
    EXPECT_EQ(put(4, 0x61626364), Status::success);
    EXPECT_EQ(all.guest(0).gpr[4], 4U);
    EXPECT_FALSE(all.line(2, receive_source(3))) << "its state is its own core's";
    EXPECT_EQ(all.guest(2).signals, 1U << 3U);
    all.take_messages();
    EXPECT_TRUE(all.line(2, receive_source(3)));
    EXPECT_EQ(put(1), Status::success);
    EXPECT_EQ(all.guest(2).signals, 0U) << "it has not come to the end yet";
    EXPECT_EQ(got(2, 3), 5U);
    EXPECT_EQ(all.guest(2).gpr[5], 0x61626364U);
    EXPECT_FALSE(all.line(2, receive_source(3)));
}

TEST_F(ChannelTest, FullAndRoomAgain) {
    fill();
    EXPECT_EQ(all.guest(0).gpr[4], 0U);
    EXPECT_FALSE(all.line(0, send_source(1)));
    EXPECT_EQ(all.call(0, poll, {1}), Status::success);
    EXPECT_EQ(all.guest(0).gpr[4], 0U);
    EXPECT_EQ(all.guest(0).gpr[5], 0U);
    all.take_messages();
    EXPECT_EQ(got(2, 3, 7), 7U);
    EXPECT_EQ(all.guest(0).signals, 1U << 1U) << "asked for by a message to its core";
    EXPECT_EQ(put(16), Status::success);
    EXPECT_EQ(all.guest(0).gpr[4], 7U) << "what fits";
}

TEST_F(ChannelTest, ArgumentsOutOfRange) {
    for (const u32 handle : {0U, 2U, 15U, 16U, 17U, 0x8000'0001U, ~0U}) {
        EXPECT_EQ(all.call(0, send, {handle, 1, 2}), Status::invalid) << handle;
        EXPECT_EQ(all.guest(0).gpr[4], 0U);
        EXPECT_EQ(all.call(0, receive, {handle, 1}), Status::invalid) << handle;
        EXPECT_EQ(all.call(0, poll, {handle}), Status::invalid) << handle;
        EXPECT_EQ(all.call(0, ring, {handle}), Status::invalid) << handle;
    }
    EXPECT_EQ(all.call(0, ring, {1}), Status::invalid) << "a channel is no doorbell";
    for (const u32 count : {17U, 0x8000'0000U, ~0U}) {
        EXPECT_EQ(put(count), Status::invalid);
        EXPECT_EQ(all.call(0, receive, {1, count}), Status::invalid);
        EXPECT_EQ(all.guest(0).gpr[4], 0U);
    }
    EXPECT_EQ(put(0), Status::success);
    EXPECT_EQ(near.out().used(), 0U);
    EXPECT_EQ(all.call(1, send, {1, 1}), Status::invalid) << "another guest's handle";
}

TEST_F(ChannelTest, APeerThatStartsAnew) {
    fill();
    all.call(2, send, {3, 2, 0x41420000});
    all.take_messages();
    // Its devices are new, and it is attached again.
    all.guest(2).devices->mpic = {};
    dev::reset_mpic(all.guest(2));
    attach(all.guest(2), far);
    EXPECT_EQ(near.out().used(), 0U) << "what had been sent to it";
    EXPECT_FALSE(all.line(2, receive_source(3)));
    EXPECT_TRUE(all.line(2, send_source(3)));
    EXPECT_EQ(all.guest(0).signals, 1U << 1U) << "there is room again";
    EXPECT_EQ(got(0, 1), 2U) << "what it had sent";
}

TEST_F(ChannelTest, APeerThatIsOver) {
    all.guest(2).end = vcpu::End::guest_died;
    fill();
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(put(16), Status::again);
    EXPECT_EQ(got(0, 1), 0U);
    EXPECT_EQ(all.guest(1).signals, 0U) << "a third guest";
}

class DoorbellTest : public testing::Test {
  protected:
    DoorbellTest() {
        bell.receivers[bell.count++] = {1, 4};
        bell.receivers[bell.count++] = {2, 5};
        attach_sender(all.guest(0), 2, bell);
        attach_receiver(all.guest(1), 4, bell);
        attach_receiver(all.guest(2), 5, bell);
        for (unsigned n = 1; n < 3; ++n) {
            vcpu::Vcpu& v = all.guest(n);
            const u32 source = edge_source(n == 1 ? 4 : 5);
            dev::mpic.write(v, 0x10000 + 32 * source + 16, 4, 1);
            dev::mpic.write(v, 0x10000 + 32 * source, 4, 8U << 16 | source);
            dev::mpic.write(v, 0x20080, 4, 0);
        }
    }
    u32 taken(unsigned n) { return dev::mpic.read(all.guest(n), 0x200a0, 4); }
    void end(unsigned n) { dev::mpic.write(all.guest(n), 0x200b0, 4, 0); }

    test::JoinedGuests all;
    Doorbell bell{};
};

TEST_F(DoorbellTest, AllThatHaveItAreInterrupted) {
    EXPECT_EQ(all.call(0, ring, {2}), Status::success);
    EXPECT_TRUE(all.guest(1).external_held) << "on the same core at once";
    EXPECT_TRUE(all.guest(0).core->reconsider);
    EXPECT_FALSE(all.guest(2).external_held);
    all.take_messages();
    EXPECT_TRUE(all.guest(2).external_held);
    EXPECT_EQ(taken(1), edge_source(4));
    EXPECT_EQ(taken(2), edge_source(5));
    EXPECT_FALSE(all.guest(1).external_held) << "an edge is over when it is taken";
}

TEST_F(DoorbellTest, AStormIsOneInterrupt) {
    for (int i = 0; i < 100'000; ++i) EXPECT_EQ(all.call(0, ring, {2}), Status::success);
    all.take_messages();
    for (unsigned n = 1; n < 3; ++n) {
        EXPECT_EQ(taken(n), edge_source(n == 1 ? 4 : 5));
        end(n);
        EXPECT_FALSE(all.guest(n).external_held);
    }
    // One within the handler comes behind it.
    all.call(0, ring, {2});
    EXPECT_EQ(taken(1), edge_source(4));
    all.call(0, ring, {2});
    EXPECT_FALSE(all.guest(1).external_held);
    end(1);
    EXPECT_TRUE(all.guest(1).external_held);
}

TEST_F(DoorbellTest, WhoReceivesCannotRing) {
    EXPECT_EQ(all.call(1, ring, {4}), Status::invalid);
    EXPECT_EQ(all.call(1, ring, {2}), Status::invalid);
    EXPECT_EQ(all.guest(2).signals, 0U);
}

}  // namespace
}  // namespace trapeze::para
