// SPDX-License-Identifier: Apache-2.0
#include "hv/dev/bus.hpp"

#include "dbt/decode.hpp"
#include "hv/console/console.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/device.hpp"
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::dev {

using mmu::Access;
using mmu::RegionKind;
using vcpu::AccessResult;
using vcpu::Vcpu;

namespace {

constexpr u32 page_bytes = 4096;

// Where an address leads.
struct Place {
    const mmu::Region* region = nullptr;
    u64 gpa = 0;

    u64 hpa() const { return region->hpa + (gpa - region->gpa); }
    u32 offset() const { return static_cast<u32>(gpa - region->gpa); }
    bool memory() const { return region->is_memory(); }
};

// False after the guest was given the interrupt that the access deserves: a miss, a protection
// violation, or the machine check for memory it does not have.
[[gnu::always_inline]] inline bool locate(Vcpu& v, u32 ea, Access access, Place& at) {
    if (vcpu::translate(v, ea, access, at.gpa)) {
        at.region = v.memory->find(at.gpa);
        if (at.region != nullptr) return true;
    }
    vcpu::make_accessible(v, ea, access);
    return false;
}

AccessResult result_of(const Vcpu& v) {
    return v.end == vcpu::End::running ? AccessResult::done : AccessResult::interrupted;
}

// One access of 1, 2 or 4 bytes, naturally aligned if it is not to RAM, within the region.
u32 load(Vcpu& v, const Place& at, unsigned size) {
    switch (at.region->kind) {
        case RegionKind::ram:
        case RegionKind::shared:
            return core::read_ram(at.hpa(), size);
        case RegionKind::direct:
            return core::read_io(at.hpa(), size);
        default:
            return (*v.devices)[at.region->device].read(v, at.offset(), size);
    }
}

// Like one to ROM on the board's bus.
void ignore_store(Vcpu& v, u64 gpa) {
    if (!v.reported_read_only) {
        console::log("a store to {:X}, shared memory that the guest may only read: ignored", gpa);
    }
    v.reported_read_only = true;
}

void store(Vcpu& v, const Place& at, unsigned size, u32 value) {
    switch (at.region->kind) {
        case RegionKind::ram:
            if (v.store_ram != nullptr) {
                v.store_ram(v, at.gpa, at.hpa(), size, value);
            } else {
                core::write_ram(at.hpa(), size, value);
            }
            return;
        case RegionKind::shared:
            if (at.region->read_only) {
                ignore_store(v, at.gpa);
            } else {
                core::write_ram(at.hpa(), size, value);
            }
            return;
        case RegionKind::direct:
            core::write_io(at.hpa(), size, value);
            return;
        default:
            (*v.devices)[at.region->device].write(v, at.offset(), size, value);
            return;
    }
}

Wide wide_of(const Vcpu& v, const Place& at) {
    return at.region->kind == RegionKind::trapped ? (*v.devices)[at.region->device].wide
                                                  : Wide::words;
}

// The same for 8 bytes.
u64 load_aligned(Vcpu& v, Place at, unsigned size) {
    if (size != 8) return load(v, at, size);
    const Wide wide = wide_of(v, at);
    if (wide == Wide::ignored) return 0;
    const u64 first = load(v, at, 4);
    if (wide == Wide::low_word || v.end != vcpu::End::running) return first;
    at.gpa += 4;
    return first << 32 | load(v, at, 4);
}
void store_aligned(Vcpu& v, Place at, unsigned size, u64 value) {
    const Wide wide = size == 8 ? wide_of(v, at) : Wide::low_word;
    if (wide == Wide::ignored) return;
    if (wide == Wide::words) {
        store(v, at, 4, static_cast<u32>(value >> 32));
        if (v.end != vcpu::End::running) return;
        at.gpa += 4;
        size = 4;
    }
    store(v, at, size == 8 ? 4 : size, static_cast<u32>(value));
}

bool in_one_page(u32 ea, unsigned size) { return (ea & (page_bytes - 1)) + size <= page_bytes; }

u64 low_bytes(u64 value, unsigned size) {
    return size == 8 ? value : value & ((u64{1} << 8 * size) - 1);
}

// An element that is not one access of a register or of memory.
[[gnu::noinline]] AccessResult load_element(Vcpu& v, u32 ea, unsigned size, Place at, u64& value) {
    const u32 skew = ea & (size - 1);
    if (skew == 0 || (at.memory() && in_one_page(ea, size))) {
        value = load_aligned(v, at, size);
        return result_of(v);
    }
    // Down to the first aligned element, in the same page.
    at.gpa -= skew;
    const u64 first = load_aligned(v, at, size);
    if (v.end != vcpu::End::running) return AccessResult::interrupted;
    if (!locate(v, ea - skew + size, Access::load, at)) return AccessResult::interrupted;
    const u64 second = load_aligned(v, at, size);
    value = low_bytes(first << 8 * skew | second >> 8 * (size - skew), size);
    return result_of(v);
}

[[gnu::noinline]] AccessResult store_element(Vcpu& v, u32 ea, unsigned size, Place at, u64 value) {
    if ((ea & (size - 1)) == 0 || (at.memory() && in_one_page(ea, size))) {
        store_aligned(v, at, size, value);
        return result_of(v);
    }
    for (unsigned i = 0; i < size; ++i) {
        if (!locate(v, ea + i, Access::store, at)) return AccessResult::interrupted;
        store(v, at, 1, static_cast<u32>(value >> 8 * (size - 1 - i)) & 0xff);
        if (v.end != vcpu::End::running) return AccessResult::interrupted;
    }
    return AccessResult::done;
}

AccessResult read(Vcpu& v, u32 ea, unsigned size, u32& value) {
    Place at;
    if (!locate(v, ea, Access::load, at)) return AccessResult::interrupted;
    if ((ea & (size - 1)) == 0) {
        value = load(v, at, size);
        return result_of(v);
    }
    u64 element = 0;
    const AccessResult result = load_element(v, ea, size, at, element);
    value = static_cast<u32>(element);
    return result;
}

AccessResult write(Vcpu& v, u32 ea, unsigned size, u32 value) {
    Place at;
    if (!locate(v, ea, Access::store, at)) return AccessResult::interrupted;
    if ((ea & (size - 1)) != 0) return store_element(v, ea, size, at, value);
    store(v, at, size, value);
    return result_of(v);
}

AccessResult read_pair(Vcpu& v, u32 ea, u32* words) {
    Place at;
    if (!locate(v, ea, Access::load, at)) return AccessResult::interrupted;
    u64 element = 0;
    const AccessResult result = load_element(v, ea, 8, at, element);
    if (result != AccessResult::done) return result;
    words[0] = static_cast<u32>(element >> 32);
    words[1] = static_cast<u32>(element);
    return result;
}

AccessResult write_pair(Vcpu& v, u32 ea, const u32* words) {
    Place at;
    if (!locate(v, ea, Access::store, at)) return AccessResult::interrupted;
    return store_element(v, ea, 8, at, u64{words[0]} << 32 | words[1]);
}

AccessResult check(Vcpu& v, u32 ea, Access access) {
    Place at;
    return locate(v, ea, access, at) ? AccessResult::done : AccessResult::interrupted;
}

}  // namespace

const vcpu::Port bus{read, write, read_pair, write_pair, check};

void emulate_device_access(Vcpu& v, u32 word, u32 fault_ea) {
    const dbt::Insn insn = dbt::decode(word);
    if (vcpu::emulate_access(v, insn, bus) != AccessResult::refused) return;
    v.regs.dear = fault_ea;
    v.regs.esr = vcpu::alignment_syndrome(insn);
    vcpu::inject(v, e500::Vector::alignment);
}

}  // namespace trapeze::dev
