// SPDX-License-Identifier: Apache-2.0
#include "hv/board/ppce500.hpp"

#include "hv/arch/cpu.hpp"

namespace trapeze::board {

namespace {

// GPIO pin 0 is the power switch; guts RSTCR bit 1 asks for a hard reset (MPC8548E manual 20.4).
constexpr u32 gpio_direction = 0x0, gpio_data = 0x8, power_pin = 0x8000'0000u;
constexpr u32 guts_rstcr = 0xb0, hreset_request = 0x2;

}  // namespace

void reset() {
    for (;;) arch::write_io(ccsr_base + guts_offset + guts_rstcr, 4, hreset_request);
}

void power_off() {
    arch::write_io(ccsr_base + gpio_offset + gpio_direction, 4, power_pin);
    arch::write_io(ccsr_base + gpio_offset + gpio_data, 4, power_pin);
    reset();  // a board without that switch
}

}  // namespace trapeze::board
