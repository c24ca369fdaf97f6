// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

// Who has a core, and when.
namespace trapeze::sched {

// Events::yields.
void yields(vcpu::Vcpu& v);

// The guest is over: its core is never its again. Returns when another guest of the core has it;
// false if there is none.
bool leave_to_others(vcpu::Vcpu& v);

// All guests of guest::machine are set up, and the core has `first`'s state.
[[noreturn]] void start(vcpu::Vcpu& first);

}  // namespace trapeze::sched
