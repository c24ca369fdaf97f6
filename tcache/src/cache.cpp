// SPDX-License-Identifier: Apache-2.0
#include "tcache/cache.hpp"

namespace trapeze::tcache {

using std::uint16_t;
using std::uint32_t;
using std::uint8_t;

namespace {

constexpr unsigned unit_words = Cache::unit / 4;
constexpr unsigned units_for(unsigned words) { return (words + unit_words - 1) / unit_words; }

}  // namespace

void Cache::reset() {
    pages_ = next_victim_page_ = used_ = 0;
    for (Page& page : page_) {
        page.ea = no_page;
        page.live = page.hand = page.longest = 0;
    }
    for (unsigned i = 0; i < max_entries; ++i) {
        entry_[i] = {};
        entry_[i].next = static_cast<uint16_t>(i + 1 < max_entries ? i + 1 : nobody);
    }
    free_ = 0;
}

bool Cache::add_page(uint32_t ea) {
    Page* slot = nullptr;
    for (Page& page : page_) {
        if (page.ea == ea) {
            return false;
        }
        if (page.ea == no_page && slot == nullptr) {
            slot = &page;
        }
    }
    if (slot == nullptr) {
        return false;
    }
    slot->ea = ea;
    slot->live = slot->hand = 0;
    slot->longest = units - reserved;
    for (uint16_t& owner : slot->owner) {
        owner = nobody;
    }
    ++pages_;
    return true;
}

bool Cache::remove_page(uint32_t ea) {
    for (Page& page : page_) {
        if (page.ea == ea && page.live == 0) {
            page.ea = no_page;
            --pages_;
            return true;
        }
    }
    return false;
}

unsigned Cache::free_bytes(unsigned i) const {
    unsigned bytes = 0;
    for (unsigned n = reserved; n < units; ++n) bytes += page_[i].owner[n] == nobody ? unit : 0;
    return bytes;
}

// A branch reaches 32 MiB either way; any word of the page, from the site and back behind it.
bool Cache::reaches(uint32_t site, uint32_t page) {
    constexpr uint32_t reach = 0x0200'0000 - 0x1000;
    return page - site + reach < 2 * reach;
}

// The first unit of `count` free ones in a row; `units` if there are none.
unsigned Cache::room(Page& page, unsigned count) {
    if (page.longest < count) {
        return units;
    }
    unsigned run = 0;
    unsigned longest = 0;
    for (unsigned i = reserved; i < units; ++i) {
        run = page.owner[i] == nobody ? run + 1 : 0;
        longest = run > longest ? run : longest;
        if (run == count) {
            return i + 1 - count;
        }
    }
    page.longest = static_cast<uint16_t>(longest);
    return units;
}

Entry* Cache::allocate(uint32_t site, unsigned words) {
    const unsigned count = units_for(words);
    if (count == 0 || count > units || free_ == nobody) {
        return nullptr;
    }
    for (unsigned p = 0; p < max_pages; ++p) {
        Page& page = page_[p];
        if (page.ea == no_page || !reaches(site, page.ea)) {
            continue;
        }
        const unsigned first = room(page, count);
        if (first == units) {
            continue;
        }
        const uint16_t index = free_;
        Entry& entry = entry_[index];
        free_ = entry.next;
        entry = {site, page.ea + first * unit,  0,     static_cast<uint8_t>(words), 0,
                 0,    static_cast<uint8_t>(p), nobody};
        for (unsigned i = first; i < first + count; ++i) {
            page.owner[i] = index;
        }
        ++page.live;
        ++used_;
        return &entry;
    }
    return nullptr;
}

void Cache::release(Entry& entry) {
    Page& page = page_[entry.page];
    const unsigned first = (entry.ea - page.ea) / unit;
    for (unsigned i = first; i < first + units_for(entry.words); ++i) {
        page.owner[i] = nobody;
    }
    page.longest = units;
    --page.live;
    --used_;
    entry.words = 0;
    entry.next = free_;
    free_ = static_cast<uint16_t>(&entry - entry_);
}

Entry* Cache::victim(uint32_t site) {
    for (unsigned tried = 0; tried < max_pages; ++tried) {
        const unsigned p = (next_victim_page_ + tried) % max_pages;
        Page& page = page_[p];
        if (page.ea == no_page || page.live == 0 || !reaches(site, page.ea)) {
            continue;
        }
        for (;;) {
            const uint16_t owner = page.owner[page.hand % units];
            if (owner == nobody) {
                page.hand = static_cast<uint16_t>((page.hand + 1) % units);
                continue;
            }
            // Next time from behind this one; when the page is through, from the next page.
            page.hand = static_cast<uint16_t>((page.hand + units_for(entry_[owner].words)) % units);
            if (page.hand < units_for(entry_[owner].words)) {
                next_victim_page_ = (p + 1) % max_pages;
            }
            return &entry_[owner];
        }
    }
    return nullptr;
}

Entry* Cache::find(uint32_t ea) {
    for (Page& page : page_) {
        if (page.ea == no_page || ea - page.ea >= 4096) {
            continue;
        }
        const uint16_t owner = page.owner[(ea - page.ea) / unit];
        if (owner == nobody) {
            return nullptr;
        }
        Entry& entry = entry_[owner];
        return ea - entry.ea < 4U * entry.words ? &entry : nullptr;
    }
    return nullptr;
}

}  // namespace trapeze::tcache
