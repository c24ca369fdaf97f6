// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "dbt/site_table.hpp"

// What the tests of the table of sites share.
namespace trapeze::dbt::test {

using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

inline constexpr uint32_t mfmsr = 0x7c6000a6, mtmsr = 0x7c600124;

/// A table and what it should hold, kept in the most naive form.
class Recorder {
  public:
    struct Kept {
        uint64_t count = 0, ticks = 0;
        uint32_t max = 0;
        uint64_t first = 0;
    };
    using Key = std::tuple<uint32_t, uint32_t, uint64_t, uint16_t, uint8_t>;

    explicit Recorder(unsigned capacity = SiteTable::max_sites)
        : owned_(std::make_unique<SiteTable>()) {
        table().reset(capacity);
    }
    SiteTable& table() { return *owned_; }

    /// One exit, as the VMM does it: the known site, else the one that enter() says.
    Site& exit(const SiteKey& key, uint32_t ticks, uint8_t kind = 0, bool small = false) {
        Site* site = (key.mode & SiteKey::user) != 0 ? nullptr : table().known(key.ea, key.word);
        if (site == nullptr) {
            ++entered;
            site = &table().enter(key, now, kind, small);
        }
        SiteTable::charge(*site, ticks);
        ++count;
        total_ticks += ticks;
        if (ticks > max) max = ticks;
        by_kind[kind] += 1;
        return *site;
    }
    Site& exit(uint32_t ea, uint32_t ticks = 1) { return exit({ea, mfmsr, ea, 0, 0}, ticks); }

    void fold() {
        const SiteTable::Sums sums = table().fold(now);
        folded.count += sums.count;
        folded.ticks += sums.ticks;
        if (sums.max > folded.max) folded.max = sums.max;
        for (unsigned i = 0; i < SiteTable::kinds; ++i) folded.by_kind[i] += sums.by_kind[i];
    }
    void beat() {
        fold();
        table().beat();
    }

    /// What all sites hold now, and what was lost, after fold().
    SiteTable::Lost held() {
        SiteTable::Lost sum = table().lost();
        for (unsigned i = 0; i < table().used(); ++i) {
            sum.count += table().site(i).total_count;
            sum.ticks += table().site(i).total_ticks;
        }
        sum.sites += table().used();
        return sum;
    }

    /// The site of that key, or null: each key must be there once at most.
    Site* find(const SiteKey& key) {
        Site* found = nullptr;
        for (unsigned i = 0; i < table().used(); ++i) {
            Site& site = table().site(i);
            if (!(site.key() == key)) continue;
            if (found != nullptr) return nullptr;
            found = &site;
        }
        return found;
    }
    Site* find(uint32_t ea) { return find({ea, mfmsr, ea, 0, 0}); }

    uint64_t now = 0, entered = 0, count = 0, total_ticks = 0;
    uint32_t max = 0;
    uint64_t by_kind[SiteTable::kinds] = {};
    SiteTable::Sums folded{};

  private:
    std::unique_ptr<SiteTable> owned_;
};

}  // namespace trapeze::dbt::test
