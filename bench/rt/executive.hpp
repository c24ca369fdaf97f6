// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "kernel.hpp"
#include "layout.h"

// A small real-time executive for one e500v2 core, on the bare machine or under the VMM: tasks of
// fixed priorities, in supervisor mode and one address space, each on a stack with a guard
// (docs/real-time.md). A program declares Threads, starts them in isa_main(), and calls run().
namespace rt {

// Of the time base of QEMU's ppce500.
inline constexpr u32 ticks_a_us = 400;
constexpr Time us(u32 number) { return Time{number} * ticks_a_us; }
constexpr u32 to_ns(Time ticks) { return static_cast<u32>(ticks * 1000 / ticks_a_us); }

// The time base.
Time now();

struct Context {
    u32 gpr[32];
    u32 cr, xer, ctr, lr;
    u32 nip, msr;
    u32 clear;
};
static_assert(offsetof(Context, cr) == C_CR && offsetof(Context, nip) == C_NIP &&
              offsetof(Context, msr) == C_MSR && offsetof(Context, clear) == C_CLEAR);

inline constexpr u32 stack_bytes = 0x4000;  // TSIZE 2

class Thread : public Task {
  public:
    // `body` is what it does; a periodic one starts with the first job and goes on to the next by
    // next_period(). Period and deadline are ticks, as in Task.
    constexpr Thread(const char* its_name, u8 its_priority, void (*body)(), Time its_period = 0,
                     Time its_deadline = 0)
        : Task(its_name, its_priority, static_cast<u32>(its_period),
               static_cast<u32>(its_deadline)),
          body_(body) {}

    // How many bytes of its stack it has ever used.
    [[nodiscard]] u32 stack_used() const;

  private:
    friend class Executive;
    static void begin();
    void (*const body_)();
    Context context_ = {};
    u32* stack_ = nullptr;
};

// Before run(): a thread more. A periodic one has its first release `phase` ticks after run().
void start(Thread& thread, Time phase = 0);
[[noreturn]] void run();

// For threads. Timeouts are ticks; false: the time has come before what was waited for.
void next_period();
void sleep(Time ticks);
void yield();
bool wait(Semaphore& semaphore, Time timeout = never);
bool try_wait(Semaphore& semaphore);
void post(Semaphore& semaphore);
bool lock(Mutex& mutex, Time timeout = never);
void unlock(Mutex& mutex);

// Ticks that no thread had the core, since run().
Time idle();
// Tells which thread, and why, and ends the guest by a reset.
[[noreturn]] void fail(const char* why);

// Interrupts are disabled while there is one.
class Disabled {
  public:
    Disabled();
    ~Disabled();
    Disabled(const Disabled&) = delete;
    Disabled& operator=(const Disabled&) = delete;

  private:
    u32 msr_;
};

// Messages from any threads to any threads, in order, as many as there is room for.
template <typename Message, u32 room>
class Queue {
  public:
    bool send(const Message& message, Time timeout = never) {
        if (!wait(spaces_, timeout)) return false;
        put(message);
        return true;
    }
    bool try_send(const Message& message) {
        if (!try_wait(spaces_)) return false;
        put(message);
        return true;
    }
    bool receive(Message& message, Time timeout = never) {
        if (!wait(messages_, timeout)) return false;
        {
            const Disabled here;
            message = ring_[first_];
            first_ = (first_ + 1) % room;
        }
        post(spaces_);
        return true;
    }

  private:
    void put(const Message& message) {
        {
            const Disabled here;
            ring_[last_] = message;
            last_ = (last_ + 1) % room;
        }
        post(messages_);
    }
    Semaphore spaces_{room}, messages_;
    Message ring_[room] = {};
    u32 first_ = 0, last_ = 0;
};

}  // namespace rt
