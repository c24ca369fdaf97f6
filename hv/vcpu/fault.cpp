// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/fault.hpp"

#include "dbt/decode.hpp"
#include "hv/vcpu/interrupt.hpp"
#include "hv/vcpu/tlb_instructions.hpp"

namespace trapeze::vcpu {

using e500::Vector;
using mmu::Access;
using mmu::Fill;

namespace {

// For the report, should this access be the guest's end.
void blame(Vcpu& v, u32 ea, Access access) {
    v.fatal_ea = ea;
    v.fatal_kind = access;
    v.fatal_access = true;
}

u32 store_bit(Access access) { return access == Access::store ? e500::esr::st : 0; }

void reflect_miss(Vcpu& v, u32 ea, Access access, bool space) {
    set_miss_registers(v, ea, space);
    v.last_miss_user = v.user();
    v.last_miss = access;
    if (access == Access::fetch) {
        inject(v, Vector::instruction_tlb);
        return;
    }
    v.regs.dear = ea;
    v.regs.esr = store_bit(access);
    inject(v, Vector::data_tlb);
}

void reflect_protection(Vcpu& v, u32 ea, Access access) {
    if (access == Access::fetch) {
        v.regs.esr = 0;
        inject(v, Vector::instruction_storage);
        return;
    }
    v.regs.dear = ea;
    v.regs.esr = store_bit(access);
    inject(v, Vector::data_storage);
}

// The guest wants the VMM's own range. It tries again, where that is not in its way.
[[gnu::noinline]] FaultResult leave_hole(Vcpu& v, u32 ea, Access access) {
    const bool space = access == Access::fetch ? v.virtual_is() : v.virtual_ds();
    if (v.shadow.make_way(v.user(), space, v.nip)) {
        layout_changes(v);
        return FaultResult::resume;
    }
    blame(v, ea, access);
    end(v, End::guest_died,
        "with MSR[IS] != MSR[DS], an instruction in the VMM's own address range accesses data "
        "there too (docs/limits.md)");
    return FaultResult::ended;
}

// Most misses are of small pages with nothing special about them.
bool plain(const Vcpu& v, const mmu::VirtualEntry& entry) {
    return e500::mas1::tsize(entry.mas1) == 1 && entry.mas7 == 0 && v.shadow.simple();
}
[[gnu::noinline]] bool fill_small(Vcpu& v, const mmu::VirtualEntry& entry, Access access,
                                  bool user) {
    return v.shadow.fill_small(*v.memory, entry, access, user);
}

}  // namespace

FaultResult resolve(Vcpu& v, u32 ea, Access access) {
    const bool user = v.user();
    const bool space = access == Access::fetch ? v.virtual_is() : v.virtual_ds();
    const PatchEvents* const text = access == Access::fetch && !user ? v.patch_events : nullptr;
    if (text != nullptr && text->fetch_stub(v, ea)) return FaultResult::resume;
    const auto hit = v.tlb.find(ea, space, v.regs.pid);
    if (hit.entry == nullptr) {
        reflect_miss(v, ea, access, space);
        return FaultResult::reflected;
    }
    if (!hit.entry->allows(access, user)) {
        reflect_protection(v, ea, access);
        return FaultResult::reflected;
    }
    if (text != nullptr) text->executes(v, *hit.entry, ea);
    if (plain(v, *hit.entry) && fill_small(v, *hit.entry, access, user)) {
        return FaultResult::resume;
    }
    switch (v.shadow.fill(*v.memory, *hit.entry, ea, access, user)) {
        case Fill::done:
            return FaultResult::resume;
        case Fill::protection:
            reflect_protection(v, ea, access);
            return FaultResult::reflected;
        case Fill::device:
            if (access != Access::fetch) return FaultResult::device;
            inject_machine_check(v, e500::mcsr::bus_ibe, hit.entry->gpa(ea),
                                 "the guest executes from a device's registers");
            return FaultResult::reflected;
        case Fill::traced:
            return FaultResult::traced;
        case Fill::no_memory:
            blame(v, ea, access);
            inject_machine_check(v,
                                 access == Access::fetch   ? e500::mcsr::bus_ibe
                                 : access == Access::store ? e500::mcsr::bus_wbe
                                                           : e500::mcsr::bus_rbe,
                                 hit.entry->gpa(ea),
                                 "the guest touches physical memory it does not have");
            return FaultResult::reflected;
        case Fill::hole:
            break;
    }
    return leave_hole(v, ea, access);
}

bool make_accessible(Vcpu& v, u32 ea, Access access) {
    return resolve(v, ea, access) == FaultResult::resume;
}

bool translate(Vcpu& v, u32 ea, Access access, u64& gpa) {
    const bool space = access == Access::fetch ? v.virtual_is() : v.virtual_ds();
    const auto hit = v.tlb.find(ea, space, v.regs.pid);
    if (hit.entry == nullptr || !hit.entry->allows(access, v.user())) return false;
    gpa = hit.entry->gpa(ea);
    return true;
}

u32 alignment_syndrome(const dbt::Insn& insn) {
    const dbt::OpInfo& about = dbt::info(insn.op);
    const bool stores = about.kind == dbt::Kind::store || about.has(dbt::flag::zeroing);
    return (stores ? e500::esr::st : 0) | (about.has(dbt::flag::spe) ? e500::esr::spv : 0);
}

}  // namespace trapeze::vcpu
