// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "trapmap/follow.hpp"
#include "trapmap/program.hpp"

namespace trapeze::trapmap {

namespace {

constexpr std::size_t margin = 8;

std::string line(const Style& style, std::string_view name, std::string_view text) {
    return style.paint(bold, name) + std::string(margin - name.size(), ' ') +
           cut_end(text, style.width - std::min(style.width, margin)) + "\n";
}

std::string_view word_of(Sort sort) {
    switch (sort) {
        case Sort::rate:
            return "exits a second";
        case Sort::count:
            return "exits since the start";
        case Sort::ticks:
            return "time since the start";
        case Sort::max:
            return "longest exit";
        case Sort::saved:
            return "exits saved";
    }
    return {};
}

std::string causes(const Live& live) {
    double sum = 0;
    std::string list;
    for (const Live::CauseRate& rate : live.rates()) {
        sum += rate.per_second;
        if (rate.per_second <= 0) continue;
        list += fmt::format("{}{} {}", list.empty() ? "" : ", ", rate.name, brief(rate.per_second));
    }
    return list.empty() ? "none" : fmt::format("{}: {}", brief(sum), list);
}

/// As patching_line(), with what came since the dump before.
std::string patching(const Live& live, const Model& model) {
    if (!live.dump().patching.on()) return patching_line(model);
    const Patching& p = live.dump().patching;
    const Cause* const privileged = model.cause("privileged");
    const std::uint64_t taken = privileged == nullptr ? 0 : privileged->count;
    return fmt::format("{} sites patched, {} exits saved ({} %, now {}/s), {} faults (now {}/s){}",
                       grouped(p.patched), grouped(p.saved), percent(p.saved, p.saved + taken),
                       brief(live.saved_rate()), grouped(p.faults), brief(live.fault_rate()),
                       text_writes(model));
}

std::string help() {
    return "q  leave; the guest goes on      s  sort: rate, count, ticks, longest, saved\n"
           "p  pause, and go on              b  rows: sites, functions, instructions, pages\n"
           "h  this help\n";
}

}  // namespace

std::string draw_live(const Live& live, const std::shared_ptr<const Program>& program,
                      const Watch& watch, const Style& style, std::size_t rows) {
    const Model model(live.dump(), program);
    const Dump& dump = model.dump();
    const std::uint64_t all = std::max<std::uint64_t>(live.total(), 1);
    std::string out =
        line(style, "guest",
             fmt::format("{:.1f} s{}: {} % guest, {} % VMM, {} % idle since the dump before",
                         ratio(dump.now, dump.ticks_per_second), watch.paused ? " (paused)" : "",
                         percent(live.guest(), all), percent(live.vmm(), all),
                         percent(live.idle(), all)));
    out += line(style, "exits/s", causes(live));
    const SiteTable& table = dump.site_table;
    std::string total = fmt::format("{} exits, {} sites, {} layout", grouped(model.exits()),
                                    grouped(dump.sites.size()), dump.layout);
    if (!dump.profile) total += "; the profile is off: nothing is known of sites and pages";
    if (table.evicted != 0) {
        total += fmt::format("; {} sites made way, with {} exits", grouped(table.evicted),
                             grouped(table.lost_count));
    }
    out += line(style, "total", total);
    const std::string patched = patching(live, model);
    if (!patched.empty()) out += line(style, "patch", patched);
    const std::string& trouble =
        watch.trouble.empty() && !model.remarks().empty() ? model.remarks().back() : watch.trouble;
    if (!trouble.empty()) out += style.paint("33", cut_end(trouble, style.width)) + "\n";
    if (watch.help) out += help();
    const bool screen = rows != 0;
    if (screen) {
        out += style.paint(dim, cut_end(fmt::format("by {}    q leave  s sort  b rows  p pause  "
                                                    "h help",
                                                    word_of(watch.selection.sort)),
                                        style.width)) +
               "\n";
    }
    Selection selection = watch.selection;
    if (screen) {
        // The table has a head, and a last line that says how many are not shown.
        const auto used = static_cast<std::size_t>(std::ranges::count(out, '\n')) + 2;
        const std::size_t room = rows > used ? rows - used : 1;
        selection.top = selection.top == 0 ? room : std::min(selection.top, room);
    }
    return out + hottest(model, selection, style);
}

}  // namespace trapeze::trapmap
