// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/field.hpp"

// The serial port that a guest has: a 16550A (National Semiconductor PC16550D), as QEMU's board has
// it. A state machine that touches no hardware: who has it moves bytes, to where its transmitter
// sends and from where its receiver gets them, and takes them at once or later.
//
// Nothing is lost either way. The transmitter is not empty (LSR[THRE]) before all it holds has been
// taken; the receiver says what room it has, and gets no more. Rates and break are kept and have no
// effect. A received byte below the trigger level is a character timeout at once, as if four
// characters' time were over.
namespace trapeze::dev {

using e500::u32;
using e500::u8;

class Uart16550 {
  public:
    static constexpr unsigned registers = 8, fifo_bytes = 16;

    void start();

    // `reg` is 0 to 7.
    u32 read(u32 reg);
    void write(u32 reg, u32 value);
    // Whether its interrupt line is up.
    bool interrupt() const { return cause() != no_interrupt; }

    // The byte that goes next, if there is one; it stays until it is taken.
    bool sends() const { return state_.transmit.count != 0; }
    u8 next_sent() const { return state_.transmit.bytes[state_.transmit.first]; }
    void taken() {
        get(state_.transmit);
        if (state_.transmit.count == 0) state_.empty_asked = 1;
    }

    // Whether a byte that is written now goes at once, and that it has gone, past the FIFO.
    bool passes() const {
        return state_.transmit.count == 0 && !(state_.line_control & divisor_latch) &&
               !(state_.modem_control & loop);
    }
    void passed() { state_.empty_asked = 1; }

    // How many bytes it can receive now.
    unsigned room() const;
    // Gives it one. More than there is room for overruns it: the last one is lost (LSR[OE]).
    void receive(u8 byte);

    static unsigned saved_size();
    void save(u8* to) const;
    // Null, or the name of the row that is not right, with nothing changed.
    const char* load(const u8* from);

    struct Fifo {
        u8 bytes[fifo_bytes];
        u8 first, count;
    };
    // All there is to save, described by the rows in uart16550.cpp.
    struct State {
        u8 enables, fifo_control, line_control, modem_control, scratch;
        u8 divisor[2];
        u8 overrun;      // LSR[OE]
        u8 last;         // what the receiver buffer holds on to without its FIFO
        u8 empty_asked;  // the transmitter's interrupt waits to be seen
        Fifo transmit, received;
    };

  private:
    // Bits of the enables; values of the identification register; the trigger in FIFO control.
    static constexpr u32 enable_received = 1, enable_empty = 2, enable_line_status = 4;
    static constexpr u32 no_interrupt = 1, is_empty = 2, is_received = 4, is_line_status = 6,
                         is_timeout = 12;
    static constexpr unsigned trigger_shift = 6;
    static constexpr u32 divisor_latch = 0x80, loop = 0x10;  // in line and modem control

    u32 cause() const;
    static u8 get(Fifo& f) {
        const u8 byte = f.bytes[f.first];
        f.first = (f.first + 1) % fifo_bytes;
        --f.count;
        return byte;
    }
    u32 line_status() const;
    u32 modem_status() const;
    u32 take_byte();
    void send(u8 byte);
    void set_fifo_control(u32 value);
    bool fifos() const { return (state_.fifo_control & 1) != 0; }

    State state_;
};

// The most urgent of what it asks for, as the identification register tells it (PC16550D 8.6).
inline u32 Uart16550::cause() const {
    const u32 enables = state_.enables, count = state_.received.count;
    if ((enables & enable_line_status) && state_.overrun != 0) return is_line_status;
    if ((enables & enable_received) && count != 0) {
        constexpr u8 levels[] = {1, 4, 8, 14};
        const bool enough = !fifos() || count >= levels[state_.fifo_control >> trigger_shift];
        return enough ? is_received : is_timeout;
    }
    return (enables & enable_empty) && state_.empty_asked != 0 ? is_empty : no_interrupt;
}

}  // namespace trapeze::dev
