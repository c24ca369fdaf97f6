// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/vcpu/exits.hpp"

// Whether the guest gets on, judged by what has happened since the last look at it and not by where
// a look finds it: a heartbeat may well fall on the same few instructions each time
// (docs/reports.md).
namespace trapeze::vcpu {

// What a heartbeat sees. Exits are counted since the guest's start.
struct Look {
    u64 now;                 // time, as of core/clock.hpp
    u64 exits[cause_count];  // by cause
    // Changes with interrupts that the guest took from its devices and timers, times that it was
    // seen to set MSR[EE] or to enter user mode, characters that it wrote to its console, ticks
    // that it waited.
    u64 signs;
    u32 nip;
    u32 state;                  // a digest of its registers
    bool enabled, user, waits;  // MSR[EE], MSR[PR], MSR[WE]
    bool branches_to_self;      // the instruction at `nip`
    bool expects;               // MSR[EE] is set, and a timer of its own will come
};

enum class Verdict : u8 {
    alive,
    quiet,    // nothing seen: what it does from now on is to be noted (Progress::watches)
    step,     // quiet, and it may not even complete an instruction: to be seen by single step
    masked,   // the guest kernel kept interrupts disabled,
    spins,    // or branches to itself,
    stalled,  // or one instruction of it is begun again and again
};

class Progress {
  public:
    // Ticks that one look can count for: a longer gap is the host's doing, not the guest's.
    static constexpr u64 longest_gap = u64{1} << 25;
    // However few ticks the limit is, so many looks in a row must have found nothing.
    static constexpr u32 fewest_looks = 4;
    // Exits between two looks, all at one instruction, that make single step worth while.
    static constexpr u64 many = 64;

    void start(u64 now) { seen_ = now; }
    // Judges what happened since the last look. `limit`: ticks without a sign of life after which a
    // guest is stuck; 0: never, but for `stalled`.
    Verdict look(const Look& now, u64 limit);
    // The single step that `step` asked for is over: the guest has completed an instruction.
    void stepped() { asked_ = false; }

    // After `stalled`: which exits these were, and how many since the guest completed anything.
    Cause cause() const { return cause_; }
    u64 repeats() const { return repeats_; }

  private:
    bool stalls(const Look& now, bool same);

    u64 seen_ = 0;   // time of the last look
    u64 quiet_ = 0;  // ticks without a sign of life, up to then,
    u32 looks_ = 0;  // and looks
    u64 exits_[cause_count] = {};
    u64 signs_ = 0;
    u32 nip_ = 1, state_ = 0;
    bool asked_ = false;  // for a single step
    Cause cause_ = Cause::count;
    u64 repeats_ = 0;
};

// The same for exits that leave no room for a heartbeat: how often in a row the guest was where it
// is.
class Repeats {
  public:
    static constexpr u32 between_requests = 256, most = 1u << 16;
    enum class Next : u8 {
        go_on,
        requests,  // so long that somebody may wait for an answer on the VMM's console
        stalled
    };

    // `exits`: how many of its kind there were before this one. In a row are those without another
    // between them.
    Next again(u32 nip, u64 exits) {
        count_ = nip == nip_ && exits == exits_ + 1 ? count_ + 1 : 1;
        nip_ = nip;
        exits_ = exits;
        if (count_ >= most) return Next::stalled;
        return count_ % between_requests == 0 ? Next::requests : Next::go_on;
    }
    u32 count() const { return count_; }

  private:
    u32 nip_ = 0, count_ = 0;
    u64 exits_ = 0;
};

// A digest of `count` words, which differs if one of them does, most likely.
u32 digest(const u32* words, unsigned count, u32 seed = 0);

// "no progress: isi at 00010040 repeated 1234 times ...", into `text`, cut off if it does not fit.
void describe_stall(char* text, unsigned size, Cause cause, u32 nip, u64 repeats);

}  // namespace trapeze::vcpu
