// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/boot/place.hpp"

// What the VMM changes in the guest's device tree. All of it must be open (fdt_open_into), with
// room; what libfdt refuses ends in reject().
namespace trapeze::boot {

// 0, or the error of libfdt, for what is said to be a tree in `size` bytes at `tree`: libfdt itself
// takes the blocks, tags and names of one that it changes to be whole.
int find_damage(const void* tree, u64 size);
// Rejects the input with `what` and libfdt's own words if `result` is an error of libfdt.
void check_tree(int result, const char* what);

// /chosen: the guest's arguments, where its kernel was loaded and, if it has bytes, the ramdisk.
void set_chosen(void* tree, const char* arguments, const Extent& kernel, const Extent& ramdisk);
// /memory: one piece of `ram_size` bytes from 0.
void set_memory(void* tree, u64 ram_size);
// Removes what is not the guest's: the VMM's UART; message-signalled interrupts, which would need
// the PCI bridge's BAR 0; and masters on the platform bus, whose DMA nothing bounds (a line in the
// log for each).
void withhold_devices(void* tree);

// /hypervisor, for a guest that makes hypercalls, and /hypervisor/handles, for its handles' nodes
// (ePAPR 1.1, 7.5).
void describe_hypervisor(void* tree, const char* guest_name);
// A node there, which is no other's. Rejects the input where there is no room.
int add_handle_node(void* tree, const char* name, const char* compatible, u32 handle);
// The version of Freescale's calls there, 1.0, without which Linux's driver does not look further.
void set_freescale_version(void* tree);

// Removes what one guest of several has alone: PCI, flash, I2C.
void withhold_owned(void* tree);

// The flash on the platform bus with the lowest address from guest-physical `from` on, as `tree`,
// which is the board's, has it; false if there is none. Whole pages.
bool next_flash(const void* tree, u64 from, u64& at, u64& size);

}  // namespace trapeze::boot
