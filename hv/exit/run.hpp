// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

namespace trapeze::vcpu {

// The state of a core after reset, entered as ePAPR says (manual table 2-1, ePAPR 5.4).
struct Boot {
    u32 entry;
    u32 device_tree;
    u32 initial_map_size;  // bytes that the first TLB1 entry maps, a page size of TLB1
    unsigned tlb0_sets;
    bool debug_as_manual = false;  // a non-critical interrupt leaves MSR[DE] alone
};
void reset(Vcpu& v, const Boot& boot, const mmu::Layout& layout, mmu::Hole hole);

// Enters the guest; comes back through the exits.
[[noreturn]] void run(Vcpu& v);

}  // namespace trapeze::vcpu
