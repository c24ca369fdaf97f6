// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

/// The translation cache: which stub stands where, in pages that lie within a branch's reach of
/// the sites they serve. It hands out addresses only; what stands there, and how a page comes to
/// be executable, is its user's affair. Bounded, without heap.
namespace trapeze::tcache {

/// One stub. The site is the cache's name for it: a site has one stub at most.
struct Entry {
    std::uint32_t site;   ///< EA of the patched instruction.
    std::uint32_t ea;     ///< EA of the stub.
    std::uint32_t word;   ///< The patched instruction itself; the user's to set.
    std::uint8_t words;   ///< Its length; 0: the entry is free.
    std::uint8_t kind;    ///< The user's own mark,
    std::uint8_t source;  ///< and another.
    std::uint8_t page;
    std::uint16_t next;  ///< Free entries are a list.
};

class Cache {
  public:
    static constexpr unsigned max_pages = 32;
    static constexpr unsigned unit = 16;  ///< Stubs begin and end at multiples of this, in bytes.
    static constexpr unsigned units = 4096 / unit;
    /// The first units of a page stay free: who executes on from the page before, as if nothing
    /// stood here, is not to run into a stub.
    static constexpr unsigned reserved = 1;
    static constexpr unsigned max_entries = max_pages * units / 2;
    static constexpr std::uint32_t no_page = 1;

    void reset();

    /// Gives the cache the page at `ea` (4 KiB aligned). False: it has max_pages already, or this.
    bool add_page(std::uint32_t ea);
    /// Takes a page away; its stubs must have been released. False: it is not the cache's, or in
    /// use.
    bool remove_page(std::uint32_t ea);
    unsigned pages() const { return pages_; }
    /// Slot of the page at `ea` (4 KiB aligned), or max_pages.
    unsigned slot(std::uint32_t ea) const {
        for (unsigned i = 0; i < max_pages && pages_ != 0; ++i) {
            if (page_[i].ea == ea) return i;
        }
        return max_pages;
    }
    /// EA of page `i` of max_pages; `no_page` if the slot is free.
    std::uint32_t page(unsigned i) const { return page_[i].ea; }
    /// Stubs in page `i`.
    unsigned live(unsigned i) const { return page_[i].live; }
    /// Bytes without a stub in page `i`.
    unsigned free_bytes(unsigned i) const;

    /// Room for `words` words within reach of `site`; null if there is none, and the user may add a
    /// page or release the victim().
    Entry* allocate(std::uint32_t site, unsigned words);
    void release(Entry& entry);

    /// An entry to release, and again, until allocate() has room for `site`: the pages in reach are
    /// swept round and round, so that it is an old one, and the next one its neighbour. Null: no
    /// page in reach holds any.
    Entry* victim(std::uint32_t site);

    /// The stub that holds the instruction at `ea`, or null.
    Entry* find(std::uint32_t ea);

    /// Entry `i` of max_entries, to go over all; free ones have `words` 0.
    Entry& entry(unsigned i) { return entry_[i]; }
    unsigned used() const { return used_; }

  private:
    static constexpr std::uint16_t nobody = 0xffff;
    struct Page {
        std::uint32_t ea;
        std::uint16_t live;
        std::uint16_t hand;          // unit where the next sweep for a victim begins
        std::uint16_t longest;       // no longer run of free units than this
        std::uint16_t owner[units];  // entry of each unit, or nobody
    };
    static bool reaches(std::uint32_t site, std::uint32_t page);
    static unsigned room(Page& page, unsigned count);

    Page page_[max_pages];
    unsigned pages_, next_victim_page_;
    Entry entry_[max_entries];
    std::uint16_t free_;
    unsigned used_;
};

}  // namespace trapeze::tcache
