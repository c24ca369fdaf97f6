// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/e500.hpp"

// Nodes of what is a guest's besides the board's devices, in its device tree (boot/tree.hpp). What
// libfdt refuses, and a tree whose cells are not those of a 32-bit or 36-bit machine, ends in
// reject().
namespace trapeze::boot {

using e500::u32;
using e500::u64;

// An input of the guest's interrupt controller, and its sense as the controller's binding has it.
struct Interrupt {
    u32 source, sense;
};
inline constexpr u32 rising_edge = 0, level_high = 2;

// What the node's interrupts are, up to four.
void set_interrupts(void* tree, int node, const Interrupt* list, unsigned count);

// The bus /NAME, with the root's addresses; made if it is not there. Linux makes devices of the
// nodes in a simple-bus, and of no others of the root.
int bus_of(void* tree, const char* name);
// Where the device of a node on such a bus is.
void set_registers(void* tree, int bus, int node, u64 at, u64 size);

}  // namespace trapeze::boot
