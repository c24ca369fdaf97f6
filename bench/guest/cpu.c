// SPDX-License-Identifier: Apache-2.0
// User computation that the VMM should not touch at all, and emulated floating point.
#include <string.h>

#include "bench.h"

// Six instructions an operation, counted in the assembly itself; whoever reports instructions
// can hold the figure against that.
static uint32_t compute_result;

static void compute(uint32_t ops) {
    uint32_t value = 1, other = 0x9e3779b9U, count = ops;
    __asm__ volatile(
        "mtctr %2\n"
        "1:\tadd %0,%0,%1\n\t"
        "rotlwi %1,%1,7\n\t"
        "xor %0,%0,%1\n\t"
        "mulli %1,%1,1021\n\t"
        "addi %1,%1,77\n\t"
        "bdnz 1b"
        : "+r"(value), "+b"(other)
        : "r"(count)
        : "ctr");
    compute_result = value ^ other;
}

static void compute_check(uint32_t ops) {
    uint32_t value = 1, other = 0x9e3779b9U;
    for (uint32_t i = 0; i < ops; ++i) {
        value += other;
        other = other << 7 | other >> 25;
        value ^= other;
        other = other * 1021 + 77;
    }
    if (compute_result != (value ^ other)) bench_fail("computed something else");
}

// A multiply-add of the core's missing FPU: a program interrupt, and the kernel's emulation.
static uint64_t fp_result;
static const uint64_t one = 0x3ff0000000000000ULL;  // 1.0

static void fp_load(void) { __asm__ volatile("lfd 1,%0\n\tlfd 2,%0" : : "m"(one) : "fr1", "fr2"); }

static void fp_emul(uint32_t ops) {
    // The registers belong to this loop alone: nothing else here is floating point.
    for (uint32_t i = 0; i < ops; ++i) __asm__ volatile("fmadd 1,1,2,2" : : : "fr1");
}

static void fp_before(uint32_t ops) {
    (void)ops;
    fp_load();
}

static void fp_loop(uint32_t ops) {
    for (uint32_t i = 0; i < ops; ++i) __asm__ volatile("");
}

// 1 * 1 + 1 and so on: exact, so ops + 1, here turned into a double by hand.
static void fp_check(uint32_t ops) {
    __asm__ volatile("stfd 1,%0" : "=m"(fp_result));
    const uint32_t value = ops + 1;
    const unsigned power = 31 - (unsigned)__builtin_clz(value);
    const uint64_t expected =
        (uint64_t)(1023 + power) << 52 | ((uint64_t)value << (52 - power) & 0xfffffffffffffULL);
    if (fp_result != expected) bench_fail("the emulated sum is wrong");
}

const struct metric cpu_metrics[] = {
    {.workload = "compute",
     .metric = "loop6",
     .quick = 10000000,
     .full = 40000000,
     .work = compute,
     .after = compute_check},
    {.workload = "fp_emul",
     .metric = "multiply_add",
     .quick = 3000,
     .full = 12000,
     .before = fp_before,
     .work = fp_emul,
     .loop = fp_loop,
     .after = fp_check},
    {0},
};
