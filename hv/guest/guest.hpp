// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/dev/device.hpp"
#include "hv/guest/options.hpp"
#include "hv/guest/symbols.hpp"
#include "hv/guest/watch.hpp"
#include "hv/patch/patcher.hpp"
#include "hv/profile/profile.hpp"

namespace trapeze::guest {

// A partition of the machine: memory, devices, a virtual core, and what the VMM keeps for them. All
// of it is touched by the core that runs it alone. Guests are made at boot, in the VMM's own memory
// behind its image (boot/main.cpp), all zeroes.
struct Guest {
    vcpu::Vcpu vcpu;
    mmu::MemoryMap memory;
    dev::DeviceTable devices;
    Options options;
    u64 ram_hpa, ram_size;  // bytes
    Symbols symbols;
    Watch watch;
    vcpu::Profile profile;
    patch::Patcher patcher;
};

}  // namespace trapeze::guest
