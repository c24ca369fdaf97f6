// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/clock.hpp"
#include "hv/core/e500.hpp"

namespace trapeze::vcpu {
struct Vcpu;
}

namespace trapeze::trace {
class Ring;
}

namespace trapeze::core {

// A physical core: what is its own, whichever guest it runs. Only code that runs on it touches it.
struct Core {
    unsigned number;
    e500::u32 stack;  // the end of its own
    // Whose state it has: in its registers, its TLB, and SPRG2. Null before the first guest.
    vcpu::Vcpu* current;
    // VMM's clock: when it has to be decided anew which guest runs, or whether one is to wake.
    u64 deadline = never;
    // So it has before a guest goes on: one that does not run has an interrupt, or is to end.
    bool reconsider;
    trace::Ring* trace_ring;  // null: nothing is traced
    // For work that is not interrupted and too large for the stack (monitor/dump.cpp).
    static constexpr unsigned scratch_words = 4096;
    e500::u16 scratch[scratch_words];
};

}  // namespace trapeze::core
