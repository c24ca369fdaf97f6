// SPDX-License-Identifier: Apache-2.0
#include "hv/vcpu/text_window.hpp"

#include "hv/core/cpu.hpp"
#include "hv/core/slots.hpp"

namespace trapeze::vcpu {

namespace mas1 = e500::mas1;
namespace mas2 = e500::mas2;
namespace mas3 = e500::mas3;

namespace {

// The entry that maps all of the block for whatever process, or null.
const mmu::VirtualEntry* maps_block(const Vcpu& v, u32 ea) {
    for (unsigned i = 0; i < mmu::VirtualTlb::tlb1_entries; ++i) {
        const mmu::VirtualEntry& entry = v.tlb.tlb1(i);
        if (v.tlb.valid(entry, 1) && entry.covers(ea) && entry.size() >= own_map::text_size &&
            entry.space() == v.virtual_is() && entry.tid() == 0 && (entry.mas3 & mas3::sx) != 0) {
            return &entry;
        }
    }
    return nullptr;
}

}  // namespace

void open_text_window(Vcpu& v) {
    const u32 ea = v.regs.ivpr & ~(own_map::text_size - 1);
    const mmu::VirtualEntry* const entry = maps_block(v, ea);
    if (entry == nullptr) return;
    u64 hpa = 0;
    if (!v.memory->ram_range(entry->gpa(ea), own_map::text_size, hpa)) return;
    if (hpa % own_map::text_size != 0) return;
    v.text_ea = ea;
    v.text_hpa = hpa;
    take_text_window(v);
}

void take_text_window(const Vcpu& v) {
    if (v.text_ea == Vcpu::no_text) return;
    core::write_tlb(
        1, core::slot::text,
        {mas1::v | mas1::iprot | mas1::tsize_for(own_map::text_size), own_map::text_base | mas2::m,
         (static_cast<u32>(v.text_hpa) & mas3::rpn_mask) | mas3::sr,
         static_cast<u32>(v.text_hpa >> 32)});
}

}  // namespace trapeze::vcpu
