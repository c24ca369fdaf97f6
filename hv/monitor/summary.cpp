// SPDX-License-Identifier: Apache-2.0
#include "hv/arch/cpu.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/monitor/console.hpp"
#include "hv/monitor/machine.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/run.hpp"

namespace trapeze::monitor {

using console::print;
using console::put;
using vcpu::End;
using vcpu::Vcpu;

namespace {

constexpr u32 branch_to_self = 0x48000000;

const char* end_name(End end) {
    switch (end) {
        case End::poweroff:
            return "poweroff";
        case End::reset:
            return "reset";
        case End::guest_died:
            return "guest-died";
        case End::stopped:
            return "stopped";
        default:
            return "vmm-failed";
    }
}

void field(const char* name, u64 value, const char* after = ",") {
    print("\"{}\":{}{}", name, value, after);
}

u64 exits_but_heartbeats(const Vcpu& v) {
    u64 sum = 0;
    for (unsigned i = 0; i < vcpu::cause_count; ++i) {
        if (static_cast<vcpu::Cause>(i) != vcpu::Cause::heartbeat) sum += v.exits[i].folded_count;
    }
    return sum;
}

}  // namespace

void summary(Vcpu& v) {
    vcpu::fold_counters(v);
    const u64 total = arch::timebase() - v.start_time;
    u64 vmm = 0;
    for (const auto& stats : v.exits) vmm += stats.folded_ticks;

    put("@@trapeze-summary {");
    field("schema", 1);
    print("\"end\":\"{}\",\"reason\":\"{}\",", end_name(v.end), v.reason);
    field("ticks_per_second", machine_info().timebase_frequency);
    put("\"ticks\":{");
    field("total", total);
    field("guest", total - vmm - v.idle_ticks);
    field("vmm", vmm);
    field("idle", v.idle_ticks, "},");
    put("\"exits\":[");
    const char* separator = "";
    for (unsigned i = 0; i < vcpu::cause_count; ++i) {
        const auto& s = v.exits[i];
        if (s.folded_count == 0) continue;
        print("{}", separator);
        put("{");
        print("\"cause\":\"{}\",", vcpu::name(static_cast<vcpu::Cause>(i)));
        field("count", s.folded_count);
        field("min_ticks", s.min);
        field("max_ticks", s.max);
        field("total_ticks", s.folded_ticks, "}");
        separator = ",";
    }
    put("],\"instructions\":[");
    separator = "";
    for (unsigned i = 0; i < vcpu::counter_count; ++i) {
        if (v.counted[i] == 0) continue;
        print("{}", separator);
        put("{");
        print("\"name\":\"{}\",", vcpu::name(static_cast<vcpu::Counter>(i)));
        field("count", v.counted[i], "}");
        separator = ",";
    }
    put("],\"tlb\":{");
    field("shadow_fills", v.shadow.fills());
    field("shadow_flushes", v.shadow.flushes());
    field("virtual_tlb0_entries", u64{v.tlb.sets()} * mmu::VirtualTlb::ways, "}");
    put("}\n");
}

// A guest is stuck that keeps interrupts disabled in its kernel for the time the user chose, or
// that branches to itself without any exit meanwhile.
static void watch(Vcpu& v) {
    const u64 now = arch::timebase();
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

void heartbeat(Vcpu& v) {
    const int byte = console::poll();
    if (byte == 'q') {
        vcpu::end(v, End::stopped, "stopped on request");
    } else if (byte == '?') {
        const char* const reason = v.reason;
        v.reason = "asked on the VMM's console; the guest goes on";
        report(v, "state of the guest");
        v.reason = reason;
    }

    watch(v);
}

}  // namespace trapeze::monitor

namespace trapeze::vcpu {

void conclude(Vcpu& v) {
    if (v.end == End::guest_died) monitor::report(v, "the guest died");
    if (v.end != End::guest_died) console::log("{}", v.reason);
    monitor::summary(v);
    if (v.end == End::reset) board::reset();
    board::power_off();
}

}  // namespace trapeze::vcpu

// A defect of the VMM: say what can be said, and end.
extern "C" [[noreturn]] void hv_panic(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 vector,
                                      trapeze::e500::u32 stack, trapeze::e500::u32 link) {
    using trapeze::console::log;
    trapeze::e500::u32 srr0 = 0, srr1 = 0;
    asm volatile("mfspr %0, 26\n\tmfspr %1, 27" : "=r"(srr0), "=r"(srr1));
    log("---- the VMM itself failed: exception IVOR{} at {:x} (MSR {:x}), ESR {:x}, DEAR {:x}",
        vector, srr0, srr1, trapeze::arch::read_esr(), trapeze::arch::read_dear());
    log("VMM stack {:x}, link {:x}. Please report this with the lines above.", stack, link);
    v->end = trapeze::vcpu::End::vmm_failed;
    v->reason = "exception in the VMM";
    trapeze::monitor::report(*v, "state of the guest meanwhile");
    trapeze::monitor::summary(*v);
    trapeze::board::power_off();
}
