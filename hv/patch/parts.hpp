// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/cpu.hpp"
#include "hv/patch/patcher.hpp"

// What the files of this room tell each other.
namespace trapeze::patch {

using tcache::MirrorFrame;
using tcache::MirrorPage;

inline constexpr u32 page_bytes = 4096;
constexpr u32 page_of(u32 ea) { return ea & ~(page_bytes - 1); }

inline bool is_patched(const dbt::Site& site) {
    return site.state == static_cast<u8>(State::patched);
}

// From one reading of a clock to another; a clock that goes back stands still.
constexpr u64 passed(u64 from, u64 to) { return to > from ? to - from : 0; }

// Ticks since the guest's start.
u64 now_of(const Vcpu& v);
// Coarser, for how long something is left alone: 2.6 ms at 400 MHz.
inline u32 epoch(const Vcpu& v) { return static_cast<u32>(now_of(v) >> 20); }

// What did not pay is left alone for `epochs`, and each time for twice as long. The epoch until
// when.
inline u32 strike(const Vcpu& v, u8& strikes, u32 epochs) {
    constexpr u8 most_strikes = 14;
    const u32 until = epoch(v) + (epochs << strikes);
    if (strikes < most_strikes) ++strikes;
    return until;
}

// A word that the guest kernel can execute: where it is for whom.
struct Text {
    u32 ea;
    u64 gpa;
    u64 own;   // memory of the guest's word,
    u64 copy;  // and of the one in the mirror
};
Text text_at(const Vcpu& v, const MirrorFrame& frame, unsigned page, unsigned word);
inline unsigned word_of(const Text& text) {
    return static_cast<unsigned>(text.gpa % page_bytes / 4);
}

// patcher.cpp: patches one word of a mirrored page as it is now; `none` if it is done.
Reason patch_word(Vcpu& v, MirrorFrame& frame, const Text& text);
// Takes the patch at a word away, if there is one, and says so at its site. The copy's word is
// the guest's then.
void unpatch(Vcpu& v, MirrorFrame& frame, const Text& text, State state, Reason reason);
// Calls `act(frame, text, own)` for each patched word, `own` being the guest's; it may take the
// patch away or make another.
template <typename Act>
void for_each_patch(Vcpu& v, Act act) {
    auto& mirror = v.patcher->overlay.mirror;
    for (unsigned f = 0; f < mirror.capacity(); ++f) {
        MirrorFrame& frame = mirror.frame(f);
        if (!frame.used || frame.patches == 0) continue;
        for (unsigned page = 0; page < MirrorFrame::pages; ++page) {
            if (!frame.is_mirrored(page) || frame.page[page].patches == 0) continue;
            for (unsigned word = 0; word < page_bytes / 4; ++word) {
                if (!mirror.is_patched(frame, page, word)) continue;
                const Text text = text_at(v, frame, page, word);
                act(frame, text, core::read_ram(text.own, 4));
            }
        }
    }
}
// What the plans need to know of the register page's place.
void set_register_map(Patcher& p);
// Every patch follows the register page, which has moved.
void follow_register_page(Vcpu& v);

// pages.cpp: makes the page that holds `ea` one that is executed from its copy.
Reason mirror_page(Vcpu& v, const mmu::VirtualEntry& entry, u32 ea);
// Gives `count` pages from `first` on back to the guest. `struck`: for a time that doubles.
void unmirror(Vcpu& v, MirrorFrame& frame, unsigned first, unsigned count, bool struck,
              Reason reason);
// The guest touches a page of text: gives back those around it that have no patches.
void carve(Vcpu& v, MirrorFrame& frame, unsigned page);
// The guest makes the page another one, and likely its neighbours: gives it back, and those beside
// it that have no patches.
void release(Vcpu& v, MirrorFrame& frame, unsigned page);
// Everything, with no strikes.
void unmirror_all(Vcpu& v, Reason reason);
void drop_text(Vcpu& v);

// stolen.cpp: room for a stub of a site in `frame`; steals a page if it must. Null: there is none
// in reach, or the search for one is not over (searches()).
tcache::Entry* place_stub(Vcpu& v, MirrorFrame& frame, u32 site, unsigned words);
// Whether a search for a page in reach of the frame's sites goes on when the next site asks.
inline bool searches(const MirrorFrame& frame) { return frame.searched != 0; }
// No stub stands anywhere: what is no stub traps.
void clear_stubs(Patcher& p);
u32* memory_of(Patcher& p, const tcache::Entry& entry);
void release_stub(Vcpu& v, tcache::Entry& entry);
void unpatch_stub(Vcpu& v, const tcache::Entry& entry, Reason reason);
// The page at `ea` is the guest's again, its stubs are gone.
void give_back(Vcpu& v, u32 ea, bool struck);
// Makes the core's entries for stubs and register page what they should be.
void pin(Vcpu& v);
void unpin(Vcpu& v);
bool place_register_page(Vcpu& v);

// cover.cpp: whether text can be covered, and the exits of a site that are worth it.
bool can_cover(const Vcpu& v);
u32 price_of_cover(const Vcpu& v);
void cover(Vcpu& v);
// The guest kernel executes what is not mirrored.
void uncover(Vcpu& v);
// Patches what a mirrored page, or a word of it that has changed, has of those reads.
void cover_page(Vcpu& v, MirrorFrame& frame, unsigned page);
void cover_word(Vcpu& v, MirrorFrame& frame, const Text& text);

// tracing.cpp: Vcpu::store_ram. The copy of text follows, and what was patched there is no more.
void store_ram(Vcpu& v, u64 gpa, u64 hpa, unsigned size, u32 value);
// flush.cpp: whether dcbi may be patched.
bool can_flush(Vcpu& v);

// windows.cpp: when the next window begins, or this one goes on, the time since the guest's start
// being `now`.
void schedule_window(Vcpu& v, u64 now);
// Ends a window before its time, if there is one.
void end_window(Vcpu& v);
// Begins one that is not measured, or ends it.
void turn_window(Vcpu& v);
u32 next_random(Patcher& p);
// churn.cpp: takes something back from the patcher, at random.
void churn(Vcpu& v);
void leave_window(Vcpu& v);
void read_clock(Vcpu& v, u64 now);
// The first patch of all may be about to be made.
void before_first_patch(Vcpu& v);
// Whether patching as a whole does not pay, and nothing is patched for a while.
bool resting(const Vcpu& v);

// account.cpp: exits that the patches in [gpa, gpa + bytes) save in a beat.
u64 exits_saved_by(Vcpu& v, u64 gpa, u32 bytes);
// A tracing fault that began at v.exit_time, at a mirrored page or a stolen one.
void charge_text(Vcpu& v, MirrorFrame& frame, unsigned number, bool written);
void charge_stolen(Vcpu& v, u32 ea);

}  // namespace trapeze::patch
