// SPDX-License-Identifier: Apache-2.0
// dcbi: flushes the block, and is a store to the MMU (manual 4.3.3, docs/limits.md). A patched one
// is dcbf, which user mode may execute, which flushes as well, but is a load to the MMU. So it is
// patched only while no entry of the guest lets its kernel load and not store, or the other way:
// then dcbf fails where dcbi does. Where it fails the VMM does what dcbi would have done.
#include "dbt/decode.hpp"
#include "hv/core/cpu.hpp"
#include "hv/patch/parts.hpp"

namespace trapeze::patch {

bool can_flush(Vcpu& v) {
    const Patcher& p = *v.patcher;
    if (p.overlay.flush) return true;
    if (p.flush_not_before > epoch(v)) return false;
    for (unsigned i = 0; i < mmu::VirtualTlb::tlb1_entries; ++i) {
        const mmu::VirtualEntry& entry = v.tlb.tlb1(i);
        if (v.tlb.valid(entry, 1) && mmu::Overlay::lopsided(entry)) return false;
    }
    for (u32 set = 0; set < v.tlb.sets(); ++set) {
        const mmu::VirtualEntry* const ways = v.tlb.set(set * page_bytes);
        for (unsigned way = 0; way < mmu::VirtualTlb::ways; ++way) {
            if (v.tlb.valid(ways[way], 0) && mmu::Overlay::lopsided(ways[way])) return false;
        }
    }
    return true;
}

void cannot_flush(Vcpu& v) {
    Patcher& p = *v.patcher;
    for_each_patch(v, [&](MirrorFrame& frame, const Text& text, u32 own) {
        if (dbt::decode(own).op != dbt::Op::dcbi) return;
        unpatch(v, frame, text, State::back, Reason::permissions);
    });
    p.overlay.flush = false;
    p.flush_not_before = strike(v, p.flush_strikes, 16);
}

bool is_flush(Vcpu& v) { return dbt::decode(own_word(v, v.nip, 0)).op == dbt::Op::dcbi; }

}  // namespace trapeze::patch
