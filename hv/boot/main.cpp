// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "hv/board/ppce500.hpp"
#include "hv/boot/boot.hpp"
#include "hv/console/console.hpp"
#include "hv/core/clock.hpp"
#include "hv/core/cpu.hpp"
#include "hv/core/own_map.hpp"
#include "hv/dev/devices.hpp"
#include "hv/exit/entry.hpp"
#include "hv/exit/setup.hpp"
#include "hv/monitor/machine.hpp"
#include "hv/profile/profile.hpp"

namespace trapeze {

namespace {

using e500::u32;
using e500::u64;

vcpu::Vcpu guest_vcpu;
vcpu::Profile guest_profile;
patch::Patcher guest_patcher;
dev::DeviceTable guest_devices;

}  // namespace

monitor::MachineInfo& monitor::machine_info() {
    static MachineInfo info{};
    return info;
}

namespace {

// What there is to boot, from the first line of hv_main to the guest's first instruction.
struct {
    boot::Host host;
    boot::Options options;
    u64 ram_hpa, ram_size;
    patch::Config patch;
} plan;

constexpr mmu::Hole hole{own_map::base, own_map::size};

const mmu::Layout& layout() { return plan.options.crossed ? mmu::crossed : mmu::straight; }

// Symbols stay reachable: in the VMM's own 16 MiB, behind its image.
boot::SymbolRoom room_for_symbols() {
    const u32 from = (reinterpret_cast<u32>(image_end) + 15) & ~15u;
    return {reinterpret_cast<e500::u8*>(from), own_map::image_base + own_map::image_size - from};
}

void make_guest() {
    memset(static_cast<void*>(&guest_vcpu), 0, sizeof guest_vcpu);
    guest_devices = {};
    boot::build_memory_map(guest_vcpu.memory, guest_devices, plan.host.tree, plan.ram_hpa,
                           plan.ram_size, plan.options.exits_device);
    guest_vcpu.devices = &guest_devices;
    dev::reset_pci_bridge(guest_vcpu);
    dev::reset_exit_counters(guest_vcpu);
    guest_vcpu.hang_ticks = u64{plan.options.watchdog} * plan.host.timebase_frequency;
    guest_vcpu.dump_ticks = u64{plan.options.dump_every} * plan.host.timebase_frequency;
    vcpu::start_profile(guest_vcpu, plan.options.profile ? &guest_profile : nullptr);
}

[[noreturn]] void enter_guest(vcpu::Vcpu& v) {
    plan.patch.costs = boot::measured_costs();
    make_guest();
    vcpu::Boot start = boot::load_guest(plan.host, plan.ram_hpa, plan.ram_size, room_for_symbols());
    start.debug_as_manual = plan.options.debug_as_manual;
    start.tlb0_sets = plan.options.tlb0_entries / mmu::VirtualTlb::ways;
    console::log("guest: entering");
    boot::unmap_linear();
    vcpu::reset(v, start, layout(), hole);
    patch::start(v, plan.patch.mode != patch::Mode::off ? &guest_patcher : nullptr, plan.patch);
    vcpu::run(v);
}

}  // namespace

}  // namespace trapeze

void hv_main(trapeze::e500::u32 tree_hpa) {
    using namespace trapeze;
    core::clock.start(core::read_timebase());
    core::setup(&guest_vcpu);
    boot::map_linear();
    console::start();
    console::put("\n");
    plan.host = boot::read_host(tree_hpa);
    const boot::Host& host = plan.host;
    monitor::machine_info().timebase_frequency = host.timebase_frequency;
    console::set_clock(host.timebase_frequency);
    console::log("Trapeze on {}: PVR {:x}, {} MiB RAM, time base {} Hz", board::name,
                 core::read_pvr(), host.ram >> 20, host.timebase_frequency);
    plan.options = boot::parse_options(host.command_line);
    const boot::Options& options = plan.options;

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
    core::use_profile(options.profile);
    if (plan.patch.mode == patch::Mode::off) enter_guest(guest_vcpu);
    make_guest();
    boot::calibrate(guest_vcpu, guest_patcher, plan.ram_hpa, plan.patch, layout(), hole,
                    [](vcpu::Vcpu& v) { enter_guest(v); });
}
