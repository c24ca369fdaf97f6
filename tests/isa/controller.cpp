// SPDX-License-Identifier: Apache-2.0
//
// The interrupt controller by itself, polled: many sequences of what a driver may do to it, with
// all registers read after each step. Sources are those that a program can raise without a device:
// interprocessor interrupts and messages.
#include "isa.hpp"

namespace {

using namespace isa;

constexpr u32 mpic = 0x4'0000;
constexpr u32 configuration = mpic + 0x1020, ipi_vector = mpic + 0x10a0;
constexpr u32 message_register = mpic + 0x1600, message_summary = mpic + 0x1720,
              message_index = mpic + 0x1740;
constexpr u32 first_message = 224, messages = 3, ipis = 4, inputs = ipis + messages;
constexpr u32 ipi_dispatch = mpic + 0x2'0040, task_priority = mpic + 0x2'0080,
              acknowledge = mpic + 0x2'00a0, end_of_interrupt = mpic + 0x2'00b0;
constexpr u32 masked = 0x8000'0000u, active = 0x4000'0000u;

u32 seed = 1;
u32 any(u32 below) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

u32 vector_register(u32 input) {
    return input < ipis ? ipi_vector + 16 * input
                        : mpic + 0x1'0000 + 32 * (first_message + input - ipis);
}

struct Sum {
    u32 value = 1;
    void add(u32 more) { value = (value << 7 | value >> 25) * 0x9e3779b1u + more; }
};

// What is in service, by priority.
struct Service {
    u32 priority[inputs], count;
} service;

u32 floor_of_service() { return service.count != 0 ? service.priority[service.count - 1] : 0; }

// The priority of the most urgent input that asks, by the activity bits; 0: none.
u32 most_urgent() {
    u32 most = 0;
    for (u32 i = 0; i < inputs; ++i) {
        const u32 now = io32(vector_register(i)), priority = now >> 16 & 15;
        if ((now & active) && priority > most) most = priority;
    }
    return most;
}

// QEMU's controller gives more than the manual says when nothing urgent enough asks: not asked
// then.
void take(Sum& sum) {
    const u32 own = io32(task_priority), most = most_urgent();
    if (most <= own || most <= floor_of_service() || service.count == inputs) return;
    sum.add(io32(acknowledge));
    service.priority[service.count++] = most;
}

void end() {
    if (service.count == 0) return;
    io32(end_of_interrupt) = 0;
    --service.count;
}

void step(Sum& sum) {
    const u32 n = any(messages), input = any(inputs);
    switch (any(9)) {
        case 0:
        case 1:
            io32(ipi_dispatch + 16 * any(ipis)) = 1;
            break;
        case 2:
            io32(message_index) = n << 29 | any(32) << 24;
            break;
        case 3:
            sum.add(io32(message_register + 16 * n));
            break;
        case 4:
            io32(task_priority) = any(16) >> any(4);
            break;
        case 5:
        case 6:
            take(sum);
            break;
        case 7:
            end();
            break;
        default:
            io32(vector_register(input)) = io32(vector_register(input)) ^ masked;
            break;
    }
    for (u32 i = 0; i < inputs; ++i) sum.add(io32(vector_register(i)));
    sum.add(io32(message_summary));
    sum.add(io32(task_priority));
}

void round(u32 steps) {
    Sum sum;
    io32(configuration) = 0x8000'0000u;
    service.count = 0;
    for (u32 i = 0; i < inputs; ++i) {
        io32(vector_register(i)) = (any(8) == 0 ? masked : 0) | any(16) << 16 | (0x100 + i);
    }
    for (u32 n = 0; n < steps; ++n) step(sum);
    // All that waits is taken, so that the next round begins with nothing.
    while (service.count != 0) end();
    for (u32 n = 0; n < messages; ++n) sum.add(io32(message_register + 16 * n));
    for (u32 i = 0; i < inputs; ++i) io32(vector_register(i)) = (i + 1) << 16 | (0x100 + i);
    io32(task_priority) = 0;
    while (most_urgent() != 0) {
        take(sum);
        end();
    }
    print("after {} steps: {x}", {steps, sum.value});
}

}  // namespace

void isa_main() {
    for (u32 i = 0; i < 24; ++i) round(60);
}
