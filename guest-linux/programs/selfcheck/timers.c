// SPDX-License-Identifier: Apache-2.0
// Timers and clocks: that they fire, how often, and that time does not run backwards. How
// long anything takes is nowhere printed.
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

static volatile sig_atomic_t ticks;
static volatile sig_atomic_t wanted;

static void on_tick(int number) {
    // One more may be on its way when the timer is switched off, if the machine was busy.
    if (ticks < wanted && ++ticks == wanted) {
        const struct itimerval off = {{0, 0}, {0, 0}};
        setitimer(number == SIGALRM ? ITIMER_REAL : ITIMER_VIRTUAL, &off, NULL);
    }
}

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void start(int which, int number, int count) {
    struct sigaction action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    sigaction(number, &action, NULL);
    ticks = 0;
    wanted = count;
    const struct itimerval period = {{0, 5000}, {0, 5000}};
    setitimer(which, &period, NULL);
}

static bool slept_enough(long length) {
    const struct timespec request = {0, length};
    const int64_t before = nanoseconds(CLOCK_MONOTONIC);
    nanosleep(&request, NULL);
    return nanoseconds(CLOCK_MONOTONIC) - before >= length;
}

// Time base, both halves: upper, lower, and again when a carry came in between.
static uint64_t time_base(void) {
    uint32_t upper, lower, again;
    do {
        __asm__ volatile("mfspr %0,269\n\tmfspr %1,268\n\tmfspr %2,269"
                         : "=r"(upper), "=r"(lower), "=r"(again));
    } while (upper != again);
    return (uint64_t)upper << 32 | lower;
}

void check_timers(void) {
    sigset_t alarm_only, before;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarm_only, &before);
    start(ITIMER_REAL, SIGALRM, 10);
    while (ticks < wanted) sigsuspend(&before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    report("itimer_asleep", "%d", (int)ticks);
    start(ITIMER_REAL, SIGALRM, 5);
    while (ticks < wanted) continue;
    report("itimer_busy", "%d", (int)ticks);
    start(ITIMER_VIRTUAL, SIGVTALRM, 3);
    while (ticks < wanted) continue;
    report("itimer_virtual", "%d", (int)ticks);

    int enough = 0;
    for (long length = 1000; length <= 20000000; length *= 10) enough += slept_enough(length);
    report("nanosleep", "%d of 5", enough);
    report("poll", "%d", poll(NULL, 0, 5));

    const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
    const struct itimerspec once = {{0, 0}, {0, 3000000}};
    uint64_t expired = 0;
    timerfd_settime(timer, 0, &once, NULL);
    const ssize_t got = read(timer, &expired, sizeof expired);
    report("timerfd", "%zd bytes %llu", got, (unsigned long long)expired);
    close(timer);

    int backwards = 0, base_backwards = 0;
    int64_t last = nanoseconds(CLOCK_MONOTONIC);
    uint64_t last_base = time_base();
    for (int i = 0; i < 2000; ++i) {
        const int64_t now = nanoseconds(CLOCK_MONOTONIC);
        const uint64_t base = time_base();
        backwards += now < last;
        base_backwards += base < last_base;
        last = now;
        last_base = base;
    }
    report("clock", "backwards %d", backwards);
    report("time_base", "backwards %d", base_backwards);
}
