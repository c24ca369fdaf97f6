// SPDX-License-Identifier: Apache-2.0
// The core has waited, and an interrupt has come.
#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/devices.hpp"
#include "hv/exit/entry.hpp"
#include "hv/guest/guest.hpp"

namespace trapeze::vcpu {

namespace {

// With the state of a guest that does not run: the interrupt is nobody's exit. The VMM's console is
// looked at as long as no guest has a heartbeat.
[[gnu::noinline, gnu::cold]] void unclaimed_exit(Vcpu& v, e500::Vector vector) {
    if (vector == e500::Vector::external) dev::on_external(v);
    if (vector == e500::Vector::decrementer) core::clear_tsr(e500::tsr::dis);
    v.guest->events->requests(v);
    v.guest->events->yields(v);
}

}  // namespace

}  // namespace trapeze::vcpu

void hv_idle_exit(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 vector) {
    using namespace trapeze;
    if (v->guest->life != guest::Life::runs) {
        vcpu::unclaimed_exit(*v, static_cast<e500::Vector>(vector));
        return;
    }
    // The exit's own time starts where waiting ended.
    v->becomes(vcpu::Presence::runs, core::now());
    v->core->reconsider = true;
    hv_full_exit(v, vector);
}
