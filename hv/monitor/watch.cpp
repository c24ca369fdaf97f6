// SPDX-License-Identifier: Apache-2.0
#include "hv/arch/clock.hpp"
#include "hv/arch/cpu.hpp"
#include "hv/monitor/console.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::monitor {

using vcpu::End;
using vcpu::Vcpu;

namespace {

constexpr u32 branch_to_self = 0x48000000;

u64 exits_but_heartbeats(const Vcpu& v) {
    u64 sum = 0;
    for (unsigned i = 0; i < vcpu::cause_count; ++i) {
        if (static_cast<vcpu::Cause>(i) != vcpu::Cause::heartbeat) sum += v.exits[i].folded_count;
    }
    return sum;
}

// A guest is stuck that keeps interrupts disabled in its kernel for the time the user chose, or
// that branches to itself without any exit meanwhile.
void watch(Vcpu& v) {
    const u64 now = arch::now();
    const u64 exits = exits_but_heartbeats(v);
    u32 word = 0;
    const bool waits = (v.regs.msr & e500::msr::we) != 0;
    const bool masked = !v.user() && !(v.regs.msr & e500::msr::ee);
    const bool spins =
        exits == v.last_exits && v.nip == v.last_nip &&
        arch::load_guest_word(v.nip, v.shadow.layout().fetch_space(v.user()), word) &&
        word == branch_to_self;
    v.last_exits = exits;
    v.last_nip = v.nip;
    if (waits || !(masked || spins)) {
        v.last_progress = now;
    } else if (v.hang_ticks != 0 && now - v.last_progress > v.hang_ticks) {
        vcpu::end(v, End::guest_died,
                  spins ? "hang: the guest branches to itself and nothing else has happened for "
                          "the watchdog's time (watchdog=)"
                        : "hang: the guest kernel kept interrupts disabled for the watchdog's "
                          "time (watchdog=)");
    }
}

// Whoever looks on must not stop the guest: for the time that a live dump takes, it runs this many
// times as long.
constexpr u64 guest_share = 15;

void live_dump(Vcpu& v) {
    v.live_wanted = false;
    const u64 start = arch::now();
    dump(v, Dump::live, start);
    const u64 end = arch::now();
    v.next_live = end + guest_share * (end - start);
}

}  // namespace

void heartbeat(Vcpu& v) {
    const int byte = console::poll();
    if (byte == 'q') {
        vcpu::end(v, End::stopped, "stopped on request");
    } else if (byte == '?') {
        const char* const reason = v.reason;
        v.reason = "asked on the VMM's console; the guest goes on";
        report(v, "state of the guest");
        v.reason = reason;
    } else if (byte == 'd') {
        dump(v, Dump::request, arch::now());
    } else if (byte == 'l') {
        v.live_wanted = true;
    }
    if (v.live_wanted && arch::now() >= v.next_live) live_dump(v);
    if (v.dump_ticks != 0 && arch::now() - v.last_dump >= v.dump_ticks) {
        v.last_dump = arch::now();
        dump(v, Dump::periodic, v.last_dump);
    }

    watch(v);
}

}  // namespace trapeze::monitor
