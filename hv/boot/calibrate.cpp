// SPDX-License-Identifier: Apache-2.0
#include "hv/boot/boot.hpp"
#include "hv/console/console.hpp"
#include "hv/core/cpu.hpp"
#include "hv/exit/entry.hpp"
#include "hv/guest/machine.hpp"
#include "hv/profile/profile.hpp"

namespace trapeze::boot {

namespace {

// The registers that the program leaves its times in.
enum Times : unsigned { nothing = 20, load_exit, load, stub_exit, stub, fault };

// Ticks / 1000 of one turn of a loop that took `ticks`, without what the loop itself takes.
u32 each(u32 ticks, u32 empty, u32 turns) {
    return ticks > empty ? static_cast<u32>(u64{ticks - empty} * 1000 / turns) : 0;
}

// What an exit takes more than its own ticks show, ticks / 1000: of the sites that had as many as a
// loop has turns, without their longest, in which they were patched.
u32 way_of_an_exit(const vcpu::Vcpu& v, const patch::Costs& costs) {
    const auto& sites = v.profile->sites;
    u64 ticks = 0, exits = 0;
    for (unsigned i = 0; i < sites.used(); ++i) {
        const dbt::Site& site = sites.site(i);
        if (site.exits() < patch::calibrate_turns) continue;
        ticks += site.total_ticks + site.ticks - site.max;
        exits += site.exits() - 1;
    }
    const u64 shown = exits != 0 ? ticks * 1000 / exits : costs.exit;
    return costs.exit > shown ? static_cast<u32>(costs.exit - shown) : 0;
}

patch::Costs read_costs(const vcpu::Vcpu& v, u64 program) {
    using namespace patch;
    Costs costs{};
    const u32 empty = v.gpr[nothing];
    const u32 loads = each(v.gpr[load_exit], empty, calibrate_turns);
    const u32 stubs = each(v.gpr[stub_exit], empty, calibrate_turns);
    costs.exit = (loads + stubs) / 2;
    costs.load = each(v.gpr[load], empty, calibrate_turns);
    costs.stub = each(v.gpr[stub], empty, calibrate_turns);
    costs.fault = each(v.gpr[fault], 0, calibrate_faults);
    // The first ones had to mirror the page, and to steal one.
    constexpr u64 none = 10'000;
    const u64 least = v.patcher->least_patch_ticks;
    costs.patch = static_cast<u32>((least < none ? least : none) * 1000);
    costs.way = way_of_an_exit(v, costs);
    for (unsigned i = 0; i < calibrate_checks; ++i) {
        const u32 began = core::timebase_low();
        // No such word: the whole page.
        core::find_word(program, 0, 0, 1);
        const u32 ticks = (core::timebase_low() - began) * 1000;
        if (i == 0 || ticks < costs.check) costs.check = ticks;
    }
    return costs;
}

// The program, while it runs: where it stands, and what comes afterwards.
struct {
    u64 program_hpa;
    void (*then)();
} calibration;

// The guest's illegal instruction says that it is done.
void calibrated(vcpu::Vcpu& v) {
    guest::machine.costs = read_costs(v, calibration.program_hpa);
    patch::stop(v);
    v.shadow.flush();
    map_linear();
    const auto bytes = static_cast<u32>(calibrate_end - calibrate_begin);
    for (u32 i = 0; i < bytes; ++i) at(calibration.program_hpa)[i] = 0;
    calibration.then();
}

}  // namespace

void calibrate(guest::Guest& g, const patch::Config& config, const mmu::Layout& layout,
               mmu::Hole hole, void (*then)()) {
    calibration = {g.ram_hpa + patch::calibrate_at, then};
    const auto size = static_cast<u32>(calibrate_end - calibrate_begin);
    for (u32 i = 0; i < size; ++i) at(calibration.program_hpa)[i] = calibrate_begin[i];
    core::invalidate_icache();
    unmap_linear();
    vcpu::Boot start{};
    start.entry = patch::calibrate_at;
    start.initial_map_size = 4u << 20;
    start.tlb0_sets = mmu::VirtualTlb::max_sets;
    vcpu::reset(g.vcpu, start, layout, hole);
    patch::start(
        g.vcpu, &g.patcher,
        {patch::Mode::hot, patch::calibrate_threshold, {}, config.mirror_hpa, config.frames});
    g.vcpu.on_calibrated = calibrated;
    vcpu::run(g.vcpu);
}

}  // namespace trapeze::boot
