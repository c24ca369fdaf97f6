// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "exits.h"

struct sample {
    const char *name, *unit;
    uint32_t ops;
    uint64_t ticks;
    struct exits exits;
};

enum { samples_most = 64 };
static struct sample samples[samples_most];
static unsigned taken;
static struct exits at_begin;
static uint64_t begun;
static const char* failing = "?";

void bench_name(const char* workload) { failing = workload; }

void bench_fail(const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("@@bench-failed %s ", failing);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
    tcdrain(STDOUT_FILENO);
    _exit(1);
}

void bench_require(bool fine, const char* what) {
    if (!fine) bench_fail("%s: %s", what, strerror(errno));
}

void bench_begin(void) {
    exits_latch();
    exits_read(&at_begin);
    begun = bench_ticks();
}

static struct sample* next_sample(const char* name, const char* unit, uint32_t ops) {
    if (taken == samples_most) bench_fail("more than %d samples", samples_most);
    struct sample* sample = &samples[taken++];
    sample->name = name;
    sample->unit = unit;
    sample->ops = ops;
    return sample;
}

static void count_exits(struct exits* into) {
    exits_latch();
    exits_read(into);
    exits_between(&at_begin, into);
}

uint64_t bench_end(const char* name, const char* unit, uint32_t ops, uint64_t free) {
    const uint64_t took = bench_ticks() - begun;
    struct sample* sample = next_sample(name, unit, ops);
    count_exits(&sample->exits);
    sample->ticks = took > free ? took - free : 0;
    return sample->ticks;
}

void bench_value(const char* name, const char* unit, uint64_t ticks) {
    next_sample(name, unit, 1)->ticks = ticks;
}

void bench_report(const char* workload) {
    char causes[1024], kinds[1024];
    if (taken == 0) bench_fail("took no sample");
    for (unsigned i = 0; i < taken; ++i) {
        const struct sample* sample = &samples[i];
        exits_text(&sample->exits, true, causes, sizeof causes);
        exits_text(&sample->exits, false, kinds, sizeof kinds);
        printf("@@bench %s %s %s %lu %llu %s %s\n", workload, sample->name, sample->unit,
               (unsigned long)sample->ops, (unsigned long long)sample->ticks, causes, kinds);
    }
    fflush(stdout);
    tcdrain(STDOUT_FILENO);
}

static uint32_t read_frequency(void) {
    char line[128];
    unsigned long frequency = 0;
    FILE* file = fopen("/proc/cpuinfo", "re");
    bench_require(file != NULL, "/proc/cpuinfo");
    while (frequency == 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "timebase : %lu", &frequency) != 1) frequency = 0;
    fclose(file);
    if (frequency == 0) bench_fail("/proc/cpuinfo does not tell the time base's frequency");
    return (uint32_t)frequency;
}

uint64_t bench_ticks_of(uint64_t nanoseconds) {
    enum { second = 1000000000 };
    static uint32_t frequency;
    if (frequency == 0) frequency = read_frequency();
    return nanoseconds / second * frequency + nanoseconds % second * frequency / second;
}
