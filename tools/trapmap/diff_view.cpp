// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "trapmap/diff.hpp"
#include "trapmap/text_formats.hpp"

namespace trapeze::trapmap {

namespace {

constexpr std::size_t bar_cells = 8;

std::string_view colour_of(Change change) {
    switch (change) {
        case Change::appeared:
            return "1;31";
        case Change::warmed:
            return "33";
        case Change::cooled:
            return "36";
        case Change::vanished:
            return "1;34";
        case Change::same:
            return dim;
    }
    return {};
}

std::string with_sign(double change) {
    return fmt::format("{}{}", change < 0 ? "-" : "+", brief(std::abs(change)));
}

std::string line_of(const Model& model, std::string_view name) {
    const Dump& dump = model.dump();
    const double busy = static_cast<double>(dump.guest) + static_cast<double>(dump.vmm);
    return fmt::format("{:<5}  dump {}, {}: {} exits at {} sites in {:.2f} s of guest and VMM\n",
                       name, dump.sequence, dump.layout, grouped(model.site_exits()),
                       grouped(model.sites().size()),
                       busy / static_cast<double>(dump.ticks_per_second));
}

std::string tally(const std::vector<Difference>& all) {
    std::array<std::size_t, 5> number{};
    for (const Difference& d : all) {
        ++number[static_cast<std::size_t>(d.change)];
    }
    return fmt::format("       {} appeared, {} vanished, {} warmed, {} cooled, {} the same\n",
                       number[0], number[1], number[2], number[3], number[4]);
}

/// Sites that got a patch between the dumps, and those that lost theirs. Empty where neither dump
/// patches.
std::string patch_tally(const Model& before, const Model& after) {
    const bool old_on = before.dump().patching.on();
    const bool new_on = after.dump().patching.on();
    if (!old_on && !new_on) return {};
    std::size_t got = 0;
    std::size_t lost = 0;
    for (const Difference& d : compare(before, after, By::site, Sort::saved)) {
        if (d.new_patched > d.old_patched) ++got;
        if (d.new_patched < d.old_patched) ++lost;
    }
    const auto saved = [](const Model& model) { return grouped(model.dump().patching.saved); };
    return fmt::format(
        "       {} got patched, {} are patched no more; exits saved: {} old, {} new\n", got, lost,
        saved(before), saved(after));
}

/// "cold > patched", or the one state that did not change. Of a group, how many are patched.
std::string state_step(const Difference& d, By by) {
    if (by != By::site) {
        if (d.old_patched == 0 && d.new_patched == 0) return {};
        return fmt::format("{} > {}", d.old_patched, d.new_patched);
    }
    const auto text = [](State state) {
        return state == State::unknown ? std::string_view("-") : name_of(state);
    };
    if (d.old_state == d.new_state) {
        return d.new_state == State::unknown ? std::string() : std::string(text(d.new_state));
    }
    return fmt::format("{} > {}", text(d.old_state), text(d.new_state));
}

std::string state_word(State state) {
    return state == State::unknown ? std::string() : std::string(name_of(state));
}

std::string saved_step(const Difference& d) {
    const double step = static_cast<double>(d.new_saved) - static_cast<double>(d.old_saved);
    return d.old_saved == 0 && d.new_saved == 0 ? std::string() : with_sign(step);
}

std::size_t shown_of(const std::vector<Difference>& all, const Selection& selection) {
    return selection.top == 0 ? all.size() : std::min(selection.top, all.size());
}

}  // namespace

std::string differences(const Model& before, const Model& after, const Selection& selection,
                        const Style& style) {
    const std::vector<Difference> all = compare(before, after, selection.by, selection.sort);
    constexpr std::size_t short_name = 18;
    constexpr std::size_t short_text = 12;
    TextTable table({{.head = "change"},
                     {.head = "size", .drop = 4},
                     {.head = "old/s", .right = true},
                     {.head = "new/s", .right = true},
                     {.head = "by", .right = true},
                     {.head = "old count", .right = true, .drop = 3},
                     {.head = "new count", .right = true, .drop = 2},
                     {.head = "saved", .right = true, .drop = 1},
                     {.head = selection.by == By::site ? "state" : "patched", .drop = 1},
                     {.head = "function", .cut = Cut::end, .least = short_name},
                     {.head = "instruction", .cut = Cut::end, .least = short_text, .drop = 5},
                     {.head = "source", .cut = Cut::start, .least = short_text, .drop = 6}});
    double most = 0;
    for (const Difference& d : all) {
        most = std::max(most, std::abs(d.new_rate - d.old_rate));
    }
    const std::size_t shown = shown_of(all, selection);
    const bool site = selection.by == By::site;
    const std::string patched = patch_tally(before, after);
    for (std::size_t i = 0; i < shown; ++i) {
        const Difference& d = all[i];
        const double step = d.new_rate - d.old_rate;
        const std::string_view colour = colour_of(d.change);
        const Model& model = d.change == Change::vanished ? before : after;
        table.add({{std::string(name_of(d.change)), colour},
                   {bar(most > 0 ? std::abs(step) / most : 0, bar_cells), colour},
                   {brief(d.old_rate)},
                   {brief(d.new_rate)},
                   {with_sign(step)},
                   {std::to_string(d.old_count)},
                   {std::to_string(d.new_count)},
                   {patched.empty() ? "" : saved_step(d)},
                   {patched.empty() ? "" : state_step(d, selection.by)},
                   {d.name},
                   {site ? d.site->disassembly : ""},
                   {site ? model.source(*d.site) : "", dim}});
    }
    std::string out = line_of(before, "old") + line_of(after, "new") + tally(all) + patched + "\n";
    if (all.empty()) return out + "neither dump has a site\n";
    out += table.text(style);
    if (shown < all.size()) {
        out += fmt::format("... {} more; --top 0 shows all\n", grouped(all.size() - shown));
    }
    return out;
}

std::string differences_csv(const Model& before, const Model& after, const Selection& selection) {
    const std::vector<Difference> all = compare(before, after, selection.by, selection.sort);
    const bool site = selection.by == By::site;
    std::string out =
        csv_line({"change", "name", "ea", "instruction", "old_count", "new_count", "old_ticks",
                  "new_ticks", "old_per_second", "new_per_second", "old_state", "new_state",
                  "old_patched", "new_patched", "old_saved", "new_saved"});
    for (std::size_t i = 0; i < shown_of(all, selection); ++i) {
        const Difference& d = all[i];
        out += csv_line(
            {std::string(name_of(d.change)), d.name,
             site ? fmt::format("0x{:08x}", d.site->site.ea) : "", site ? d.site->instruction : "",
             std::to_string(d.old_count), std::to_string(d.new_count), std::to_string(d.old_ticks),
             std::to_string(d.new_ticks), fmt::format("{:.3f}", d.old_rate),
             fmt::format("{:.3f}", d.new_rate), state_word(d.old_state), state_word(d.new_state),
             std::to_string(d.old_patched), std::to_string(d.new_patched),
             std::to_string(d.old_saved), std::to_string(d.new_saved)});
    }
    return out;
}

}  // namespace trapeze::trapmap
