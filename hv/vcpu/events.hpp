// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/mmu/virtual_tlb.hpp"

// What the patcher is told of a Vcpu, or asked: it hands it a table of functions, so that this room
// need not know that one. All are called on the core that runs it, in the middle of an exit.
namespace trapeze::vcpu {

using e500::u32;
using e500::u64;

struct Vcpu;

struct PatchEvents {
    // The guest's mode of translation or of debugging has changed.
    void (*mode_changes)(Vcpu& v);
    // The guest has written this valid entry. Of TLB0 those that concern the overlay are told.
    void (*entry_made)(Vcpu& v, const mmu::VirtualEntry& entry);
    // The guest kernel fetches from `ea`, for which there is no shadow entry. True: there is one
    // now, of the VMM's own.
    bool (*fetch_stub)(Vcpu& v, u32 ea);
    // The guest kernel executes a page that no shadow entry maps.
    void (*executes)(Vcpu& v, const mmu::VirtualEntry& entry, u32 ea);
    // Vcpu::next_sample has come; `now` is of the VMM's clock.
    void (*sample)(Vcpu& v, u64 now);
};

}  // namespace trapeze::vcpu
