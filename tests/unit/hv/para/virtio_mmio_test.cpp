// SPDX-License-Identifier: Apache-2.0
#include "hv/para/virtio_mmio.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "ring_memory.hpp"

namespace trapeze::para {
namespace {

using test::Driver;
using test::RingMemory;
using test::writes;

enum : u32 {
    device_features = 0x10,
    device_select = 0x14,
    driver_features = 0x20,
    driver_select = 0x24,
    queue_select = 0x30,
    queue_most = 0x34,
    queue_size = 0x38,
    queue_ready = 0x44,
    queue_notify = 0x50,
    interrupt_status = 0x60,
    interrupt_acknowledge = 0x64,
    status = 0x70,
};
constexpr u32 features_ok = 8, needs_reset = 0x40;

struct Seen {
    std::string calls;
    bool line = false;
    unsigned later = 0;
    std::string failure;
};
Seen& seen() {
    static Seen all;
    return all;
}

void started(Transport& /*t*/) { seen().calls += "start "; }
void stopped(Transport& /*t*/) { seen().calls += "stop "; }
void notified(Transport& t, unsigned queue) {
    seen().calls += "notify" + std::to_string(queue) + " ";
    while (const Chain* const chain = t.pop(queue)) t.queue(queue).push(t.memory(), chain->head, 0);
    t.publish(queue);
}
u8 config(const Transport& /*t*/, u32 offset) { return static_cast<u8>(0x10 + offset); }

constexpr u64 feature = u64{1} << 5U;
constexpr Kind kind{"test", 77, feature, 1, 6, started, stopped, notified, config};

void line(void* /*owner*/, bool up) { seen().line = up; }
void later(void* /*owner*/) { ++seen().later; }
void fails(void* /*owner*/, const char* why) { seen().failure = why; }

class TransportTest : public testing::Test {
  protected:
    TransportTest() {
        seen() = {};
        t->start(kind, {ram.memory(), line, later, fails}, nullptr);
    }
    /// As lwbrx and stwbrx in the guest.
    u32 get(u32 at) { return __builtin_bswap32(t->read(at, 4)); }
    void set(u32 at, u32 value) { t->write(at, 4, __builtin_bswap32(value)); }

    void agree(u64 features = Transport::version_1) {
        set(status, 1);
        set(status, 3);
        for (const u32 half : {0U, 1U}) {
            set(driver_select, half);
            set(driver_features, static_cast<u32>(features >> 32U * half));
        }
        set(status, 3 | features_ok);
    }
    void make_queue() {
        set(queue_select, 0);
        set(queue_size, driver.size);
        set(0x80, static_cast<u32>(driver.descriptors));
        set(0x90, static_cast<u32>(driver.available));
        set(0xa0, static_cast<u32>(driver.used));
        set(queue_ready, 1);
    }
    void begin() {
        agree();
        make_queue();
        set(status, 15);
        seen().calls.clear();
    }

    RingMemory ram;
    Driver driver{&ram};
    std::unique_ptr<Transport> t = std::make_unique<Transport>();
};

TEST_F(TransportTest, ItSaysWhatItIs) {
    EXPECT_EQ(t->read(0, 4), 0x76697274U) << "\"virt\", as bytes";
    EXPECT_EQ(get(4), 2U);
    EXPECT_EQ(get(8), 77U);
    EXPECT_EQ(get(device_features), Transport::event_index | feature);
    set(device_select, 1);
    EXPECT_EQ(get(device_features), 1U);
    set(device_select, 2);
    EXPECT_EQ(get(device_features), 0U);
    EXPECT_EQ(get(queue_most), 256U);
    set(queue_select, 1);
    EXPECT_EQ(get(queue_most), 0U) << "no such queue";
    EXPECT_EQ(get(0xb0), ~0U) << "no shared memory";
}

TEST_F(TransportTest, TheConfigurationIsBytes) {
    EXPECT_EQ(t->read(0x101, 1), 0x11U);
    EXPECT_EQ(t->read(0x102, 2), 0x1213U);
    EXPECT_EQ(t->read(0x104, 4), 0x14150000U) << "nothing behind its end";
    EXPECT_EQ(t->read(0xffc, 4), 0U);
    t->write(0x100, 4, 0xffffffff);
    EXPECT_EQ(t->read(0x100, 1), 0x10U);
    EXPECT_EQ(t->read(0, 1), 0U) << "registers are words";
    EXPECT_EQ(t->read(0, 2), 0U);
}

TEST_F(TransportTest, ADriverBegins) {
    agree(Transport::version_1 | feature);
    EXPECT_EQ(get(status), 11U);
    EXPECT_FALSE(t->runs());
    make_queue();
    EXPECT_EQ(get(queue_ready), 1U);
    set(queue_notify, 0);
    EXPECT_EQ(seen().calls, "") << "not before DRIVER_OK";
    set(status, 15);
    EXPECT_TRUE(t->runs());
    EXPECT_TRUE(t->agreed(feature));
    set(queue_notify, 1);
    set(queue_notify, 0);
    EXPECT_EQ(seen().calls, "start notify0 ");
    set(status, 0);
    EXPECT_EQ(seen().calls, "start notify0 stop ");
    EXPECT_EQ(get(status), 0U);
    EXPECT_EQ(get(queue_ready), 0U);
    set(queue_notify, 0);
    EXPECT_EQ(seen().calls, "start notify0 stop ");
}

TEST_F(TransportTest, WhatIsNotOfferedIsNotAgreedOn) {
    agree(Transport::version_1 | u64{1} << 28U);
    EXPECT_EQ(get(status), 3U);
    set(status, 0);
    agree(feature);
    EXPECT_EQ(get(status), 3U) << "a driver of before 1.0";
    set(status, 7);
    EXPECT_EQ(get(status) & needs_reset, needs_reset);
    EXPECT_FALSE(t->runs());
}

TEST_F(TransportTest, TheInterruptIsUpUntilItIsAcknowledged) {
    begin();
    driver.describe(0, 0x8000, 4, writes);
    driver.offer(0);
    set(queue_notify, 0);
    EXPECT_TRUE(seen().line);
    EXPECT_EQ(get(interrupt_status), 1U);
    set(interrupt_acknowledge, 2);
    EXPECT_TRUE(seen().line);
    set(interrupt_acknowledge, 1);
    EXPECT_FALSE(seen().line);
    EXPECT_EQ(get(interrupt_status), 0U);
    driver.offer(0);
    set(queue_notify, 0);
    EXPECT_TRUE(seen().line);
    set(status, 0);
    EXPECT_FALSE(seen().line) << "a reset takes it down";
}

TEST_F(TransportTest, AfterAFaultNothingMovesUntilAReset) {
    begin();
    driver.describe(0, RingMemory::size, 4);
    driver.offer(0);
    set(queue_notify, 0);
    EXPECT_EQ(get(status) & needs_reset, needs_reset);
    EXPECT_EQ(get(interrupt_status), 2U) << "the configuration has changed";
    EXPECT_NE(seen().failure, "");
    EXPECT_EQ(seen().calls, "notify0 stop ");
    EXPECT_EQ(driver.used_index(), 0U);
    driver.describe(0, 0x8000, 4);
    set(queue_notify, 0);
    set(status, 15);
    EXPECT_EQ(seen().calls, "notify0 stop ");
    set(status, 0);
    driver = Driver{&ram};
    ram.write_16(driver.available + 2, 0);
    ram.write_16(driver.used + 2, 0);
    begin();
    driver.offer(0);
    set(queue_notify, 0);
    EXPECT_EQ(driver.used_index(), 1U);
}

TEST_F(TransportTest, AQueueThatCannotBeIsAFault) {
    agree();
    set(queue_select, 0);
    set(queue_size, 8);
    set(0x84, 1);  // above 4 GiB
    set(queue_ready, 1);
    EXPECT_EQ(get(queue_ready), 0U);
    EXPECT_EQ(get(status) & needs_reset, needs_reset);
    EXPECT_FALSE(seen().line) << "there is no driver yet";
}

TEST_F(TransportTest, AReadyQueueStaysWhereItIs) {
    begin();
    set(queue_size, 4);
    set(0x80, 0x5000);
    set(0xa4, 5);
    driver.describe(7, 0x8000, 4);
    driver.offer(7);
    set(queue_notify, 0);
    EXPECT_EQ(driver.used_index(), 1U);
    set(queue_ready, 0);
    EXPECT_EQ(get(queue_ready), 0U);
    driver.offer(7);
    set(queue_notify, 0);
    EXPECT_EQ(driver.used_index(), 1U);
}

TEST_F(TransportTest, WhatIsPutOffComesWhenItIsCalled) {
    begin();
    t->later(0);
    EXPECT_EQ(seen().later, 1U);
    t->resume();
    EXPECT_EQ(seen().calls, "notify0 ");
    t->resume();
    EXPECT_EQ(seen().calls, "notify0 ") << "once";
    t->later(0);
    set(status, 0);
    t->resume();
    EXPECT_EQ(seen().calls, "notify0 stop ");
}

}  // namespace
}  // namespace trapeze::para
