// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

// What the TLB instructions do to the virtual TLB, through the virtual MAS registers
// (manual 12.4).
namespace trapeze::vcpu {

// tlbwe. False: no such TLB or page size, an illegal instruction.
bool write_entry(Vcpu& v);
void read_entry(Vcpu& v);
void search_entry(Vcpu& v, u32 ea);
void invalidate_entries(Vcpu& v, u32 ea);

// What the core leaves in the MAS registers for the handler of a TLB miss (manual 12.4.6).
void set_miss_registers(Vcpu& v, u32 ea, bool space);

}  // namespace trapeze::vcpu
