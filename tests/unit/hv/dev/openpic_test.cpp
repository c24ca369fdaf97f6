// SPDX-License-Identifier: Apache-2.0
// The guest's interrupt controller by itself: what drivers rely on.
#include <random>
#include <vector>

#include "openpic_fixture.hpp"

namespace trapeze::dev {
namespace {

TEST_F(OpenpicTest, AfterAResetEverythingIsMasked) {
    pic.start(1);
    EXPECT_EQ(read(0), 0x00400402U);
    EXPECT_EQ(read(features), 195U << 16 | 2U);
    EXPECT_EQ(read(configuration), 0U);
    EXPECT_EQ(read(spurious), 0xffffU);
    EXPECT_EQ(read(task_priority), 15U);
    EXPECT_EQ(read(0x80), 15U) << "once more at the start";
    EXPECT_EQ(read(who_am_i), 0U);
    EXPECT_EQ(read(source(0)), masked);
    EXPECT_EQ(read(source(42)), masked | high);
    EXPECT_EQ(read(source(42) + destination), 1U);
    EXPECT_EQ(read(source(42) + target), 0U);
    EXPECT_EQ(read(ipi(0)), masked);
    EXPECT_EQ(read(timer(0, 1)), masked) << "count inhibit";
    for (const u32 gap : {0x2000U, 0x3800U, 0x12000U, 0x3ffffU & ~3U}) EXPECT_EQ(read(gap), 0U);
    for (const u32 none : {0x10U, 0x1010U, 0x1024U, 0x10004U, 0x20010U, 0x20084U, 0x21080U}) {
        EXPECT_EQ(read(none), ~0U) << std::hex << none;
    }
    EXPECT_EQ(read(iack), 0xffffU);
}

TEST_F(OpenpicTest, ALevelAsksUntilItIsDown) {
    configure(42, 5, 0x42);
    pic.set_line(42, true);
    EXPECT_EQ(read(source(42)), active | 5U << 16 | 0x42U);
    EXPECT_TRUE(asks());
    EXPECT_EQ(read(iack), 0x42U);
    EXPECT_FALSE(asks()) << "in service";
    const Outcome ended = write(eoi, 0);
    EXPECT_EQ(ended.kind, Outcome::ended);
    EXPECT_EQ(ended.input, 42U);
    EXPECT_TRUE(asks()) << "still up";
    pic.set_line(42, false);
    EXPECT_FALSE(asks());
    EXPECT_EQ(read(iack), 0xffffU);
    EXPECT_EQ(write(eoi, 0).input, Openpic::none);
}

TEST_F(OpenpicTest, AnEdgeAsksOnce) {
    configure(3, 5, 0x33);
    pic.set_line(3, true);
    EXPECT_EQ(read(iack), 0x33U);
    write(eoi, 0);
    EXPECT_FALSE(asks()) << "the line is up, but that is old";
    pic.set_line(3, true);
    EXPECT_FALSE(asks());
    pic.set_line(3, false);
    pic.set_line(3, true);
    EXPECT_TRUE(asks());
    read(iack);
    pic.pulse(3);
    EXPECT_FALSE(asks());
    write(eoi, 0);
    EXPECT_TRUE(asks()) << "one that came meanwhile";
}

TEST_F(OpenpicTest, AnEdgeWaitsWhileItIsMasked) {
    configure(3, 5, 0x33, masked);
    pic.pulse(3);
    EXPECT_FALSE(asks());
    EXPECT_EQ(read(source(3)) & active, 0U);
    configure(3, 5, 0x33);
    EXPECT_TRUE(asks());
}

TEST_F(OpenpicTest, ChangedToALevelItFollowsTheLine) {
    configure(3, 5, 0x33);
    pic.pulse(3);
    EXPECT_TRUE(asks());
    configure(3, 5, 0x33, level);
    EXPECT_FALSE(asks());
    pic.set_line(3, true);
    EXPECT_TRUE(asks());
    configure(42, 5, 0x42, level);
    EXPECT_EQ(read(source(42)) & level, 0U) << "the chip's own have no such bit";
}

TEST_F(OpenpicTest, TheMostUrgentGoesFirstAndNests) {
    configure(1, 3, 0x11);
    configure(2, 8, 0x22);
    configure(4, 8, 0x44);
    pic.pulse(1);
    EXPECT_EQ(read(iack), 0x11U);
    pic.pulse(4);
    pic.pulse(2);
    EXPECT_TRUE(asks()) << "above what is in service";
    EXPECT_EQ(read(iack), 0x22U) << "of equals the lower number";
    EXPECT_FALSE(asks()) << "an equal is not";
    EXPECT_EQ(read(iack), 0xffffU);
    EXPECT_EQ(write(eoi, 0).input, 2U);
    EXPECT_TRUE(asks());
    EXPECT_EQ(read(iack), 0x44U);
    EXPECT_EQ(write(eoi, 0).input, 4U);
    EXPECT_EQ(write(eoi, 0).input, 1U);
}

TEST_F(OpenpicTest, TheTaskPriorityHoldsBackItsEquals) {
    configure(1, 6, 0x11);
    pic.pulse(1);
    for (const u32 own : {15U, 6U, 5U}) {
        write(task_priority, 0xfff0U | own);
        EXPECT_EQ(read(task_priority), own);
        EXPECT_EQ(asks(), own < 6) << own;
    }
    configure(1, 0, 0x11);
    write(task_priority, 0);
    EXPECT_FALSE(asks()) << "priority 0 never asks";
}

TEST_F(OpenpicTest, InterprocessorInterruptsReachEachCoreOnce) {
    start(2);
    write(ipi(0), 5U << 16 | 0x50);
    write(ipi(1), 8U << 16 | 0x51);
    EXPECT_EQ(read(features) >> 8 & 0x1f, 1U);
    write(ipi_dispatch, 3, 0);
    EXPECT_TRUE(asks(0));
    EXPECT_TRUE(asks(1));
    EXPECT_EQ(read(0xa0, 1), 0x50U) << "the registers of the core at hand";
    EXPECT_FALSE(asks(1));
    EXPECT_TRUE(asks(0)) << "it has not been there yet";
    EXPECT_EQ(read(iack), 0x50U);
    write(ipi_dispatch + core_stride + 0x10, 1, 1);
    EXPECT_TRUE(asks(0)) << "more urgent";
    EXPECT_FALSE(asks(1));
    write(ipi_dispatch, 0x8000'0004);
    EXPECT_FALSE(asks(1)) << "no such core";
}

TEST_F(OpenpicTest, ASourceGoesWhereItIsDirected) {
    start(2);
    configure(42, 5, 0x42);
    pic.set_line(42, true);
    EXPECT_TRUE(asks(0));
    EXPECT_FALSE(asks(1));
    write(source(42) + destination, 0xffff'fffe);
    EXPECT_EQ(read(source(42) + destination), 2U);
    EXPECT_FALSE(asks(0));
    EXPECT_TRUE(asks(1));
    EXPECT_EQ(read(iack + core_stride), 0x42U);
    EXPECT_EQ(write(eoi, 0).input, Openpic::none) << "not this core's";
    EXPECT_EQ(write(eoi + core_stride, 0).input, 42U);
}

TEST_F(OpenpicTest, TheCriticalOutputHasNoPriorityAndNoAcknowledge) {
    configure(42, 0, 0x42);
    write(source(42) + target, 1);
    write(task_priority, 15);
    pic.set_line(42, true);
    EXPECT_TRUE(pic.output(0, Output::critical));
    EXPECT_FALSE(asks());
    EXPECT_EQ(read(iack), 0xffffU);
    EXPECT_TRUE(pic.output(0, Output::critical));
    configure(42, 0, 0x42, masked);
    EXPECT_FALSE(pic.output(0, Output::critical));
    write(task_priority, 0);
    configure(42, 5, 0x42);
    EXPECT_TRUE(pic.output(0, Output::critical));
    EXPECT_FALSE(asks()) << "one output alone";
    pic.set_line(42, false);
    EXPECT_FALSE(pic.output(0, Output::critical));
    // An edge is nothing that would last.
    write(source(3) + target, 1);
    configure(3, 5, 0x33);
    pic.pulse(3);
    EXPECT_FALSE(pic.output(0, Output::critical));
    write(source(3) + target, 7);
    EXPECT_EQ(read(source(3) + target), 0U) << "no such output";
}

TEST_F(OpenpicTest, TheEndIsOfTheMostUrgentAsItIsNow) {
    configure(1, 5, 0x11, high);
    configure(2, 6, 0x22, high);
    pic.pulse(1);
    EXPECT_EQ(read(iack), 0x11U);
    pic.pulse(2);
    EXPECT_EQ(read(iack), 0x22U);
    configure(1, 9, 0x11, high);
    EXPECT_EQ(write(eoi, 0).input, 1U);
    EXPECT_EQ(write(eoi, 0).input, 2U);
}

TEST_F(OpenpicTest, AnEdgeFromBeforeIsNoneOfTheCriticalOutput) {
    configure(3, 5, 0x33, high);
    write(task_priority, 15);
    pic.pulse(3);
    write(source(3) + target, 1);
    EXPECT_FALSE(pic.output(0, Output::critical)) << "nothing would end it";
    write(source(3) + target, 0);
    write(task_priority, 0);
    EXPECT_FALSE(asks());
}

TEST_F(OpenpicTest, MessagesGatherUntilTheyAreRead) {
    configure(226, 5, 0xe2);
    write(message_index, 2U << 29 | 7U << 24);
    write(message_index, 2U << 29 | 31U << 24);
    write(message_index, 5U << 29);
    EXPECT_EQ(read(message_summary), 0x24U);
    EXPECT_TRUE(asks());
    EXPECT_EQ(read(iack), 0xe2U);
    EXPECT_EQ(read(message_base + 0x20), 0x80000080U);
    write(eoi, 0);
    EXPECT_FALSE(asks());
    EXPECT_EQ(read(message_base + 0x20), 0U);
    EXPECT_EQ(read(message_summary), 0x20U);
}

TEST_F(OpenpicTest, TimersCountDownAndStartAgain) {
    write(timer(1, 2), 5U << 16 | 0x71);
    EXPECT_EQ(pic.next_timer(), Openpic::none);
    EXPECT_FALSE(pic.timers_run());
    write(timer(1, 1), 100);
    EXPECT_TRUE(pic.timers_run());
    EXPECT_EQ(pic.next_timer(), 100U);
    pic.advance(99);
    EXPECT_EQ(read(timer(1, 0)), 1U);
    EXPECT_FALSE(asks());
    pic.advance(1);
    EXPECT_TRUE(asks());
    EXPECT_EQ(read(timer(1, 0)), 0x80000000U | 100U) << "and toggles";
    EXPECT_EQ(read(iack), 0x71U);
    pic.advance(250);
    EXPECT_EQ(read(timer(1, 0)), 0x80000000U | 50U) << "twice";
    write(eoi, 0);
    EXPECT_TRUE(asks());
    read(iack);
    write(eoi, 0);
    write(timer(1, 2), masked | 5U << 16 | 0x71);
    EXPECT_EQ(pic.next_timer(), Openpic::none) << "nobody waits for it";
    write(timer(1, 1), masked | 100);
    pic.advance(1000);
    EXPECT_EQ(read(timer(1, 0)), 0x80000000U | 50U) << "it stands still";
    write(timer(1, 1), 7);
    EXPECT_EQ(read(timer(1, 0)), 7U) << "from the start again";
}

TEST_F(OpenpicTest, AResetForgetsAllButTheLines) {
    configure(42, 5, 0x42);
    configure(3, 6, 0x33);
    pic.set_line(42, true);
    pic.set_line(3, true);
    write(message_index, 0);
    read(iack);
    write(configuration, 0x60000000);
    EXPECT_TRUE(pic.proxy());
    EXPECT_EQ(write(configuration, 0x80000000).kind, Outcome::reset);
    EXPECT_FALSE(pic.proxy());
    EXPECT_EQ(read(source(42)), masked | high);
    EXPECT_EQ(read(task_priority), 15U);
    EXPECT_EQ(read(message_summary), 0U);
    write(task_priority, 0);
    configure(224, 5, 0xe0);
    configure(3, 5, 0x33);
    EXPECT_FALSE(asks()) << "an edge of before";
    pic.set_line(3, true);
    EXPECT_FALSE(asks()) << "the line was up, and is";
    configure(42, 5, 0x42);
    EXPECT_EQ(read(iack), 0x42U);
}

TEST_F(OpenpicTest, RegistersKeepNoMoreThanTheyHave) {
    write(spurious, ~0U);
    EXPECT_EQ(read(spurious), 0xffffU);
    write(configuration, 0x1fffffff);
    EXPECT_EQ(read(configuration), 0U);
    // There is one core.
    write(timer(0, 3), 3);
    EXPECT_EQ(read(timer(0, 3)), 1U);
    write(ipi(0), 5U << 16 | 0x50);
    write(ipi_dispatch, 2);
    EXPECT_EQ(read(ipi(0)) & active, 0U);
    // What counts goes on.
    write(timer(0, 1), 1000);
    pic.advance(10);
    write(timer(0, 1), 500);
    EXPECT_EQ(read(timer(0, 0)), 990U);
}

TEST_F(OpenpicTest, NarrowAccessesAreTheRegistersUpperBytes) {
    configure(42, 5, 0x42);
    write(source(0), 0x8008'51a3);
    EXPECT_EQ(pic.read(source(0), 1, 0), 0x80U);
    EXPECT_EQ(pic.read(source(0), 2, 0), 0x8008U);
    EXPECT_EQ(pic.read(source(0) + 1, 1, 0), 0xffU);
    pic.write(source(0), 1, 0x80, 0);
    EXPECT_EQ(read(source(0)), masked);
    pic.write(source(0) + 2, 2, 0xffff, 0);
    EXPECT_EQ(read(source(0)), masked);
    pic.set_line(42, true);
    EXPECT_EQ(pic.read(iack + 3, 1, 0), 0xffU) << "no acknowledge";
    EXPECT_TRUE(asks());
    EXPECT_EQ(pic.read(iack, 1, 0), 0U) << "one, of which the vector's upper byte is seen";
    EXPECT_FALSE(asks());
}

TEST_F(OpenpicTest, StateIsSavedAndLoadedWhole) {
    start(2);
    configure(42, 5, 0x42);
    write(ipi(2), 9U << 16 | 0x52);
    pic.set_line(42, true);
    read(iack);
    write(ipi_dispatch + 0x20, 3);
    write(timer(0, 1), 1000);
    pic.advance(10);
    std::vector<u8> saved(Openpic::saved_size());
    pic.save(saved.data());

    Openpic other;
    other.start(1);
    ASSERT_EQ(other.load(saved.data()), nullptr);
    std::vector<u8> again(Openpic::saved_size());
    other.save(again.data());
    EXPECT_EQ(saved, again);
    EXPECT_TRUE(other.output(0, Output::external));
    EXPECT_EQ(other.read(iack, 4, 0), 0x52U);
    EXPECT_EQ(other.write(eoi, 4, 0, 0).input, Openpic::first_ipi + 2);
    EXPECT_EQ(other.write(eoi, 4, 0, 0).input, 42U);
    EXPECT_EQ(other.read(iack + core_stride, 4, 1), 0x52U);

    saved[3] = 3;  // the first row: three cores
    EXPECT_STREQ(other.load(saved.data()), "vcpus");
    saved[3] = 2;
    // Words of both cores lie behind four registers, vectors, destinations and task priorities.
    const std::size_t last = std::size_t{4} * (4 + 2 * Openpic::inputs + 2 + Openpic::words - 1);
    saved[last] = 0x80;  // an input behind the last
    EXPECT_STREQ(other.load(saved.data()), "in_service");
    saved[last] = 0;
    saved[7] = 1;  // a mode with a bit that it has not
    EXPECT_STREQ(other.load(saved.data()), "mode");
    EXPECT_EQ(other.read(features, 4, 0) >> 8 & 0x1f, 1U) << "and nothing has changed";
}

// Whatever a guest stores: no access leaves the model's arrays (the sanitizer looks).
TEST_F(OpenpicTest, AnyAccessIsHarmless) {
    std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp)
    for (unsigned i = 0; i < 300'000; ++i) {
        const unsigned size = 1U << random() % 3;
        const u32 block[] = {0, 0x1000, 0x1600, 0x10000, 0x20000, 0x3f000};
        const u32 offset = (block[random() % 6] + random() % 0x2000) % 0x40000 & ~(size - 1);
        if (random() % 2 != 0) {
            pic.write(offset, size, static_cast<u32>(random()), 0);
        } else {
            pic.read(offset, size, 0);
        }
        if (i % 16 == 0) pic.advance(static_cast<u32>(random()) >> random() % 32);
        if (i % 8 == 0) pic.set_line(random() % 256, random() % 2 != 0);
    }
}

}  // namespace
}  // namespace trapeze::dev
