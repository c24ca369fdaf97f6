// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/lock.hpp"

// A virtual Ethernet switch (docs/network.md): ports of guests on any core. A port's queue is one
// ring of frames for each other port, which has one writer and one reader, each a guest's core: no
// locks, and no sender takes another one's room. A frame is copied into the ring and out of it.
namespace trapeze::para {

using e500::u16;
using e500::u32;
using e500::u64;
using e500::u8;

struct Address {
    u8 byte[6];

    bool operator==(const Address& other) const {
        bool same = true;
        for (unsigned i = 0; i < sizeof byte; ++i) same = same && byte[i] == other.byte[i];
        return same;
    }
    bool group() const { return (byte[0] & 1) != 0; }  // multicast or broadcast
};

struct Frame {
    // With a VLAN tag, without the check sequence.
    static constexpr u32 least = 14, most = 1518;
    u32 bytes;
    u8 data[most + 2];
};

// Frames on the way from one port to another.
struct Ring {
    Frame* frame;
    u32 room;
    u32 in;   // the writer's: frames so far,
    u32 out;  // and the reader's; modulo 2^32
};

// Counters are the port's core's alone; other cores may read them.
struct PortCounters {
    u64 sent, sent_bytes;          // frames that the guest gave the switch
    u64 received, received_bytes;  // and got
    u64 malformed;                 // too short, or its source is a group
    u64 oversized;
    u64 foreign;  // its source is the address of another port
    u64 full;     // copies that a port had no room for
    u64 down;     // copies for a port whose guest has no driver
};

class Switch;

class Port {
  public:
    static constexpr unsigned most_learned = 16;

    const Address& address() const { return address_; }
    const PortCounters& counters() const { return counters_; }

    // The guest's driver is there: the port begins to receive. Or it is gone: its queue is empty.
    void raise();
    void lower();
    // A frame of the guest's. Calls Switch::Wake for each port that has something new.
    void send(const Frame& frame, u64 now);
    void refuse_malformed() { ++counters_.malformed; }
    void refuse_oversized() { ++counters_.oversized; }
    // The next frame for the guest, or null; it stays until take(). Ports have their turns.
    const Frame* next();
    void take();

  private:
    friend class Switch;
    struct Learned {
        Address address;
        u64 seen;  // VMM's clock; 0: none
    };

    void deliver(Port& to, const Frame& frame);
    void flood(const Frame& frame);
    bool learn(const Address& source, u64 now);

    Switch* switch_;
    void* owner_;
    unsigned number_;
    unsigned guest_, handle_;
    Address address_;
    bool up_;        // atomically
    unsigned turn_;  // whose ring is looked at first
    Learned learned_[most_learned];
    unsigned learned_count_;
    Ring* rings_;  // by the port that writes
    PortCounters counters_;
};

class Switch {
  public:
    static constexpr unsigned most_ports = 8;
    // Frames in a port's queue, for all other ports together, and at least for each of them.
    static constexpr u32 queue_frames = 128, least_frames = 16;
    // What was not seen for so many seconds is forgotten.
    static constexpr u32 age_seconds = 300;

    // Tells the guest `guest` that its handle `handle` has frames, by the core of the one that has
    // sent them, whose port's owner is `sender`.
    using Wake = void (*)(void* sender, unsigned guest, unsigned handle);

    // `age` in ticks of the VMM's clock.
    void start(Wake wake, u64 age);
    // One more, before any guest runs; all are known then. Null: there are most_ports.
    Port* add(void* owner, unsigned guest, unsigned handle, const Address& address);
    // Bytes of memory that the ports of so many take, and their giving.
    static u32 bytes_for(unsigned ports);
    void give(void* memory);

    unsigned count() const { return count_; }
    Port& port(unsigned n) { return ports_[n]; }

  private:
    friend class Port;
    Port* find(const Address& address, u64 now);

    Port ports_[most_ports];
    unsigned count_;
    Wake wake_;
    u64 age_;
    // Of what ports have learned: held while the entries are looked through, at most 128.
    core::Lock lock_;
};

}  // namespace trapeze::para
