// SPDX-License-Identifier: Apache-2.0
// Memory that guests share (docs/shared-memory.md): a piece of the machine's RAM behind the
// guests', in the map of each guest that has a handle of it.
#include <libfdt.h>

#include <cstring>

#include "hv/boot/boot.hpp"
#include "hv/boot/describe.hpp"
#include "hv/boot/tree.hpp"
#include "hv/para/channel.hpp"

namespace trapeze::boot {

namespace {

constexpr u64 page = 4096;

bool is_memory(const Object& object) { return strcmp(object.kind, shared_memory.object) == 0; }

u64 bytes_of(const Links& links, const Object& object) {
    const u64 bytes = cell_or(links.tree, object.node, "size", 0);
    if (bytes == 0 || bytes % page != 0) {
        reject("machine image: shared memory takes whole pages of 4 KiB: ", object.name);
    }
    return bytes;
}

// So that a guest's large page can be one of the core's (docs/mmu.md).
u64 alignment(u64 bytes) {
    constexpr u64 most = u64{16} << 20;
    u64 align = page;
    while (align < most && align * 4 <= bytes) align *= 4;
    return align;
}

u64 address_of(const Links& links, const Handle& handle) {
    int length = 0;
    const void* const cells = fdt_getprop(links.tree, handle.node, "address", &length);
    if (cells == nullptr || length != 8) {
        reject("machine image: shared memory without an address: ", handle.name);
    }
    fdt64_t address{};
    memcpy(&address, cells, sizeof address);
    return fdt64_to_cpu(address);
}

bool is_read_only(const Links& links, const Handle& handle) {
    return fdt_getprop(links.tree, handle.node, "read-only", nullptr) != nullptr;
}

void attach(const Links& links, const Handle& handle, guest::Guest& g) {
    const Object& object = links.objects[handle.object];
    const mmu::Region region{
        address_of(links, handle),  object.bytes, object.hpa, mmu::RegionKind::shared, 0,
        is_read_only(links, handle)};
    if (region.gpa % page != 0 || !g.memory.add(region)) {
        reject("machine image: shared memory lies where the guest has something else: ",
               handle.name);
    }
}

// Which of the object's handles this is.
u32 side_of(const Links& links, const Handle& handle) {
    u32 side = 0;
    for (const Handle* one = links.handles; one != &handle; ++one) {
        side += one->kind == handle.kind && one->object == handle.object ? 1 : 0;
    }
    return side;
}

// NAME@ADDRESS, of 31 characters and 9 digits at most.
void name_node(char* to, const char* name, u64 address) {
    while (*name != 0) *to++ = *name++;
    *to++ = '@';
    unsigned digits = 1;
    while (digits < 16 && address >> 4 * digits != 0) ++digits;
    while (digits-- > 0) *to++ = "0123456789abcdef"[address >> 4 * digits & 15];
    *to = 0;
}

// That of the doorbell beside it, by which Linux's UIO driver wakes who waits.
void add_interrupt(const Links& links, const Handle& handle, void* tree, int node) {
    const u32 bell = cell_or(links.tree, handle.node, "doorbell", Handle::none);
    if (bell == Handle::none) return;
    if (bell >= Links::most_handles) reject("machine image: no such doorbell: ", handle.name);
    const Interrupt edge{para::edge_source(bell), rising_edge};
    set_interrupts(tree, node, &edge, 1);
}

void describe(const Links& links, const Handle& handle, void* tree) {
    const u64 address = address_of(links, handle), bytes = links.objects[handle.object].bytes;
    const int bus = bus_of(tree, "shared-memory");
    char name[64];
    if (strlen(handle.name) > 31) reject("machine image: too long a name: ", handle.name);
    name_node(name, handle.name, address);
    const int node = fdt_add_subnode(tree, bus, name);
    check_tree(node, "device tree: shared memory: ");
    constexpr char compatible[] = "trapeze,shared-memory\0generic-uio";
    int error = fdt_setprop(tree, node, "compatible", compatible, sizeof compatible);
    if (error == 0) error = fdt_setprop_string(tree, node, "label", handle.name);
    if (error == 0) error = fdt_setprop_u32(tree, node, "trapeze,side", side_of(links, handle));
    if (error == 0 && is_read_only(links, handle)) {
        error = fdt_setprop_empty(tree, node, "read-only");
    }
    check_tree(error, "device tree: shared memory: ");
    set_registers(tree, bus, node, address, bytes);
    add_interrupt(links, handle, tree, node);
}

}  // namespace

const HandleKind shared_memory{"shared-memory-handle", "shared-memory", nullptr, attach, describe};

u64 shared_bytes(const Links& links) {
    u64 sum = 0;
    for (unsigned i = 0; i < links.object_count; ++i) {
        const Object& object = links.objects[i];
        if (!is_memory(object)) continue;
        const u64 bytes = bytes_of(links, object);
        sum += bytes + alignment(bytes);
    }
    return sum;
}

void place_shared(Links& links, u64 from, u64 end) {
    for (unsigned i = 0; i < links.object_count; ++i) {
        Object& object = links.objects[i];
        if (!is_memory(object)) continue;
        object.bytes = bytes_of(links, object);
        object.hpa = align_up(from, alignment(object.bytes));
        from = object.hpa + object.bytes;
        if (from > end) {
            reject("shared memory does not fit the machine: give QEMU more (-m): ", object.name);
        }
        memset(at(object.hpa), 0, static_cast<u32>(object.bytes));
    }
}

}  // namespace trapeze::boot
