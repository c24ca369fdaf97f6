// SPDX-License-Identifier: Apache-2.0
// The registers of the guest's interrupt controller: where they are, and what stands behind each.
#include "hv/dev/openpic.hpp"

namespace trapeze::dev {

namespace {

// Register blocks, and registers in them. In a block of registers each is the first word of 16
// bytes, unless said otherwise.
constexpr u32 revision = 0x0, features = 0x1000, configuration = 0x1020, vendor = 0x1080,
              core_reset = 0x1090, ipi_vectors = 0x10a0, spurious_vector = 0x10e0;
constexpr u32 timer_block = 0x10f0, timer_end = 0x1310;
constexpr u32 message_block = 0x1600, message_end = 0x1800;
constexpr u32 message_summary = 0x120, message_index = 0x140;
constexpr u32 source_block = 0x1'0000, source_end = 0x1'2000;
constexpr u32 core_block = 0x2'0000, core_end = 0x3'f100;
constexpr u32 ipi_dispatch = 0x40, task_priority = 0x80, who_am_i = 0x90,
              acknowledge_register = 0xa0, end_of_interrupt = 0xb0;

constexpr u32 block_revision = 0x0040'0402;  // MPIC 4.2
constexpr u32 version = 2;                   // OpenPIC 1.2
constexpr u32 reported_sources = 196;
constexpr u32 reset_bit = 0x8000'0000u;
constexpr u32 no_register = ~0u;
constexpr u32 count_inhibit = 0x8000'0000u;

bool ours(u32 offset, u32 first, u32 end) { return offset >= first && offset < end; }

}  // namespace

u32 Openpic::read_global(u32 offset, unsigned vcpu) {
    if (offset % 16 != 0) return no_register;
    switch (offset) {
        case revision:
            return block_revision;
        case features:
            return (reported_sources - 1) << 16 | (state_.vcpus - 1) << 8 | version;
        case configuration:
            return state_.mode;
        case vendor:
        case core_reset:
            return 0;
        case spurious_vector:
            return state_.spurious;
        default:
            break;
    }
    if (ours(offset, ipi_vectors, ipi_vectors + 16 * ipis)) {
        return vector_priority(first_ipi + (offset - ipi_vectors) / 16);
    }
    return ours(offset, ipi_dispatch, end_of_interrupt + 16) ? read_core(offset, vcpu)
                                                             : no_register;
}

Openpic::Outcome Openpic::write_global(u32 offset, u32 value, unsigned vcpu) {
    if (offset == configuration) {
        if (value & reset_bit) {
            reset_controller();
            return {Outcome::reset, none};
        }
        state_.mode = value & mode_mask;
    } else if (offset == spurious_vector) {
        state_.spurious = value & vector_mask;
    } else if (offset % 16 == 0 && ours(offset, ipi_vectors, ipi_vectors + 16 * ipis)) {
        set_vector_priority(first_ipi + (offset - ipi_vectors) / 16, value);
    } else if (ours(offset, ipi_dispatch, end_of_interrupt + 16)) {
        return write_core(offset, value, vcpu);
    }
    return {Outcome::nothing, none};
}

// Four registers each, and once more behind these.
u32 Openpic::read_timer(u32 offset) const {
    if (offset % 16 != 0) return no_register;
    if (offset == timer_block) return state_.timer_frequency;
    const u32 at = offset - timer_block - 16, n = at / 64 % timers;
    switch (at & 0x30) {
        case 0x00:
            return state_.timer_count[n] | state_.timer_toggle[n];
        case 0x10:
            return state_.timer_base[n];
        case 0x20:
            return vector_priority(first_timer + n);
        default:
            return state_.destination[first_timer + n];
    }
}

void Openpic::write_timer(u32 offset, u32 value) {
    if (offset % 16 != 0) return;
    if (offset == timer_block) {
        state_.timer_frequency = value;
        return;
    }
    const u32 at = offset - timer_block - 16, n = at / 64 % timers;
    switch (at & 0x30) {
        case 0x00:
            break;
        case 0x10:
            if ((state_.timer_base[n] & count_inhibit) && !(value & count_inhibit)) {
                state_.timer_count[n] = value;
                state_.timer_toggle[n] = 0;
            }
            state_.timer_base[n] = value;
            break;
        case 0x20:
            set_vector_priority(first_timer + n, value);
            break;
        default:
            state_.destination[first_timer + n] = value & ((1u << state_.vcpus) - 1);
            update(first_timer + n);
            break;
    }
}

u32 Openpic::read_message(u32 offset) {
    if (offset % 16 != 0) return no_register;
    const u32 at = offset - message_block;
    u32 value = 0;
    if (at < 16 * messages) {
        const u32 n = at / 16;
        value = state_.message[n];
        state_.message[n] = 0;
        set_line(first_message + n, false);
    } else if (at == message_summary) {
        for (unsigned n = 0; n < messages; ++n) value |= (state_.message[n] != 0 ? 1u : 0u) << n;
    }
    return value;
}

void Openpic::write_message(u32 offset, u32 value) {
    if (offset - message_block != message_index) return;
    const u32 n = value >> 29;
    state_.message[n] |= 1u << (value >> 24 & 31);
    set_line(first_message + n, true);
}

u32 Openpic::read_source(u32 offset) const {
    const unsigned source = (offset - source_block) / 32;
    switch (offset % 32) {
        case 0x00:
            return vector_priority(source);
        case 0x10:
            return state_.destination[source];
        case 0x18:
            return state_.target[source];
        default:
            return no_register;
    }
}

Openpic::Outcome Openpic::write_source(u32 offset, u32 value) {
    const unsigned source = (offset - source_block) / 32;
    switch (offset % 32) {
        case 0x00:
            set_vector_priority(source, value);
            break;
        case 0x10:
            state_.destination[source] = value & ((1u << state_.vcpus) - 1);
            update(source);
            break;
        case 0x18:
            set_target(source, value);
            break;
        default:
            return {Outcome::nothing, none};
    }
    return {Outcome::configured, source};
}

u32 Openpic::read_core(u32 offset, unsigned vcpu) {
    if (vcpu >= state_.vcpus || offset % 16 != 0) return no_register;
    switch (offset & 0xff0) {
        case task_priority:
            return state_.task_priority[vcpu];
        case who_am_i:
            return vcpu;
        case acknowledge_register:
            return acknowledge(vcpu);
        case end_of_interrupt:
            return 0;
        default:
            return no_register;
    }
}

Openpic::Outcome Openpic::write_core(u32 offset, u32 value, unsigned vcpu) {
    if (vcpu >= state_.vcpus || offset % 16 != 0) return {Outcome::nothing, none};
    const u32 reg = offset & 0xff0;
    if (reg == task_priority) {
        state_.task_priority[vcpu] = value & 15;
    } else if (reg == end_of_interrupt) {
        return {Outcome::ended, end(vcpu)};
    } else if (ours(reg, ipi_dispatch, ipi_dispatch + 16 * ipis)) {
        raise(first_ipi + (reg - ipi_dispatch) / 16, value & ((1u << state_.vcpus) - 1));
    }
    return {Outcome::nothing, none};
}

u32 Openpic::read_word(u32 offset, unsigned vcpu) {
    if (ours(offset, core_block, core_end)) return read_core(offset, (offset & 0x1'f000) >> 12);
    if (ours(offset, source_block, source_end)) return read_source(offset);
    if (offset < timer_block) return read_global(offset, vcpu);
    if (offset < timer_end) return read_timer(offset);
    if (ours(offset, message_block, message_end)) return read_message(offset);
    return 0;  // the summary registers, which the board leaves out, and gaps
}

u32 Openpic::read(u32 offset, unsigned size, unsigned vcpu) {
    return read_word(offset, vcpu) >> 8 * (4 - size);
}

Openpic::Outcome Openpic::write(u32 offset, unsigned size, u32 value, unsigned vcpu) {
    if (offset % 4 != 0) return {Outcome::nothing, none};
    value <<= 8 * (4 - size);
    if (ours(offset, core_block, core_end)) {
        return write_core(offset, value, (offset & 0x1'f000) >> 12);
    }
    if (ours(offset, source_block, source_end)) return write_source(offset, value);
    if (offset < timer_block) return write_global(offset, value, vcpu);
    if (offset < timer_end) {
        write_timer(offset, value);
    } else if (ours(offset, message_block, message_end)) {
        write_message(offset, value);
    }
    return {Outcome::nothing, none};
}

}  // namespace trapeze::dev
