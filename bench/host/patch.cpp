// SPDX-License-Identifier: Apache-2.0
// What it takes to patch a site: plan, emit, and find room for the stub.
#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <vector>

#include "dbt/plan.hpp"
#include "tcache/cache.hpp"

namespace {

using std::uint16_t;
using std::uint32_t;
using trapeze::dbt::RegisterMap;
using trapeze::dbt::Stub;
using trapeze::tcache::Cache;

std::array<uint16_t, 1024> registers{};
const RegisterMap map{-4096, 0, 4, {0xf00, 0xf04}, registers.data(), registers.data()};

constexpr std::array<uint32_t, 6> words{0x7c000146, 0x7d400106, 0x7d2000a6,
                                        0x7d7a03a6, 0x7d600124, 0x4c000064};

void plan(benchmark::State& state) {
    std::size_t i = 0;
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(trapeze::dbt::plan(words[i], map));
        i = (i + 1) % words.size();
    }
}
BENCHMARK(plan);

void emit(benchmark::State& state, Stub stub) {
    std::array<uint32_t, trapeze::dbt::max_stub_words> code{};
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(
            trapeze::dbt::emit_stub(stub, 10, 0xc1000000, 0xc0001000, map, code.data()));
        benchmark::DoNotOptimize(code);
    }
    state.counters["words"] = static_cast<double>(trapeze::dbt::stub_words(stub));
}
BENCHMARK_CAPTURE(emit, , Stub::clear_ee)->Name("emit_wrteei_0");
BENCHMARK_CAPTURE(emit, , Stub::set_ee)->Name("emit_wrteei_1");
BENCHMARK_CAPTURE(emit, , Stub::write_ee)->Name("emit_wrtee");
BENCHMARK_CAPTURE(emit, , Stub::write_msr)->Name("emit_mtmsr");

// Room for one stub more in a cache of 16 pages that has served `range` sites; when all are full
// an old stub makes way.
void cache_allocate(benchmark::State& state) {
    const auto cache = std::make_unique<Cache>();
    cache->reset();
    for (unsigned i = 0; i < Cache::max_pages; ++i) cache->add_page(0xc1000000 + i * 0x1000);
    uint32_t site = 0xc0000000;
    double victims = 0;
    const auto place = [&] {
        auto* entry = cache->allocate(site, 8);
        while (entry == nullptr) {
            cache->release(*cache->victim(site));
            ++victims;
            entry = cache->allocate(site, 8);
        }
        site += 4;
        if (site == 0xc0800000) site = 0xc0000000;
        return entry;
    };
    for (std::int64_t i = 0; i < state.range(0); ++i) place();
    victims = 0;
    for ([[maybe_unused]] auto _ : state) {
        auto* const entry = place();
        benchmark::DoNotOptimize(entry);
        // Room that was not full before stays as full as it was.
        if (state.range(0) < Cache::max_entries) cache->release(*entry);
    }
    state.counters["stubs"] = cache->used();
    state.counters["victims"] = benchmark::Counter(victims, benchmark::Counter::kAvgIterations);
}
BENCHMARK(cache_allocate)->RangeMultiplier(10)->Range(1, 1'000'000);

void cache_find(benchmark::State& state) {
    const auto cache = std::make_unique<Cache>();
    cache->reset();
    for (unsigned i = 0; i < Cache::max_pages; ++i) cache->add_page(0xc1000000 + i * 0x1000);
    std::vector<uint32_t> eas;
    for (uint32_t site = 0xc0000000; eas.size() < 1000; site += 4) {
        eas.push_back(cache->allocate(site, 8)->ea + 8);
    }
    std::size_t i = 0;
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(cache->find(eas[i]));
        i = (i + 1) % eas.size();
    }
}
BENCHMARK(cache_find);

}  // namespace
