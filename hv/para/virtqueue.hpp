// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/para/memory.hpp"

// The device's side of a split virtqueue (virtio 1.2, 2.7): descriptors, available and used ring
// lie in the guest's memory, which may hold anything. Each word of it is read once and checked
// before it is used.
namespace trapeze::para {

// What a driver did that no driver may: the device asks for a reset then.
enum class Fault : u8 {
    none,
    size,       // the queue's is no power of two, or too large
    place,      // the queue's parts lie outside of RAM, or are not aligned
    index,      // more is available than the queue has room for
    head,       // a chain begins, or goes on, behind the last descriptor
    loop,       // a chain is longer than the queue
    empty,      // a descriptor of no bytes
    outside,    // a descriptor's bytes are not all RAM
    length,     // a chain's bytes do not count in 32 bits
    order,      // what the device reads stands behind what it writes
    indirect,   // a table of descriptors, which was not agreed on
    direction,  // a chain is to be read that the queue writes, or the other way
    small,      // a buffer has no room for what it is there for
    features,   // DRIVER_OK without FEATURES_OK
};
const char* name(Fault fault);

struct Segment {
    u64 at;  // guest-physical
    u32 bytes;
};

// Of a buffer: first what the device reads, then what it writes.
struct Chain {
    static constexpr u16 most = 256;
    u16 head;
    u16 count, readable;  // segments, and how many of them the device reads
    u32 readable_bytes, writable_bytes;
    Segment segment[most];

    // Moves bytes of the readable part, from `skip` on, to `to`, or of `from` to the writable part.
    // They must be there. False: the memory has gone.
    bool gather(const Memory& memory, u32 skip, void* to, u32 bytes) const;
    bool scatter(const Memory& memory, u32 skip, const void* from, u32 bytes) const;
};

class Virtqueue {
  public:
    static constexpr u16 most = Chain::most;

    // What the driver sets while the queue is not ready; addresses are guest-physical.
    u32 size = 0;
    u64 descriptors = 0, driver = 0, device = 0;

    bool ready() const { return ready_; }
    // The queue is the device's from now on. `event_index`: VIRTIO_F_EVENT_IDX was agreed on.
    Fault start(const Memory& memory, bool event_index);
    void stop() { *this = {}; }

    // The next buffer; `chain.count` is 0 if there is none. A chain that is wrong is not taken.
    Fault pop(const Memory& memory, Chain& chain);
    // Whether there may be one.
    bool waits(const Memory& memory) const;
    // Gives a buffer back, of which `bytes` were written. The driver sees it after publish().
    void push(const Memory& memory, u16 head, u32 bytes);
    // Shows what was pushed. True: the driver wants an interrupt for it.
    bool publish(const Memory& memory);
    // Whether the driver is to tell when it makes more buffers available.
    void ask(const Memory& memory, bool wanted);

  private:
    u16 load_16(const Memory& memory, u64 at) const;
    void store_16(const Memory& memory, u64 at, u32 value) const;

    bool ready_ = false, event_index_ = false, silent_ = false;
    u16 taken_ = 0;  // as many buffers were taken, modulo 2^16,
    u16 used_ = 0;   // given back,
    u16 shown_ = 0;  // and published
};

}  // namespace trapeze::para
