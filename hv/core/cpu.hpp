// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/e500.hpp"

namespace trapeze::vcpu {
struct Vcpu;
}

// What the portable rooms (vcpu, mmu, irq) ask of the core they stand on. cpu.cpp beside this
// file answers with instructions; the host tests answer with a fake.
namespace trapeze::core {

using e500::u16;
using e500::u32;
using e500::u64;
using e500::u8;

u32 timebase_low();
u64 read_timebase();  // as the guest sees it; the VMM has a clock of its own (clock.hpp)
void write_timebase_low(u32 value);
void write_timebase_high(u32 value);

void write_decrementer(u32 value);
void clear_tsr(u32 bits);  // write one to clear
void write_tcr(u32 value);

u32 read_l1csr0();
void clear_lock_failure();               // L1CSR0[CUL]
void write_sprg(unsigned n, u32 value);  // n = 3..7, those a user-mode guest reads directly
void write_sprgs(const u32* sprg);       // all of these, by number
void write_pid(unsigned n, u32 value);   // n = 0..2
u32 read_pvr();
u32 read_svr();
u32 read_mmucfg();
// The guest's own single-step and branch-taken debugging, which the core does (manual 2.13).
void write_debug_control(u32 dbcr0);
// Whether program and system call exits may take the paths without C++ (fast.inc).
void use_fast_paths(bool on, bool profiled);
u32 take_debug_status();  // reads and clears DBSR
u32 take_mcsr();          // reads and clears MCSR
u32 read_srr0();          // of the exception that is being handled
u32 read_srr1();
u32 read_esr();
u32 read_dear();
void invalidate_icache();

// One entry of the core's own TLB. `tlb` is 0 or 1; `entry` is the way (TLB0) or index (TLB1).
struct TlbWrite {
    u32 mas1, mas2, mas3, mas7;
};
void write_tlb(unsigned tlb, unsigned entry, const TlbWrite& write);
// The same for TLB0 alone, for those in a hurry.
void write_tlb0(unsigned way, u32 mas1, u32 mas2, u32 mas3, u32 mas7);
void flush_tlb0();
// Takes every entry of TLB0 for the page at `ea`, which has no offset: tlbivax compares neither
// PID nor space (manual 12.4).
void drop_tlb0(u32 ea);

// Reads one word at a guest effective address through the shadow TLB, as supervisor, in address
// space `as`. False if no shadow entry maps it now.
bool load_guest_word(u32 ea, bool as, u32& value);
// dcbf at a guest effective address, for dcbi; false as above.
bool flush_guest_block(u32 ea, bool as);

// The upper halves of the guest's 64-bit GPRs, which stay in the core while the VMM runs: 32-bit
// instructions leave them alone. n = 0..31.
u32 read_upper_half(unsigned n);
void write_upper_half(unsigned n, u32 value);

// The registers that user mode changes without an exit and that no exit saves: each guest's are
// kept here while another one runs.
struct UserRegisters {
    u32 upper[32];  // halves of the GPRs,
    u32 acc[2];     // and the accumulator (SPE APU); core/spe.S knows that order
    u32 spefscr, usprg0;
};
void save_user_registers(UserRegisters& to);
void load_user_registers(const UserRegisters& from);
// No stwcx. completes that another guest's lwarx was for.
void clear_reservation();
// Of the core that asks, from 0 on (PIR).
u32 number();
inline constexpr unsigned max_cores = 2;
// What the vectors find in SPRG2.
void set_current(vcpu::Vcpu* vcpu);

// Physical (host) accesses to memory, one page at a time through a window of the VMM's own; `size`
// is 1, 2 or 4 bytes, which lie in one page.
u32 read_ram(u64 hpa, unsigned size);
void write_ram(u64 hpa, unsigned size, u32 value);
// The same for any number of bytes, which lie anywhere.
void copy_from_ram(void* to, u64 hpa, u32 bytes);
void copy_to_ram(u64 hpa, const void* from, u32 bytes);
// Stores a word if `expected` stands there, as one access to all cores. Whether it did.
bool replace_ram(u64 hpa, u32 expected, u32 value);
// From one place of it to another; each of the two lies in one page.
void copy_ram(u64 to, u64 from, u32 bytes);
// Copies a page that holds instructions.
void copy_text(u64 to, u64 from);
// Number of the first word of the page, from `from` on, that is `value` under `mask`; 1024: none.
unsigned find_word(u64 hpa, unsigned from, u32 mask, u32 value);
// Whether words `from` to `end` of the page, multiples of 4, are all zero.
bool is_zero(u64 hpa, unsigned from, unsigned end);
// Makes a word that was written an instruction.
void sync_text(u64 hpa);

// The same for words of the VMM's own memory, and where in the host's that is.
void sync_own_text(const u32* words, unsigned count);
u64 own_hpa(const void* at);

// Physical (host) accesses to device registers; `size` is 1, 2 or 4 bytes, naturally aligned.
u32 read_io(u64 hpa, unsigned size);
void write_io(u64 hpa, unsigned size, u32 value);

}  // namespace trapeze::core
