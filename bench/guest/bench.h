// SPDX-License-Identifier: Apache-2.0
// What the in-guest benchmarks share. A workload is described by one or more `struct metric`;
// main.c runs one metric a process: warm-up, samples, and at the end one line a sample:
//   @@bench WORKLOAD METRIC UNIT OPS TICKS CAUSES KINDS
// or @@bench-failed WORKLOAD why, and status 1. How much work a sample does comes from the table
// and the size asked for, never from a clock, so that runs that count instructions repeat.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct metric {
    const char* workload;
    const char* metric;
    uint32_t quick, full;  // operations a sample
    // What is timed: `ops` operations. It checks what can be checked without adding to the time.
    void (*work)(uint32_t ops);
    // The same loop without the operation; its least time is taken off each sample. May be NULL.
    void (*loop)(uint32_t ops);
    void (*setup)(uint32_t ops);   // once, before the warm-up; may be NULL, as may the next two
    void (*before)(uint32_t ops);  // ahead of each sample, not timed
    void (*after)(uint32_t ops);   // behind each sample, not timed: proves that work was done
    // Instead of all of these: takes its own samples (latencies).
    void (*own)(const struct metric* self, bool full);
};

// The tables, one a source file, each ended by an entry without a workload.
extern const struct metric calls_metrics[], process_metrics[], memory_metrics[], file_metrics[],
    net_metrics[], cpu_metrics[], time_metrics[], proteus_metrics[], wrt_metrics[];

// Who failure lines are about; set by main() before anything else.
void bench_name(const char* workload);
// Ends the process with a failure line; the format is printf's.
_Noreturn void bench_fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
// bench_fail() with `what` and errno's text unless `fine`.
void bench_require(bool fine, const char* what);

// A sample: begin, work, end. `ops` operations were done, of which `free` ticks are taken off.
void bench_begin(void);
// Returns the ticks that are reported.
uint64_t bench_end(const char* name, const char* unit, uint32_t ops, uint64_t free);
// A sample whose value is already known.
void bench_value(const char* name, const char* unit, uint64_t ticks);
// Prints all samples and waits until they have left: output that trickles out while a sample is
// taken would be counted with it.
void bench_report(const char* workload);

// The metric for so long, from when the host says so. Prints instead of samples
//   @@bench-beside WORKLOAD METRIC OPS TICKS BEGIN END
// the ticks of OPS operations alone, and the time base before the first and after the last one.
void bench_beside(const struct metric* metric, uint32_t milliseconds);

// Answers another guest's tcp_net until it says that it is through, which net_end() does.
void net_serve(void);
void net_end(void);

// Nanoseconds in ticks of the time base, whose frequency /proc/cpuinfo tells.
uint64_t bench_ticks_of(uint64_t nanoseconds);

static inline uint64_t bench_ticks(void) {
    uint32_t high, low, again;
    do {
        __asm__ volatile("mfspr %0,269\n\tmfspr %1,268\n\tmfspr %2,269"
                         : "=r"(high), "=r"(low), "=r"(again)
                         :
                         : "memory");
    } while (high != again);
    return (uint64_t)high << 32 | low;
}

// A system call without the C library's wrapper: result, or a negative error number (Power
// Architecture 32-bit Linux ABI: number in r0, summary overflow set for an error).
static inline long bench_call(long number, long a, long b, long c) {
    register long r0 __asm__("r0") = number;
    register long r3 __asm__("r3") = a;
    register long r4 __asm__("r4") = b;
    register long r5 __asm__("r5") = c;
    __asm__ volatile("sc\n\tbns+ 1f\n\tneg %1,%1\n1:"
                     : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5)
                     :
                     : "r6", "r7", "r8", "r9", "r10", "r11", "r12", "cr0", "ctr", "memory");
    return r3;
}
