// SPDX-License-Identifier: Apache-2.0
// Prints what the processor and the kernel do with a fixed set of cases. No time, process
// number or load address is printed, so that two runs can be compared byte for byte: one on
// the bare machine, one under a VMM.
#ifndef SELFCHECK_CHECK_H
#define SELFCHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096U

// One line "group.name: text".
void report(const char* name, const char* format, ...) __attribute__((format(printf, 2, 3)));

// A synchronous signal as its handler saw it. `signal` is 0 when none came.
struct fault {
    int signal;
    int code;
    uintptr_t address;  // si_addr
    uintptr_t pc;       // of the interrupted instruction
    uintptr_t body;     // what catch_fault called
};

// Calls `body(argument)` and returns the first SIGILL, SIGSEGV, SIGBUS, SIGFPE or SIGTRAP it
// raises. `body` is left at once by siglongjmp; it must hold nothing that needs undoing.
struct fault catch_fault(void (*body)(void*), void* argument);

// Reports a fault; its address as an offset from `base`, its PC as one from the body or, where
// that is not near, from `base`: load addresses vary.
void report_fault(const char* name, struct fault fault, const volatile void* base);

// Anonymous private memory of `pages` pages; ends the program when there is none.
uint8_t* map_pages(size_t pages, int protection);

// Makes stores to [start, start + size) visible to instruction fetch (Book E: dcbst, msync,
// icbi, msync, isync per 32-byte cache line).
void sync_text(void* start, size_t size);

// Runs `body` in a child process; returns the child's wait status.
int in_child(int (*body)(void*), void* argument);

void check_arithmetic(void);
void check_memory(void);
void check_process(void);
void check_signals(void);
void check_spe(void);
void check_stepping(void);
void check_text(void);
void check_timers(void);
void check_traps(void);

#endif
