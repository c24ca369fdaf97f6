// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/lock.hpp"

// The board: QEMU's ppce500, an MPC8544-like system on chip (MPC8548E manual for the blocks).
namespace trapeze::board {

using e500::u32;
using e500::u64;

inline constexpr const char* name = "ppce500";
inline constexpr u64 ccsr_base = 0xf'e000'0000;
inline constexpr u32 ccsr_size = 0x10'0000;

// Offsets into CCSR.
inline constexpr u32 i2c_offset = 0x3000;
inline constexpr u32 uart_page = 0x4000;
inline constexpr u32 uart0_offset = 0x4500;
inline constexpr u32 uart1_offset = 0x4600;
inline constexpr unsigned uart_source = 42;  // of the interrupt controller, both UARTs
inline constexpr u32 pci_offset = 0x8000;
inline constexpr u32 mpic_offset = 0x4'0000;
inline constexpr u32 mpic_size = 0x4'0000;
inline constexpr unsigned mpic_timer_divider = 16;  // time-base ticks in one of its timers'
inline constexpr u32 guts_offset = 0xe'0000;
inline constexpr u32 exits_offset = 0xf'0000;  // nothing on the board: the VMM's own device
inline constexpr u32 gpio_offset = 0xf'f000;

// Registers of those blocks that reset and switch off (MPC8548E manual 20.4): RSTCR asks for a hard
// reset; GPIO pin 0, once it is an output, is the power switch.
inline constexpr u32 guts_rstcr = 0xb0, hreset_request = 0x2;
inline constexpr u32 gpio_direction = 0x0, gpio_data = 0x8, power_pin = 0x8000'0000u;

// Windows of the PCI host bridge, and the platform bus behind which QEMU puts flash.
inline constexpr u64 pci_memory_base = 0xc'0000'0000;
inline constexpr u64 pci_memory_size = 0x2000'0000;
inline constexpr u64 pci_io_base = 0xf'e100'0000;
inline constexpr u64 pci_io_size = 0x1'0000;
inline constexpr u64 platform_bus_base = 0xf'0000'0000;
inline constexpr u64 platform_bus_size = 0x800'0000;

// UART0 is used by several cores: whoever does has this for the accesses that belong together, at
// most a FIFO's worth for each guest.
inline constinit core::Lock uart0_lock;

// Makes UART0 state its interrupt again, which changes nothing else of it. The two UARTs share one
// input of the interrupt controller, and on QEMU's board it follows the one that spoke last: what
// UART1 does takes back what UART0 asks for. Must follow each use of UART1, once its transmitter
// is empty and before the guest goes on.
void restate_uart0();

[[noreturn]] void power_off();
[[noreturn]] void reset();

}  // namespace trapeze::board
