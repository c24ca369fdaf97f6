// SPDX-License-Identifier: Apache-2.0
#include <new>

#include "hv/board/ppce500.hpp"
#include "hv/boot/boot.hpp"
#include "hv/console/console.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/core.hpp"
#include "hv/core/cpu.hpp"
#include "hv/core/own_map.hpp"
#include "hv/dev/devices.hpp"
#include "hv/exit/entry.hpp"
#include "hv/exit/setup.hpp"
#include "hv/guest/machine.hpp"
#include "hv/monitor/monitor.hpp"

namespace trapeze {

namespace {

using e500::u32;
using e500::u64;
using guest::Guest;

core::Core boot_core;

// From the first line of hv_main to the guest's first instruction: what there is to boot. The core
// that boots has it for itself.
struct {
    boot::Host host;
    guest::Options options;
    u64 ram_hpa, ram_size;
    patch::Config patch;
} plan;

constexpr mmu::Hole hole{own_map::base, own_map::size};

const mmu::Layout& layout() { return plan.options.crossed ? mmu::crossed : mmu::straight; }

// The VMM's memory behind its image is the guest's, and then its symbols'.
void* pool() {
    constexpr u32 align = alignof(Guest);
    return reinterpret_cast<void*>((reinterpret_cast<u32>(image_end) + align - 1) & ~(align - 1));
}
boot::SymbolRoom room_for_symbols() {
    auto* const from = static_cast<e500::u8*>(pool()) + sizeof(Guest);
    return {from, own_map::image_base + own_map::image_size - reinterpret_cast<u32>(from)};
}

// Nothing of what was there before stays.
Guest& make_guest() {
    Guest& g = *new (pool()) Guest{};
    g.events = &monitor::events;
    g.vcpu.guest = &g;
    g.vcpu.core = &boot_core;
    g.vcpu.memory = &g.memory;
    g.vcpu.devices = &g.devices;
    g.options = plan.options;
    g.ram_hpa = plan.ram_hpa;
    g.ram_size = plan.ram_size;
    boot::build_memory_map(g.memory, g.devices, plan.host.tree, g.ram_hpa, g.ram_size,
                           g.options.exits_device);
    dev::reset_pci_bridge(g.vcpu);
    dev::reset_exit_counters(g.vcpu);
    g.watch.hang_ticks = u64{g.options.watchdog} * guest::machine.timebase_frequency;
    g.watch.dump_ticks = u64{g.options.dump_every} * guest::machine.timebase_frequency;
    vcpu::start_profile(g.vcpu, g.options.profile ? &g.profile : nullptr);
    return g;
}

[[noreturn]] void enter_guest() {
    Guest& g = make_guest();
    dev::reset_mpic(g.vcpu);
    dev::reset_uart(g.vcpu);
    vcpu::Boot start =
        boot::load_guest(plan.host, g.ram_hpa, g.ram_size, room_for_symbols(), g.symbols);
    start.debug_as_manual = g.options.debug_as_manual;
    start.tlb0_sets = g.options.tlb0_entries / mmu::VirtualTlb::ways;
    console::log("guest: entering");
    boot::unmap_linear();
    vcpu::reset(g.vcpu, start, layout(), hole);
    plan.patch.costs = guest::machine.costs;
    patch::start(g.vcpu, plan.patch.mode != patch::Mode::off ? &g.patcher : nullptr, plan.patch);
    vcpu::run(g.vcpu);
}

}  // namespace

}  // namespace trapeze

void hv_main(trapeze::e500::u32 tree_hpa) {
    using namespace trapeze;
    core::clock.start(core::read_timebase());
    core::setup(&static_cast<Guest*>(pool())->vcpu);
    boot::map_linear();
    console::start();
    console::put("\n");
    plan.host = boot::read_host(tree_hpa);
    const boot::Host& host = plan.host;
    guest::machine.timebase_frequency = host.timebase_frequency;
    console::set_clock(host.timebase_frequency);
    console::log("Trapeze on {}: PVR {:x}, {} MiB RAM, time base {} Hz", board::name,
                 core::read_pvr(), host.ram >> 20, host.timebase_frequency);
    plan.options = boot::parse_options(host.command_line);
    const guest::Options& options = plan.options;

    plan.ram_size = options.memory;
    const bool patches = options.profile && options.patch != patch::Mode::off;
    u64 mirror = 0, mirror_size = patches ? u64{options.mirror_mib} << 20 : 0;
    plan.ram_hpa = boot::place_ram(host, plan.ram_size, mirror, mirror_size);
    console::log("guest: {} MiB RAM at host-physical {:X}, TLB0 of {} entries, {} layout",
                 plan.ram_size >> 20, plan.ram_hpa, options.tlb0_entries, layout().name);
    plan.patch.mirror_hpa = mirror;
    plan.patch.frames = static_cast<unsigned>(mirror_size / tcache::MirrorFrame::bytes);
    plan.patch.mode = plan.patch.frames != 0 ? options.patch : patch::Mode::off;
    plan.patch.threshold = options.threshold;
    plan.patch.churn = u64{options.churn} * host.timebase_frequency / 1'000'000;
    core::use_profile(options.profile);
    if (plan.patch.mode == patch::Mode::off) enter_guest();
    boot::calibrate(make_guest(), plan.patch, layout(), hole, enter_guest);
}
