// SPDX-License-Identifier: Apache-2.0
#include "hv/para/switch.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace trapeze::para {
namespace {

constexpr Address broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

Address own(unsigned n) { return {{2, 0, 0, 0, 0, static_cast<u8>(n)}}; }
Address behind(unsigned n) { return {{6, 0, 0, 0, 1, static_cast<u8>(n)}}; }

struct Woken {
    unsigned guest, handle;
    bool operator==(const Woken&) const = default;
};
std::vector<Woken>& woken() {
    static std::vector<Woken> all;
    return all;
}
void wake(void* /*sender*/, unsigned guest, unsigned handle) { woken().push_back({guest, handle}); }

class SwitchTest : public testing::Test {
  protected:
    static constexpr u64 age = 1000;

    void make(unsigned ports) {
        woken().clear();
        lan->start(wake, age);
        for (unsigned n = 0; n < ports; ++n) {
            ASSERT_NE(lan->add(nullptr, n, 10 + n, own(n)), nullptr);
        }
        memory.resize(Switch::bytes_for(ports));
        lan->give(memory.data());
        for (unsigned n = 0; n < ports; ++n) lan->port(n).raise();
    }
    Frame frame(const Address& to, const Address& from, u8 mark = 0, u32 bytes = 60) {
        Frame f{};
        f.bytes = bytes;
        std::copy(std::begin(to.byte), std::end(to.byte), f.data);
        std::copy(std::begin(from.byte), std::end(from.byte), f.data + 6);
        f.data[14] = mark;
        return f;
    }
    /// From one port's own address to another's.
    void say(unsigned from, unsigned to, u8 mark = 0) {
        lan->port(from).send(frame(own(to), own(from), mark), now);
    }
    /// Marks of all that a port gets.
    std::vector<int> heard(unsigned n) {
        std::vector<int> marks;
        while (const Frame* const next = lan->port(n).next()) {
            marks.push_back(next->data[14]);
            lan->port(n).take();
        }
        return marks;
    }

    std::unique_ptr<Switch> lan = std::make_unique<Switch>();
    std::vector<u8> memory;
    u64 now = 1;
};

using Marks = std::vector<int>;

TEST_F(SwitchTest, AFrameGoesToWhoHasItsAddress) {
    make(3);
    say(0, 1, 7);
    EXPECT_EQ(heard(1), Marks{7});
    EXPECT_EQ(heard(0), Marks{});
    EXPECT_EQ(heard(2), Marks{});
    EXPECT_EQ(woken(), (std::vector<Woken>{{1, 11}}));
    EXPECT_EQ(lan->port(0).counters().sent_bytes, 60U);
    EXPECT_EQ(lan->port(1).counters().received, 1U);
}

TEST_F(SwitchTest, GroupsAndUnknownAddressesGoToAllOthers) {
    make(3);
    lan->port(1).send(frame(broadcast, own(1), 1), now);
    lan->port(1).send(frame({{1, 0, 0x5e, 0, 0, 1}}, own(1), 2), now);
    lan->port(1).send(frame(behind(1), own(1), 3), now);
    EXPECT_EQ(heard(0), (Marks{1, 2, 3}));
    EXPECT_EQ(heard(2), (Marks{1, 2, 3}));
    EXPECT_EQ(heard(1), Marks{});
}

TEST_F(SwitchTest, ItLearnsWhatIsBehindAPortAndForgets) {
    make(3);
    lan->port(0).send(frame(own(1), behind(5)), now);
    heard(1);
    now += age;
    lan->port(1).send(frame(behind(5), own(1), 1), now);
    EXPECT_EQ(heard(0), Marks{1});
    EXPECT_EQ(heard(2), Marks{});
    // It moves: the last port counts.
    ++now;
    lan->port(2).send(frame(own(1), behind(5)), now);
    lan->port(1).send(frame(behind(5), own(1), 2), now);
    EXPECT_EQ(heard(0), Marks{});
    EXPECT_EQ(heard(2), Marks{2});
    now += age + 1;
    lan->port(1).send(frame(behind(5), own(1), 3), now);
    EXPECT_EQ(heard(0), Marks{3}) << "too old: to all";
    EXPECT_EQ(heard(2), Marks{3});
    // What is behind the port it comes from stays there.
    lan->port(0).send(frame(own(1), behind(5)), now);
    lan->port(0).send(frame(behind(5), own(0), 4), now);
    EXPECT_EQ(heard(2), Marks{});
}

TEST_F(SwitchTest, NobodyTakesAnothersAddress) {
    make(3);
    lan->port(0).send(frame(own(2), own(1), 1), now);
    EXPECT_EQ(heard(2), Marks{});
    EXPECT_EQ(lan->port(0).counters().foreign, 1U);
    EXPECT_EQ(lan->port(0).counters().sent, 0U);
    say(2, 1, 2);
    EXPECT_EQ(heard(1), Marks{2});
}

TEST_F(SwitchTest, WhoClaimsManyAddressesForgetsItsOwnAlone) {
    make(3);
    lan->port(0).send(frame(own(2), behind(200)), now++);
    for (unsigned n = 0; n < 100; ++n) lan->port(1).send(frame(own(2), behind(n)), now++);
    heard(2);
    lan->port(2).send(frame(behind(200), own(2), 1), now);
    lan->port(2).send(frame(behind(99), own(2), 2), now);
    lan->port(2).send(frame(behind(84), own(2), 3), now);
    EXPECT_EQ(heard(0), Marks{1});
    EXPECT_EQ(heard(1), (Marks{2, 3}));
    lan->port(2).send(frame(behind(83), own(2), 4), now);
    EXPECT_EQ(heard(0), Marks{4}) << "forgotten: to all";
}

TEST_F(SwitchTest, AFullQueueDropsAndLeavesRoomForOthers) {
    make(3);
    constexpr unsigned room = Switch::queue_frames / 2;
    for (unsigned n = 0; n < room + 5; ++n) say(0, 2, 1);
    EXPECT_EQ(lan->port(0).counters().full, 5U);
    say(1, 2, 2);
    EXPECT_EQ(lan->port(1).counters().full, 0U);
    EXPECT_EQ(woken().size(), room + 1) << "nothing new, nobody is told";
    // In turns, so the other one does not wait for the burst.
    const Marks marks = heard(2);
    EXPECT_EQ(marks.size(), room + 1);
    EXPECT_EQ(marks.at(1), 2);
    say(0, 2, 3);
    EXPECT_EQ(heard(2), Marks{3});
}

TEST_F(SwitchTest, RingsGoOnWhenTheirCountsWrap) {
    make(2);
    for (unsigned n = 0; n < 3 * Switch::queue_frames; ++n) {
        say(0, 1, static_cast<u8>(n));
        ASSERT_EQ(heard(1), Marks{static_cast<u8>(n)});
    }
}

TEST_F(SwitchTest, AGuestThatIsGoneGetsNothing) {
    make(2);
    say(0, 1, 1);
    lan->port(1).lower();
    EXPECT_EQ(heard(1), Marks{}) << "its queue is empty";
    say(0, 1, 2);
    EXPECT_EQ(lan->port(0).counters().down, 1U);
    EXPECT_EQ(woken().size(), 1U);
    lan->port(1).raise();
    EXPECT_EQ(heard(1), Marks{});
    say(0, 1, 3);
    EXPECT_EQ(heard(1), Marks{3});
}

TEST_F(SwitchTest, FramesThatCannotBeAreDropped) {
    make(2);
    lan->port(0).send(frame(own(1), broadcast), now);
    lan->port(0).send(frame(own(1), own(0), 0, 13), now);
    EXPECT_EQ(lan->port(0).counters().malformed, 2U);
    lan->port(0).send(frame(own(1), own(0), 9, Frame::most), now);
    EXPECT_EQ(heard(1), Marks{9});
}

TEST_F(SwitchTest, ItHasPortsForEight) {
    make(Switch::most_ports);
    EXPECT_EQ(lan->add(nullptr, 0, 0, own(9)), nullptr);
    lan->port(7).send(frame(broadcast, own(7), 1), now);
    for (unsigned n = 0; n < 7; ++n) EXPECT_EQ(heard(n), Marks{1});
}

}  // namespace
}  // namespace trapeze::para
