// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/cpu.hpp"

// The VMM's own time: time-base ticks since its start. A guest may write the time base, which all
// of the core shares; what the VMM measures, waits for and prints is on this clock, which goes on
// as if nothing had been written. It starts near zero and does not wrap (in 1,400 years at 400
// MHz), so that its times compare and subtract as plain numbers; times of the time base do not.
namespace trapeze::core {

class Clock {
  public:
    // The time at which the time base reads `timebase`. Differences are modulo 2^64, as the time
    // base counts.
    constexpr u64 at(u64 timebase) const { return timebase - origin_; }
    // It reads 0 when the time base reads `timebase`.
    constexpr void start(u64 timebase) { origin_ = timebase; }
    // The time base was written: it reads `after` where it would have read `before`.
    constexpr void moved(u64 before, u64 after) { origin_ += after - before; }

  private:
    u64 origin_ = 0;
};

// A time that does not come.
inline constexpr u64 never = ~u64{0};

// One for all cores: their time bases count together.
inline constinit Clock clock;

inline u64 now() { return clock.at(read_timebase()); }

}  // namespace trapeze::core
