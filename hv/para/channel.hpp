// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/dev/device.hpp"

// Byte channels and doorbells (ePAPR 1.1, 7.5; docs/channels.md): what two guests share, and what
// each has of it.
namespace trapeze::para {

using e500::u32;
using e500::u8;

// One direction of a byte channel: one core writes, one reads, and neither waits for the other.
class ByteQueue {
  public:
    static constexpr u32 capacity = 4096;  // bytes, a power of two

    // How many bytes went, and whether the other side, which may have seen that it had nothing to
    // do, is to look again.
    struct Moved {
        u32 bytes;
        bool tell;
    };
    // The writer's: up to `count` bytes.
    Moved put(const u8* from, u32 count);
    // The reader's.
    Moved take(u8* to, u32 count);
    Moved drop() { return take(nullptr, capacity); }

    // Bytes that can be taken at least, asked by the reader; that can be put, asked by the writer.
    u32 used() const { return load(head_) - load(tail_); }
    u32 room() const { return capacity - used(); }

  private:
    static u32 load(const u32& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }

    u32 head_ = 0, tail_ = 0;  // bytes so far: written by the writer, by the reader
    u8 bytes_[capacity] = {};
};

struct Channel;

// An end of a channel: dev::Handle::state of its guest's handle.
struct ChannelEnd {
    static constexpr u32 console = ~0u;  // as guest: the end is the console's

    Channel* channel;
    u32 guest, number;  // whose handle it is
    ByteQueue& in() const;
    ByteQueue& out() const;
    ChannelEnd& other() const;
};

struct Channel {
    ChannelEnd ends[2];
    ByteQueue queues[2];  // what each end writes
};
inline ByteQueue& ChannelEnd::out() const { return channel->queues[this == channel->ends ? 0 : 1]; }
inline ByteQueue& ChannelEnd::in() const { return channel->queues[this == channel->ends ? 1 : 0]; }
inline ChannelEnd& ChannelEnd::other() const {
    return channel->ends[this == channel->ends ? 1 : 0];
}

// A doorbell: whoever has a handle to send rings at all that have one to receive.
struct Doorbell {
    static constexpr u32 most = 64;  // handles there can be in a machine
    u32 count;
    struct {
        u8 guest, number;
    } receivers[most];
};

// The interrupt sources of a guest's handle, where the board has nothing. An end of a channel has
// two that follow levels: there are bytes to receive; there is room to send. One that receives a
// doorbell has an edge.
constexpr u32 receive_source(u32 number) { return 128 + number; }
constexpr u32 send_source(u32 number) { return 144 + number; }
constexpr u32 edge_source(u32 number) { return dev::Openpic::first_edge + number; }

// The guest has been made, perhaps anew: its handle is there from now on. What had been sent to it
// is gone, what it had sent is not.
void attach(vcpu::Vcpu& v, ChannelEnd& end);
// The same for an end whose other one is the guest's console.
void attach_console(vcpu::Vcpu& v, ChannelEnd& end);
void attach_receiver(vcpu::Vcpu& v, u32 number, Doorbell& bell);
void attach_sender(vcpu::Vcpu& v, u32 number, Doorbell& bell);

}  // namespace trapeze::para
