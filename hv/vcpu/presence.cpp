// SPDX-License-Identifier: Apache-2.0
#include "hv/trace/ring.hpp"
#include "hv/vcpu/vcpu.hpp"

namespace trapeze::vcpu {

void Vcpu::becomes(Presence next, u64 now) {
    if (presence == Presence::waits) idle_ticks += now - since;
    if (presence == Presence::ready) stolen_ticks += now - since;
    presence = next;
    since = now;
    constexpr trace::What what[] = {trace::What::runs, trace::What::ready, trace::What::waits};
    trace::add(*core, what[static_cast<unsigned>(next)], guest_number, now);
}

}  // namespace trapeze::vcpu
