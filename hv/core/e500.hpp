// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// Bits of the e500v2's registers, portable: host tests use them as the VMM does.
//
// Numbering: every constant is a mask or a field of the 32-bit register value; where a position is
// written as a shift it counts from the least significant bit (LSB-0). The e500 Core Family
// Reference Manual numbers from the left and 64 bits wide: its bit n is our bit 63 - n.
namespace trapeze::e500 {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

// Machine state register (manual 2.5.1).
namespace msr {
inline constexpr u32 ucle = 1u << 26;  // user-mode cache locking enable
inline constexpr u32 spe = 1u << 25;   // SPE available
inline constexpr u32 we = 1u << 18;    // wait state enable
inline constexpr u32 ce = 1u << 17;    // critical interrupts
inline constexpr u32 ee = 1u << 15;    // external interrupts, decrementer, FIT
inline constexpr u32 pr = 1u << 14;    // user mode
inline constexpr u32 fp = 1u << 13;
inline constexpr u32 me = 1u << 12;  // machine check
inline constexpr u32 fe0 = 1u << 11;
inline constexpr u32 uble = 1u << 10;  // user BTB lock enable
inline constexpr u32 de = 1u << 9;     // debug interrupts
inline constexpr u32 fe1 = 1u << 8;
inline constexpr u32 is = 1u << 5;  // instruction address space
inline constexpr u32 ds = 1u << 4;  // data address space
inline constexpr u32 pmm = 1u << 2;
inline constexpr u32 ri = 1u << 1;

inline constexpr u32 implemented =
    ucle | spe | we | ce | ee | pr | fp | me | fe0 | uble | de | fe1 | is | ds | pmm | ri;
// What survives into an interrupt handler (manual 5.7, table of MSR settings).
// QEMU's core clears DE too, and CE (docs/limits.md).
inline constexpr u32 kept_by_noncritical = ce | me | de;
inline constexpr u32 kept_by_critical = me;
inline constexpr u32 kept_by_machine_check = 0;
// What may stand in the core's own MSR while the guest runs, as the guest set it: it has its
// effect on user-mode instructions and cannot hurt the VMM.
inline constexpr u32 passed_through = spe | pmm;
}  // namespace msr

// Exception syndrome register (manual 2.7.1.6).
namespace esr {
inline constexpr u32 pil = 1u << 27;  // illegal instruction
inline constexpr u32 ppr = 1u << 26;  // privileged instruction
inline constexpr u32 ptr = 1u << 25;  // trap
inline constexpr u32 fp = 1u << 24;
inline constexpr u32 st = 1u << 23;   // store
inline constexpr u32 dlk = 1u << 21;  // data cache locking
inline constexpr u32 ilk = 1u << 20;  // instruction cache locking
inline constexpr u32 ap = 1u << 19;
inline constexpr u32 puo = 1u << 18;  // unimplemented operation
inline constexpr u32 bo = 1u << 17;   // byte ordering
inline constexpr u32 spv = 1u << 7;   // SPE or embedded floating point
}  // namespace esr

// MMU assist registers (manual 2.12.5).
namespace mas0 {
inline constexpr u32 tlbsel_mask = 3u << 28;
inline constexpr u32 esel_mask = 0xfu << 16;
inline constexpr u32 nv_mask = 0x3u;
constexpr u32 tlbsel(u32 v) { return (v >> 28) & 3; }
constexpr u32 esel(u32 v) { return (v >> 16) & 0xf; }
constexpr u32 make(u32 tlb, u32 entry, u32 next_victim = 0) {
    return tlb << 28 | entry << 16 | next_victim;
}
}  // namespace mas0
namespace mas1 {
inline constexpr u32 v = 1u << 31;
inline constexpr u32 iprot = 1u << 30;
inline constexpr u32 tid_mask = 0xffu << 16;
inline constexpr u32 ts = 1u << 12;
inline constexpr u32 tsize_mask = 0xfu << 8;
inline constexpr u32 implemented = v | iprot | tid_mask | ts | tsize_mask;
constexpr u32 tid(u32 m) { return (m >> 16) & 0xff; }
constexpr u32 tsize(u32 m) { return (m >> 8) & 0xf; }
// A page of TSIZE t is 4^t KiB: 4 KiB to 4 GiB.
inline constexpr u32 smallest_tsize = 1, largest_tsize = 11;
inline constexpr u64 page_sizes[16] = {
    1ULL << 10, 1ULL << 12, 1ULL << 14, 1ULL << 16, 1ULL << 18, 1ULL << 20, 1ULL << 22, 1ULL << 24,
    1ULL << 26, 1ULL << 28, 1ULL << 30, 1ULL << 32, 1ULL << 34, 1ULL << 36, 1ULL << 38, 1ULL << 40};
constexpr u64 page_size(u32 t) { return page_sizes[t & 15U]; }
constexpr bool is_page_size(u32 t) { return t >= smallest_tsize && t <= largest_tsize; }
// TSIZE, in its place, of the least page of 4 KiB or more that holds `bytes`.
constexpr u32 tsize_for(u64 bytes) {
    u32 t = smallest_tsize;
    while (page_size(t) < bytes) ++t;
    return t << 8;
}
inline constexpr u32 tsize_4k = tsize_for(4096);
}  // namespace mas1
namespace mas2 {
inline constexpr u32 epn_mask = 0xfffff000u;
inline constexpr u32 attributes = 0x7fu;  // X0 X1 W I M G E
inline constexpr u32 w = 1u << 4, i = 1u << 3, m = 1u << 2, g = 1u << 1, e = 1u << 0;
inline constexpr u32 implemented = epn_mask | attributes;
}  // namespace mas2
namespace mas3 {
inline constexpr u32 rpn_mask = 0xfffff000u;
inline constexpr u32 user_bits = 0xfu << 6;  // U0-U3
inline constexpr u32 ux = 1u << 5, sx = 1u << 4, uw = 1u << 3, sw = 1u << 2, ur = 1u << 1,
                     sr = 1u << 0;
inline constexpr u32 permissions = 0x3fu;
inline constexpr u32 implemented = rpn_mask | user_bits | permissions;
}  // namespace mas3
namespace mas4 {
inline constexpr u32 tlbseld_mask = 3u << 28;
inline constexpr u32 tidseld_mask = 3u << 16;
inline constexpr u32 tsized_mask = 0xfu << 8;
inline constexpr u32 attributes = 0x7fu;
inline constexpr u32 implemented = tlbseld_mask | tidseld_mask | tsized_mask | attributes;
}  // namespace mas4
namespace mas6 {
inline constexpr u32 spid_mask = 0xffu << 16;
inline constexpr u32 sas = 1u;
inline constexpr u32 implemented = spid_mask | sas;
constexpr u32 spid(u32 m) { return (m >> 16) & 0xff; }
}  // namespace mas6
inline constexpr u32 mas7_implemented = 0xfu;  // RPN bits 32-35: 36-bit physical addresses
// Of the address that tlbivax takes.
namespace invalidate {
inline constexpr u32 tlb1 = 1u << 3, all = 1u << 2;
}
namespace mmucsr0 {
inline constexpr u32 tlb0_fi = 1u << 2, tlb1_fi = 1u << 1;
}

// Timers (manual 2.6).
namespace tcr {
inline constexpr u32 wp_mask = 3u << 30, wrc_mask = 3u << 28, wie = 1u << 27, die = 1u << 26,
                     fp_mask = 3u << 24, fie = 1u << 23, are = 1u << 22, wpext_mask = 0xfu << 17,
                     fpext_mask = 0xfu << 13;
inline constexpr u32 implemented =
    wp_mask | wrc_mask | wie | die | fp_mask | fie | are | wpext_mask | fpext_mask;
// The time-base bit (LSB-0) whose 0 to 1 change is the event.
constexpr u32 fit_bit(u32 t) { return 63 - (((t >> 13) & 0xf) << 2 | ((t >> 24) & 3)); }
constexpr u32 watchdog_bit(u32 t) { return 63 - (((t >> 17) & 0xf) << 2 | (t >> 30)); }
constexpr u32 make_fit_period(u32 bit) {
    const u32 period = 63 - bit;
    return (period & 3) << 24 | (period >> 2) << 13;
}
}  // namespace tcr
namespace tsr {
inline constexpr u32 enw = 1u << 31, wis = 1u << 30, wrs_mask = 3u << 28, dis = 1u << 27,
                     fis = 1u << 26;
}

// Caches and debug (manual 2.11, 2.13).
inline constexpr u32 cache_block = 32;  // bytes, in both L1 caches
namespace l1csr0 {
inline constexpr u32 cpe = 1u << 16, cpi = 1u << 15, cslc = 1u << 11, cul = 1u << 10, clo = 1u << 9,
                     clfr = 1u << 8, cfi = 1u << 1, ce = 1u << 0;
inline constexpr u32 implemented = cpe | cpi | cslc | cul | clo | ce;
}  // namespace l1csr0
namespace l1csr1 {
inline constexpr u32 icpe = 1u << 16, icpi = 1u << 15, icslc = 1u << 11, icul = 1u << 10,
                     iclo = 1u << 9, iclfr = 1u << 8, icfi = 1u << 1, ice = 1u << 0;
inline constexpr u32 implemented = icpe | icpi | icslc | icul | iclo | ice;
}  // namespace l1csr1
namespace dbcr0 {
inline constexpr u32 idm = 1u << 30, rst_mask = 3u << 28, icmp = 1u << 27, brt = 1u << 26,
                     trap = 1u << 24;
// Every event it can enable: ICMP BRT IRPT TRAP IAC1 IAC2 DAC1 DAC2 RET.
inline constexpr u32 events = 0x0fcf8000;
// Those that the core does for the guest. No address compares: the VMM has IAC1 and IAC2 for
// itself (exit/entry.S).
inline constexpr u32 passed_on = idm | icmp | brt;
}  // namespace dbcr0
namespace dbsr {
inline constexpr u32 ide = 1u << 31, ude = 1u << 30, mrr_mask = 3u << 28, icmp = 1u << 27,
                     brt = 1u << 26, trap = 1u << 24;
}
namespace hid0 {
inline constexpr u32 doze = 1u << 23, nap = 1u << 22, sleep = 1u << 21, tben = 1u << 14;
}
namespace mcsr {
inline constexpr u32 bus_rbe = 1u << 3;  // data read bus error
inline constexpr u32 bus_wbe = 1u << 2;  // write bus error
inline constexpr u32 bus_ibe = 1u << 4;  // instruction fetch bus error (BUS_IBERR)
}  // namespace mcsr

// Interrupt vectors by IVOR number (manual 5.2).
enum class Vector : u8 {
    critical = 0,
    machine_check = 1,
    data_storage = 2,
    instruction_storage = 3,
    external = 4,
    alignment = 5,
    program = 6,
    fp_unavailable = 7,
    system_call = 8,
    ap_unavailable = 9,
    decrementer = 10,
    fixed_interval = 11,
    watchdog = 12,
    data_tlb = 13,
    instruction_tlb = 14,
    debug = 15,
    spe_unavailable = 16,  // IVOR32
    spe_data = 17,         // IVOR33
    spe_round = 18,        // IVOR34
    performance = 19,      // IVOR35
};
inline constexpr unsigned vector_count = 20;

}  // namespace trapeze::e500
