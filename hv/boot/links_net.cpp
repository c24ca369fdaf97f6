// SPDX-License-Identifier: Apache-2.0
// Networks: an object "virtual-switch", and handles "virtio-net" (docs/network.md).
#include <libfdt.h>

#include <cstring>

#include "hv/boot/boot.hpp"
#include "hv/para/virtio.hpp"

namespace trapeze::boot {

namespace {

// Made before the first guest; constant from then on.
constinit struct {
    para::Switch* switches[Links::most_objects];
    para::Device* devices[guest::Machine::most_guests][Links::most_handles];
} networks{};

[[noreturn]] void reject_room(const Handle& handle) {
    reject("there is no room in the VMM's memory for the network of ", handle.name);
}

// The one that the configuration gives, or else 02:54:5a:00:GUEST:HANDLE.
para::Address address_of(const Links& links, const Handle& handle) {
    para::Address address{
        {0x02, 0x54, 0x5a, 0, static_cast<u8>(handle.guest), static_cast<u8>(handle.number)}};
    int length = 0;
    const void* const given = fdt_getprop(links.tree, handle.node, "local-mac-address", &length);
    if (given != nullptr && length == sizeof address.byte) {
        memcpy(address.byte, given, sizeof address.byte);
    }
    return address;
}

void start(const Links& links, const Handle& handle, Room& room) {
    // With the first of its handles a switch is made, with the last one its queues.
    bool first = true, last = true;
    unsigned ports = 0;
    for (unsigned i = 0; i < links.count; ++i) {
        const Handle& other = links.handles[i];
        if (other.kind != handle.kind || other.object != handle.object) continue;
        ++ports;
        if (&other < &handle) first = false;
        if (&other > &handle) last = false;
    }
    para::Switch*& lan = networks.switches[handle.object];
    if (first) {
        const u64 age = u64{para::Switch::age_seconds} * guest::machine.timebase_frequency;
        lan = room.make<para::Switch>();
        if (lan == nullptr) reject_room(handle);
        lan->start(para::wake, age);
    }
    auto* const device = room.make<para::Device>();
    if (device == nullptr) reject_room(handle);
    device->net.port = lan->add(device, handle.guest, handle.number, address_of(links, handle));
    if (device->net.port == nullptr) {
        reject("machine image: more than 8 handles refer to the switch of ", handle.name);
    }
    networks.devices[handle.guest][handle.number] = device;
    if (!last) return;
    constexpr u32 align = 8;
    void* const queues = room.take(para::Switch::bytes_for(ports), align);
    if (queues == nullptr) reject_room(handle);
    lan->give(queues);
}

void attach(const Links& /*links*/, const Handle& handle, guest::Guest& g) {
    para::Device& device = *networks.devices[handle.guest][handle.number];
    if (!para::attach(g, device, handle.number, handle_source(handle.number), handle.name)) {
        reject("guest memory overlaps its virtio devices: ", handle.name);
    }
}

void describe(const Links& /*links*/, const Handle& handle, void* tree) {
    describe_device(tree, handle, "virtio,mmio", para::register_page(handle.number),
                    para::page_bytes);
}

}  // namespace

extern const HandleKind virtio_net{"virtio-net", "virtual-switch", start, attach, describe};

}  // namespace trapeze::boot
