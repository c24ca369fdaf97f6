// SPDX-License-Identifier: Apache-2.0
#include "hv/boot/boot.hpp"

namespace trapeze::boot {

namespace {

bool at_end(const char* p) { return *p == 0 || *p == ' '; }

// What follows takes all of a word at `p`, and moves `p` behind it, or moves nothing.

bool take_word(const char*& p, const char* word) {
    const char* q = p;
    for (; *word != 0; ++q, ++word) {
        if (*q != *word) return false;
    }
    if (!at_end(q)) return false;
    p = q;
    return true;
}

// `key`, with its =, and a decimal number with an optional K, M or G that 64 bits hold.
bool take_number(const char*& p, const char* key, u64& value) {
    const char* q = p;
    for (; *key != 0; ++q, ++key) {
        if (*q != *key) return false;
    }
    if (*q < '0' || *q > '9') return false;
    value = 0;
    for (; *q >= '0' && *q <= '9'; ++q) {
        const auto digit = static_cast<u64>(*q - '0');
        if (value > (~u64{0} - digit) / 10) return false;
        value = value * 10 + digit;
    }
    const unsigned shift = *q == 'K' ? 10 : *q == 'M' ? 20 : *q == 'G' ? 30 : 0;
    if (shift != 0) ++q;
    if (!at_end(q) || value > ~u64{0} >> shift) return false;
    value <<= shift;
    p = q;
    return true;
}

}  // namespace

guest::Options parse_options(const char* p, guest::Options options) {
    while (*p != 0) {
        if (*p == ' ') {
            ++p;
            continue;
        }
        const char* const start = p;
        u64 value = 0;
        if (take_number(p, "mem=", value)) {
            options.memory = value;
        } else if (take_number(p, "watchdog=", value) && value < 1000000) {
            options.watchdog = static_cast<u32>(value);
        } else if (take_number(p, "tlb0=", value) &&
                   (value == 512 || value == 1024 || value == 2048)) {
            options.tlb0_entries = static_cast<u32>(value);
        } else if (take_word(p, "profile=on")) {
            options.profile = true;
        } else if (take_word(p, "profile=off")) {
            options.profile = false;
        } else if (take_word(p, "exits-device=on")) {
            options.exits_device = true;
        } else if (take_word(p, "exits-device=off")) {
            options.exits_device = false;
        } else if (take_word(p, "patch=off")) {
            options.patch = patch::Mode::off;
        } else if (take_word(p, "patch=hot")) {
            options.patch = patch::Mode::hot;
        } else if (take_word(p, "patch=eager")) {
            options.patch = patch::Mode::eager;
        } else if (take_number(p, "threshold=", value) && value <= 1000000) {
            options.threshold = static_cast<u32>(value);
        } else if (take_number(p, "churn=", value) && value <= 1000000) {
            options.churn = static_cast<u32>(value);
        } else if (take_word(p, "mapping=straight")) {
            options.crossed = false;
        } else if (take_word(p, "mapping=crossed")) {
            options.crossed = true;
        } else if (take_word(p, "debug=core")) {
            options.debug_as_manual = false;
        } else if (take_word(p, "debug=manual")) {
            options.debug_as_manual = true;
        } else if (take_number(p, "mirror-mb=", value) && value >= 4 && value <= 48 &&
                   value % 4 == 0) {
            options.mirror_mib = static_cast<u32>(value);
        } else if (take_number(p, "trace=", value) && value <= guest::Options::most_trace_kib) {
            options.trace_kib = static_cast<u32>(value);
        } else if (take_number(p, "dump-every=", value) && value < 1000000) {
            options.dump_every = static_cast<u32>(value);
        } else {
            reject(
                "bad VMM option (mem=SIZE watchdog=SECONDS tlb0=512|1024|2048 profile=on|off "
                "dump-every=SECONDS exits-device=on|off patch=off|hot|eager threshold=N "
                "churn=MICROSECONDS "
                "mapping=straight|crossed mirror-mb=4..48 debug=core|manual "
                "trace=KIB), from: ",
                start);
        }
    }
    return options;
}

}  // namespace trapeze::boot
