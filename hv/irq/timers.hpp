// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

// The guest's decrementer, fixed-interval timer and watchdog, and the VMM's heartbeat (manual
// 2.6, 8.4). All four are deadlines on the time base, and the core's decrementer is set to the
// nearest: it is the one timer of a Book E core that also fires in QEMU 7.2, whose FIT and
// watchdog never do.
namespace trapeze::irq {

using e500::u32;
using e500::u64;
using vcpu::Vcpu;

// Ticks between heartbeats: 84 ms at 400 MHz.
inline constexpr u64 heartbeat_period = u64{1} << 25;

void reset_timers(Vcpu& v);

u32 read_decrementer(Vcpu& v);
void write_decrementer(Vcpu& v, u32 value);
u32 read_tsr(Vcpu& v);
void write_tsr(Vcpu& v, u32 bits);
void write_tcr(Vcpu& v, u32 value);
void write_timebase(Vcpu& v, bool upper, u32 value);

// The core's decrementer fired. True if a heartbeat was due.
bool on_timer(Vcpu& v);

// How often bit `bit` of the time base went from 0 to 1 in (from, to].
constexpr u64 rising_edges(u64 from, u64 to, u32 bit) {
    return (((to >> bit) + 1) >> 1) - (((from >> bit) + 1) >> 1);
}
static_assert(rising_edges(0, 7, 3) == 0 && rising_edges(7, 8, 3) == 1);
static_assert(rising_edges(8, 23, 3) == 0 && rising_edges(8, 24, 3) == 1);
static_assert(rising_edges(0, ~u64{0} >> 1, 63) == 0 && rising_edges(0, u64{1} << 63, 63) == 1);

// The first time after `now` at which bit `bit` goes from 0 to 1; the end of time if there is none.
constexpr u64 next_edge(u64 now, u32 bit) {
    const u64 edges = ((now >> bit) + 1) >> 1;
    const u64 next = (2 * edges + 1) << bit;
    return next > now ? next : ~u64{0};
}
static_assert(next_edge(0, 3) == 8 && next_edge(8, 3) == 24 && next_edge(7, 3) == 8);

}  // namespace trapeze::irq
