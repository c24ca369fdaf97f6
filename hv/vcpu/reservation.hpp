// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

// Progress for lwarx, an instruction that exits, stwcx.: the exit takes the core's reservation (in
// QEMU an exception and the rfi back each clear it), so that the stwcx. fails, and so does every
// other turn of the guest's loop. A guest that seems to be in such a loop is single-stepped for a
// while, and the VMM makes these two instructions for it, with a reservation of its own.
//
// That one is begun by a lwarx that the VMM has made, and lost by any stwcx., by any interrupt
// that the guest is given, and when the stepping ends. In between the guest has executed only what
// stands between the two, no other processor can store, and what a device has stored since shows
// in the word, which is compared as QEMU's core compares it. So a stwcx. succeeds only where
// the bare core's might have; that it fails for no reason is allowed (Power ISA 2.06 Book
// II 1.7.3).
namespace trapeze::vcpu {

// At a heartbeat: helps if the last exits are all about one place, where both instructions are.
void help_reservation(Vcpu& v);
// The last thing of every full exit while it helps: makes a lwarx or stwcx. that is next.
void step_reservation(Vcpu& v);
// The guest goes on by itself.
void stop_reservation(Vcpu& v);

}  // namespace trapeze::vcpu
