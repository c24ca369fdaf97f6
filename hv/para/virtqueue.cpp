// SPDX-License-Identifier: Apache-2.0
#include "hv/para/virtqueue.hpp"

namespace trapeze::para {

namespace {

// Layout (virtio 1.2, 2.7.5 to 2.7.8), in bytes.
constexpr u32 descriptor_bytes = 16, ring_head = 4, used_bytes = 8, available_bytes = 2,
              event_bytes = 2;
constexpr u32 flag_next = 1, flag_write = 2, flag_indirect = 4;
constexpr u32 no_interrupt = 1, no_notify = 1;  // flags of the available, and of the used ring

constexpr const char* names[] = {"",
                                 "the queue's size is no power of two up to 256",
                                 "a queue outside of RAM, or not aligned",
                                 "more buffers available than the queue has room for",
                                 "a descriptor's number behind the queue's end",
                                 "a chain of descriptors longer than the queue",
                                 "a descriptor of no bytes",
                                 "a descriptor whose bytes are not all RAM",
                                 "a chain of 4 GiB or more",
                                 "a readable descriptor behind a writable one",
                                 "an indirect descriptor, which was not agreed on",
                                 "a readable buffer where a writable one is due, or the other way",
                                 "a buffer that is too small",
                                 "DRIVER_OK without FEATURES_OK"};
static_assert(sizeof names / sizeof names[0] == static_cast<unsigned>(Fault::features) + 1);

// Calls `move(gpa, offset, bytes)` for each piece of [skip, skip + bytes) of the segments.
template <typename Move>
bool each_piece(const Segment* segments, unsigned count, u32 skip, u32 bytes, Move move) {
    u32 done = 0;
    for (unsigned i = 0; i < count && done < bytes; ++i) {
        const Segment& s = segments[i];
        if (skip >= s.bytes) {
            skip -= s.bytes;
            continue;
        }
        const u32 there = s.bytes - skip, left = bytes - done, piece = there < left ? there : left;
        if (!move(s.at + skip, done, piece)) return false;
        done += piece;
        skip = 0;
    }
    return done == bytes;
}

}  // namespace

const char* name(Fault fault) { return names[static_cast<unsigned>(fault)]; }

bool Chain::gather(const Memory& memory, u32 skip, void* to, u32 bytes) const {
    return each_piece(segment, readable, skip, bytes, [&](u64 at, u32 offset, u32 piece) {
        return memory.load(memory.owner, at, static_cast<u8*>(to) + offset, piece);
    });
}

bool Chain::scatter(const Memory& memory, u32 skip, const void* from, u32 bytes) const {
    return each_piece(
        segment + readable, count - readable, skip, bytes, [&](u64 at, u32 offset, u32 piece) {
            return memory.store(memory.owner, at, static_cast<const u8*>(from) + offset, piece);
        });
}

u16 Virtqueue::load_16(const Memory& memory, u64 at) const {
    u8 bytes[2] = {};
    memory.load(memory.owner, at, bytes, 2);
    return little_16(bytes);
}

void Virtqueue::store_16(const Memory& memory, u64 at, u32 value) const {
    u8 bytes[2];
    put_16(bytes, value);
    memory.store(memory.owner, at, bytes, 2);
}

Fault Virtqueue::start(const Memory& memory, bool event_index) {
    if (size == 0 || size > most || (size & (size - 1)) != 0) return Fault::size;
    const u32 event = event_index ? event_bytes : 0;
    const bool aligned = descriptors % 16 == 0 && driver % 2 == 0 && device % 4 == 0;
    if (!aligned || !memory.holds(memory.owner, descriptors, u64{descriptor_bytes} * size) ||
        !memory.holds(memory.owner, driver, ring_head + available_bytes * size + event) ||
        !memory.holds(memory.owner, device, ring_head + used_bytes * size + event)) {
        return Fault::place;
    }
    ready_ = true;
    event_index_ = event_index;
    silent_ = false;
    taken_ = used_ = shown_ = 0;
    return Fault::none;
}

bool Virtqueue::waits(const Memory& memory) const {
    return ready_ && load_16(memory, driver + 2) != taken_;
}

Fault Virtqueue::pop(const Memory& memory, Chain& chain) {
    chain.count = 0;
    const u16 there = static_cast<u16>(load_16(memory, driver + 2) - taken_);
    if (there == 0) return Fault::none;
    if (there > size) return Fault::index;
    u32 next = load_16(memory, driver + ring_head + u64{available_bytes} * (taken_ & (size - 1)));
    chain.head = static_cast<u16>(next);
    chain.readable = 0;
    u64 readable = 0, writable = 0;
    for (u32 n = 0;; ++n) {
        if (next >= size) return Fault::head;
        if (n == size) return Fault::loop;
        u8 words[descriptor_bytes] = {};
        memory.load(memory.owner, descriptors + u64{descriptor_bytes} * next, words, sizeof words);
        const Segment segment{little_64(words), little_32(words + 8)};
        const u32 flags = little_16(words + 12);
        if ((flags & flag_indirect) != 0) return Fault::indirect;
        if (segment.bytes == 0) return Fault::empty;
        if (!memory.holds(memory.owner, segment.at, segment.bytes)) return Fault::outside;
        if ((flags & flag_write) != 0) {
            writable += segment.bytes;
        } else {
            if (chain.readable != n) return Fault::order;
            ++chain.readable;
            readable += segment.bytes;
        }
        if (readable + writable > 0xffff'ffff) return Fault::length;
        chain.segment[n] = segment;
        if ((flags & flag_next) == 0) {
            chain.count = static_cast<u16>(n + 1);
            break;
        }
        next = little_16(words + 14);
    }
    chain.readable_bytes = static_cast<u32>(readable);
    chain.writable_bytes = static_cast<u32>(writable);
    ++taken_;
    return Fault::none;
}

void Virtqueue::push(const Memory& memory, u16 head, u32 bytes) {
    u8 words[used_bytes];
    put_32(words, head);
    put_32(words + 4, bytes);
    const u64 at = device + ring_head + u64{used_bytes} * (used_ & (size - 1));
    memory.store(memory.owner, at, words, sizeof words);
    ++used_;
}

// The guest has one core, which is this one: it sees all that was stored before.
bool Virtqueue::publish(const Memory& memory) {
    const u16 before = shown_;
    if (used_ == before) return false;
    store_16(memory, device + 2, used_);
    shown_ = used_;
    if (!event_index_) return (load_16(memory, driver) & no_interrupt) == 0;
    const u16 event = load_16(memory, driver + ring_head + u64{available_bytes} * size);
    return static_cast<u16>(used_ - event - 1) < static_cast<u16>(used_ - before);
}

void Virtqueue::ask(const Memory& memory, bool wanted) {
    if (event_index_) {
        if (wanted) store_16(memory, device + ring_head + u64{used_bytes} * size, taken_);
        return;
    }
    if (silent_ == !wanted) return;
    silent_ = !wanted;
    store_16(memory, device, silent_ ? no_notify : 0);
}

}  // namespace trapeze::para
