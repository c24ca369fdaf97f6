// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/field.hpp"

// The interrupt controller that a guest has: Freescale's MPIC 4.2 as QEMU's ppce500 board has it
// (OpenPIC 1.2; MPC8548E manual chapter 10, P2020 manual chapter 9 for the external proxy). A state
// machine that touches no hardware: lines go in, outputs to virtual cores come out.
//
// Inputs are the 256 sources (0 to 15 from outside, edge or level; 16 to 255 of the chip, level;
// among these, from 224 on, the eight of message-signalled interrupts; 160 to 175, which the board
// has nothing at, are edges here), four interprocessor
// interrupts and four timers. An input *asks* while it waits to be taken and is not masked. The
// external output of a core is up while the most urgent input that asks it has a priority above
// the task priority and above what is in service. Critical output: while any input that is
// directed there asks.
//
// Where board and manual differ the board is followed: an edge that comes while its source is
// masked waits until it is not.
namespace trapeze::dev {

using e500::u32;
using e500::u8;

class Openpic {
  public:
    static constexpr unsigned most_vcpus = 2;
    static constexpr unsigned sources = 256, first_internal = 16;
    static constexpr unsigned first_message = 224, messages = 8;
    static constexpr unsigned first_edge = 160, edges = 16;
    static constexpr unsigned first_ipi = sources, ipis = 4;
    static constexpr unsigned first_timer = first_ipi + ipis, timers = 4;
    static constexpr unsigned inputs = first_timer + timers;
    static constexpr unsigned none = ~0u;

    enum class Output : u8 { external, critical, machine_check };

    // What came of a register write, for who drives the lines.
    struct Outcome {
        enum Kind : u8 { nothing, ended, configured, reset } kind;
        unsigned input;  // whose interrupt has ended, or which source was configured
    };

    // Once, and after a reset of the guest. `vcpus` is at most most_vcpus.
    void start(unsigned vcpus);

    // Register accesses by core `vcpu`. `offset` counts from the controller's start, 0 to 0x3ffff,
    // and `size` is 1, 2 or 4. Registers are words; a narrow access at the first byte is one of the
    // word, whose upper bytes are the narrow ones and the lower ones zero; elsewhere a narrow store
    // does nothing, and a load has no effect.
    u32 read(u32 offset, unsigned size, unsigned vcpu);
    Outcome write(u32 offset, unsigned size, u32 value, unsigned vcpu);

    // A source's line goes up or down.
    void set_line(unsigned source, bool up);
    // An edge of a source whose line nobody keeps.
    void pulse(unsigned source);
    bool output(unsigned vcpu, Output which) const {
        if (which == Output::critical) return critical_[vcpu].occupied != 0;
        if (which != Output::external || best_[vcpu] == none) return false;
        const unsigned own = priority(best_[vcpu]);
        return own > state_.task_priority[vcpu] &&
               (served_[vcpu] == none || own > priority(served_[vcpu]));
    }
    // The input that the external output is up for, or would be but for priorities; or `none`.
    unsigned candidate(unsigned vcpu) const { return best_[vcpu]; }
    // One of those that the critical output is up for, or `none`.
    unsigned critical_candidate(unsigned vcpu) const;
    // Takes what the external output is up for: its vector, or the spurious one.
    u32 acknowledge(unsigned vcpu);

    bool proxy() const { return (state_.mode & mode_mask) == mode_proxy; }
    bool level_sensitive(unsigned input) const;
    bool masked(unsigned input) const { return (state_.vector_priority[input] & mask) != 0; }
    bool line(unsigned source) const { return state_.line[source] != 0; }
    // Sense and polarity as in the source's register.
    u32 sense(unsigned source) const { return state_.vector_priority[source] & (polarity | level); }

    // The timers count in ticks of their own clock. How many until the next one that is not
    // masked is over; `none`: there is none.
    u32 next_timer() const;
    bool timers_run() const;
    void advance(u32 ticks);

    // Bytes that save() writes and load() reads.
    static unsigned saved_size();
    void save(u8* to) const;
    // Null, or the name of the row that is not right, with nothing changed.
    const char* load(const u8* from);

    // Bits of a source's vector and priority register.
    static constexpr u32 mask = 0x8000'0000u, activity = 0x4000'0000u;
    static constexpr u32 polarity = 0x0080'0000u, level = 0x0040'0000u;
    static constexpr u32 priority_mask = 0x000f'0000u, vector_mask = 0xffffu;

    static constexpr unsigned words = (inputs + 31) / 32;

    // All there is to save, described by the rows in openpic.cpp.
    struct State {
        u32 vcpus;
        u32 mode, spurious, timer_frequency;
        u32 vector_priority[inputs];  // as the registers, without activity
        u32 destination[inputs];
        u32 task_priority[most_vcpus];
        u32 in_service[most_vcpus][words];
        u32 message[messages];  // of each, the 32 that have come
        u32 timer_base[timers], timer_count[timers], timer_toggle[timers];
        u8 waiting[inputs];  // the cores that have not taken it yet
        u8 target[inputs];   // Output
        u8 line[inputs];
    };

  private:
    static constexpr u32 mode_mask = 0x6000'0000u, mode_proxy = 0x6000'0000u;

    // A set of inputs that is quick to look through while few are in it.
    struct Set {
        u32 bits[words];
        u32 occupied;  // words with a bit
        void put(unsigned input, bool in);
    };

    unsigned priority(unsigned input) const { return state_.vector_priority[input] >> 16 & 15; }
    unsigned highest(const u32* bits, u32 occupied) const;
    void derive();
    void reset_controller();
    void update(unsigned input);
    bool settled_by_end(unsigned input) const;
    void update_service(unsigned vcpu);
    void raise(unsigned input, u32 vcpus);
    u32 vector_priority(unsigned input) const;
    void set_vector_priority(unsigned input, u32 value);
    void set_target(unsigned source, u32 value);
    unsigned end(unsigned vcpu);
    u32 read_word(u32 offset, unsigned vcpu);
    u32 read_global(u32 offset, unsigned vcpu);
    u32 read_timer(u32 offset) const;
    u32 read_message(u32 offset);
    u32 read_source(u32 offset) const;
    u32 read_core(u32 offset, unsigned vcpu);
    Outcome write_global(u32 offset, u32 value, unsigned vcpu);
    void write_timer(u32 offset, u32 value);
    void write_message(u32 offset, u32 value);
    Outcome write_source(u32 offset, u32 value);
    Outcome write_core(u32 offset, u32 value, unsigned vcpu);

    State state_;
    // Derived of it.
    Set asking_[most_vcpus], critical_[most_vcpus];
    u32 served_words_[most_vcpus];  // of in_service, with a bit
    unsigned best_[most_vcpus], served_[most_vcpus];
};

}  // namespace trapeze::dev
