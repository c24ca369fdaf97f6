// SPDX-License-Identifier: Apache-2.0
#include "link.hpp"

#include "tests/isa/support/tree.hpp"

namespace rt {

namespace {

// A mapping of 16 MiB, for the memory does not lie below what TLB1 entry 0 maps; and one to look at
// the tree through.
constexpr u32 entry = 14, tree_entry = 13, window = 0x4000'0000, tsize_16m = 7;
constexpr Time window_bytes = Time{1} << 24;
static_assert(most_tasks < tree_entry, "entries from 1 on are the threads'");

struct Memory {
    Time address = 0, bytes = 0;
    u32 side = 0;
};

// NAME of NAME@ADDRESS.
bool is_called(const char* node, const char* name) {
    while (*name != 0 && *node == *name) {
        ++node;
        ++name;
    }
    return *name == 0 && *node == '@';
}

Memory find(const char* name) {
    Memory found;
    const u32 tree = *reinterpret_cast<volatile u32*>(ENTRY + 4 * 3);
    isa::each_property(isa::map_tree(tree, tree_entry), [&](const isa::Property& one) {
        if (one.parent == nullptr || !isa::equal(one.parent, "shared-memory")) return;
        if (!is_called(one.node, name)) return;
        const u32 cells = one.length / 4;
        if (isa::equal(one.name, "reg") && cells == 4) {
            found.address = Time{one.data[0]} << 32 | one.data[1];
            found.bytes = Time{one.data[2]} << 32 | one.data[3];
        } else if (isa::equal(one.name, "reg") && cells == 2) {
            found.address = one.data[0];
            found.bytes = one.data[1];
        } else if (isa::equal(one.name, "trapeze,side") && cells == 1) {
            found.side = one.data[0];
        }
    });
    return found;
}

}  // namespace

bool Link::open(const char* name) {
    const Memory memory = find(name);
    if (memory.bytes == 0) return false;
    const Time offset = memory.address % window_bytes;
    if (offset + memory.bytes > window_bytes || memory.side > 1) {
        isa::fail("the shared memory is too large, or another guest has it too");
    }
    isa::tlbwe(1, entry,
               {.ea = window,
                .pa = memory.address - offset,
                .permissions = isa::mas3::sr | isa::mas3::sw,
                .tsize = tsize_16m,
                .protect = true,
                .attributes = isa::mas2::m});
    void* const at = reinterpret_cast<void*>(window + static_cast<u32>(offset));
    open_ = trapeze_ring_open_half(&ring_, at, static_cast<u32>(memory.bytes), memory.side) ==
            TRAPEZE_RING_OK;
    return open_;
}

}  // namespace rt
