// SPDX-License-Identifier: Apache-2.0
#include "hv/boot/links.hpp"

#include <libfdt.h>

#include <cstring>

#include "hv/boot/boot.hpp"
#include "hv/boot/describe.hpp"
#include "hv/boot/tree.hpp"

namespace trapeze::boot {

namespace {

// All kinds. A new one is a row here and one of the front door's (HANDLES in tools/front/links.py).
constexpr const HandleKind* handle_kinds[] = {
    &byte_channel, &console_channel, &doorbell_sender,   &doorbell_receiver,
    &virtio_net,   &shared_memory,   &managed_partition,
};

const HandleKind& kind_of(const void* tree, int node) {
    const char* const name = text_of(tree, node, "kind");
    for (const HandleKind* kind : handle_kinds) {
        if (kind != nullptr && name != nullptr && strcmp(kind->name, name) == 0) return *kind;
    }
    reject("machine image: no such kind of handle: ", name != nullptr ? name : "none");
}

bool is_of_guest(const HandleKind& kind) {
    return kind.object != nullptr && strcmp(kind.object, a_guest) == 0;
}

}  // namespace

u32 cell_or(const void* tree, int node, const char* name, u32 absent) {
    int length = 0;
    const auto* const data = static_cast<const fdt32_t*>(fdt_getprop(tree, node, name, &length));
    return data != nullptr && length == 4 ? fdt32_to_cpu(*data) : absent;
}

void describe_device(void* tree, const Handle& handle, const char* compatible, u64 at, u64 size) {
    const int bus = bus_of(tree, "virtio");
    const int node = fdt_add_subnode(tree, bus, handle.name);
    check_tree(node, "device tree: a handle's device: ");
    check_tree(fdt_setprop_string(tree, node, "compatible", compatible),
               "device tree: a handle's device: ");
    set_registers(tree, bus, node, at, size);
    const Interrupt interrupt{handle_source(handle.number), level_high};
    set_interrupts(tree, node, &interrupt, 1);
}

void read_objects(const void* tree, Links& links) {
    links.tree = tree;
    const int objects = fdt_subnode_offset(tree, 0, "objects");
    if (objects < 0) return;
    int node;
    fdt_for_each_subnode(node, tree, objects) {
        const char* const name = fdt_get_name(tree, node, nullptr);
        const char* const kind = text_of(tree, node, "kind");
        if (kind == nullptr) reject("machine image: an object without a kind: ", name);
        if (links.object_count == Links::most_objects) {
            reject("machine image: more objects than this VMM has room for (16)");
        }
        links.objects[links.object_count++] = {kind, name, node, 0, 0};
    }
}

void read_handles(const void* tree, int guest_node, unsigned guest, Links& links) {
    const int handles = fdt_subnode_offset(tree, guest_node, "handles");
    if (handles < 0) return;
    unsigned number = 0;
    int node;
    fdt_for_each_subnode(node, tree, handles) {
        const char* const name = fdt_get_name(tree, node, nullptr);
        const HandleKind& kind = kind_of(tree, node);
        if (number == Links::most_handles) {
            reject("machine image: more handles than this VMM has room for (16)");
        }
        const bool of_guest = is_of_guest(kind);
        const u32 object = cell_or(tree, node, of_guest ? "guest" : "object", Handle::none);
        if (kind.object != nullptr && !of_guest &&
            (object >= links.object_count ||
             strcmp(links.objects[object].kind, kind.object) != 0)) {
            reject("machine image: a handle refers to no object of its kind: ", name);
        }
        links.handles[links.count++] = {&kind, name, guest, number++, object, node};
    }
}

void check_handles(const Links& links, unsigned guests) {
    for (unsigned i = 0; i < links.count; ++i) {
        const Handle& handle = links.handles[i];
        if (!is_of_guest(*handle.kind)) continue;
        if (handle.object >= guests || handle.object == handle.guest) {
            reject("machine image: a handle refers to no other guest: ", handle.name);
        }
    }
}

void start_links(const Links& links, Room& room) {
    for (unsigned i = 0; i < links.count; ++i) {
        const Handle& handle = links.handles[i];
        if (handle.kind->start != nullptr) handle.kind->start(links, handle, room);
    }
}

void attach_links(const Links& links, guest::Guest& g) {
    for (unsigned i = 0; i < links.count; ++i) {
        const Handle& handle = links.handles[i];
        if (handle.guest != g.vcpu.guest_number || handle.kind->attach == nullptr) continue;
        handle.kind->attach(links, handle, g);
    }
}

void describe_links(const Links& links, unsigned guest, void* tree) {
    for (unsigned i = 0; i < links.count; ++i) {
        const Handle& handle = links.handles[i];
        if (handle.guest != guest || handle.kind->describe == nullptr) continue;
        handle.kind->describe(links, handle, tree);
    }
}

}  // namespace trapeze::boot
