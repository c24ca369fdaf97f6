// SPDX-License-Identifier: Apache-2.0
#include "hv/exit/setup.hpp"

#include "hv/board/ppce500.hpp"
#include "hv/core/cpu.hpp"
#include "hv/core/own_map.hpp"

extern "C" {
// exit/entry.S and exit/fast.S (fast.inc, miss.inc), in IVOR order.
extern const char vectors[];
extern const char vector_critical[], vector_machine_check[], vector_dsi[], vector_isi[],
    vector_external[], vector_alignment[], vector_program[], vector_fp_unavailable[],
    vector_system_call[], vector_ap_unavailable[], vector_decrementer[], vector_fixed_interval[],
    vector_watchdog[], vector_dtlb[], vector_itlb[], vector_debug[], vector_spe_unavailable[],
    vector_spe_data[], vector_spe_round[], vector_performance[], vector_program_profiled[],
    vector_system_call_profiled[], vector_program_full[], vector_system_call_full[],
    vector_dtlb_profiled[], vector_itlb_profiled[];
}

namespace trapeze::core {

namespace {

template <unsigned spr>
void put(e500::u32 value) {
    asm volatile("mtspr %0, %1" ::"i"(spr), "r"(value) : "memory");
}
template <unsigned spr>
void put(const char* handler) {
    put<spr>(reinterpret_cast<e500::u32>(handler) & 0xffff);
}

constexpr unsigned ivor0 = 400;

bool profiled = false;

}  // namespace

void use_fast_paths(bool on) {
    put<ivor0 + 6>(!on ? vector_program_full : profiled ? vector_program_profiled : vector_program);
    put<ivor0 + 8>(!on        ? vector_system_call_full
                   : profiled ? vector_system_call_profiled
                              : vector_system_call);
}

void use_profile(bool on) {
    profiled = on;
    use_fast_paths(true);
    put<ivor0 + 13>(on ? vector_dtlb_profiled : vector_dtlb);
    put<ivor0 + 14>(on ? vector_itlb_profiled : vector_itlb);
}

void setup(vcpu::Vcpu* vcpu) {
    using namespace e500;
    constexpr unsigned ivpr = 63, sprg2 = 274, ivor32 = 528, mas4 = 628, hid0 = 1008;
    constexpr u32 hid0_nap = 0x0040'0000, hid0_tben = 0x4000;

    // The device registers (1 MiB).
    write_tlb(1, own_map::io_slot,
              {mas1::v | mas1::iprot | 5u << 8, own_map::io_base | mas2::i | mas2::g,
               static_cast<u32>(board::ccsr_base) | mas3::sr | mas3::sw,
               static_cast<u32>(board::ccsr_base >> 32)});
    write_tlb(1, 13, {0, 0, 0, 0});
    write_tlb(1, 12, {0, 0, 0, 0});

    put<sprg2>(reinterpret_cast<u32>(vcpu));
    // What a miss of the guest leaves in the MAS registers: TLB0, TID of PID0, 4 KiB (miss.inc).
    put<mas4>(u32{1} << 8);
    put<hid0>(hid0_nap | hid0_tben);
    put<ivpr>(reinterpret_cast<u32>(vectors) & 0xffff'0000u);
    put<ivor0 + 0>(vector_critical);
    put<ivor0 + 1>(vector_machine_check);
    put<ivor0 + 2>(vector_dsi);
    put<ivor0 + 3>(vector_isi);
    put<ivor0 + 4>(vector_external);
    put<ivor0 + 5>(vector_alignment);
    put<ivor0 + 7>(vector_fp_unavailable);
    put<ivor0 + 9>(vector_ap_unavailable);
    put<ivor0 + 10>(vector_decrementer);
    put<ivor0 + 11>(vector_fixed_interval);
    put<ivor0 + 12>(vector_watchdog);
    put<ivor0 + 15>(vector_debug);
    put<ivor32 + 0>(vector_spe_unavailable);
    put<ivor32 + 1>(vector_spe_data);
    put<ivor32 + 2>(vector_spe_round);
    put<ivor32 + 3>(vector_performance);
    use_profile(false);

    write_tcr(0);
    clear_tsr(~0u);
    for (unsigned n = 0; n < 3; ++n) write_pid(n, 0);
    constexpr u32 me = msr::me;
    asm volatile("mtmsr %0\n\tisync" ::"r"(me) : "memory");
}

}  // namespace trapeze::core
