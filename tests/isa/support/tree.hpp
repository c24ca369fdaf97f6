// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tlb.hpp"

// The flattened device tree that a program was entered with (Devicetree Specification 5).
namespace isa {

inline bool equal(const char* a, const char* b) {
    while (*a != 0 && *a == *b) {
        ++a;
        ++b;
    }
    return *a == *b;
}

struct Property {
    u32 depth;           // of its node; the root's is 1
    const char* node;    // its name, with the unit address
    const char* parent;  // that of the node above; null: it is the root
    const char* name;
    const u32* data;
    u32 length;  // bytes
};

// The tree at physical address `tree`, where it can be read: it may lie beyond what TLB1 entry 0
// maps. Its 256 MiB, by an entry of TLB1, for as long as it is looked at.
inline const u32* map_tree(u32 tree, u32 entry) {
    constexpr u32 window = 0x2000'0000, mask = 0x0fff'ffff, tsize = 9;
    tlbwe(1, entry,
          {.ea = window,
           .pa = tree & ~mask,
           .permissions = mas3::sr,
           .tsize = tsize,
           .protect = true});
    return reinterpret_cast<const u32*>(window + (tree & mask));
}

// Calls visit(const Property&) for each property, in the order of the tree.
template <typename Visit>
void each_property(const u32* tree, const Visit& visit) {
    constexpr u32 magic = 0xd00dfeed, begin_node = 1, end_node = 2, property = 3, nop = 4;
    constexpr u32 deepest = 8;
    if (tree[0] != magic) return;
    const auto* const bytes = reinterpret_cast<const char*>(tree);
    const auto* token = reinterpret_cast<const u32*>(bytes + tree[2]);
    const char* const strings = bytes + tree[3];
    const char* names[deepest] = {};
    for (u32 depth = 0;;) {
        switch (*token++) {
            case begin_node: {
                const auto* const name = reinterpret_cast<const char*>(token);
                if (depth < deepest) names[depth] = name;
                ++depth;
                u32 length = 0;
                while (name[length] != 0) ++length;
                token += length / 4 + 1;
                break;
            }
            case end_node:
                --depth;
                break;
            case property: {
                const u32 length = token[0];
                if (depth >= 1 && depth <= deepest) {
                    visit(Property{depth, names[depth - 1], depth > 1 ? names[depth - 2] : nullptr,
                                   strings + token[1], token + 2, length});
                }
                token += 2 + (length + 3) / 4;
                break;
            }
            case nop:
                break;
            default:
                return;
        }
    }
}

}  // namespace isa
