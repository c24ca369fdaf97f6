// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/dev/device.hpp"

namespace trapeze::dev {

// UART0 for the guest; UART1, in the same page, is the VMM's and looks absent.
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
// Interrupt controller, see dev/mpic.hpp.
extern const Device mpic;
// What the board has nothing for, or the VMM withholds: reads as zero, ignores writes.
extern const Device absent;

// Before the guest starts: closes the bridge's windows and BAR 0, and fills the guest's view.
void reset_pci_bridge(vcpu::Vcpu& v);
void reset_exit_counters(vcpu::Vcpu& v);

// The bridge's own configuration space as the guest has it (pci_config.cpp). `at` is a byte in it
// and `size` 1, 2 or 4; values are little-endian, as PCI has them.
u32 read_own_config(vcpu::Vcpu& v, u32 at, unsigned size);
void write_own_config(vcpu::Vcpu& v, u32 at, unsigned size, u32 value);

// Whether the PCI function, bits 8 to 23 of `function` as CONFIG_ADDR has them, does DMA past the
// bridge's inbound windows (pci_virtio.cpp). Leaves no trace in the device or in CONFIG_ADDR.
bool bypasses_windows(u32 function);

}  // namespace trapeze::dev
