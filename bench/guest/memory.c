// SPDX-License-Identifier: Apache-2.0
// Pages: touched, mapped, missed in the TLB, and summed.
#define _GNU_SOURCE
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "bench.h"

enum { page = 4096, words_a_page = page / 4 };

static void* map(uint32_t size) {
    void* start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bench_require(start != MAP_FAILED, "mmap");
    return start;
}

static void unmap(void* start, uint32_t size) { bench_require(munmap(start, size) == 0, "munmap"); }

static uint32_t faults(void) {
    struct rusage usage;
    bench_require(getrusage(RUSAGE_SELF, &usage) == 0, "getrusage");
    return (uint32_t)usage.ru_minflt;
}

static void check_faults(uint32_t since, uint32_t least) {
    const uint32_t seen = faults() - since;
    if (seen < least)
        bench_fail("%lu page faults, not %lu", (unsigned long)seen, (unsigned long)least);
}

static volatile uint32_t* fresh;
static uint32_t faults_before;

static void page_fault_before(uint32_t ops) {
    fresh = map(ops * page);
    faults_before = faults();
}

// Writes, as most first touches are; a read would map the shared page of zeros.
static void page_fault(uint32_t ops) {
    for (uint32_t i = 0; i < ops; ++i) fresh[i * words_a_page] = i + 1;
}

static void page_fault_after(uint32_t ops) {
    check_faults(faults_before, ops);
    for (uint32_t i = 0; i < ops; ++i)
        if (fresh[i * words_a_page] != i + 1 || fresh[i * words_a_page + 1] != 0)
            bench_fail("a fresh page does not hold what was written");
    unmap((void*)(uintptr_t)fresh, ops * page);
}

enum { map_size = 64 * 1024 };

static void mmap_before(uint32_t ops) {
    (void)ops;
    faults_before = faults();
}

static void mmap_work(uint32_t ops) {
    for (uint32_t i = 0; i < ops; ++i) {
        volatile uint8_t* start = map(map_size);
        for (uint32_t at = 0; at < map_size; at += page) start[at] = 1;
        unmap((void*)(uintptr_t)start, map_size);
    }
}

static void mmap_after(uint32_t ops) { check_faults(faults_before, ops * (map_size / page)); }

// Loads over 8 MiB, four times what TLB0 of 512 entries reaches, in an order that is fixed but
// has no pattern: a linear congruential generator, whose upper bits choose the page.
enum { stride_size = 8 * 1024 * 1024, generator_a = 1664525, generator_c = 1013904223 };
static uint32_t* field;
static uint32_t stride_sum;

static uint32_t word_at(uint32_t index) { return index * 2654435761U; }

static inline uint32_t stride(uint32_t ops, const volatile uint32_t* words, uint32_t mask) {
    uint32_t x = 1, sum = 0;
    for (uint32_t i = 0; i < ops; ++i) {
        x = x * generator_a + generator_c;
        sum += words[x >> 11 & mask];
    }
    return sum;
}

static void stride_setup(uint32_t ops) {
    (void)ops;
    field = map(stride_size);
    for (uint32_t i = 0; i < stride_size / 4; ++i) field[i] = word_at(i);
}

static void tlb_stride(uint32_t ops) { stride_sum = stride(ops, field, stride_size / 4 - 1); }

// The same loads, but all in one page.
static void stride_loop(uint32_t ops) { (void)stride(ops, field, words_a_page - 1); }

static void stride_check(uint32_t ops) {
    uint32_t x = 1, sum = 0;
    for (uint32_t i = 0; i < ops; ++i) {
        x = x * generator_a + generator_c;
        sum += word_at(x >> 11);
    }
    if (sum != stride_sum) bench_fail("loads gave a wrong sum");
}

// One operation sums 4 KiB; the array of 1 MiB is walked again and again.
enum { array_words = 1024 * 1024 / 4 };
static uint32_t array_sum;

static void sum_setup(uint32_t ops) {
    (void)ops;
    field = map(array_words * 4);
    for (uint32_t i = 0; i < array_words; ++i) field[i] = i;
}

static void mem_sum(uint32_t ops) {
    uint32_t sum = 0;
    const volatile uint32_t* words = field;
    for (uint32_t i = 0, at = 0; i < ops; ++i) {
        for (uint32_t end = at + words_a_page; at < end; ++at) sum += words[at];
        if (at == array_words) at = 0;
    }
    array_sum = sum;
}

// 0 + 1 + ... + n-1 modulo 2^32, for whole walks and what is left of the last.
static uint32_t series(uint32_t n) { return (uint32_t)((uint64_t)n * (n - 1) / 2); }

static void sum_check(uint32_t ops) {
    const uint32_t pages = array_words / words_a_page;
    const uint32_t whole = ops / pages, rest = ops % pages;
    if (array_sum != whole * series(array_words) + series(rest * words_a_page))
        bench_fail("the sum is wrong");
}

const struct metric memory_metrics[] = {
    {.workload = "page_fault",
     .metric = "touch",
     .quick = 2000,
     .full = 8000,
     .before = page_fault_before,
     .work = page_fault,
     .after = page_fault_after},
    {.workload = "mmap",
     .metric = "map_64k",
     .quick = 100,
     .full = 400,
     .before = mmap_before,
     .work = mmap_work,
     .after = mmap_after},
    {.workload = "tlb_stride",
     .metric = "load",
     .quick = 20000,
     .full = 80000,
     .setup = stride_setup,
     .work = tlb_stride,
     .loop = stride_loop,
     .after = stride_check},
    {.workload = "mem_sum",
     .metric = "sum_4k",
     .quick = 8000,
     .full = 32000,
     .setup = sum_setup,
     .work = mem_sum,
     .after = sum_check},
    {0},
};
