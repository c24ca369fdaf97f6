// SPDX-License-Identifier: Apache-2.0
#include "hv/monitor/commands.hpp"

#include <iterator>

#include "hv/board/ppce500.hpp"
#include "hv/console/console.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/device.hpp"
#include "hv/guest/machine.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/profile/profile.hpp"
#include "hv/sched/run.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::monitor {

using console::begin_line;
using console::log;
using console::print;
using guest::Guest;
using guest::Life;
using guest::machine;
using vcpu::Vcpu;

namespace {

const char* name_of(const Guest& g) { return g.name != nullptr ? g.name : "guest"; }

const char* state_of(const Guest& g) {
    switch (g.life) {
        case Life::runs:
            return g.vcpu.end == vcpu::End::running ? "runs" : "ends";
        case Life::waits:
            return "waits for `start`";
        case Life::starts:
            return "starts";
        case Life::paused:
            return "paused";
        case Life::over:
            return "over";
    }
    return "?";
}

// Milliseconds.
u64 ms(u64 ticks) { return ticks * 1000 / machine.timebase_frequency; }

const sched::Entity& account(const Guest& g) {
    return sched::queue(g.vcpu.core->number).entities[g.vcpu.entity];
}

template <typename Function>
void each_of(const Call& call, Function&& f) {
    for (unsigned i = 0; i < machine.count; ++i) {
        if (call.guest == nullptr || call.guest == machine.guests[i]) f(*machine.guests[i]);
    }
}

bool help(const Call& /*call*/) {
    for (unsigned i = 0; i < command_count; ++i) {
        const Command& c = commands[i];
        begin_line();
        print("{:-10}{:-22}{}\n", c.name, c.arguments, c.help);
    }
    return true;
}

bool guests(const Call& call) {
    log("{:-16}{:-18}{:-6}{:-10}{:-10}{}", "guest", "state", "core", "priority", "memory",
        "starts");
    each_of(call, [](const Guest& g) {
        begin_line();
        print("{:-16}{:-18}{:-6}{:-10}{} MiB", name_of(g), state_of(g), g.vcpu.core->number,
              u64{account(g).priority}, g.ram_size >> 20);
        print("{:8}", g.starts);
        if (g.life == Life::over && g.vcpu.reason != nullptr) print("  {}", g.vcpu.reason);
        print("\n");
    });
    return true;
}

void exits_of(const Vcpu& v) {
    log("  {:-14}{:12}{:16}{:10}{:10}", "exits by cause", "count", "ticks", "least", "most");
    for (unsigned i = 0; i < vcpu::cause_count; ++i) {
        const auto& s = v.exits[i];
        if (s.folded_count == 0) continue;
        log("  {:-14}{:12}{:16}{:10}{:10}", vcpu::name(static_cast<vcpu::Cause>(i)), s.folded_count,
            s.folded_ticks, s.min, s.max);
    }
}

void counts_of(const Vcpu& v) {
    for (const dev::Handle& handle : v.devices->handles) {
        if (handle.counts == nullptr) continue;
        log("  {} '{}'", handle.kind, handle.name);
        const auto row = [](void*, const char* what, u64 count) {
            if (count != 0) log("    {:-20}{:14}", what, count);
        };
        handle.counts(handle, row, nullptr);
    }
}

void stats_of(Guest& g) {
    Vcpu& v = g.vcpu;
    const u64 now = core::now();
    if (g.life == Life::waits) {
        log("{}: waits for `start`", name_of(g));
        return;
    }
    // Another core's are as it left them.
    if (g.life != Life::over && v.core->number == core::number()) {
        v.becomes(v.presence, now);
        vcpu::fold_counters(v);
    }
    const u64 until = g.life == Life::over ? v.since : now;
    u64 vmm = 0;
    for (const auto& s : v.exits) vmm += s.folded_ticks;
    const u64 total = until - v.start_time, ran = total - v.idle_ticks - v.stolen_ticks;
    log("{}: {}, {} ms since its start", name_of(g), state_of(g), ms(total));
    log("  ran {} ms, of it {} ms the VMM's in its exits; stolen {} ms, slept {} ms", ms(ran),
        ms(vmm), ms(v.stolen_ticks), ms(v.idle_ticks));
    const sched::Entity& e = account(g);
    log("  switches {}, preemptions {}, out of budget {}, longest wait {} us", e.switches,
        e.preemptions, e.exhaustions, e.longest * 1'000'000 / machine.timebase_frequency);
    exits_of(v);
    counts_of(v);
}

bool stats(const Call& call) {
    for (unsigned i = 0; i < machine.count; ++i) {
        Vcpu& v = machine.guests[i]->vcpu;
        if (v.core != call.host.core) continue;
        sched::queue(v.core->number).charge(core::now());
    }
    each_of(call, stats_of);
    return true;
}

bool not_running(const Call& call) {
    log("{}: {}: there is nothing to see", name_of(*call.guest), state_of(*call.guest));
    return false;
}

// Another core has its state, and answers in the log.
bool answers_elsewhere(const Call& call, guest::Ask what) {
    Guest& g = *call.guest;
    const bool has_state = g.life == Life::runs || g.life == Life::paused;
    if (g.vcpu.core == call.host.core || !has_state) return false;
    ask(call.host, g, what);
    log("{}: core {} is asked; its answer follows in the log", name_of(g), g.vcpu.core->number);
    return true;
}

bool report_of(const Call& call) {
    if (answers_elsewhere(call, guest::ask_report)) return true;
    return on_core(call.host, *call.guest, tell) || not_running(call);
}

bool registers_of(const Call& call) {
    if (answers_elsewhere(call, guest::ask_registers)) return true;
    return on_core(call.host, *call.guest, print_registers) || not_running(call);
}

bool dump_of(const Call& call) {
    if (answers_elsewhere(call, guest::ask_dump)) return true;
    // A dump is no part of an answer: whoever reads dumps finds it as always.
    const auto dumps = [](Vcpu& v) {
        console::answer(false);
        dump(v, Dump::request, core::now());
        console::answer(true);
    };
    if (!on_core(call.host, *call.guest, dumps)) return not_running(call);
    log("{}: the dump is sent", name_of(*call.guest));
    return true;
}

// A number as C writes it, decimal or hexadecimal; false: it is none, or larger than 64 bits.
bool parse(const char* text, u64& value) {
    u64 base = 10;
    value = 0;
    if (text[0] == '0' && (text[1] | 0x20) == 'x') {
        base = 16;
        text += 2;
    }
    if (*text == 0) return false;
    for (; *text != 0; ++text) {
        u64 digit = 16;
        if (*text >= '0' && *text <= '9') digit = static_cast<u64>(*text - '0');
        const char small = static_cast<char>(*text | 0x20);
        if (small >= 'a' && small <= 'f') digit = static_cast<u64>(small - 'a') + 10;
        if (digit >= base || value > (~u64{0} - digit) / base) return false;
        value = value * base + digit;
    }
    return true;
}

constexpr u64 row_bytes = 16, most_bytes = 1024, default_bytes = 64;

// Where the guest's memory is that it sees at `ea` as data; false: that has been said.
bool translate(Vcpu& v, u64 ea, u64& gpa) {
    const auto hit = v.tlb.find(static_cast<u32>(ea), v.virtual_ds(), v.regs.pid);
    if (ea >> 32 != 0 || hit.entry == nullptr) {
        log("effective {:x}: no TLB entry of the guest maps it in AS{} with PID {}", ea,
            v.virtual_ds() ? 1 : 0, v.regs.pid[0]);
        return false;
    }
    gpa = hit.entry->gpa(static_cast<u32>(ea));
    return true;
}

// Up to 16 bytes from `gpa`, which lie in a page. False: it is not RAM; that has been said.
bool memory_row(const Vcpu& v, bool effective, u64 address, u64 gpa, u64 bytes) {
    const auto* const region = v.memory->find(gpa);
    if (region == nullptr || !region->is_memory()) {
        log("guest-physical {:X} is not RAM: the guest has that from 0 to {:X}", gpa,
            v.memory->ram_bytes());
        return false;
    }
    begin_line();
    if (effective) {
        print("ea {:x} = gpa {:x} ", address, gpa);
    } else {
        print("gpa {:x} ", address);
    }
    char text[row_bytes + 1] = {};
    for (u64 i = 0; i < bytes; ++i) {
        const u32 byte = core::read_ram(region->hpa + (gpa - region->gpa) + i, 1);
        if (i % 4 == 0) console::put(' ');
        constexpr const char* digits = "0123456789abcdef";
        console::put(digits[byte >> 4 & 15]);
        console::put(digits[byte & 15]);
        text[i] = byte >= ' ' && byte <= '~' ? static_cast<char>(byte) : '.';
    }
    print("  {}\n", text);
    return true;
}

bool starts_with(const char* text, const char* start) {
    for (; *start != 0; ++start, ++text) {
        if (*text != *start) return false;
    }
    return true;
}

bool memory(const Call& call) {
    Vcpu& v = call.guest->vcpu;
    const char* text = call.words[0];
    const bool effective = starts_with(text, "ea:");
    if (effective) {
        text += 3;
    } else if (starts_with(text, "gpa:")) {
        text += 4;
    }
    u64 address = 0, bytes = default_bytes;
    if (!parse(text, address)) {
        log("no address: {}; it is a number, guest-physical, or ea:NUMBER, effective",
            call.words[0]);
        return false;
    }
    if (call.words[1] != nullptr &&
        (!parse(call.words[1], bytes) || bytes == 0 || bytes > most_bytes)) {
        log("BYTES is 1 to {}: {}", most_bytes, call.words[1]);
        return false;
    }
    if (address > ~u64{0} - bytes) {
        log("that is behind the last address");
        return false;
    }
    while (bytes != 0) {
        const u64 left = row_bytes - address % row_bytes, now = bytes < left ? bytes : left;
        u64 gpa = address;
        if (effective && !translate(v, address, gpa)) return false;
        if (!memory_row(v, effective, address, gpa, now)) return false;
        address += now;
        bytes -= now;
    }
    return true;
}

constexpr unsigned most_small = 64;

bool tlb(const Call& call) {
    mmu::VirtualTlb& tlb = call.guest->vcpu.tlb;
    unsigned large = 0, small = 0;
    for (unsigned i = 0; i < mmu::VirtualTlb::tlb1_entries; ++i) {
        if (!tlb.valid(tlb.tlb1(i), 1)) continue;
        ++large;
        begin_line();
        print_entry(tlb.tlb1(i), 1, i);
    }
    for (unsigned i = 0; i < tlb.sets() * mmu::VirtualTlb::ways; ++i) {
        const mmu::VirtualEntry& entry =
            tlb.set(i / mmu::VirtualTlb::ways << 12)[i % mmu::VirtualTlb::ways];
        if (!tlb.valid(entry, 0) || small++ >= most_small) continue;
        begin_line();
        print_entry(entry, 0, i % mmu::VirtualTlb::ways);
    }
    log("{}: {} entries of TLB1, {} of TLB0{}", name_of(*call.guest), large, small,
        small > most_small ? ", of which the first 64 are shown" : "");
    return true;
}

bool log_lines(const Call& /*call*/) {
    console::each_logged([](const char* line) { log("{}", line); });
    return true;
}

bool trace(const Call& call) {
    if (ask_traces(call.host)) return true;
    log("nothing is traced: boot with --trace (trace=KIB)");
    return false;
}

bool version(const Call& /*call*/) {
    log("Trapeze {} on {}, PVR {:x}, time base {} Hz, up {} ms", TRAPEZE_VERSION, board::name,
        core::read_pvr(), machine.timebase_frequency, ms(core::now()));
    return true;
}

// What is the same for all that change a guest's life.
bool done(const Guest& g, const char* what) {
    log("{}: {}", name_of(g), what);
    return true;
}
bool refuse(const Guest& g, const char* why) {
    log("{}: {}", name_of(g), why);
    return false;
}

bool start(const Call& call) {
    Guest& g = *call.guest;
    if (g.life != Life::waits && g.life != Life::over) {
        return refuse(g, "has been started; `restart` makes it anew");
    }
    ask(call.host, g, guest::ask_start);
    return done(g, "starts");
}

bool stop(const Call& call) {
    Guest& g = *call.guest;
    if (g.life == Life::over) return refuse(g, "is over already");
    ask(call.host, g, guest::ask_stop);
    return done(g, "stops");
}

bool pause(const Call& call) {
    Guest& g = *call.guest;
    if (g.life != Life::runs) return refuse(g, "does not run");
    ask(call.host, g, guest::ask_pause);
    return done(g, "is paused");
}

bool resume(const Call& call) {
    Guest& g = *call.guest;
    if (g.life != Life::paused) return refuse(g, "is not paused");
    ask(call.host, g, guest::ask_resume);
    return done(g, "goes on");
}

bool restart(const Call& call) {
    Guest& g = *call.guest;
    if (g.life == Life::waits || g.life == Life::over) return start(call);
    ask(call.host, g, guest::ask_restart);
    return done(g, "starts again");
}

}  // namespace

constinit const Command commands[] = {
    {"help", "", "this list", About::machine, 0, 0, help},
    {"guests", "[NAME]", "who there is, and in which state", About::any, 0, 0, guests},
    {"stats", "[NAME]", "time, switches, exits by cause", About::any, 0, 0, stats},
    {"report", "NAME", "where it is: registers, translations, last exits", About::one, 0, 0,
     report_of},
    {"registers", "NAME", "all of its registers", About::one, 0, 0, registers_of},
    {"dump", "NAME", "a dump of its profile", About::one, 0, 0, dump_of},
    {"memory", "NAME ADDRESS [BYTES]", "its RAM; ADDRESS is guest-physical, or ea:NUMBER",
     About::one, 1, 2, memory},
    {"tlb", "NAME", "its TLB entries", About::one, 0, 0, tlb},
    {"log", "", "the last lines of the log", About::machine, 0, 0, log_lines},
    {"trace", "", "the latest exits, switches, messages", About::machine, 0, 0, trace},
    {"version", "", "of the VMM, and what it runs on", About::machine, 0, 0, version},
    {"start", "NAME", "one that is over, or waits for it", About::one, 0, 0, start},
    {"stop", "NAME", "ends it", About::one, 0, 0, stop},
    {"pause", "NAME", "it keeps its state and gets no time", About::one, 0, 0, pause},
    {"resume", "NAME", "one that is paused", About::one, 0, 0, resume},
    {"restart", "NAME", "from its image, in memory that is cleared", About::one, 0, 0, restart},
};
constinit const unsigned command_count = std::size(commands);

}  // namespace trapeze::monitor
