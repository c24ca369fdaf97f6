// SPDX-License-Identifier: Apache-2.0
#include <libfdt.h>

#include "hv/boot/boot.hpp"
#include "hv/boot/place.hpp"
#include "hv/boot/tree.hpp"
#include "hv/console/console.hpp"
#include "hv/core/cpu.hpp"
#include "hv/core/own_map.hpp"
#include "hv/core/slots.hpp"

namespace trapeze::boot {

namespace mas1 = e500::mas1;
namespace mas2 = e500::mas2;
namespace mas3 = e500::mas3;

namespace {

constexpr u32 page_256m = 9;
constexpr u32 linear_entries = static_cast<u32>(linear_size >> 28);

u64 read_cells(const fdt32_t* cells, int count) {
    u64 value = 0;
    for (int i = 0; i < count; ++i) value = value << 32 | fdt32_to_cpu(cells[i]);
    return value;
}

// A property that is one number of one or two cells; 0 if absent.
u64 number(const void* tree, int node, const char* name) {
    int length = 0;
    const void* const data = fdt_getprop(tree, node, name, &length);
    if (data == nullptr || (length != 4 && length != 8)) return 0;
    return read_cells(static_cast<const fdt32_t*>(data), length / 4);
}

}  // namespace

void map_linear() {
    for (u32 i = 0; i < linear_entries; ++i) {
        const u32 offset = i << 28;
        core::write_tlb(1, i,
                        {mas1::v | mas1::iprot | page_256m << 8, (linear_base + offset) | mas2::m,
                         offset | mas3::sr | mas3::sw, 0});
    }
}

void unmap_linear() {
    for (u32 i = 0; i < linear_entries; ++i) core::write_tlb(1, i, {0, 0, 0, 0});
}

void unmap_all() {
    for (u32 i = 0; i < core::slot::io; ++i) core::write_tlb(1, i, {0, 0, 0, 0});
}

void start_core(const Host& host, u32 number, u64 entry) {
    // The entry's address is even when both its halves stand: it goes then.
    constexpr u32 address = 0, argument = 8;
    const u64 at = host.release[number];
    core::write_io(at + argument, 4, 0);
    core::write_io(at + argument + 4, 4, number);
    core::write_io(at + address, 4, static_cast<u32>(entry >> 32));
    core::write_io(at + address + 4, 4, static_cast<u32>(entry));
}

const char* text_of(const void* tree, int node, const char* name) {
    int length = 0;
    const auto* const text = static_cast<const char*>(fdt_getprop(tree, node, name, &length));
    if (text == nullptr || length <= 0 || text[length - 1] != 0) return nullptr;
    return text;
}

Host read_host(u64 tree_hpa) {
    Host host{};
    const void* const tree = at(tree_hpa);
    if (find_damage(tree, linear_size - tree_hpa) != 0) reject("no device tree where r3 points");
    host.tree = tree;
    host.tree_end = tree_hpa + fdt_totalsize(tree);

    const int memory = fdt_path_offset(tree, "/memory");
    const int root = fdt_path_offset(tree, "/");
    int length = 0;
    const auto* const reg = static_cast<const fdt32_t*>(fdt_getprop(tree, memory, "reg", &length));
    const int ac = fdt_address_cells(tree, root), sc = fdt_size_cells(tree, root);
    if (reg == nullptr || ac < 0 || sc < 1 || length < (ac + sc) * 4) {
        reject("the device tree has no /memory");
    }
    host.ram = read_cells(reg + ac, sc);
    if (host.ram > linear_size) host.ram = linear_size;

    const int cpus = fdt_path_offset(tree, "/cpus");
    host.timebase_frequency =
        static_cast<u32>(number(tree, fdt_first_subnode(tree, cpus), "timebase-frequency"));
    int cpu;
    fdt_for_each_subnode(cpu, tree, cpus) {
        const auto number_of = static_cast<u32>(number(tree, cpu, "reg"));
        if (number_of < core::max_cores) {
            host.release[number_of] = number(tree, cpu, "cpu-release-addr");
        }
    }
    const int chosen = fdt_path_offset(tree, "/chosen");
    host.image = number(tree, chosen, "linux,initrd-start");
    host.image_end = number(tree, chosen, "linux,initrd-end");
    const char* const line = text_of(tree, chosen, "bootargs");
    host.command_line = line != nullptr ? line : "";
    if (host.image == 0 || host.image_end <= host.image || host.image_end > host.ram) {
        reject("no guest image: give the VMM one as its initrd (see trapeze-pack)");
    }
    return host;
}

u64 place_ram(const Host& host, u64& size, u64& mirror, u64& mirror_size) {
    constexpr const char* too_large =
        "guest memory does not fit the machine: give QEMU more (-m) or the guest less (mem=)";
    if (size > host.ram) reject(too_large);  // so that no sum below wraps
    u64 used = own_map::image_size;
    if (host.tree_end > used) used = host.tree_end;
    if (host.image_end > used) used = host.image_end;
    constexpr u64 smallest = u64{4} << 20;
    constexpr u64 frame = tcache::MirrorFrame::bytes;
    const u64 largest = wanted_alignment(size);
    mirror = (used + frame - 1) & ~(frame - 1);
    // Rather less patched text than less memory, or memory that is worse aligned.
    const u64 wish = mirror_size;
    for (; mirror_size != 0; mirror_size -= frame) {
        if (size == 0) break;
        const u64 behind = mirror + mirror_size;
        const auto best = [&](u64 from) {
            u64 align = largest;
            for (; align >= smallest; align /= 4) {
                if (((from + align - 1) & ~(align - 1)) + size <= host.ram) break;
            }
            return align;
        };
        if (best(behind) >= smallest && best(behind) == best(used)) break;
    }
    if (mirror_size != wish) {
        console::log("guest: memory for {} MiB of patched text instead of {}", mirror_size >> 20,
                     wish >> 20);
    }
    if (mirror_size != 0) used = mirror + mirror_size;
    if (size == 0 && host.ram > used + smallest) {
        const u64 base = (used + (16u << 20) - 1) & ~u64{(16u << 20) - 1};
        size = host.ram > base ? host.ram - base : 0;
    }
    if (size < smallest || (size & 0xfff) != 0) {
        reject("guest memory must be at least 4 MiB and a multiple of 4 KiB (mem=)");
    }
    for (u64 align = largest; align >= smallest; align /= 4) {
        const u64 base = (used + align - 1) & ~(align - 1);
        if (base + size <= host.ram) return base;
    }
    reject(too_large);
}

}  // namespace trapeze::boot
