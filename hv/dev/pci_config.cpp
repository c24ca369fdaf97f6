// SPDX-License-Identifier: Apache-2.0
// The PCI bridge's own configuration space, bus 0 device 0 function 0, as the guest has it. It is
// the VMM's: BAR 0 (PCSRBAR) shows all of CCSR to the bus, to devices' DMA and through PCI memory
// space to the core, past everything the VMM mediates. So the bridge's memory decoding stays off,
// and what the guest writes is kept here: it may size and place the BAR, where nothing answers.
#include "hv/dev/devices.hpp"
#include "hv/vcpu/vcpu.hpp"

namespace trapeze::dev {

namespace {

// The bits of byte `at` that a guest can set (PCI 3.0, section 6.1; the board's device-specific
// part, from 0x40 on, is plain storage).
u8 writable(u32 at) {
    constexpr u8 command_low = 0x07, command_high = 0x05, ccsr_low = 0xf0;
    switch (at) {
        case 0x04:
            return command_low;
        case 0x05:
            return command_high;
        case 0x0c:  // cache line size
        case 0x13:  // BAR 0, of 1 MiB
        case 0x3c:  // interrupt line
            return 0xff;
        case 0x12:
            return ccsr_low;
        default:
            return at >= 0x40 ? 0xff : 0;
    }
}

}  // namespace

u32 read_own_config(vcpu::Vcpu& v, u32 at, unsigned size) {
    const PciBridge& pci = v.devices->pci;
    u32 value = 0;
    for (unsigned i = 0; i < size && at + i < sizeof pci.config; ++i) {
        value |= u32{pci.config[at + i]} << 8 * i;
    }
    return value;
}

void write_own_config(vcpu::Vcpu& v, u32 at, unsigned size, u32 value) {
    PciBridge& pci = v.devices->pci;
    for (unsigned i = 0; i < size && at + i < sizeof pci.config; ++i) {
        const u8 mask = writable(at + i);
        pci.config[at + i] =
            static_cast<u8>((pci.config[at + i] & ~mask) | ((value >> 8 * i) & mask));
    }
}

}  // namespace trapeze::dev
