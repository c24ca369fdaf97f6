// SPDX-License-Identifier: Apache-2.0
#include "dbt/site_table.hpp"

namespace trapeze::dbt {

using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

namespace {

constexpr uint32_t saturated(uint64_t value) {
    return value > 0xffffffffU ? 0xffffffffU : static_cast<uint32_t>(value);
}

}  // namespace

void SiteTable::reset(unsigned capacity) {
    capacity_ = capacity == 0 ? 1 : capacity < max_sites ? capacity : max_sites;
    used_ = 0;
    pending_ = {};
    lost_ = {};
    forget_coldest();
    trusted_small_ = trusted_local_ = 0;
    trusted_low_ = ~0U;
    trusted_high_ = 0;
    empty_ = {};
    empty_.match = Site::nothing;
    empty_.next = &empty_;
    for (Site*& head : bucket_) head = &empty_;
}

Site* SiteTable::known(uint32_t ea, uint32_t word) const {
    Site* site = bucket_[(ea & bucket_mask) / 4];
    for (; site != &empty_; site = site->next) {
        if (site->match == ea) return site->word == word ? site : nullptr;
    }
    return nullptr;
}

Site* SiteTable::find(uint32_t ea, uint32_t word) {
    for (Site* site = bucket(ea); site != &empty_; site = site->next) {
        if (site->ea == ea && site->word == word && (site->mode & SiteKey::user) == 0) return site;
    }
    return nullptr;
}

Site* SiteTable::find(const SiteKey& key) {
    for (Site* site = bucket(key.ea); site != &empty_; site = site->next) {
        if (site->key() == key) return site;
    }
    return nullptr;
}

Site& SiteTable::enter(const SiteKey& key, uint64_t now, uint8_t kind, bool small) {
    Site* site = bucket(key.ea);
    while (site != &empty_ && !(site->key() == key)) site = site->next;
    if (site != &empty_) {
        // The guest may have split or joined the page meanwhile.
        if (site->match != Site::nothing && site->small != small) {
            trusted_small_ += small ? 1U : ~0U;
        }
        site->small = small;
    } else {
        site = make_room(now);
        *site = {};
        site->match = Site::nothing;
        site->ea = key.ea;
        site->word = key.word;
        site->gpa = key.gpa;
        site->pid = key.pid;
        site->mode = key.mode;
        site->kind = kind;
        site->small = small;
        site->used = true;
        site->limit = first_limit_;
        site->first = site->newest = now;
        site->next = bucket(key.ea);
        bucket(key.ea) = site;
    }
    trust(*site);
    to_front(*site);
    return *site;
}

void SiteTable::trust(Site& site) {
    // The fast path knows the guest kernel only; what it may not take stays `nothing`.
    if (site.match == site.ea || (site.mode & SiteKey::user) != 0) return;
    for (Site* other = bucket(site.ea); other != &empty_; other = other->next) {
        if (other != &site && other->ea == site.ea) distrust(*other);
    }
    const bool was_trusted = site.match == Site::asks;
    site.match = site.ea;
    if (was_trusted) return;
    trusted_small_ += site.small ? 1U : 0U;
    trusted_local_ += site.pid != 0 ? 1U : 0U;
    if (site.ea < trusted_low_) trusted_low_ = site.ea;
    if (site.ea > trusted_high_) trusted_high_ = site.ea;
}

void SiteTable::distrust(Site& site) {
    if (site.match == Site::nothing) return;
    site.match = Site::nothing;
    trusted_small_ -= site.small ? 1U : 0U;
    trusted_local_ -= site.pid != 0 ? 1U : 0U;
}

void SiteTable::distrust(uint32_t ea, uint64_t bytes) {
    // Most translations that change are of user pages, far from any site.
    if (trusted_low_ > trusted_high_ || ea > trusted_high_ || ea + bytes <= trusted_low_) return;
    for (unsigned i = 0; i < used_; ++i) {
        Site& site = pool_[i];
        if (site.ea >= ea && site.ea - ea < bytes) distrust(site);
    }
}

void SiteTable::distrust_all() {
    distrust(0, uint64_t{1} << 32U);
    trusted_low_ = ~0U;
    trusted_high_ = 0;
}

void SiteTable::distrust_all_small() {
    for (unsigned i = 0; i < used_; ++i) {
        if (pool_[i].small) distrust(pool_[i]);
    }
}

void SiteTable::distrust_all_local() {
    for (unsigned i = 0; i < used_; ++i) {
        if (pool_[i].pid != 0) distrust(pool_[i]);
    }
}

void SiteTable::unlink(Site& site) {
    Site** link = &bucket(site.ea);
    while (*link != &site) link = &(*link)->next;
    *link = site.next;
}

void SiteTable::to_front(Site& site) {
    if (bucket(site.ea) == &site) return;
    unlink(site);
    site.next = bucket(site.ea);
    bucket(site.ea) = &site;
}

void SiteTable::fold(Site& site, uint64_t now) {
    if (site.count == 0) return;
    site.total_count += site.count;
    site.total_ticks += site.ticks;
    site.since = saturated(uint64_t{site.since} + site.count);
    site.newest = now;
    site.news = saturated(uint64_t{site.news} + site.count);
    pending_.count += site.count;
    pending_.ticks += site.ticks;
    pending_.by_kind[site.kind % kinds] += site.count;
    if (site.lasting) pending_.lasting += site.count;
    if (site.max > pending_.max) pending_.max = site.max;
    if (site.limit != Site::never) site.limit = site.due() ? 0 : site.limit - site.count;
    site.count = site.ticks = 0;
}

SiteTable::Sums SiteTable::fold(uint64_t now) {
    for (unsigned i = 0; i < used_; ++i) fold(pool_[i], now);
    const Sums sums = pending_;
    pending_ = {};
    return sums;
}

void SiteTable::beat() {
    for (unsigned i = 0; i < used_; ++i) {
        Site& site = pool_[i];
        const uint32_t decayed = site.recent - (site.recent / 8 + (site.recent % 8 != 0));
        site.recent = saturated(decayed + uint64_t{site.since} * (recent_scale / 8));
        site.since = 0;
    }
    for (unsigned i = 0; i < used_; ++i) {
        Site& site = pool_[i];
        if (site.recent > bucket(site.ea)->recent) to_front(site);
    }
    forget_coldest();  // what was cold may be no longer
}

SiteTable::Cold SiteTable::coldness(Site& site) {
    if ((site.state & stays) != 0) return {~uint64_t{0}, site.first, &site};
    const uint64_t lately = site.recent + (uint64_t{site.since} + site.count) * (recent_scale / 8);
    return {uint64_t{saturated(lately)} << 32U | saturated(site.total_count + site.count),
            site.first, &site};
}

// Restores the heap of the first `count` candidates below `at`.
void SiteTable::sink(unsigned at, unsigned count) {
    const Cold moving = cold_[at];
    for (unsigned child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && cold_[child + 1].warmer_than(cold_[child])) ++child;
        if (!cold_[child].warmer_than(moving)) break;
        cold_[at] = cold_[child];
        at = child;
    }
    cold_[at] = moving;
}

// The coldest sites at once, so that the walk over all of them is paid once for a batch.
void SiteTable::find_coldest() {
    forget_coldest();
    for (unsigned i = 0; i < used_; ++i) {
        const Cold found = coldness(pool_[i]);
        if (cold_count_ < batch) {
            cold_[cold_count_++] = found;
            if (cold_count_ == batch) {
                for (unsigned at = batch / 2; at > 0; --at) sink(at - 1, batch);
            }
        } else if (cold_[0].warmer_than(found)) {
            cold_[0] = found;
            sink(0, batch);
        }
    }
    for (unsigned at = cold_count_ / 2; at > 0; --at) sink(at - 1, cold_count_);
    for (unsigned left = cold_count_; left > 1; --left) {
        const Cold warmest = cold_[0];
        cold_[0] = cold_[left - 1];
        cold_[left - 1] = warmest;
        sink(0, left - 1);
    }
}

// The coldest of the candidates, or the first newcomer that is colder still.
Site& SiteTable::take_coldest() {
    for (;;) {
        if (cold_next_ == cold_count_) find_coldest();
        const Cold candidate = cold_[cold_next_];
        // One that was charged since it was found is not the coldest any more.
        if (coldness(*candidate.site).warmer_than(candidate)) {
            ++cold_next_;
            continue;
        }
        while (fresh_count_ != 0) {
            Site& newcomer = *fresh_[fresh_next_];
            fresh_next_ = (fresh_next_ + 1) % batch;
            --fresh_count_;
            if (candidate.warmer_than(coldness(newcomer))) return newcomer;
        }
        ++cold_next_;
        return *candidate.site;
    }
}

Site* SiteTable::make_room(uint64_t now) {
    if (used_ < capacity_) return &pool_[used_++];
    Site& site = take_coldest();
    fold(site, now);
    ++lost_.sites;
    lost_.count += site.total_count;
    lost_.ticks += site.total_ticks;
    distrust(site);
    unlink(site);
    fresh_[(fresh_next_ + fresh_count_++) % batch] = &site;
    return &site;
}

void SiteTable::sort(uint16_t* order) const {
    for (unsigned i = 0; i < used_; ++i) order[i] = static_cast<uint16_t>(i);
    const auto before = [this](uint16_t a, uint16_t b) {
        return pool_[a].ea != pool_[b].ea ? pool_[a].ea < pool_[b].ea
                                          : pool_[a].first < pool_[b].first;
    };
    // Shell's sort: no recursion, no room of its own.
    for (unsigned gap = used_ / 2; gap > 0; gap /= 2) {
        for (unsigned i = gap; i < used_; ++i) {
            const uint16_t moving = order[i];
            unsigned at = i;
            for (; at >= gap && before(moving, order[at - gap]); at -= gap) {
                order[at] = order[at - gap];
            }
            order[at] = moving;
        }
    }
}

}  // namespace trapeze::dbt
