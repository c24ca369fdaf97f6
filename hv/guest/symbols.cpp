// SPDX-License-Identifier: Apache-2.0
#include "hv/guest/symbols.hpp"

namespace trapeze::guest {

void Symbols::set(const void* data, u32 size) {
    const auto* words = static_cast<const u32*>(data);
    if (size < 4 || words[0] > (size - 4) / 8) return;
    count_ = words[0];
    table_ = words + 1;
    names_ = reinterpret_cast<const char*>(table_ + 2 * count_);
    names_size_ = size - 4 - 8 * count_;
    if (names_size_ == 0 || names_[names_size_ - 1] != 0) count_ = 0;
}

const char* Symbols::find(u32 address, u32& offset) const {
    constexpr u32 furthest = 0x10000;
    u32 low = 0, high = count_;
    while (low < high) {
        const u32 middle = (low + high) / 2;
        if (table_[2 * middle] <= address) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) return nullptr;
    offset = address - table_[2 * (low - 1)];
    const u32 name = table_[2 * (low - 1) + 1];
    const bool named = offset < furthest && name < names_size_ && names_[name] != 0;
    return named ? names_ + name : nullptr;
}

}  // namespace trapeze::guest
