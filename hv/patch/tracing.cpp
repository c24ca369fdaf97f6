// SPDX-License-Identifier: Apache-2.0
// Tracing faults: the guest's loads and stores to pages that are executed from a copy, or whose
// address stubs have taken, made for it against what it has there itself.
#include "dbt/decode.hpp"
#include "hv/core/cpu.hpp"
#include "hv/dev/bus.hpp"
#include "hv/patch/parts.hpp"
#include "hv/vcpu/access.hpp"
#include "hv/vcpu/emulate.hpp"
#include "hv/vcpu/fault.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::patch {

using mmu::Access;
using vcpu::AccessResult;

namespace {

// A store has changed the guest's words that hold [gpa, gpa + size): so does the copy, and what
// was patched there is no more. `before` says whether the store is still to come.
void follow_store(Vcpu& v, u64 gpa, unsigned size, bool before) {
    MirrorFrame* const frame = v.patcher->overlay.mirror.find(gpa);
    const unsigned i = MirrorFrame::index(gpa);
    if (frame == nullptr || !frame->is_mirrored(i)) return;
    const auto first = static_cast<unsigned>(gpa % page_bytes) / 4;
    const auto last = static_cast<unsigned>(gpa % page_bytes + size - 1) / 4;
    for (unsigned word = first; word <= last; ++word) {
        const Text text = text_at(v, *frame, i, word);
        if (before) {
            if (frame->page[i].patches != 0) {
                unpatch(v, *frame, text, State::dropped, Reason::written);
            }
        } else {
            core::write_ram(text.copy, 4, core::read_ram(text.own, 4));
            core::sync_text(text.copy);
            cover_word(v, *frame, text);
        }
    }
}

// Whether `copy` is what the guest's word `own` has been patched with.
bool is_patch(Vcpu& v, const Text& text, u32 own, u32 copy) {
    Patcher& p = *v.patcher;
    const dbt::Plan plan = dbt::plan(own, p.map);
    if (plan.kind == dbt::PatchKind::none) return false;
    if (plan.kind != dbt::PatchKind::stub) return plan.word == copy;
    if (!dbt::is_branch(copy)) return false;
    const auto* const entry = p.overlay.cache.find(dbt::branch_target(text.ea, copy));
    return entry != nullptr && entry->site == text.ea &&
           entry->kind == static_cast<u8>(plan.stub) && entry->source == plan.source;
}

// An instruction cache block that the guest invalidates may have been written by a device: its
// words are fetched again.
void fetch_again(Vcpu& v, u32 ea) {
    constexpr unsigned block = e500::cache_block;
    u64 gpa = 0;
    if (!vcpu::translate(v, ea, Access::load, gpa)) return;
    gpa &= ~u64{block - 1};
    MirrorFrame* const frame = v.patcher->overlay.mirror.find(gpa);
    const unsigned i = MirrorFrame::index(gpa);
    if (frame == nullptr || !frame->is_mirrored(i)) return;
    for (unsigned n = 0; n < block / 4; ++n) {
        const Text text = text_at(v, *frame, i, static_cast<unsigned>(gpa % page_bytes) / 4 + n);
        const u32 own = core::read_ram(text.own, 4);
        const u32 copy = core::read_ram(text.copy, 4);
        if (own == copy || is_patch(v, text, own, copy)) continue;
        unpatch(v, *frame, text, State::dropped, Reason::written);
        core::write_ram(text.copy, 4, own);
        core::sync_text(text.copy);
        cover_word(v, *frame, text);
    }
}

// The page that a fault is about: mirrored, or stolen.
void charge(Vcpu& v, u32 ea, bool written) {
    Patcher& p = *v.patcher;
    if (p.overlay.stolen(ea)) {
        charge_stolen(v, page_of(ea));
        return;
    }
    const auto hit = v.tlb.find(ea, v.virtual_ds(), v.regs.pid);
    if (hit.entry == nullptr) return;
    const u64 gpa = hit.entry->gpa(ea);
    MirrorFrame* const frame = p.overlay.mirror.find(gpa);
    if (frame != nullptr && frame->is_mirrored(MirrorFrame::index(gpa))) {
        charge_text(v, *frame, MirrorFrame::index(gpa), written);
    }
}

// The page must be the guest's at once: the access can only be made by the core.
void hand_back(Vcpu& v, u32 ea) {
    Patcher& p = *v.patcher;
    if (p.overlay.stolen(ea)) {
        give_back(v, ea, true);
        return;
    }
    const auto hit = v.tlb.find(ea, v.virtual_ds(), v.regs.pid);
    if (hit.entry == nullptr) return;
    const u64 gpa = hit.entry->gpa(ea);
    MirrorFrame* const frame = p.overlay.mirror.find(gpa);
    if (frame != nullptr) release(v, *frame, MirrorFrame::index(gpa));
}

}  // namespace

void store_ram(Vcpu& v, u64 gpa, u64 hpa, unsigned size, u32 value) {
    follow_store(v, gpa, size, true);
    core::write_ram(hpa, size, value);
    follow_store(v, gpa, size, false);
}

bool executes_copy(const Vcpu& v, u64 gpa) {
    const MirrorFrame* const frame = v.patcher->overlay.mirror.find(gpa);
    return frame != nullptr && frame->is_mirrored(MirrorFrame::index(gpa));
}

void written(Vcpu& v, u64 gpa, u32 bytes) {
    if (bytes == 0 || !executes_copy(v, gpa)) return;
    MirrorFrame* const frame = v.patcher->overlay.mirror.find(gpa);
    unmirror(v, *frame, MirrorFrame::index(gpa), 1, false, Reason::written);
}

void trace(Vcpu& v, u32 word, u32 ea, bool store) {
    const dbt::Insn insn = dbt::decode(word);
    const u32 at = v.nip;
    const bool written = cause_of_trace(v, ea, store) == vcpu::Cause::text_write;
    const AccessResult result = vcpu::emulate_access(v, insn, dev::bus);
    if (result == AccessResult::refused) {
        hand_back(v, ea);
        return;
    }
    if (result != AccessResult::done) return;
    // The guest kernel may be about to execute where a stub is. It says so by icbi, but only where
    // that faults; else a store has to do.
    const bool told = store ? !v.shadow.own_layout().beside_text(false) : insn.op == dbt::Op::icbi;
    const bool about_to_execute = told && !v.user() && v.patcher->overlay.stolen(ea);
    if (about_to_execute) give_back(v, ea, true);
    if (insn.op == dbt::Op::icbi) {
        if (!about_to_execute) fetch_again(v, ea);
    }
    if (v.nip != at + 4) return;
    ++(written ? v.patcher->text_writes : v.patcher->faults);
    charge(v, ea, written);
}

}  // namespace trapeze::patch
