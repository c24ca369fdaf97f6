// SPDX-License-Identifier: Apache-2.0
#include "hv/arch/cpu.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/dev/devices.hpp"
#include "hv/monitor/console.hpp"
#include "hv/vcpu/vcpu.hpp"

// PCI host bridge registers: MPC8548E manual 16.3.1. Window registers hold addresses in units of
// 4 KiB; a window of size code n is 2^(n + 1) bytes.
namespace trapeze::dev {

using vcpu::Vcpu;

namespace {

constexpr u32 outbound_first = 0xc20, outbound_last = 0xc9f;
constexpr u32 inbound_first = 0xda0, inbound_last = 0xdff;
constexpr u32 translation = 0x0, base = 0x8, attributes = 0x10;
constexpr u32 enable = 1u << 31, size_mask = 0x3f;
constexpr u32 target_mask = 0xf0'0000, target_local = 0xf0'0000;

// What the guest wrote, eight words a window; the bridge holds the relocated values.
u32 inbound[3][8];
u32 outbound[4][8];

u64 address(u32 offset) { return board::ccsr_base + board::pci_offset + offset; }
u64 window_size(u32 attribute_word) { return u64{2} << (attribute_word & size_mask); }

u32 size_code(u64 size) {
    u32 code = 0;
    while (window_size(code + 1) <= size) ++code;
    return code;
}

// The guest's window, cut to the RAM behind it: the largest power of two that fits. DMA outside
// guest RAM finds no window and fails on the bus, as it would without memory there.
void program_inbound(const Vcpu& v, unsigned index) {
    const u32* const w = inbound[index];
    const u32 at = inbound_first + index * 0x20;
    arch::write_io(address(at + attributes), 4, 0);
    u32 attribute_word = w[attributes / 4];
    if (!(attribute_word & enable)) {
        arch::write_io(address(at + attributes), 4, attribute_word);
        return;
    }
    const u64 gpa = u64{w[translation / 4] & 0xff'ffffu} << 12;
    const mmu::Region* const region = v.memory.find(gpa);
    if (region == nullptr || region->kind != mmu::RegionKind::ram ||
        (attribute_word & target_mask) != target_local) {
        console::log("PCI inbound window {} at guest-physical {:X} is not guest RAM: left closed",
                     index, gpa);
        return;
    }
    u64 size = window_size(attribute_word);
    const u64 room = region->size - (gpa - region->gpa);
    if (size > room) {
        size = window_size(size_code(room));
        console::log("PCI inbound window {} is cut to the guest's RAM: {} KiB", index, size >> 10);
    }
    attribute_word = (attribute_word & ~size_mask) | size_code(size);
    const u64 hpa = region->hpa + (gpa - region->gpa);
    arch::write_io(address(at + translation), 4, static_cast<u32>(hpa >> 12));
    arch::write_io(address(at + base), 4, w[base / 4]);
    arch::write_io(address(at + base + 4), 4, w[base / 4 + 1]);
    arch::write_io(address(at + attributes), 4, attribute_word);
}

bool inside(u64 first, u64 size, u64 range, u64 range_size) {
    return first >= range && first - range < range_size && size <= range_size - (first - range);
}

// An outbound window claims host-physical addresses for PCI: only those that are PCI's already.
void program_outbound(unsigned index) {
    const u32* const w = outbound[index];
    const u32 at = outbound_first + index * 0x20;
    const u32 attribute_word = w[attributes / 4];
    const u64 first = u64{w[base / 4] & 0xff'ffffu} << 12;
    const u64 size = window_size(attribute_word);
    if ((attribute_word & enable) &&
        !inside(first, size, board::pci_memory_base, board::pci_memory_size) &&
        !inside(first, size, board::pci_io_base, board::pci_io_size)) {
        console::log("PCI outbound window {} at {:X} is outside the bridge's ranges: left closed",
                     index, first);
        arch::write_io(address(at + attributes), 4, 0);
        return;
    }
    for (u32 reg = 0; reg < 8; ++reg) {
        if (reg != attributes / 4) arch::write_io(address(at + reg * 4), 4, w[reg]);
    }
    arch::write_io(address(at + attributes), 4, attribute_word);
}

u32 bridge_read(Vcpu& /*v*/, u32 offset, unsigned size) {
    if (size == 4 && offset >= inbound_first && offset <= inbound_last) {
        return inbound[(offset - inbound_first) / 0x20][(offset & 0x1f) / 4];
    }
    if (size == 4 && offset >= outbound_first && offset <= outbound_last) {
        return outbound[(offset - outbound_first) / 0x20][(offset & 0x1f) / 4];
    }
    return arch::read_io(address(offset), size);
}

void bridge_write(Vcpu& v, u32 offset, unsigned size, u32 value) {
    if (offset >= inbound_first && offset <= inbound_last) {
        if (size != 4) return;
        const unsigned index = (offset - inbound_first) / 0x20;
        inbound[index][(offset & 0x1f) / 4] = value;
        program_inbound(v, index);
        return;
    }
    if (offset >= outbound_first && offset <= outbound_last) {
        if (size != 4) return;
        const unsigned index = (offset - outbound_first) / 0x20;
        outbound[index][(offset & 0x1f) / 4] = value;
        program_outbound(index);
        return;
    }
    arch::write_io(address(offset), size, value);
}

}  // namespace

const Device pci_bridge{"pci", bridge_read, bridge_write};

}  // namespace trapeze::dev
