// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <ucontext.h>
#include <unistd.h>

#include "check.h"

static const struct group {
    const char* name;
    void (*run)(void);
} groups[] = {
    {"traps", check_traps},           {"memory", check_memory}, {"text", check_text},
    {"signals", check_signals},       {"timers", check_timers}, {"process", check_process},
    {"arithmetic", check_arithmetic}, {"spe", check_spe},       {"stepping", check_stepping},
};
static const char* current_group = "";

void report(const char* name, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("%s.%s: ", current_group, name);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    // A child must not print its parent's lines again, nor a crash lose them.
    fflush(stdout);
    // Kernel messages go to the same line: let this one leave first.
    if (isatty(STDOUT_FILENO)) tcdrain(STDOUT_FILENO);
}

static sigjmp_buf escape;
static struct fault caught;

static void on_fault(int number, siginfo_t* info, void* context) {
    const ucontext_t* interrupted = context;
    caught.signal = number;
    caught.code = info->si_code;
    caught.address = (uintptr_t)info->si_addr;
    caught.pc = interrupted->uc_mcontext.uc_regs->gregs[32];  // PT_NIP
    siglongjmp(escape, 1);
}

static const int fault_signals[] = {SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGTRAP};
enum { fault_signal_count = sizeof fault_signals / sizeof *fault_signals };

struct fault catch_fault(void (*body)(void*), void* argument) {
    struct sigaction before[fault_signal_count];
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    for (int i = 0; i < fault_signal_count; ++i) sigaction(fault_signals[i], &action, &before[i]);
    caught = (struct fault){.body = (uintptr_t)body};
    if (sigsetjmp(escape, 1) == 0) body(argument);
    for (int i = 0; i < fault_signal_count; ++i) sigaction(fault_signals[i], &before[i], NULL);
    return caught;
}

void report_fault(const char* name, struct fault fault, const volatile void* base) {
    if (fault.signal == 0) {
        report(name, "no fault");
        return;
    }
    const bool in_body = fault.pc - fault.body < 64;
    report(name, "SIG%s code %d address %+ld pc %s%+ld", sigabbrev_np(fault.signal), fault.code,
           (long)(fault.address - (uintptr_t)base), in_body ? "body" : "",
           (long)(fault.pc - (in_body ? fault.body : (uintptr_t)base)));
}

uint8_t* map_pages(size_t pages, int protection) {
    void* start = mmap(NULL, pages * PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        perror("mmap");
        exit(EXIT_FAILURE);
    }
    return start;
}

void sync_text(void* start, size_t size) {
    enum { line = 32 };
    uint8_t* end = (uint8_t*)start + size;
    for (uint8_t* at = start; at < end; at += line)
        __asm__ volatile("dcbst 0,%0" ::"r"(at) : "memory");
    __asm__ volatile("sync" ::: "memory");
    for (uint8_t* at = start; at < end; at += line)
        __asm__ volatile("icbi 0,%0" ::"r"(at) : "memory");
    __asm__ volatile("sync\n\tisync" ::: "memory");
}

int in_child(int (*body)(void*), void* argument) {
    int status = -1;
    const pid_t child = fork();
    if (child == 0) _exit(body(argument));
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("child");
        exit(EXIT_FAILURE);
    }
    return status;
}

static int usage(const char* program) {
    fprintf(stderr, "usage: %s [group...]\ngroups:", program);
    for (size_t i = 0; i < sizeof groups / sizeof *groups; ++i)
        fprintf(stderr, " %s", groups[i].name);
    fputc('\n', stderr);
    return 2;
}

int main(int argc, char** argv) {
    // The process group runs this program again to see that arguments arrive.
    if (argc == 4 && strcmp(argv[1], "--exit") == 0)
        return getenv(argv[2]) != NULL ? atoi(argv[3]) : 255;

    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    for (int i = 1; i < argc; ++i) {
        bool known = false;
        for (size_t g = 0; g < sizeof groups / sizeof *groups; ++g)
            known = known || strcmp(argv[i], groups[g].name) == 0;
        if (!known) return usage(argv[0]);
    }
    for (size_t g = 0; g < sizeof groups / sizeof *groups; ++g) {
        bool wanted = argc == 1;
        for (int i = 1; i < argc; ++i) wanted = wanted || strcmp(argv[i], groups[g].name) == 0;
        if (!wanted) continue;
        current_group = groups[g].name;
        groups[g].run();
    }
    return EXIT_SUCCESS;
}
