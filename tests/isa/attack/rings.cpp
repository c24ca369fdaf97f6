// SPDX-License-Identifier: Apache-2.0
//
// A driver of virtio network cards that does what none may: each broken ring that there is a rule
// against, then any, by a seed. It has two cards on one switch, handles 0 and 1: in between and at
// the end a frame of the second must reach the first, also into text that has been patched.
#include "siege.hpp"

namespace {

using namespace siege;

constexpr u32 window = 0x9000'0000, page = 0x1000;  // of the cards' registers
constexpr u64 window_at = 0xf'ea00'0000;
constexpr u32 entries = 8, writes = 2, next = 1, table = 4;
constexpr u32 needs_reset = 0x40;

enum Register : u32 {
    device_id = 0x08,
    driver_features = 0x20,
    driver_select = 0x24,
    queue_select = 0x30,
    queue_size = 0x38,
    queue_ready = 0x44,
    notify = 0x50,
    interrupt_status = 0x60,
    acknowledge = 0x64,
    status = 0x70,
    descriptors_at = 0x80,
    driver_at = 0x90,
    device_at = 0xa0,
};

// A card's, little-endian.
u32 get(u32 card, u32 at) {
    return __builtin_bswap32(*reinterpret_cast<volatile u32*>(window + card * page + at));
}
void set(u32 card, u32 at, u32 value) {
    *reinterpret_cast<volatile u32*>(window + card * page + at) = __builtin_bswap32(value);
}

void put_16(u32 at, u32 value) {
    auto* const p = reinterpret_cast<volatile u8*>(at);
    p[0] = static_cast<u8>(value);
    p[1] = static_cast<u8>(value >> 8);
}
void put_32(u32 at, u32 value) {
    put_16(at, value);
    put_16(at + 2, value >> 16);
}
u32 get_16(u32 at) {
    const auto* const p = reinterpret_cast<const volatile u8*>(at);
    return p[0] | static_cast<u32>(p[1]) << 8;
}

// Of a card's queue: 0 receives, 1 sends.
constexpr u32 descriptors(u32 card, u32 queue) {
    return 0x48'0000 + card * 0x8000 + queue * 0x4000;
}
constexpr u32 available(u32 card, u32 queue) { return descriptors(card, queue) + 0x1000; }
constexpr u32 used(u32 card, u32 queue) { return descriptors(card, queue) + 0x2000; }
constexpr u32 buffer = 0x4a'0000, beyond = 0x400'0000;  // where this guest's memory ends

void describe(u32 card, u32 queue, u32 n, u32 at, u32 bytes, u32 flags = 0, u32 follows = 0,
              u32 high = 0) {
    const u32 to = descriptors(card, queue) + 16 * n;
    put_32(to, at);
    put_32(to + 4, high);
    put_32(to + 8, bytes);
    put_16(to + 12, flags);
    put_16(to + 14, follows);
}
void offer(u32 card, u32 queue, u32 head) {
    const u32 ring = available(card, queue), index = get_16(ring + 2);
    put_16(ring + 4 + 2 * (index % entries), head);
    put_16(ring + 2, index + 1);
}

void place_queue(u32 card, u32 queue) {
    set(card, queue_select, queue);
    set(card, queue_size, entries);
    set(card, descriptors_at, descriptors(card, queue));
    set(card, descriptors_at + 4, 0);
    set(card, driver_at, available(card, queue));
    set(card, driver_at + 4, 0);
    set(card, device_at, used(card, queue));
    set(card, device_at + 4, 0);
    set(card, queue_ready, 1);
}

void begin_card(u32 card) {
    set(card, status, 0);
    for (u32 queue = 0; queue < 2; ++queue) {
        for (u32 at = descriptors(card, queue); at < descriptors(card, queue) + 0x3000; at += 4) {
            *reinterpret_cast<volatile u32*>(at) = 0;
        }
    }
    set(card, status, 3);
    set(card, driver_select, 0);
    set(card, driver_features, 0);
    set(card, driver_select, 1);
    set(card, driver_features, 1);
    set(card, status, 11);
    for (u32 queue = 0; queue < 2; ++queue) place_queue(card, queue);
    set(card, status, 15);
}

// A frame for everybody, whose bytes from 14 on are `payload`.
void send(u32 card, const u32* payload, u32 words) {
    const u32 at = buffer + 0x1000;
    for (u32 i = 0; i < 12; i += 4) put_32(at + i, 0);
    for (u32 i = 0; i < 6; ++i) *reinterpret_cast<volatile u8*>(at + 12 + i) = 0xff;
    for (u32 i = 0; i < 6; ++i) *reinterpret_cast<volatile u8*>(at + 18 + i) = i == 0 ? 2 : 7;
    put_16(at + 24, 0);
    for (u32 i = 0; i < words; ++i) {
        for (u32 b = 0; b < 4; ++b) {
            *reinterpret_cast<volatile u8*>(at + 26 + 4 * i + b) =
                static_cast<u8>(payload[i] >> (24 - 8 * b));
        }
    }
    describe(card, 1, 0, at, 26 + 4 * words);
    offer(card, 1, 0);
    set(card, notify, 1);
}

// Text that is hot, and then is another by what a card receives: the new one is what runs.
bool text_arrives() {
    constexpr u32 away = 0xc00, before = 1, after = 2;
    const u32 at = code_page + away;
    auto* const words = reinterpret_cast<volatile u32*>(at);
    words[0] = insn::mfmsr(3);
    words[1] = insn::addi(3, 0, before);
    words[2] = insn::blr;
    flush_code(at, 12);
    const auto call = reinterpret_cast<u32 (*)()>(at);
    bool right = true;
    for (u32 i = 0; i < 4000; ++i) right = right && call() == before;
    begin_card(0);
    begin_card(1);
    describe(0, 0, 0, buffer, 26, writes | next, 1);
    describe(0, 0, 1, at, 12, writes);
    offer(0, 0, 0);
    const u32 text[] = {insn::mfmsr(3), insn::addi(3, 0, after), insn::blr};
    send(1, text, 3);
    set(0, notify, 0);
    flush_code(at, 12);
    return right && get_16(used(0, 0) + 2) == 1 && words[1] == insn::addi(3, 0, after) &&
           call() == after;
}

// What the first card says of a thing that was made wrong after a good start.
template <typename Wrong>
void expect_fault(const char* what, u32 queue, Wrong wrong) {
    begin_card(0);
    describe(0, queue, 0, buffer, 2048, queue == 0 ? writes : 0);
    describe(0, queue, 1, buffer, 64);
    wrong();
    // Frames are put into a buffer when there is one.
    const u32 nothing[1] = {};
    if (queue == 0) send(1, nothing, 1);
    set(0, notify, queue);
    const bool told = (get(0, status) & needs_reset) != 0 && (get(0, interrupt_status) & 2) != 0;
    print("{}: {}", {what, told});
}

void each_rule() {
    begin_card(1);
    const auto chain = [](u32 at, u32 bytes, u32 flags, u32 follows, u32 high = 0) {
        return [=] {
            describe(0, 1, 0, at, bytes, flags, follows, high);
            offer(0, 1, 0);
        };
    };
    expect_fault("nothing wrong", 1, chain(buffer, 100, 0, 0));
    expect_fault("behind RAM", 1, chain(beyond, 100, 0, 0));
    expect_fault("across its end", 1, chain(beyond - 50, 100, 0, 0));
    expect_fault("above 4 GiB", 1, chain(buffer, 100, 0, 0, 1));
    expect_fault("wraps", 1, chain(0xffff'fff0, 100, 0, 0, 0xffff'ffff));
    expect_fault("the cards' registers", 1, chain(0xea00'0000, 100, 0, 0, 0xf));
    expect_fault("4 GiB less one", 1, chain(0, 0xffff'ffff, 0, 0));
    expect_fault("no bytes", 1, chain(buffer, 0, 0, 0));
    expect_fault("loop", 1, chain(buffer, 100, next, 0));
    expect_fault("next behind the end", 1, chain(buffer, 100, next, entries));
    expect_fault("indirect", 1, chain(buffer, 64, table, 0));
    expect_fault("to be written", 1, chain(buffer, 100, writes, 0));
    expect_fault("readable behind writable", 1, chain(buffer, 100, writes | next, 1));
    expect_fault("head behind the end", 1, [] { offer(0, 1, entries); });
    expect_fault("index too far", 1, [] { put_16(available(0, 1) + 2, entries + 1); });
    expect_fault("index back", 1, [] { put_16(available(0, 1) + 2, 0xffff); });
    expect_fault("receive: too small", 0, [] {
        describe(0, 0, 0, buffer, 13, writes);
        offer(0, 0, 0);
    });
    expect_fault("receive: to be read", 0, [] { offer(0, 0, 1); });
    expect_fault("receive: behind RAM", 0, [] {
        describe(0, 0, 0, beyond - 4, 2048, writes);
        offer(0, 0, 0);
    });
    expect_fault("queue behind RAM", 1, [] {
        set(0, queue_select, 1);
        set(0, queue_ready, 0);
        set(0, device_at, beyond);
        set(0, queue_ready, 1);
    });
}

u32 place(Random& random) {
    switch (random.below(6)) {
        case 0:
            return random.word();
        case 1:
            return beyond - 64 + random.below(128);
        case 2:  // the VMM, if it were so simple
            return random.below(0x100'0000);
        case 3:  // its own rings
            return descriptors(0, 0) + random.below(0x1'0000);
        default:
            return buffer + random.below(0x1'0000);
    }
}

void any_ring(Random& random) {
    if (random.once_in(4)) begin_card(0);
    for (u32 i = random.below(12); i != 0; --i) {
        const u32 queue = random.below(2);
        switch (random.below(8)) {
            case 0:
                set(0, random.below(0x100) & ~3u, value(random));
                break;
            case 1:
                put_16(available(0, queue) + random.below(16), random.word());
                break;
            case 2:
                set(0, queue_select, queue);
                set(0, queue_ready, 0);
                set(0, random.of({descriptors_at, driver_at, device_at}), place(random) & ~15u);
                set(0, queue_size, 1u << random.below(10));
                set(0, queue_ready, 1);
                break;
            case 3:
                set(0, notify, queue);
                break;
            default:
                // Not over the program: what is written there is this guest's own trouble.
                describe(0, queue, random.below(entries), place(random) | buffer,
                         random.once_in(8) ? random.word() : random.below(1600),
                         random.below(4) | (random.once_in(16) ? table : 0),
                         random.below(entries + 1), random.once_in(16) ? random.below(32) : 0);
                offer(0, queue, random.below(entries));
                break;
        }
    }
    set(0, notify, random.below(2));
}

// Full queues of frames that the other card takes, without pause.
void storm(u32 milliseconds) {
    constexpr u32 ticks_a_millisecond = 400'000, bytes = 1514 + 12;
    begin_card(0);
    begin_card(1);
    for (u32 i = 0; i < entries; ++i) {
        describe(0, 0, i, buffer + 0x1000 * i, 2048, writes);
        describe(1, 1, i, buffer + 0x8000, bytes);
    }
    put_32(buffer + 0x800c, 0xffff'ffff);  // to everybody
    put_32(buffer + 0x8010, 0x0002'ffff);
    const u32 began = timebase();
    u32 notifications = 0;
    while (timebase() - began < milliseconds * ticks_a_millisecond) {
        for (u32 i = 0; i < entries; ++i) {
            offer(0, 0, i);
            offer(1, 1, i);
        }
        set(1, notify, 1);
        set(0, notify, 0);
        ++notifications;
        if (((get(0, status) | get(1, status)) & needs_reset) != 0) fail("storm: a card gave up");
    }
    print("# {} notifications, {} frames came", {notifications, get_16(used(0, 0) + 2)});
}

[[noreturn]] void switch_off() {
    io32(0xff000) = 0x8000'0000;
    io32(0xff008) = 0x8000'0000;
    for (;;) {
    }
}

}  // namespace

void isa_main() {
    const u32 rounds = option("rounds", 300);
    Random random(option("seed", 1));
    for (const bool space : {false, true}) {
        tlbwe(1, space ? 5 : 4,
              {.ea = window,
               .pa = window_at,
               .tsize = 3,
               .space = space,
               .attributes = mas2::i | mas2::g});
    }
    if (const u32 milliseconds = option("storm", 0); milliseconds != 0) {
        storm(milliseconds);
        switch_off();
    }
    print("cards: {} {}; no card: {}", {get(0, device_id), get(1, device_id), get(2, device_id)});
    print("text arrives: {}", {text_arrives()});
    each_rule();
    for (u32 n = 0; n < rounds; ++n) any_ring(random);
    print("text arrives: {}", {text_arrives()});
    print("rings: done");
    switch_off();
}
