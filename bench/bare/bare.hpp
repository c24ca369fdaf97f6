// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "isa.hpp"

// What the bare-metal benchmarks share: words on the command line, the exit counters, loops that
// are measured, lines of the benchmarks' output.
namespace bare {

using isa::u32;
using isa::u64;

// One line of output, cut when it is longer than any that is right.
class Line {
  public:
    Line& operator<<(const char* text);
    Line& operator<<(u32 value) { return *this << u64{value}; }
    Line& operator<<(u64 value);
    void print() const { isa::print("{}", {text_}); }

  private:
    char text_[1024] = {};
    u32 length_ = 0;
};

// Whether the guest's command line (/chosen/bootargs) has this word.
bool word_given(const char* word);

// A word list for code to measure.
struct Words {
    static constexpr u32 most = 48;
    constexpr Words(std::initializer_list<u32> list = {}) {  // NOLINT(google-explicit-constructor)
        for (const u32 w : list) word[count++] = w;
    }
    static constexpr Words repeated(u32 w, u32 times) {
        Words words;
        while (words.count < times) words.word[words.count++] = w;
        return words;
    }
    void prepend(u32 w) {
        for (u32 i = count++; i > 0; --i) word[i] = word[i - 1];
        word[0] = w;
    }
    u32 word[most] = {};
    u32 count = 0;
};

// The VMM's exit counters between two points in time (docs/devices.md). All zero without them.
struct Exits {
    static constexpr unsigned most = 32;
    u64 count[most], ticks[most];  // by cause
    u64 kind[most];                // emulated instructions
    Exits& operator-=(const Exits& other);
};

// The device with the exit counters. It is there when the command line has the word `exits`;
// natively its address is not to be touched.
class ExitCounters {
  public:
    // Ends the program with a line if the word is given but the device is not there.
    explicit ExitCounters(const char* workload);
    bool present() const { return present_; }
    unsigned causes() const { return causes_; }
    const char* cause(unsigned i) const { return cause_[i]; }
    // The cause of this name, `causes()` if there is none.
    unsigned find(const char* name) const;

    void start();
    // What happened since start(), without the exits that reading the counters takes.
    Exits stop();
    // CAUSE=COUNT,... and KIND=COUNT,..., `-` when there is nothing.
    void append(Line& line, const Exits& exits) const;

  private:
    u32 load(u32 offset);
    u64 load_pair(u32 offset);
    void read(Exits& exits);

    bool present_;
    unsigned causes_ = 0, kinds_ = 0;
    char names_[1024] = {};
    const char *cause_[Exits::most] = {}, *kind_[Exits::most] = {};
    unsigned mmio_ = 0;
    u32 loads_ = 0;  // from the device since start() latched
    Exits begin_ = {};
};

// A loop in kernel or user mode. Its registers: r4 = 0, r19 the counter, r20 and r21 the clock;
// the others are the body's. LR and r28 hold the address behind the body, for handlers.
struct Loop {
    Words body = {};
    Words before = {}, after = {};  // once, before and after the clock is read
    u32 msr = 0;
    u32 r5 = 0, r6 = 0, r7 = 0, r8 = 0, r9 = 0, r26 = 0, r27 = 0, ctr = 0;
    bool ends_with_sc = false;  // else with a trap: whichever interrupt the body leaves alone
};
struct Measured {
    u32 ticks;
    Exits exits;
    u32 r25;  // what handlers counted
};
// Runs `warm` turns, then `turns` turns that are measured. Each call's code has a place of its
// own, so that no trap site is another's; the room is enough for some 200 calls.
Measured measure(ExitCounters& counters, const char* workload, const Loop& loop, u32 turns,
                 u32 warm);

// One sample of a workload.
void report(const ExitCounters& counters, const char* workload, const char* metric, u32 operations,
            u32 ticks, const Exits& exits);
[[noreturn]] void failed(const char* workload, const char* why);

// External interrupts go to the hook as ever, and the time of the handler's first instruction is
// noted: what the support library saves before the hook is the guest's business.
void note_external();
u32 noted_time();

inline constexpr unsigned samples = 5;

}  // namespace bare
