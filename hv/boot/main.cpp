// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <new>

#include "hv/board/ppce500.hpp"
#include "hv/boot/boot.hpp"
#include "hv/boot/tree.hpp"
#include "hv/console/console.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/core/lock.hpp"
#include "hv/core/own_map.hpp"
#include "hv/dev/devices.hpp"
#include "hv/exit/entry.hpp"
#include "hv/exit/setup.hpp"
#include "hv/guest/machine.hpp"
#include "hv/monitor/monitor.hpp"
#include "hv/para/partition.hpp"
#include "hv/sched/run.hpp"
#include "hv/trace/ring.hpp"

namespace trapeze {

namespace {

using e500::u32;
using e500::u64;
using guest::Guest;

constinit core::Core cores[core::max_cores]{};
dev::Board board;

// What a guest gets.
struct Share {
    u64 ram_hpa, ram_size;
    u64 cleared;   // bytes, while it is made anew
    u32 start_at;  // and how it then starts (para/partition.hpp)
    patch::Config patch;
    vcpu::Boot start;
};

// What there is to boot: written by the core that boots, before the first guest's first
// instruction; constant from then on, for guests that are made anew, but for a guest's `start`,
// `cleared` and `start_at`, which are its core's.
constinit struct {
    boot::Host host;
    boot::Wishes wishes;
    Share shares[guest::Machine::most_guests];
} plan{};

constexpr mmu::Hole hole{own_map::base, own_map::size};

const mmu::Layout& layout(const boot::Wish& wish) {
    return wish.options.crossed ? mmu::crossed : mmu::straight;
}

// The VMM's memory behind its image is the guests', and then their symbols'.
Guest* pool() {
    constexpr u32 align = alignof(Guest);
    return reinterpret_cast<Guest*>((reinterpret_cast<u32>(image_end) + align - 1) & ~(align - 1));
}
boot::Room room_behind() {
    auto* const from = reinterpret_cast<e500::u8*>(pool() + plan.wishes.count);
    return {from, own_map::image_base + own_map::image_size - reinterpret_cast<u32>(from)};
}

void start_trace(core::Core& core, boot::Room& room, u32 bytes) {
    constexpr u32 head = sizeof(trace::Record);
    static_assert(sizeof(trace::Ring) <= head && alignof(trace::Ring) <= alignof(trace::Record));
    e500::u8* const at = room.take(head + bytes, alignof(trace::Record));
    if (at == nullptr) boot::reject("trace=: there is no room for so much beside the guests");
    core.trace_ring = new (at) trace::Ring{};
    core.trace_ring->use(reinterpret_cast<trace::Record*>(at + head), bytes / head);
}

// The first guest's options say how much of it each core's trace gets.
void start_traces(boot::Room& room) {
    const u32 bytes = plan.wishes.guests[0].options.trace_kib << 10;
    for (unsigned i = 0; bytes != 0 && i < plan.wishes.count; ++i) {
        core::Core& core = cores[plan.wishes.guests[i].core];
        if (core.trace_ring == nullptr) start_trace(core, room, bytes);
    }
}

// Nothing of what was there before stays.
Guest& make_guest(unsigned number, guest::Life life) {
    const boot::Wish& wish = plan.wishes.guests[number];
    const Share& share = plan.shares[number];
    Guest& g = *new (pool() + number) Guest{};
    g.events = &monitor::events;
    if (wish.name != nullptr) g.take_name(wish.name);
    g.life = life;
    g.starts = wish.waits ? 0 : 1;
    g.on_death = wish.on_death;
    g.vcpu.guest = &g;
    g.vcpu.guest_number = number;
    g.vcpu.core = &cores[wish.core];
    g.vcpu.stack = g.vcpu.core->stack;
    g.vcpu.memory = &g.memory;
    g.vcpu.devices = &g.devices;
    g.vcpu.shares_timebase = plan.wishes.count > 1;
    g.options = wish.options;
    g.ram_hpa = share.ram_hpa;
    g.ram_size = share.ram_size;
    g.devices.board = &board;
    guest::machine.guests[number] = &g;
    board.guests[number] = &g.vcpu;
    board.homes[number] = g.vcpu.core;
    if (wish.owner) board.owner = &g.vcpu;
    boot::build_memory_map(g.memory, g.devices, plan.host.tree, g.ram_hpa, g.ram_size,
                           g.options.exits_device, wish.owner);
    if (wish.owner) dev::reset_pci_bridge(g.vcpu);
    dev::reset_exit_counters(g.vcpu);
    g.watch.hang_ticks = u64{g.options.watchdog} * guest::machine.timebase_frequency;
    g.watch.dump_ticks = u64{g.options.dump_every} * guest::machine.timebase_frequency;
    vcpu::start_profile(g.vcpu, g.options.profile ? &g.profile : nullptr);
    return g;
}

guest::Life first_life(const boot::Wish& wish) {
    return wish.waits ? guest::Life::waits : guest::Life::runs;
}

// Makes all of it, and loads what is the guest's.
vcpu::Boot load(unsigned number, boot::Room& symbols, guest::Life life) {
    const boot::Wish& wish = plan.wishes.guests[number];
    // Of a guest that is made anew, another core may have input.
    board::uart0_lock.take();
    Guest& g = make_guest(number, life);
    console::speak_for(g.name);
    dev::reset_mpic(g.vcpu);
    dev::reset_uart(g.vcpu);
    g.vcpu.hypercalls = wish.hypercalls;
    boot::attach_links(plan.wishes.links, g);
    board::uart0_lock.give();
    boot::Host host = plan.host;
    host.image = wish.image;
    host.image_end = wish.image_end;
    vcpu::Boot start = boot::load_guest(host, g.ram_hpa, g.ram_size, symbols, g.symbols, wish.owner,
                                        plan.shares[number].start_at == 0);
    void* const tree = boot::at(g.ram_hpa + start.device_tree);
    if (wish.hypercalls) boot::describe_hypervisor(tree, wish.name);
    boot::describe_links(plan.wishes.links, number, tree);
    boot::keep_tree(number, tree);
    if (const u32 entry = plan.shares[number].start_at; entry != 0) start.entry = entry & ~1u;
    start.debug_as_manual = g.options.debug_as_manual;
    start.tlb0_sets = g.options.tlb0_entries / mmu::VirtualTlb::ways;
    console::log("guest: entering");
    return start;
}

void enter(unsigned number) {
    const vcpu::Boot& start = plan.shares[number].start;
    Guest& g = *guest::machine.guests[number];
    patch::Config& patch = plan.shares[number].patch;
    vcpu::reset(g.vcpu, start, layout(plan.wishes.guests[number]), hole);
    patch.costs = guest::machine.costs;
    patch::start(g.vcpu, patch.mode != patch::Mode::off ? &g.patcher : nullptr, patch);
}

// A piece of the RAM of a guest that is made anew: short enough for others to wait for. True if it
// was the last one.
bool clear_piece(const Guest& g) {
    constexpr u64 piece = u64{1} << 20;
    u64& cleared = plan.shares[g.vcpu.guest_number].cleared;
    const u64 left = g.ram_size - cleared, bytes = left < piece ? left : piece;
    memset(boot::at(g.ram_hpa + cleared), 0, static_cast<u32>(bytes));
    cleared += bytes;
    return bytes == left;
}

// Machine::remake.
bool remake(Guest& g) {
    const unsigned number = g.vcpu.guest_number, entity = g.vcpu.entity;
    const guest::Symbols symbols = g.symbols;
    const u32 starts = g.starts, quick_deaths = g.quick_deaths;
    Share& share = plan.shares[number];
    if (share.cleared == 0) {
        share.start_at = para::take_start(number);
        dev::withdraw(g.vcpu);
        if (g.vcpu.patcher != nullptr) patch::stop(g.vcpu);
    }
    g.vcpu.shadow.flush();
    boot::map_linear();
    if (share.start_at == 0 && !clear_piece(g)) {
        boot::unmap_linear();
        return false;
    }
    share.cleared = 0;
    boot::Room none{nullptr, 0};
    share.start = load(number, none, guest::Life::starts);
    share.start_at = 0;
    boot::unmap_linear();
    g.symbols = symbols;
    g.vcpu.entity = entity;
    g.starts = starts;
    g.quick_deaths = quick_deaths;
    enter(number);
    return true;
}

// The core runs its guests from now on.
[[noreturn]] void run_core(core::Core& core) {
    unsigned first = guest::Machine::most_guests;
    for (unsigned i = plan.wishes.count; i-- > 0;) {
        if (guest::machine.guests[i]->vcpu.core != &core) continue;
        enter(i);
        if (guest::machine.guests[i]->life == guest::Life::runs) {
            trace::add(core, trace::What::started, i, core::now());
        }
        first = i;
    }
    sched::start(core, guest::machine.guests[first]->vcpu);
}

[[noreturn]] void enter_guests() {
    guest::machine.remake = remake;
    guest::machine.count = board.count = plan.wishes.count;
    boot::Room symbols = room_behind();
    start_traces(symbols);
    boot::start_links(plan.wishes.links, symbols);
    for (unsigned i = 0; i < plan.wishes.count; ++i) {
        if (para::Partition* const p = para::partition_of(i); p != nullptr) {
            p->ram_hpa = plan.shares[i].ram_hpa;
            p->ram_size = plan.shares[i].ram_size;
        }
        plan.shares[i].start = load(i, symbols, first_life(plan.wishes.guests[i]));
    }
    // Should nobody own it, its windows are closed all the same.
    if (board.owner == nullptr) dev::reset_pci_bridge(guest::machine.guests[0]->vcpu);
    dev::start_mpic();
    dev::start_uart(board);
    bool second = false;
    for (unsigned c = 0; c < core::max_cores; ++c) {
        boot::fill_queue(plan.wishes, c, sched::queue(c));
    }
    for (unsigned i = 0; i < plan.wishes.count; ++i) {
        second = second || plan.wishes.guests[i].core != 0;
    }
    sched::expect(plan.wishes.count);
    core::Lock::needed = second;
    boot::unmap_linear();
    if (second) {
        boot::start_core(plan.host, 1, core::own_hpa(start_secondary));
    }
    run_core(cores[0]);
}

// Memory for a guest, behind what stands there already; those behind it need `rest` bytes yet.
void place(unsigned number, u64 rest) {
    const boot::Wish& wish = plan.wishes.guests[number];
    const guest::Options& options = wish.options;
    Share& share = plan.shares[number];
    console::speak_for(wish.name);
    boot::Host host = plan.host;
    host.ram = host.ram > rest ? host.ram - rest : 0;
    if (number != 0) {
        const Share& before = plan.shares[number - 1];
        host.image_end = before.ram_hpa + before.ram_size;
    }
    share.ram_size = options.memory;
    const bool patches = options.profile && options.patch != patch::Mode::off;
    u64 mirror = 0, mirror_size = patches ? u64{options.mirror_mib} << 20 : 0;
    share.ram_hpa = boot::place_ram(host, share.ram_size, mirror, mirror_size);
    console::log("guest: {} MiB RAM at host-physical {:X}, TLB0 of {} entries, {} layout",
                 share.ram_size >> 20, share.ram_hpa, options.tlb0_entries, layout(wish).name);
    share.patch.mirror_hpa = mirror;
    share.patch.frames = static_cast<unsigned>(mirror_size / tcache::MirrorFrame::bytes);
    share.patch.mode = share.patch.frames != 0 ? options.patch : patch::Mode::off;
    share.patch.threshold = options.threshold;
    share.patch.churn = u64{options.churn} * guest::machine.timebase_frequency / 1'000'000;
}

u64 needed(const boot::Wish& wish) {
    constexpr u64 alignment = u64{4} << 20;  // the least that place_ram() looks for
    return wish.options.memory + (u64{wish.options.mirror_mib} << 20) + 2 * alignment;
}

}  // namespace

}  // namespace trapeze

void hv_main(trapeze::e500::u32 tree_hpa) {
    using namespace trapeze;
    using e500::u32;
    core::clock.start(core::read_timebase());
    cores[0].stack = reinterpret_cast<trapeze::e500::u32>(stack_top);
    cores[1].stack = reinterpret_cast<trapeze::e500::u32>(second_stack_top);
    cores[1].number = 1;
    core::setup(&pool()->vcpu);
    boot::map_linear();
    console::start();
    console::put("\n");
    plan.host = boot::read_host(tree_hpa);
    const boot::Host& host = plan.host;
    guest::machine.timebase_frequency = host.timebase_frequency;
    console::set_clock(host.timebase_frequency);
    console::log("Trapeze on {}: PVR {:x}, {} MiB RAM, time base {} Hz", board::name,
                 core::read_pvr(), host.ram >> 20, host.timebase_frequency);
    boot::read_wishes(host, plan.wishes);
    const unsigned count = plan.wishes.count;
    if (reinterpret_cast<u32>(pool() + count) > own_map::image_base + own_map::image_size) {
        boot::reject("machine image: more guests than the VMM's memory has room for");
    }
    u64 rest = boot::shared_bytes(plan.wishes.links);
    for (unsigned i = 1; i < count; ++i) rest += needed(plan.wishes.guests[i]);
    for (unsigned i = 0; i < count; ++i) {
        place(i, rest);
        if (i + 1 < count) rest -= needed(plan.wishes.guests[i + 1]);
    }
    console::speak_for(nullptr);
    const Share& last = plan.shares[count - 1];
    boot::place_shared(plan.wishes.links, last.ram_hpa + last.ram_size, host.ram);
    core::use_profile(plan.wishes.guests[0].options.profile);
    for (unsigned i = 0; i < count; ++i) {
        if (plan.shares[i].patch.mode == patch::Mode::off) continue;
        core::use_profile(true);
        cores[0].current = &(pool() + i)->vcpu;
        core::set_current(cores[0].current);
        boot::calibrate(make_guest(i, guest::Life::runs), plan.shares[i].patch,
                        layout(plan.wishes.guests[i]), hole, enter_guests);
    }
    enter_guests();
}

void hv_secondary(trapeze::e500::u32 number) {
    using namespace trapeze;
    core::Core& core = cores[number];
    vcpu::Vcpu* first = nullptr;
    for (unsigned i = plan.wishes.count; i-- > 0;) {
        if (guest::machine.guests[i]->vcpu.core == &core) first = &guest::machine.guests[i]->vcpu;
    }
    core::setup(first);
    boot::unmap_all();
    dev::start_mpic_core();
    run_core(core);
}
