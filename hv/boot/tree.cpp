// SPDX-License-Identifier: Apache-2.0
#include "hv/boot/tree.hpp"

#include <libfdt.h>

#include "hv/board/ppce500.hpp"
#include "hv/boot/boot.hpp"

namespace trapeze::boot {

namespace {

// The VMM's UART is not the guest's.
void remove_hv_uart(void* tree) {
    int node = fdt_node_offset_by_compatible(tree, -1, "ns16550");
    while (node >= 0) {
        int length = 0;
        const auto* const reg =
            static_cast<const fdt32_t*>(fdt_getprop(tree, node, "reg", &length));
        if (reg != nullptr && length >= 4 && fdt32_to_cpu(reg[0]) == board::uart1_offset) {
            fdt_del_node(tree, node);
            return;
        }
        node = fdt_node_offset_by_compatible(tree, node, "ns16550");
    }
}

}  // namespace

void check_tree(int result, const char* what) {
    if (result < 0) reject(what, fdt_strerror(result));
}

void set_chosen(void* tree, const char* arguments, const Extent& kernel, const Extent& ramdisk) {
    int chosen = fdt_path_offset(tree, "/chosen");
    if (chosen < 0) chosen = fdt_add_subnode(tree, 0, "chosen");
    check_tree(chosen, "device tree: /chosen: ");
    fdt_delprop(tree, chosen, "linux,initrd-start");
    fdt_delprop(tree, chosen, "linux,initrd-end");
    check_tree(fdt_setprop_string(tree, chosen, "bootargs", arguments), "device tree: bootargs: ");
    // Where U-Boot looks for a kernel, unless told otherwise.
    const fdt64_t where[] = {cpu_to_fdt64(kernel.low), cpu_to_fdt64(kernel.bytes)};
    check_tree(fdt_setprop(tree, chosen, "qemu,boot-kernel", where, sizeof where),
               "device tree: boot-kernel: ");
    if (ramdisk.bytes == 0) return;
    check_tree(fdt_setprop_u32(tree, chosen, "linux,initrd-start", static_cast<u32>(ramdisk.low)),
               "device tree: initrd: ");
    check_tree(fdt_setprop_u32(tree, chosen, "linux,initrd-end", static_cast<u32>(ramdisk.end)),
               "device tree: initrd: ");
}

void set_memory(void* tree, u64 ram_size) {
    int memory = fdt_path_offset(tree, "/memory");
    if (memory < 0) memory = fdt_add_subnode(tree, 0, "memory");
    check_tree(memory, "device tree: /memory: ");
    check_tree(fdt_setprop_string(tree, memory, "device_type", "memory"), "device tree: memory: ");
    fdt32_t reg[4];
    const int ac = fdt_address_cells(tree, 0), sc = fdt_size_cells(tree, 0);
    if (ac < 1 || ac > 2 || sc < 1 || sc > 2) reject("device tree: odd #address-cells");
    int n = 0;
    for (int i = 0; i < ac; ++i) reg[n++] = 0;
    if (sc == 2) reg[n++] = cpu_to_fdt32(static_cast<u32>(ram_size >> 32));
    reg[n++] = cpu_to_fdt32(static_cast<u32>(ram_size));
    check_tree(fdt_setprop(tree, memory, "reg", reg, n * 4), "device tree: memory: ");
}

void withhold_devices(void* tree) { remove_hv_uart(tree); }

}  // namespace trapeze::boot
