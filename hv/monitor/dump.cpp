// SPDX-License-Identifier: Apache-2.0
// The heatmap dump, version 1 (docs/dump-format.md).
#include "hv/console/console.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/guest/guest.hpp"
#include "hv/guest/machine.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/patch/patcher.hpp"
#include "hv/profile/profile.hpp"
#include "hv/vcpu/timers.hpp"

namespace trapeze::monitor {

using console::print;
using console::put;
using dbt::SiteTable;
using vcpu::Cause;
using vcpu::Vcpu;

namespace {

// Sites by address; too large for the stack.
static_assert(SiteTable::max_sites <= core::Core::scratch_words);
using SiteOrder = e500::u16[core::Core::scratch_words];

const char* name(Dump kind) {
    switch (kind) {
        case Dump::end:
            return "end";
        case Dump::request:
            return "request";
        case Dump::periodic:
            return "periodic";
        default:
            return "live";
    }
}

u64 lost_exits(const Vcpu& v, unsigned cause) {
    if (v.profile == nullptr) return 0;
    return static_cast<Cause>(cause) == Cause::privileged ? v.profile->sites.lost().count
                                                          : v.profile->pages.lost(cause);
}

// What patching has come to, its costs, and the pages it keeps.
void dump_patches(Vcpu& v, u64 now) {
    patch::Patcher& p = *v.patcher;
    auto& cache = p.overlay.cache;
    auto& mirror = p.overlay.mirror;
    patch::settle(v, now);
    const std::int64_t net = patch::net_ticks(v);
    print("patch {} {} {} {} {} {}{}", patch::name(p.mode), p.threshold, mirror.patches(),
          patch::saved(v, now), p.faults, net < 0 ? "-" : "",
          static_cast<u64>(net < 0 ? -net : net));
    print(" {} {} {} {} {} {}\n", p.made, p.dropped, p.back, cache.pages(), mirror.mirrored(),
          p.windows.ticks);
    const patch::Costs& c = p.costs;
    print("cost exit {}\ncost load {}\ncost stub {}\ncost fault {}\ncost patch {}\ncost check {}\n",
          c.exit, c.load, c.stub, c.fault, c.patch, c.check);
    for (unsigned i = 0; i < tcache::Cache::max_pages; ++i) {
        if (cache.page(i) == tcache::Cache::no_page) continue;
        print("stolen {:x} {} {} {}\n", cache.page(i), cache.live(i), cache.free_bytes(i),
              p.stolen[i].faults);
    }
    for (unsigned f = 0; f < mirror.capacity(); ++f) {
        const tcache::MirrorFrame& frame = mirror.frame(f);
        for (unsigned i = 0; frame.used && i < tcache::MirrorFrame::pages; ++i) {
            const tcache::MirrorPage& page = frame.page[i];
            if (page.faults == 0 && (!frame.is_mirrored(i) || page.patches == 0)) continue;
            print("traced {:x} {:X} {} {}\n", page.ea, frame.gpa + u64{4096} * i,
                  frame.is_mirrored(i) ? page.patches : 0, page.faults);
        }
    }
}

void dump_causes(const Vcpu& v) {
    for (unsigned i = 0; i < vcpu::cause_count; ++i) {
        const auto& s = v.exits[i];
        if (s.folded_count == 0) continue;
        print("cause {} {} {} {} {} {}\n", vcpu::name(static_cast<Cause>(i)), s.folded_count,
              s.folded_ticks, s.min, s.max, lost_exits(v, i));
    }
    for (unsigned i = 0; i < vcpu::counter_count; ++i) {
        if (v.counted[i] == 0) continue;
        print("insn {} {}\n", vcpu::name(static_cast<vcpu::Counter>(i)), v.counted[i]);
    }
}

char mode_letter(const dbt::Site& site) {
    const bool other_space = (site.mode & dbt::SiteKey::space1) != 0;
    if (site.mode & dbt::SiteKey::user) return other_space ? 'U' : 'u';
    return other_space ? 'K' : 'k';
}

// Names have no blanks, and no reader takes any length. Ends the line.
void put_name(const char* text) {
    constexpr unsigned longest = 255;
    for (unsigned n = 0; n < longest && *text != 0; ++n, ++text) {
        put(*text <= ' ' || *text > '~' ? '?' : *text);
    }
    put('\n');
}

// A live dump stops a guest that goes on: it has the sites and pages with the most to say.
constexpr unsigned live_sites = 64, live_pages = 64;

// So many exits since the last dump that at most `most` sites have as many.
u32 news_of_the_hottest(const SiteTable& sites, unsigned most) {
    u32 low = 1, high = ~0u;
    while (low < high) {
        const u32 middle = low + (high - low) / 2;
        unsigned count = 0;
        for (unsigned i = 0; i < sites.used(); ++i) count += sites.site(i).news >= middle ? 1 : 0;
        if (count > most) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// Which sites of `site_order` a live dump has: the hottest, and others that have changed in turn.
// The rest of `site_order` is overwritten; returns how many stay.
unsigned choose_live(vcpu::Profile& profile, SiteOrder& site_order) {
    const SiteTable& sites = profile.sites;
    const u32 enough = news_of_the_hottest(sites, live_sites / 2);
    unsigned others = live_sites / 2, chosen = 0;
    const u32 from = profile.next_live_site;
    profile.next_live_site = 0;
    for (unsigned i = 0; i < sites.used(); ++i) {
        const dbt::Site& site = sites.site(site_order[i]);
        if (site.news == 0) continue;
        if (site.news < enough) {
            if (site.ea < from) continue;
            if (others == 0) {
                if (profile.next_live_site == 0) profile.next_live_site = site.ea;
                continue;
            }
            --others;
        }
        site_order[chosen++] = site_order[i];
    }
    return chosen;
}

void dump_sites(const Vcpu& v, bool live, u64 now) {
    vcpu::Profile& profile = *v.profile;
    SiteTable& sites = profile.sites;
    SiteOrder& site_order = v.core->scratch;
    // A beat's exits a second, from what SiteTable::beat makes of them.
    const u64 rate_unit = SiteTable::recent_scale * vcpu::heartbeat_period;
    const u64 frequency = guest::machine.timebase_frequency;
    u32 function = ~0u;
    sites.sort(site_order);
    const unsigned count = live ? choose_live(profile, site_order) : sites.used();
    for (unsigned i = 0; i < count; ++i) {
        dbt::Site& site = sites.site(site_order[i]);
        site.news = 0;
        u32 offset = 0;
        const char* const symbol_name = v.guest->symbols.find(site.ea, offset);
        if (symbol_name != nullptr && site.ea - offset != function) {
            function = site.ea - offset;
            print("symbol {:x} ", function);
            put_name(symbol_name);
        }
        print("site {:x} {:X} {:x} {} {} {} {} {} {} {} {} {}", site.ea, site.gpa, site.word,
              site.pid, mode_letter(site), site.total_count, site.total_ticks, site.max, site.first,
              site.newest, site.recent * frequency / rate_unit, site_order[i]);
        print(" {} {} {}\n", patch::name(static_cast<patch::State>(site.state)),
              patch::name(static_cast<patch::Reason>(site.reason)),
              v.patcher != nullptr ? patch::saved(v, site, now) : 0);
    }
}

void dump_pages(vcpu::Profile& profile, bool live) {
    dbt::PageTable& pages = profile.pages;
    unsigned left = live ? live_pages : pages.capacity();
    const unsigned first = live ? profile.next_live_page : 0;
    for (unsigned n = 0; n < pages.capacity() && left != 0; ++n) {
        const unsigned i = (first + n) % pages.capacity();
        const auto& page = pages.slot(i);
        if (page.key == dbt::PageCount::nobody || (live && !page.changed())) continue;
        --left;
        pages.clear_changed(i);
        profile.next_live_page = i + 1;
        print("page {:x} {} {} {}\n", page.ea(), page.user() ? 'u' : 'k',
              vcpu::name(static_cast<Cause>(page.cause())), page.exits());
    }
}

void dump_spans(const dbt::Timeline& timeline) {
    print("spans {} {}", timeline.span_ticks(), timeline.used());
    for (unsigned i = 0; i < vcpu::cause_count; ++i) {
        print(" {}", vcpu::name(static_cast<Cause>(i)));
    }
    put('\n');
    for (unsigned span = 0; span < timeline.used(); ++span) {
        put("span");
        for (unsigned i = 0; i < vcpu::cause_count; ++i) print(" {}", timeline.count(span, i));
        put('\n');
    }
}

}  // namespace

void dump(Vcpu& v, Dump kind, u64 now) {
    const console::Turn turn;
    vcpu::fold_counters(v);
    if (v.profile != nullptr) vcpu::draw_timeline(v);
    u64 vmm = 0;
    for (const auto& stats : v.exits) vmm += stats.folded_ticks;
    const u64 total = now - v.start_time;
    const bool live = kind == Dump::live;

    console::begin_check();
    print("@@trapeze-dump 1 {} {}\n", name(kind), ++v.guest->watch.dumps);
    print("clock {} {}\n", guest::machine.timebase_frequency, total);
    print("guest {} {} {}\n", v.memory->ram_bytes(), v.shadow.own_layout().name,
          v.profile != nullptr ? "on" : "off");
    const u64 away = v.idle_ticks + v.stolen_ticks;
    print("time {} {} {} {}\n", total, total - vmm - away, vmm, away);
    if (v.guest->name != nullptr) print("name {} {}\n", v.guest->name, v.stolen_ticks);
    if (v.profile != nullptr) {
        const auto& lost = v.profile->sites.lost();
        print("sites {} {} {} {} {}\n", v.profile->sites.capacity(), v.profile->sites.used(),
              lost.sites, lost.count, lost.ticks);
        print("pages {} {} {}\n", v.profile->pages.capacity(), v.profile->pages.used(),
              v.profile->pages.evicted());
    } else {
        put("sites 0 0 0 0 0\npages 0 0 0\n");
    }
    if (v.patcher != nullptr) dump_patches(v, total);
    dump_causes(v);
    if (v.profile != nullptr) {
        dump_sites(v, live, total);
        dump_pages(*v.profile, live);
        if (!live) dump_spans(v.profile->timeline);
    }
    const auto check = console::end_check();
    print("@@trapeze-dump-end {} {} {:x}\n", v.guest->watch.dumps, check.lines - 1, check.crc);
}

}  // namespace trapeze::monitor
