// SPDX-License-Identifier: Apache-2.0
#include "hv/board/ppce500.hpp"

#include "hv/core/cpu.hpp"

namespace trapeze::board {

namespace {

// 16550: the interrupt enables stand behind the divisor latch, which a bit opens.
constexpr u32 interrupt_enable = 1, line_control = 3;
constexpr u32 enable_line_status = 0x04, divisor_latch = 0x80;

u64 uart0(u32 reg) { return ccsr_base + uart0_offset + reg; }

}  // namespace

// A change of the enables is what makes it state its interrupt. That of the line status alone has
// no other effect: the transmitter's raises an interrupt, the modem's starts a timer.
void restate_uart0() {
    const core::Held held(uart0_lock);
    const u32 control = core::read_io(uart0(line_control), 1);
    const bool closed = (control & divisor_latch) == 0;
    if (!closed) core::write_io(uart0(line_control), 1, control & ~divisor_latch);
    const u32 enables = core::read_io(uart0(interrupt_enable), 1);
    core::write_io(uart0(interrupt_enable), 1, enables ^ enable_line_status);
    core::write_io(uart0(interrupt_enable), 1, enables);
    if (!closed) core::write_io(uart0(line_control), 1, control);
}

void reset() {
    for (;;) core::write_io(ccsr_base + guts_offset + guts_rstcr, 4, hreset_request);
}

void power_off() {
    core::write_io(ccsr_base + gpio_offset + gpio_direction, 4, power_pin);
    core::write_io(ccsr_base + gpio_offset + gpio_data, 4, power_pin);
    reset();  // a board without that switch
}

}  // namespace trapeze::board
