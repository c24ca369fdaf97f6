// SPDX-License-Identifier: Apache-2.0
#include <libfdt.h>

#include <cstring>
#include <initializer_list>

#include "hv/boot/boot.hpp"
#include "hv/boot/place.hpp"
#include "hv/boot/tree.hpp"
#include "hv/console/console.hpp"

namespace trapeze::boot {

namespace {

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

bool is_a(const void* image, int node, const char* wanted) {
    const char* const type = text_of(image, node, "type");
    return type != nullptr && strcmp(type, wanted) == 0;
}

// A part with an address, into guest RAM; zeroes behind its data.
Extent copy_part(const void* image, int node, u64 ram_hpa, u64 ram_size, bool copies) {
    const Blob blob = data_of(image, node);
    const u64 load = cells64(image, node, "load");
    const u64 bytes = cells64(image, node, "mem-size");
    if (bytes < blob.size || load > ram_size || bytes > ram_size - load) {
        reject("guest image: a segment lies outside guest memory; give more (mem=)");
    }
    if (!copies) return {load, bytes, load + bytes};
    memcpy(at(ram_hpa + load), blob.data, blob.size);
    memset(at(ram_hpa + load + blob.size), 0, static_cast<u32>(bytes - blob.size));
    return {load, bytes, load + bytes};
}

Extent copy_segments(const void* image, int images, u64 ram_hpa, u64 ram_size, bool copies) {
    Extent all{};
    int node;
    fdt_for_each_subnode(node, image, images) {
        if (!is_a(image, node, "segment")) continue;
        const Extent part = copy_part(image, node, ram_hpa, ram_size, copies);
        if (all.bytes == 0 || part.low < all.low) all.low = part.low;
        if (part.end > all.end) all.end = part.end;
        all.bytes += part.bytes;
    }
    if (all.bytes == 0) reject("guest image: nothing to load");
    return all;
}

Blob find_image(const void* image, int images, const char* name) {
    const int node = fdt_subnode_offset(image, images, name);
    return node < 0 ? Blob{} : data_of(image, node);
}

// What the user puts at an address of his own. trapeze-pack has seen that it leaves the kernel
// alone.
void copy_loads(const void* image, int images, u64 ram_hpa, u64 ram_size, const Extent& tree,
                const Extent& ramdisk, bool copies) {
    int node;
    fdt_for_each_subnode(node, image, images) {
        if (!is_a(image, node, "load")) continue;
        const Extent part = copy_part(image, node, ram_hpa, ram_size, copies);
        for (const Extent& other : {tree, ramdisk}) {
            if (part.low < other.end && other.low < part.end) {
                reject("what is loaded overlaps the device tree or the ramdisk: ",
                       fdt_get_name(image, node, nullptr));
            }
        }
    }
}

// Of a tree, and of what libfdt reads and writes of it (Devicetree Specification 5.2).
constexpr u32 tree_alignment = 8;

// Of a tree of the user's own: twice what it takes and more, as QEMU's load_device_tree gives it.
u32 room_of(const Blob& tree, const char* arguments) {
    constexpr u32 more = 10'000;
    return (tree.size + more) * 2 + static_cast<u32>(strlen(arguments));
}

}  // namespace

vcpu::Boot load_guest(const Host& host, u64 ram_hpa, u64 ram_size, Room& room,
                      guest::Symbols& symbols, bool owner, bool copies) {
    const void* const image = at(host.image);
    if (find_damage(image, host.image_end - host.image) != 0) {
        reject("the guest image is not one trapeze-pack made, or is cut short");
    }
    const int images = fdt_path_offset(image, "/images");
    const int config = fdt_path_offset(image, "/configurations/guest");
    if (images < 0 || config < 0) reject("guest image: no /images or /configurations/guest");

    const Extent kernel = copy_segments(image, images, ram_hpa, ram_size, copies);
    const Blob ramdisk = find_image(image, images, "ramdisk");
    const Blob own_tree = find_image(image, images, "fdt");
    const Blob base_tree = own_tree.size != 0
                               ? own_tree
                               : Blob{static_cast<const u8*>(host.tree), fdt_totalsize(host.tree)};
    const char* arguments = text_of(image, config, "bootargs");
    if (arguments == nullptr) arguments = "";
    const u32 tree_size = static_cast<u32>(align_up(
        own_tree.size != 0 ? room_of(own_tree, arguments) : base_tree.size, tree_alignment));
    const Placement p = place_parts(kernel, tree_size, ramdisk.size, ram_size);
    if (!p.fits) {
        reject("kernel, device tree and ramdisk do not fit guest memory; give more (mem=)");
    }
    const Extent ramdisk_at{p.ramdisk, ramdisk.size, p.ramdisk + ramdisk.size};
    copy_loads(image, images, ram_hpa, ram_size, {p.tree, tree_size, p.tree + tree_size},
               ramdisk_at, copies);
    if (copies && ramdisk.size != 0) memcpy(at(ram_hpa + p.ramdisk), ramdisk.data, ramdisk.size);

    // Made in place, where it is aligned as libfdt wants it. It keeps the room that it comes with,
    // for a guest that adds to it.
    void* const guest_tree = at(ram_hpa + p.tree);
    memcpy(guest_tree, base_tree.data, base_tree.size);
    check_tree(find_damage(guest_tree, base_tree.size), "device tree: ");
    // Behind its end libfdt makes a new one where the blocks are in another order than it wants.
    fdt_set_totalsize(guest_tree,
                      static_cast<u32>(align_up(fdt_totalsize(guest_tree), tree_alignment)));
    check_tree(fdt_open_into(guest_tree, guest_tree, static_cast<int>(tree_size)), "device tree: ");
    set_chosen(guest_tree, arguments, kernel, ramdisk_at);
    set_memory(guest_tree, ram_size);
    withhold_devices(guest_tree);
    if (!owner) withhold_owned(guest_tree);

    const Blob names = find_image(image, images, "symbols");
    u8* const place = names.size != 0 ? room.take(names.size, 4) : nullptr;
    if (place != nullptr) {
        memcpy(place, names.data, names.size);
        symbols.set(place, names.size);
    }

    const u64 entry = cells64(image, config, "entry");
    vcpu::Boot boot{};
    boot.entry = static_cast<u32>(entry);
    boot.device_tree = static_cast<u32>(p.tree);
    boot.initial_map_size = initial_map(p.tree + tree_size);
    console::log("guest: loaded to {:X}, entry {:x}, device tree at {:x}, ramdisk {} KiB at {:X}",
                 kernel.end, boot.entry, boot.device_tree, ramdisk.size >> 10, p.ramdisk);
    return boot;
}

}  // namespace trapeze::boot
