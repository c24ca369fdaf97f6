// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace trapeze::vcpu {
struct Vcpu;
}

namespace trapeze::arch {

// Makes the core the VMM's: vectors, device window, quiet timers. `vcpu` is what the vectors
// find in SPRG2.
void setup(vcpu::Vcpu* vcpu);

}  // namespace trapeze::arch
