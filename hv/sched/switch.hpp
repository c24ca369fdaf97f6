// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

namespace trapeze::sched {

// The core had `from`, whose registers all stand in its Vcpu (a full exit), and has `to` from now
// on. What a guest leaves in the core, by who keeps it meanwhile (docs/scheduler.md):
//   core::UserRegisters       upper halves of GPRs, ACC, SPEFSCR, USPRG0
//   RegisterPage              SPRG3-7, PID0-2, what DBCR0 is made of, L1CSR0[CUL]
//   ShadowTlb, Patcher        TLB0 and TLB1
//   none                      the reservation, which goes
// IVORs follow from whether it is profiled and stepped; its timers from the time.
void switch_guests(vcpu::Vcpu& from, vcpu::Vcpu& to);

// The core has `v`, which was made anew; what it had is lost, but for its TLB, which is v's.
void enter_anew(vcpu::Vcpu& v);

}  // namespace trapeze::sched
