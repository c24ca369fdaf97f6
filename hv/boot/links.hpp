// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <new>

#include "hv/guest/machine.hpp"

// What joins guests, as the machine image says (docs/links.md): objects, which are the machine's,
// and handles, what a guest has of one.
namespace trapeze::boot {

using e500::u32;
using e500::u64;

// Memory of the VMM's own that nothing stands in yet, aligned to words.
struct Room {
    e500::u8* at;
    u32 size;  // bytes

    // Some of it, which is gone then; null if there is not so much. `align` is a power of two.
    e500::u8* take(u32 bytes, u32 align) {
        const u32 skew = -static_cast<u32>(reinterpret_cast<std::uintptr_t>(at)) & (align - 1);
        if (skew > size || bytes > size - skew) return nullptr;
        const u32 all = (skew + bytes + 3) & ~u32{3};
        e500::u8* const taken = at + skew;
        at += all < size ? all : size;
        size -= all < size ? all : size;
        return taken;
    }
    // The same for an object, made there.
    template <typename T>
    T* make() {
        void* const place = take(sizeof(T), alignof(T));
        return place != nullptr ? new (place) T{} : nullptr;
    }
};

struct HandleKind;

struct Object {
    const char* kind;  // as in a configuration
    const char* name;
    int node;        // in Links::tree
    u64 hpa, bytes;  // shared memory: where it lies
};

struct Handle {
    const HandleKind* kind;
    const char* name;
    unsigned guest;
    unsigned number;  // of the guest's handles
    unsigned object;  // index of what it refers to, a guest's number where that is one, or:
    static constexpr unsigned none = ~0u;
    int node;  // in Links::tree
};

struct Links {
    // The front door's (tools/front/links.py).
    static constexpr unsigned most_objects = 16, most_handles = 16;

    const void* tree;
    const char* guest_names[guest::Machine::most_guests];
    Object objects[most_objects];
    unsigned object_count;
    Handle handles[most_handles * guest::Machine::most_guests];  // those of a guest together
    unsigned count;
};

// HandleKind::object of a handle that is of another guest.
inline constexpr const char* a_guest = "partition";

// A kind of handle. Null: nothing to be done.
struct HandleKind {
    const char* name;    // as in a configuration
    const char* object;  // kind of what it refers to, or `a_guest`; null: nothing
    // Once, before any guest is loaded, all in the order of their guests. What it takes of `room`
    // is gone.
    void (*start)(const Links& links, const Handle& handle, Room& room);
    // The guest has been made, perhaps anew, and has its memory map and its devices.
    void (*attach)(const Links& links, const Handle& handle, guest::Guest& g);
    // Its node in the guest's device tree.
    void (*describe)(const Links& links, const Handle& handle, void* tree);
};

// All kinds but what links.cpp has itself.
extern const HandleKind byte_channel, console_channel;       // channels.cpp
extern const HandleKind doorbell_sender, doorbell_receiver;  // channels.cpp
extern const HandleKind virtio_net;                          // links_net.cpp
extern const HandleKind managed_partition;                   // partitions.cpp
extern const HandleKind shared_memory;                       // shared_memory.cpp

// At most so many bytes of the machine's RAM are needed for memory that guests share.
u64 shared_bytes(const Links& links);
// Takes it from [from, end) and clears it.
void place_shared(Links& links, u64 from, u64 end);

// The source of the guest's interrupt controller that its handle with this number has for itself.
// On the board nothing is there; messages begin at 224.
constexpr unsigned handle_source(unsigned number) { return 128 + number; }

// Of one guest, or of the machine.
void read_objects(const void* tree, Links& links);
void read_handles(const void* tree, int guest_node, unsigned guest, Links& links);

// What they have of guests is there, and is not their own; `guests` is how many there are. Else
// ends in reject().
void check_handles(const Links& links, unsigned guests);

void start_links(const Links& links, Room& room);
void attach_links(const Links& links, guest::Guest& g);
void describe_links(const Links& links, unsigned guest, void* tree);
// Behind that: a guest that others manage gets what they have set in its tree, and a copy is kept
// for them (partitions.cpp). What has no room or no node is told in the log and left out.
void keep_tree(unsigned guest, void* tree);

// Adds a node, /virtio/NAME with the handle's name, for a device with `size` bytes of registers at
// guest-physical `at`, and the handle's interrupt, which follows a level.
void describe_device(void* tree, const Handle& handle, const char* compatible, u64 at, u64 size);

// A property of `cells` numbers of a node of the machine image; `absent` where there is none.
u32 cell_or(const void* tree, int node, const char* name, u32 absent);

}  // namespace trapeze::boot
