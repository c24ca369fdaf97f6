// SPDX-License-Identifier: Apache-2.0
#include "trapmap/diff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace trapeze::trapmap {

namespace {

/// Seconds that the guest or the VMM ran. What a guest waits says nothing of what it does.
double busy_seconds(const Dump& dump) {
    const double ticks = static_cast<double>(dump.guest) + static_cast<double>(dump.vmm);
    return ticks / static_cast<double>(dump.ticks_per_second);
}

double per_second(std::uint64_t number, const Dump& dump) {
    const double seconds = busy_seconds(dump);
    return seconds > 0 ? static_cast<double>(number) / seconds : 0;
}

std::string key_of(const Row& row, By by) {
    if (by != By::site) return row.name;
    const Site& s = row.site->site;
    return fmt::format("{:08x} {:08x} {} {} {}", s.ea, s.word, s.pid, s.user, s.space);
}

std::string name_for(const Row& row, By by) {
    if (by != By::site) return row.name;
    return row.name.empty() ? fmt::format("0x{:08x}", row.ea)
                            : fmt::format("{}+0x{:x}", row.name, row.site->offset);
}

Change judge(const Difference& d) {
    constexpr double noticeable = 0.1;
    if (d.old_count == 0) return d.new_count == 0 ? Change::same : Change::appeared;
    if (d.new_count == 0) return Change::vanished;
    const double step = d.new_rate - d.old_rate;
    if (std::abs(step) < noticeable * d.old_rate) return Change::same;
    return step > 0 ? Change::warmed : Change::cooled;
}

}  // namespace

std::string_view name_of(Change change) {
    switch (change) {
        case Change::appeared:
            return "appeared";
        case Change::vanished:
            return "vanished";
        case Change::warmed:
            return "warmed";
        case Change::cooled:
            return "cooled";
        case Change::same:
            return "same";
    }
    return {};
}

std::vector<Difference> compare(const Model& before, const Model& after, By by, Sort sort) {
    std::map<std::string, Difference> rows;
    const auto take = [&](const Model& model, bool old) {
        for (const Row& row : group(model, by, Sort::count)) {
            Difference& d = rows[key_of(row, by)];
            d.name = name_for(row, by);
            d.site = row.site;
            d.max = std::max(d.max, row.max);
            // Two slots of the VMM's table may hold the same site when one was evicted between.
            (old ? d.old_count : d.new_count) += row.count;
            (old ? d.old_ticks : d.new_ticks) += row.ticks;
            (old ? d.old_patched : d.new_patched) += row.patched;
            (old ? d.old_saved : d.new_saved) += row.saved;
            if (by == By::site) (old ? d.old_state : d.new_state) = row.site->site.state;
        }
    };
    take(before, true);
    take(after, false);
    std::vector<Difference> out;
    for (auto& [key, d] : rows) {
        d.old_rate = per_second(d.old_count, before.dump());
        d.new_rate = per_second(d.new_count, after.dump());
        d.change = judge(d);
        out.push_back(std::move(d));
    }
    const auto measure = [&](const Difference& d) {
        switch (sort) {
            case Sort::count:
                return static_cast<double>(std::max(d.old_count, d.new_count));
            case Sort::ticks:
                return std::abs(per_second(d.new_ticks, after.dump()) -
                                per_second(d.old_ticks, before.dump()));
            case Sort::max:
                return static_cast<double>(d.max);
            case Sort::saved:
                return std::abs(static_cast<double>(d.new_saved) -
                                static_cast<double>(d.old_saved));
            case Sort::rate:
                break;
        }
        return std::abs(d.new_rate - d.old_rate);
    };
    std::ranges::stable_sort(out, std::ranges::greater{}, measure);
    return out;
}

}  // namespace trapeze::trapmap
