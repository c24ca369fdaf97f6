// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sequence.hpp"

namespace torture {

// The same numbers from the same seed, on every machine.
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    u32 word() {  // splitmix64
        std::uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15ULL;
        z = (z ^ z >> 30U) * 0xbf58'476d'1ce4'e5b9ULL;
        z = (z ^ z >> 27U) * 0x94d0'49bb'1331'11ebULL;
        return static_cast<u32>((z ^ z >> 31U) >> 16U);
    }
    u32 below(u32 n) { return word() % n; }
    u32 from(u32 first, u32 last) { return first + below(last - first + 1); }
    bool once_in(u32 n) { return below(n) == 0; }

  private:
    std::uint64_t state_;
};

}  // namespace torture
