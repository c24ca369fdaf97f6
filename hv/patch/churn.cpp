// SPDX-License-Identifier: Apache-2.0
// For tests: what patching does seldom, and a guest must never notice, done all the time. Text and
// stolen pages become the guest's again at any moment; what is hot there is patched once more.
#include "hv/patch/parts.hpp"

namespace trapeze::patch {

using tcache::Cache;

namespace {

// A frame that has text in it, from a random one on; null if there is none.
MirrorFrame* some_frame(Patcher& p) {
    auto& mirror = p.overlay.mirror;
    if (mirror.capacity() == 0) return nullptr;
    const unsigned from = next_random(p) % mirror.capacity();
    for (unsigned i = 0; i < mirror.capacity(); ++i) {
        MirrorFrame& frame = mirror.frame((from + i) % mirror.capacity());
        if (frame.used && frame.mirrored != 0) return &frame;
    }
    return nullptr;
}

// One page of it, or all.
void take_text(Vcpu& v, bool all) {
    MirrorFrame* const frame = some_frame(*v.patcher);
    if (frame == nullptr) return;
    if (all) {
        unmirror(v, *frame, 0, MirrorFrame::pages, false, Reason::waiting);
        v.patcher->overlay.mirror.close(*frame);
        return;
    }
    const unsigned from = next_random(*v.patcher) % MirrorFrame::pages;
    for (unsigned i = 0; i < MirrorFrame::pages; ++i) {
        const unsigned page = (from + i) % MirrorFrame::pages;
        if (!frame->is_mirrored(page)) continue;
        unmirror(v, *frame, page, 1, false, Reason::waiting);
        return;
    }
}

void return_page(Vcpu& v) {
    const Cache& cache = v.patcher->overlay.cache;
    const unsigned from = next_random(*v.patcher) % Cache::max_pages;
    for (unsigned i = 0; i < Cache::max_pages; ++i) {
        const u32 ea = cache.page((from + i) % Cache::max_pages);
        if (ea == Cache::no_page) continue;
        give_back(v, ea, false);
        return;
    }
}

void return_all(Vcpu& v) {
    unmirror_all(v, Reason::waiting);
    for (unsigned i = 0; i < Cache::max_pages; ++i) {
        const u32 ea = v.patcher->overlay.cache.page(i);
        if (ea != Cache::no_page) give_back(v, ea, false);
    }
}

// What has been given back may be taken at once.
void forgive(Patcher& p) {
    p.cover_strikes = p.flush_strikes = 0;
    p.cover_not_before = p.flush_not_before = 0;
    for (auto& avoided : p.avoided) avoided = {};
    for (unsigned i = 0; i < p.overlay.mirror.capacity(); ++i) {
        MirrorFrame& frame = p.overlay.mirror.frame(i);
        if (!frame.used) continue;
        frame.not_before = 0;
        frame.strikes = 0;
        for (auto& page : frame.page) {
            page.not_before = 0;
            page.strikes = 0;
        }
    }
}

}  // namespace

void churn(Vcpu& v) {
    Patcher& p = *v.patcher;
    switch (next_random(p) % 16) {
        case 0:
            return_all(v);
            break;
        case 1:
            uncover(v);
            break;
        case 2:
            if (p.overlay.flush) cannot_flush(v);
            break;
        case 3:
        case 4:
            take_text(v, true);
            break;
        case 5:
        case 6:
        case 7:
            turn_window(v);
            break;
        case 8:
        case 9:
        case 10:
            return_page(v);
            break;
        default:
            take_text(v, false);
    }
    forgive(p);
}

}  // namespace trapeze::patch
