// SPDX-License-Identifier: Apache-2.0
// The profile under streams of exits from 1 to 1 million sites; the table holds 4096, so the
// larger streams also measure how sites make way.
#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <vector>

#include "dbt/page_table.hpp"
#include "dbt/site_table.hpp"

namespace {

using std::uint32_t;
using trapeze::dbt::PageTable;
using trapeze::dbt::SiteTable;

constexpr unsigned stream_length = 1U << 16U;

// Sites `count`, spread over kernel text, in random order.
std::vector<uint32_t> stream(std::size_t count) {
    std::mt19937 random(1);
    std::vector<uint32_t> sites(count);
    for (std::size_t i = 0; i < count; ++i) {
        sites[i] = 0xc0000000U + static_cast<uint32_t>(i) * 24;
    }
    std::vector<uint32_t> out(count < stream_length ? stream_length : count);
    for (uint32_t& ea : out) ea = sites[random() % count];
    return out;
}

void charge(SiteTable& table, uint32_t ea) {
    constexpr uint32_t mfmsr = 0x7d2000a6;
    auto* site = table.known(ea, mfmsr);
    if (site == nullptr) site = &table.enter({ea, mfmsr, ea & 0xfffffff, 0, 0}, 0, 0, false);
    SiteTable::charge(*site, 20);
}

void profile_insert(benchmark::State& state) {
    const auto eas = stream(static_cast<std::size_t>(state.range(0)));
    const auto table = std::make_unique<SiteTable>();
    table->reset();
    for (const uint32_t ea : eas) charge(*table, ea);
    std::size_t i = 0;
    for ([[maybe_unused]] auto _ : state) {
        charge(*table, eas[i]);
        i = i + 1 == eas.size() ? 0 : i + 1;
    }
    state.counters["used"] = table->used();
    state.counters["lost"] = static_cast<double>(table->lost().sites);
}
BENCHMARK(profile_insert)->RangeMultiplier(10)->Range(1, 1'000'000);

void profile_fold_and_beat(benchmark::State& state) {
    const auto eas = stream(static_cast<std::size_t>(state.range(0)));
    const auto table = std::make_unique<SiteTable>();
    table->reset();
    for (const uint32_t ea : eas) charge(*table, ea);
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(table->fold(0));
        table->beat();
    }
}
BENCHMARK(profile_fold_and_beat)->RangeMultiplier(10)->Range(1, 1000)->Arg(4096);

void page_charge(benchmark::State& state) {
    const auto eas = stream(static_cast<std::size_t>(state.range(0)));
    const auto table = std::make_unique<PageTable>();
    table->reset();
    std::size_t i = 0;
    for ([[maybe_unused]] auto _ : state) {
        table->charge(eas[i] << 7U, 2, false);
        i = i + 1 == eas.size() ? 0 : i + 1;
    }
    state.counters["evicted"] = static_cast<double>(table->evicted());
}
BENCHMARK(page_charge)->RangeMultiplier(10)->Range(1, 1'000'000);

}  // namespace
