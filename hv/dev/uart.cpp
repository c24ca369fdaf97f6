// SPDX-License-Identifier: Apache-2.0
// The board's first serial port, which is the VMM's, and the guest's model of one (uart16550.hpp)
// whose bytes go and come there. UART1, in the same page, is the VMM's console and looks absent.
#include "hv/board/ppce500.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/devices.hpp"
#include "hv/vcpu/vcpu.hpp"

namespace trapeze::dev {

using vcpu::Vcpu;

namespace {

// Registers of the board's, and bits (PC16550D).
constexpr u32 data = 0, interrupt_enable = 1, fifo_control = 2, line_control = 3, line_status = 5;
constexpr u32 ask_received = 1, ask_empty = 2;
constexpr u32 ready = 1, holding_empty = 0x20, all_empty = 0x40;
// FIFOs on and empty. The trigger is high: a burst is one interrupt, and what is less than a burst
// comes after four characters' time, which the divisor makes short.
constexpr u32 fifos = 0xc7, divisor_latch = 0x80, eight_bits = 3, divisor = 1;

u32 read_real(u32 reg) { return core::read_io(board::ccsr_base + board::uart0_offset + reg, 1); }
void write_real(u32 reg, u32 value) {
    core::write_io(board::ccsr_base + board::uart0_offset + reg, 1, value);
}

void ask(Uart& u) {
    const u32 enables = (u.full ? 0 : ask_received) | (u.model.sends() ? ask_empty : 0);
    if (enables == u.enables) return;
    u.enables = static_cast<u8>(enables);
    write_real(interrupt_enable, enables);
}

// From the guest's transmitter into the board's, as much as that takes. When it is empty it takes
// a FIFO's worth without another look.
void send(Uart& u) {
    for (; u.model.sends(); u.model.taken(), --u.space) {
        if (u.space == 0) {
            if (!(read_real(line_status) & holding_empty)) break;
            u.space = Uart16550::fifo_bytes;
        }
        write_real(data, u.model.next_sent());
    }
    ask(u);
}

// From the board's receiver into the guest's, as much as that takes. The rest stays in the board's,
// which lets the sender wait.
void receive(Uart& u) {
    unsigned room = u.model.room();
    while (read_real(line_status) & ready) {
        if (room == 0) {
            u.full = true;
            ask(u);
            return;
        }
        u.model.receive(static_cast<u8>(read_real(data)));
        --room;
    }
    u.full = false;
    ask(u);
}

void settle(Vcpu& v) {
    Uart& u = v.devices->uart;
    if (u.full && u.model.room() != 0) receive(u);
    const bool up = u.model.interrupt();
    if (up != v.devices->mpic.model.line(board::uart_source)) set_line(v, board::uart_source, up);
}

// The register of the guest's that an access to the page reaches; `registers`: none. An access is
// aligned, so all of it lies in one device or in none.
u32 guest_register(u32 offset) {
    const u32 reg = offset - (board::uart0_offset - board::uart_page);
    return reg < Uart16550::registers ? reg : Uart16550::registers;
}

// Registers are bytes: a wider access is one of the byte at its address, the value's lowest.
u32 read(Vcpu& v, u32 offset, unsigned /*size*/) {
    const u32 reg = guest_register(offset);
    if (reg == Uart16550::registers) return 0;
    const u32 value = v.devices->uart.model.read(reg);
    settle(v);
    return value;
}

void write(Vcpu& v, u32 offset, unsigned /*size*/, u32 value) {
    const u32 reg = guest_register(offset);
    if (reg == Uart16550::registers) return;
    Uart& u = v.devices->uart;
    if (reg == data) ++v.signs;  // it prints
    if (reg == data && u.space != 0 && u.model.passes()) {
        --u.space;
        write_real(data, value);
        u.model.passed();
    } else {
        u.model.write(reg, value);
        if (u.model.sends()) send(u);
    }
    settle(v);
}

}  // namespace

const Device uart_page{"uart", read, write, Wide::low_word};

void reset_uart(Vcpu& v) {
    Uart& u = v.devices->uart;
    u = {};
    u.model.start();
    write_real(line_control, divisor_latch | eight_bits);
    write_real(data, divisor);
    write_real(interrupt_enable, 0);  // the divisor's high byte
    write_real(line_control, eight_bits);
    write_real(fifo_control, fifos);
    u.enables = 0;
    write_real(interrupt_enable, 0);
    ask(u);
}

void on_uart(Vcpu& v) {
    Uart& u = v.devices->uart;
    receive(u);
    if (u.model.sends()) send(u);
    settle(v);
}

void flush_uart(Vcpu& v) {
    Uart& u = v.devices->uart;
    while (u.model.sends()) send(u);
    while (!(read_real(line_status) & all_empty)) {
    }
}

}  // namespace trapeze::dev
