// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "memory.hpp"

namespace ring {
namespace {

using std::uint32_t;

int send(trapeze_ring& to, const std::string& text) {
    return trapeze_ring_send(&to, text.data(), static_cast<uint32_t>(text.size()));
}

std::string receive(trapeze_ring& from) {
    char bytes[4096];
    uint32_t length = 0;
    const int result = trapeze_ring_receive(&from, bytes, sizeof bytes, &length);
    return result == TRAPEZE_RING_OK ? std::string(bytes, length)
                                     : "result " + std::to_string(result);
}
const std::string empty = "result " + std::to_string(TRAPEZE_RING_EMPTY);
const std::string broken = "result " + std::to_string(TRAPEZE_RING_BROKEN);

struct RingTest : testing::Test {
    Memory memory{256};
    trapeze_ring a{}, b{};
    void SetUp() override {
        ASSERT_EQ(memory.open(a, 0), TRAPEZE_RING_OK);
        ASSERT_EQ(memory.open(b, 1), TRAPEZE_RING_OK);
    }
};

TEST_F(RingTest, MessagesGoBothWaysInTheirOrder) {
    EXPECT_EQ(receive(b), empty);
    EXPECT_EQ(send(a, "one"), TRAPEZE_RING_OK);
    EXPECT_EQ(send(a, ""), TRAPEZE_RING_OK);
    EXPECT_EQ(send(a, "three3"), TRAPEZE_RING_OK);
    EXPECT_EQ(send(b, "back"), TRAPEZE_RING_OK);
    EXPECT_EQ(receive(b), "one");
    EXPECT_EQ(receive(b), "");
    EXPECT_EQ(receive(b), "three3");
    EXPECT_EQ(receive(b), empty);
    EXPECT_EQ(receive(a), "back");
}

TEST_F(RingTest, ItsLayoutIsTheDocumentedOne) {
    send(a, "abcde");
    send(b, "x");
    receive(b);
    const uint32_t* const w = memory.own(0);
    EXPECT_EQ(w[0], 0x54525a52U);
    EXPECT_EQ(w[1], 1U);
    EXPECT_EQ(w[2], 256U - 96);
    EXPECT_EQ(w[4], 1U);   // opens
    EXPECT_EQ(w[8], 12U);  // head: a length and two words
    EXPECT_EQ(w[24], 5U);
    EXPECT_EQ(std::memcmp(w + 25, "abcde\0\0", 8), 0);
    EXPECT_EQ(memory.own(1)[16], 12U);   // tail
    EXPECT_EQ(memory.own(1)[17], w[3]);  // seen, generation
}

// Lengths that meet the end in every way, and nearly fill it.
TEST_F(RingTest, MessagesGoRoundAtEveryPlace) {
    const uint32_t most = trapeze_ring_most(&a);
    EXPECT_EQ(most, 256U - 96 - 8);
    for (uint32_t number = 0; number < 5000; ++number) {
        const Message sent(number, most);
        ASSERT_EQ(trapeze_ring_send(&a, sent.bytes, sent.length), TRAPEZE_RING_OK);
        Message got{};
        ASSERT_EQ(trapeze_ring_receive(&b, got.bytes, sizeof got.bytes, &got.length),
                  TRAPEZE_RING_OK);
        ASSERT_EQ(got.number(), number);
        ASSERT_TRUE(got.whole(most));
    }
}

TEST_F(RingTest, WhatDoesNotFitIsRefusedAndWhatWasSentStays) {
    EXPECT_EQ(send(a, std::string(153, 'x')), TRAPEZE_RING_TOO_LONG);
    EXPECT_EQ(send(a, std::string(152, 'x')), TRAPEZE_RING_OK);
    EXPECT_EQ(send(a, ""), TRAPEZE_RING_FULL);
    EXPECT_EQ(receive(b), std::string(152, 'x'));
    for (int i = 0; i < 7; ++i) EXPECT_EQ(send(a, std::string(16, 'y')), TRAPEZE_RING_OK);
    EXPECT_EQ(send(a, std::string(16, 'z')), TRAPEZE_RING_FULL);
    for (int i = 0; i < 7; ++i) EXPECT_EQ(receive(b), std::string(16, 'y'));
    EXPECT_EQ(receive(b), empty);
}

TEST_F(RingTest, AShortBufferIsToldAndNotOverrun) {
    send(a, "0123456789");
    send(a, "next");
    char bytes[8] = "-------";
    uint32_t length = 0;
    EXPECT_EQ(trapeze_ring_receive(&b, bytes, 5, &length), TRAPEZE_RING_TRUNCATED);
    EXPECT_EQ(length, 10U);
    EXPECT_STREQ(bytes, "01234--");
    EXPECT_EQ(receive(b), "next");
}

TEST_F(RingTest, BadArgumentsOpenNothing) {
    trapeze_ring ring{};
    auto* const at = reinterpret_cast<unsigned char*>(memory.own(0));
    EXPECT_EQ(trapeze_ring_open(&ring, at, memory.own(1), 124), TRAPEZE_RING_BAD);
    EXPECT_EQ(trapeze_ring_open(&ring, at, memory.own(1), 254), TRAPEZE_RING_BAD);
    EXPECT_EQ(trapeze_ring_open(&ring, at, memory.own(1), (1U << 30) + 4), TRAPEZE_RING_BAD);
    EXPECT_EQ(trapeze_ring_open(&ring, at + 2, memory.own(1), 128), TRAPEZE_RING_BAD);
    EXPECT_EQ(trapeze_ring_open(&ring, at, at + 129, 128), TRAPEZE_RING_BAD);
}

TEST_F(RingTest, SidesThatDisagreeOnTheSizeHearNothing) {
    send(a, "x");
    EXPECT_EQ(trapeze_ring_peer_opens(&b), 1U);
    EXPECT_EQ(trapeze_ring_open(&b, memory.own(1), memory.block(0, 1), 128), TRAPEZE_RING_OK);
    EXPECT_EQ(receive(b), empty);
    EXPECT_EQ(trapeze_ring_peer_opens(&b), 0U);
}

TEST(RingStart, WhatIsSentBeforeThePeerIsThereWaitsForIt) {
    Memory memory{256};
    trapeze_ring a{}, b{};
    memory.open(a, 0);
    EXPECT_EQ(trapeze_ring_peer_opens(&a), 0U);
    while (send(a, "early") == TRAPEZE_RING_OK) {
    }
    EXPECT_EQ(send(a, "early"), TRAPEZE_RING_FULL);
    memory.open(b, 1);
    EXPECT_EQ(trapeze_ring_peer_opens(&a), 1U);
    for (int i = 0; i < 13; ++i) EXPECT_EQ(receive(b), "early");
    EXPECT_EQ(receive(b), empty);
    EXPECT_EQ(send(a, "late"), TRAPEZE_RING_OK);
    EXPECT_EQ(receive(b), "late");
}

TEST_F(RingTest, ASideThatStartsAnewGoesOnWhereItWas) {
    for (uint32_t turn = 0; turn < 100; ++turn) {
        send(a, "first");
        send(a, "second");
        EXPECT_EQ(receive(b), "first");
        memory.open(turn % 2 != 0 ? a : b, turn % 2 != 0 ? 0 : 1);
        EXPECT_EQ(receive(b), "second");
        EXPECT_EQ(receive(b), empty);
    }
    EXPECT_EQ(trapeze_ring_peer_opens(&a), 51U);
    EXPECT_EQ(trapeze_ring_peer_opens(&b), 51U);
}

TEST_F(RingTest, ASenderWhoseBlockWasOverwrittenBeginsAnew) {
    for (int i = 0; i < 8; ++i) send(a, "old");
    EXPECT_EQ(receive(b), "old");
    std::memset(memory.own(0), 0xff, 256);
    EXPECT_EQ(receive(b), empty);
    memory.open(a, 0);
    EXPECT_EQ(receive(b), empty);
    for (int i = 0; i < 30; ++i) {
        EXPECT_EQ(send(a, "new " + std::to_string(i)), TRAPEZE_RING_OK);
        EXPECT_EQ(receive(b), "new " + std::to_string(i));
    }
}

// It may get again what the sender has not yet been told it took; it never gets half of one.
TEST_F(RingTest, AReceiverWhoseBlockWasOverwrittenFindsAWholeMessage) {
    for (int i = 0; i < 50; ++i) {
        send(a, "message " + std::to_string(i));
        if (i != 49) receive(b);
    }
    std::memset(memory.own(1), 0, 256);
    memory.open(b, 1);
    std::string last;
    for (std::string got; (got = receive(b)) != empty; last = got) {
        EXPECT_EQ(got.substr(0, 8), "message ");
    }
    EXPECT_EQ(last, "message 49");
}

TEST_F(RingTest, APeerThatWritesNonsenseIsToldOnceAndLeftBehind) {
    send(a, "good");
    memory.own(0)[24] = 1000;  // a length that reaches past the head
    EXPECT_EQ(receive(b), broken);
    EXPECT_EQ(receive(b), empty);
    send(a, "good again");
    EXPECT_EQ(receive(b), "good again");
    memory.own(0)[8] = 4096;  // a head that lies outside
    EXPECT_EQ(receive(b), broken);
    memory.own(1)[16] = 3;  // a tail that is none
    EXPECT_EQ(send(a, "x"), TRAPEZE_RING_BROKEN);
}

// Every word of the peer's is anything at any time: what leaves the blocks or the buffer faults, or
// is seen.
TEST_F(RingTest, NothingThatAPeerWritesLeadsOutside) {
    uint32_t random = 1;
    const auto next = [&] { return random = random * 1664525 + 1013904223, random >> 8; };
    unsigned taken = 0;
    for (unsigned turn = 0; turn < 300'000; ++turn) {
        uint32_t* const w = memory.own(0);
        const uint32_t values[] = {next(), next() % 40 * 4, next() % 160, 0, ~0U, w[8], w[9]};
        const uint32_t words[] = {next() % 64, 8, 9, 16, 17, 24 + next() % 40, 3};
        w[words[next() % 7]] = values[next() % 7];
        if (next() % 4 == 0) memory.open(a, 0);
        if (next() % 2 == 0) send(a, std::string(next() % 60, 'x'));
        unsigned char bytes[96];
        std::memset(bytes, 0x55, sizeof bytes);
        const uint32_t room = next() % 64;
        uint32_t length = 0;
        const int result = trapeze_ring_receive(&b, bytes, room, &length);
        taken += result == TRAPEZE_RING_OK ? 1 : 0;
        ASSERT_TRUE(result != TRAPEZE_RING_OK || length <= room);
        for (uint32_t i = room; i < sizeof bytes; ++i) ASSERT_EQ(bytes[i], 0x55);
        send(b, std::string(next() % 60, 'y'));
    }
    EXPECT_GT(taken, 1000U);
}

}  // namespace
}  // namespace ring
