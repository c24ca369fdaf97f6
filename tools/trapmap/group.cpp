// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <tuple>

#include "trapmap/model.hpp"

namespace trapeze::trapmap {

namespace {

/// Sites come hottest first, so the first one that a row gets is its hottest.
void add(Row& row, const NamedSite& named) {
    const Site& site = named.site;
    if (row.site == nullptr) row.site = &named;
    ++row.sites;
    row.count += site.count;
    row.ticks += site.ticks;
    row.max = std::max(row.max, site.max);
    row.rate += site.rate;
    row.patched += site.state == State::patched ? 1U : 0U;
    row.saved += site.saved;
}

template <typename NameOf>
std::vector<Row> by_name(const Model& model, NameOf&& name_of) {
    std::map<std::string, Row> rows;
    for (const NamedSite& site : model.sites()) {
        Row& row = rows[name_of(site)];
        if (row.site == nullptr) row.ea = site.site.ea;
        add(row, site);
    }
    std::vector<Row> out;
    for (auto& [name, row] : rows) {
        row.name = name;
        out.push_back(std::move(row));
    }
    return out;
}

std::vector<Row> by_site(const Model& model) {
    std::vector<Row> out;
    for (const NamedSite& site : model.sites()) {
        Row& row = out.emplace_back();
        row.name = site.function;
        row.ea = site.site.ea;
        add(row, site);
    }
    return out;
}

std::vector<Row> by_page(const Model& model) {
    std::map<std::tuple<std::uint32_t, bool>, Row> rows;
    std::map<std::tuple<std::uint32_t, bool>, std::map<std::string, std::uint64_t>> causes;
    for (const NamedSite& site : model.sites()) {
        const auto key = std::tuple(page_of(site.site.ea), site.site.user);
        add(rows[key], site);
        causes[key]["privileged"] += site.site.count;
    }
    for (const Page& page : model.dump().pages) {
        const auto key = std::tuple(page_of(page.ea), page.user);
        rows[key].count += page.count;
        causes[key][page.cause] += page.count;
    }
    std::vector<Row> out;
    for (auto& [key, row] : rows) {
        std::tie(row.ea, row.user) = key;
        row.causes.assign(causes[key].begin(), causes[key].end());
        std::ranges::stable_sort(row.causes, std::ranges::greater{},
                                 &std::pair<std::string, std::uint64_t>::second);
        out.push_back(std::move(row));
    }
    return out;
}

std::uint64_t measure(const Row& row, Sort sort) {
    switch (sort) {
        case Sort::count:
            return row.count;
        case Sort::ticks:
            return row.ticks;
        case Sort::rate:
            return row.rate;
        case Sort::max:
            return row.max;
        case Sort::saved:
            return row.saved;
    }
    return 0;
}

std::vector<Row> rows_of(const Model& model, By by) {
    switch (by) {
        case By::site:
            return by_site(model);
        case By::function:
            return by_name(model, [](const NamedSite& site) {
                return site.function.empty() ? std::string(unknown_function) : site.function;
            });
        case By::instruction:
            return by_name(model, [](const NamedSite& site) { return site.instruction; });
        case By::page:
            return by_page(model);
    }
    return {};
}

}  // namespace

std::vector<Row> group(const Model& model, By by, Sort sort) {
    std::vector<Row> rows = rows_of(model, by);
    std::ranges::stable_sort(rows, [sort](const Row& a, const Row& b) {
        return std::tuple(measure(b, sort), b.count, a.ea) <
               std::tuple(measure(a, sort), a.count, b.ea);
    });
    return rows;
}

}  // namespace trapeze::trapmap
