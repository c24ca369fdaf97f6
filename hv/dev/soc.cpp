// SPDX-License-Identifier: Apache-2.0
#include "hv/arch/cpu.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/dev/devices.hpp"
#include "hv/irq/mpic.hpp"
#include "hv/monitor/console.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::dev {

using vcpu::End;
using vcpu::Vcpu;

namespace {

bool is_guest_uart(u32 offset) {
    const u32 first = board::uart0_offset - board::uart_page;
    return offset >= first && offset < first + 0x100;
}
bool is_hv_uart(u32 offset) {
    const u32 first = board::uart1_offset - board::uart_page;
    return offset >= first && offset < first + 0x100;
}

u32 uart_read(Vcpu& /*v*/, u32 offset, unsigned size) {
    if (is_hv_uart(offset)) return 0;
    return arch::read_io(board::ccsr_base + board::uart_page + offset, size);
}

void uart_write(Vcpu& /*v*/, u32 offset, unsigned size, u32 value) {
    if (is_guest_uart(offset) || !is_hv_uart(offset)) {
        arch::write_io(board::ccsr_base + board::uart_page + offset, size, value);
    }
}

u32 guts_read(Vcpu& /*v*/, u32 offset, unsigned size) {
    return arch::read_io(board::ccsr_base + board::guts_offset + offset, size);
}

void guts_write(Vcpu& v, u32 offset, unsigned size, u32 value) {
    constexpr u32 rstcr = 0xb0, hreset_request = 0x2;
    if ((offset & ~3u) == rstcr) {
        if (value & hreset_request) vcpu::end(v, End::reset, "the guest asked for a reset (RSTCR)");
        return;
    }
    arch::write_io(board::ccsr_base + board::guts_offset + offset, size, value);
}

u32 gpio_read(Vcpu& /*v*/, u32 offset, unsigned size) {
    return arch::read_io(board::ccsr_base + board::gpio_offset + offset, size);
}

void gpio_write(Vcpu& v, u32 offset, unsigned size, u32 value) {
    constexpr u32 direction = 0x0, data = 0x8, power_pin = 0x8000'0000u;
    const u64 base = board::ccsr_base + board::gpio_offset;
    const u32 now_output = offset == direction ? value : arch::read_io(base + direction, 4);
    const u32 now_data = offset == data ? value : arch::read_io(base + data, 4);
    if (now_output & now_data & power_pin) {
        vcpu::end(v, End::poweroff, "the guest switched its power off (GPIO 0)");
        return;
    }
    arch::write_io(base + offset, size, value);
}

}  // namespace

const Device uart_page{"uart", uart_read, uart_write};
const Device guts{"guts", guts_read, guts_write};
const Device gpio{"gpio", gpio_read, gpio_write};
const Device mpic{"mpic", irq::mpic_read, irq::mpic_write};

}  // namespace trapeze::dev
