// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/dev/device.hpp"
#include "hv/guest/options.hpp"
#include "hv/guest/symbols.hpp"
#include "hv/guest/watch.hpp"
#include "hv/patch/patcher.hpp"
#include "hv/profile/profile.hpp"

namespace trapeze::guest {

// Where a guest is in its life (docs/monitor.md). Only `runs` executes.
enum class Life : e500::u8 {
    starts,  // made anew when it has its core next, which may have to wait (Vcpu::wakes_at); so
             // others see it too while that is done, for it is the first
    runs,
    waits,  // to be started, as the machine image says (no-autostart)
    paused,
    over,  // ended, and that is told
};

// What follows when a guest dies or resets.
enum class OnDeath : e500::u8 { stop, restart, halt };

// What the rooms behind these do for a guest: a table of functions, so that an exit need not know
// them.
struct Events {
    // Once per heartbeat: requests on the VMM's console, dumps that are due, and whether the guest
    // is alive.
    void (*heartbeat)(vcpu::Vcpu& v);
    // Requests alone.
    void (*requests)(vcpu::Vcpu& v);
    // The guest has ended. Returns when another one has the core.
    void (*ended)(vcpu::Vcpu& v);
    // The guest waits, or Core::reconsider is set. Returns when a guest has the core, be it the
    // same; waits until there is one.
    void (*yields)(vcpu::Vcpu& v);
    // Another core asks for these (Ask). The core has the guest's state.
    void (*asked)(vcpu::Vcpu& v, u32 what);
};

// What a core asks of a guest that another one runs: bits of Vcpu::asked.
enum Ask : u32 {
    ask_stop = 1,
    ask_report = 2,
    ask_dump = 4,
    ask_live = 8,
    ask_pause = 0x10,
    ask_resume = 0x20,
    ask_start = 0x40,
    ask_restart = 0x80,
    ask_halt = 0x100,
    ask_registers = 0x200,
    ask_trace = 0x400,    // of its core
    ask_written = 0x800,  // others have written to its memory (para/partition.hpp)
};

// A partition of the machine: memory, devices, a virtual core, and what the VMM keeps for them. All
// of it is touched by the core that runs it alone. Guests are made at boot, in the VMM's own memory
// behind its image (boot/main.cpp), all zeroes.
struct Guest {
    vcpu::Vcpu vcpu;
    const Events* events;
    const char* name;  // null: the only one
    char own_name[16];
    Life life;
    OnDeath on_death;
    bool again;        // started anew once it has ended
    u32 starts;        // how often it was started,
    u32 quick_deaths;  // and in a row died soon after that
    mmu::MemoryMap memory;
    dev::DeviceTable devices;
    Options options;
    u64 ram_hpa, ram_size;  // bytes
    Symbols symbols;
    Watch watch;
    vcpu::Profile profile;
    patch::Patcher patcher;

    // Up to 15 characters of it.
    void take_name(const char* from) {
        for (unsigned i = 0; i + 1 < sizeof own_name && from[i] != 0; ++i) own_name[i] = from[i];
        name = own_name;
    }
};

}  // namespace trapeze::guest
