// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/guest/guest.hpp"

namespace trapeze::monitor {

using e500::u32;
using e500::u64;

// What a guest's exits ask of the monitor.
extern const guest::Events events;

// Does `what` while the core, which has v's state, has that of `g`: the registers, and the TLB that
// text is read through. False if `g` has none: it waits for its start, or is over.
bool on_core(vcpu::Vcpu& v, guest::Guest& g, void (*what)(vcpu::Vcpu& v));

// Asks it of a guest's core; at once if that is the one whose state is v's, which asks. A report or
// dump comes when the core decides anew who runs.
void ask(vcpu::Vcpu& v, guest::Guest& g, guest::Ask what);

// The shell (docs/monitor.md): true if `byte`, which has come for the VMM or is -1, belongs to a
// command. The rest of its line is read if it is there; a whole line is done and answered.
bool takes_command(vcpu::Vcpu& v, int byte);

// A request on the VMM's console, if one has come.
void requests(vcpu::Vcpu& v);
// Guest::Ask: a report, a dump, the end.
void asked(vcpu::Vcpu& v, u32 what);
// Once per heartbeat: requests, periodic dumps, and whether the guest is alive.
void heartbeat(vcpu::Vcpu& v);
// Once when the guest has ended: report, dump, summary. Returns when another guest has the core;
// the machine goes off with its last one.
void conclude(vcpu::Vcpu& v);

// The machine goes: off, or on from the start for End::reset. What its trace has comes before.
void end_machine(vcpu::End how);

// Why the guest is where it is, in words (docs/reports.md): registers, instruction, TLB entries,
// the last exits.
void report(vcpu::Vcpu& v, const char* headline);

// The rest of a line: an entry of the guest's TLB.
void print_entry(const mmu::VirtualEntry& entry, unsigned tlb, unsigned index);
// What the rows of vcpu/registers.hpp say of the guest that the core has.
void print_registers(vcpu::Vcpu& v);
// The report of a guest that goes on.
void tell(vcpu::Vcpu& v);

// The "@@trapeze-summary" line; `now` is the time base at which the guest's time ends.
void summary(vcpu::Vcpu& v, u64 now);

// The profile, as lines between "@@trapeze-dump" and "@@trapeze-dump-end" (docs/dump-format.md).
enum class Dump : e500::u8 {
    end,
    request,
    periodic,
    live  // what has changed since the last one
};
void dump(vcpu::Vcpu& v, Dump kind, u64 now);

// What the core's trace has, or the latest `most` records of it, as lines between
// "@@trapeze-trace" and "@@trapeze-trace-end" (docs/trace.md); nothing if it has none.
void print_trace(core::Core& c, u32 most = ~0U);
// Of all cores, a log line for each. A guest stands still for as long as its core's takes: so on
// request it is these many records. False if there is none.
inline constexpr u32 requested_records = 4096;
bool ask_traces(vcpu::Vcpu& v);
// All that there is, of all cores, when nothing runs any more.
void print_traces();

}  // namespace trapeze::monitor
