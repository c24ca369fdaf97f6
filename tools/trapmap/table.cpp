// SPDX-License-Identifier: Apache-2.0
#include "trapmap/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace trapeze::trapmap {

namespace {

constexpr std::string_view ellipsis = "…";

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

/// Bytes of the first `columns` characters.
std::size_t bytes_of(std::string_view text, std::size_t columns) {
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
        if (!continues(text[at]) && columns-- == 0) break;
    }
    return at;
}

std::string shortened(const Column& column, std::string_view text, std::size_t width) {
    switch (column.cut) {
        case Cut::start:
            return cut_start(text, width);
        case Cut::end:
            return cut_end(text, width);
        case Cut::never:
            break;
    }
    return std::string(text);
}

std::size_t line_width(const std::vector<std::size_t>& widths) {
    const auto shown = static_cast<std::size_t>(
        std::ranges::count_if(widths, [](std::size_t width) { return width != 0; }));
    return std::accumulate(widths.begin(), widths.end(), std::max<std::size_t>(shown, 1) - 1);
}

}  // namespace

std::string Style::paint(std::string_view sgr, std::string_view text) const {
    if (!colour || sgr.empty() || text.empty()) return std::string(text);
    return fmt::format("\x1b[{}m{}\x1b[0m", sgr, text);
}

std::string_view heat_colour(double part) {
    constexpr double hot = 0.5;
    constexpr double warm = 0.2;
    constexpr double mild = 0.05;
    if (part >= hot) return "1;31";
    if (part >= warm) return "33";
    if (part >= mild) return "32";
    return "36";
}

std::string bar(double part, std::size_t cells) {
    constexpr std::array<std::string_view, 8> eighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    const double filled = std::clamp(part, 0.0, 1.0) * static_cast<double>(cells * eighths.size());
    auto parts = static_cast<std::size_t>(std::lround(filled));
    // What is there at all is seen.
    if (parts == 0 && part > 0) parts = 1;
    std::string out;
    for (std::size_t i = 0; i < parts / eighths.size(); ++i) {
        out += "█";
    }
    out += eighths[parts % eighths.size()];
    return out + std::string(cells - columns_of(out), ' ');
}

std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return !continues(c); }));
}

std::string cut_end(std::string_view text, std::size_t columns) {
    if (columns_of(text) <= columns) return std::string(text);
    if (columns == 0) return {};
    return fmt::format("{}{}", text.substr(0, bytes_of(text, columns - 1)), ellipsis);
}

std::string cut_start(std::string_view text, std::size_t columns) {
    const std::size_t have = columns_of(text);
    if (have <= columns) return std::string(text);
    if (columns == 0) return {};
    return fmt::format("{}{}", ellipsis, text.substr(bytes_of(text, have - columns + 1)));
}

/// 0 is a column that is not shown.
std::vector<std::size_t> TextTable::widths(std::size_t width) const {
    std::vector<std::size_t> widths(columns_.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        // A column with nothing in it is not worth its head.
        for (const std::vector<Cell>& row : rows_) {
            widths[i] = std::max(widths[i], columns_of(row[i].text));
        }
        if (widths[i] != 0) widths[i] = std::max(widths[i], columns_of(columns_[i].head));
    }
    // First see what goes: as if all were as short as they may be.
    std::vector<std::size_t> shortest = widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        if (columns_[i].cut != Cut::never) shortest[i] = std::min(columns_[i].least, widths[i]);
    }
    while (line_width(shortest) > width) {
        const auto cost = [&](std::size_t i) { return shortest[i] == 0 ? 0 : columns_[i].drop; };
        std::size_t victim = 0;
        for (std::size_t i = 1; i < columns_.size(); ++i) {
            if (cost(i) > cost(victim)) victim = i;
        }
        if (cost(victim) == 0) break;
        shortest[victim] = widths[victim] = 0;
    }
    for (std::size_t i = columns_.size(); i-- > 0;) {
        const std::size_t total = line_width(widths);
        if (total <= width) break;
        widths[i] = std::max(shortest[i], widths[i] - std::min(widths[i], total - width));
    }
    return widths;
}

std::string TextTable::text(const Style& style) const {
    const std::vector<std::size_t> widths = this->widths(style.width);
    std::string out;
    const auto put = [&](auto&& cell_of) {
        std::string line;
        std::size_t pad = 0;  // blanks owed: none stand at the end of a line
        std::size_t room = style.width;
        bool first = true;
        for (std::size_t i = 0; i < columns_.size() && room > 0; ++i) {
            if (widths[i] == 0) continue;
            const Cell cell = cell_of(i);
            const std::size_t width = std::min(widths[i], room);
            std::string text = shortened(columns_[i], cell.text, width);
            if (columns_of(text) > width) text = cut_end(text, width);
            while (text.ends_with(' ')) {
                text.pop_back();
            }
            const std::size_t blanks = widths[i] - std::min(widths[i], columns_of(text));
            if (!first) ++pad;
            if (columns_[i].right) pad += blanks;
            if (!text.empty()) {
                line += std::string(pad, ' ') + style.paint(cell.sgr, text);
                pad = 0;
            }
            if (!columns_[i].right) pad += blanks;
            room -= std::min(room, widths[i] + 1);
            first = false;
        }
        out += line + "\n";
    };
    put([&](std::size_t i) { return Cell{columns_[i].head, bold}; });
    for (const std::vector<Cell>& row : rows_) {
        put([&](std::size_t i) { return row[i]; });
    }
    return out;
}

double ratio(std::uint64_t part, std::uint64_t whole) {
    return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
    constexpr double hundred = 100;
    return fmt::format("{:.1f}", hundred * ratio(part, whole));
}

std::string grouped(std::uint64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) {
        at -= 3;
        text.insert(at, ",");
    }
    return text;
}

std::string brief(double value) {
    constexpr double kilo = 1000;
    constexpr std::array<std::string_view, 6> units = {"", "k", "M", "G", "T", "P"};
    std::size_t unit = 0;
    // Four figures are still short.
    for (double most = 10 * kilo; value >= most && unit + 1 < units.size(); ++unit) {
        value /= kilo;
        most = kilo;
    }
    if (value >= 100) return fmt::format("{:.0f}{}", value, units[unit]);
    return fmt::format("{:.{}f}{}", value, value >= 10 ? 1 : 2, units[unit]);
}

}  // namespace trapeze::trapmap
