// SPDX-License-Identifier: Apache-2.0
#include "hv/exit/setup.hpp"

#include "hv/board/ppce500.hpp"
#include "hv/core/cpu.hpp"
#include "hv/core/own_map.hpp"
#include "hv/core/slots.hpp"
#include "hv/core/spr.hpp"
#include "hv/exit/entry.hpp"

namespace trapeze::core {

namespace {

template <Spr ivor>
void point(const char* handler) {
    put<ivor>(reinterpret_cast<e500::u32>(handler) & 0xffff);
}

}  // namespace

void use_fast_paths(bool on, bool profiled) {
    point<Spr::IVOR6>(!on        ? vector_program_full
                      : profiled ? vector_program_profiled
                                 : vector_program);
    point<Spr::IVOR8>(!on        ? vector_system_call_full
                      : profiled ? vector_system_call_profiled
                                 : vector_system_call);
}

void use_profile(bool on, bool traced) {
    use_fast_paths(!traced, on);
    point<Spr::IVOR13>(traced ? vector_dtlb_light : on ? vector_dtlb_profiled : vector_dtlb);
    point<Spr::IVOR14>(traced ? vector_itlb_light : on ? vector_itlb_profiled : vector_itlb);
}

void setup(vcpu::Vcpu* vcpu) {
    using namespace e500;
    // The device registers (1 MiB).
    write_tlb(1, slot::io,
              {mas1::v | mas1::iprot | mas1::tsize_for(own_map::io_size),
               own_map::io_base | mas2::i | mas2::g,
               static_cast<u32>(board::ccsr_base) | mas3::sr | mas3::sw,
               static_cast<u32>(board::ccsr_base >> 32)});
    write_tlb(1, slot::stubs, {0, 0, 0, 0});
    write_tlb(1, slot::registers, {0, 0, 0, 0});

    put<Spr::SPRG2>(reinterpret_cast<u32>(vcpu));
    // What a miss of the guest leaves in the MAS registers: TLB0, TID of PID0, 4 KiB (miss.inc).
    put<Spr::MAS4>(mas1::tsize_4k);
    put<Spr::HID0>(hid0::nap | hid0::tben);
    put<Spr::IVPR>(reinterpret_cast<u32>(vectors) & 0xffff'0000u);
    point<Spr::IVOR0>(vector_critical);
    point<Spr::IVOR1>(vector_machine_check);
    point<Spr::IVOR2>(vector_dsi);
    point<Spr::IVOR3>(vector_isi);
    point<Spr::IVOR4>(vector_external);
    point<Spr::IVOR5>(vector_alignment);
    point<Spr::IVOR7>(vector_fp_unavailable);
    point<Spr::IVOR9>(vector_ap_unavailable);
    point<Spr::IVOR10>(vector_decrementer);
    point<Spr::IVOR11>(vector_fixed_interval);
    point<Spr::IVOR12>(vector_watchdog);
    point<Spr::IVOR15>(vector_debug);
    point<Spr::IVOR32>(vector_spe_unavailable);
    point<Spr::IVOR33>(vector_spe_data);
    point<Spr::IVOR34>(vector_spe_round);
    point<Spr::IVOR35>(vector_performance);
    use_profile(false);

    write_tcr(0);
    clear_tsr(~0u);
    for (unsigned n = 0; n < 3; ++n) write_pid(n, 0);
    constexpr u32 me = msr::me;
    asm volatile("mtmsr %0\n\tisync" ::"r"(me) : "memory");
}

}  // namespace trapeze::core
