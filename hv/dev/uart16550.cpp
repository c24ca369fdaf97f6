// SPDX-License-Identifier: Apache-2.0
#include "hv/dev/uart16550.hpp"

namespace trapeze::dev {

using core::Field;
using e500::u16;

namespace {

enum Register : u32 {
    data,              // and the divisor's low byte
    interrupt_enable,  // and its high byte
    identification,    // written: FIFO control
    line_control_register,
    modem_control_register,
    line_status_register,
    modem_status_register,
    scratch_register
};

constexpr u32 all_enables = 15, fifos_on = 0xc0;
namespace fifo {
constexpr u32 on = 1, reset_receiver = 2, reset_transmitter = 4, kept = 0xc9;
}
namespace line {
constexpr u32 ready = 1, overrun = 2, holding_empty = 0x20, all_empty = 0x40;
}
namespace modem {
constexpr u32 implemented = 0x1f, out2 = 8;
// Nobody is at the other end who would say otherwise.
constexpr u32 ready = 0xb0;  // carrier, data set ready, clear to send
}  // namespace modem

using State = Uart16550::State;

constexpr Field row(const char* name, std::size_t offset, unsigned count, u32 reset, u32 legal) {
    return {name, static_cast<u16>(offset), static_cast<u16>(count), 1, reset, legal};
}

constexpr std::size_t transmit_at = offsetof(State, transmit),
                      received_at = offsetof(State, received);
using Fifo = Uart16550::Fifo;

constexpr Field rows[] = {
    row("enables", offsetof(State, enables), 1, 0, all_enables),
    row("fifo_control", offsetof(State, fifo_control), 1, 0, fifo::kept),
    row("line_control", offsetof(State, line_control), 1, 0, 0xff),
    row("modem_control", offsetof(State, modem_control), 1, modem::out2, modem::implemented),
    row("scratch", offsetof(State, scratch), 1, 0, 0xff),
    row("divisor_low", offsetof(State, divisor), 1, 12, 0xff),
    row("divisor_high", offsetof(State, divisor) + 1, 1, 0, 0xff),
    row("overrun", offsetof(State, overrun), 1, 0, 1),
    row("last", offsetof(State, last), 1, 0, 0xff),
    row("empty_asked", offsetof(State, empty_asked), 1, 0, 1),
    row("transmit", transmit_at + offsetof(Fifo, bytes), Uart16550::fifo_bytes, 0, 0xff),
    row("transmit_first", transmit_at + offsetof(Fifo, first), 1, 0, Uart16550::fifo_bytes - 1),
    row("transmit_count", transmit_at + offsetof(Fifo, count), 1, 0, 31),
    row("received", received_at + offsetof(Fifo, bytes), Uart16550::fifo_bytes, 0, 0xff),
    row("received_first", received_at + offsetof(Fifo, first), 1, 0, Uart16550::fifo_bytes - 1),
    row("received_count", received_at + offsetof(Fifo, count), 1, 0, 31),
};

bool put(Fifo& f, u8 byte) {
    if (f.count == Uart16550::fifo_bytes) return false;
    f.bytes[(f.first + f.count) % Uart16550::fifo_bytes] = byte;
    ++f.count;
    return true;
}
}  // namespace

unsigned Uart16550::saved_size() { return saved_bytes(rows); }
void Uart16550::save(u8* to) const { save_fields(state_, rows, to); }
const char* Uart16550::load(const u8* from) {
    State fresh = state_;
    if (const char* const wrong = load_fields(fresh, rows, from)) return wrong;
    if (fresh.transmit.count > fifo_bytes) return "transmit_count";
    if (fresh.received.count > fifo_bytes) return "received_count";
    state_ = fresh;
    return nullptr;
}

void Uart16550::start() { reset_fields(state_, rows); }

u32 Uart16550::line_status() const {
    return (state_.received.count != 0 ? line::ready : 0) |
           (state_.overrun != 0 ? line::overrun : 0) |
           (sends() ? 0 : line::holding_empty | line::all_empty);
}

// In the loop the outputs are the inputs.
u32 Uart16550::modem_status() const {
    const u32 control = state_.modem_control;
    if (!(control & loop)) return modem::ready;
    return (control & 0x0c) << 4 | (control & 2) << 3 | (control & 1) << 5;
}

unsigned Uart16550::room() const {
    if (state_.modem_control & loop) return 0;
    const unsigned most = fifos() ? fifo_bytes : 1;
    return state_.received.count < most ? most - state_.received.count : 0;
}

void Uart16550::receive(u8 byte) {
    if (!fifos() && state_.received.count != 0) {
        get(state_.received);
        state_.overrun = 1;
    }
    if (!put(state_.received, byte)) state_.overrun = 1;
    state_.last = byte;
}

u32 Uart16550::take_byte() {
    if (state_.received.count != 0) return get(state_.received);
    return fifos() ? 0 : state_.last;
}

void Uart16550::send(u8 byte) {
    state_.empty_asked = 0;
    if (state_.modem_control & loop) {
        receive(byte);
        state_.empty_asked = 1;
        return;
    }
    // What is written though there is no room takes the place of what has waited longest, or
    // without FIFO of the one there is.
    Fifo& f = state_.transmit;
    if (f.count == (fifos() ? fifo_bytes : 1)) get(f);
    put(f, byte);
}

void Uart16550::set_fifo_control(u32 value) {
    // A change of the mode empties both.
    if ((value ^ state_.fifo_control) & fifo::on) {
        value |= fifo::reset_receiver | fifo::reset_transmitter;
    }
    if (value & fifo::reset_receiver) state_.received.count = 0;
    if (value & fifo::reset_transmitter) {
        state_.transmit.count = 0;
        state_.empty_asked = 1;
    }
    state_.fifo_control = static_cast<u8>(value & fifo::kept);
}

u32 Uart16550::read(u32 reg) {
    const bool divisor = (state_.line_control & divisor_latch) != 0 && reg <= interrupt_enable;
    if (divisor) return state_.divisor[reg];
    switch (reg) {
        case data:
            return take_byte();
        case interrupt_enable:
            return state_.enables;
        case identification: {
            const u32 now = cause();
            if (now == is_empty) state_.empty_asked = 0;
            return now | (fifos() ? fifos_on : 0);
        }
        case line_control_register:
            return state_.line_control;
        case modem_control_register:
            return state_.modem_control;
        case line_status_register: {
            const u32 now = line_status();
            state_.overrun = 0;
            return now;
        }
        case modem_status_register:
            return modem_status();
        default:
            return state_.scratch;
    }
}

void Uart16550::write(u32 reg, u32 value) {
    const auto byte = static_cast<u8>(value);
    const bool divisor = (state_.line_control & divisor_latch) != 0 && reg <= interrupt_enable;
    if (divisor) {
        state_.divisor[reg] = byte;
        return;
    }
    switch (reg) {
        case data:
            send(byte);
            break;
        case interrupt_enable: {
            // Asked anew, it tells again that it is empty.
            const u32 changed = state_.enables ^ byte;
            state_.enables = byte & all_enables;
            if (changed & enable_empty) {
                state_.empty_asked = (byte & enable_empty) != 0 && !sends();
            }
            break;
        }
        case identification:
            set_fifo_control(byte);
            break;
        case line_control_register:
            state_.line_control = byte;
            break;
        case modem_control_register:
            state_.modem_control = byte & modem::implemented;
            break;
        case scratch_register:
            state_.scratch = byte;
            break;
        default:
            break;
    }
}

}  // namespace trapeze::dev
