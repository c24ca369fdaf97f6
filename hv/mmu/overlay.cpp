// SPDX-License-Identifier: Apache-2.0
#include "hv/mmu/overlay.hpp"

namespace trapeze::mmu {

using tcache::MirrorFrame;

Overlay::View Overlay::look(const VirtualEntry& entry, u32 ea, u64 gpa, Access access, bool user,
                            const Layout& layout) const {
    const bool fetch = access == Access::fetch;
    const bool beside = !fetch && layout.beside_text(user);
    const bool space = fetch ? layout.fetch_space(user) : layout.data_space(user);
    const u32 page = ea & ~0xfffu;
    if (stolen(page)) {
        if (beside) return View::traced;
        // What the guest kernel writes there it may be about to execute. In crossed an entry for
        // user mode's fetches lets it write too.
        if (space == layout.data_space(false) && executable(entry)) {
            return access == Access::store ? View::traced : View::read_only;
        }
    }

    const MirrorFrame* const frame = mirror.find(gpa);
    const unsigned i = MirrorFrame::index(gpa);
    // Of one process or of all, by its own address or another one: whatever the kernel executes is
    // to be known.
    const bool tracked = on && track && beside;
    if (frame != nullptr && frame->is_mirrored(i)) {
        if (access == Access::store) return View::traced;
        const bool home = on && steady(entry) && frame->page[i].ea == page;
        if (home && fetch && !user) return View::text;
        if (home && beside) return View::traced;
        return tracked ? View::loads : View::read_only;
    }
    const bool known = frame != nullptr && frame->is_plain(i);
    return tracked && !known ? View::tracked : View::plain;
}

bool Overlay::uniform(u32 base, u64 gpa, u64 size, u64 inside, bool stolen) const {
    return mirror.uniform(gpa, size, inside) && !(stolen && has_stolen(base, size));
}

bool Overlay::has_stolen(u32 base, u64 size) const {
    if (!present) return false;
    if (u64{low} >= u64{base} + size || u64{base} >= u64{low} + bytes) return false;
    for (unsigned i = 0; i < tcache::Cache::max_pages; ++i) {
        const u32 page = cache.page(i);
        if (page != tcache::Cache::no_page && page - base < size) return true;
    }
    return false;
}

}  // namespace trapeze::mmu
