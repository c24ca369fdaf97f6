// SPDX-License-Identifier: Apache-2.0
#include "hv/console/console.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/devices.hpp"
#include "hv/guest/machine.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/para/partition.hpp"
#include "hv/sched/run.hpp"
#include "hv/sched/switch.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::monitor {

using vcpu::End;
using vcpu::Vcpu;

namespace {

constexpr u32 branch_to_self = 0x48000000, system_call = 0x44000002;

u32 word_at(const Vcpu& v) {
    u32 word = 0;
    return core::load_guest_word(v.nip, v.shadow.layout().fetch_space(v.user()), word) ? word : 0;
}

// A timer of the guest's own will come, and may: it need not do anything else until then.
bool expects(const Vcpu& v) {
    namespace tcr = e500::tcr;
    return (v.regs.msr & e500::msr::ee) &&
           ((v.dec_running && (v.regs.tcr & tcr::die)) || (v.regs.tcr & tcr::fie));
}

vcpu::Look look_at(const Vcpu& v) {
    vcpu::Look look{};
    look.now = v.own_time(core::now());
    for (unsigned i = 0; i < vcpu::cause_count; ++i) look.exits[i] = v.exits[i].folded_count;
    // Timer exits that were the core's: that its turn was over before it did anything, since others
    // took long, is not its doing.
    u64& timer = look.exits[static_cast<unsigned>(vcpu::Cause::decrementer)];
    timer -= timer < v.turn_ends ? timer : v.turn_ends;
    look.signs = v.signs + v.idle_ticks;
    look.nip = v.nip;
    const u32 others[] = {v.cr, v.xer, v.ctr, v.lr};
    look.state = vcpu::digest(v.gpr, 32, vcpu::digest(others, 4));
    look.enabled = (v.regs.msr & e500::msr::ee) != 0;
    look.user = v.user();
    look.waits = (v.regs.msr & e500::msr::we) != 0;
    look.branches_to_self = word_at(v) == branch_to_self;
    look.expects = expects(v);
    return look;
}

// A system-call handler that begins with a system call: what gives the guest its interrupt is the
// shortest of paths, and keeps no account of what comes of it (exit/fast.inc).
bool calls_itself(const Vcpu& v) {
    return !v.user() && !v.virtual_is() &&
           v.nip == v.vector[static_cast<unsigned>(e500::Vector::system_call)] &&
           word_at(v) == system_call;
}

void judge(Vcpu& v) {
    if (calls_itself(v)) {
        v.storm_nip = v.nip;
        v.storm_vector = static_cast<u32>(e500::Vector::system_call);
        v.storm_count = 0;
        vcpu::end(v, End::guest_died,
                  "exception storm: the guest's system-call handler begins with a system call");
        return;
    }
    const vcpu::Verdict verdict =
        v.guest->watch.progress.look(look_at(v), v.guest->watch.hang_ticks);
    vcpu::probe(v, verdict == vcpu::Verdict::step);
    switch (verdict) {
        case vcpu::Verdict::alive:
            break;
        case vcpu::Verdict::quiet:
        case vcpu::Verdict::step:
            vcpu::watch(v);
            break;
        case vcpu::Verdict::masked:
            vcpu::end(v, End::guest_died,
                      "hang: the guest kernel kept interrupts disabled, took none, printed nothing "
                      "and never went to user mode for the watchdog's time (watchdog=)");
            break;
        case vcpu::Verdict::spins:
            vcpu::end(v, End::guest_died,
                      "hang: the guest branches to itself and nothing else has happened for the "
                      "watchdog's time (watchdog=)");
            break;
        case vcpu::Verdict::stalled:
            vcpu::end_stalled(v, v.guest->watch.progress.cause(),
                              v.guest->watch.progress.repeats());
            break;
    }
}

// Whoever looks on must not stop the guest: for the time that a live dump takes, it runs this many
// times as long.
constexpr u64 guest_share = 15;

void live_dump(Vcpu& v) {
    guest::Watch& watch = v.guest->watch;
    watch.live_wanted = false;
    const u64 start = core::now();
    dump(v, Dump::live, start);
    const u64 end = core::now();
    watch.next_live = end + guest_share * (end - start);
}

// However long a dump takes, half of each period is the guest's.
void periodic_dump(Vcpu& v) {
    guest::Watch& watch = v.guest->watch;
    const u64 start = core::now();
    dump(v, Dump::periodic, start);
    const u64 end = core::now(), half = watch.dump_ticks / 2;
    watch.last_dump = end - start > half ? end - half : start;
}

}  // namespace

void tell(Vcpu& v) {
    const char* const reason = v.reason;
    v.reason = "asked on the VMM's console; the guest goes on";
    report(v, "state of the guest");
    v.reason = reason;
}

void asked(Vcpu& v, u32 what) {
    const guest::Life life = v.guest->life;
    const bool has_state = life == guest::Life::runs || life == guest::Life::paused;
    if (has_state && (what & guest::ask_report) != 0) tell(v);
    if (has_state && (what & guest::ask_registers) != 0) print_registers(v);
    if (has_state && (what & guest::ask_dump) != 0) dump(v, Dump::request, core::now());
    if ((what & guest::ask_written) != 0) para::take_written(v);
    if ((what & guest::ask_trace) != 0) print_trace(*v.core, requested_records);
    if ((what & guest::ask_live) != 0) v.guest->watch.live_wanted = true;
    if ((what & guest::ask_pause) != 0) sched::pause(v);
    if ((what & guest::ask_resume) != 0) sched::resume(v);
    if ((what & guest::ask_start) != 0 && !has_state) sched::start_anew(v);
    bool last = false;
    if ((what & guest::ask_restart) != 0) {
        sched::end_guest(v, "stopped by the monitor, to start again", true);
    }
    if ((what & guest::ask_halt) != 0) {
        last = sched::end_guest(v, "stopped: the machine halts", false);
    }
    if ((what & guest::ask_stop) != 0) {
        last = sched::end_guest(v, "stopped on request", false) || last;
    }
    if (last) end_machine(End::poweroff);
}

// Its core, without a look at what another core may be writing anew.
static const core::Core* home_of(const Vcpu& v, const guest::Guest& g) {
    unsigned number = 0;
    while (guest::machine.guests[number] != &g) ++number;
    return v.devices->board->homes[number];
}

void ask(Vcpu& v, guest::Guest& g, guest::Ask what) {
    constexpr u32 needs_state = guest::ask_report | guest::ask_dump;
    const core::Core* const home = home_of(v, g);
    if (&g.vcpu == &v || (home == v.core && (what & needs_state) == 0)) {
        asked(g.vcpu, what);
        return;
    }
    __atomic_or_fetch(&g.vcpu.asked, what, __ATOMIC_SEQ_CST);
    if (home == v.core) {
        v.core->reconsider = true;
    } else {
        dev::send_message(*v.core, *home);
    }
}

bool on_core(Vcpu& v, guest::Guest& g, void (*what)(Vcpu& v)) {
    if (g.life != guest::Life::runs && g.life != guest::Life::paused) return false;
    if (&g.vcpu == &v) {
        what(v);
        return true;
    }
    sched::switch_guests(v, g.vcpu);
    what(g.vcpu);
    sched::switch_guests(g.vcpu, v);
    return true;
}

namespace {

// Of all guests, each on its own core.
void ask_all(Vcpu& v, guest::Ask what) {
    for (unsigned i = 0; i < guest::machine.count; ++i) ask(v, *guest::machine.guests[i], what);
}

}  // namespace

void requests(Vcpu& v) {
    // Of several cores one at a time reads what comes, and answers it. A guest need not wait for a
    // dump of another core's: its own core asks again at its next heartbeat.
    const console::Chance turn;
    if (!turn) return;
    const int byte = console::poll();
    if (takes_command(v, byte)) return;
    switch (byte) {
        case 'q':
            return ask_all(v, guest::ask_stop);
        case '?':
            return ask_all(v, guest::ask_report);
        case 'd':
            return ask_all(v, guest::ask_dump);
        case 't':
            ask_traces(v);
            return;
        case 'l':
            return ask_all(v, guest::ask_live);
        default:
            return;
    }
}

void heartbeat(Vcpu& v) {
    const guest::Watch& watch = v.guest->watch;
    requests(v);
    if (watch.live_wanted && core::now() >= watch.next_live) live_dump(v);
    const bool due = core::now() - watch.last_dump >= watch.dump_ticks;
    if (watch.dump_ticks != 0 && due) periodic_dump(v);
    judge(v);
}

}  // namespace trapeze::monitor
