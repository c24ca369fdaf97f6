// SPDX-License-Identifier: Apache-2.0
#include <libfdt.h>

#include <cstring>
#include <initializer_list>

#include "hv/board/ppce500.hpp"
#include "hv/boot/boot.hpp"
#include "hv/boot/tree.hpp"
#include "hv/monitor/console.hpp"
#include "hv/monitor/monitor.hpp"

extern "C" trapeze::e500::u8 image_end[];

namespace trapeze::boot {

namespace {

constexpr u32 tree_growth = 0x10000;  // room for what the VMM adds to the device tree

struct Blob {
    const u8* data = nullptr;
    u32 size = 0;
};

u64 cells64(const void* image, int node, const char* name) {
    int length = 0;
    const auto* const p = static_cast<const fdt32_t*>(fdt_getprop(image, node, name, &length));
    if (p == nullptr || length != 8) reject("guest image: missing or odd property ", name);
    return u64{fdt32_to_cpu(p[0])} << 32 | fdt32_to_cpu(p[1]);
}

Blob data_of(const void* image, int node) {
    int length = 0;
    const void* const p = fdt_getprop(image, node, "data", &length);
    if (p == nullptr || length <= 0) reject("guest image: a part without data");
    return {static_cast<const u8*>(p), static_cast<u32>(length)};
}

// Segments into guest RAM; returns the end of the highest.
u64 copy_segments(const void* image, int images, u64 ram_hpa, u64 ram_size) {
    u64 end = 0;
    int node;
    fdt_for_each_subnode(node, image, images) {
        int length = 0;
        const auto* const type =
            static_cast<const char*>(fdt_getprop(image, node, "type", &length));
        if (type == nullptr || strcmp(type, "segment") != 0) continue;
        const Blob blob = data_of(image, node);
        const u64 load = cells64(image, node, "load");
        const u64 bytes = cells64(image, node, "mem-size");
        if (bytes < blob.size || load > ram_size || bytes > ram_size - load) {
            reject("guest image: a segment lies outside guest memory; give more (mem=)");
        }
        memcpy(at(ram_hpa + load), blob.data, blob.size);
        memset(at(ram_hpa + load + blob.size), 0, static_cast<u32>(bytes - blob.size));
        if (load + bytes > end) end = load + bytes;
    }
    if (end == 0) reject("guest image: nothing to load");
    return end;
}

Blob find_image(const void* image, int images, const char* name) {
    const int node = fdt_subnode_offset(image, images, name);
    return node < 0 ? Blob{} : data_of(image, node);
}

struct Placement {
    u64 tree, ramdisk;
};

// The tree well above the kernel, as QEMU places it natively (Linux needs it within 64 MiB of its
// start), or right behind the kernel where room is scarce; the ramdisk behind the tree, as low as
// can be, because Linux may map less than all of its RAM at first.
Placement place(u64 kernel_end, u32 ramdisk_size, u32 tree_capacity, u64 ram_size) {
    constexpr u64 page = 0x10000, distance = u64{24} << 20;
    const auto align = [](u64 address) { return (address + page - 1) & ~(page - 1); };
    for (const u64 gap : {distance, u64{0}}) {
        const u64 tree = align(kernel_end + gap);
        const u64 ramdisk = align(tree + tree_capacity);
        if (ramdisk + ramdisk_size <= ram_size) return {tree, ramdisk};
    }
    reject("kernel, device tree and ramdisk do not fit guest memory; give more (mem=)");
}

}  // namespace

vcpu::Boot load_guest(const Host& host, u64 ram_hpa, u64 ram_size) {
    const void* const image = at(host.image);
    if (fdt_check_header(image) != 0 || fdt_totalsize(image) > host.image_end - host.image) {
        reject("the guest image is not one trapeze-pack made, or is cut short");
    }
    const int images = fdt_path_offset(image, "/images");
    const int config = fdt_path_offset(image, "/configurations/guest");
    if (images < 0 || config < 0) reject("guest image: no /images or /configurations/guest");

    const u64 kernel_end = copy_segments(image, images, ram_hpa, ram_size);
    const Blob ramdisk = find_image(image, images, "ramdisk");
    const Blob own_tree = find_image(image, images, "fdt");
    const Blob base_tree = own_tree.size != 0
                               ? own_tree
                               : Blob{static_cast<const u8*>(host.tree), fdt_totalsize(host.tree)};
    const u32 tree_capacity = base_tree.size + tree_growth;
    const Placement p = place(kernel_end, ramdisk.size, tree_capacity, ram_size);
    if (ramdisk.size != 0) memcpy(at(ram_hpa + p.ramdisk), ramdisk.data, ramdisk.size);

    // Made in place, where it is aligned as libfdt wants it; QEMU's tree comes with a megabyte of
    // room, packed away at the end.
    void* const guest_tree = at(ram_hpa + p.tree);
    memcpy(guest_tree, base_tree.data, base_tree.size);
    check_tree(fdt_check_header(guest_tree), "device tree: ");
    if (fdt_totalsize(guest_tree) > base_tree.size) reject("device tree: cut short");
    check_tree(fdt_open_into(guest_tree, guest_tree, static_cast<int>(tree_capacity)),
               "device tree: ");
    int length = 0;
    const auto* const arguments =
        static_cast<const char*>(fdt_getprop(image, config, "bootargs", &length));
    set_chosen(guest_tree, arguments != nullptr ? arguments : "", p.ramdisk, ramdisk.size);
    set_memory(guest_tree, ram_size);
    withhold_devices(guest_tree);
    check_tree(fdt_pack(guest_tree), "device tree: ");

    // Symbols stay reachable: in the VMM's own 16 MiB, behind its image.
    const Blob symbols = find_image(image, images, "symbols");
    auto* const place_for_symbols =
        reinterpret_cast<u8*>((reinterpret_cast<u32>(image_end) + 15) & ~15u);
    const u32 room = board::hv_base + board::hv_size - reinterpret_cast<u32>(place_for_symbols);
    if (symbols.size != 0 && symbols.size <= room) {
        memcpy(place_for_symbols, symbols.data, symbols.size);
        monitor::set_symbols(place_for_symbols, symbols.size);
    }

    const u64 entry = cells64(image, config, "entry");
    vcpu::Boot boot{};
    boot.entry = static_cast<u32>(entry);
    boot.device_tree = static_cast<u32>(p.tree);
    boot.initial_map_size = 4u << 20;
    while (boot.initial_map_size < p.tree + fdt_totalsize(guest_tree)) boot.initial_map_size *= 4;
    console::log("guest: loaded to {:X}, entry {:x}, device tree at {:x}, ramdisk {} KiB at {:X}",
                 kernel_end, boot.entry, boot.device_tree, ramdisk.size >> 10, p.ramdisk);
    return boot;
}

}  // namespace trapeze::boot
