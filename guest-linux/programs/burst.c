// SPDX-License-Identifier: Apache-2.0
// Bursts of one kind of kernel work each, for the workload: "burst KIND" does a fixed amount
// of it, checks the outcome, and exits 0 when it is right, 1 when not, 2 for an unknown kind.
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096 };

static bool syscalls(void) {
    const pid_t self = getpid();
    int wrong = 0;
    for (int i = 0; i < 5000; ++i) {
        struct stat status;
        wrong += syscall(SYS_getpid) != self;
        wrong += i % 10 == 0 && stat("/", &status) != 0;
    }
    return wrong == 0;
}

static bool forks(void) {
    int sum = 0, status;
    for (int i = 0; i < 40; ++i) {
        const pid_t child = fork();
        if (child == 0) _exit(i);
        if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return false;
        sum += WEXITSTATUS(status);
    }
    return sum == 40 * 39 / 2;
}

// Two processes; each byte of 256 KiB goes through a pipe and is checked at the other end.
static bool pipes(void) {
    enum { block = 1024, blocks = 256 };
    int ends[2];
    if (pipe(ends) != 0) return false;
    uint8_t data[block];
    const pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < blocks; ++i) {
            memset(data, i, sizeof data);
            if (write(ends[1], data, sizeof data) != block) _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    uint64_t sum = 0;
    ssize_t got;
    while ((got = read(ends[0], data, sizeof data)) > 0)
        for (ssize_t i = 0; i < got; ++i) sum += data[i];
    close(ends[0]);
    int status = 1;
    return waitpid(child, &status, 0) == child && status == 0 &&
           sum == (uint64_t)block * blocks * (blocks - 1) / 2;
}

static volatile sig_atomic_t delivered;

static void on_signal(int number) {
    (void)number;
    ++delivered;
}

static bool signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    for (int i = 0; i < 1000; ++i) raise(SIGUSR1);
    return delivered == 1000;
}

// Anonymous pages touched, protected, dropped and copied on write: TLB and page fault work.
static bool pages(void) {
    enum { count = 512 };
    uint8_t* start =
        mmap(NULL, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return false;
    for (uint32_t i = 0; i < count; ++i) *(uint32_t*)(start + i * page) = i * 2654435761U;
    if (mprotect(start, count * page, PROT_READ) != 0) return false;
    const pid_t child = fork();
    if (child == 0) {
        mprotect(start, count * page, PROT_READ | PROT_WRITE);
        for (uint32_t i = 0; i < count; i += 2) *(uint32_t*)(start + i * page) = 0;
        uint32_t left = 0;
        for (uint32_t i = 0; i < count; ++i) left += *(uint32_t*)(start + i * page) != 0;
        _exit(left == count / 2 ? 0 : 1);
    }
    int status = 1;
    if (waitpid(child, &status, 0) != child || status != 0) return false;
    for (uint32_t i = 0; i < count; ++i)
        if (*(uint32_t*)(start + i * page) != i * 2654435761U) return false;
    madvise(start, count * page, MADV_DONTNEED);
    return *(uint32_t*)(start + page) == 0;
}

// A file of 512 KiB on tmpfs, written in pieces of all sizes, read back through a mapping.
static bool files(void) {
    enum { size = 512 * 1024 };
    char name[] = "/tmp/burst-XXXXXX";
    const int file = mkstemp(name);
    if (file < 0) return false;
    unlink(name);
    uint8_t data[3000];
    for (uint32_t at = 0, piece = 1; at < size; at += piece, piece = piece * 7 % 2999 + 1) {
        if (piece > size - at) piece = size - at;
        for (uint32_t i = 0; i < piece; ++i) data[i] = (uint8_t)((at + i) * 131 >> 3);
        if (write(file, data, piece) != (ssize_t)piece) return false;
    }
    const uint8_t* mapped = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) return false;
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < size; ++i) wrong += mapped[i] != (uint8_t)(i * 131 >> 3);
    close(file);
    return wrong == 0;
}

// Each operation is an exception that the kernel emulates; Machin's formula for pi.
static bool floats(void) {
    double inverse_5 = 0.2, inverse_239 = 1.0 / 239.0, sum = 0.0;
    for (int i = 0; i < 12; ++i) {
        sum += (i % 2 ? -1.0 : 1.0) * (16.0 * inverse_5 - 4.0 * inverse_239) / (2 * i + 1);
        inverse_5 *= 0.04;
        inverse_239 /= 239.0 * 239.0;
    }
    char text[32];
    snprintf(text, sizeof text, "%.12f", sum);
    return strcmp(text, "3.141592653590") == 0;
}

static bool timers(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t alarms, before;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    sigprocmask(SIG_BLOCK, &alarms, &before);
    const struct itimerval period = {{0, 5000}, {0, 5000}};
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    setitimer(ITIMER_REAL, &period, NULL);
    while (delivered < 10) sigsuspend(&before);
    const struct timespec nap = {0, 20000000};
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    nanosleep(&nap, NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    const int64_t took = (end.tv_sec - start.tv_sec) * 1000000000LL + end.tv_nsec - start.tv_nsec;
    // 10 periods of 5 ms and a nap of 20 ms, at the very least.
    return took >= 70000000;
}

static const struct kind {
    const char* name;
    bool (*run)(void);
} kinds[] = {
    {"syscalls", syscalls}, {"forks", forks}, {"pipes", pipes},   {"signals", signals},
    {"pages", pages},       {"files", files}, {"floats", floats}, {"timers", timers},
};

int main(int argc, char** argv) {
    for (size_t i = 0; argc == 2 && i < sizeof kinds / sizeof *kinds; ++i)
        if (strcmp(argv[1], kinds[i].name) == 0) return kinds[i].run() ? 0 : 1;
    fputs("usage: burst syscalls|forks|pipes|signals|pages|files|floats|timers\n", stderr);
    return 2;
}
