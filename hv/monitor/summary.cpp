// SPDX-License-Identifier: Apache-2.0
#include "hv/board/ppce500.hpp"
#include "hv/console/console.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/devices.hpp"
#include "hv/guest/machine.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/patch/patcher.hpp"
#include "hv/profile/profile.hpp"
#include "hv/sched/run.hpp"
#include "hv/trace/ring.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::monitor {

using console::print;
using console::put;
using vcpu::End;
using vcpu::Vcpu;

namespace {

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

// Nothing for a guest that has none of which something is counted.
void handles(const Vcpu& v) {
    const char* before = "\"handles\":[";
    for (const dev::Handle& handle : v.devices->handles) {
        if (handle.counts == nullptr) continue;
        print("{}", before);
        put("{");
        print("\"name\":\"{}\",\"kind\":\"{}\"", console::Quoted{handle.name}, handle.kind);
        handle.counts(
            handle, [](void*, const char* what, u64 count) { print(",\"{}\":{}", what, count); },
            nullptr);
        put("}");
        before = ",";
    }
    if (before[0] == ',') put("],");
}

void patches(Vcpu& v, u64 now) {
    put("\"patch\":{");
    if (v.patcher == nullptr) {
        print("\"mode\":\"off\",\"mapping\":\"{}\",", v.shadow.own_layout().name);
        put("\"threshold\":0,\"patched\":0,\"saved\":0,\"faults\":0,\"text_writes\":0,"
            "\"net_ticks\":0,\"made\":0,\"dropped\":0,\"back\":0,\"stolen_pages\":0,"
            "\"mirrored_pages\":0,\"window_ticks\":0}");
        return;
    }
    const patch::Patcher& p = *v.patcher;
    patch::settle(v, now);
    print("\"mode\":\"{}\",\"mapping\":\"{}\",", patch::name(p.mode), v.shadow.own_layout().name);
    field("threshold", p.threshold);
    field("patched", p.overlay.mirror.patches());
    field("saved", patch::saved(v, now));
    field("faults", p.faults);
    field("text_writes", p.text_writes);
    const std::int64_t net = patch::net_ticks(v);
    print("\"net_ticks\":{}{},", net < 0 ? "-" : "", static_cast<u64>(net < 0 ? -net : net));
    field("made", p.made);
    field("dropped", p.dropped);
    field("back", p.back);
    field("stolen_pages", p.overlay.cache.pages());
    field("mirrored_pages", p.overlay.mirror.mirrored());
    field("window_ticks", p.windows.ticks, "}");
}

bool dies(const Vcpu& v) { return v.end == End::guest_died || v.end == End::reset; }

// One that has ended: somebody has asked for it, or its configuration does.
bool starts_again(const Vcpu& v) {
    const guest::Guest& g = *v.guest;
    return g.again || (dies(v) && g.on_death == guest::OnDeath::restart);
}

}  // namespace

void summary(Vcpu& v, u64 now) {
    vcpu::fold_counters(v);
    const u64 total = now - v.start_time;
    u64 vmm = 0;
    for (const auto& stats : v.exits) vmm += stats.folded_ticks;

    put("@@trapeze-summary {");
    field("schema", 1);
    if (v.guest->name != nullptr) print("\"guest\":\"{}\",", console::Quoted{v.guest->name});
    print("\"end\":\"{}\",\"reason\":\"{}\",", end_name(v.end), console::Quoted{v.reason});
    if (guest::machine.shared()) print("\"again\":{},", starts_again(v) ? "true" : "false");
    field("ticks_per_second", guest::machine.timebase_frequency);
    put("\"ticks\":{");
    field("total", total);
    field("guest", total - vmm - v.idle_ticks - v.stolen_ticks);
    field("vmm", vmm);
    if (guest::machine.shared()) field("stolen", v.stolen_ticks);
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
    field("virtual_tlb0_entries", u64{v.tlb.sets()} * mmu::VirtualTlb::ways, "},");
    handles(v);
    patches(v, total);
    put("}\n");
}

namespace {

trace::What how_it_ended(End end) {
    switch (end) {
        case End::poweroff:
            return trace::What::powered_off;
        case End::reset:
            return trace::What::reset;
        case End::stopped:
            return trace::What::stopped;
        default:
            return trace::What::died;
    }
}

void take_leave(Vcpu& v) {
    const u64 now = core::now();
    dev::flush_uart(v);
    const console::Turn turn;
    if (v.end == End::guest_died) report(v, "the guest died");
    if (v.end != End::guest_died) console::log("{}", v.reason);
    dump(v, Dump::end, now);
    summary(v, now);
    trace::add(*v.core, how_it_ended(v.end), v.guest_number, now);
}

}  // namespace

namespace {

// A guest that dies soon after each start would do nothing but be made anew: each time in a row it
// waits longer, up to some ten seconds.
void start_again(Vcpu& v) {
    guest::Guest& g = *v.guest;
    const u64 second = guest::machine.timebase_frequency, now = core::now();
    const bool quick = !g.again && now - v.start_time < second;
    g.quick_deaths = quick ? g.quick_deaths + 1 : 0;
    if (!quick) {
        console::log("starts again");
        sched::start_anew(v);
        return;
    }
    constexpr u32 first_ms = 10, most_doublings = 10;
    const u32 doublings = g.quick_deaths - 1;
    const u32 ms = first_ms << (doublings < most_doublings ? doublings : most_doublings);
    console::log("starts again in {} ms: it lived for less than a second, {} times in a row", ms,
                 g.quick_deaths);
    sched::start_anew(v, now + second * ms / 1000);
}

// The machine ends with this guest: so do the others, each with its summary.
void halt(Vcpu& v) {
    console::log("the machine halts with it");
    for (unsigned i = 0; i < guest::machine.count; ++i) {
        guest::Guest& other = *guest::machine.guests[i];
        if (&other != v.guest) ask(v, other, guest::ask_halt);
    }
}

// Nothing happens any more unless somebody asks for it.
void tell_if_nobody_runs(const Vcpu& but) {
    bool waits = false;
    for (unsigned i = 0; i < guest::machine.count; ++i) {
        const guest::Guest& g = *guest::machine.guests[i];
        if (&g.vcpu == &but || g.life == guest::Life::over) continue;
        if (g.life == guest::Life::runs || g.life == guest::Life::starts) return;
        waits = true;
    }
    if (waits) console::log("no guest runs: the machine waits for the monitor (start, resume, q)");
}

}  // namespace

void conclude(Vcpu& v) {
    guest::Guest& g = *v.guest;
    if (g.life != guest::Life::runs) {  // that is told, and its core is for others
        sched::yields(v);
        return;
    }
    take_leave(v);
    dev::withdraw(v);
    if (starts_again(v)) {
        start_again(v);
        sched::yields(v);
        return;
    }
    if (dies(v) && g.on_death == guest::OnDeath::halt) halt(v);
    tell_if_nobody_runs(v);
    if (sched::leave_to_others(v)) return;
    end_machine(v.end);
}

void end_machine(End how) {
    print_traces();
    if (how == End::reset) board::reset();
    board::power_off();
}

const guest::Events events{heartbeat, requests, conclude, sched::yields, asked};

}  // namespace trapeze::monitor
