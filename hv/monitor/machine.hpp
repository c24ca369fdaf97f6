// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/e500.hpp"

namespace trapeze::monitor {

// What the VMM learnt of the machine at start.
struct MachineInfo {
    e500::u32 timebase_frequency;  // Hz
};
MachineInfo& machine_info();

}  // namespace trapeze::monitor
