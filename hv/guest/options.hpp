// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/patch/patcher.hpp"

namespace trapeze::guest {

using e500::u32;
using e500::u64;

// What the user chose for a guest (docs/options.md).
struct Options {
    static constexpr u32 most_trace_kib = 4096;

    u64 memory = 0;             // bytes of guest RAM; 0: all there is
    u32 watchdog = 0;           // seconds; 0: off
    bool profile = true;        // count exits by trap site and page
    bool exits_device = false;  // let the guest read the exit counters
    u32 trace_kib = 0;          // memory of each core for its trace; 0: none
    u32 dump_every = 0;         // seconds between dumps of the profile; 0: off
    patch::Mode patch = patch::Mode::hot;
    bool crossed = true;           // how the guest is laid over the core's two address spaces
    u32 threshold = 0;             // exits of a site before it is patched; 0: as the costs say
    u32 churn = 0;                 // microseconds between two forced changes of patches; 0: none
    u32 mirror_mib = 16;           // memory for patched text
    u32 tlb0_entries = 2048;       // of the virtual TLB0: 512 (the core's own), 1024 or 2048
    bool debug_as_manual = false;  // a non-critical interrupt leaves the guest's MSR[DE] alone
};

}  // namespace trapeze::guest
