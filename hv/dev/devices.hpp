// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/core.hpp"
#include "hv/dev/device.hpp"

namespace trapeze::dev {

// The guest's serial port, at the place of UART0; UART1, in the same page, is the VMM's and looks
// absent (uart.cpp).
extern const Device uart_page;
// Global utilities: a reset request ends the guest.
extern const Device guts;
// GPIO: the power switch ends the guest.
extern const Device gpio;
// PCI host bridge: inbound windows are relocated to where guest RAM is and bounded by it;
// outbound windows stay inside the bridge's own ranges; the bridge's own configuration space,
// with the BAR that would show device registers to the bus, is the VMM's.
extern const Device pci_bridge;
// The exit counters, read-only, for benchmarks in the guest; only with exits-device=on.
extern const Device exit_counters;
// The guest's interrupt controller (mpic.cpp).
extern const Device mpic;
// What the board has nothing for, or the VMM withholds: reads as zero, ignores writes.
extern const Device absent;

// Before the guest starts: closes the bridge's windows and BAR 0, and fills the guest's view.
void reset_pci_bridge(vcpu::Vcpu& v);
// Takes the bus from all devices behind the bridge, which its driver gives them.
void silence_pci();
void reset_exit_counters(vcpu::Vcpu& v);
void reset_mpic(vcpu::Vcpu& v);
void reset_uart(vcpu::Vcpu& v);
// Make the board's interrupt controller and UART0 the VMM's. The former's interrupts come from then
// on.
void start_mpic();
void start_mpic_core();  // on each other core
void start_uart(Board& board);

// The guest has ended: no interrupt comes for it any more, and no device stores into its memory.
void withdraw(vcpu::Vcpu& v);

// The core took an external interrupt: the guest gets what has come of it, if it admits that.
void on_external(vcpu::Vcpu& v);
// It is UART0's: a part of the above. So are messages of other cores.
void on_uart(Board& board, const core::Core& here);
void take_messages(Board& board, const core::Core& here);
// Makes another core ask its guests anew what there is for them: an interprocessor interrupt.
void send_message(const core::Core& from, const core::Core& to);
// A source of the guest's interrupt controller that is a model's: when its line changes.
void set_line(vcpu::Vcpu& v, unsigned source, bool up);
// An edge of one that nobody keeps up, and that follows edges.
void pulse(vcpu::Vcpu& v, unsigned source);
// Guest `to` is told of its handle `number` (Handle::told), by any core: at once if it is that
// guest's, else by a message. Before what it is told of can be seen it is lost if the guest is made
// anew, which then looks by itself.
void signal(Board& board, const core::Core& here, unsigned to, unsigned number);
// Guest v, on its core, is told so of its handle `number` in a moment, in which it goes on.
void tell_later(vcpu::Vcpu& v, unsigned number);
// The guest has got its core: it is told what had to wait for that (Vcpu::to_tell).
void take_signals(vcpu::Vcpu& v);
// The guest's ConsoleLine has bytes to send, or room again.
void serve_console(vcpu::Vcpu& v);
// Waits until all that the guest has printed is with the host: before the board goes.
void flush_uart(vcpu::Vcpu& v);

// The bridge's own configuration space as the guest has it (pci_config.cpp). `at` is a byte in it
// and `size` 1, 2 or 4; values are little-endian, as PCI has them.
u32 read_own_config(vcpu::Vcpu& v, u32 at, unsigned size);
void write_own_config(vcpu::Vcpu& v, u32 at, unsigned size, u32 value);

// Whether the PCI function, bits 8 to 23 of `function` as CONFIG_ADDR has them, does DMA past the
// bridge's inbound windows (pci_virtio.cpp). Leaves no trace in the device or in CONFIG_ADDR.
bool bypasses_windows(u32 function);

}  // namespace trapeze::dev
