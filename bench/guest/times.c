// SPDX-License-Identifier: Apache-2.0
// Time passing: idling, timers, and sleep as it was asked for and as it was. What is reported is
// ticks as such (units ticks_slept and ticks_late), one value a line.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "bench.h"

enum { nanoseconds = 1000000000, millisecond = 1000000 };

static void sleep_for(uint32_t milliseconds) {
    const struct timespec time = {milliseconds / 1000, milliseconds % 1000 * millisecond};
    const int error = clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
    if (error != 0) bench_fail("clock_nanosleep: %s", strerror(error));
}

// A sample; a sleep that is over too early is a failure.
static void measure_sleep(const char* name, uint32_t milliseconds) {
    const uint64_t least = bench_ticks_of((uint64_t)milliseconds * millisecond);
    bench_begin();
    sleep_for(milliseconds);
    const uint64_t took = bench_end(name, "ticks_slept", 1, 0);
    if (took < least)
        bench_fail("slept %llu ticks, asked for %llu", (unsigned long long)took,
                   (unsigned long long)least);
}

// Exits while nothing happens for a second.
static void idle(const struct metric* self, bool full) {
    sleep_for(100);
    for (int i = full ? 5 : 2; i > 0; --i) measure_sleep(self->metric, 1000);
}

// Metrics are named observed_1ms, observed_10ms ...: the number is the time to sleep.
static void sleep_metric(const struct metric* self, bool full) {
    const uint32_t time = (uint32_t)strtoul(strchr(self->metric, '_') + 1, NULL, 10);
    sleep_for(time);
    for (int i = full ? 10 : 3; i > 0; --i) measure_sleep(self->metric, time);
}

static int64_t now(void) {
    struct timespec time;
    bench_require(clock_gettime(CLOCK_MONOTONIC, &time) == 0, "clock_gettime");
    return (int64_t)time.tv_sec * nanoseconds + time.tv_nsec;
}

static int by_size(const void* left, const void* right) {
    const int64_t a = *(const int64_t*)left, b = *(const int64_t*)right;
    return (a > b) - (a < b);
}

// As cyclictest does: wake up at absolute times, a millisecond apart, and note how late. A time
// that was missed altogether is one long lateness, and the next is asked for as if in time.
enum { wakeups = 200, warm_up = 10 };

static void latency_round(int64_t* late, int number) {
    int64_t next = now() + 2 * millisecond;
    for (int i = 0; i < number; ++i, next += millisecond) {
        const struct timespec at = {(time_t)(next / nanoseconds), (long)(next % nanoseconds)};
        const int error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        late[i] = now() - next;
        if (error != 0) bench_fail("clock_nanosleep: %s", strerror(error));
        if (late[i] < 0) bench_fail("woke up %lld ns early", -(long long)late[i]);
    }
}

static void timer_latency(const struct metric* self, bool full) {
    (void)self;
    static int64_t late[wakeups];
    // The kernel may put an ordinary process's timers off by 50 us to join them with others.
    bench_require(prctl(PR_SET_TIMERSLACK, 1) == 0, "PR_SET_TIMERSLACK");
    latency_round(late, warm_up);
    for (int i = full ? 5 : 1; i > 0; --i) {
        bench_begin();
        latency_round(late, wakeups);
        bench_end("wakeup", "ticks_slept", wakeups, 0);
        qsort(late, wakeups, sizeof late[0], by_size);
        const struct {
            const char* name;
            int64_t value;
        } rows[] = {{"late_min", late[0]},
                    {"late_p10", late[wakeups / 10]},
                    {"late_median", (late[wakeups / 2 - 1] + late[wakeups / 2]) / 2},
                    {"late_p90", late[wakeups * 9 / 10]},
                    {"late_p99", late[wakeups * 99 / 100]},
                    {"late_max", late[wakeups - 1]}};
        for (unsigned row = 0; row < sizeof rows / sizeof *rows; ++row)
            bench_value(rows[row].name, "ticks_late", bench_ticks_of((uint64_t)rows[row].value));
    }
}

const struct metric time_metrics[] = {
    {.workload = "idle", .metric = "second", .own = idle},
    {.workload = "timer_latency", .metric = "late", .own = timer_latency},
    {.workload = "sleep", .metric = "observed_1ms", .own = sleep_metric},
    {.workload = "sleep", .metric = "observed_10ms", .own = sleep_metric},
    {.workload = "sleep", .metric = "observed_100ms", .own = sleep_metric},
    // WrtVMM plots time slept over time asked for, guest and bare machine (Embedded Xinu).
    {.workload = "wrt_sleep", .metric = "observed_5ms", .own = sleep_metric},
    {.workload = "wrt_sleep", .metric = "observed_10ms", .own = sleep_metric},
    {.workload = "wrt_sleep", .metric = "observed_20ms", .own = sleep_metric},
    {.workload = "wrt_sleep", .metric = "observed_50ms", .own = sleep_metric},
    {.workload = "wrt_sleep", .metric = "observed_100ms", .own = sleep_metric},
    {0},
};
