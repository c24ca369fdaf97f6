// SPDX-License-Identifier: Apache-2.0
#include "trapmap/view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

namespace trapeze::trapmap {

namespace {

constexpr std::size_t bar_cells = 8;

std::string why(const Dump& dump) {
    switch (dump.kind) {
        case Kind::end:
            return "at the guest's end";
        case Kind::request:
            return "on request";
        case Kind::periodic:
            return "periodic";
        case Kind::live:
            return "live";
    }
    return {};
}

std::string seconds(const Dump& dump, std::uint64_t ticks) {
    const double value = ratio(ticks, dump.ticks_per_second);
    return fmt::format("{:.{}f} s", value, value < 1 ? 3 : 2);
}

std::string part(const Dump& dump, std::string_view name, std::uint64_t ticks) {
    return fmt::format("{} {} ({}%)", name, seconds(dump, ticks), percent(ticks, dump.total));
}

std::string memory(std::uint64_t bytes) {
    constexpr unsigned mib = 20;
    return fmt::format("{} MiB", bytes >> mib);
}

/// The causes that make up the exits, as many as fit.
std::string causes(const Model& model, std::size_t width) {
    std::vector<Cause> sorted = model.dump().causes;
    std::ranges::stable_sort(sorted, std::ranges::greater{}, &Cause::count);
    std::string out;
    for (const Cause& cause : sorted) {
        if (cause.count == 0) break;
        const std::string next = fmt::format("{}{} {} %", out.empty() ? "" : ", ", cause.name,
                                             percent(cause.count, model.exits()));
        if (columns_of(out) + columns_of(next) > width) break;
        out += next;
    }
    return out;
}

std::string page_counts(const Row& row) {
    std::string out;
    for (const auto& [name, count] : row.causes) {
        out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name, count);
    }
    return out;
}

std::string mode_of(const NamedSite& named) {
    const Site& site = named.site;
    const std::string pid = site.pid == 0 ? "" : fmt::format(" pid {}", site.pid);
    return fmt::format("{:08x}{}{}{}", site.ea, site.user ? " user" : "", site.space ? " AS1" : "",
                       pid);
}

std::string where(const NamedSite& site) {
    if (site.function.empty()) return fmt::format("0x{:08x}", site.site.ea);
    return fmt::format("{}+0x{:x}", site.function, site.offset);
}

/// What the rows are shares of.
struct Whole {
    std::uint64_t count = 0;
    std::uint64_t ticks = 0;
};

Whole whole_of(const Model& model, By by) {
    return {by == By::page ? model.exits() : model.site_exits(), model.site_ticks()};
}

std::vector<Column> columns_of(By by, Sort sort) {
    std::vector<Column> columns = {
        {.head = "heat"},
        {.head = "share%", .right = true},
        {.head = "cum%", .right = true, .drop = 4},
        {.head = "count", .right = true},
        {.head = "ticks%", .right = true, .drop = 3},
        {.head = "mean us", .right = true, .drop = 2},
        {.head = "max us", .right = true, .drop = 6},
        {.head = "rate/s", .right = true, .drop = 7},
        {.head = "saved", .right = true, .drop = 1},
        {.head = by == By::site ? "state" : "patched", .right = by != By::site, .drop = 3}};
    // What the rows are sorted by stays in sight.
    constexpr std::size_t ticks = 4, max = 6, rate = 7, saved = 8;
    if (sort == Sort::saved) columns[saved].drop = 0;
    if (sort == Sort::ticks) columns[ticks].drop = 0;
    if (sort == Sort::max) columns[max].drop = 0;
    if (sort == Sort::rate) columns[rate].drop = 0;
    constexpr std::size_t short_name = 18;
    constexpr std::size_t short_text = 12;
    constexpr std::size_t short_list = 30;
    constexpr std::size_t short_path = 17;
    const Column name{.head = "function", .cut = Cut::end, .least = short_name};
    switch (by) {
        case By::site:
            columns.push_back({.head = "address", .drop = 9});
            columns.push_back(name);
            columns.push_back({.head = "instruction", .cut = Cut::end, .least = short_text});
            columns.push_back(
                {.head = "source", .cut = Cut::start, .least = short_path, .drop = 1});
            break;
        case By::function:
        case By::instruction:
            columns.push_back({.head = "sites", .right = true, .drop = 2});
            columns.push_back(name);
            columns.back().head = by == By::function ? "function" : "instruction";
            columns.push_back(
                {.head = "hottest site", .cut = Cut::end, .least = short_name, .drop = 5});
            break;
        case By::page:
            columns.push_back({.head = "page"});
            columns.push_back({.head = "mode"});
            columns.push_back({.head = "sites", .right = true, .drop = 2});
            columns.push_back({.head = "exits by cause", .cut = Cut::end, .least = short_list});
            columns.push_back(
                {.head = "hottest site", .cut = Cut::end, .least = short_name, .drop = 5});
            break;
    }
    return columns;
}

std::string hottest_of(const Row& row, By by) {
    if (row.site == nullptr) return {};
    const NamedSite& site = *row.site;
    const bool named = by == By::function && !site.function.empty();
    return fmt::format("{}  {}", named ? fmt::format("+0x{:x}", site.offset) : where(site),
                       site.disassembly);
}

/// The columns behind the numbers.
std::vector<Cell> description(const Model& model, const Row& row, By by) {
    if (by == By::page) {
        return {{fmt::format("{:08x}", row.ea)},
                {row.user ? "user" : "kernel"},
                {row.sites == 0 ? "" : std::to_string(row.sites)},
                {page_counts(row)},
                {hottest_of(row, by), dim}};
    }
    if (by != By::site || row.site == nullptr) {
        return {{std::to_string(row.sites)}, {row.name}, {hottest_of(row, by), dim}};
    }
    return {{mode_of(*row.site), dim},
            {where(*row.site)},
            {row.site->disassembly},
            {model.source(*row.site), dim}};
}

double heat_of(const Row& row, Sort sort, const std::vector<Row>& rows) {
    const auto part = [&](auto measure) {
        std::uint64_t most = 0;
        for (const Row& other : rows) {
            most = std::max(most, other.*measure);
        }
        return ratio(row.*measure, most);
    };
    switch (sort) {
        case Sort::count:
            return part(&Row::count);
        case Sort::ticks:
            return part(&Row::ticks);
        case Sort::rate:
            return part(&Row::rate);
        case Sort::max:
            return part(&Row::max);
        case Sort::saved:
            return part(&Row::saved);
    }
    return 0;
}

/// The columns about patching; empty, and so not shown, where nothing patches.
std::vector<Cell> patch_cells(const Model& model, const Row& row, By by) {
    if (!model.dump().patching.on()) return {{""}, {""}};
    const std::string saved = row.saved == 0 ? "" : brief(static_cast<double>(row.saved));
    if (by != By::site) return {{saved}, {row.patched == 0 ? "" : std::to_string(row.patched)}};
    const State state = row.site->site.state;
    const std::string_view colour = state == State::patched ? "32" : dim;
    return {{saved}, {state_text(model, row.site->site), colour}};
}

std::string_view noun(By by) {
    switch (by) {
        case By::site:
            return "sites";
        case By::function:
            return "functions";
        case By::instruction:
            return "instructions";
        case By::page:
            return "pages";
    }
    return {};
}

std::string rest(const std::vector<Row>& rows, std::size_t shown, const Whole& whole, By by) {
    std::uint64_t count = 0;
    for (std::size_t i = shown; i < rows.size(); ++i) {
        count += rows[i].count;
    }
    return fmt::format("... {} more {} with {} % of the exits; --top 0 shows all\n",
                       grouped(rows.size() - shown), noun(by), percent(count, whole.count));
}

}  // namespace

double microseconds(const Dump& dump, double ticks) {
    constexpr double million = 1e6;
    return ticks * million / static_cast<double>(dump.ticks_per_second);
}

std::string state_text(const Model& model, const Site& site) {
    if (!model.dump().patching.on() || site.state == State::unknown) return {};
    const std::string_view state = name_of(site.state);
    const bool plain =
        site.state == State::patched || site.state == State::cold || site.reason == "-";
    return plain ? std::string(state) : fmt::format("{}: {}", state, site.reason);
}

std::string patching_line(const Model& model) {
    const Dump& dump = model.dump();
    const Patching& p = dump.patching;
    if (!p.known()) return {};
    if (!p.on()) return "off: no site is patched";
    const Cause* const privileged = model.cause("privileged");
    const std::uint64_t taken = privileged == nullptr ? 0 : privileged->count;
    const double net = static_cast<double>(p.net) / static_cast<double>(dump.ticks_per_second);
    constexpr double thousand = 1000;
    return fmt::format(
        "{} sites patched, {} exits saved ({} %), {} tracing faults, net {:.1f} ms{}",
        grouped(p.patched), grouped(p.saved), percent(p.saved, p.saved + taken), grouped(p.faults),
        net * thousand, text_writes(model));
}

std::string text_writes(const Model& model) {
    const Cause* const writes = model.cause("text_write");
    if (writes == nullptr || writes->count == 0) return {};
    return fmt::format(", {} text writes", grouped(writes->count));
}

namespace {

/// How it patches; the sites that are not patched, by state and reason; and what it takes.
std::string patching_details(const Model& model) {
    const Patching& p = model.dump().patching;
    std::string out =
        fmt::format("{} from {} exits, {}", p.mode, grouped(p.threshold), model.dump().layout);
    for (const State state : {State::cold, State::hot, State::dropped, State::back}) {
        const std::size_t number = model.sites_in(state);
        if (number == 0) continue;
        out += fmt::format(", {} {}", grouped(number), name_of(state));
        if (state == State::cold) continue;
        std::string list;
        for (const auto& [reason, count] : model.reasons(state)) {
            if (reason == "-") continue;
            list += fmt::format("{}{} {}", list.empty() ? "" : ", ", count, reason);
        }
        if (!list.empty()) out += fmt::format(" ({})", list);
    }
    return out +
           fmt::format("; {} pages stolen, {} mirrored", grouped(p.stolen), grouped(p.mirrored));
}

}  // namespace

std::string header(const Model& model, const Style& style) {
    const Dump& dump = model.dump();
    const auto busy = static_cast<double>(dump.guest) + static_cast<double>(dump.vmm);
    const auto exits = static_cast<double>(model.exits());
    const double rate = busy > 0 ? exits * static_cast<double>(dump.ticks_per_second) / busy : 0;
    std::vector<std::pair<std::string, std::string>> lines;
    lines.emplace_back("guest", fmt::format("{}, {} layout; dump {}, {}", memory(dump.ram_bytes),
                                            dump.layout, dump.sequence, why(dump)));
    lines.emplace_back(
        "time",
        fmt::format("{}: {}, {}, {}", seconds(dump, dump.total), part(dump, "guest", dump.guest),
                    part(dump, "VMM", dump.vmm), part(dump, "idle", dump.idle)));
    std::string exit_text =
        fmt::format("{}, {} a second of busy time: ", grouped(model.exits()), brief(rate));
    constexpr std::size_t margin = 7;
    const std::size_t used = std::min(style.width, margin + columns_of(exit_text));
    exit_text += causes(model, style.width - used);
    lines.emplace_back("exits", exit_text);
    const SiteTable& t = dump.site_table;
    if (!dump.profile) {
        lines.emplace_back("sites", "the profile is off: nothing is known of sites and pages");
    } else {
        std::string text =
            fmt::format("{} in a table of {}", grouped(dump.sites.size()), grouped(t.capacity));
        if (t.evicted != 0) {
            text += fmt::format("; {} made way, with {} exits ({} %)", grouped(t.evicted),
                                grouped(t.lost_count), percent(t.lost_count, model.site_exits()));
        }
        lines.emplace_back("sites", text);
    }
    if (dump.page_table.evicted != 0) {
        std::uint64_t lost = 0;
        for (const Cause& cause : dump.causes) {
            lost += cause.lost;
        }
        lines.emplace_back(
            "pages", fmt::format("{} in a table of {}; {} entries made way, with {} exits",
                                 grouped(dump.pages.size()), grouped(dump.page_table.capacity),
                                 grouped(dump.page_table.evicted), grouped(lost)));
    }
    if (dump.patching.known()) lines.emplace_back("patch", patching_line(model));
    if (dump.patching.on()) lines.emplace_back("", patching_details(model));
    std::string out;
    for (const auto& [name, text] : lines) {
        out += style.paint(bold, name) + std::string(margin - name.size(), ' ') +
               cut_end(text, style.width - std::min(style.width, margin)) + "\n";
    }
    return out;
}

std::string hottest(const Model& model, const Selection& selection, const Style& style) {
    const std::vector<Row> rows = group(model, selection.by, selection.sort);
    if (rows.empty()) {
        return model.dump().profile ? fmt::format("no {} in this dump\n", noun(selection.by)) : "";
    }
    const std::size_t shown =
        selection.top == 0 ? rows.size() : std::min(selection.top, rows.size());
    const Whole whole = whole_of(model, selection.by);
    TextTable table(columns_of(selection.by, selection.sort));
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < shown; ++i) {
        const Row& row = rows[i];
        sum += row.count;
        const double heat = heat_of(row, selection.sort, rows);
        const std::string_view colour = heat_colour(heat);
        const auto ticks = static_cast<double>(row.ticks);
        std::uint64_t timed = 0;  // pages count exits too of which no time is known
        if (selection.by != By::page) timed = row.count;
        std::vector<Cell> cells = {
            {bar(heat, bar_cells), colour},
            {percent(row.count, whole.count), colour},
            {percent(sum, whole.count)},
            {std::to_string(row.count)},
            {row.sites == 0 ? "" : percent(row.ticks, whole.ticks)},
            {timed == 0 ? ""
                        : brief(microseconds(model.dump(), ticks / static_cast<double>(timed)))},
            {row.sites == 0 ? "" : brief(microseconds(model.dump(), static_cast<double>(row.max)))},
            {row.sites == 0 ? "" : brief(static_cast<double>(row.rate))},
        };
        std::ranges::move(patch_cells(model, row, selection.by), std::back_inserter(cells));
        std::ranges::move(description(model, row, selection.by), std::back_inserter(cells));
        table.add(std::move(cells));
    }
    std::string out = table.text(style);
    if (shown < rows.size()) out += rest(rows, shown, whole, selection.by);
    return out;
}

}  // namespace trapeze::trapmap
