// SPDX-License-Identifier: Apache-2.0
// A debugger in the guest: children that are single-stepped from their first instruction to their
// last compute what they compute when they run freely, through page faults and system calls.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

enum { most_steps = 400000 };

struct work {
    volatile uint8_t* pages;
    uint32_t count;
    volatile uint32_t* results;
};

static uint32_t loop(void) {
    uint32_t sum = 1;
    for (uint32_t i = 0; i < 40; ++i) sum = sum * 31 + i;
    return sum;
}

// Touches every page: steps that end in data TLB misses and page faults.
static int touch(const struct work* work) {
    uint32_t sum = 1;
    for (uint32_t i = 0; i < work->count; ++i) {
        ++work->pages[(size_t)i * PAGE];
        sum = sum * 31 + work->pages[(size_t)i * PAGE] + i;
    }
    return (int)(sum & 0x7f);
}

static int touch_freely(void* work) { return touch(work); }

static long system_call(long number, long argument) {
    register long r0 __asm__("r0") = number;
    register long r3 __asm__("r3") = argument;
    __asm__ volatile("sc"
                     : "+r"(r0), "+r"(r3)
                     :
                     : "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "ctr", "cr0",
                       "memory");
    return r3;
}

static int compute(const struct work* work) {
    work->results[0] = loop();
    work->results[1] = (uint32_t)system_call(SYS_getpgid, 0);
    work->results[2] = (uint32_t)system_call(SYS_close, 12345);
    return 5;
}

// An illegal instruction and a trap, whose handlers run in the child.
static volatile sig_atomic_t seen;
static void on_signal(int number, siginfo_t* info, void* context) {
    (void)info;
    ucontext_t* interrupted = context;
    seen = seen * 100 + number;
    interrupted->uc_mcontext.uc_regs->gregs[32] += 4;
}
static int take_signals(const struct work* work) {
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    seen = 0;
    __asm__ volatile(".long 0" ::: "memory");
    __asm__ volatile(".long 0" ::: "memory");
    work->results[0] = (uint32_t)seen;
    return 7;
}

// Steps a child that runs `body`, to its end.
static void step(const char* name, int (*body)(const struct work*), const struct work* work) {
    const pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(body(work));
    }
    long steps = 0;
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        report(name, "no child");
        return;
    }
    while (WIFSTOPPED(status) && steps < most_steps) {
        const int number = WSTOPSIG(status);
        const int given = number == SIGTRAP || number == SIGSTOP ? 0 : number;
        if (given != 0) report(name, "SIG%s", sigabbrev_np(given));
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, (void*)(intptr_t)given) != 0) break;
        if (waitpid(child, &status, 0) != child) break;
        ++steps;
    }
    if (WIFSTOPPED(status)) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        report(name, "did not end");
    } else if (WIFSIGNALED(status)) {
        report(name, "died of SIG%s", sigabbrev_np(WTERMSIG(status)));
    } else {
        report(name, "exit %d after %s steps", WEXITSTATUS(status), steps > 100 ? "many" : "few");
    }
}

void check_stepping(void) {
    enum { pages = 300 };
    struct work work = {.pages = map_pages(pages, PROT_READ | PROT_WRITE), .count = pages};
    work.results = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (work.results == MAP_FAILED) exit(EXIT_FAILURE);
    step("compute", compute, &work);
    report("loop", "%s", work.results[0] == loop() ? "right" : "wrong");
    report("getpgid", "%s", work.results[1] == (uint32_t)getpgid(0) ? "right" : "wrong");
    report("close", "%s", work.results[2] == EBADF ? "right" : "wrong");
    const int before = in_child(touch_freely, &work);
    report("touch", "should exit %d", WEXITSTATUS(before));
    step("touch", touch, &work);
    step("signals", take_signals, &work);
    report("signals", "%u", work.results[0]);
    munmap((void*)work.results, PAGE);
    munmap((void*)work.pages, (size_t)pages * PAGE);
}
