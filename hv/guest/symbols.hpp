// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/e500.hpp"

namespace trapeze::guest {

using e500::u32;

// A guest's symbols as trapeze-pack wrote them: a count, then sorted pairs of an address and an
// offset into the names that follow, all big-endian. They come from outside and may be anything.
class Symbols {
  public:
    // Takes `size` bytes at `data`, aligned to words, which must stay; none if they are damaged.
    void set(const void* data, u32 size);
    // The name of the function around `address`, `offset` bytes from its start; null if unknown.
    const char* find(u32 address, u32& offset) const;

  private:
    const u32* table_ = nullptr;
    u32 count_ = 0;
    const char* names_ = nullptr;
    u32 names_size_ = 0;
};

}  // namespace trapeze::guest
