// SPDX-License-Identifier: Apache-2.0
// Page protection, fault addresses, alignment, copy on write, and a shared reservation.
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void load(void* at) { (void)*(volatile uint32_t*)at; }
static void store(void* at) { *(volatile uint8_t*)at = 1; }
static void call(void* at) { ((void (*)(void))(uintptr_t)at)(); }
static void clear_line(void* at) { __asm__ volatile("dcbz 0,%0" ::"r"(at) : "memory"); }
static void load_multiple(void* at) {
    __asm__ volatile("lmw 28,0(%0)" ::"b"(at) : "r28", "r29", "r30", "r31", "memory");
}
static void reserve(void* at) {
    uint32_t word;
    __asm__ volatile("lwarx %0,0,%1" : "=r"(word) : "r"(at) : "memory");
}

static void check_faults(void) {
    void* const kernel = (void*)0xc0000000U;
    report_fault("load_null", catch_fault(load, NULL), NULL);
    report_fault("store_null", catch_fault(store, (void*)0x123), NULL);
    report_fault("call_null", catch_fault(call, NULL), NULL);
    report_fault("load_kernel", catch_fault(load, kernel), kernel);
    report_fault("store_kernel", catch_fault(store, kernel), kernel);
    report_fault("call_kernel", catch_fault(call, kernel), kernel);
}

static void check_protection(void) {
    uint8_t* pages = map_pages(2, PROT_READ | PROT_WRITE);
    memset(pages, 0x11, 2 * PAGE);
    report_fault("call_data", catch_fault(call, pages + 64), pages);
    mprotect(pages + PAGE, PAGE, PROT_READ);
    report_fault("store_read_only", catch_fault(store, pages + PAGE + 5), pages);
    report_fault("dcbz_read_only", catch_fault(clear_line, pages + PAGE + 64), pages);
    report_fault("load_read_only", catch_fault(load, pages + PAGE), pages);
    mprotect(pages + PAGE, PAGE, PROT_NONE);
    report_fault("load_no_access", catch_fault(load, pages + PAGE + 8), pages);
    report_fault("load_across", catch_fault(load, pages + PAGE - 2), pages);
    report_fault("lmw_across", catch_fault(load_multiple, pages + PAGE - 8), pages);
    mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE);
    store(pages + PAGE);
    report("reopened", "%#x %#x", pages[PAGE], pages[PAGE + 1]);
    munmap(pages + PAGE, PAGE);
    report_fault("load_unmapped", catch_fault(load, pages + PAGE), pages);
    munmap(pages, PAGE);
}

static void check_alignment(void) {
    uint8_t* pages = map_pages(2, PROT_READ | PROT_WRITE);
    for (size_t i = 0; i < 2 * PAGE; ++i) pages[i] = (uint8_t)(i * 7);
    report("load_unaligned", "%#x", *(volatile uint32_t*)(pages + 1));
    report("load_across_pages", "%#x", *(volatile uint32_t*)(pages + PAGE - 1));
    *(volatile uint32_t*)(pages + PAGE - 3) = 0xa1b2c3d4;
    report("store_across_pages", "%#x %#x", pages[PAGE - 1], pages[PAGE]);
    report_fault("lwarx_unaligned", catch_fault(reserve, pages + 2), pages);
    clear_line(pages + 100);
    size_t zeroes = 0;
    for (size_t i = 64; i < 192; ++i) zeroes += pages[i] == 0;
    report("dcbz", "%zu bytes from %d", zeroes, pages[95] != 0 && pages[96] == 0 ? 96 : -1);
    // The C library may clear by cache line, and has to know how long one is.
    memset(pages, 0, 2 * PAGE);
    zeroes = 0;
    for (size_t i = 0; i < 2 * PAGE; ++i) zeroes += ((volatile uint8_t*)pages)[i] == 0;
    report("memset", "%zu bytes", zeroes);
    munmap(pages, 2 * PAGE);
}

static int change_copy(void* at) {
    uint8_t* bytes = at;
    bytes[0] = 99;
    return bytes[0] + bytes[PAGE];
}

static void check_copies(void) {
    uint8_t* pages = map_pages(2, PROT_READ | PROT_WRITE);
    pages[0] = 1;
    pages[PAGE] = 2;
    const int status = in_child(change_copy, pages);
    report("copy_on_write", "child %d parent %d", WEXITSTATUS(status), pages[0]);
    madvise(pages, PAGE, MADV_DONTNEED);
    report("dropped", "%d kept %d", pages[0], pages[PAGE]);
    uint8_t* moved = mremap(pages, 2 * PAGE, 16 * PAGE, MREMAP_MAYMOVE);
    report("moved", "%d %d", moved == MAP_FAILED ? -1 : moved[PAGE], moved[15 * PAGE]);
    munmap(moved, 16 * PAGE);

    const int file = memfd_create("selfcheck", 0);
    if (ftruncate(file, 100) != 0) perror("ftruncate");
    uint8_t* shared = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    shared[10] = 42;
    uint8_t byte = 0;
    const ssize_t got = pread(file, &byte, 1, 10);
    report("shared_file", "%zd byte %d", got, byte);
    report_fault("beyond_end", catch_fault(load, shared + PAGE), shared);
    munmap(shared, 2 * PAGE);
    close(file);
}

static uint32_t sum_pages(size_t pages) {
    uint8_t* start = map_pages(pages, PROT_READ | PROT_WRITE);
    for (size_t i = 0; i < pages; ++i)
        *(uint32_t*)(start + i * PAGE + (i * 4) % PAGE) = (uint32_t)(i * 2654435761U);
    uint32_t sum = 0;
    for (size_t i = pages; i-- > 0;)
        sum = sum * 31 + *(uint32_t*)(start + i * PAGE + (i * 4) % PAGE);
    munmap(start, pages * PAGE);
    return sum;
}

enum { increments = 20000 };

static int increment(void* counter) {
    for (int i = 0; i < increments; ++i)
        __atomic_fetch_add((uint32_t*)counter, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static int increment_twice(void* counter) {
    const pid_t child = fork();
    increment(counter);
    if (child == 0) _exit(0);
    return waitpid(child, NULL, 0) == child ? 0 : 1;
}

static int grow_stack(void* unused) {
    (void)unused;
    volatile uint8_t room[1024 * 1024];
    for (size_t i = sizeof room; i > PAGE; i -= PAGE) room[i - 1] = (uint8_t)(i / PAGE);
    return room[sizeof room - 1 - PAGE];
}

void check_memory(void) {
    check_faults();
    check_protection();
    check_alignment();
    check_copies();
    report("many_pages", "%#x", sum_pages(1500));
    report("stack", "%d", WEXITSTATUS(in_child(grow_stack, NULL)));
    uint32_t* counter = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    const int status = in_child(increment_twice, counter);
    report("reservation", "status %d count %u", status, *counter);
    munmap(counter, PAGE);
}
