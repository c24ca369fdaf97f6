// SPDX-License-Identifier: Apache-2.0
//
// Gandalf's ignored privileged instruction: one that the VMM takes note of and does not carry
// out. Two kinds: tlbsync, a no-op on one core whose every invalidation is over with its exit, and
// a write to HID1, which is kept and has no effect. Natively the core executes them.
#include "bare.hpp"
#include "insn.hpp"

void isa_main() {
    using namespace bare;
    constexpr const char* workload = "gandalf_ignored";
    constexpr u32 unrolled = 32, turns = 1024, hid1 = 1009;
    ExitCounters counters(workload);
    // Getting into a loop and out of it takes exits of its own.
    const Exits around = measure(counters, workload, {}, 1, 8).exits;
    for (unsigned i = 0; i < samples; ++i) {
        const auto sample = [&](const char* metric, u32 word) {
            Measured m =
                measure(counters, workload, {.body = Words::repeated(word, unrolled)}, turns, 8);
            m.exits -= around;
            report(counters, workload, metric, unrolled * turns, m.ticks, m.exits);
        };
        sample("tlbsync", isa::insn::tlbsync);
        sample("mtspr", isa::insn::mtspr(4, hid1));
    }
}
