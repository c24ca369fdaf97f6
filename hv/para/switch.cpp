// SPDX-License-Identifier: Apache-2.0
#include "hv/para/switch.hpp"

#include <cstring>

namespace trapeze::para {

namespace {

u32 ring_frames(unsigned ports) {
    const u32 others = ports > 1 ? ports - 1 : 1, each = Switch::queue_frames / others;
    return each < Switch::least_frames ? Switch::least_frames : each;
}

Address address_at(const u8* from) {
    Address found;
    for (unsigned i = 0; i < sizeof found.byte; ++i) found.byte[i] = from[i];
    return found;
}

u32 filled(const Ring& ring) { return __atomic_load_n(&ring.in, __ATOMIC_ACQUIRE) - ring.out; }

}  // namespace

void Port::raise() {
    lower();
    __atomic_store_n(&up_, true, __ATOMIC_SEQ_CST);
}

void Port::lower() {
    __atomic_store_n(&up_, false, __ATOMIC_SEQ_CST);
    for (unsigned n = 0; n < switch_->count_; ++n) {
        Ring& ring = rings_[n];
        __atomic_store_n(&ring.out, __atomic_load_n(&ring.in, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
    }
    const core::Held held(switch_->lock_);
    learned_count_ = 0;
}

const Frame* Port::next() {
    for (unsigned n = 0; n < switch_->count_; ++n) {
        Ring& ring = rings_[turn_];
        if (filled(ring) != 0) return &ring.frame[ring.out % ring.room];
        turn_ = turn_ + 1 == switch_->count_ ? 0 : turn_ + 1;
    }
    return nullptr;
}

void Port::take() {
    Ring& ring = rings_[turn_];
    ++counters_.received;
    counters_.received_bytes += ring.frame[ring.out % ring.room].bytes;
    __atomic_store_n(&ring.out, ring.out + 1, __ATOMIC_RELEASE);
    turn_ = turn_ + 1 == switch_->count_ ? 0 : turn_ + 1;
}

void Port::deliver(Port& to, const Frame& frame) {
    if (!__atomic_load_n(&to.up_, __ATOMIC_SEQ_CST)) {
        ++counters_.down;
        return;
    }
    Ring& ring = to.rings_[number_];
    if (ring.in - __atomic_load_n(&ring.out, __ATOMIC_ACQUIRE) >= ring.room) {
        ++counters_.full;
        return;
    }
    Frame& slot = ring.frame[ring.in % ring.room];
    slot.bytes = frame.bytes;
    memcpy(slot.data, frame.data, frame.bytes);
    __atomic_store_n(&ring.in, ring.in + 1, __ATOMIC_RELEASE);
    switch_->wake_(owner_, to.guest_, to.handle_);
}

void Port::flood(const Frame& frame) {
    for (unsigned n = 0; n < switch_->count_; ++n) {
        if (n != number_) deliver(switch_->ports_[n], frame);
    }
}

// What is behind a port is its own: others cannot push it out. False: it is another port's own.
bool Port::learn(const Address& source, u64 now) {
    for (unsigned n = 0; n < switch_->count_; ++n) {
        if (n != number_ && switch_->ports_[n].address_ == source) return false;
    }
    const core::Held held(switch_->lock_);
    Learned* oldest = &learned_[0];
    for (unsigned i = 0; i < learned_count_; ++i) {
        if (learned_[i].address == source) {
            learned_[i].seen = now;
            return true;
        }
        if (learned_[i].seen < oldest->seen) oldest = &learned_[i];
    }
    *(learned_count_ < most_learned ? &learned_[learned_count_++] : oldest) = {source, now};
    return true;
}

void Port::send(const Frame& frame, u64 now) {
    const Address to = address_at(frame.data), from = address_at(frame.data + sizeof to.byte);
    if (frame.bytes < Frame::least || from.group()) {
        ++counters_.malformed;
        return;
    }
    if (!(from == address_) && !learn(from, now)) {
        ++counters_.foreign;
        return;
    }
    ++counters_.sent;
    counters_.sent_bytes += frame.bytes;
    if (to.group()) {
        flood(frame);
        return;
    }
    Port* const found = switch_->find(to, now);
    if (found == nullptr) {
        flood(frame);
    } else if (found != this) {
        deliver(*found, frame);
    }
}

void Switch::start(Wake wake, u64 age) {
    wake_ = wake;
    age_ = age;
    count_ = 0;
}

Port* Switch::add(void* owner, unsigned guest, unsigned handle, const Address& address) {
    if (count_ == most_ports) return nullptr;
    Port& port = ports_[count_];
    port = {};
    port.switch_ = this;
    port.owner_ = owner;
    port.number_ = count_++;
    port.guest_ = guest;
    port.handle_ = handle;
    port.address_ = address;
    return &port;
}

u32 Switch::bytes_for(unsigned ports) {
    return ports * ports * (sizeof(Ring) + ring_frames(ports) * sizeof(Frame));
}

void Switch::give(void* memory) {
    auto* ring = static_cast<Ring*>(memory);
    auto* frame = reinterpret_cast<Frame*>(ring + count_ * count_);
    for (unsigned n = 0; n < count_; ++n) {
        ports_[n].rings_ = ring;
        for (unsigned from = 0; from < count_; ++from, ++ring, frame += ring_frames(count_)) {
            *ring = {frame, ring_frames(count_), 0, 0};
        }
    }
}

// Addresses that ports were given come first: nobody else can have them. Of what has moved from one
// port to another the last one counts.
Port* Switch::find(const Address& address, u64 now) {
    for (unsigned n = 0; n < count_; ++n) {
        if (ports_[n].address_ == address) return &ports_[n];
    }
    const core::Held held(lock_);
    Port* found = nullptr;
    u64 last = 0;
    for (unsigned n = 0; n < count_; ++n) {
        for (unsigned i = 0; i < ports_[n].learned_count_; ++i) {
            const Port::Learned& one = ports_[n].learned_[i];
            if (!(one.address == address) || one.seen < last || now - one.seen > age_) continue;
            last = one.seen;
            found = &ports_[n];
        }
    }
    return found;
}

}  // namespace trapeze::para
