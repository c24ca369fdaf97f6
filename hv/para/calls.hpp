// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/para/hypercall.hpp"

// The calls, for the table in hypercall.cpp.
namespace trapeze::para {

// EV_IDLE: no argument. The guest waits for an interrupt; one that it does not admit ends the call
// too.
Status idle(vcpu::Vcpu& v);

// Of a byte channel whose handle is r3. EV_BYTE_CHANNEL_SEND: r4 = bytes, 0 to 16, in r5 to r8;
// gives in r4 how many went.
Status send_bytes(vcpu::Vcpu& v);
// EV_BYTE_CHANNEL_RECEIVE: r4 = at most so many, 0 to 16; gives in r4 how many came, in r5 to r8,
// which are zero behind them.
Status receive_bytes(vcpu::Vcpu& v);
// EV_BYTE_CHANNEL_POLL: gives in r4 how many there are to receive, in r5 how many there is room
// for.
Status poll_bytes(vcpu::Vcpu& v);

// EV_DOORBELL_SEND: r3 = the handle to send by.
Status send_doorbell(vcpu::Vcpu& v);

}  // namespace trapeze::para
