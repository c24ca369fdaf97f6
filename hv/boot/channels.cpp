// SPDX-License-Identifier: Apache-2.0
// Byte channels and doorbells of the machine image (docs/channels.md).
#include <libfdt.h>

#include "hv/boot/boot.hpp"
#include "hv/boot/describe.hpp"
#include "hv/boot/tree.hpp"
#include "hv/para/channel.hpp"

namespace trapeze::boot {

namespace {

// What stands for each object: made once, at boot.
constinit void* made[Links::most_objects]{};

template <typename State>
State& state_of(const Handle& handle, Room& room) {
    void*& at = made[handle.object];
    if (at == nullptr) at = room.make<State>();
    if (at == nullptr) reject("there is no room in the VMM's memory for ", handle.name);
    return *static_cast<State*>(at);
}
template <typename State>
State& state_of(const Handle& handle) {
    return *static_cast<State*>(made[handle.object]);
}

// Which end it is: the first handle of a channel is its first.
unsigned side(const Links& links, const Handle& handle) {
    unsigned before = 0, all = 0;
    for (unsigned i = 0; i < links.count; ++i) {
        if (links.handles[i].object != handle.object ||
            links.handles[i].kind->object != handle.kind->object) {
            continue;
        }
        ++all;
        if (&links.handles[i] < &handle) ++before;
    }
    if (all != 2) reject("machine image: a byte channel has two ends: ", handle.name);
    return before;
}

void start_channel(const Links& links, const Handle& handle, Room& room) {
    auto& channel = state_of<para::Channel>(handle, room);
    channel.ends[side(links, handle)] = {&channel, handle.guest, handle.number};
}

void attach_channel(const Links& links, const Handle& handle, guest::Guest& g) {
    para::attach(g.vcpu, state_of<para::Channel>(handle).ends[side(links, handle)]);
}

void describe_channel(const Links& /*links*/, const Handle& handle, void* tree) {
    const int node = add_handle_node(tree, handle.name, "epapr,hv-byte-channel", handle.number);
    const Interrupt both[] = {{para::receive_source(handle.number), level_high},
                              {para::send_source(handle.number), level_high}};
    set_interrupts(tree, node, both, 2);
}

// A channel to the guest's own console has no object: there is one of a guest at most.
constinit para::Channel* consoles[guest::Machine::most_guests]{};

void start_console(const Links& /*links*/, const Handle& handle, Room& room) {
    if (consoles[handle.guest] != nullptr) {
        reject("machine image: a guest's second channel to its console: ", handle.name);
    }
    auto* const channel = room.make<para::Channel>();
    if (channel == nullptr) reject("there is no room in the VMM's memory for ", handle.name);
    channel->ends[0] = {channel, handle.guest, handle.number};
    channel->ends[1] = {channel, para::ChannelEnd::console, 0};
    consoles[handle.guest] = channel;
}

void attach_console(const Links& /*links*/, const Handle& handle, guest::Guest& g) {
    para::attach_console(g.vcpu, consoles[handle.guest]->ends[0]);
}

void describe_console(const Links& links, const Handle& handle, void* tree) {
    describe_channel(links, handle, tree);
    // Linux's driver of byte channels is its console only if the tree says so.
    constexpr char folder[] = "/hypervisor/handles/";
    char path[sizeof folder + 32];
    const int node = fdt_subnode_offset(tree, fdt_path_offset(tree, folder), handle.name);
    check_tree(fdt_get_path(tree, node, path, sizeof path), "device tree: stdout-path: ");
    const int chosen = fdt_path_offset(tree, "/chosen");
    check_tree(chosen, "device tree: /chosen: ");
    check_tree(fdt_setprop_string(tree, chosen, "stdout-path", path), "device tree: /chosen: ");
}

void start_bell(const Links& /*links*/, const Handle& handle, Room& room) {
    state_of<para::Doorbell>(handle, room);
}

void start_receiver(const Links& /*links*/, const Handle& handle, Room& room) {
    auto& bell = state_of<para::Doorbell>(handle, room);
    bell.receivers[bell.count++] = {static_cast<e500::u8>(handle.guest),
                                    static_cast<e500::u8>(handle.number)};
}

void attach_sender(const Links& /*links*/, const Handle& handle, guest::Guest& g) {
    para::attach_sender(g.vcpu, handle.number, state_of<para::Doorbell>(handle));
}
void attach_receiver(const Links& /*links*/, const Handle& handle, guest::Guest& g) {
    para::attach_receiver(g.vcpu, handle.number, state_of<para::Doorbell>(handle));
}

void describe_sender(const Links& /*links*/, const Handle& handle, void* tree) {
    add_handle_node(tree, handle.name, "epapr,hv-send-doorbell", handle.number);
}
void describe_receiver(const Links& links, const Handle& handle, void* tree) {
    const int node = add_handle_node(tree, handle.name, "epapr,hv-receive-doorbell", handle.number);
    const Interrupt edge{para::edge_source(handle.number), rising_edge};
    set_interrupts(tree, node, &edge, 1);
    if (fdt_getprop(links.tree, handle.node, "shutdown", nullptr) == nullptr) return;
    // Linux's driver of Freescale's hypervisor powers off by it.
    constexpr char names[] = "fsl,hv-shutdown-doorbell\0epapr,hv-receive-doorbell";
    check_tree(fdt_setprop(tree, node, "compatible", names, sizeof names), "device tree: handle: ");
    set_freescale_version(tree);
}

}  // namespace

const HandleKind byte_channel{"byte-channel-handle", "byte-channel", start_channel, attach_channel,
                              describe_channel};
const HandleKind console_channel{"console-channel-handle", nullptr, start_console, attach_console,
                                 describe_console};
const HandleKind doorbell_sender{"send-doorbell-handle", "doorbell", start_bell, attach_sender,
                                 describe_sender};
const HandleKind doorbell_receiver{"receive-doorbell-handle", "doorbell", start_receiver,
                                   attach_receiver, describe_receiver};

}  // namespace trapeze::boot
