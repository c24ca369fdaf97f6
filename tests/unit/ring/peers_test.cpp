// SPDX-License-Identifier: Apache-2.0
// Two sides at once, and sides that are killed anywhere.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "memory.hpp"

namespace ring {
namespace {

using std::uint32_t;

constexpr uint32_t most = 120;

void send_all(const Memory& memory, unsigned side, uint32_t from, uint32_t to, bool reopens) {
    trapeze_ring ring{};
    memory.open(ring, side);
    for (uint32_t number = from; number < to; ++number) {
        const Message message(number, most);
        while (trapeze_ring_send(&ring, message.bytes, message.length) != TRAPEZE_RING_OK) {
            sched_yield();
        }
        if (reopens && number % 97 == 0) memory.open(ring, side);
    }
}

// How many messages were lost, torn, or there twice.
uint32_t receive_all(const Memory& memory, unsigned side, uint32_t from, uint32_t to,
                     bool reopens) {
    trapeze_ring ring{};
    memory.open(ring, side);
    uint32_t wrong = 0;
    for (uint32_t number = from; number < to;) {
        Message got{};
        const int result = trapeze_ring_receive(&ring, got.bytes, sizeof got.bytes, &got.length);
        if (result == TRAPEZE_RING_EMPTY) {
            sched_yield();
            continue;
        }
        wrong += result != TRAPEZE_RING_OK || got.number() != number || !got.whole(most) ? 1 : 0;
        ++number;
        if (reopens && number % 89 == 0) memory.open(ring, side);
    }
    return wrong;
}

void exchange(uint32_t bytes, bool reopens) {
    const Memory memory{bytes};
    constexpr uint32_t count = 100'000;
    uint32_t wrong = 0;
    std::thread sender([&] { send_all(memory, 0, 1, count, reopens); });
    std::thread receiver([&] { wrong = receive_all(memory, 1, 1, count, reopens); });
    sender.join();
    receiver.join();
    EXPECT_EQ(wrong, 0U);
}

TEST(RingPeers, NothingIsLostOrTornBetweenThreads) {
    exchange(96 + 132, false);
    exchange(4096, false);
}

TEST(RingPeers, NothingIsLostOrTornWhileBothStartAnew) { exchange(512, true); }

// Where the killed side keeps what it knows of its own work.
struct Notes {
    uint32_t next;  // number to send
    uint32_t last;  // received
    uint32_t lost, torn, twice;
};
Notes& shared_notes() {
    return *static_cast<Notes*>(
        mmap(nullptr, sizeof(Notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

void send_for_ever(const Memory& memory, Notes& notes) {
    trapeze_ring ring{};
    memory.open(ring, 0);
    for (;;) {
        const Message message(notes.next, most);
        if (trapeze_ring_send(&ring, message.bytes, message.length) == TRAPEZE_RING_OK) {
            __atomic_store_n(&notes.next, notes.next + 1, __ATOMIC_SEQ_CST);
        }
    }
}

void receive_for_ever(const Memory& memory, Notes& notes) {
    trapeze_ring ring{};
    memory.open(ring, 1);
    // The one before had perhaps received a message, and not yet noted it.
    for (uint32_t unnoted = 1;;) {
        Message got{};
        const int result = trapeze_ring_receive(&ring, got.bytes, sizeof got.bytes, &got.length);
        if (result == TRAPEZE_RING_EMPTY) continue;
        if (result != TRAPEZE_RING_OK || !got.whole(most)) {
            ++notes.torn;
            continue;
        }
        const uint32_t step = got.number() - notes.last;
        if (step == 0) ++notes.twice;
        if (step > 1 + unnoted) ++notes.lost;
        notes.last = got.number();
        unnoted = 0;
    }
}

TEST(RingPeers, KilledAnywhereEitherSideLosesNothing) {
    const Memory memory{512};
    Notes& notes = shared_notes();
    notes.next = 1;
    constexpr unsigned turns = 60;
    for (unsigned turn = 0; turn < turns; ++turn) {
        const unsigned apart = 1000 + turn * 37 % 1000;
        const pid_t sender = fork();
        if (sender == 0) send_for_ever(memory, notes);
        const pid_t receiver = fork();
        if (receiver == 0) receive_for_ever(memory, notes);
        usleep(apart);
        kill(turn % 2 == 0 ? sender : receiver, SIGKILL);
        usleep(apart);
        kill(turn % 2 == 0 ? receiver : sender, SIGKILL);
        waitpid(sender, nullptr, 0);
        waitpid(receiver, nullptr, 0);
    }
    EXPECT_EQ(notes.torn, 0U);
    EXPECT_EQ(notes.lost, 0U);
    // A kill of either lies between its message and its note of that, or not.
    EXPECT_LE(notes.twice, 2 * turns);
    EXPECT_GT(notes.last, 1000U);
}

}  // namespace
}  // namespace ring
