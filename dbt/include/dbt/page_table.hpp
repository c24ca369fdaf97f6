// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace trapeze::dbt {

/// Exits of one cause, in one guest mode, that have to do with one 4 KiB page of addresses.
struct PageCount {
    std::uint32_t key;    ///< See PageTable::key; `nobody` if the slot is free.
    std::uint32_t count;  ///< Since the last fold().
    std::uint64_t total;  ///< Folded; the top bit: changed since clear_changed().

    static constexpr std::uint32_t nobody = ~0U;
    static constexpr std::uint64_t changed_bit = std::uint64_t{1} << 63U;

    std::uint32_t ea() const { return key & ~0xfffU; }
    unsigned cause() const { return key >> 1U & 0x3fU; }
    bool user() const { return (key & 1U) != 0; }
    std::uint64_t exits() const { return (total & ~changed_bit) + count; }
    bool changed() const { return count != 0 || (total & changed_bit) != 0; }
};

/// Exits by page, in bounded memory: sets of four, of which the coldest makes way, and what it
/// held is counted as lost.
class PageTable {
  public:
    static constexpr unsigned sets = 2048, ways = 4, causes = 32;

    void reset();

    /// Counts one exit. `ea` is any address in the page, `cause` below `causes`.
    void charge(std::uint32_t ea, unsigned cause, bool user) {
        const std::uint32_t wanted = key(ea, cause, user);
        PageCount* const set = slots_[set_of(cause, wanted)];
        if (set->key == wanted) {
            ++set->count;
        } else {
            charge_other(set, wanted);
        }
    }
    /// To be called before any counter can have wrapped: at least once in 2^32 exits.
    void fold();
    /// Forgets that slots, or slot i, have changed; after fold().
    void clear_changed();
    void clear_changed(unsigned i) { slots_[i / ways][i % ways].total &= ~PageCount::changed_bit; }

    unsigned capacity() const { return sets * ways; }
    unsigned used() const { return used_; }
    std::uint64_t evicted() const { return evicted_; }
    std::uint64_t lost(unsigned cause) const { return lost_[cause]; }
    /// Slot i of `capacity()`.
    const PageCount& slot(unsigned i) const { return slots_[i / ways][i % ways]; }

    static constexpr std::uint32_t key(std::uint32_t ea, unsigned cause, bool user) {
        return (ea & ~0xfffU) | cause << 1U | (user ? 1U : 0U);
    }
    /// Causes of one page fall into different sets: the fast paths look at the first way only.
    static constexpr std::uint32_t salt = 5U << 16U;
    static constexpr unsigned set_of(unsigned cause, std::uint32_t key) {
        return ((key + cause * salt) >> 12U) % sets;
    }
    const void* slots() const { return slots_; }

  private:
    void charge_other(PageCount* set, std::uint32_t wanted);

    PageCount slots_[sets][ways];
    unsigned used_;
    std::uint64_t evicted_, lost_[causes];
};

}  // namespace trapeze::dbt
