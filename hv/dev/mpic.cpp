// SPDX-License-Identifier: Apache-2.0
#include "hv/dev/mpic.hpp"

#include "hv/board/ppce500.hpp"
#include "hv/core/cpu.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::dev {

namespace {

// Registers of the processor at hand (OpenPIC specification; MPC8548 manual 10.3.7). They stand
// once at the start of the controller and once in a page of each processor.
constexpr u32 task_priority = 0x80;
constexpr u32 acknowledge = 0xa0;
constexpr u32 processor_page = 0x20000;
constexpr u32 mask_all = 15;
constexpr u32 global_configuration = 0x1020;
constexpr u32 processor_reset = 0x1090;  // of the cores, the VMM's among them
constexpr u32 reset_controller = 0x8000'0000u;
constexpr u32 mode_mask = 0x6000'0000u, mode_mixed = 0x2000'0000u, mode_proxy = 0x6000'0000u;

constexpr u32 processor_register(u32 offset) {
    if (offset < 0x100) return offset;
    if (offset >= processor_page && offset < processor_page + 0x100) return offset - processor_page;
    return ~0u;
}

u64 address(u32 offset) { return board::ccsr_base + board::mpic_offset + offset; }

u32 priority() { return core::read_io(address(processor_page + task_priority), 4) & mask_all; }
void set_priority(u32 value) { core::write_io(address(processor_page + task_priority), 4, value); }

}  // namespace

void on_external(Vcpu& v) {
    const bool admitted = (v.regs.msr & e500::msr::ee) != 0;
    if (admitted && v.mpic_proxy && !v.external_held) {
        v.regs.epr = core::read_io(address(processor_page + acknowledge), 4);
        ++v.signs;
        vcpu::inject(v, e500::Vector::external);
        return;
    }
    const u32 own = priority();
    if (!v.external_held || own != mask_all) v.external_priority = own;
    set_priority(mask_all);
    v.external_held = true;
    if (admitted) {
        ++v.signs;
        vcpu::inject(v, e500::Vector::external);
    }
    vcpu::update_pending(v);
}

void release_external(Vcpu& v) {
    if (!v.external_held) return;
    set_priority(v.external_priority);
    v.external_held = false;
}

void on_critical_input(Vcpu& v) {
    if (v.regs.msr & e500::msr::ce) {
        ++v.signs;
        vcpu::inject(v, e500::Vector::critical);
    } else {
        v.critical_held = true;
        vcpu::layout_changes(v);
    }
    vcpu::update_pending(v);
}

namespace {

u32 read_word(Vcpu& v, u32 offset) {
    const u32 reg = processor_register(offset);
    if (offset == global_configuration && v.mpic_proxy) {
        return (core::read_io(address(offset), 4) & ~mode_mask) | mode_proxy;
    }
    if (reg == task_priority && v.external_held) return v.external_priority;
    if (reg == acknowledge && v.external_held) {
        // In service from here on, the interrupt masks its equals by itself.
        release_external(v);
        const u32 vector = core::read_io(address(offset), 4);
        vcpu::update_pending(v);
        return vector;
    }
    return core::read_io(address(offset), 4);
}

void write_word(Vcpu& v, u32 offset, u32 value) {
    if (processor_register(offset) == task_priority && v.external_held) {
        v.external_priority = value & 15;
        return;
    }
    if (offset == processor_reset) return;
    if (offset == global_configuration) {
        v.mpic_proxy = (value & mode_mask) == mode_proxy;
        if (v.mpic_proxy) value = (value & ~mode_mask) | mode_mixed;
        if (value & reset_controller) {
            // Afterwards the priority is the highest, and the mode none.
            v.external_priority = mask_all;
            v.mpic_proxy = false;
        }
    }
    core::write_io(address(offset), 4, value);
}

// Registers that are not only the guest's.
bool mediated(u32 word) {
    const u32 reg = processor_register(word);
    return reg == task_priority || reg == acknowledge || word == global_configuration;
}

}  // namespace

// All registers are words. The board makes a narrow access at a register's first byte one of the
// word, whose upper bytes are the narrow ones and the lower ones zero; elsewhere a narrow store
// does nothing, and a load has no effect.
u32 mpic_read(Vcpu& v, u32 offset, unsigned size) {
    if (size == 4) return read_word(v, offset);
    const unsigned shift = 8 * (4 - size);
    if (offset % 4 == 0) return read_word(v, offset) >> shift;
    return mediated(offset & ~3u) ? ~0u >> shift : core::read_io(address(offset), size);
}

void mpic_write(Vcpu& v, u32 offset, unsigned size, u32 value) {
    if (offset % 4 == 0) write_word(v, offset, value << 8 * (4 - size));
}

}  // namespace trapeze::dev
