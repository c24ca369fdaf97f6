// SPDX-License-Identifier: Apache-2.0
#include "hv/boot/describe.hpp"

#include <libfdt.h>

#include "hv/boot/boot.hpp"
#include "hv/boot/tree.hpp"

namespace trapeze::boot {

namespace {

constexpr const char* describing = "device tree: a handle's node: ";

}  // namespace

void set_interrupts(void* tree, int node, const Interrupt* list, unsigned count) {
    constexpr unsigned most = 4, most_cells = 4;  // of an interrupt, in the controller's binding
    const int controller = fdt_node_offset_by_compatible(tree, -1, "fsl,mpic");
    const u32 parent = controller < 0 ? 0 : fdt_get_phandle(tree, controller);
    if (parent == 0) reject("device tree: no interrupt controller for a handle");
    const u32 cells = cell_or(tree, controller, "#interrupt-cells", 2);
    if (cells < 2 || cells > most_cells) reject("device tree: odd #interrupt-cells");
    fdt32_t data[most * most_cells] = {};
    for (unsigned i = 0; i < count; ++i) {
        data[i * cells] = cpu_to_fdt32(list[i].source);
        data[i * cells + 1] = cpu_to_fdt32(list[i].sense);
    }
    const auto bytes = static_cast<int>(count * cells * sizeof data[0]);
    int error = fdt_setprop(tree, node, "interrupts", data, bytes);
    if (error == 0) error = fdt_setprop_u32(tree, node, "interrupt-parent", parent);
    check_tree(error, describing);
}

int bus_of(void* tree, const char* name) {
    const int known = fdt_subnode_offset(tree, 0, name);
    if (known >= 0) return known;
    const auto address_cells = static_cast<u32>(fdt_address_cells(tree, 0));
    const auto size_cells = static_cast<u32>(fdt_size_cells(tree, 0));
    const int bus = fdt_add_subnode(tree, 0, name);
    check_tree(bus, describing);
    int error = fdt_setprop_u32(tree, bus, "#address-cells", address_cells);
    if (error == 0) error = fdt_setprop_u32(tree, bus, "#size-cells", size_cells);
    if (error == 0) error = fdt_setprop_empty(tree, bus, "ranges");
    if (error == 0) error = fdt_setprop_string(tree, bus, "compatible", "simple-bus");
    check_tree(error, describing);
    return bus;
}

void set_registers(void* tree, int bus, int node, u64 at, u64 size) {
    const int address_cells = fdt_address_cells(tree, bus), size_cells = fdt_size_cells(tree, bus);
    if (address_cells < 1 || address_cells > 2 || size_cells < 1 || size_cells > 2) {
        reject("device tree: odd #address-cells or #size-cells");
    }
    if (address_cells == 1 && at >> 32 != 0) {
        reject("device tree: with #address-cells = <1> nothing is above 4G: ",
               fdt_get_name(tree, node, nullptr));
    }
    fdt32_t reg[4];
    int n = 0;
    if (address_cells == 2) reg[n++] = cpu_to_fdt32(static_cast<u32>(at >> 32));
    reg[n++] = cpu_to_fdt32(static_cast<u32>(at));
    if (size_cells == 2) reg[n++] = cpu_to_fdt32(static_cast<u32>(size >> 32));
    reg[n++] = cpu_to_fdt32(static_cast<u32>(size));
    check_tree(fdt_setprop(tree, node, "reg", reg, 4 * n), describing);
}

}  // namespace trapeze::boot
