// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/progress.hpp"

namespace trapeze::guest {

using e500::u32;
using e500::u64;

// What the monitor keeps of a guest: whether it gets on, and which dumps are due. Times are of the
// VMM's clock (core/clock.hpp).
struct Watch {
    vcpu::Progress progress;
    vcpu::Repeats repeats;  // of an input that is held
    u64 hang_ticks;         // watchdog period the user chose, 0 = off
    u64 dump_ticks;         // between dumps of the profile, 0 = none
    u64 last_dump;          // when
    u32 dumps;              // how many so far
    bool live_wanted;       // somebody asked for a live dump,
    u64 next_live;          // and gets it not before this
};

}  // namespace trapeze::guest
