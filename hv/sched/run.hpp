// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/core.hpp"
#include "hv/sched/policy.hpp"
#include "hv/vcpu/vcpu.hpp"

// Who has a core, and when.
namespace trapeze::sched {

// Events::yields.
void yields(vcpu::Vcpu& v);

// The guest is over: its core is never its again. Returns when another guest of the core has it, or
// false if the machine has no other. A core that has nobody left waits for the others.
bool leave_to_others(vcpu::Vcpu& v);

// How many guests there are, before any core starts.
void expect(unsigned guests);

// A core's, to be filled before it starts; Vcpu::entity is the index there.
Queue& queue(unsigned core);

// All guests of the core are set up: it runs them from now on.
[[noreturn]] void start(core::Core& core);

}  // namespace trapeze::sched
