// SPDX-License-Identifier: Apache-2.0
// SPRG3 to 7: the core has them too, for reads that do not trap (SPR 259 to 263). A stub may store
// one in the register page alone while all that the guest kernel executes is covered: in the
// mirror, with those reads patched. Guest user mode, and text that runs unpatched for a while, gets
// the core's, which sync_sprgs() has made new.
#include "hv/core/cpu.hpp"
#include "hv/patch/parts.hpp"
#include "hv/vcpu/interrupt.hpp"

namespace trapeze::patch {

bool can_cover(const Vcpu& v) {
    // Where reading mirrored text faults, mirroring all of it costs more than such stores ever do.
    return !v.shadow.own_layout().beside_text(false);
}

u32 price_of_cover(const Vcpu& v) {
    const Patcher& p = *v.patcher;
    if (p.threshold_given) return p.threshold;
    constexpr u64 most = 1'000'000;
    const u64 pages = p.overlay.mirror.mirrored();
    const u64 gain = p.costs.exit > p.costs.stub ? p.costs.exit - p.costs.stub : 1;
    const u64 exits = pages * p.costs.check / gain;
    return static_cast<u32>(exits < p.threshold ? p.threshold : exits > most ? most : exits);
}

void cover_page(Vcpu& v, MirrorFrame& frame, unsigned page) {
    u64 own = 0;
    v.memory->ram_range(frame.gpa + u64{page} * page_bytes, page_bytes, own);
    const unsigned words = page_bytes / 4;
    for (unsigned i = 0; i < words; ++i) {
        i = core::find_word(own, i, dbt::read_mask, dbt::untrapped_read);
        if (i < words) cover_word(v, frame, text_at(v, frame, page, i));
    }
}

void cover_word(Vcpu& v, MirrorFrame& frame, const Text& text) {
    const u32 own = core::read_ram(text.own, 4);
    if (!v.patcher->cover || !dbt::reads_without_trap(own)) return;
    if (core::read_ram(text.copy, 4) == own) patch_word(v, frame, text);
}

void cover(Vcpu& v) {
    Patcher& p = *v.patcher;
    auto& mirror = p.overlay.mirror;
    p.cover = p.overlay.track = true;
    for (unsigned f = 0; f < mirror.capacity(); ++f) {
        MirrorFrame& frame = mirror.frame(f);
        for (unsigned i = 0; frame.used && i < MirrorFrame::pages; ++i) {
            mirror.set_plain(frame, i, false);
            if (frame.is_mirrored(i)) cover_page(v, frame, i);
        }
    }
    // The rest of what the guest kernel executes is seen when it is fetched.
    v.shadow.flush();
}

void uncover(Vcpu& v) {
    Patcher& p = *v.patcher;
    if (!p.cover) return;
    auto& cache = p.overlay.cache;
    for (unsigned i = 0; i < tcache::Cache::max_entries; ++i) {
        const tcache::Entry& entry = cache.entry(i);
        if (entry.words != 0 && dbt::needs_reads_patched(static_cast<dbt::Stub>(entry.kind))) {
            unpatch_stub(v, entry, Reason::reads);
        }
    }
    vcpu::sync_sprgs(v);
    p.cover = false;
    p.overlay.track = p.mode == Mode::eager;
    p.cover_not_before = strike(v, p.cover_strikes, 16);
}

}  // namespace trapeze::patch
