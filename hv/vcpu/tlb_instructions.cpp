// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/tlb_instructions.hpp"

#include "hv/core/cpu.hpp"
#include "hv/vcpu/translations.hpp"

namespace trapeze::vcpu {

namespace mas0 = e500::mas0;
namespace mas1 = e500::mas1;
namespace mas2 = e500::mas2;
namespace mas3 = e500::mas3;
namespace mas4 = e500::mas4;
namespace mas6 = e500::mas6;

namespace {

void to_registers(Vcpu& v, const mmu::VirtualEntry& entry, unsigned tlb, unsigned index) {
    RegisterPage& r = v.regs;
    r.mas0 = mas0::make(tlb, index, v.tlb.victim());
    r.mas1 = v.tlb.valid(entry, tlb) ? entry.mas1 : entry.mas1 & ~mas1::v;
    r.mas2 = entry.mas2;
    r.mas3 = entry.mas3;
    r.mas7 = entry.mas7;
}

// The page just written is most likely the one whose miss the guest's handler serves: make its
// shadow entry now and save the exit that would ask for it. No miss says that the core has none:
// a guest may have two entries for one page, which is its error and must not be the core's.
void prefill(Vcpu& v, const mmu::VirtualEntry& entry) {
    core::drop_tlb0(entry.mas2 & mas2::epn_mask);
    if (v.shadow.fill_small(*v.memory, entry, v.last_miss, v.last_miss_user)) return;
    // What the guest kernel executes is to be known, and only its own miss tells (fault.cpp).
    const bool fetch = v.last_miss == mmu::Access::fetch && !v.last_miss_user;
    if (fetch && v.overlay != nullptr && v.overlay->track) return;
    const u32 ea = entry.epn() | (v.regs.dear & ~entry.page_mask);
    v.shadow.fill(*v.memory, entry, ea, v.last_miss, v.last_miss_user);
}

}  // namespace

namespace {

void write_small_entry(Vcpu& v) {
    const RegisterPage& r = v.regs;
    mmu::VirtualEntry& entry = *v.tlb.select(r.mas0 & ~mas0::tlbsel_mask, r.mas2);
    if (v.tlb.valid(entry, 0)) {
        entry_goes(v, entry);
    }
    v.tlb.write(entry, 0, r.mas1 & mas1::implemented, r.mas2 & mas2::implemented,
                r.mas3 & mas3::implemented, r.mas7 & e500::mas7_implemented);
    if (v.overlay != nullptr && v.tlb.valid(entry, 0) && v.overlay->concerns(entry)) {
        v.patch_events->entry_made(v, entry);
    }
    // In its own address space 0, and not debugged.
    if ((entry.mas1 & (mas1::v | mas1::ts)) == mas1::v && v.slow_rfi == 0 && entry.serves(r.pid)) {
        prefill(v, entry);
    }
}

}  // namespace

bool write_entry(Vcpu& v) {
    RegisterPage& r = v.regs;
    const unsigned tlb = mas0::tlbsel(r.mas0);
    if (tlb == 0) {
        write_small_entry(v);
        return true;
    }
    mmu::VirtualEntry* const entry = v.tlb.select(r.mas0, r.mas2);
    if (entry == nullptr) return false;
    const u32 tsize = mas1::tsize(r.mas1);
    if ((r.mas1 & mas1::v) && !mas1::is_page_size(tsize)) return false;
    if (v.tlb.valid(*entry, tlb)) {
        entry_goes(v, *entry);
    }
    v.tlb.write(*entry, tlb, r.mas1 & mas1::implemented, r.mas2 & mas2::implemented,
                r.mas3 & mas3::implemented, r.mas7 & e500::mas7_implemented);
    if (v.patch_events != nullptr && v.tlb.valid(*entry, tlb)) {
        v.patch_events->entry_made(v, *entry);
    }
    return true;
}

void read_entry(Vcpu& v) {
    const mmu::VirtualEntry* const entry = v.tlb.select(v.regs.mas0, v.regs.mas2);
    if (entry == nullptr) {
        v.regs.mas1 = 0;  // no such array: what QEMU's core does; the manual leaves it open
        return;
    }
    const unsigned tlb = mas0::tlbsel(v.regs.mas0);
    const unsigned index =
        tlb == 0 ? mas0::esel(v.regs.mas0) & (mmu::VirtualTlb::ways - 1) : mas0::esel(v.regs.mas0);
    to_registers(v, *entry, tlb, index);
}

void search_entry(Vcpu& v, u32 ea) {
    RegisterPage& r = v.regs;
    const bool space = (r.mas6 & mas6::sas) != 0;
    const auto hit = v.tlb.search(ea, space, mas6::spid(r.mas6));
    if (hit.entry != nullptr) {
        to_registers(v, *hit.entry, hit.tlb, hit.index);
        return;
    }
    const u32 victim = v.tlb.victim();
    r.mas0 = (r.mas4 & mas4::tlbseld_mask) | victim << 16 | v.tlb.next_victim();
    r.mas1 = (r.mas4 & mas4::tsized_mask) | (space ? mas1::ts : 0) | (r.mas6 & mas6::spid_mask);
    r.mas2 = r.mas4 & mas4::attributes;
    r.mas3 = 0;
    r.mas7 = 0;
}

void invalidate_entries(Vcpu& v, u32 ea) {
    const bool all = (ea & e500::invalidate::all) != 0;
    const bool tlb1 = (ea & e500::invalidate::tlb1) != 0;
    if (!tlb1) {
        if (all) {
            v.tlb.flush_tlb0();
            small_entries_go(v);
            return;
        }
        mmu::VirtualEntry* const set = v.tlb.set(ea);
        for (unsigned way = 0; way < mmu::VirtualTlb::ways; ++way) {
            if (v.tlb.valid(set[way], 0) && set[way].covers(ea)) {
                entry_goes(v, set[way]);
                v.tlb.invalidate(set[way]);
            }
        }
        return;
    }
    for (unsigned i = 0; i < mmu::VirtualTlb::tlb1_entries; ++i) {
        mmu::VirtualEntry& entry = v.tlb.tlb1(i);
        if (!(entry.mas1 & mas1::v) || (entry.mas1 & mas1::iprot)) continue;
        if (all || entry.covers(ea)) {
            entry_goes(v, entry);
            v.tlb.invalidate(entry);
        }
    }
}

void set_miss_registers(Vcpu& v, u32 ea, bool space) {
    RegisterPage& r = v.regs;
    u32 tid = 0;
    switch ((r.mas4 & mas4::tidseld_mask) >> 16) {
        case 0:
            tid = r.pid[0];
            break;
        case 1:
            tid = r.pid[1];
            break;
        case 2:
            tid = r.pid[2];
            break;
        default:
            break;
    }
    const u32 victim = v.tlb.victim();
    r.mas0 = (r.mas4 & mas4::tlbseld_mask) | victim << 16 | v.tlb.next_victim();
    r.mas1 = mas1::v | tid << 16 | (space ? mas1::ts : 0) | (r.mas4 & mas4::tsized_mask);
    r.mas2 = (ea & mas2::epn_mask) | (r.mas4 & mas4::attributes);
    r.mas3 = 0;
    r.mas6 = r.pid[0] << 16 | (space ? mas6::sas : 0);
    r.mas7 = 0;
}

}  // namespace trapeze::vcpu
