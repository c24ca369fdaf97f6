// SPDX-License-Identifier: Apache-2.0
//
// The workloads of the literature on the executive: a task that counts and hands over, an FFT
// beside a periodic task, a control loop; and what the executive promises of locks and queues. What
// it prints is the same natively and under the VMM, but for lines that begin with '#': times.
// `overflow=1` on the command line: a task that uses up its stack.
#include "bench/bare/fft.hpp"
#include "executive.hpp"
#include "loop.hpp"
#include "tests/isa/support/option.hpp"

namespace {

using isa::print;
using rt::u32;

constexpr u32 counts = 4000, transforms = 8, steps = 2000;

// Each workload waits until it is its turn, and says when it is done.
constinit rt::Semaphore begin_count, begin_fft, begin_loop, begin_locks, begin_messages, done;

// What a part took, in ticks.
void took(const char* what, u32 number, rt::Time since) {
    print("# {}: {} in {} us", {what, number, rt::to_ns(rt::now() - since) / 1000});
}

// Two tasks count in turn, each step a switch.
constinit rt::Semaphore ping, pong;
u32 counted;
void count_up() {
    rt::wait(begin_count);
    for (u32 i = 0; i < counts / 2; ++i) {
        ++counted;
        rt::post(pong);
        rt::wait(ping);
    }
    rt::post(done);
}
void count_on() {
    for (;;) {
        rt::wait(pong);
        ++counted;
        rt::post(ping);
    }
}

fft::Transform<10>& transform() {
    static fft::Transform<10> the({137, 9000}, {300, 5000});
    return the;
}
u32 right;
void transform_often() {
    rt::wait(begin_fft);
    for (u32 i = 0; i < transforms; ++i) {
        transform().run();
        right += transform().right() ? 1 : 0;
    }
    rt::post(done);
}

// A job a millisecond, beside all other parts; when it is told to, each steps the loop. What that
// gives follows from the number of its steps alone.
rt::Motor motor;
constinit rt::Controller controller({.proportional = 400, .integral = 8});
rt::i32 speeds[steps / 250];
constinit rt::Histogram lateness(rt::ticks_a_us);
u32 stepped;
void control() {
    while (!rt::try_wait(begin_loop)) rt::next_period();
    for (; stepped < steps; rt::next_period()) {
        const rt::i32 wanted = stepped < steps / 2 ? 1'500'000 : 600'000;
        const rt::i32 load = stepped < steps / 4 ? 0 : 200'000;
        motor.step(controller.step(wanted, motor.speed()), load);
        if (++stepped % 250 == 0) speeds[stepped / 250 - 1] = motor.speed();
    }
    rt::post(done);
}

// One that is urgent waits for what one that is not has; the one in between must not get in
// between.
constinit rt::Mutex mutex;
constinit rt::Semaphore urgent_goes, between_goes;
char order[16];
u32 events;
void note(char event) { order[events++] = event; }
void urgent() {
    rt::wait(urgent_goes);
    note(rt::lock(mutex, rt::us(1)) ? '?' : 't');  // in vain: the owner waits for longer
    rt::lock(mutex);
    note('U');
    rt::unlock(mutex);
}
void between() {
    rt::wait(between_goes);
    note('B');
}
void unhurried() {
    rt::wait(begin_locks);
    rt::lock(mutex);
    rt::post(urgent_goes);
    rt::sleep(rt::us(100));
    note('h');
    rt::post(between_goes);
    note('H');
    rt::unlock(mutex);
    note('l');
    rt::post(done);
}

// Numbers through a queue with less room than there are; the sum says that each came once.
constinit rt::Queue<u32, 4> queue;
u32 sum, received, in_order, in_vain;
void producer() {
    rt::wait(begin_messages);
    for (u32 i = 1; i <= 1000; ++i) queue.send(i);
}
void consumer() {
    for (u32 number = 0; received < 1000;) {
        queue.receive(number);
        sum += number;
        in_order += number == ++received ? 1 : 0;
    }
    u32 nothing = 0;
    in_vain = queue.receive(nothing, rt::us(50)) ? 0 : 1;
    rt::post(done);
}

[[gnu::noinline]] u32 deeper(u32 n) {
    volatile u32 frame[64] = {};
    frame[n % 64] = n;
    return n == 0 ? 0 : deeper(n - 1) + frame[n % 64];
}
void deep() { print("deep: {}, and nobody has noticed", {deeper(1000)}); }

void direct();

constinit rt::Thread counter("counter", 4, count_up), other("other", 4, count_on),
    fourier("fft", 3, transform_often), loop("loop", 9, control, rt::us(1000)),
    high("urgent", 8, urgent), middle("between", 7, between), low("unhurried", 6, unhurried),
    sends("producer", 5, producer), takes("consumer", 4, consumer), director("director", 1, direct),
    overflows("deep", 2, deep);
constexpr rt::Thread* all[] = {&counter, &other, &fourier, &loop,  &high,
                               &middle,  &low,   &sends,   &takes, &director};

void part(rt::Semaphore& begin, const char* what, u32 number) {
    const rt::Time since = rt::now();
    rt::post(begin);
    rt::wait(done);
    took(what, number, since);
}

void direct() {
    part(begin_count, "count", counts);
    print("count: {} of {}", {counted, counts});
    part(begin_fft, "fft", transforms);
    print("fft: {} of {} are right, {x}", {right, transforms, transform().checksum()});
    part(begin_loop, "loop", steps);
    for (const rt::i32 speed : speeds) {
        print("loop: {} rpm/1000 at the end of a quarter second", {speed});
    }
    part(begin_locks, "locks", 1);
    print("locks: {}", {static_cast<const char*>(order)});
    part(begin_messages, "messages", received);
    print("queue: {} messages, {} in order, sum {}, {} in vain",
          {received, in_order, sum, in_vain});
    u32 deepest = 0;
    for (const rt::Thread* const thread : all) {
        const u32 used = thread->stack_used();
        if (used > deepest) deepest = used;
        const rt::Account& a = thread->account;
        print("# {}: {} bytes of stack, {} switches to it, {} us",
              {thread->name, used, a.dispatches, rt::to_ns(a.ran) / 1000});
    }
    print("stacks: {}", {deepest < rt::stack_bytes / 2 ? "less than half is used" : "too full"});
    const rt::Account& a = loop.account;
    print("jobs: {}", {a.jobs + a.skipped + 2 >= a.releases ? "as many as releases" : "lost"});
    print("# late by {} ns at least, {} in the middle, {} at most; {} missed of {}",
          {rt::to_ns(lateness.least()), rt::to_ns(lateness.reached_by(500)),
           rt::to_ns(lateness.most()), a.misses, a.releases});
    print("# idle for {} us", {rt::to_ns(rt::idle()) / 1000});
    print("isa: done");
    isa::reset();
}

}  // namespace

void isa_main() {
    const bool full = isa::option("overflow", 0) != 0;
    loop.account.latency = &lateness;
    for (rt::Thread* const thread : all) rt::start(*thread);
    if (full) rt::start(overflows);
    rt::run();
}
