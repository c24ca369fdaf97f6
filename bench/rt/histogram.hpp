// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace rt {

// Ticks of the time base, all 64 bits of it.
using Time = std::uint64_t;

// How often a time was how long: the extremes to the tick, what lies between to a bucket.
class Histogram {
  public:
    static constexpr unsigned buckets = 1024;  // the last one takes all that is longer

    // `width`: of a bucket, in ticks.
    explicit constexpr Histogram(std::uint32_t width) : width_(width) {}

    void clear() {
        for (std::uint32_t& one : count_) one = 0;
        total_ = 0;
        least_ = ~Time{0};
        most_ = 0;
    }
    void add(Time time) {
        const Time bucket = time / width_;
        ++count_[bucket < buckets ? bucket : buckets - 1];
        ++total_;
        if (time < least_) least_ = time;
        if (time > most_) most_ = time;
    }
    [[nodiscard]] std::uint32_t total() const { return total_; }
    // Zero if there are none.
    [[nodiscard]] Time least() const { return total_ == 0 ? 0 : least_; }
    [[nodiscard]] Time most() const { return most_; }
    // What so many of each thousand do not exceed: the upper end of a bucket, or the greatest.
    [[nodiscard]] Time reached_by(std::uint32_t per_mille) const {
        // Rounded up: all but one of a thousand are 999, all but one of ten are all.
        const Time wanted = (Time{total_} * per_mille + 999) / 1000;
        Time seen = 0;
        for (unsigned i = 0; i + 1 < buckets; ++i) {
            seen += count_[i];
            if (seen >= wanted) {
                const Time end = Time{i + 1} * width_ - 1;
                return end < most_ ? end : most_;
            }
        }
        return most_;
    }

  private:
    std::uint32_t width_, total_ = 0;
    Time least_ = ~Time{0}, most_ = 0;
    std::uint32_t count_[buckets] = {};
};

}  // namespace rt
