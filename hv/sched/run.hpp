// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/core.hpp"
#include "hv/sched/policy.hpp"
#include "hv/vcpu/vcpu.hpp"

// Who has a core, and when.
namespace trapeze::sched {

// Events::yields.
void yields(vcpu::Vcpu& v);

// The guest is over: its core is not its again unless it is started anew. Returns when another
// guest of the core has it, or false if the machine has no other. A core that has nobody left waits
// for the others.
bool leave_to_others(vcpu::Vcpu& v);

// How many guests there are, before any core starts.
void expect(unsigned guests);

// What the monitor does with a guest, on the guest's core; each takes effect when that decides anew
// who runs. Those that its `life` has no use for have no effect.
void pause(vcpu::Vcpu& v);
void resume(vcpu::Vcpu& v);
// Made anew (Machine::remake) when it has the core next, but not before that time of the VMM's
// clock; it waits for its start, or has ended.
void start_anew(vcpu::Vcpu& v, core::u64 not_before = 0);
// Ends it; what `again` says. True if that was the machine's last guest and nothing more follows.
bool end_guest(vcpu::Vcpu& v, const char* reason, bool again);

// A core's, to be filled before it starts; Vcpu::entity is the index there.
Queue& queue(unsigned core);

// All guests of the core are set up, `first` among them: it runs them from now on.
[[noreturn]] void start(core::Core& core, vcpu::Vcpu& first);

}  // namespace trapeze::sched
