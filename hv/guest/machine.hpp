// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/guest/guest.hpp"
#include "hv/patch/patcher.hpp"

namespace trapeze::guest {

using e500::u32;
using e500::u64;

// What the VMM learnt of the machine when it started. Written before the first guest runs, by the
// core that boots; constant from then on.
struct Machine {
    u32 timebase_frequency;  // Hz
    patch::Costs costs;      // of exits and patches on its cores; zeroes: not measured
    // The guests: a core touches those that it runs.
    static constexpr unsigned most_guests = 4;
    Guest* guests[most_guests];
    unsigned count;
    // Makes a guest that has ended as it was when the machine started: RAM, devices, virtual core.
    // On its core, which has its state; what the core has of it then is to be loaded. Does a piece
    // of that: true if it was the last one.
    bool (*remake)(Guest& g);

    bool shared() const { return count > 1; }
};
inline constinit Machine machine{};

}  // namespace trapeze::guest
