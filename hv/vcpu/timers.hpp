// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/vcpu.hpp"

// The guest's decrementer, fixed-interval timer and watchdog, and the VMM's heartbeat (manual
// 2.6, 8.4). The first and the last are deadlines on the VMM's clock, the other two are edges of
// the time base. The core's decrementer is set to the nearest of all: it is the one timer of a
// Book E core that also fires in QEMU 7.2, whose FIT and watchdog never do.
namespace trapeze::vcpu {

using e500::u32;
using e500::u64;
using vcpu::Vcpu;

// Ticks between heartbeats on the average, 84 ms at 400 MHz; between three and five quarters of it.
inline constexpr u64 heartbeat_period = u64{1} << 25;

void reset_timers(Vcpu& v);
// A deadline has changed (Vcpu::device_deadline, Core::deadline).
void reschedule(Vcpu& v);
// The core waits with nobody's timers until then, a heartbeat's period at most.
void rest(u64 until);
// The guest has slept against its will: its watchdog and interval timer have not counted meanwhile.
void forget_periods(Vcpu& v);
// The nearest time at which something of the guest's own comes due that it has asked to be told;
// core::never: none.
u64 next_wake(const Vcpu& v);
// Latches what came due while another guest ran.
void catch_up(Vcpu& v);

// Brings what counts, or stays in the core, into the State. Latches nothing.
void settle(Vcpu& v);

u32 read_decrementer(Vcpu& v);
void write_decrementer(Vcpu& v, u32 value);
u32 read_tsr(Vcpu& v);
void write_tsr(Vcpu& v, u32 bits);
void write_tcr(Vcpu& v, u32 value);
// Whatever the guest writes, the VMM's clock and what waits on it go on. Refused for a guest that
// shares the machine: user mode reads the time base without a trap (docs/scheduler.md).
void write_timebase(Vcpu& v, bool upper, u32 value);

// A timer interrupt is about to be given to a guest whose spaces were laid out anew: true if it
// must wait, and the core's decrementer will tell when to ask again. Where the last one was given
// the guest first gets on by an instruction at least: the way to a handler in another space and
// back may take longer than the period of its decrementer.
bool hold_back(Vcpu& v);

// The core's decrementer fired. True if a heartbeat was due.
bool on_timer(Vcpu& v);

// Whether bit `bit` of the time base goes from 0 to 1 while it counts from `from` to `to`, over its
// own end too.
constexpr bool rises(u64 from, u64 to, u32 bit) {
    const u64 half = u64{1} << bit;
    const u64 first = from - half, last = to - half;  // an edge is a multiple of the period
    return ((first ^ last) & (0 - 2 * half)) != 0 || last < first;
}
// How often.
constexpr u64 rising_edges(u64 from, u64 to, u32 bit) {
    if (!rises(from, to, bit)) return 0;
    const u64 half = u64{1} << bit;
    const u64 since = (from - half) & (2 * half - 1);
    const u64 sum = since + (to - from);
    const u64 carried = sum < since ? u64{1} << 63 >> bit : 0;
    return carried + (sum >> bit >> 1);
}
static_assert(rising_edges(0, 7, 3) == 0 && rising_edges(7, 8, 3) == 1);
static_assert(rising_edges(8, 23, 3) == 0 && rising_edges(8, 24, 3) == 1);
static_assert(rising_edges(0, ~u64{0} >> 1, 63) == 0 && rising_edges(0, u64{1} << 63, 63) == 1);
static_assert(rising_edges(~u64{0}, 7, 3) == 0 && rising_edges(~u64{0}, 24, 3) == 2);
static_assert(rising_edges(~u64{0}, 0, 63) == 0 && rising_edges(2, 1, 3) == u64{1} << 60);

// Ticks from `timebase` on until bit `bit` goes from 0 to 1: 1 to 2^(bit + 1); 0 is 2^64.
constexpr u64 until_edge(u64 timebase, u32 bit) {
    const u64 half = u64{1} << bit;
    return 2 * half - ((timebase - half) & (2 * half - 1));
}
static_assert(until_edge(0, 3) == 8 && until_edge(8, 3) == 16 && until_edge(7, 3) == 1);
static_assert(until_edge(~u64{0}, 3) == 9 && until_edge(u64{1} << 63, 63) == 0);

}  // namespace trapeze::vcpu
