// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/lock.hpp"
#include "hv/guest/guest.hpp"
#include "hv/guest/machine.hpp"

// Guests that manage others: what Freescale's hypervisor calls partitions (docs/partitions.md). The
// calls themselves are in calls.hpp.
//
// A managed guest may be another core's. What it is asked goes to that core (guest::Ask); what is
// read of it are single words. Its memory is written as a device would write it, and then its core
// is told, which keeps copies of text.
namespace trapeze::para {

using e500::u32;
using e500::u64;
using e500::u8;

// What a guest has of one that it manages. Made at boot; constant but for the last three.
struct Managed {
    unsigned manager, number;  // guest, and which of its handles
    unsigned guest;            // the managed one
    Managed* next;
    // A piece of the managed guest's memory that has been written, which its core has not looked at
    // yet; 0: there is none. The manager's core sets it, the other one clears it.
    u32 written_bytes;
    u64 written_gpa;
};

// A property that managers have set for a guest's next starts.
struct Setting {
    static constexpr u32 most_path = 128, most_name = 32, most_bytes = 512;  // with the 0 of texts
    u32 used;
    char path[most_path], name[most_name];
    u32 bytes;
    u8 value[most_bytes];
};

// What is kept of a guest that others manage, behind its image in the VMM's memory.
struct Partition {
    static constexpr unsigned most_settings = 8;
    u64 ram_hpa, ram_size;  // bytes; from guest-physical 0
    // How it starts next: 0, from its image in memory that is cleared; else in its memory as it is,
    // at this entry, plus 1.
    u32 start_at;
    // Its device tree as it was when it started. Odd while its core writes a new one.
    u32 version;
    u8* tree;
    u32 tree_room, tree_bytes;
    Setting settings[most_settings];
    core::Lock settings_lock;  // held while one is copied
};

// The states of a partition (FH_PARTITION_GET_STATUS).
enum class PartitionStatus : u32 {
    stopped = 0,
    running = 1,
    starting = 2,
    stopping = 3,
    pausing = 4,
    paused = 5,
    resuming = 6,
};
PartitionStatus status_of(const guest::Guest& g);

// At boot: `m` joins the others; `partition` is the managed guest's, made once.
void manage(Managed& m);
Managed* first_managed();
void set_partition(unsigned guest, Partition* partition);
// Null: nobody manages the guest.
Partition* partition_of(unsigned guest);

// A guest that is made, perhaps anew, gets handle `number` of that one.
void attach_managed(guest::Guest& g, Managed& m);

// The state of a guest has changed: those that manage it are told, by the core that runs it.
void state_changed(vcpu::Vcpu& v);
// Guest::Ask: others have written to the guest's memory. On its core, which has its state.
void take_written(vcpu::Vcpu& v);

// How a guest that is made anew starts, once: Partition::start_at.
u32 take_start(unsigned guest);

}  // namespace trapeze::para
