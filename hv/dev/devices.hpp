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
// outbound windows stay inside the bridge's own ranges.
extern const Device pci_bridge;
// The exit counters, read-only, for benchmarks in the guest; only with exits-device=on.
extern const Device exit_counters;
// Interrupt controller, see irq/mpic.hpp.
extern const Device mpic;

}  // namespace trapeze::dev
