// SPDX-License-Identifier: Apache-2.0
#include "dbt/timeline.hpp"

#include <cstddef>

namespace trapeze::dbt {

using std::uint32_t;
using std::uint64_t;

namespace {

uint32_t sum(uint32_t a, uint64_t b) {
    const uint64_t both = a + b;
    return both > 0xffffffffU ? 0xffffffffU : static_cast<uint32_t>(both);
}

}  // namespace

void Timeline::reset(uint64_t ticks) {
    ticks_ = ticks;
    used_ = 0;
    for (uint64_t& seen : seen_) seen = 0;
    for (auto& span : counts_) {
        for (uint32_t& count : span) count = 0;
    }
}

void Timeline::join() {
    for (unsigned span = 0; span < spans; ++span) {
        const std::size_t pair = std::size_t{2} * span;
        for (unsigned column = 0; column < columns; ++column) {
            counts_[span][column] =
                pair < spans ? sum(counts_[pair][column], counts_[pair + 1][column]) : 0;
        }
    }
    ticks_ *= 2;
    used_ = (used_ + 1) / 2;
}

void Timeline::advance(uint64_t now, const uint64_t* totals, unsigned count) {
    while (now / ticks_ >= spans) join();
    const auto span = static_cast<unsigned>(now / ticks_);
    if (span >= used_) used_ = span + 1;
    for (unsigned column = 0; column < count && column < columns; ++column) {
        counts_[span][column] = sum(counts_[span][column], totals[column] - seen_[column]);
        seen_[column] = totals[column];
    }
}

}  // namespace trapeze::dbt
