// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "hv/boot/links.hpp"
#include "hv/exit/run.hpp"
#include "hv/guest/machine.hpp"
#include "hv/sched/policy.hpp"

// From the board's device tree and the guest image to a guest that can be entered. Runs once;
// afterwards nothing is allocated. Any error in what was handed in ends in reject().
namespace trapeze::boot {

using e500::u32;
using e500::u64;
using e500::u8;

// Physical memory as the VMM sees it until the guest starts: linear, the first 2 GiB.
inline constexpr u32 linear_base = 0x4000'0000;
inline constexpr u64 linear_size = 0x8000'0000;
inline u8* at(u64 hpa) {
    return reinterpret_cast<u8*>(std::uintptr_t{linear_base} + static_cast<u32>(hpa));
}
void map_linear();
void unmap_linear();
// What the firmware has left in a core's TLB1 that is not the VMM's.
void unmap_all();

// Ends the VMM because of its input: one line, summary with end=input.
[[noreturn]] void reject(const char* what, const char* detail = "");

// A property that is text. Null if it is absent, or not one text to its end.
const char* text_of(const void* tree, int node, const char* name);

// The VMM's command line (docs/options.md): changes of `options`.
guest::Options parse_options(const char* p, guest::Options options = {});

// What the board's device tree says.
struct Host {
    const void* tree;
    u64 tree_end;
    u64 ram;
    u64 image, image_end;  // the guest image (initrd of the VMM)
    u32 timebase_frequency;
    const char* command_line;
    u64 release[core::max_cores];  // where each core waits, host-physical; 0: no such core
};
// Sends a core that waits to `entry`, host-physical, with its number in r3 (ePAPR 5.5).
void start_core(const Host& host, u32 number, u64 entry);
Host read_host(u64 tree_hpa);

// A guest as the user asked for it.
struct Wish {
    const char* name;  // null: the only one
    guest::Options options;
    u64 image, image_end;  // its guest image, host-physical
    bool owner;            // has PCI, flash and I2C
    bool hypercalls;       // it may make them
    guest::OnDeath on_death;
    bool waits;  // for the monitor to start it
    unsigned core;
    u32 priority, budget_us, period_us;
    const void* windows;  // of a cyclic schedule: pairs of cells, or null,
    unsigned window_count;
};
struct Wishes {
    Wish guests[guest::Machine::most_guests];
    unsigned count;
    Links links;
    const char* schedule;  // a policy's name
    u32 slice_us, frame_us;
};
// What the host's image holds: a guest, whose options are the command line's, or a machine image,
// whose guests have those of the command line first (docs/guests.md).
void read_wishes(const Host& host, Wishes& wishes);
// Fills a core's queue with those of its guests, in their order; the last index given is
// Vcpu::entity.
void fill_queue(const Wishes& wishes, unsigned core, sched::Queue& queue);

// Where guest RAM lies in the host's: as well aligned as there is room, so that large guest pages
// become large shadow pages.
// `mirror_size` bytes for patched text go before it, at `mirror`; less where there is no room.
u64 place_ram(const Host& host, u64& size, u64& mirror, u64& mirror_size);

// Runs a small guest in guest RAM that nothing stands in yet, to time exits, patches and tracing
// faults (docs/patching.md), puts what it found into guest::machine, and goes on at `then`. All of
// `g` has been used.
[[noreturn]] void calibrate(guest::Guest& g, const patch::Config& config, const mmu::Layout& layout,
                            mmu::Hole hole, void (*then)());

// What the guest sees at each physical address: its RAM from 0, then the board's devices at the
// addresses they have. The models of trapped ones are added to `devices`. The `owner` alone has
// what is not modelled: PCI, flash, I2C.
void build_memory_map(mmu::MemoryMap& memory, dev::DeviceTable& devices, const void* tree,
                      u64 ram_hpa, u64 ram_size, bool exits_device, bool owner);

// Copies the guest image into guest RAM and makes its device tree; its symbols, if there is room
// for them, go to `room`, of which what they take is gone. Without `copies` nothing but the tree
// changes there: the guest starts with what its memory holds.
vcpu::Boot load_guest(const Host& host, u64 ram_hpa, u64 ram_size, Room& room,
                      guest::Symbols& symbols, bool owner, bool copies = true);

}  // namespace trapeze::boot
