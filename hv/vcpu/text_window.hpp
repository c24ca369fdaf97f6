// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/own_map.hpp"
#include "hv/vcpu/vcpu.hpp"

// The block of the guest kernel's text that holds its interrupt handlers, in the VMM's own address
// space: an exit reads the instruction there, and needs not look through the guest's space for it,
// which is two writes of MSR[DS]. Open only while an entry of the guest's TLB1 maps the whole block
// for all processes: that has to go before the guest can have another translation.
namespace trapeze::vcpu {

// Opens it, if such an entry maps the handlers and the block is RAM. The core has v's state.
void open_text_window(Vcpu& v);

// The window of the guest that has the core from now on.
void take_text_window(const Vcpu& v);

inline void close_text_window(Vcpu& v) { v.text_ea = Vcpu::no_text; }

// A valid entry of the guest's TLB goes.
inline void text_entry_goes(Vcpu& v, const mmu::VirtualEntry& entry) {
    if (entry.covers(v.text_ea)) close_text_window(v);
}

}  // namespace trapeze::vcpu
