// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "access.hpp"
#include "dbt/decode.hpp"
#include "option.hpp"
#include "tlb.hpp"

extern "C" char vectors[], bss_start[];

// What the attacks share: a seed and a number of rounds from the command line, random numbers and
// instructions, a way to try one or some of them and to come back whatever they did, if the guest
// lives. None of them knows what is right: tests/system/attacks.py looks from outside.
namespace siege {

using namespace isa;
namespace dbt = trapeze::dbt;

// The same numbers from the same seed, on every machine.
class Random {
  public:
    explicit Random(u32 seed) : state_(u64{seed} * 0x9e37'79b9'7f4a'7c15ULL + 0x1234'5678) {}
    u32 word() {  // splitmix64
        u64 z = state_ += 0x9e37'79b9'7f4a'7c15ULL;
        z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9ULL;
        z = (z ^ z >> 27) * 0x94d0'49bb'1331'11ebULL;
        return static_cast<u32>((z ^ z >> 31) >> 16);
    }
    u32 below(u32 n) { return word() % n; }
    bool once_in(u32 n) { return below(n) == 0; }
    template <typename T, u32 n>
    T of(const T (&choices)[n]) {
        return choices[below(n)];
    }

  private:
    u64 state_;
};

// An address that somebody might guard: the program's memory, devices, the VMM's range, register
// pages, where stubs stand, ends of everything; now and then any. With an offset or near an edge.
u32 address(Random& random);
// Whether address() leaves out the program's own text, stack and frames: it lives longer then.
inline bool spared = true;
// A value: a word with few or many bits, an address, a small number.
u32 value(Random& random);
// MSR bits for code to run with. Always ME and CE, so that it can come back, and never WE: nothing
// might wake it.
u32 state(Random& random);
// A word of one of the decoder's rows, its fields random; of these kinds only, if some are named.
u32 instruction(Random& random);
u32 instruction(Random& random, std::initializer_list<dbt::Kind> kinds);

// Registers of frame `f`: values and addresses; LR and CTR lead back to the end of the code.
void fill(Random& random, Frame& f);

// What attempts ended in, so that a program can say that it did something.
inline u32 attempts, interrupts[vector_count];
void summary(const char* what);

// Runs from f.nip up to a system call, or for `most` interrupts at most; each but that steps over
// its instruction. False if it ended elsewhere than at a system call.
bool attempt(Frame& f, u32 most = 8);
// TCR with the watchdog's event where this bit of the time base becomes 1.
constexpr u32 watchdog_period(u32 bit) { return (63 - bit) % 4 << 30 | (63 - bit) / 4 << 17; }
// The period from now on, 10 ms at first: where time is the host's that is little.
void set_watchdog(u32 bit);
// From the first decrementer interrupt of an attempt on, the next come after so many ticks; 0 for
// the usual distance.
void set_reload(u32 ticks);
// The words, with a system call behind them, placed and run in this state and with these registers.
bool attempt(Random& random, Frame& f, std::initializer_list<u32> words, u32 most = 8);

// Puts the core's state right again: translations of the program and devices, vectors, timers,
// PIDs, debugging, and what was written over its text.
void recover();
// To be called once, before anything is done but set_watchdog(): keeps text and data for recover().
void begin();

}  // namespace siege
