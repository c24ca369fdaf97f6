// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/insn.hpp"
#include "hv/core/e500.hpp"

namespace trapeze::vcpu {

using e500::u32;
using e500::u64;
using e500::u8;

// Why the guest was left. Names as they stand in every output (docs/exits.md).
enum class Cause : u8 {
    privileged,   // privileged instruction of the guest kernel, emulated
    syscall,      // sc
    dtlb_shadow,  // data TLB miss that the virtual TLB hits: shadow refilled
    itlb_shadow,  // the same for a fetch
    dtlb_guest,   // data TLB miss reflected to the guest
    itlb_guest,   // the same for a fetch
    dsi,          // data storage interrupt
    isi,          // instruction storage interrupt
    mmio,         // access to a trapped device, emulated
    tracing,      // access to what only fetches may see: patched text, stubs (docs/patching.md)
    text_write,   // store to text that is executed from its patched copy
    program,      // illegal, trap or user-mode privileged instruction, reflected
    alignment,
    unavailable,  // FP, SPE, AP unavailable, SPE data and round
    external,
    decrementer,
    heartbeat,  // the VMM's own fixed-interval tick (and the guest's)
    critical,   // critical input, watchdog
    machine_check,
    debug,
    hypercall,  // sc 1 of a guest that has hypercalls
    count
};
inline constexpr unsigned cause_count = static_cast<unsigned>(Cause::count);
const char* name(Cause cause);

// Time of exits of one cause, in time-base ticks from the VMM's first instruction that reads the
// time base to the last (entry and return themselves are the hardware's).
struct ExitStats {
    u32 count;
    u32 ticks;  // since the last fold()
    u32 min;
    u32 max;
    u64 folded_count;
    u64 folded_ticks;

    // Keeps the 32-bit counters of the hot paths from wrapping: called at every heartbeat.
    void fold() {
        folded_count += count;
        folded_ticks += ticks;
        count = 0;
        ticks = 0;
    }
    void add(u32 t) {
        ++count;
        ticks += t;
        if (t < min) min = t;
        if (t > max) max = t;
    }
};

// Counters of emulated instructions, by what they do.
enum class Counter : u8 {
    mfmsr,
    mtmsr,
    wrtee,
    wrteei,
    rfi,
    rfci,
    rfmci,
    mfspr,
    mtspr,
    tlbwe,
    tlbre,
    tlbsx,
    tlbivax,
    tlbsync,
    dcbi,
    cache_lock,
    mfpmr,
    mtpmr,
    count
};
inline constexpr unsigned counter_count = static_cast<unsigned>(Counter::count);
const char* name(Counter counter);

namespace detail {

struct CounterTable {
    Counter of[dbt::op_count];
};
constexpr CounterTable make_counters() {
    using dbt::Op;
    struct Row {
        Op op;
        Counter counter;
    };
    constexpr Row rows[] = {
        {Op::mfmsr, Counter::mfmsr},       {Op::mtmsr, Counter::mtmsr},
        {Op::wrtee, Counter::wrtee},       {Op::wrteei, Counter::wrteei},
        {Op::rfi, Counter::rfi},           {Op::rfci, Counter::rfci},
        {Op::rfmci, Counter::rfmci},       {Op::mfspr, Counter::mfspr},
        {Op::mtspr, Counter::mtspr},       {Op::tlbwe, Counter::tlbwe},
        {Op::tlbre, Counter::tlbre},       {Op::tlbsx, Counter::tlbsx},
        {Op::tlbivax, Counter::tlbivax},   {Op::tlbsync, Counter::tlbsync},
        {Op::dcbi, Counter::dcbi},         {Op::dcblc, Counter::cache_lock},
        {Op::dcbtls, Counter::cache_lock}, {Op::dcbtstls, Counter::cache_lock},
        {Op::icblc, Counter::cache_lock},  {Op::icbtls, Counter::cache_lock},
        {Op::mfpmr, Counter::mfpmr},       {Op::mtpmr, Counter::mtpmr},
    };
    CounterTable table{};
    for (auto& counter : table.of) counter = Counter::count;
    for (const auto& row : rows) table.of[static_cast<unsigned>(row.op)] = row.counter;
    return table;
}
inline constexpr CounterTable counters = make_counters();

}  // namespace detail

// Where an emulated instruction is counted; Counter::count: nowhere.
inline Counter counter_of(dbt::Op op) { return detail::counters.of[static_cast<unsigned>(op)]; }

}  // namespace trapeze::vcpu
