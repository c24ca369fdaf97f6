// SPDX-License-Identifier: Apache-2.0
// WrtVMM's programs, there tasks of Embedded Xinu on a MIPS router, here a Linux process each:
// N-Queens and the sum of an array. Its sleep test is in times.c. Neither task leaves user mode,
// so what they show is what the VMM costs a program that does not need it.
#include "bench.h"

static uint32_t found;

// Ways to place a queen in every row that is left, given the columns and diagonals taken.
static uint32_t place(uint32_t all, uint32_t columns, uint32_t left, uint32_t right) {
    if (columns == all) return 1;
    uint32_t ways = 0;
    for (uint32_t free = all & ~(columns | left | right); free != 0; free &= free - 1) {
        const uint32_t queen = free & -free;
        ways += place(all, columns | queen, (left | queen) << 1, (right | queen) >> 1);
    }
    return ways;
}

static uint32_t queens(unsigned size, uint32_t ops) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < ops; ++i) {
        uint32_t all = (1U << size) - 1;
        // Hidden from the compiler, which would otherwise solve it once for all rounds.
        __asm__ volatile("" : "+r"(all));
        sum += place(all, 0, 0, 0);
    }
    return sum;
}

static void queens_8(uint32_t ops) { found = queens(8, ops); }
static void queens_10(uint32_t ops) { found = queens(10, ops); }

static void expect(uint32_t each, uint32_t ops) {
    if (found != each * ops) bench_fail("a wrong number of solutions");
}

static void check_8(uint32_t ops) { expect(92, ops); }
static void check_10(uint32_t ops) { expect(724, ops); }

enum { elements = 1000 };
static uint32_t array[elements];

static void array_setup(uint32_t ops) {
    (void)ops;
    for (uint32_t i = 0; i < elements; ++i) array[i] = i + 1;
}

static void array_sum(uint32_t ops) {
    uint32_t right = 0;
    for (uint32_t i = 0; i < ops; ++i) {
        const uint32_t* words = array;
        __asm__ volatile("" : "+r"(words) : : "memory");
        uint32_t sum = 0;
        for (uint32_t k = 0; k < elements; ++k) sum += words[k];
        right += sum == elements * (elements + 1) / 2;
    }
    found = right;
}

static void array_check(uint32_t ops) {
    if (found != ops) bench_fail("a wrong sum");
}

const struct metric wrt_metrics[] = {
    {.workload = "wrt_nqueens",
     .metric = "n8",
     .quick = 600,
     .full = 2400,
     .work = queens_8,
     .after = check_8},
    {.workload = "wrt_nqueens",
     .metric = "n10",
     .quick = 40,
     .full = 160,
     .work = queens_10,
     .after = check_10},
    {.workload = "wrt_array_sum",
     .metric = "sum_1000",
     .quick = 12000,
     .full = 48000,
     .setup = array_setup,
     .work = array_sum,
     .after = array_check},
    {0},
};
