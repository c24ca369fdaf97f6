// SPDX-License-Identifier: Apache-2.0
// The Signal Processing Engine: 64-bit registers whose upper halves the kernel loads on first
// use and must keep apart for each process.
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

// HWCAP bits of the PowerPC ABI.
enum { has_spe = 0x00800000, has_efp_single = 0x00400000, has_efp_double = 0x00200000 };

struct vectors {
    uint64_t a, b, result;
};

// Loads a and b, does one operation on them, stores the result.
#define OPERATION(name)                                     \
    static void op_##name(void* argument) {                 \
        __asm__ volatile(                                   \
            ".machine push\n.machine \"e500\"\n"            \
            "evldd 8,0(%0)\nevldd 9,8(%0)\n" #name          \
            " 8,8,9\n"                                      \
            "evstdd 8,16(%0)\n.machine pop" ::"b"(argument) \
            : "r8", "r9", "memory");                        \
    }
// Not among them: evslw, which ends QEMU 7.2 with a fatal error of its translator.
#define OPERATIONS(X) \
    X(evaddw)         \
    X(evsubfw)        \
    X(evxor)          \
    X(evmergehi)      \
    X(evmergelohi)    \
    X(evmwumi) X(evfsadd) X(evfsmul) X(evfsdiv) X(efsadd) X(efsdiv) X(efdadd) X(efdmul) X(efddiv)
OPERATIONS(OPERATION)

static const struct operation {
    const char* name;
    void (*run)(void*);
} operations[] = {
#define ROW(name) {#name, op_##name},
    OPERATIONS(ROW)};

static void load_unaligned(void* argument) {
    struct vectors* vectors = argument;
    uint8_t* bytes = (uint8_t*)vectors + 4;
    __asm__ volatile(
        ".machine push\n.machine \"e500\"\nevldd 8,0(%0)\nevstdd 8,0(%1)\n.machine pop" ::"b"(
            bytes),
        "b"(&vectors->result)
        : "r8", "memory");
}

static void read_status(void* argument) {
    __asm__ volatile("mfspr %0,512" : "=r"(*(uint32_t*)argument));
}

// Gives up the core between load and store, `rounds` times: the upper half must survive.
static int keep(void* argument) {
    const uint64_t mine = (uint64_t)(uintptr_t)argument * 0x0123456789abcdefULL;
    int wrong = 0;
    for (int i = 0; i < 100; ++i) {
        _Alignas(8) volatile uint64_t vectors[2] = {mine + (unsigned)i, 0};
        register uint32_t number __asm__("r0") = SYS_sched_yield;
        register volatile uint64_t* base __asm__("r31") = vectors;
        __asm__ volatile(
            ".machine push\n.machine \"e500\"\n"
            "evldd 30,0(31)\nsc\nevstdd 30,8(31)\n.machine pop"
            : "+r"(number)
            : "r"(base)
            : "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r30", "cr0", "ctr",
              "memory");
        wrong += vectors[0] != vectors[1];
    }
    return wrong;
}

static int keep_together(int processes) {
    int wrong = 0, status;
    for (int i = 0; i < processes; ++i)
        if (fork() == 0) _exit(keep((void*)(uintptr_t)(i + 1)));
    while (wait(&status) > 0) wrong += status;
    return wrong;
}

static uint64_t bits(double value) {
    uint64_t pattern;
    memcpy(&pattern, &value, sizeof pattern);
    return pattern;
}

void check_spe(void) {
    const unsigned long capabilities = getauxval(AT_HWCAP);
    report("present", "spe %d single %d double %d", (capabilities & has_spe) != 0,
           (capabilities & has_efp_single) != 0, (capabilities & has_efp_double) != 0);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; ++i) {
        const bool is_double = strncmp(operations[i].name, "efd", 3) == 0;
        const bool is_single = strstr(operations[i].name, "fs") != NULL;
        _Alignas(8) struct vectors vectors = {0x0000000fffffffffULL, 0x0000000300000001ULL, 0};
        if (is_double)
            vectors = (struct vectors){bits(1.5), bits(-0.375), 0};
        else if (is_single)
            vectors = (struct vectors){0x3fc0000040490fdbULL, 0xbec0000040000000ULL, 0};
        const struct fault fault = catch_fault(operations[i].run, &vectors);
        if (fault.signal != 0)
            report(operations[i].name, "signal %d code %d", fault.signal, fault.code);
        else
            report(operations[i].name, "%#018llx", (unsigned long long)vectors.result);
    }
    _Alignas(8) struct vectors vectors = {0x1111111122222222ULL, 0x3333333344444444ULL, 0};
    const struct fault fault = catch_fault(load_unaligned, &vectors);
    report("unaligned", "signal %d %#llx", fault.signal, (unsigned long long)vectors.result);
    uint32_t status = 0;
    const struct fault no_status = catch_fault(read_status, &status);
    // Linux gives a program SPEFSCR 0 at exec, but in the core stands what the task had before,
    // init's exception enables, until the first task switch: not compared.
    const uint32_t enables = 0x3c;
    report("status", "signal %d %#x", no_status.signal, status & ~enables);
    report("kept_apart", "wrong %d", keep_together(4));
}
