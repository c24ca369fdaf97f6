// SPDX-License-Identifier: Apache-2.0
#include "hv/boot/boot.hpp"

namespace trapeze::boot {

namespace {

bool at_end(const char* p) { return *p == 0 || *p == ' '; }

// Takes a decimal number with an optional K, M or G from `p`; false if there is none.
bool take_number(const char*& p, u64& value) {
    if (*p < '0' || *p > '9') return false;
    value = 0;
    for (; *p >= '0' && *p <= '9'; ++p) {
        if (value > (u64{1} << 40)) return false;
        value = value * 10 + static_cast<u64>(*p - '0');
    }
    switch (*p) {
        case 'K':
            value <<= 10;
            ++p;
            break;
        case 'M':
            value <<= 20;
            ++p;
            break;
        case 'G':
            value <<= 30;
            ++p;
            break;
        default:
            break;
    }
    return at_end(p);
}

bool take_key(const char*& p, const char* key) {
    const char* q = p;
    while (*key != 0) {
        if (*q++ != *key++) return false;
    }
    p = q;
    return true;
}

}  // namespace

Options parse_options(const char* p) {
    Options options;
    while (*p != 0) {
        if (*p == ' ') {
            ++p;
            continue;
        }
        const char* const start = p;
        u64 value = 0;
        if (take_key(p, "mem=") && take_number(p, value)) {
            options.memory = value;
        } else if (take_key(p, "watchdog=") && take_number(p, value) && value < 1000000) {
            options.watchdog = static_cast<u32>(value);
        } else if (take_key(p, "tlb0=") && take_number(p, value) &&
                   (value == 512 || value == 1024 || value == 2048)) {
            options.tlb0_entries = static_cast<u32>(value);
        } else if (take_key(p, "profile=on") && at_end(p)) {
            options.profile = true;
        } else if (take_key(p, "profile=off") && at_end(p)) {
            options.profile = false;
        } else if (take_key(p, "exits-device=on") && at_end(p)) {
            options.exits_device = true;
        } else if (take_key(p, "exits-device=off") && at_end(p)) {
            options.exits_device = false;
        } else if (take_key(p, "patch=off") && at_end(p)) {
            options.patch = patch::Mode::off;
        } else if (take_key(p, "patch=hot") && at_end(p)) {
            options.patch = patch::Mode::hot;
        } else if (take_key(p, "patch=eager") && at_end(p)) {
            options.patch = patch::Mode::eager;
        } else if (take_key(p, "threshold=") && take_number(p, value) && value <= 1000000) {
            options.threshold = static_cast<u32>(value);
        } else if (take_key(p, "mapping=straight") && at_end(p)) {
            options.crossed = false;
        } else if (take_key(p, "mapping=crossed") && at_end(p)) {
            options.crossed = true;
        } else if (take_key(p, "debug=core") && at_end(p)) {
            options.debug_as_manual = false;
        } else if (take_key(p, "debug=manual") && at_end(p)) {
            options.debug_as_manual = true;
        } else if (take_key(p, "mirror-mb=") && take_number(p, value) && value >= 4 &&
                   value <= 48 && value % 4 == 0) {
            options.mirror_mib = static_cast<u32>(value);
        } else if (take_key(p, "dump-every=") && take_number(p, value) && value < 1000000) {
            options.dump_every = static_cast<u32>(value);
        } else {
            reject(
                "bad VMM option (mem=SIZE watchdog=SECONDS tlb0=512|1024|2048 profile=on|off "
                "dump-every=SECONDS exits-device=on|off patch=off|hot|eager threshold=N "
                "mapping=straight|crossed mirror-mb=4..48 debug=core|manual), from: ",
                start);
        }
    }
    return options;
}

}  // namespace trapeze::boot
