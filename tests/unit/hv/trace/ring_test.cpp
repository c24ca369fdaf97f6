// SPDX-License-Identifier: Apache-2.0
#include "hv/trace/ring.hpp"

#include <gtest/gtest.h>

#include <array>

namespace trapeze::trace {
namespace {

TEST(RingTest, KeepsTheLatestInTheirOrder) {
    for (const u32 room : {1U, 2U, 7U}) {
        std::array<Record, 8> memory{};
        Ring ring;
        ring.use(memory.data(), room);
        EXPECT_EQ(ring.held(), 0U);
        for (u32 n = 1; n <= 30; ++n) {
            Record r{};
            r.number = n;
            ring.add(r);
            const u32 held = n < room ? n : room;
            ASSERT_EQ(ring.held(), held);
            ASSERT_EQ(ring.lost(), n - held);
            for (u32 i = 0; i < held; ++i) ASSERT_EQ(ring.at(i).number, n - held + 1 + i);
        }
        for (u32 i = room; i < memory.size(); ++i) {
            EXPECT_EQ(memory.at(i).number, 0U) << "not its own";
        }
    }
}

TEST(RingTest, NoneIsNoTrace) {
    core::Core c{};
    add(c, What::runs, 0, 5);
    std::array<Record, 2> memory{};
    Ring ring;
    ring.use(memory.data(), 2);
    c.trace_ring = &ring;
    add(c, What::message, 3, 5, 7);
    ASSERT_EQ(ring.held(), 1U);
    EXPECT_EQ(ring.at(0).what, What::message);
    EXPECT_EQ(ring.at(0).guest, 3U);
    EXPECT_EQ(ring.at(0).time, 5U);
    EXPECT_EQ(ring.at(0).number, 7U);
    EXPECT_EQ(ring.at(0).ticks, 0U);
}

}  // namespace
}  // namespace trapeze::trace
