// SPDX-License-Identifier: Apache-2.0
#include "dbt/page_table.hpp"

namespace trapeze::dbt {

using std::uint32_t;
using std::uint64_t;

void PageTable::reset() {
    for (auto& set : slots_) {
        for (PageCount& slot : set) slot = {PageCount::nobody, 0, 0};
    }
    used_ = 0;
    evicted_ = 0;
    for (uint64_t& lost : lost_) lost = 0;
}

// Not the first of its set.
void PageTable::charge_other(PageCount* set, uint32_t wanted) {
    PageCount* found = nullptr;
    PageCount* coldest = set;
    for (unsigned way = 0; way < ways && found == nullptr; ++way) {
        PageCount& slot = set[way];
        if (slot.key == wanted) found = &slot;
        if (slot.exits() < coldest->exits()) coldest = &slot;
    }
    if (found == nullptr) {
        found = coldest;
        if (found->key == PageCount::nobody) {
            ++used_;
        } else {
            ++evicted_;
            lost_[found->cause()] += found->exits();
        }
        *found = {wanted, 0, 0};
    }
    ++found->count;
    if (found != set) {
        // The fast paths look at the first way only; this one was asked for last.
        const PageCount first = *set;
        *set = *found;
        *found = first;
    }
}

void PageTable::fold() {
    for (auto& set : slots_) {
        for (PageCount& slot : set) {
            if (slot.count == 0) continue;
            slot.total = (slot.total + slot.count) | PageCount::changed_bit;
            slot.count = 0;
        }
    }
}

void PageTable::clear_changed() {
    for (auto& set : slots_) {
        for (PageCount& slot : set) slot.total &= ~PageCount::changed_bit;
    }
}

}  // namespace trapeze::dbt
