// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bare.hpp"
#include "insn.hpp"

// Path lengths as lines of output: `@@path NAME TOTAL VMM CAUSE`, in tenths of an instruction
// (bench/run/paths.py). Meant for --icount.
namespace bare {

inline constexpr u32 turns = 1000, warm = 16;

class Table {
  public:
    explicit Table(const char* workload) : workload_(workload), counters_{workload} {}

    // The path of `each` operations in a turn of `with`, which each take one exit of this cause.
    // Its total is what `with` takes more than `without`, what it takes in the VMM is what the
    // exits of the cause take.
    [[gnu::noinline]] void path(const char* name, const char* cause, Loop with, Loop without,
                                u32 each = 1, u32 warming = warm, u32 slack = 0) {
        const auto [a, b] = both(with, without, warming);
        row(name, cause, a, b, turns * each, slack);
    }
    // In kernel mode, against an empty loop.
    [[gnu::noinline]] void path(const char* name, const char* cause, const Words& body, u32 r5 = 0,
                                u32 each = 1) {
        path(name, cause, {.body = body, .r5 = r5}, {}, each);
    }
    void privileged(const char* name, const Words& body, u32 r5 = 0, u32 each = 1) {
        path(name, "privileged", body, r5, each);
    }

    // `slack`: how many operations may have had no exit of their own, or exits no operation.
    void row(const char* name, const char* cause, const Measured& with, const Measured& without,
             u32 operations, u32 slack = 0) {
        Line line;
        line << "@@path " << name << " ";
        line << tenths(with.ticks - without.ticks, operations) << " ";
        if (!counters_.present()) {
            (line << "- " << cause).print();
            return;
        }
        const unsigned i = counters_.find(cause);
        if (i == counters_.causes()) failed(name, "no exits are counted under its cause");
        const u64 exits = with.exits.count[i] - without.exits.count[i];
        if (exits > operations + slack || exits + slack < operations || exits == 0) {
            (Line() << "# " << name << ": " << exits << " exits in " << operations).print();
            failed(name, "its exits are not of the cause that was expected");
        }
        const u64 ticks = with.exits.ticks[i] - without.exits.ticks[i];
        (line << tenths(ticks, exits) << " " << cause).print();
    }

    // Of an instruction that has been replaced: it takes no exit.
    [[gnu::noinline]] void patched(const char* name, const Words& with, const Words& without) {
        const auto [a, b] = both({.body = with}, {.body = without}, warm);
        if (counters_.present()) {
            for (unsigned i = 0; i < counters_.causes(); ++i) {
                const bool same = a.exits.count[i] == b.exits.count[i];
                if (!same) failed(name, "what needs no exit has taken one");
            }
        }
        (Line() << "@@path " << name << " " << tenths(a.ticks - b.ticks, turns) << " 0 none")
            .print();
    }

    // What `operation` takes, which may be any number of exits, all of this cause, or of none, what
    // calls it included. Once before, for what is slow the first time.
    template <typename Operation>
    void work(const char* name, const char* cause, u32 operations, const Operation& operation) {
        const unsigned i = counters_.find(cause), beats = counters_.find("heartbeat");
        for (unsigned attempt = 0; attempt < 8; ++attempt) {
            operation();
            counters_.start();
            const u32 from = isa::timebase();
            for (u32 n = 0; n < operations; ++n) operation();
            const u32 ticks = isa::timebase() - from;
            const Exits exits = counters_.stop();
            if (counters_.present() && exits.count[beats] != 0) continue;
            const u64 inside = i == counters_.causes() ? 0 : exits.ticks[i];
            (Line() << "@@path " << name << " " << tenths(ticks, operations) << " "
                    << tenths(inside, operations) << " " << cause)
                .print();
            return;
        }
        failed(workload_, "every measurement was hit by a heartbeat");
    }

    // Measures until no heartbeat of the VMM is in it.
    Measured undisturbed(const Loop& loop, u32 n, u32 warming) {
        for (unsigned attempt = 0; attempt < 8; ++attempt) {
            const Measured m = measure(counters_, workload_, loop, n, warming);
            if (!counters_.present() || m.exits.count[counters_.find("heartbeat")] == 0) return m;
        }
        failed(workload_, "every measurement was hit by a heartbeat");
    }
    ExitCounters& counters() { return counters_; }

    static u64 tenths(u64 ticks, u64 operations) {
        return (ticks * 25 + operations / 2) / operations;
    }

  private:
    struct Both {
        Measured a, b;
    };
    Both both(Loop with, Loop without, u32 warming) {
        const Measured a = undisturbed(with, turns, warming);
        // A turn of a multiple of 5 instructions keeps step with the time base: the VMM would
        // read it at the same phase each time, and its share would be off by up to two.
        const u64 turn = (u64{a.ticks} * 5 + turns) / (u64{turns} * 2);
        if (turn % 5 != 0) return {a, undisturbed(without, turns, warming)};
        with.body.prepend(isa::insn::nop);
        without.body.prepend(isa::insn::nop);
        return {undisturbed(with, turns, warming), undisturbed(without, turns, warming)};
    }

    const char* workload_;
    ExitCounters counters_;
};

}  // namespace bare
