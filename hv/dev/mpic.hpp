// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

// The interrupt controller stays the guest's; the VMM stands in front of its registers so that
// it can hold an interrupt that the guest does not admit yet. The core runs with EE=1 all the
// time, so a line that stays up must be silenced: the VMM raises the controller's task priority
// to 15 and puts the guest's own back when the guest admits interrupts or asks the controller.
// Should the core raise one all the same, the VMM silences the controller again.
//
// External proxy mode (the core acknowledges an interrupt as it takes it and finds the vector in
// EPR) is the guest's only: the controller stays in mixed mode, the VMM acknowledges when the
// guest takes the interrupt. QEMU's ppce500 offers it on every core, and Linux for it asks for it.
namespace trapeze::dev {

using e500::u32;
using e500::u64;
using vcpu::Vcpu;

// The core took an external interrupt while the guest ran.
void on_external(Vcpu& v);
// The guest admits external interrupts again: the core will raise it anew if the line is up.
void release_external(Vcpu& v);
// The same two for the critical input, which the core masks by MSR[CE].
void on_critical_input(Vcpu& v);

// Register accesses of the guest; `offset` from the start of the controller, a multiple of `size`.
u32 mpic_read(Vcpu& v, u32 offset, unsigned size);
void mpic_write(Vcpu& v, u32 offset, unsigned size, u32 value);

}  // namespace trapeze::dev
