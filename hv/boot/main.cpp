// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "hv/arch/clock.hpp"
#include "hv/arch/cpu.hpp"
#include "hv/arch/setup.hpp"
#include "hv/board/ppce500.hpp"
#include "hv/boot/boot.hpp"
#include "hv/boot/tree.hpp"
#include "hv/dev/devices.hpp"
#include "hv/monitor/console.hpp"
#include "hv/monitor/machine.hpp"
#include "hv/vcpu/profile.hpp"

namespace trapeze {

namespace {

using e500::u32;
using e500::u64;

vcpu::Vcpu guest_vcpu;
vcpu::Profile guest_profile;
patch::Patcher guest_patcher;
dev::DeviceTable guest_devices;

// What the guest sees: its RAM from 0, then the board's devices at the addresses they have. What
// the VMM must look after is trapped; mapped is only what can neither reach memory by itself nor
// another device.
class MapBuilder {
  public:
    explicit MapBuilder(mmu::MemoryMap& map) : map_(map), absent_(guest_devices.add(dev::absent)) {}

    void ram(u64 hpa, u64 size) { add({0, size, hpa, mmu::RegionKind::ram, 0}); }
    void direct(u64 at, u64 size) { add({at, size, at, mmu::RegionKind::direct, 0}); }
    void trapped(u64 at, u64 size, const dev::Device& device) {
        add_trapped(at, size, guest_devices.add(device));
    }
    // Reads as zero, like the board where it has no device.
    void absent(u64 from, u64 to) {
        if (from != to) add_trapped(from, to - from, absent_);
    }
    bool fits() const { return fits_; }

  private:
    void add_trapped(u64 at, u64 size, unsigned device) {
        add({at, size, 0, mmu::RegionKind::trapped, static_cast<e500::u8>(device)});
    }
    void add(const mmu::Region& region) { fits_ = map_.add(region) && fits_; }

    mmu::MemoryMap& map_;
    unsigned absent_;
    bool fits_ = true;
};

void add_ccsr(MapBuilder& map, bool exits_device) {
    struct Row {
        u32 offset, size;
        const dev::Device* device;  // null: the guest's own
    };
    // Ascending; the gaps are empty on the board, or have what a guest must not (docs/devices.md).
    const Row rows[] = {{board::i2c_offset, 0x1000, nullptr},
                        {board::uart_page, 0x1000, &dev::uart_page},
                        {board::pci_offset, 0x1000, &dev::pci_bridge},
                        {board::mpic_offset, board::mpic_size, &dev::mpic},
                        {board::guts_offset, 0x1000, &dev::guts},
                        {board::exits_offset, 0x1000, &dev::exit_counters},
                        {board::gpio_offset, 0x1000, &dev::gpio}};
    // What is looked up often comes first, what nobody asks for last.
    u64 next = board::ccsr_base;
    for (const bool gaps : {false, true}) {
        for (const auto& row : rows) {
            if (row.device == &dev::exit_counters && !exits_device) continue;
            const u64 at = board::ccsr_base + row.offset;
            if (gaps) {
                map.absent(next, at);
                next = at + row.size;
            } else if (row.device == nullptr) {
                map.direct(at, row.size);
            } else {
                map.trapped(at, row.size, *row.device);
            }
        }
    }
    map.absent(next, board::ccsr_base + board::ccsr_size);
}

// Flash is the guest's; other devices there are masters of the bus (boot/tree.hpp).
void add_platform_bus(MapBuilder& map, const void* tree) {
    u64 next = board::platform_bus_base;
    const u64 end = board::platform_bus_base + board::platform_bus_size;
    for (u64 at = 0, size = 0; boot::next_flash(tree, next, at, size) && size <= end - at;
         next = at + size) {
        map.absent(next, at);
        map.direct(at, size);
    }
    map.absent(next, end);
}

void build_memory_map(mmu::MemoryMap& memory, const void* tree, u64 ram_hpa, u64 ram_size,
                      bool exits_device) {
    MapBuilder map(memory);
    map.ram(ram_hpa, ram_size);
    add_ccsr(map, exits_device);
    map.direct(board::pci_memory_base, board::pci_memory_size);
    map.direct(board::pci_io_base, board::pci_io_size);
    add_platform_bus(map, tree);
    if (!map.fits()) boot::reject("guest memory overlaps the board's devices");
}

}  // namespace

monitor::MachineInfo& monitor::machine_info() {
    static MachineInfo info{};
    return info;
}

void boot::reject(const char* what, const char* detail) {
    console::log("input: {}{}", what, detail);
    console::put("@@trapeze-summary {");
    console::print("\"schema\":1,\"end\":\"input\",\"reason\":\"{}{}\",", what, detail);
    console::print("\"ticks_per_second\":{},", monitor::machine_info().timebase_frequency);
    console::put(
        "\"ticks\":{\"total\":0,\"guest\":0,\"vmm\":0,\"idle\":0},\"exits\":[],"
        "\"instructions\":[],\"tlb\":{}}\n");
    board::power_off();
}

}  // namespace trapeze

namespace trapeze {

namespace {

// What there is to boot, from the first line of hv_main to the guest's first instruction.
struct {
    boot::Host host;
    boot::Options options;
    u64 ram_hpa, ram_size;
    patch::Config patch;
} plan;

constexpr mmu::Hole hole{board::hv_base, board::hole_size};

const mmu::Layout& layout() { return plan.options.crossed ? mmu::crossed : mmu::straight; }

void make_guest() {
    memset(static_cast<void*>(&guest_vcpu), 0, sizeof guest_vcpu);
    guest_devices = {};
    build_memory_map(guest_vcpu.memory, plan.host.tree, plan.ram_hpa, plan.ram_size,
                     plan.options.exits_device);
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
    vcpu::Boot start = boot::load_guest(plan.host, plan.ram_hpa, plan.ram_size);
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

extern "C" [[noreturn]] void hv_main(trapeze::e500::u32 tree_hpa) {
    using namespace trapeze;
    arch::clock.start(arch::read_timebase());
    arch::setup(&guest_vcpu);
    boot::map_linear();
    console::start();
    console::put("\n");
    plan.host = boot::read_host(tree_hpa);
    const boot::Host& host = plan.host;
    monitor::machine_info() = {host.timebase_frequency, host.ram};
    console::set_clock(host.timebase_frequency);
    console::log("Trapeze on {}: PVR {:x}, {} MiB RAM, time base {} Hz", board::name,
                 arch::read_pvr(), host.ram >> 20, host.timebase_frequency);
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
    arch::use_profile(options.profile);
    if (plan.patch.mode == patch::Mode::off) enter_guest(guest_vcpu);
    make_guest();
    boot::calibrate(guest_vcpu, guest_patcher, plan.ram_hpa, plan.patch, layout(), hole,
                    [](vcpu::Vcpu& v) { enter_guest(v); });
}
