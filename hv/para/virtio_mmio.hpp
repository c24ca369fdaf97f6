// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/para/virtqueue.hpp"

// A virtio device's registers (virtio 1.2, 4.2: MMIO, version 2) and its life: a model without
// hardware. What the device is for is its Kind.
namespace trapeze::para {

class Transport;

struct Kind {
    const char* name;
    u32 id;            // virtio 1.2, 5
    u64 features;      // that it offers besides those of the transport
    u8 queues;         // up to Transport::most_queues
    u32 config_bytes;  // of its own configuration, which is read-only
    // The driver is there (DRIVER_OK), or no longer.
    void (*started)(Transport& t);
    void (*stopped)(Transport& t);
    // Buffers have been made available; or some that were not taken are due (Transport::later).
    void (*notified)(Transport& t, unsigned queue);
    u8 (*config)(const Transport& t, u32 offset);
};

// What the device is in: its guest.
struct Place {
    Memory memory;
    // The interrupt's line goes up or down.
    void (*line)(void* owner, bool up);
    // Calls resume() in a moment: the guest goes on meanwhile.
    void (*later)(void* owner);
    // The driver has done what none may, and the device waits for a reset.
    void (*fails)(void* owner, const char* why);
};

class Transport {
  public:
    static constexpr unsigned most_queues = 2;
    static constexpr u64 version_1 = u64{1} << 32, event_index = u64{1} << 29;

    // `device` is what the kind keeps.
    void start(const Kind& kind, const Place& place, void* device);
    // As if never used.
    void reset();

    // Accesses of the guest's, of `size` 1, 2 or 4 bytes at a multiple of it, below 4096; values as
    // a big-endian core has them. Registers are words, and little-endian as the driver reads them.
    u32 read(u32 offset, unsigned size) const;
    void write(u32 offset, unsigned size, u32 value);

    // ---- For the kind.

    void* device() const { return device_; }
    const Memory& memory() const { return place_.memory; }
    // Buffers move: the driver is there, and has done nothing wrong.
    bool runs() const { return (status_ & (driver_ok | needs_reset | failed)) == driver_ok; }
    bool agreed(u64 feature) const { return (driver_features_ & feature) != 0; }
    Virtqueue& queue(unsigned n) { return queues_[n]; }
    // The next buffer of a queue; null: there is none, or it was wrong. One at a time.
    const Chain* pop(unsigned queue);
    // Shows the driver what was pushed, and interrupts it if it wants that.
    void publish(unsigned queue);
    void later(unsigned queue) {
        due_ |= 1u << queue;
        place_.later(place_.memory.owner);
    }
    void fail(Fault fault);
    // Calls the kind for what was put off.
    void resume();

  private:
    enum Status : u32 {
        features_ok = 8,
        driver_ok = 4,
        needs_reset = 0x40,
        failed = 0x80,
        of_driver = 0x8f,
    };

    u32 read_register(u32 offset) const;
    void write_register(u32 offset, u32 value);
    void write_status(u32 value);
    void make_ready(bool ready);
    void write_address(u64& address, u32 offset, u32 value);
    void interrupt(u32 why);

    const Kind* kind_ = nullptr;
    Place place_ = {};
    void* device_ = nullptr;
    u32 status_ = 0, interrupts_ = 0, select_ = 0;
    u32 device_select_ = 0, driver_select_ = 0;
    u64 driver_features_ = 0;
    u32 due_ = 0;  // queues
    Virtqueue queues_[most_queues];
    Chain chain_;
};

}  // namespace trapeze::para
