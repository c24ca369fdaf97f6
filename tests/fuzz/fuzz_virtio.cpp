// SPDX-License-Identifier: Apache-2.0
// virtio network cards: a driver that writes any register and any ring, beside one that does all
// right, on a switch. No access leaves the guest's RAM, no notification takes long, and the good
// guest's card goes on and gets whole frames.
#include <memory>

#include "hv/para/virtio_net.hpp"
#include "ring_memory.hpp"
#include "source.hpp"

namespace trapeze::para {

namespace {

using fuzz::require;
using fuzz::Source;
using test::Driver;
using test::RingMemory;

// Of one notification: eight frames each way, and what a chain as long as the queue costs.
constexpr unsigned most_moves = 2 * (64 + 256) * 3 + 200;

unsigned moves = 0;

struct Card {
    RingMemory ram;
    Net net{};
    Port* port = nullptr;
    unsigned later = 0;

    static RingMemory& ram_of(void* owner) { return static_cast<Card*>(owner)->ram; }
    static bool holds(void* owner, u64 gpa, u64 bytes) {
        const Memory memory = ram_of(owner).memory();
        return memory.holds(memory.owner, gpa, bytes);
    }
    static bool load(void* owner, u64 gpa, void* to, u32 bytes) {
        const Memory memory = ram_of(owner).memory();
        require(++moves < most_moves);
        return memory.load(memory.owner, gpa, to, bytes);
    }
    static bool store(void* owner, u64 gpa, const void* from, u32 bytes) {
        const Memory memory = ram_of(owner).memory();
        require(++moves < most_moves);
        return memory.store(memory.owner, gpa, from, bytes);
    }
    static void put_off(void* owner) { ++static_cast<Card*>(owner)->later; }

    void start(Port* at) {
        port = net.port = at;
        net.now = [] { return u64{1}; };
        net.start({{this, holds, load, store},
                   [](void*, bool) {},
                   put_off,
                   [](void*, const char* why) { require(why != nullptr && *why != 0); }});
    }
    void set(u32 at, u32 value) {
        moves = 0;
        net.transport.write(at, 4, __builtin_bswap32(value));
    }
    u32 get(u32 at) { return __builtin_bswap32(net.transport.read(at, 4)); }
    void go_on() {
        for (; later != 0; --later) {
            moves = 0;
            net.transport.resume();
        }
    }
};

enum : u32 { select = 0x30, size = 0x38, ready = 0x44, notify = 0x50, status = 0x70 };

void make_queue(Card& card, u32 number, const Driver& driver) {
    card.set(select, number);
    card.set(size, driver.size);
    card.set(0x80, static_cast<u32>(driver.descriptors));
    card.set(0x90, static_cast<u32>(driver.available));
    card.set(0xa0, static_cast<u32>(driver.used));
    card.set(ready, 1);
}

void agree(Card& card, u32 low) {
    card.set(status, 3);
    card.set(0x24, 0);
    card.set(0x20, low);
    card.set(0x24, 1);
    card.set(0x20, 1);
    card.set(status, 11);
}

void begin(Card& card, const Driver& receives, const Driver& sends, u32 features) {
    card.set(status, 0);
    agree(card, features);
    make_queue(card, 0, receives);
    make_queue(card, 1, sends);
    card.set(status, 15);
}

constexpr u32 buffer_bytes = 2048;

/// The guest that does all right: takes what comes, and gives its buffers anew.
struct Good {
    Card card;
    Driver receives{&card.ram, 16, 0x1000, 0x2000, 0x3000},
        sends{&card.ram, 16, 0x4000, 0x5000, 0x6000};
    u32 seen = 0;

    static u64 buffer(u32 n) { return 0x1'0000 + u64{buffer_bytes} * n; }
    void begin_it() {
        begin(card, receives, sends, 0);
        for (u32 n = 0; n < receives.size; ++n) {
            receives.describe(n, buffer(n), buffer_bytes, test::writes);
            receives.offer(n);
        }
    }
    void look() {
        card.net.receive();
        card.go_on();
        require(card.net.transport.runs());
        for (; seen != receives.used_index(); seen = (seen + 1) & 0xffffU) {
            const u32 bytes = receives.used_bytes(seen), head = receives.used_head(seen);
            require(head < receives.size && bytes >= 12 + Frame::least &&
                    bytes <= 12 + Frame::most);
            receives.offer(head);
        }
        card.set(notify, 0);
        require(card.ram.wild == 0);
    }
};

u64 place(Source& source) {
    if (source.rarely(8)) return source.wide();
    return u64{source.word()} % (RingMemory::size + 0x1000);
}

void describe(Source& source, const Driver& driver) {
    const u32 bytes = source.rarely(8) ? source.word() : source.word() % 1600;
    driver.describe(source.below(16), place(source), bytes, source.byte() & 7U,
                    source.rarely(4) ? source.word() : source.below(16));
}

/// A frame for the other guest, all of it right.
void send_well(Card& card, Driver& sends, u32 bytes) {
    constexpr u64 at = 0x2'0000;
    for (u32 i = 0; i < 6; ++i) card.ram.bytes[at + 12 + i] = 0xff;
    card.ram.bytes[at + 18] = 2;
    sends.describe(0, at, bytes);
    sends.offer(0);
    card.set(notify, 1);
}

void do_something(Source& source, Card& card, Driver (&drivers)[2]) {
    Driver& driver = drivers[source.below(2)];
    switch (source.below(8)) {
        case 0:
            card.set(source.byte() * 4U, source.word());
            break;
        case 1:
            describe(source, driver);
            break;
        case 2:
            driver.offer(source.rarely(8) ? source.word() : source.below(16));
            break;
        case 3:
            card.set(notify, source.below(3));
            break;
        case 4:
            card.ram.write_16(driver.available + source.below(8), source.word());
            break;
        case 5:
            begin(card, drivers[0], drivers[1], source.rarely(2) ? 1U << 29U : 0);
            break;
        case 6:
            send_well(card, drivers[1], source.word() % 1600);
            break;
        default:
            driver = {&card.ram, 1U << source.below(10), place(source) & ~u64{15},
                      place(source) & ~u64{1}, place(source) & ~u64{3}};
            driver.size = driver.size == 0 ? 1 : driver.size;
            break;
    }
}

}  // namespace

}  // namespace trapeze::para

/// Input: what the bad driver does, in order.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t length) {
    using namespace trapeze::para;
    constexpr unsigned most = 200;
    trapeze::fuzz::Source source(data, length);
    const auto lan = std::make_unique<Switch>();
    const auto good = std::make_unique<Good>();
    const auto bad = std::make_unique<Card>();
    std::vector<u64> memory((Switch::bytes_for(2) + 7) / 8);
    lan->start([](void*, unsigned, unsigned) {}, 1000);
    Port* const first = lan->add(nullptr, 0, 0, {{2, 0, 0, 0, 0, 1}});
    Port* const second = lan->add(nullptr, 1, 0, {{2, 0, 0, 0, 0, 2}});
    lan->give(memory.data());
    good->card.start(first);
    bad->start(second);
    good->begin_it();
    Driver drivers[2] = {{&bad->ram, 16, 0x1000, 0x2000, 0x3000},
                         {&bad->ram, 16, 0x4000, 0x5000, 0x6000}};
    begin(*bad, drivers[0], drivers[1], 0);
    for (unsigned n = 0; n < most && !source.empty(); ++n) {
        do_something(source, *bad, drivers);
        bad->go_on();
        trapeze::fuzz::require(bad->ram.wild == 0);
        good->look();
    }
    return 0;
}
