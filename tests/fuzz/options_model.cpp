// SPDX-License-Identifier: Apache-2.0
#include "options_model.hpp"

#include <algorithm>
#include <string>
#include <tuple>

namespace trapeze::fuzz {

namespace {

using Number = unsigned __int128;

std::optional<Number> number(std::string_view text) {
    unsigned shift = 0;
    if (!text.empty()) {
        shift = text.back() == 'K' ? 10 : text.back() == 'M' ? 20 : text.back() == 'G' ? 30 : 0;
    }
    if (shift != 0) text.remove_suffix(1);
    // More digits than any number that is taken.
    if (text.empty() || text.size() > 25) return {};
    Number value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return {};
        value = value * 10 + static_cast<Number>(c - '0');
    }
    return value << shift;
}

bool take_number(guest::Options& options, std::string_view key, Number value) {
    const auto small = static_cast<e500::u32>(value);
    if (key == "mem" && value >> 64U == 0) {
        options.memory = static_cast<e500::u64>(value);
    } else if (key == "watchdog" && value < 1000000) {
        options.watchdog = small;
    } else if (key == "dump-every" && value < 1000000) {
        options.dump_every = small;
    } else if (key == "threshold" && value <= 1000000) {
        options.threshold = small;
    } else if (key == "trace" && value <= 4096) {
        options.trace_kib = small;
    } else if (key == "churn" && value <= 1000000) {
        options.churn = small;
    } else if (key == "tlb0" && (value == 512 || value == 1024 || value == 2048)) {
        options.tlb0_entries = small;
    } else if (key == "mirror-mb" && value >= 4 && value <= 48 && value % 4 == 0) {
        options.mirror_mib = small;
    } else {
        return false;
    }
    return true;
}

bool take_word(guest::Options& options, const std::string& word) {
    if (word == "profile=on" || word == "profile=off") {
        options.profile = word == "profile=on";
    } else if (word == "exits-device=on" || word == "exits-device=off") {
        options.exits_device = word == "exits-device=on";
    } else if (word == "patch=off") {
        options.patch = patch::Mode::off;
    } else if (word == "patch=hot") {
        options.patch = patch::Mode::hot;
    } else if (word == "patch=eager") {
        options.patch = patch::Mode::eager;
    } else if (word == "mapping=straight" || word == "mapping=crossed") {
        options.crossed = word == "mapping=crossed";
    } else if (word == "debug=core" || word == "debug=manual") {
        options.debug_as_manual = word == "debug=manual";
    } else {
        const std::size_t sign = word.find('=');
        if (sign == std::string::npos) return false;
        const std::optional<Number> value = number(std::string_view(word).substr(sign + 1));
        return value && take_number(options, word.substr(0, sign), *value);
    }
    return true;
}

auto fields(const guest::Options& o) {
    return std::tie(o.memory, o.watchdog, o.profile, o.exits_device, o.dump_every, o.patch,
                    o.crossed, o.threshold, o.churn, o.mirror_mib, o.tlb0_entries,
                    o.debug_as_manual, o.trace_kib);
}

}  // namespace

std::optional<guest::Options> expected_options(std::string_view line) {
    guest::Options options;
    while (!line.empty()) {
        const std::string_view word = line.substr(0, line.find(' '));
        if (!word.empty() && !take_word(options, std::string(word))) return {};
        line.remove_prefix(std::min(word.size() + 1, line.size()));
    }
    return options;
}

bool same(const guest::Options& one, const guest::Options& other) {
    return fields(one) == fields(other);
}

}  // namespace trapeze::fuzz
