// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/arch/e500.hpp"

// What the VMM changes in the guest's device tree. All of it must be open (fdt_open_into), with
// room; what libfdt refuses ends in reject().
namespace trapeze::boot {

using e500::u32;
using e500::u64;

// Rejects the input with `what` and libfdt's own words if `result` is an error of libfdt.
void check_tree(int result, const char* what);

// /chosen: the guest's arguments and, if there is one, its ramdisk at guest-physical `ramdisk`.
void set_chosen(void* tree, const char* arguments, u64 ramdisk, u32 ramdisk_size);
// /memory: one piece of `ram_size` bytes from 0.
void set_memory(void* tree, u64 ram_size);
// Removes what is not the guest's.
void withhold_devices(void* tree);

}  // namespace trapeze::boot
