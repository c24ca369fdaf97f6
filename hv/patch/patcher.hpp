// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dbt/plan.hpp"
#include "dbt/site_table.hpp"
#include "hv/mmu/overlay.hpp"
#include "hv/vcpu/vcpu.hpp"

// Rewrites a guest's hot trap sites while it runs (docs/patching.md). The way of a site:
//
//   exits (profile) -> consider -> plan -> mirror its page -> place its stub -> commit
//
// and back again when the guest writes there, maps something else, or when tracing faults cost more
// than the patch saves. Files: patcher.cpp sites; pages.cpp the text mirror;
// stolen.cpp the pages of stubs; tracing.cpp accesses to both; cover.cpp stores of SPRGs;
// flush.cpp dcbi; account.cpp what each page pays; windows.cpp what it all does.
namespace trapeze::patch {

using e500::u16;
using e500::u32;
using e500::u64;
using e500::u8;
using vcpu::Vcpu;

enum class Mode : u8 { off, hot, eager };

// What became of a site: dbt::Site::state.
enum class State : u8 {
    cold,  // not due yet
    hot,   // due, but it cannot be patched
    patched = dbt::SiteTable::stays,
    dropped = 3,  // was patched; the guest wrote to it or its page went
    back,         // was patched; did not pay
};

// Why: dbt::Site::reason.
enum class Reason : u8 {
    none,
    pays,         // patched: the cost model says so,
    eager,        // or the policy
    no_template,  // nothing replaces this instruction
    no_mapping,   // not in RAM, or mapped by TID or address space 1, or by another address already
    no_mirror,    // no room in the mirror
    no_page,      // no page for its stub in reach
    written,      // the guest wrote to it
    faults,       // its page was given back
    waiting,      // given back, not for ever
    off,          // nowhere to put the register page
    reads,        // stores an SPRG that could be read without a trap (cover.cpp)
    permissions,  // a page can be loaded from and not stored to, or the other way (flush.cpp)
    count
};
const char* name(Mode mode);
const char* name(State state);
const char* name(Reason reason);

// Measured when the VMM starts (calibrate.cpp), in ticks / 1000.
struct Costs {
    u32 exit, load, stub, fault, patch;
    u32 check = 0;  // looking through a page
    u32 way = 0;    // of an exit, in and out, that its own ticks do not show
};

// How they are measured: turns of each instruction, of one that is patched meanwhile (from
// calibrate_threshold exits on), and of a load that faults, before the account would object.
inline constexpr u32 calibrate_at = 0x1000, calibrate_turns = 64, calibrate_warm = 32,
                     calibrate_faults = 4, calibrate_threshold = 256, calibrate_patch = 300,
                     calibrate_checks = 3;

// How far the guest has come, patched or not: by the time that it itself has had, and by exits that
// patches do not save. Events are the better clock if there are any: text that is seldom executed
// is slow at first, on a core for its caches, in QEMU for its translation.
struct Clock {
    u64 ticks, events;
    u64 busy = 0;    // all time but idle and beats of the VMM's,
    u64 traced = 0;  // and what of it went to exits that there are for patched text alone,
    u64 work = 0;    // and to making patches
};

// What was seen in windows: of the clock, and the exits that stubs save.
struct Seen {
    Clock clock;
    u64 stubs;
};

struct Config {
    Mode mode;
    u32 threshold;  // exits of a site before it is patched; 0: what the costs say
    Costs costs;
    u64 mirror_hpa;   // memory of the mirror, a multiple of its frames
    unsigned frames;  // and how many
    u64 churn = 0;    // ticks between two times that something is given back for a test; 0: never
};

struct Patcher {
    Mode mode;
    u32 threshold;
    bool threshold_given;
    Costs costs;
    mmu::Overlay overlay;
    dbt::RegisterMap map;

    // All that the guest kernel executes is mirrored and has no read of an SPRG without a trap, so
    // that stores of them can be patched (cover.cpp); else not before this epoch.
    bool cover;
    u8 cover_strikes;
    u32 cover_not_before;

    // Once patched dcbi were given back (flush.cpp) not before this epoch.
    u8 flush_strikes;
    u32 flush_not_before;

    // The account (account.cpp). Times are since the guest's start.
    bool in_window;      // all text is run unpatched,
    bool measuring;      // long enough to count
    Clock clock;         // as read
    u64 clock_read;      // at this time
    Clock window_began;  // the part that counts; and
    Clock windows;       // how long all were
    Clock since;         // what is not in `net` yet began here
    Seen unpatched;      // of windows, a sum that decays
    std::int64_t net;    // ticks that the guest would have taken more
    u64 windows_seen;    // how many told something, and since `stint_began`,
    u64 stint_began;     // when something was patched after a time without
    u32 stint_windows;
    u32 losses;         // windows in a row that showed patching to be worse than none
    u32 resting_until;  // epoch (parts.hpp) before which nothing is patched
    u8 rest_strikes;
    u64 rests;
    u32 random;
    u64 churn;                // as in Config
    u64 made, dropped, back;  // patches
    u64 faults, text_writes;  // exits of Cause::tracing and text_write that were emulated,
    u64 fault_ticks;          // and what both took
    u64 patch_ticks;          // making patches, copying text
    u64 least_patch_ticks;    // that one patch took

    // Stolen pages, by slot of the cache.
    struct Stolen {
        u32 faults, debt;
    };
    Stolen stolen[tcache::Cache::max_pages];
    // Pages that were given back, and until when (epoch, parts.hpp) they are left alone.
    struct Avoided {
        u32 ea, until;
        u8 strikes;
    };
    static constexpr unsigned most_avoided = 32;
    Avoided avoided[most_avoided];
    unsigned next_avoided;

    alignas(65536) u32 stubs[tcache::Cache::max_pages][1024];
};

// Exits after which a patch has paid for itself.
u32 threshold_for(const Costs& costs);

// Begins with nothing patched. `patcher` null: never patches.
void start(Vcpu& v, Patcher* patcher, const Config& config);

// Ends it: what the core has of patches is gone.
void stop(Vcpu& v);

// The core has had what another guest keeps there of patches, and has this one's from now on.
void take_core(Vcpu& v);

// All that follows is for a Vcpu that has a patcher.

// The privileged instruction at v.site has just been emulated, and is due.
void consider(Vcpu& v);

// The guest's mode of translation or of debugging has changed: patches are used while it is in
// address space 0 and not debugged by the instruction.
void mode_changes(Vcpu& v);

// The guest has written this valid entry.
void entry_made(Vcpu& v, const mmu::VirtualEntry& entry);

// The guest kernel fetches from `ea`, for which there is no shadow entry. True: it is a stub, and
// there is one now.
bool fetch_stub(Vcpu& v, u32 ea);
// The guest kernel executes a page that no shadow entry maps.
void executes(Vcpu& v, const mmu::VirtualEntry& entry, u32 ea);

// The guest was interrupted in a stub: v.nip and its registers become those of before the patched
// instruction, or behind it.
struct Left {
    // Elsewhere: on a page of the guest's between stolen ones. Nothing: on a stolen page where
    // there is no stub; the guest went there, and it is the guest's again.
    enum : u8 { elsewhere, nothing, before, done } how;
    u32 site;  // EA of the instruction,
    u32 word;  // and itself
};
inline bool in_stub(const Vcpu& v) { return v.nip - v.stub_low < v.stub_bytes && !v.user(); }
Left leave_stub(Vcpu& v);

// A load or store that the VMM must make for the guest. v.nip moves on if it was made.
void trace(Vcpu& v, u32 word, u32 ea, bool store);
// Somebody else has changed the guest's memory in [gpa, gpa + bytes), which lies in a page: what it
// executes is that.
void written(Vcpu& v, u64 gpa, u32 bytes);
// Whether it executes a copy of this page, so that `written` has something to do.
bool executes_copy(const Vcpu& v, u64 gpa);
// What such an exit counts as.
inline vcpu::Cause cause_of_trace(const Vcpu& v, u32 ea, bool store) {
    const bool text = store && !v.patcher->overlay.stolen(ea);
    return text ? vcpu::Cause::text_write : vcpu::Cause::tracing;
}

// An entry that is lopsided has been made while dcbi is patched: it is no more.
void cannot_flush(Vcpu& v);
// Whether the load that failed is a patched dcbi.
bool is_flush(Vcpu& v);
inline bool flushing(Vcpu& v) {
    return v.patcher != nullptr && v.patcher->overlay.flush && !v.user() && is_flush(v);
}

// The word that the guest itself has at `ea`, where it executes `word`.
u32 own_word(Vcpu& v, u32 ea, u32 word);

// Account.
void beat(Vcpu& v);
void sample(Vcpu& v, u64 now);
Clock clock_at(const Vcpu& v, u64 now);
u64 saved(const Vcpu& v, const dbt::Site& site, u64 now);
// Brings the account up to `now`, before it is read.
void settle(Vcpu& v, u64 now);
u64 saved(const Vcpu& v, u64 now);
std::int64_t net_ticks(const Vcpu& v);

}  // namespace trapeze::patch
