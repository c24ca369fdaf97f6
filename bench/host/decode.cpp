// SPDX-License-Identifier: Apache-2.0
#include "dbt/decode.hpp"

#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "dbt/disasm.hpp"

namespace {

using std::uint32_t;

// Words that trap in Linux, as often as its text holds them.
const std::vector<uint32_t>& trapping() {
    static const std::vector<uint32_t> words = [] {
        std::vector<uint32_t> out;
        const auto add = [&](uint32_t word, unsigned times) { out.insert(out.end(), times, word); };
        add(0x7c000146, 20);  // wrteei 0
        add(0x7d400106, 13);  // wrtee r10
        add(0x7d2000a6, 11);  // mfmsr r9
        add(0x7d7a03a6, 2);   // mtsrr0 r11
        add(0x7d600124, 1);   // mtmsr r11
        add(0x4c000064, 1);   // rfi
        add(0x7c0007a4, 1);   // tlbwe
        return out;
    }();
    return words;
}

void decode_trapping(benchmark::State& state) {
    std::size_t i = 0;
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(trapeze::dbt::decode(trapping()[i]));
        i = i + 1 == trapping().size() ? 0 : i + 1;
    }
}
BENCHMARK(decode_trapping);

void decode_random(benchmark::State& state) {
    std::mt19937 random(1);
    std::vector<uint32_t> words(4096);
    for (uint32_t& word : words) word = static_cast<uint32_t>(random());
    std::size_t i = 0;
    for ([[maybe_unused]] auto _ : state) {
        benchmark::DoNotOptimize(trapeze::dbt::decode(words[i]));
        i = (i + 1) % words.size();
    }
}
BENCHMARK(decode_random);

void disassemble(benchmark::State& state) {
    char text[64];
    std::size_t i = 0;
    for ([[maybe_unused]] auto _ : state) {
        const uint32_t word = trapping()[i];
        trapeze::dbt::disassemble(trapeze::dbt::decode(word), 0xc0000000, text, sizeof text);
        benchmark::DoNotOptimize(text);
        i = i + 1 == trapping().size() ? 0 : i + 1;
    }
}
BENCHMARK(disassemble);

}  // namespace
