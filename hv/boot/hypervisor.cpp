// SPDX-License-Identifier: Apache-2.0
// What a guest that makes hypercalls finds in its device tree (docs/hypercalls.md).
#include <libfdt.h>

#include "hv/boot/boot.hpp"
#include "hv/boot/tree.hpp"
#include "hv/para/hypercall.hpp"

namespace trapeze::boot {

namespace {

int add(void* tree, int parent, const char* name) {
    const int node = fdt_add_subnode(tree, parent, name);
    check_tree(node, "device tree: /hypervisor: ");
    return node;
}
void set(void* tree, int node, const char* name, const void* data, u32 bytes) {
    check_tree(fdt_setprop(tree, node, name, data, static_cast<int>(bytes)),
               "device tree: /hypervisor: ");
}

}  // namespace

void describe_hypervisor(void* tree, const char* guest_name) {
    // Of a tree that the user brings, which would speak of another hypervisor.
    for (int old; (old = fdt_path_offset(tree, "/hypervisor")) >= 0;) {
        check_tree(fdt_del_node(tree, old), "device tree: /hypervisor: ");
    }
    const int node = add(tree, 0, "hypervisor");
    // Linux makes devices of the nodes in what is a simple-bus.
    constexpr char names[] = "epapr,hypervisor-1.1\0epapr,hypervisor\0simple-bus";
    set(tree, node, "compatible", names, sizeof names);
    const fdt32_t call = cpu_to_fdt32(para::instruction);
    set(tree, node, "hcall-instructions", &call, sizeof call);
    set(tree, node, "has-idle", nullptr, 0);
    if (guest_name != nullptr) {
        check_tree(fdt_setprop_string(tree, node, "guest-name", guest_name),
                   "device tree: /hypervisor: ");
        check_tree(fdt_setprop_string(tree, node, "label", guest_name),
                   "device tree: /hypervisor: ");
    }
    const int handles = add(tree, node, "handles");
    constexpr char bus[] = "simple-bus";
    set(tree, handles, "compatible", bus, sizeof bus);
}

int add_handle_node(void* tree, const char* name, const char* compatible, u32 handle) {
    const int handles = fdt_path_offset(tree, "/hypervisor/handles");
    check_tree(handles, "device tree: /hypervisor/handles: ");
    const int node = add(tree, handles, name);
    check_tree(fdt_setprop_string(tree, node, "compatible", compatible), "device tree: handle: ");
    check_tree(fdt_setprop_u32(tree, node, "hv-handle", handle), "device tree: handle: ");
    return node;
}

void set_freescale_version(void* tree) {
    const fdt32_t version[] = {cpu_to_fdt32(1), cpu_to_fdt32(0)};
    set(tree, fdt_path_offset(tree, "/hypervisor"), "fsl,hv-version", version, sizeof version);
}

}  // namespace trapeze::boot
