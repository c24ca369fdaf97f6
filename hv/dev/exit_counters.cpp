// SPDX-License-Identifier: Apache-2.0
// The exit counters as a device, for benchmarks that run in the guest (docs/devices.md).
#include "hv/core/clock.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/devices.hpp"
#include "hv/profile/profile.hpp"

namespace trapeze::dev {

namespace {

using vcpu::Cause;
using vcpu::Counter;
using vcpu::Vcpu;

constexpr u32 latch_register = 0x8;
constexpr u32 names_offset = 0x400;
constexpr u32 magic = 0x54525045;
static_assert(ExitCounters::words == names_offset / 4);
static_assert(vcpu::cause_count <= 32 && vcpu::counter_count <= 32);

void put(ExitCounters& exits, u32 offset, u64 value) {
    exits.registers[offset / 4] = static_cast<u32>(value >> 32);
    exits.registers[offset / 4 + 1] = static_cast<u32>(value);
}

void latch(Vcpu& v) {
    vcpu::fold_counters(v);
    ExitCounters& exits = v.devices->exits;
    ++exits.registers[latch_register / 4];
    put(exits, 0x10, core::now() - v.start_time);
    u64 ticks = 0;
    for (unsigned i = 0; i < vcpu::cause_count; ++i) {
        const auto& stats = v.exits[i];
        put(exits, 0x40 + 16 * i, stats.folded_count);
        put(exits, 0x48 + 16 * i, stats.folded_ticks);
        ticks += stats.folded_ticks;
    }
    put(exits, 0x18, ticks);
    put(exits, 0x20, v.idle_ticks);
    for (unsigned i = 0; i < vcpu::counter_count; ++i) put(exits, 0x240 + 8 * i, v.counted[i]);
}

// Byte `index` of the names, one after the other with a zero behind each.
u8 name_byte(u32 index) {
    for (unsigned i = 0; i < vcpu::cause_count + vcpu::counter_count; ++i) {
        const char* text = i < vcpu::cause_count
                               ? vcpu::name(static_cast<Cause>(i))
                               : vcpu::name(static_cast<Counter>(i - vcpu::cause_count));
        do {
            if (index-- == 0) return static_cast<u8>(*text);
        } while (*text++ != 0);
    }
    return 0;
}

u32 read(Vcpu& v, u32 offset, unsigned size) {
    if (offset == latch_register && size == 4) latch(v);
    u32 value = 0;
    for (u32 at = offset; at < offset + size; ++at) {
        const u32 word = at < names_offset ? v.devices->exits.registers[at / 4] : 0;
        const u8 byte = at < names_offset ? static_cast<u8>(word >> (8 * (3 - at % 4)))
                                          : name_byte(at - names_offset);
        value = value << 8 | byte;
    }
    return value;
}

void write(Vcpu& /*v*/, u32 /*offset*/, unsigned /*size*/, u32 /*value*/) {}

}  // namespace

void reset_exit_counters(Vcpu& v) {
    v.devices->exits = {{magic, vcpu::cause_count, 0, vcpu::counter_count}};
}

const Device exit_counters{"exits", read, write};

}  // namespace trapeze::dev
