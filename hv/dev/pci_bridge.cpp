// SPDX-License-Identifier: Apache-2.0
#include "hv/board/ppce500.hpp"
#include "hv/console/console.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/devices.hpp"
#include "hv/vcpu/vcpu.hpp"

// PCI host bridge registers: MPC8548E manual 16.3.1. Window registers hold addresses in units of
// 4 KiB; a window of size code n is 2^(n + 1) bytes.
namespace trapeze::dev {

using vcpu::Vcpu;

namespace {

// A configuration access: CONFIG_ADDR says of what, CONFIG_DATA moves it.
constexpr u32 config_address = 0x0, config_data = 0x4;
constexpr u32 config_enable = 1u << 31, config_function = 0x00ff'ff00;
constexpr u32 outbound_first = 0xc20, outbound_last = 0xc9f;
constexpr u32 inbound_first = 0xda0, inbound_last = 0xdff;
constexpr u32 gasket_timer = 0xe20;
constexpr u32 translation = 0x0, base = 0x8, attributes = 0x10;
constexpr u32 enable = 1u << 31, size_mask = 0x3f;
constexpr u32 target_mask = 0xf0'0000, target_local = 0xf0'0000;

u64 address(u32 offset) { return board::ccsr_base + board::pci_offset + offset; }
// The largest size code is too large for a number of 64 bits: as good as the one below.
u64 window_size(u32 attribute_word) {
    const u32 code = attribute_word & size_mask;
    return u64{2} << (code == size_mask ? size_mask - 1 : code);
}

u32 size_code(u64 size) {
    u32 code = 0;
    while (code < size_mask - 1 && window_size(code + 1) <= size) ++code;
    return code;
}

// The guest's window, cut to the RAM behind it: the largest power of two that fits. DMA outside
// guest RAM finds no window and fails on the bus, as it would without memory there.
void program_inbound(const Vcpu& v, unsigned index) {
    const u32* const w = v.devices->pci.inbound[index];
    const u32 at = inbound_first + index * 0x20;
    core::write_io(address(at + attributes), 4, 0);
    u32 attribute_word = w[attributes / 4];
    if (!(attribute_word & enable)) {
        core::write_io(address(at + attributes), 4, attribute_word);
        return;
    }
    const u64 gpa = u64{w[translation / 4] & 0xff'ffffu} << 12;
    const mmu::Region* const region = v.memory->find(gpa);
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
    core::write_io(address(at + translation), 4, static_cast<u32>(hpa >> 12));
    core::write_io(address(at + base), 4, w[base / 4]);
    core::write_io(address(at + base + 4), 4, w[base / 4 + 1]);
    core::write_io(address(at + attributes), 4, attribute_word);
}

bool inside(u64 first, u64 size, u64 range, u64 range_size) {
    return first >= range && first - range < range_size && size <= range_size - (first - range);
}

// An outbound window claims host-physical addresses for PCI: only those that are PCI's already.
void program_outbound(const Vcpu& v, unsigned index) {
    const u32* const w = v.devices->pci.outbound[index];
    const u32 at = outbound_first + index * 0x20;
    const u32 attribute_word = w[attributes / 4];
    const u64 first = u64{w[base / 4] & 0xff'ffffu} << 12;
    const u64 size = window_size(attribute_word);
    if ((attribute_word & enable) &&
        !inside(first, size, board::pci_memory_base, board::pci_memory_size) &&
        !inside(first, size, board::pci_io_base, board::pci_io_size)) {
        console::log("PCI outbound window {} at {:X} is outside the bridge's ranges: left closed",
                     index, first);
        core::write_io(address(at + attributes), 4, 0);
        return;
    }
    core::write_io(address(at + translation), 4, w[translation / 4]);
    core::write_io(address(at + translation + 4), 4, w[translation / 4 + 1]);
    core::write_io(address(at + base), 4, static_cast<u32>(first >> 12));
    core::write_io(address(at + attributes), 4, attribute_word);
}

// Where the guest's CONFIG_DATA, `byte` 0 to 3 of it, leads; false: nowhere.
bool config_target(u32 byte, u32& target) {
    target = core::read_io(address(config_address), 4);
    const bool enabled = (target & config_enable) != 0;
    target |= byte;
    return enabled;
}
bool is_own(u32 target) { return (target & config_function) == 0; }

// A device that no window bounds is not there for the guest.
bool is_withheld(Vcpu& v, u32 target) {
    if (!bypasses_windows(target & config_function)) return false;
    const u32 number = target >> 8 & 0xff;
    u32& told = v.devices->pci.withheld[number / 32];
    if (!(told & 1u << number % 32)) {
        told |= 1u << number % 32;
        console::log(
            "virtio device at PCI {}:{}.{} reaches all memory by DMA: withheld from the "
            "guest; add disable-legacy=on,iommu_platform=on to its -device",
            target >> 16 & 0xff, number >> 3, number & 7);
    }
    return true;
}

// CONFIG_DATA is little-endian.
u32 swap(u32 value, unsigned size) { return __builtin_bswap32(value) >> (32 - 8 * size); }

u32 config_read(Vcpu& v, u32 offset, unsigned size) {
    u32 target = 0;
    if (offset >= config_data && config_target(offset - config_data, target)) {
        if (is_own(target)) return swap(read_own_config(v, target & 0xff, size), size);
        if (is_withheld(v, target)) return ~0u >> (32 - 8 * size);
    }
    return core::read_io(address(offset), size);
}

void config_write(Vcpu& v, u32 offset, unsigned size, u32 value) {
    u32 target = 0;
    if (offset < config_data) {
        // The board takes the address whole or not at all.
        if (offset == config_address && size == 4) core::write_io(address(offset), size, value);
    } else if (config_target(offset - config_data, target)) {
        if (is_own(target)) {
            write_own_config(v, target & 0xff, size, swap(value, size));
        } else if (!is_withheld(v, target)) {
            core::write_io(address(offset), size, value);
        }
    }
}

// A window register. The board knows them by their first byte, and what is narrower than a word
// is the register's lowest bytes; a narrow store makes the others zero.
bool is_inbound(u32 offset) { return offset >= inbound_first && offset <= inbound_last; }
bool is_outbound(u32 offset) { return offset >= outbound_first && offset <= outbound_last; }
bool is_register(u32 offset) {
    const u32 reg = offset & 0x1f;
    if (reg == translation || reg == base || reg == attributes) return true;
    return is_inbound(offset) ? reg == base + 4 : reg == translation + 4;
}

u32 low_bytes(u32 value, unsigned size) {
    return size == 4 ? value : value & ((1u << 8 * size) - 1);
}

u32 bridge_read(Vcpu& v, u32 offset, unsigned size) {
    if (offset < 8) return config_read(v, offset, size);
    if (is_inbound(offset) || is_outbound(offset)) {
        const PciBridge& pci = v.devices->pci;
        if (!is_register(offset)) return 0;
        const u32* const window = is_inbound(offset)
                                      ? pci.inbound[(offset - inbound_first) / 0x20]
                                      : pci.outbound[(offset - outbound_first) / 0x20];
        return low_bytes(window[(offset & 0x1f) / 4], size);
    }
    return offset == gasket_timer ? core::read_io(address(offset), size) : 0;
}

// What is none of these the board ignores.
void bridge_write(Vcpu& v, u32 offset, unsigned size, u32 value) {
    if (offset < 8) {
        config_write(v, offset, size, value);
    } else if (is_inbound(offset) && is_register(offset)) {
        const unsigned index = (offset - inbound_first) / 0x20;
        v.devices->pci.inbound[index][(offset & 0x1f) / 4] = value;
        program_inbound(v, index);
    } else if (is_outbound(offset) && is_register(offset)) {
        const unsigned index = (offset - outbound_first) / 0x20;
        v.devices->pci.outbound[index][(offset & 0x1f) / 4] = value;
        program_outbound(v, index);
    } else if (offset == gasket_timer) {
        core::write_io(address(offset), size, value);
    }
}

}  // namespace

void reset_pci_bridge(Vcpu& v) {
    PciBridge& pci = v.devices->pci;
    pci = {};
    for (unsigned i = 0; i < 3; ++i) {
        core::write_io(address(inbound_first + i * 0x20 + attributes), 4, 0);
    }
    for (unsigned i = 0; i < 4; ++i) {
        core::write_io(address(outbound_first + i * 0x20 + attributes), 4, 0);
    }
    // The bridge as it is, with nothing that answers on the bus.
    constexpr u32 command = 0x4;
    core::write_io(address(config_address), 4, config_enable | command);
    core::write_io(address(config_data), 2, 0);
    for (u32 at = 0; at < sizeof pci.config; at += 4) {
        core::write_io(address(config_address), 4, config_enable | at);
        const u32 word = swap(core::read_io(address(config_data), 4), 4);
        for (unsigned i = 0; i < 4; ++i) pci.config[at + i] = static_cast<u8>(word >> 8 * i);
    }
    core::write_io(address(config_address), 4, 0);
}

void silence_pci() {
    constexpr u32 functions = 256, function_step = 1U << 8, command = 0x4, nobody = 0xffff;
    for (u32 function = 1; function < functions; ++function) {
        const u32 at = config_enable | function * function_step;
        core::write_io(address(config_address), 4, at);
        if (core::read_io(address(config_data), 2) == nobody) continue;
        core::write_io(address(config_address), 4, at | command);
        core::write_io(address(config_data), 2, 0);
    }
    core::write_io(address(config_address), 4, 0);
}

const Device pci_bridge{"pci", bridge_read, bridge_write};

}  // namespace trapeze::dev
