// SPDX-License-Identifier: Apache-2.0
//
// A guest beside another one on one core: computes, and notes when the core was taken from it. Two
// of them tell what a turn costs: when one has not had the core, the other one has had it for so
// long, and the rest was the VMM's (bench/run/turns.py). All guests read one time base.
#include "bare.hpp"

namespace {

using namespace bare;
using namespace isa;

constexpr unsigned most = 64;
// Longer than a miss of the core's TLB, shorter than any other exit: ticks.
constexpr u32 gap_least = 100;
// By then both run, whichever started first: 200 ms after the machine.
constexpr u32 start = 80'000'000;

struct Gap {
    u32 from, to;  // the last look at the clock before it, and the first one behind it
};
Gap gaps[most];

}  // namespace

void isa_main() {
    while (timebase() < start) {
    }
    unsigned count = 0;
    u32 last = timebase();
    while (count < most) {
        const u32 now = timebase();
        if (now - last >= gap_least) gaps[count++] = {last, now};
        last = now;
    }
    for (const Gap& gap : gaps) (Line() << "@@turn " << gap.from << " " << gap.to).print();
}
