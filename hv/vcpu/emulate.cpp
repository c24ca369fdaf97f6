// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/emulate.hpp"

#include "dbt/decode.hpp"
#include "dbt/spr.hpp"
#include "hv/core/cpu.hpp"
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/spr.hpp"
#include "hv/vcpu/tlb_instructions.hpp"

namespace trapeze::vcpu {

using dbt::Insn;
using dbt::Op;
namespace msr = e500::msr;

namespace {

void next(Vcpu& v) { v.nip += 4; }

void return_from(Vcpu& v, u32 nip, u32 value) {
    v.nip = nip & ~3u;
    // No form of rfi enters the wait state.
    set_msr(v, value & ~msr::we);
}

void change_msr(Vcpu& v, u32 value) {
    next(v);
    // MSR[WE] waits only in a power-saving mode that HID0 chooses (DOZE, NAP, SLEEP).
    constexpr u32 power_saving = e500::hid0::doze | e500::hid0::nap | e500::hid0::sleep;
    if ((value & msr::we) && !(v.regs.hid0 & power_saving)) value &= ~msr::we;
    set_msr(v, value);
}

void set_ee(Vcpu& v, bool ee) {
    v.regs.msr = (v.regs.msr & ~msr::ee) | (ee ? msr::ee : 0);
    next(v);
}

// mfspr and mtspr: true if the register exists; else the guest gets its illegal instruction.
bool move_spr(Vcpu& v, Insn insn) {
    if (insn.op == Op::mfspr) {
        u32 value = 0;
        if (read_spr(v, insn.spr(), value) != SprResult::done) return false;
        v.gpr[insn.rt()] = value;
    } else {
        if (write_spr(v, insn.spr(), v.gpr[insn.rs()]) != SprResult::done) return false;
    }
    next(v);
    return true;
}

bool move_pmr(Vcpu& v, Insn insn) {
    if (insn.op == Op::mfpmr) {
        u32 value = 0;
        if (read_pmr(v, insn.pmr(), value) != SprResult::done) return false;
        v.gpr[insn.rt()] = value;
    } else {
        if (write_pmr(v, insn.pmr(), v.gpr[insn.rs()]) != SprResult::done) return false;
    }
    next(v);
    return true;
}

// dcbi is a store to the MMU (manual 4.3.3). The block is flushed rather than dropped: the core's
// cache may hold what is not the guest's to lose, and either is allowed. Nothing of a device is
// cached. False: it did not complete, the guest was given an interrupt.
bool invalidate_block(Vcpu& v, Insn insn) {
    const u32 ea = effective_address(v, insn);
    v.shadow.drop_for_store(ea);
    const FaultResult result = resolve(v, ea, mmu::Access::store);
    if (result == FaultResult::reflected || result == FaultResult::ended) return false;
    if (result == FaultResult::resume) {
        core::flush_guest_block(ea, v.shadow.layout().data_space(v.user()));
    }
    next(v);
    return true;
}

// Locking always fails, which the architecture allows and L1CSR0[CUL] or, for the instruction
// cache, L1CSR1[ICUL] tells (manual 3.10).
void lock_block(Vcpu& v, Insn insn) {
    const bool unlocks = insn.op == Op::dcblc || insn.op == Op::icblc;
    if (insn.op == Op::icbtls) {
        v.regs.l1csr1 |= e500::l1csr1::icul;
    } else if (!unlocks) {
        v.regs.l1csr0 |= e500::l1csr0::cul;
    }
    next(v);
}

}  // namespace

u32 effective_address(const Vcpu& v, Insn insn) {
    const auto& info = dbt::info(insn.op);
    const u32 base = insn.ra() == 0 && !info.has(dbt::flag::update) ? 0 : v.gpr[insn.ra()];
    return base + (info.has(dbt::flag::indexed) ? v.gpr[insn.rb()]
                                                : static_cast<u32>(dbt::displacement(insn)));
}

// Privileged instructions that this core (or QEMU's) calls illegal in user mode instead.
bool emulated_though_illegal(const Vcpu& v, u32 word) {
    const dbt::Insn insn = dbt::decode(word);
    const auto& info = dbt::info(insn.op);
    if (info.has(dbt::flag::absent)) return false;
    if (v.user()) {
        constexpr auto atbl = static_cast<unsigned>(dbt::Spr::ATBL);
        constexpr auto atbu = static_cast<unsigned>(dbt::Spr::ATBU);
        return (insn.op == dbt::Op::mfpmr && !(insn.pmr() & 16u)) ||
               (insn.op == dbt::Op::mfspr && (insn.spr() == atbl || insn.spr() == atbu));
    }
    return info.kind == dbt::Kind::supervisor || info.has(dbt::flag::locking);
}

// What QEMU's core lacks, and therefore calls illegal in user mode, is privileged on the e500v2.
bool privileged_though_illegal(const Vcpu& v, u32 word) {
    const dbt::Insn insn = dbt::decode(word);
    const auto& info = dbt::info(insn.op);
    if (!v.user() || info.has(dbt::flag::absent)) return false;
    return insn.op == dbt::Op::rfmci || insn.op == dbt::Op::mfpmr || insn.op == dbt::Op::mtpmr;
}

void emulate_privileged(Vcpu& v, u32 word) {
    const Insn insn = dbt::decode(word);
    RegisterPage& r = v.regs;
    bool known = true;
    if (const Counter kind = counter_of(insn.op); kind != Counter::count) {
        ++v.counters[static_cast<unsigned>(kind)];
    }
    // An rfci or mtmsr that sets DE is not itself stepped.
    const bool stepped = stepping(v);
    switch (insn.op) {
        case Op::mfmsr:
            v.gpr[insn.rt()] = r.msr;
            next(v);
            break;
        case Op::mtmsr:
            change_msr(v, v.gpr[insn.rs()]);
            break;
        case Op::wrtee:
            set_ee(v, (v.gpr[insn.rs()] & msr::ee) != 0);
            break;
        case Op::wrteei:
            set_ee(v, insn.e());
            break;
        case Op::rfi:
            return_from(v, r.srr0, r.srr1);
            break;
        case Op::rfci:
            return_from(v, r.csrr0, r.csrr1);
            break;
        case Op::rfmci:
            return_from(v, r.mcsrr0, r.mcsrr1);
            break;
        case Op::mfspr:
        case Op::mtspr:
            known = move_spr(v, insn);
            break;
        case Op::mfpmr:
        case Op::mtpmr:
            known = move_pmr(v, insn);
            break;
        case Op::tlbwe:
            known = write_entry(v);
            if (known) next(v);
            break;
        case Op::tlbre:
            read_entry(v);
            next(v);
            break;
        case Op::tlbsx:
            search_entry(v, effective_address(v, insn));
            next(v);
            break;
        case Op::tlbivax:
            invalidate_entries(v, effective_address(v, insn));
            next(v);
            break;
        case Op::tlbsync:  // one core, and every invalidation is over when its exit is
            next(v);
            break;
        case Op::dcbi:
            if (!invalidate_block(v, insn)) return;
            break;
        case Op::dcblc:
        case Op::dcbtls:
        case Op::dcbtstls:
        case Op::icblc:
        case Op::icbtls:
            lock_block(v, insn);
            break;
        default:
            known = false;
            break;
    }
    if (!known) {
        inject_program(v, e500::esr::pil);
        return;
    }
    // A step goes before what the instruction let in, by MSR or by TCR (manual 5.10): that follows
    // when the debug handler returns.
    if (stepped) completed(v);
    deliver_pending(v);
}

}  // namespace trapeze::vcpu
