// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/e500.hpp"

namespace trapeze::core {

// A physical core: what is its own, whichever guest it runs. Only code that runs on it touches it.
struct Core {
    unsigned number;
    // For work that is not interrupted and too large for the stack (monitor/dump.cpp).
    static constexpr unsigned scratch_words = 4096;
    e500::u16 scratch[scratch_words];
};

}  // namespace trapeze::core
