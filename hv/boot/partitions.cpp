// SPDX-License-Identifier: Apache-2.0
// Handles of guests that manage others (docs/partitions.md).
#include <libfdt.h>

#include <cstring>

#include "hv/boot/boot.hpp"
#include "hv/boot/describe.hpp"
#include "hv/boot/tree.hpp"
#include "hv/console/console.hpp"
#include "hv/para/channel.hpp"
#include "hv/para/partition.hpp"

namespace trapeze::boot {

namespace {

// Of a guest's tree; a larger one is not kept, and its properties cannot be read.
constexpr u32 tree_room = 64 << 10;

void start(const Links& /*links*/, const Handle& handle, Room& room) {
    constexpr const char* full = "there is no room in the VMM's memory for the partition of ";
    auto* const managed = room.make<para::Managed>();
    if (managed == nullptr) reject(full, handle.name);
    *managed = {handle.guest, handle.number, handle.object, nullptr, 0, 0};
    para::manage(*managed);
    if (para::partition_of(handle.object) != nullptr) return;
    auto* const partition = room.make<para::Partition>();
    if (partition == nullptr) reject(full, handle.name);
    partition->tree = room.take(tree_room, 4);
    if (partition->tree != nullptr) partition->tree_room = tree_room;
    para::set_partition(handle.object, partition);
}

void attach(const Links& /*links*/, const Handle& handle, guest::Guest& g) {
    para::Managed* m = para::first_managed();
    while (m->manager != handle.guest || m->number != handle.number) m = m->next;
    para::attach_managed(g, *m);
}

void describe(const Links& links, const Handle& handle, void* tree) {
    constexpr const char* what = "device tree: managed-partition: ";
    const int node = add_handle_node(tree, handle.name, "fsl,hv-partition-handle", handle.number);
    // What Freescale's first releases called it, for which programs may look.
    check_tree(fdt_setprop_u32(tree, node, "reg", handle.number), what);
    check_tree(fdt_setprop_string(tree, node, "label", links.guest_names[handle.object]), what);
    const int told = fdt_add_subnode(tree, node, "state-change");
    check_tree(told, what);
    constexpr char names[] = "fsl,hv-state-change-doorbell\0epapr,hv-receive-doorbell";
    check_tree(fdt_setprop(tree, told, "compatible", names, sizeof names), what);
    const Interrupt edge{para::edge_source(handle.number), rising_edge};
    set_interrupts(tree, told, &edge, 1);
    set_freescale_version(tree);
}

// The log's line for what a manager has set and the tree cannot take.
void set_property(void* tree, const para::Setting& setting) {
    const int node = fdt_path_offset(tree, setting.path);
    const int result = node < 0 ? node
                                : fdt_setprop(tree, node, setting.name, setting.value,
                                              static_cast<int>(setting.bytes));
    if (result >= 0) return;
    console::log("guest: its manager's {} of {} is left out: {}", setting.name, setting.path,
                 fdt_strerror(result));
}

}  // namespace

void keep_tree(unsigned guest, void* tree) {
    para::Partition* const p = para::partition_of(guest);
    if (p == nullptr) return;
    {
        const core::Held held(p->settings_lock);
        for (const para::Setting& setting : p->settings) {
            if (setting.used != 0) set_property(tree, setting);
        }
    }
    const u32 bytes = fdt_off_dt_strings(tree) + fdt_size_dt_strings(tree);
    const bool fits = bytes <= p->tree_room;
    if (!fits) console::log("guest: no room for its device tree: its managers cannot read it");
    __atomic_fetch_add(&p->version, 1, __ATOMIC_SEQ_CST);
    if (fits) memcpy(p->tree, tree, bytes);
    p->tree_bytes = fits ? bytes : 0;
    __atomic_fetch_add(&p->version, 1, __ATOMIC_SEQ_CST);
}

constinit const HandleKind managed_partition{"managed-partition", a_guest, start, attach, describe};

}  // namespace trapeze::boot
