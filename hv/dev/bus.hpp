// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/access.hpp"

// The one way of an emulated load or store to what lies at its addresses: RAM, a device the VMM
// stands in front of, one that the guest drives itself, or nothing. Each byte is looked up.
//
// To a device an element of 1, 2, 4 or 8 bytes is, as on the board (QEMU's core and its memory
// system, where the MPC8548E manual is silent):
//   - aligned to its size: one access, of 8 bytes what the device says (Wide);
//   - misaligned, a load: the two aligned accesses of its size that hold it, in ascending order;
//   - misaligned, a store: one access for each byte, in ascending order.
// So no access that a model sees is misaligned or reaches over the end of a register, a region or
// a page, and a half of an element may lie in RAM or in another device.
namespace trapeze::dev {

extern const vcpu::Port bus;

// Emulates the load or store `word` at v.nip, which faulted at `fault_ea` on a trapped device. A
// reservation is an alignment interrupt there, and so is what locks cache blocks.
void emulate_device_access(vcpu::Vcpu& v, e500::u32 word, e500::u32 fault_ea);

}  // namespace trapeze::dev
