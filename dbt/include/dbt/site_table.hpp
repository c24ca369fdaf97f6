// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace trapeze::dbt {

/// What makes a trap site the one it is: the same word at another physical place, or in another
/// process, is another site.
struct SiteKey {
    std::uint32_t ea;
    std::uint32_t word;  ///< The instruction.
    std::uint64_t gpa;
    std::uint16_t pid;  ///< TID of the guest's TLB entry that maps it; 0: every process.
    std::uint8_t mode;  ///< Bit 0: guest user mode; bit 1: guest address space 1.

    static constexpr std::uint8_t user = 1, space1 = 2;
    bool operator==(const SiteKey&) const = default;
};

/// A trap site and what its exits cost. Times are time-base ticks. The members up to `limit` fill
/// one 32-byte cache line, the only one that an exit at a known site touches (hv/exit/fast.inc).
struct alignas(32) Site {
    /// The EA whose exits are charged here without asking further; `nothing` when the guest's
    /// translations may have changed since.
    std::uint32_t match;
    std::uint32_t word;
    Site* next;           ///< In the same bucket; the last one's is the empty site.
    std::uint32_t count;  ///< Exits, and
    std::uint32_t ticks;  ///< their time, since the last fold().
    std::uint32_t max;    ///< The longest ever.
    std::uint32_t since;  ///< Exits since the last beat(), folded.
    /// When `count` gets there the site is due: its next exit must ask enter() (hv/exit/fast.S).
    /// `never`: it asks no more.
    std::uint32_t limit;

    std::uint32_t ea;
    std::uint64_t gpa;
    std::uint16_t pid;
    std::uint8_t mode;
    std::uint8_t kind;  ///< The user's own mark, see SiteTable::enter.
    bool used, small;
    std::uint8_t state;  ///< What became of it: marks of the user's own, 0 when it is entered.
    std::uint8_t reason;
    /// The user's own mark: its exits come however the guest is run, see Sums::lasting.
    bool lasting;
    std::uint32_t windows;      ///< While patched: exits in sampling windows since `patched_at`,
    std::uint32_t window_rate;  ///< the same as a decaying rate,
    std::uint64_t marked;       ///< exits when the newest window began,
    std::uint64_t window_start[2];  ///< how much of each clock all windows had had at
    std::uint64_t patched_at[2];    ///< this time of each clock (patch::Clock).
    std::uint64_t saved;            ///< Exits saved in earlier lives as a patched site.
    std::uint32_t news;  ///< Exits since the last dump, folded; whoever dumps sets it to 0.
    std::uint64_t total_count, total_ticks;
    std::uint64_t first;   ///< When it was entered, and
    std::uint64_t newest;  ///< the first fold() behind its newest exit.
    std::uint32_t recent;  ///< Decaying rate, see SiteTable::beat.

    static constexpr std::uint32_t nothing = 1;  ///< No instruction has an odd address.
    static constexpr std::uint32_t asks = 2;     ///< Trusted, but due.
    static constexpr std::uint32_t never = ~0U;
    /// All exits so far.
    std::uint64_t exits() const { return total_count + count; }
    /// Makes it due after `exits` more.
    void arm(std::uint32_t exits) { limit = exits >= never - count ? never : count + exits; }
    bool due() const { return count >= limit; }
    SiteKey key() const { return {ea, word, gpa, pid, mode}; }
};

/// Every trap site seen, found in a few instructions, in bounded memory: when it is full the
/// coldest site makes way, and what it held is counted as lost.
class SiteTable {
  public:
    static constexpr unsigned max_sites = 4096;
    /// A bucket is chosen by the low bits of the EA as they stand: (ea & bucket_mask) / 4.
    static constexpr std::uint32_t bucket_mask = 0x1fffc;
    static constexpr unsigned buckets = bucket_mask / 4 + 1;
    /// `recent` is a sum in 16ths that loses an eighth of itself each beat: it settles at 128
    /// times the exits of a beat.
    static constexpr std::uint32_t recent_scale = 128;

    /// What fold() moved: exits since the last one.
    static constexpr unsigned kinds = 32;
    struct Sums {
        std::uint64_t count, ticks;
        std::uint32_t max;
        std::uint64_t lasting;  ///< Those of sites with that mark.
        std::uint64_t by_kind[kinds];
    };
    struct Lost {
        std::uint64_t sites, count, ticks;
    };

    /// Empties the table; `capacity` is at most max_sites.
    void reset(unsigned capacity = max_sites);

    /// The site that exits of `word` at `ea` belong to, if it is known for certain; else null, and
    /// enter() must be asked. Guest kernel mode only.
    Site* known(std::uint32_t ea, std::uint32_t word) const;

    /// Finds or makes the site. `kind` (below `kinds`) goes with a new one, for Sums::by_kind.
    /// `small`: a page that the guest can replace cheaply (see distrust_small).
    /// A new one is armed with `first_limit`.
    Site& enter(const SiteKey& key, std::uint64_t now, std::uint8_t kind, bool small);
    void set_first_limit(std::uint32_t limit) { first_limit_ = limit; }
    /// A site in this state does not make way.
    static constexpr std::uint8_t stays = 0x80;
    /// Any site at this EA in guest kernel mode, or null.
    Site* find(std::uint32_t ea, std::uint32_t word);
    /// The site with this key, or null.
    Site* find(const SiteKey& key);

    /// One exit of `ticks`.
    static void charge(Site& site, std::uint32_t ticks) {
        if (++site.count == site.limit && site.match == site.ea) site.match = Site::asks;
        site.ticks += ticks;
        if (ticks > site.max) site.max = ticks;
    }

    /// The guest's translation of these addresses may change: known() says no until enter() has
    /// looked again.
    void distrust(std::uint32_t ea, std::uint64_t bytes);
    void distrust_all();
    /// The same for small pages, and for sites of one process, only.
    void distrust_small() {
        if (trusted_small_ != 0) distrust_all_small();
    }
    void distrust_local() {
        if (trusted_local_ != 0) distrust_all_local();
    }

    /// Moves what the hot paths counted into the 64-bit totals, at time `now`, in ticks from any
    /// start. To be called before 2^32 ticks of exits have gone by at any one site.
    Sums fold(std::uint64_t now);
    /// Decays the rates, and moves hot sites to the front; at regular times, after fold().
    void beat();

    unsigned capacity() const { return capacity_; }
    unsigned used() const { return used_; }
    const Lost& lost() const { return lost_; }
    /// Site i of `used()`, in no order.
    Site& site(unsigned i) { return pool_[i]; }
    const Site& site(unsigned i) const { return pool_[i]; }
    /// Fills `order` with the indices of all sites by address; it has room for `capacity()`.
    void sort(std::uint16_t* order) const;

    /// For the fast paths, which walk the chains themselves.
    Site* const* bucket_array() const { return bucket_; }

  private:
    Site*& bucket(std::uint32_t ea) { return bucket_[(ea & bucket_mask) / 4]; }
    Site* make_room(std::uint64_t now);
    Site& take_coldest();
    void find_coldest();
    void forget_coldest() { cold_next_ = cold_count_ = fresh_next_ = fresh_count_ = 0; }
    void trust(Site& site);
    void distrust(Site& site);
    void distrust_all_small();
    void distrust_all_local();
    void unlink(Site& site);
    void to_front(Site& site);
    void fold(Site& site, std::uint64_t now);

    static constexpr unsigned batch = 64;
    struct Cold {
        std::uint64_t heat, first;
        Site* site;
        bool warmer_than(const Cold& other) const {
            return heat != other.heat ? heat > other.heat : first > other.first;
        }
    };
    static Cold coldness(Site& site);
    void sink(unsigned at, unsigned count);

    Site* bucket_[buckets];
    Site pool_[max_sites];
    Site empty_;
    unsigned capacity_, used_;
    std::uint32_t first_limit_ = Site::never;
    Sums pending_;
    Lost lost_;
    Cold cold_[batch];  // candidates to make way, a heap with the warmest first, then sorted
    unsigned cold_next_, cold_count_;
    Site* fresh_[batch];  // those that came in the place of candidates since, a ring
    unsigned fresh_next_, fresh_count_;
    unsigned trusted_small_, trusted_local_;
    std::uint32_t trusted_low_, trusted_high_;  // all trusted sites lie between
};

}  // namespace trapeze::dbt
