// SPDX-License-Identifier: Apache-2.0
// The board's first serial port, which is the VMM's, and the guest's model of one (uart16550.hpp)
// whose bytes go and come there. UART1, in the same page, is the VMM's console and looks absent.
#include "hv/board/ppce500.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/core/lock.hpp"
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

// A frame: this byte and who is meant, 'A' and up; twice, it is itself (docs/guests.md).
constexpr u8 mark = 0x10, first_guest = 'A';

Board& board_of(const Vcpu& v) { return *v.devices->board; }
bool framed(const Board& b) { return b.count > 1; }

// What a guest prints comes from its UART and from its ConsoleLine, if it has one.
bool sends(const DeviceTable& devices) {
    const ConsoleLine& line = devices.console;
    return devices.uart.sends() || (line.state != nullptr && line.sends(line.state));
}
u8 take_next(DeviceTable& devices) {
    if (!devices.uart.sends()) return devices.console.next(devices.console.state);
    const u8 byte = devices.uart.next_sent();
    devices.uart.taken();
    return byte;
}
// What is typed for it goes to the one, or to the other.
bool has_room(const DeviceTable& devices) {
    const ConsoleLine& line = devices.console;
    return line.state != nullptr ? line.has_room(line.state) : devices.uart.room() != 0;
}
void give(DeviceTable& devices, u8 byte) {
    if (devices.console.state != nullptr) {
        devices.console.receive(devices.console.state, byte);
    } else {
        devices.uart.receive(byte);
    }
}

void ask(Board& b) {
    SerialPort& port = b.serial;
    bool any = false;
    for (unsigned n = 0; n < b.count && !any; ++n) any = sends(*b.guests[n]->devices);
    const u32 enables = (port.full ? 0 : ask_received) | (any ? ask_empty : 0);
    if (enables == port.enables) return;
    port.enables = static_cast<u8>(enables);
    write_real(interrupt_enable, enables);
}

void put(SerialPort& port, u8 byte) {
    --port.space;
    write_real(data, byte);
}

// What a guest sends, into the board's transmitter, as much as that takes. When it is empty it
// takes a FIFO's worth without another look.
void send(Board& b, unsigned number) {
    SerialPort& port = b.serial;
    DeviceTable& devices = *b.guests[number]->devices;
    const u8 longest = framed(b) ? 4 : 1;  // a frame, and the byte twice
    while (sends(devices)) {
        if (port.space < longest) {
            if (!(read_real(line_status) & holding_empty)) break;
            port.space = Uart16550::fifo_bytes;
        }
        if (framed(b) && port.out != number) {
            port.out = static_cast<u8>(number);
            put(port, mark);
            put(port, static_cast<u8>(first_guest + number));
        }
        const u8 byte = take_next(devices);
        if (framed(b) && byte == mark) put(port, mark);
        put(port, byte);
    }
}

// The guest that a byte is for, now that its place in frames is known; null: it is part of one, or
// nobody takes it any more.
Vcpu* receiver(Board& b, u8 byte) {
    SerialPort& port = b.serial;
    if (framed(b)) {
        if (port.marked) {
            port.marked = false;
            if (byte != mark) {
                const unsigned number = byte - first_guest;
                if (number < b.count) port.in = static_cast<u8>(number);
                return nullptr;
            }
        } else if (byte == mark) {
            port.marked = true;
            return nullptr;
        }
    }
    Vcpu* const v = port.in < b.count ? b.guests[port.in] : nullptr;
    return v != nullptr && v->end == vcpu::End::running ? v : nullptr;
}

// On the guest's own core.
void state_line(Vcpu& v) {
    const ConsoleLine& line = v.devices->console;
    if (line.state != nullptr) line.moved(v, line.state);
    const bool up = v.devices->uart.interrupt();
    if (up != v.devices->mpic.model.line(board::uart_source)) set_line(v, board::uart_source, up);
}

// The model has changed by what core `here` did.
void tell(Vcpu& v, const core::Core& here) {
    if (v.core == &here) {
        state_line(v);
        return;
    }
    __atomic_store_n(&v.line_changes, 1, __ATOMIC_SEQ_CST);
    send_message(here, *v.core);
}

// From the board's receiver into the guests', as much as they take. The rest stays in the board's,
// which lets the sender wait.
void receive(Board& b, const core::Core& here) {
    SerialPort& port = b.serial;
    if (port.full) {
        Vcpu& v = *b.guests[port.in];
        if (!has_room(*v.devices) && v.end == vcpu::End::running) return;
        give(*v.devices, port.held);
        tell(v, here);
        port.full = false;
    }
    while (read_real(line_status) & ready) {
        const auto byte = static_cast<u8>(read_real(data));
        Vcpu* const v = receiver(b, byte);
        if (v == nullptr) continue;
        if (!has_room(*v->devices)) {
            port.held = byte;
            port.full = true;
            return;
        }
        give(*v->devices, byte);
        tell(*v, here);
    }
}

void settle(Vcpu& v) {
    Board& b = board_of(v);
    if (b.serial.full) {
        receive(b, *v.core);
        ask(b);
    }
    state_line(v);
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
    const core::Held held(board::uart0_lock);
    const u32 value = v.devices->uart.read(reg);
    settle(v);
    return value;
}

void write(Vcpu& v, u32 offset, unsigned /*size*/, u32 value) {
    const u32 reg = guest_register(offset);
    if (reg == Uart16550::registers) return;
    const core::Held held(board::uart0_lock);
    Board& b = board_of(v);
    Uart16550& model = v.devices->uart;
    if (reg == data) ++v.signs;  // it prints
    if (reg == data && b.serial.space != 0 && !framed(b) && model.passes()) {
        put(b.serial, static_cast<u8>(value));
        model.passed();
        return state_line(v);
    }
    model.write(reg, value);
    if (model.sends()) send(b, v.guest_number);
    ask(b);
    settle(v);
}

}  // namespace

const Device uart_page{"uart", read, write, Wide::low_word};

void reset_uart(Vcpu& v) {
    v.devices->uart = {};
    v.devices->uart.start();
}

void start_uart(Board& b) {
    b.serial = {};
    b.serial.out = SerialPort::nobody;
    b.serial.in = framed(b) ? SerialPort::nobody : 0;
    write_real(line_control, divisor_latch | eight_bits);
    write_real(data, divisor);
    write_real(interrupt_enable, 0);  // the divisor's high byte
    write_real(line_control, eight_bits);
    write_real(fifo_control, fifos);
    write_real(interrupt_enable, 0);
    ask(b);
}

void on_uart(Board& b, const core::Core& here) {
    const core::Held held(board::uart0_lock);
    receive(b, here);
    for (unsigned n = 0; n < b.count; ++n) {
        Vcpu& v = *b.guests[n];
        if (!sends(*v.devices)) continue;
        send(b, n);
        tell(v, here);
    }
    ask(b);
}

void take_messages(Board& b, const core::Core& here) {
    for (unsigned n = 0; n < b.count; ++n) {
        Vcpu& v = *b.guests[n];
        if (v.core != &here) continue;
        const core::Held held(board::uart0_lock);
        if (__atomic_exchange_n(&v.line_changes, 0, __ATOMIC_SEQ_CST) != 0) state_line(v);
    }
}

void serve_console(Vcpu& v) {
    const core::Held held(board::uart0_lock);
    Board& b = board_of(v);
    ++v.signs;
    if (sends(*v.devices)) send(b, v.guest_number);
    ask(b);
    settle(v);
}

void flush_uart(Vcpu& v) {
    const core::Held held(board::uart0_lock);
    Board& b = board_of(v);
    while (sends(*v.devices)) send(b, v.guest_number);
    while (!(read_real(line_status) & all_empty)) {
    }
}

}  // namespace trapeze::dev
