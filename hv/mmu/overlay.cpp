// SPDX-License-Identifier: Apache-2.0
#include "hv/mmu/overlay.hpp"

namespace trapeze::mmu {

using tcache::MirrorFrame;

Overlay::View Overlay::look(const VirtualEntry& entry, u32 ea, u64 gpa, Access access, bool user,
                            const Layout& layout) const {
    // Whether guest kernel data accesses go where patched text and stubs are.
    const bool together = layout.kernel_is == layout.kernel_ds;
    const bool fetch = access == Access::fetch;
    const u32 page = ea & ~0xfffu;
    if (!user && !fetch && together && stolen(page)) return View::traced;

    const MirrorFrame* const frame = mirror.find(gpa);
    const unsigned i = MirrorFrame::index(gpa);
    if (frame != nullptr && frame->is_mirrored(i)) {
        if (access == Access::store) return View::traced;
        const bool home = !user && on && steady(entry) && frame->page[i].ea == page;
        if (home && fetch) return View::text;
        return home && together ? View::traced : View::read_only;
    }
    const bool tracked = on && track && !user && !fetch && steady(entry) &&
                         !(frame != nullptr && frame->is_plain(i));
    return tracked ? View::tracked : View::plain;
}

bool Overlay::uniform(u32 base, u64 gpa, u64 size, u64 inside, bool data) const {
    if (!mirror.uniform(gpa, size, inside)) return false;
    if (!data || !present) return true;
    if (u64{low} >= u64{base} + size || u64{base} >= u64{low} + bytes) return true;
    for (unsigned i = 0; i < tcache::Cache::max_pages; ++i) {
        const u32 page = cache.page(i);
        if (page != tcache::Cache::no_page && page - base < size) return false;
    }
    return true;
}

}  // namespace trapeze::mmu
