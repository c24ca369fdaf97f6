// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

// The guest's decrementer, fixed-interval timer and watchdog (manual 2.6, 8.4). The decrementer
// is the core's own. The core's fixed-interval timer is the VMM's heartbeat and, when that is
// faster, the guest's; FIT and watchdog events of the guest are computed from the time base.
namespace trapeze::irq {

using e500::u32;
using e500::u64;
using vcpu::Vcpu;

// Time-base bit of the heartbeat: a tick every 2^25 time-base ticks, 84 ms at 400 MHz.
inline constexpr u32 heartbeat_bit = 24;

u32 read_tsr(Vcpu& v);
void write_tsr(Vcpu& v, u32 bits);
void write_tcr(Vcpu& v, u32 value);
void write_timebase(Vcpu& v, bool upper, u32 value);

// The core's decrementer interrupt and fixed-interval tick.
void on_decrementer(Vcpu& v);
void on_heartbeat(Vcpu& v);

// How often bit `bit` of the time base went from 0 to 1 in (from, to].
constexpr u64 rising_edges(u64 from, u64 to, u32 bit) {
    const u64 half = u64{1} << bit;
    return ((to + half) >> (bit + 1)) - ((from + half) >> (bit + 1));
}
static_assert(rising_edges(0, 7, 3) == 0 && rising_edges(7, 8, 3) == 1);
static_assert(rising_edges(8, 23, 3) == 0 && rising_edges(8, 24, 3) == 1);

}  // namespace trapeze::irq
