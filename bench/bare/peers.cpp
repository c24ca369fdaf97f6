// SPDX-License-Identifier: Apache-2.0
//
// Guests that exchange something, in instructions (bench/run/peers.py). One, told so by the word
// `asks`, sends messages of 64 bytes over a ring (docs/shared-memory.md), a doorbell behind each,
// and another one, `answers`, sends each back from its handler; what the clock said on the way
// comes with it. With the word `calls` the first one also copies 64 KiB, by itself and by the VMM,
// and makes the calls of a manager (docs/partitions.md), whose guest has no word at all.
#include <trapeze/ring.h>

#include "table.hpp"
#include "tlb.hpp"

namespace {

using namespace bare;
using namespace isa;

constexpr const char* workload = "peers";
constexpr u32 call = 0x4400'0022, epapr = 1, freescale = 2;
constexpr u32 ring_bell = 14, idle = 16;
constexpr u32 get_property = 2, set_property = 3, get_status = 5, start = 6, stop = 7, copy = 8;
constexpr u32 self = ~0u, stopped = 0, running = 1;
// Handles, in the order of the configuration: of both that exchange messages, and of the manager.
constexpr u32 rings = 1, hears = 2, manages = 3;

constexpr u32 sources = 0x5'0000, edge_source = 160 + hears, acknowledge = 0x6'00a0,
              end_of_interrupt = 0x6'00b0, task_priority = 0x6'0080;

// The memory that both have: a ring, room for copies, and notes of the one that answers.
constexpr u32 shared = 0x9000'0000, ring_bytes = 0x8000, shared_room = shared + 0x1'0000,
              copied = 0x1'0000;
constexpr u32 messages = 64, message_bytes = 64;
struct Notes {
    u32 heard[messages], got[messages];
};
volatile Notes& notes = *reinterpret_cast<volatile Notes*>(shared + 0x2'0000);
// Between messages, so that all is quiet: ticks.
constexpr u32 pause = 400'000;

trapeze_ring ring;

void open(unsigned side) {
    tlbwe(1, 4, {.ea = shared, .pa = shared, .tsize = 5, .protect = true});
    if (trapeze_ring_open_half(&ring, reinterpret_cast<void*>(shared), ring_bytes, side) !=
        TRAPEZE_RING_OK) {
        failed(workload, "the ring does not open");
    }
}

struct Arguments {
    u32 r[8] = {};  // r3 to r10
};

// Returns the result; r[1] is r4 then.
u32 make(u32 vendor, u32 number, Arguments& a) {
    register u32 r3 asm("r3") = a.r[0];
    register u32 r4 asm("r4") = a.r[1];
    register u32 r5 asm("r5") = a.r[2];
    register u32 r6 asm("r6") = a.r[3];
    register u32 r7 asm("r7") = a.r[4];
    register u32 r8 asm("r8") = a.r[5];
    register u32 r9 asm("r9") = a.r[6];
    register u32 r10 asm("r10") = a.r[7];
    register u32 r11 asm("r11") = vendor << 16 | number;
    asm volatile(".long 0x44000022"
                 : "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7), "+r"(r8), "+r"(r11)
                 : "r"(r9), "r"(r10)
                 : "memory");
    a.r[1] = r4;
    return r3;
}
u32 make(u32 vendor, u32 number, u32 handle = 0) {
    Arguments a{{handle}};
    return make(vendor, number, a);
}

void wait_for_interrupts(void (*handler)(Frame&)) {
    set_hook(Vector::external, handler);
    note_external();
    io32(task_priority) = 0;
    io32(sources + 32 * edge_source + 16) = 1;
    io32(sources + 32 * edge_source) = 8U << 16 | edge_source;
    wrteei(true);
}

void pass(u32 ticks) {
    const u32 from = timebase();
    while (timebase() - from < ticks) {
    }
}

// ---- The one that answers.

volatile u32 answered;

void answer(Frame& /*f*/) {
    const u32 heard = noted_time();
    static_cast<void>(u32{io32(acknowledge)});
    u32 message[message_bytes / 4], bytes = 0;
    while (trapeze_ring_receive(&ring, message, sizeof message, &bytes) == TRAPEZE_RING_OK) {
        const u32 got = timebase();
        trapeze_ring_send(&ring, message, bytes);
        make(epapr, ring_bell, rings);
        if (answered < messages) {
            notes.heard[answered] = heard;
            notes.got[answered] = got;
        }
        answered = answered + 1;
    }
    io32(end_of_interrupt) = 0;
}

void answers() {
    open(1);
    wait_for_interrupts(answer);
    while (answered < messages) make(epapr, idle);
    wrteei(false);
}

// ---- The one that asks.

volatile u32 came_back;
u32 back;
u32 reply[message_bytes / 4];

void take_reply(Frame& /*f*/) {
    static_cast<void>(u32{io32(acknowledge)});
    u32 bytes = 0;
    if (trapeze_ring_receive(&ring, reply, sizeof reply, &bytes) == TRAPEZE_RING_OK) {
        back = timebase();
        came_back = came_back + 1;
    }
    io32(end_of_interrupt) = 0;
}

// `waits`: in EV_IDLE, not in a loop.
void asks(bool waits) {
    open(0);
    wait_for_interrupts(take_reply);
    while (trapeze_ring_peer_opens(&ring) == 0) {
    }
    for (u32 i = 0; i < messages; ++i) {
        pass(pause);
        u32 message[message_bytes / 4];
        for (u32 w = 0; w < message_bytes / 4; ++w) message[w] = i << 16 | w;
        const u32 sent = timebase();
        if (trapeze_ring_send(&ring, message, sizeof message) != TRAPEZE_RING_OK) {
            failed(workload, "a message cannot be sent");
        }
        const u32 rung = timebase();
        if (make(epapr, ring_bell, rings) != 0) failed(workload, "it has no doorbell");
        while (came_back == i) {
            if (!waits) continue;
            wrteei(false);
            if (came_back == i) make(epapr, idle);
            wrteei(true);
        }
        for (u32 w = 0; w < message_bytes / 4; ++w) {
            if (reply[w] != message[w]) failed(workload, "a message came back damaged");
        }
        (Line() << "@@message " << sent << " " << rung << " " << u32{notes.heard[i]} << " "
                << u32{notes.got[i]} << " " << back)
            .print();
    }
    wrteei(false);
}

// ---- Work without a peer.

u32 own_ring[2][1024];

void ring_alone(Table& t) {
    trapeze_ring sender{}, receiver{};
    if (trapeze_ring_open(&sender, own_ring[0], own_ring[1], sizeof own_ring[0]) !=
            TRAPEZE_RING_OK ||
        trapeze_ring_open(&receiver, own_ring[1], own_ring[0], sizeof own_ring[1]) !=
            TRAPEZE_RING_OK) {
        failed(workload, "a ring does not open");
    }
    u32 message[message_bytes / 4] = {}, bytes = 0;
    t.work("ring_message", "none", 1000, [&] {
        trapeze_ring_send(&sender, message, sizeof message);
        trapeze_ring_receive(&receiver, message, sizeof message, &bytes);
    });
    if (bytes != sizeof message) failed(workload, "a ring gave no message");
}

alignas(32) u32 own_room[copied / 4];

void copy_words(u32* to, const u32* from, u32 bytes) {
    for (; bytes != 0; bytes -= 32, to += 8, from += 8) {
        const u32 a = from[0], b = from[1], c = from[2], d = from[3];
        const u32 e = from[4], f = from[5], g = from[6], h = from[7];
        to[0] = a;
        to[1] = b;
        to[2] = c;
        to[3] = d;
        to[4] = e;
        to[5] = f;
        to[6] = g;
        to[7] = h;
        asm volatile("" : : : "memory");
    }
}

// Where the managed guest has what is copied to it, and its code.
constexpr u32 managed_room = 0x40'0000, managed_code = 0x20'0000, managed_note = 0x20'0100;
struct alignas(32) Entry {
    u32 source_high, source, target_high, target, size_high, size, reserved[2];
};
Entry list;

void copy_by_call(bool out, u32 own, u32 theirs, u32 bytes) {
    list = {0, out ? own : theirs, 0, out ? theirs : own, 0, bytes, {}};
    Arguments a{{out ? self : manages, out ? manages : self, reinterpret_cast<u32>(&list), 0, 1}};
    if (make(freescale, copy, a) != 0) failed(workload, "a copy by call was refused");
}
u32 address(const void* p) { return reinterpret_cast<u32>(p); }

void copies(Table& t) {
    constexpr u32 times = 16;
    t.work("copy_shared", "none", times,
           [] { copy_words(reinterpret_cast<u32*>(shared_room), own_room, copied); });
    t.work("copy_call_out", "hypercall", times,
           [] { copy_by_call(true, address(own_room), managed_room, copied); });
    t.work("copy_call_in", "hypercall", times,
           [] { copy_by_call(false, address(own_room), managed_room, copied); });
}

u32 status() {
    Arguments a{{manages}};
    if (make(freescale, get_status, a) != 0) failed(workload, "it manages nobody");
    return a.r[1];
}
void reaches(u32 state) {
    while (status() != state) {
    }
}
void begin(u32 at, u32 load) {
    Arguments a{{manages, at, load}};
    if (make(freescale, start, a) != 0) failed(workload, "what it manages does not start");
}

void property(Table& t) {
    static const char path[] = "/chosen", name[] = "bench";
    static u32 value[16];
    const auto with = [](u32 number) {
        Arguments a{{manages, 0, address(path), 0, address(name), 0, address(value), sizeof value}};
        if (make(freescale, number, a) != 0) failed(workload, "a property was refused");
    };
    t.work("partition_set", "hypercall", 100, [&] { with(set_property); });
    t.work("partition_get", "hypercall", 100, [&] { with(get_property); });
}

// Notes the time, and waits.
void place_code() {
    using namespace insn;
    constexpr u32 addis = 15, ori = 24;
    static u32 code[32] = {
        mfspr(3, 268), d(addis, 4, 0, managed_note >> 16), stw(3, 4, managed_note & 0xffff),
        insn::wrteei(1), d(addis, 11, 0, epapr), d(ori, 11, 11, idle), call, branch(-12),
        // At 32: the end.
        addi(3, 0, self), d(addis, 11, 0, freescale), d(ori, 11, 11, stop), call};
    copy_by_call(true, address(code), managed_code, sizeof code);
}

void manager() {
    Table t{workload};
    ring_alone(t);
    begin(0, 1);
    reaches(running);
    pass(pause);
    copies(t);
    t.work("partition_status", "hypercall", 1000, [] { status(); });
    property(t);
    place_code();
    for (u32 i = 0; i < messages; ++i) {
        pass(pause);
        const u32 from = timebase();
        if (make(freescale, stop, manages) != 0) failed(workload, "it does not stop");
        reaches(stopped);
        const u32 to = timebase();
        begin(managed_code, 0);
        reaches(running);
        const u32 end = timebase();
        u32 ran = 0;
        do {
            copy_by_call(false, address(own_room), managed_note, 4);
            ran = own_room[0];
        } while (static_cast<int>(ran - to) < 0);
        (Line() << "@@restart " << from << " " << to << " " << ran << " " << end).print();
    }
    if (make(freescale, stop, manages) != 0) failed(workload, "it does not stop");
    reaches(stopped);
    begin(managed_code + 32, 0);
}

}  // namespace

void isa_main() {
    if (word_given("answers")) {
        answers();
    } else if (word_given("asks")) {
        asks(word_given("waits"));
        if (word_given("calls")) manager();
    } else {
        wrteei(true);
        for (;;) make(epapr, idle);
    }
}
