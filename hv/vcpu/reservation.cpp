// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/reservation.hpp"

#include "dbt/decode.hpp"
#include "dbt/site_table.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/vcpu/emulate.hpp"
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::vcpu {

using dbt::Insn;
using dbt::Op;
using mmu::Access;

namespace {

// How far from where the guest is its last exits and both instructions may be, in bytes.
constexpr u32 reach = 128;
// Instructions that are stepped before the next heartbeat has a look: some 2 ms of 84.
constexpr u32 most_steps = 1024;

bool near(const Vcpu& v, u32 ea) { return ea - (v.nip - reach) < 2 * reach; }

bool fetch(Vcpu& v, u32 ea, u32& word) {
    return core::load_guest_word(ea, v.shadow.layout().fetch_space(v.user()), word);
}

bool seems_stuck(Vcpu& v) {
    for (const ExitRecord& e : v.traced) {
        if (!near(v, e.site != nullptr ? e.site->ea : e.nip)) return false;
    }
    bool loads = false, stores = false;
    for (u32 ea = v.nip - reach; ea != v.nip + reach; ea += 4) {
        u32 word = 0;
        if (!fetch(v, ea, word)) continue;
        const Op op = dbt::decode(word).op;
        loads = loads || op == Op::lwarx;
        stores = stores || op == Op::stwcx_;
    }
    return loads && stores;
}

// Where the word at `ea` lies in the host's memory; false if the core has to have its say: it is
// misaligned, or no memory, or not accessible, or text that has a copy.
bool place(Vcpu& v, u32 ea, Access access, u64& hpa) {
    u64 gpa = 0;
    if ((ea & 3U) != 0 || !translate(v, ea, access, gpa)) return false;
    if (v.overlay != nullptr && v.overlay->mirror.page(gpa) != nullptr) return false;
    bool read_only = false;
    return v.memory->memory_range(gpa, 4, hpa, read_only) &&
           !(read_only && access == Access::store);
}

bool load(Vcpu& v, const Insn& insn) {
    u64 hpa = 0;
    if (!place(v, effective_address(v, insn), Access::load, hpa)) return false;
    v.reservation.value = core::read_ram(hpa, 4);
    v.reservation.hpa = hpa;
    v.reservation.held = true;
    v.gpr[insn.rt()] = v.reservation.value;
    return true;
}

bool store(Vcpu& v, const Insn& insn) {
    u64 hpa = 0;
    if (!v.reservation.held || !place(v, effective_address(v, insn), Access::store, hpa)) {
        v.reservation.held = false;
        return false;
    }
    const bool stores =
        hpa == v.reservation.hpa && core::replace_ram(hpa, v.reservation.value, v.gpr[insn.rs()]);
    v.reservation.held = false;
    constexpr u32 equal = 2;
    v.cr = (v.cr & 0x0fff'ffffU) | ((stores ? equal : 0) | v.xer >> 31) << 28;
    return true;
}

}  // namespace

void help_reservation(Vcpu& v) {
    if (v.reservation.steps != 0) {
        stop_reservation(v);
    } else if (!debugging(v) && v.end == End::running && !(v.regs.msr & e500::msr::we) &&
               seems_stuck(v)) {
        v.reservation.steps = most_steps;
        core::use_fast_paths(false, v.profile != nullptr);
        update_debug(v);
    }
}

void step_reservation(Vcpu& v) {
    u32 word = 0;
    if (debugging(v) || v.end != End::running || (v.regs.msr & e500::msr::we)) {
        stop_reservation(v);
        return;
    }
    while (fetch(v, v.nip, word)) {
        if (--v.reservation.steps == 0) {
            stop_reservation(v);
            return;
        }
        const Insn insn = dbt::decode(word);
        const bool made = insn.op == Op::lwarx    ? load(v, insn)
                          : insn.op == Op::stwcx_ ? store(v, insn)
                                                  : false;
        if (!made) return;
        v.nip += 4;
    }
}

void stop_reservation(Vcpu& v) {
    v.reservation = {};
    core::use_fast_paths(v.core->trace_ring == nullptr, v.profile != nullptr);
    update_debug(v);
}

}  // namespace trapeze::vcpu
