// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace trapeze::dbt {

/// Counters over time, in bounded memory: when the spans run out, each two become one of twice
/// the length.
class Timeline {
  public:
    static constexpr unsigned spans = 240, columns = 24;

    /// Empties it; `ticks` is the length of the first spans.
    void reset(std::uint64_t ticks);

    /// Charges what `totals` (`count` of them, at most `columns`) have grown since the last call
    /// to the span that holds `now`, ticks since reset; `now` never falls.
    void advance(std::uint64_t now, const std::uint64_t* totals, unsigned count);

    std::uint64_t span_ticks() const { return ticks_; }
    unsigned used() const { return used_; }
    std::uint32_t count(unsigned span, unsigned column) const { return counts_[span][column]; }

  private:
    void join();

    std::uint64_t ticks_;
    unsigned used_;
    std::uint64_t seen_[columns];
    std::uint32_t counts_[spans][columns];
};

}  // namespace trapeze::dbt
