// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

namespace trapeze::vcpu {

// Everything that changes the guest's MSR goes through here: it decides which core MSR, shadow
// spaces and vectors hold from then on.
void set_msr(Vcpu& v, u32 value);
// The shadow TLB has changed how the guest is laid over the core's address spaces, or a critical
// interrupt is held now, or no longer.
void layout_changes(Vcpu& v);
// The core's MSR for the guest as it is now.
u32 core_msr(const Vcpu& v);

// Takes an interrupt as the core would: saves v.nip and the MSR to the vector's SRR pair and goes
// to its handler. The caller has set ESR, DEAR and MAS.
void inject(Vcpu& v, e500::Vector vector);
void inject_program(Vcpu& v, u32 esr);
// A machine check, or the end of the guest (checkstop) if it has MSR[ME]=0.
void inject_machine_check(Vcpu& v, u32 mcsr, u64 gpa, const char* why);

// Makes the core's SPRG3 to 7 the guest's, if stubs have stored newer ones: before the guest
// executes what reads them without a trap.
void sync_sprgs(Vcpu& v);
// From now on the VMM sees to it that the guest's next step into user mode, or with which it sets
// MSR[EE], is a sign of its life (v.signs): these two then leave the fast paths and the stubs once.
void watch(Vcpu& v);
// Whether the core tells of the next instruction that the guest completes, by a debug exit; not
// while the guest itself debugs.
void probe(Vcpu& v, bool on);
// Recomputes regs.pending from timers and held inputs.
void update_pending(Vcpu& v);
// The guest waits for an interrupt as with MSR[WE], which it does not find set afterwards. One that
// its MSR does not admit ends that too, and is not taken.
void wait_in_call(Vcpu& v);
// Lets in the most urgent interrupt that waits and that the MSR now admits, if any.
void deliver_pending(Vcpu& v);

// Sets what lets the core debug the guest, from MSR[DE] and DBCR0.
void update_debug(Vcpu& v);
// Writes the core's DBCR0 alone, as it is for this guest.
void program_debug(const Vcpu& v);
// True while the core raises the guest's own debug events.
bool debugging(const Vcpu& v);
// True while each instruction that completes is a debug event (single step).
bool stepping(const Vcpu& v);
// After an emulated instruction that was stepped: the event the core could not see.
void completed(Vcpu& v);

// The guest does not run again.
void end(Vcpu& v, End how, const char* reason);
// The same for one that executes nothing any more: it is where it was after so many exits.
void end_stalled(Vcpu& v, Cause cause, u64 repeats);

}  // namespace trapeze::vcpu
