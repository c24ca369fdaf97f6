// SPDX-License-Identifier: Apache-2.0
// A metric for a given time instead of a given number of operations: two guests that begin
// together are then busy together to the end. All guests read one time base, so the host can tell
// from what they print how long they were.
#include <fcntl.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "bench.h"

// Rounds are short against a time slice, and the time ends with the round that is under way. Before
// it and behind it the guest is busy without being measured, for this part of the time, so that
// neither is alone while the other one is measured.
enum { rounds_of_quick = 100, margin_part = 8 };

// Says that all is set up, and waits for a line of the host's, which waits for the other guest.
static void wait_for_start(const struct metric* metric) {
    const int console = open("/dev/console", O_RDONLY | O_NOCTTY);
    bench_require(console >= 0, "/dev/console");
    printf("@@bench-ready %s %s\n", metric->workload, metric->metric);
    fflush(stdout);
    tcdrain(STDOUT_FILENO);
    char line[8];
    bench_require(read(console, line, sizeof line) > 0, "the host's word to begin");
    close(console);
}

static uint64_t one_round(const struct metric* metric, uint32_t ops) {
    if (metric->before) metric->before(ops);
    const uint64_t start = bench_ticks();
    metric->work(ops);
    const uint64_t took = bench_ticks() - start;
    if (metric->after) metric->after(ops);
    return took;
}

struct span {
    uint64_t done, took;  // operations and their ticks
    uint64_t begin, end;
};

static struct span busy_for(const struct metric* metric, uint32_t ops, uint64_t ticks) {
    struct span span = {.begin = bench_ticks()};
    do {
        span.took += one_round(metric, ops);
        span.done += ops;
        span.end = bench_ticks();
    } while (span.end - span.begin < ticks);
    return span;
}

void bench_beside(const struct metric* metric, uint32_t milliseconds) {
    if (!metric->work) bench_fail("%s is nothing that can be done for a time", metric->metric);
    const uint32_t ops = metric->quick / rounds_of_quick ? metric->quick / rounds_of_quick : 1;
    const uint64_t ticks = bench_ticks_of(milliseconds * 1000000ULL);
    if (metric->setup) metric->setup(ops);
    one_round(metric, ops);
    wait_for_start(metric);
    busy_for(metric, ops, ticks / margin_part);
    const struct span span = busy_for(metric, ops, ticks);
    busy_for(metric, ops, ticks / margin_part);
    printf("@@bench-beside %s %s %llu %llu %llu %llu\n", metric->workload, metric->metric,
           (unsigned long long)span.done, (unsigned long long)span.took,
           (unsigned long long)span.begin, (unsigned long long)span.end);
    fflush(stdout);
    tcdrain(STDOUT_FILENO);
}
