// SPDX-License-Identifier: Apache-2.0
#include "trapmap/stream.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "trapmap/fields.hpp"

namespace trapeze::trapmap {

namespace {

/// Some hundred times the largest dump of the VMM's tables.
constexpr std::size_t block_limit = std::size_t{64} << 20U;

std::uint64_t step(std::uint64_t before, std::uint64_t now) {
    return now > before ? now - before : 0;
}

using PageKey = std::tuple<std::uint32_t, bool, std::string>;
PageKey key_of(const Page& page) { return {page.ea, page.user, page.cause}; }

/// `into` with the entries of `from`, which win where keys are equal.
template <typename T, typename KeyOf>
void overlay(std::vector<T>& into, std::vector<T> from, KeyOf key_of) {
    std::map<decltype(key_of(into.front())), std::size_t> index;
    for (std::size_t i = 0; i < into.size(); ++i) {
        index[key_of(into[i])] = i;
    }
    for (T& entry : from) {
        const auto [at, fresh] = index.try_emplace(key_of(entry), into.size());
        if (fresh) {
            into.push_back(std::move(entry));
        } else {
            into[at->second] = std::move(entry);
        }
    }
}

bool same_site(const Site& a, const Site& b) {
    return a.ea == b.ea && a.word == b.word && a.pid == b.pid && a.user == b.user &&
           a.space == b.space;
}

}  // namespace

void DumpStream::feed(std::string_view bytes) {
    if (waiting_.size() + block_.size() + bytes.size() > block_limit) {
        throw Error(
            fmt::format("standard input: a dump is larger than {} MiB: this is no stream "
                        "of dumps",
                        block_limit >> 20U));
    }
    waiting_ += bytes;
}

std::optional<Dump> DumpStream::next() {
    std::size_t at = 0;
    while (waiting_.find('\n', at) != std::string::npos) {
        const std::size_t start = at;
        const std::string_view line = next_line(waiting_, at);
        if (line.starts_with(begin_mark)) {
            block_.clear();
            inside_ = true;
        }
        if (!inside_ && line.starts_with(refused_mark)) {
            refusal_ = line.substr(refused_mark.size());
        }
        if (!inside_) continue;
        block_.append(waiting_, start, at - start);
        if (!line.starts_with(end_mark)) continue;
        inside_ = false;
        const std::string text = std::exchange(block_, {});
        waiting_.erase(0, at);
        Block block;
        block.text = text;
        block.line = 1;
        block.complete = true;
        return parse_block(block, "standard input");
    }
    waiting_.erase(0, at);
    return std::nullopt;
}

void Live::take(Dump dump) {
    const Dump before = dump_;
    if (dump.kind == Kind::live && blocks_ != 0) {
        merge(std::move(dump));
    } else {
        dump_ = std::move(dump);
    }
    measure(before);
    ++blocks_;
}

/// A slot of the VMM's table that took in another site comes with the new one.
void Live::merge(Dump live) {
    std::vector<Site> sites = std::move(dump_.sites);
    std::vector<Page> pages = std::move(dump_.pages);
    std::vector<Symbol> symbols = std::move(dump_.symbols);
    Spans spans = std::move(dump_.spans);
    overlay(sites, std::move(live.sites), [](const Site& site) { return site.id; });
    overlay(pages, std::move(live.pages), key_of);
    overlay(symbols, std::move(live.symbols), [](const Symbol& symbol) { return symbol.start; });
    std::ranges::stable_sort(symbols, {}, &Symbol::start);
    dump_ = std::move(live);
    dump_.sites = std::move(sites);
    dump_.pages = std::move(pages);
    dump_.symbols = std::move(symbols);
    dump_.spans = std::move(spans);
}

void Live::measure(const Dump& before) {
    total_ = step(before.total, dump_.total);
    guest_ = step(before.guest, dump_.guest);
    vmm_ = step(before.vmm, dump_.vmm);
    idle_ = step(before.idle, dump_.idle);
    const bool first = blocks_ == 0;
    const double seconds = static_cast<double>(step(first ? 0 : before.now, dump_.now)) /
                           static_cast<double>(dump_.ticks_per_second);
    const auto per_second = [&](std::uint64_t number) {
        return seconds > 0 ? static_cast<double>(number) / seconds : 0;
    };
    std::map<std::string, std::uint64_t> counts;
    for (const Cause& cause : before.causes) {
        counts[cause.name] = cause.count;
    }
    saved_rate_ = per_second(step(before.patching.saved, dump_.patching.saved));
    fault_rate_ = per_second(step(before.patching.faults, dump_.patching.faults));
    rates_.clear();
    for (const Cause& cause : dump_.causes) {
        rates_.push_back({cause.name, per_second(step(counts[cause.name], cause.count))});
    }
    std::ranges::stable_sort(rates_, std::ranges::greater{}, &CauseRate::per_second);
    if (first) return;
    std::map<std::uint64_t, const Site*> slots;
    for (const Site& site : before.sites) {
        slots[site.id] = &site;
    }
    for (Site& site : dump_.sites) {
        const auto slot = slots.find(site.id);
        const bool known = slot != slots.end() && same_site(*slot->second, site);
        site.rate = static_cast<std::uint64_t>(
            per_second(step(known ? slot->second->count : 0, site.count)));
    }
}

}  // namespace trapeze::trapmap
