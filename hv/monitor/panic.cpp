// SPDX-License-Identifier: Apache-2.0
#include "hv/board/ppce500.hpp"
#include "hv/console/console.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/cpu.hpp"
#include "hv/exit/entry.hpp"
#include "hv/monitor/monitor.hpp"

// A defect of the VMM: say what can be said, and end.
void hv_panic(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 vector, trapeze::e500::u32 stack,
              trapeze::e500::u32 link) {
    using trapeze::console::log;
    log("---- the VMM itself failed: exception IVOR{} at {:x} (MSR {:x}), ESR {:x}, DEAR {:x}",
        vector, trapeze::core::read_srr0(), trapeze::core::read_srr1(), trapeze::core::read_esr(),
        trapeze::core::read_dear());
    log("VMM stack {:x}, link {:x}. Please report this with the lines above.", stack, link);
    v->end = trapeze::vcpu::End::vmm_failed;
    v->reason = "exception in the VMM";
    const auto now = trapeze::core::now();
    trapeze::monitor::report(*v, "state of the guest meanwhile");
    trapeze::monitor::dump(*v, trapeze::monitor::Dump::end, now);
    trapeze::monitor::summary(*v, now);
    trapeze::board::power_off();
}
