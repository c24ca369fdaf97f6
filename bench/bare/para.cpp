// SPDX-License-Identifier: Apache-2.0
//
// Hypercalls (docs/hypercalls.md): what they take, in instructions, from a guest that has both ends
// of a channel, handles 0 and 1; and two guests of it, of which one rings a doorbell, its handle 2,
// and the other one, told so by the word `hears`, has it as its handle 0 and notes when its handler
// runs (bench/run/para.py).
#include "table.hpp"

namespace {

using namespace bare;
using namespace isa;

constexpr const char* workload = "para";
constexpr u32 call = 0x4400'0022;
constexpr u32 none = 0, send = 1, receive = 2, poll = 3, ring = 14, idle = 16;
constexpr u32 sources = 0x5'0000, edge_source = 160, acknowledge = 0x6'00a0,
              end_of_interrupt = 0x6'00b0, task_priority = 0x6'0080;
constexpr u32 rings = 64;
// By then both run, whichever started first: 200 ms after the machine; and between two rings:
// ticks.
constexpr u32 start = 80'000'000, pause = 400'000;

u32 times[rings], heard;

u32 make(u32 number, u32 handle) {
    register u32 r11 asm("r11") = 1U << 16 | number;
    register u32 r3 asm("r3") = handle;
    asm volatile(".long 0x44000022" : "+r"(r3) : "r"(r11) : "memory");
    return r3;
}

// r11 becomes the token of the call, r3 a handle, r4 a count; three instructions each time.
Words of(u32 number, u32 handle, u32 count, u32 last) {
    using namespace insn;
    constexpr u32 addis = 15;
    return {d(addis, 11, 0, number != none ? 1 : 0), d(24, 11, 11, number), addi(3, 0, handle),
            addi(4, 0, count), last};
}
Words both(const Words& a, const Words& b) {
    Words words = a;
    for (u32 i = 0; i < b.count; ++i) words.word[words.count++] = b.word[i];
    return words;
}

void lengths() {
    Table t{workload};
    const auto path = [&t](const char* name, u32 number, u32 handle) {
        t.path(name, "hypercall", {.body = of(number, handle, 0, call)},
               {.body = of(number, handle, 0, insn::nop)});
    };
    path("hypercall_null", none, 0);
    path("hypercall_poll", poll, 0);
    path("hypercall_refused", ring, 15);
    // A message of 16 bytes: the mean of what sends it and what receives it.
    const auto message = [](u32 word) {
        return Loop{.body = both(of(send, 0, 16, word), of(receive, 1, 16, word))};
    };
    t.path("channel_message", "hypercall", message(call), message(insn::nop), 2);
}

void on_external(Frame&) {
    if (heard < rings) times[heard++] = noted_time();
    static_cast<void>(u32{io32(acknowledge)});
    io32(end_of_interrupt) = 0;
}

void hear() {
    set_hook(Vector::external, on_external);
    note_external();
    io32(task_priority) = 0;
    io32(sources + 32 * edge_source + 16) = 1;
    io32(sources + 32 * edge_source) = 8U << 16 | edge_source;
    wrteei(true);
    while (heard < rings) make(idle, 0);
    wrteei(false);
    for (const u32 time : times) (Line() << "@@heard " << time).print();
}

void ring_it() {
    for (u32& time : times) {
        const u32 from = timebase();
        while (timebase() - from < pause) {
        }
        time = timebase();
        if (make(ring, 2) != 0) failed(workload, "it has no doorbell");
    }
    for (const u32 time : times) (Line() << "@@rung " << time).print();
}

}  // namespace

void isa_main() {
    if (word_given("hears")) {
        hear();
        return;
    }
    while (timebase() < start) {
    }
    lengths();
    ring_it();
}
