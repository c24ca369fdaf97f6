// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hv/core/calls.hpp"

namespace trapeze::vcpu {
struct Vcpu;
}

// What the VMM's assembly and its C++ agree on; core/calls.hpp has what core/cpu.cpp asks, and
// vcpu/spr.hpp two tables.
//
// Functions follow the 32-bit PowerPC calling convention: arguments from r3 on, the result in r3;
// r14 to r31 stand in the Vcpu or are the callee's to keep. In all C++ code r13 is the Vcpu's
// address and r2 the guest's; the compiler uses neither (-mno-sdata). Interrupts are off.
//
// "The stack" is the core's one (boot/start.S, Vcpu::stack), empty whenever an exit calls C++:
// whatever stood there has ended.
extern "C" {

// Start (boot/start.S). _start calls it once, on the stack: the image is at its own address, .bss
// is clear, the board's device tree at the physical address `tree_hpa`. Ends in hv_resume.
[[noreturn]] void hv_main(trapeze::e500::u32 tree_hpa);  // boot/main.cpp

// The same of another core: all that hv_main has made is visible to it. start_secondary is where
// the spin table sends it, and the two are the ends of the stacks.
[[noreturn]] void hv_secondary(trapeze::e500::u32 number);  // boot/main.cpp
extern const char start_secondary[], stack_top[], second_stack_top[];

// The end of the image (boot/hv.ld), behind .bss and the stacks.
extern trapeze::e500::u8 image_end[];

// The vectors, for IVPR and the IVORs (exit/setup.cpp), in IVOR order. Nothing but an interrupt
// goes there. exit/entry.S; those for program, system_call, dtlb and itlb twice, without and with
// the profile, in fast.inc and miss.inc, and without fast paths in entry.S.
extern const char vectors[];
extern const char vector_critical[], vector_machine_check[], vector_dsi[], vector_isi[],
    vector_external[], vector_alignment[], vector_program[], vector_fp_unavailable[],
    vector_system_call[], vector_ap_unavailable[], vector_decrementer[], vector_fixed_interval[],
    vector_watchdog[], vector_dtlb[], vector_itlb[], vector_debug[], vector_spe_unavailable[],
    vector_spe_data[], vector_spe_round[], vector_performance[], vector_program_profiled[],
    vector_system_call_profiled[], vector_program_full[], vector_system_call_full[],
    vector_dtlb_profiled[], vector_itlb_profiled[], vector_dtlb_light[], vector_itlb_light[];

// The ways through an exit (exit/run.cpp; docs/exits.md), called on the stack by the labels of the
// same names in exit/entry.S. What a C++ function may change, but r2, stands in the Vcpu, and so
// does nip.

// By a TLB miss. 0: the guest goes on with what the Vcpu has, entry_msr for its MSR; else the
// vector, for a full exit.
int hv_light_exit(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 vector);
// The same while the core keeps a trace (exit/traced.cpp).
int hv_traced_miss(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 vector);
// By a privileged instruction `word` of the guest kernel, which the fast path has recorded. r2
// stands in the Vcpu, and of r14 to r31 those that the word's RT, RA and RB name. 0: the guest goes
// on; 8 * n: and it has written rn, of r14 to r31; below 0: the guest ends or waits, the exit is
// not charged yet.
int hv_middle_exit(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 word);
// By a hypercall of the guest kernel. r2 stands in the Vcpu. 0: the guest goes on; else it ends or
// waits, or its core is to be decided on, and the exit is not charged yet.
int hv_hypercall(trapeze::vcpu::Vcpu* v);
// Behind these, with all registers in the Vcpu: returns if the guest goes on after all.
void hv_leave(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 cause);
// By everything else, with all registers in the Vcpu. Returns if the guest goes on.
void hv_full_exit(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 vector);
// By an interrupt that ends hv_wait.
void hv_idle_exit(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 vector);
// In the middle of the fast path of tlbwe, with nip unset and r14 to r31 the guest's: false if
// there is no such entry, and nothing has changed.
bool hv_tlbwe(trapeze::vcpu::Vcpu* v);

// Into the guest (exit/entry.S), with all registers of the Vcpu: from hv_main, or from within an
// exit that starts another guest (boot/calibrate.cpp) and so does not return. r13 need not be set.
[[noreturn]] void hv_resume();
// Waits for an interrupt with this MSR; all registers of the guest stand in the Vcpu.
[[noreturn]] void hv_wait(trapeze::e500::u32 msr);

// A defect: an exception in the VMM itself that nothing has asked for (hv_defect in exit/entry.S).
// On a stack of its own; `stack` is r1, and `link` LR, as they were. SRR0 and SRR1 say where.
[[noreturn]] void hv_panic(trapeze::vcpu::Vcpu* v, trapeze::e500::u32 vector,
                           trapeze::e500::u32 stack, trapeze::e500::u32 link);  // monitor/panic.cpp

// The program that calibrates (boot/calibrate.S): code without a fixed address.
extern const unsigned char calibrate_begin[], calibrate_end[];
}
