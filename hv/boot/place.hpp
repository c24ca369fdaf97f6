// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>

#include "hv/core/e500.hpp"

// Where a guest finds what it is handed: as QEMU's ppce500 places it natively (hw/ppc/e500.c in
// QEMU 7.2), because a guest may rely on that. U-Boot maps the one MiB that r3 points into.
// Addresses are guest-physical. Pure arithmetic, tested on the host.
namespace trapeze::boot {

using e500::u32;
using e500::u64;

// What the kernel's segments take: the lowest address, the sum of their sizes, the highest end.
struct Extent {
    u64 low, bytes, end;
};

struct Placement {
    u64 tree, ramdisk;
    bool fits;
};

constexpr u64 align_up(u64 address, u64 step) { return (address + step - 1) & ~(step - 1); }
constexpr u64 align_down(u64 address, u64 step) { return address & ~(step - 1); }

// The tree 24 MiB behind the kernel, on a MiB: Linux needs it within 64 MiB of its start. The
// ramdisk 32 MiB behind the kernel or from 64 MiB on, on 16 MiB. A guest that is smaller than the
// board can be, or whose memory is not a multiple of 64 MiB as the board's, has the ramdisk behind
// the tree instead, as low as can be, because Linux may map less than all of it at first; and where
// room is scarce the tree right behind the kernel.
constexpr Placement place_parts(const Extent& kernel, u32 tree_size, u32 ramdisk_size,
                                u64 ram_size) {
    constexpr u64 mib = u64{1} << 20, page = 0x10000;
    const u64 behind = kernel.low + kernel.bytes;
    const u64 far = align_down(behind + 24 * mib, mib);
    const u64 low = behind < 32 * mib ? 32 * mib : behind;
    const u64 board = align_down(low + 32 * mib, 16 * mib);
    const auto fits = [&](u64 tree, u64 ramdisk) {
        const u64 end = ramdisk_size == 0 ? tree + tree_size : ramdisk + ramdisk_size;
        return tree >= kernel.end && ramdisk >= tree + tree_size && end <= ram_size;
    };
    if (ram_size % (64 * mib) == 0 && fits(far, board)) return {far, board, true};
    for (const u64 tree : {far, align_up(kernel.end, mib), align_up(kernel.end, page)}) {
        const u64 ramdisk = align_up(tree + tree_size, page);
        if (fits(tree, ramdisk)) return {tree, ramdisk, true};
    }
    return {0, 0, false};
}

// What a guest's memory of `size` bytes is to be aligned to in the host's, if there is room: the
// largest page size of TLB1 that fits into it, for its pages become no larger ones of the host's.
// From 4 to 256 MiB; 0: the size is not known yet.
constexpr u64 wanted_alignment(u64 size) {
    u64 align = u64{256} << 20;
    while (size != 0 && align > size && align > u64{4} << 20) align /= 4;
    return align;
}

// Bytes of the mapping from 0 that the guest starts in: a page size of TLB1, more than `end`, the
// end of the tree.
constexpr u32 initial_map(u64 end) {
    u32 size = 4U << 20;
    while (size <= end && size < 1U << 30) size *= 4;
    return size;
}

}  // namespace trapeze::boot
