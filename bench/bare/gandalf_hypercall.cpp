// SPDX-License-Identifier: Apache-2.0
//
// Gandalf's null hypercall is a call into the VMM and back with nothing done. A guest here has no
// hypercall; what comes nearest is the cheapest privileged instruction that changes nothing:
// wrteei 0 while MSR[EE] is 0. Natively it is executed by the core.
#include "bare.hpp"
#include "insn.hpp"

void isa_main() {
    using namespace bare;
    constexpr const char* workload = "gandalf_hypercall";
    constexpr u32 unrolled = 32, turns = 2048;
    ExitCounters counters(workload);
    // Getting into a loop and out of it takes exits of its own.
    const Exits around = measure(counters, workload, {}, 1, 8).exits;
    for (unsigned i = 0; i < samples; ++i) {
        Measured m = measure(counters, workload,
                             {.body = Words::repeated(isa::insn::wrteei(0), unrolled)}, turns, 8);
        m.exits -= around;
        report(counters, workload, "wrteei", unrolled * turns, m.ticks, m.exits);
    }
}
