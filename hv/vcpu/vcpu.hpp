// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/mmu/layout.hpp"
#include "hv/mmu/memory_map.hpp"
#include "hv/mmu/shadow_tlb.hpp"
#include "hv/mmu/virtual_tlb.hpp"
#include "hv/vcpu/events.hpp"
#include "hv/vcpu/exits.hpp"
#include "hv/vcpu/state.hpp"

namespace trapeze::dbt {
struct Site;
class SiteTable;
}  // namespace trapeze::dbt

namespace trapeze::patch {
struct Patcher;
}

namespace trapeze::dev {
class DeviceTable;
}

namespace trapeze::core {
struct Core;
}

namespace trapeze::guest {
struct Guest;
}

namespace trapeze::vcpu {

struct Profile;

// Why a guest can not go on; the report is written from it.
enum class End : u8 {
    running,
    poweroff,
    reset,
    guest_died,
    stopped,     // somebody asked on the VMM's console
    vmm_failed,  // a defect of ours
};

// What a virtual core does with its core's time.
enum class Presence : u8 {
    runs,   // has it: the guest's instructions, and exits
    ready,  // would, but another one has it
    waits,  // MSR[WE]
};

// Vcpu::storm_nip before the first interrupt: no handler is at an odd address.
inline constexpr u32 no_handler = 1;

// One exit, kept for reports. The fast paths write these too; one of a known trap site they leave
// as the site alone (profile.hpp, settled).
struct alignas(32) ExitRecord {
    u32 nip;
    u32 word;  // the instruction, if fetched
    u32 dear;  // of a storage or device exit
    u32 info;  // Cause, and `user_mode` if the guest was in user mode

    const dbt::Site* site;  // if not null, the rest is not valid

    static constexpr u32 user_mode = 0x100;
};

// A virtual e500v2 core: the guest's State, and what the VMM needs to run it. The assembly in
// hv/exit/ reaches the members down to `profile` by generated offsets (exit/offsets.cpp); nothing
// else depends on their order.
struct Vcpu : State {
    u32 exit_time;  // time base at entry, low word
    u32 entry_msr;  // core MSR to enter the guest with
    u32 stack;      // Core::stack

    u32 real_msr_kernel;  // core MSR while the guest kernel runs, without passed-through bits
    u32 real_msr_user;
    u32 hv_msr;          // the VMM's own
    u32 fetch_msr;       // as hv_msr, with DS = the space the guest kernel fetches from
    u32 fetch_msr_user;  // the same for guest user code
    u32 text_ea;         // what the window of text shows (text_window.hpp), or:
    static constexpr u32 no_text = 1;
    u32 slow_rfi;  // not 0: rfi and sc take the C++ path (guest uses AS1, or debugs)
    // Bits of the guest's MSR, MSR[PR] inverted, of which none may be set for an sc to be a system
    // call without further ado; slow_sc_always, which no MSR has, stands there as if it were set.
    u32 slow_sc;
    static constexpr u32 slow_sc_always = 1;
    u32 cleared_by_noncritical;      // MSR bits besides those that the manual says
    u32 vector[e500::vector_count];  // full handler addresses, from IVPR and IVORs
    ExitStats exits[cause_count];
    u32 counters[counter_count];
    u32 trace_head;  // byte offset of the newest record in `traced`
    ExitRecord traced[32];
    dbt::Site* site;                  // of the exit at hand, if it is a privileged instruction's
    dbt::Site* const* site_buckets;   // of `profile`,
    const void* page_slots;           // for the fast paths
    Profile* profile;                 // null: off
    patch::Patcher* patcher;          // null: off; it needs the profile
    dbt::SiteTable* sites;            // the profile's; null with it
    const PatchEvents* patch_events;  // null with the patcher,
    mmu::Overlay* overlay;            // and this
    u32 stub_low, stub_bytes;         // effective addresses between which all stubs are
    u64 next_sample;                  // VMM's clock; when PatchEvents::sample is due
    void (*on_calibrated)(Vcpu& v);   // what an illegal instruction ends in; null: the guest's own
    bool traced_fault;                // what is left of a light exit is a tracing fault
    bool last_miss_user;              // mode and kind of the last TLB miss that was reflected
    mmu::Access last_miss;

    mmu::ShadowTlb shadow;
    mmu::VirtualTlb tlb;
    u64 text_hpa;  // of text_ea
    // Of the guest.
    guest::Guest* guest;  // for the rooms behind it alone
    unsigned guest_number;
    unsigned entity;  // of its core's queue (sched/run.hpp)
    u32 turn_ends;    // timer exits that its core asked for, to choose anew
    mmu::MemoryMap* memory;
    dev::DeviceTable* devices;
    core::Core* core;  // that runs it
    // A store to RAM that the VMM makes for the guest, if more is to be done than to write it.
    // `size` is 1, 2 or 4 bytes, which lie in one page.
    void (*store_ram)(Vcpu& v, u64 gpa, u64 hpa, unsigned size, u32 value);

    // Whether the guest's interrupt controller asks for its inputs.
    bool critical_held, external_held;
    // It answers when the guest admits one: false, it asks no longer.
    bool (*take_input)(Vcpu& v, e500::Vector which);
    // Messages of other cores, atomically: a device of the guest's that they touch has changed its
    // line; what else they ask (guest/guest.hpp).
    u32 line_changes, asked;
    u32 answers;  // what of `asked` its core has taken and is about to do
    u32 signals;  // bit n: others have done something with the guest's handle n (dev/device.hpp)
    // Some of them wait until the guest has its core: it is to have it, be it asleep. Atomically.
    bool to_tell;
    // Whether a device of the guest's wants the core's time, when, by the VMM's clock, and how it
    // gets that.
    bool device_waits;
    u64 device_deadline;
    void (*on_device_deadline)(Vcpu& v);
    bool hypercalls;  // an sc 1 of its kernel is one (para/hypercall.hpp)
    u32 idle_bits;  // MSR bits that the end of its wait clears: it waits in a hypercall; 0: it does
                    // not
    bool reported_pmc, reported_debug, reported_read_only;  // said once on the VMM's console
    bool shares_timebase, reported_timebase;
    u64 fit_seen, watchdog_seen;  // time base up to which guest timer events were looked for
    u64 dec_deadline;             // VMM's clock; when the guest's decrementer reaches zero,
    bool dec_running;             // if it is on its way there
    u64 next_heartbeat;
    u32 beat_random;  // of its distance from the one before
    // While the VMM makes lwarx and stwcx. for the guest (reservation.hpp).
    struct {
        u32 steps;  // instructions that are still to be stepped; 0: it does not
        bool held;  // a lwarx has read `value` at `hpa`
        u32 value;
        u64 hpa;
    } reservation;
    bool moved;       // the guest's spaces were laid out anew; no timer interrupt was given since
    u32 hold_ticks;   // not 0: one waits until the guest gets on
    u32 given_nip;    // from where the last such one was given,
    u32 given_state;  // with these registers, a digest (vcpu::hold_back)

    // Times without further notice are of the VMM's clock (core/clock.hpp).
    End end;
    const char* reason;
    u64 counted[counter_count];  // folded
    u64 start_time;
    Presence presence;
    u64 since;                     // when that began, and how long it was until then:
    u64 idle_ticks, stolen_ticks;  // waits; ready
    u64 wakes_at;                  // while it waits: the nearest of its timers; core::never: none
    u32 signs;                     // of life so far, but for waiting (Look::signs)
    bool probing;   // the next instruction that completes is a debug exit of the VMM's
    char why[128];  // `reason`, if it has numbers in it
    u32 beat_nip;   // where the heartbeat found the guest, bit 0: in user mode
    // The last interrupt given to the guest, how often its handler failed at once, with these
    // registers (a digest), and the first of such a chain: what the guest did before its handlers
    // failed.
    u32 storm_nip, storm_count, storm_vector, storm_state;
    u32 storm_from, storm_first;
    u32 fatal_ea;       // the address whose access ended the guest,
    bool fatal_access;  // if one did
    mmu::Access fatal_kind;

    void becomes(Presence next, u64 now);  // presence.cpp
    // Its own time at `now`, in which others have had no part.
    u64 own_time(u64 now) const { return now - stolen_ticks; }
    bool waits() const { return (regs.msr & e500::msr::we) != 0; }
    bool user() const { return (regs.msr & e500::msr::pr) != 0; }
    bool virtual_is() const { return (regs.msr & e500::msr::is) != 0; }
    bool virtual_ds() const { return (regs.msr & e500::msr::ds) != 0; }
};

}  // namespace trapeze::vcpu
