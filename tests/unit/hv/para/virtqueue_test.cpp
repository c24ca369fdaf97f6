// SPDX-License-Identifier: Apache-2.0
#include "hv/para/virtqueue.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "ring_memory.hpp"

namespace trapeze::para {
namespace {

using test::Driver;
using test::has_next;
using test::is_table;
using test::RingMemory;
using test::writes;

class VirtqueueTest : public testing::Test {
  protected:
    Fault start(bool event_index = false) {
        queue.size = driver.size;
        queue.descriptors = driver.descriptors;
        queue.driver = driver.available;
        queue.device = driver.used;
        return queue.start(ram.memory(), event_index);
    }
    Fault pop() { return queue.pop(ram.memory(), *chain); }
    /// What a chain that begins at descriptor 0 is.
    Fault offered() {
        EXPECT_EQ(start(), Fault::none);
        driver.offer(0);
        return pop();
    }

    RingMemory ram;
    Driver driver{&ram};
    Virtqueue queue;
    std::unique_ptr<Chain> chain = std::make_unique<Chain>();
};

TEST_F(VirtqueueTest, ABufferIsWhatTheDriverDescribed) {
    ASSERT_EQ(start(), Fault::none);
    EXPECT_EQ(pop(), Fault::none);
    EXPECT_EQ(chain->count, 0);
    EXPECT_FALSE(queue.waits(ram.memory()));
    driver.describe(3, 0x8000, 5, has_next, 1);
    driver.describe(1, 0x9000, 7, has_next | writes, 7);
    driver.describe(7, 0xa000, 9, writes);
    driver.offer(3);
    EXPECT_TRUE(queue.waits(ram.memory()));
    ASSERT_EQ(pop(), Fault::none);
    EXPECT_EQ(chain->head, 3);
    EXPECT_EQ(chain->count, 3);
    EXPECT_EQ(chain->readable, 1);
    EXPECT_EQ(chain->readable_bytes, 5U);
    EXPECT_EQ(chain->writable_bytes, 16U);
    EXPECT_FALSE(queue.waits(ram.memory()));
}

TEST_F(VirtqueueTest, BytesGoWhereTheChainSays) {
    driver.describe(0, 0x8000, 3, has_next, 1);
    driver.describe(1, 0x9000, 4, has_next, 2);
    driver.describe(2, 0xa000, 2, has_next | writes, 3);
    driver.describe(3, 0xb000, 6, writes);
    std::memcpy(&ram.bytes[0x8000], "abc", 3);
    std::memcpy(&ram.bytes[0x9000], "defg", 4);
    ASSERT_EQ(offered(), Fault::none);
    char text[8] = {};
    EXPECT_TRUE(chain->gather(ram.memory(), 2, text, 5));
    EXPECT_STREQ(text, "cdefg");
    EXPECT_FALSE(chain->gather(ram.memory(), 3, text, 5)) << "one more than there are";
    EXPECT_TRUE(chain->scatter(ram.memory(), 1, "12345", 5));
    EXPECT_EQ(std::memcmp(&ram.bytes[0xa001], "1", 1), 0);
    EXPECT_EQ(std::memcmp(&ram.bytes[0xb000], "2345\0", 5), 0);
}

TEST_F(VirtqueueTest, UsedBuffersAreSeenWhenTheyArePublished) {
    ASSERT_EQ(start(), Fault::none);
    for (u32 n = 0; n < 20; ++n) {
        driver.describe(n % 8, 0x8000, 4, writes);
        driver.offer(n % 8);
        ASSERT_EQ(pop(), Fault::none);
        queue.push(ram.memory(), chain->head, n);
        EXPECT_EQ(driver.used_index(), n);
        EXPECT_TRUE(queue.publish(ram.memory()));
        EXPECT_EQ(driver.used_index(), n + 1);
        EXPECT_EQ(driver.used_head(n), n % 8);
        EXPECT_EQ(driver.used_bytes(n), n);
    }
    EXPECT_FALSE(queue.publish(ram.memory())) << "nothing new";
}

TEST_F(VirtqueueTest, ADriverThatPollsIsNotInterrupted) {
    ASSERT_EQ(start(), Fault::none);
    driver.set_flags(1);
    driver.describe(0, 0x8000, 4);
    driver.offer(0);
    ASSERT_EQ(pop(), Fault::none);
    queue.push(ram.memory(), 0, 0);
    EXPECT_FALSE(queue.publish(ram.memory()));
    queue.ask(ram.memory(), false);
    EXPECT_EQ(ram.read_16(driver.used), 1U);
    queue.ask(ram.memory(), true);
    EXPECT_EQ(ram.read_16(driver.used), 0U);
}

TEST_F(VirtqueueTest, WithEventIndexesEachSideSaysWhen) {
    ASSERT_EQ(start(true), Fault::none);
    driver.set_used_event(1);
    for (u32 n = 0; n < 4; ++n) {
        driver.describe(n, 0x8000, 4);
        driver.offer(n);
        ASSERT_EQ(pop(), Fault::none);
        queue.push(ram.memory(), chain->head, 0);
        EXPECT_EQ(queue.publish(ram.memory()), n == 1) << n;
    }
    queue.ask(ram.memory(), true);
    EXPECT_EQ(driver.available_event(), 4U);
    // An interrupt is due if any of several crosses it.
    driver.set_used_event(5);
    for (u32 n = 4; n < 8; ++n) {
        driver.describe(n, 0x8000, 4);
        driver.offer(n);
        ASSERT_EQ(pop(), Fault::none);
        queue.push(ram.memory(), chain->head, 0);
    }
    EXPECT_TRUE(queue.publish(ram.memory()));
}

TEST_F(VirtqueueTest, AQueueThatCannotBeIsRefused) {
    for (const u32 size : {0U, 3U, 257U, 512U, 0x8000'0008U}) {
        driver.size = size;
        EXPECT_EQ(start(), Fault::size) << size;
    }
    driver.size = 256;
    EXPECT_EQ(start(), Fault::none);
    driver.size = 8;
    const Driver good = driver;
    const auto place = [&](u64 Driver::*part, u64 at) {
        driver.*part = at;
        const Fault fault = start();
        driver.descriptors = good.descriptors;
        driver.available = good.available;
        driver.used = good.used;
        return fault;
    };
    queue.stop();
    EXPECT_EQ(place(&Driver::descriptors, 0x1008), Fault::place);
    EXPECT_EQ(place(&Driver::available, 0x2001), Fault::place);
    EXPECT_EQ(place(&Driver::used, 0x3002), Fault::place);
    for (const u64 at : {RingMemory::size - 16, ~u64{0} - 15, u64{1} << 32U, u64{1} << 63U}) {
        EXPECT_EQ(place(&Driver::descriptors, at), Fault::place) << at;
        EXPECT_EQ(place(&Driver::available, at), Fault::place) << at;
        EXPECT_EQ(place(&Driver::used, at), Fault::place) << at;
    }
    EXPECT_EQ(place(&Driver::descriptors, RingMemory::size - 128), Fault::none);
    EXPECT_EQ(ram.wild, 0U);
}

TEST_F(VirtqueueTest, ADescriptorMustBeOfRam) {
    for (const u64 at : {RingMemory::size, ~u64{0} - 3, ~u64{0} - 255, u64{1} << 40U}) {
        driver = Driver{&ram};
        driver.describe(0, at, 256);
        EXPECT_EQ(offered(), Fault::outside) << at;
        queue.stop();
    }
    driver = Driver{&ram};
    driver.describe(0, RingMemory::size - 255, 256);
    EXPECT_EQ(offered(), Fault::outside) << "the last byte";
    queue.stop();
    driver = Driver{&ram};
    driver.describe(0, RingMemory::size - 256, 256);
    EXPECT_EQ(offered(), Fault::none);
}

TEST_F(VirtqueueTest, AChainMustEnd) {
    driver.describe(0, 0x8000, 4, has_next, 1);
    driver.describe(1, 0x8000, 4, has_next, 0);
    EXPECT_EQ(offered(), Fault::loop);
    driver = Driver{&ram};
    queue.stop();
    for (u32 n = 0; n < 7; ++n) driver.describe(n, 0x8000, 4, has_next, n + 1);
    driver.describe(7, 0x8000, 4);
    EXPECT_EQ(offered(), Fault::none) << "as long as the queue";
    EXPECT_EQ(chain->count, 8);
}

TEST_F(VirtqueueTest, WhatNoDriverMayIsTold) {
    const auto fault_of = [&](u64 at, u32 count, u32 flags, u32 next) {
        driver = Driver{&ram};
        queue.stop();
        driver.describe(0, at, count, flags, next);
        driver.describe(1, 0x8000, 4);
        return offered();
    };
    EXPECT_EQ(fault_of(0x8000, 0, 0, 0), Fault::empty);
    EXPECT_EQ(fault_of(0x8000, 64, is_table, 0), Fault::indirect);
    EXPECT_EQ(fault_of(0x8000, 4, has_next, 8), Fault::head);
    EXPECT_EQ(fault_of(0x8000, 4, has_next, 0xffff), Fault::head);
    EXPECT_EQ(fault_of(0x8000, 4, has_next | writes, 1), Fault::order);
    EXPECT_EQ(fault_of(0x8000, 4, writes, 0xffff), Fault::none) << "no next one: not looked at";
    driver = Driver{&ram};
    queue.stop();
    ASSERT_EQ(start(), Fault::none);
    driver.offer(8);
    EXPECT_EQ(pop(), Fault::head);
    ram.write_16(driver.available + 2, 9);
    EXPECT_EQ(pop(), Fault::index);
    ram.write_16(driver.available + 2, 0xffff);
    EXPECT_EQ(pop(), Fault::index);
}

}  // namespace
}  // namespace trapeze::para
