// SPDX-License-Identifier: Apache-2.0
#include "hv/boot/tree.hpp"

#include <libfdt.h>

#include "hv/board/ppce500.hpp"
#include "hv/boot/boot.hpp"
#include "hv/console/console.hpp"

namespace trapeze::boot {

namespace {

// The VMM's UART is not the guest's, however many nodes a tree of the user's has for it.
void remove_hv_uart(void* tree) {
    int from = -1;
    for (int node; (node = fdt_node_offset_by_compatible(tree, from, "ns16550")) >= 0;) {
        int length = 0;
        const auto* const reg =
            static_cast<const fdt32_t*>(fdt_getprop(tree, node, "reg", &length));
        if (reg == nullptr || length < 4 || fdt32_to_cpu(reg[0]) != board::uart1_offset) {
            from = node;
            continue;
        }
        check_tree(fdt_del_node(tree, node), "device tree: serial: ");
        from = -1;  // what was behind it is in its place
    }
}

// Without the bridge's BAR 0 no message reaches the interrupt controller: drivers that find no
// controller for messages use the bridge's interrupt lines.
void remove_message_interrupts(void* tree) {
    for (int node = fdt_node_offset_by_compatible(tree, -1, "fsl,mpic-msi"); node >= 0;
         node = fdt_node_offset_by_compatible(tree, -1, "fsl,mpic-msi")) {
        check_tree(fdt_del_node(tree, node), "device tree: msi: ");
    }
    for (int node = fdt_next_node(tree, -1, nullptr); node >= 0;
         node = fdt_next_node(tree, node, nullptr)) {
        // Also deletes nothing, where there is none.
        fdt_delprop(tree, node, "fsl,msi");
    }
}

constexpr const char* platform_bus = "qemu,platform";

bool is_flash(const void* tree, int node) {
    return fdt_node_check_compatible(tree, node, "cfi-flash") == 0;
}

// True if one was removed.
bool remove_platform_master(void* tree, int bus) {
    int node;
    fdt_for_each_subnode(node, tree, bus) {
        if (is_flash(tree, node)) continue;
        console::log(
            "{} on the platform bus reaches all memory by DMA: withheld from the guest; "
            "use a virtio device (--net, --drive) or e1000 on PCI",
            fdt_get_name(tree, node, nullptr));
        check_tree(fdt_del_node(tree, node), "device tree: platform bus: ");
        return true;
    }
    return false;
}

void remove_platform_masters(void* tree) {
    int bus = fdt_node_offset_by_compatible(tree, -1, platform_bus);
    while (bus >= 0) {
        while (remove_platform_master(tree, bus)) {
        }
        bus = fdt_node_offset_by_compatible(tree, bus, platform_bus);
    }
}

}  // namespace

int find_damage(const void* tree, u64 size) {
    if (size < sizeof(fdt_header)) return -FDT_ERR_TRUNCATED;
    int error = fdt_check_header(tree);
    if (error < 0) return error;
    if (fdt_totalsize(tree) > size) return -FDT_ERR_TRUNCATED;
    // libfdt reads numbers where the header says that the blocks begin.
    if (fdt_off_mem_rsvmap(tree) % 8 != 0 || fdt_off_dt_struct(tree) % 4 != 0) {
        return -FDT_ERR_ALIGNMENT;
    }
    error = fdt_num_mem_rsv(tree);
    if (error < 0) return error;
    int depth = 0, next = 0;
    for (;;) {
        const int at = next;
        const u32 tag = fdt_next_tag(tree, at, &next);
        if (next < 0) return next;
        if (tag == FDT_BEGIN_NODE) ++depth;
        if (tag == FDT_END_NODE && --depth < 0) return -FDT_ERR_BADSTRUCTURE;
        if (tag == FDT_END) return depth == 0 ? 0 : -FDT_ERR_BADSTRUCTURE;
        if (tag == FDT_PROP && fdt_getprop_by_offset(tree, at, nullptr, &error) == nullptr) {
            return error;
        }
    }
}

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

void withhold_devices(void* tree) {
    remove_hv_uart(tree);
    remove_message_interrupts(tree);
    remove_platform_masters(tree);
}

void withhold_owned(void* tree) {
    for (const char* what : {"fsl,mpc8540-pci", "fsl-i2c", "cfi-flash"}) {
        for (int node; (node = fdt_node_offset_by_compatible(tree, -1, what)) >= 0;) {
            check_tree(fdt_del_node(tree, node), "device tree: a device of another guest: ");
        }
    }
}

bool next_flash(const void* tree, u64 from, u64& at, u64& size) {
    const int bus = fdt_node_offset_by_compatible(tree, -1, platform_bus);
    if (bus < 0) return false;
    bool found = false;
    int node;
    fdt_for_each_subnode(node, tree, bus) {
        int length = 0;
        const auto* const reg =
            static_cast<const fdt32_t*>(fdt_getprop(tree, node, "reg", &length));
        if (!is_flash(tree, node) || reg == nullptr || length != 8) continue;
        const u64 base = board::platform_bus_base + fdt32_to_cpu(reg[0]);
        const u32 bytes = fdt32_to_cpu(reg[1]);
        constexpr u32 page = 0x1000;
        if (base < from || base % page != 0 || bytes == 0 || bytes % page != 0) continue;
        if (found && base > at) continue;
        at = base;
        size = bytes;
        found = true;
    }
    return found;
}

}  // namespace trapeze::boot
