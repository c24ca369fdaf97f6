// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace trapeze::vcpu {
struct Vcpu;
}

namespace trapeze::core {

// Makes the core the VMM's: vectors, device window, quiet timers. `vcpu` is what the vectors
// find in SPRG2.
void setup(vcpu::Vcpu* vcpu);

// Which of the two fast paths program exceptions and system calls take (fast.inc). With `on` the
// Vcpu has a profile. `traced`: none, and no TLB miss either, so that C++ sees every exit.
void use_profile(bool on, bool traced = false);

}  // namespace trapeze::core
