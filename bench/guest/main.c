// SPDX-License-Identifier: Apache-2.0
// All workloads in one program, so that what a boot has to unpack stays small:
//   bench WORKLOAD quick|full          each metric of the workload in a process of its own
//   bench WORKLOAD quick|full METRIC   one metric, in this process
//   bench WORKLOAD for=MS [METRIC]     the same for so many milliseconds, beside another guest
//   bench --serve | --end              answers another guest's tcp_net; has it end
//   bench --guard WORKLOAD PROGRAM...  any program, with the time limit and failure lines of those
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "exits.h"

enum { warned_status = 1, usage_status = 2, limit_seconds = 30 };
enum { quick_samples = 3, full_samples = 5, loop_samples = 3 };
enum { longest_ms = 20000 };

static const struct metric* const tables[] = {
    calls_metrics, process_metrics, memory_metrics,  file_metrics, net_metrics,
    cpu_metrics,   time_metrics,    proteus_metrics, wrt_metrics,
};

// Runs a program to its end and returns its status. A signal gets a failure line and status 1.
// The limit is one of processor time: a limit of the clock's would not do under QEMU's -icount,
// which skips idle time, so that waiting for the host's disk looks like hours. A program that
// waits for ever is for those to end who see the console.
static int guard(const char* workload, char** arguments) {
    bench_name(workload);
    const pid_t child = fork();
    bench_require(child >= 0, "fork");
    if (child == 0) {
        // A second more for the hard limit, whose SIGKILL would not say why.
        const struct rlimit limit = {limit_seconds, limit_seconds + 1};
        setpgid(0, 0);
        // In a group of its own it is in the background of the shell's terminal, and waiting for
        // its output to leave would stop it.
        signal(SIGTTOU, SIG_IGN);
        setrlimit(RLIMIT_CPU, &limit);
        execv(arguments[0], arguments);
        bench_fail("%s: %s", arguments[0], strerror(errno));
    }
    setpgid(child, child);
    int status;
    bench_require(waitpid(child, &status, 0) == child, "waitpid");
    // What a program that failed has left behind must not run beside the next one.
    kill(-child, SIGKILL);
    if (WIFSIGNALED(status))
        bench_fail("ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    return WEXITSTATUS(status);
}

static uint64_t loop_ticks(const struct metric* metric, uint32_t ops) {
    uint64_t least = UINT64_MAX;
    if (!metric->loop) return 0;
    for (int i = 0; i < loop_samples; ++i) {
        const uint64_t start = bench_ticks();
        metric->loop(ops);
        const uint64_t took = bench_ticks() - start;
        if (took < least) least = took;
    }
    return least;
}

static void measure(const struct metric* metric, bool full) {
    bench_name(metric->workload);
    exits_open();
    if (metric->own) {
        metric->own(metric, full);
        bench_report(metric->workload);
        return;
    }
    const uint32_t ops = full ? metric->full : metric->quick;
    const int samples = full ? full_samples : quick_samples;
    uint64_t loop = 0;
    if (metric->setup) metric->setup(ops);
    // The first round warms caches, TLB and the kernel's lists; its sample is not kept.
    for (int i = 0; i <= samples; ++i) {
        if (i == 1) loop = loop_ticks(metric, ops);
        if (metric->before) metric->before(ops);
        if (i > 0) bench_begin();
        metric->work(ops);
        if (i > 0) bench_end(metric->metric, "ticks", ops, loop);
        if (metric->after) metric->after(ops);
    }
    bench_report(metric->workload);
    if (metric->loop) {
        const unsigned long tenths = (unsigned long)(loop * 10 / ops);
        printf("bench: %s %s: %lu.%lu ticks an operation, the loop's own, are taken off\n",
               metric->workload, metric->metric, tenths / 10, tenths % 10);
    }
}

// The MS of for=MS; 0 for any other word.
static uint32_t time_of(const char* size) {
    static const char word[] = "for=";
    if (strncmp(size, word, sizeof word - 1) != 0) return 0;
    char* end;
    const unsigned long value = strtoul(size + sizeof word - 1, &end, 10);
    return *end == '\0' && value <= longest_ms ? (uint32_t)value : 0;
}

static int run_one(const char* workload, const char* name, const char* size) {
    for (unsigned table = 0; table < sizeof tables / sizeof *tables; ++table) {
        for (const struct metric* metric = tables[table]; metric->workload; ++metric) {
            if (strcmp(metric->workload, workload) != 0 || strcmp(metric->metric, name) != 0)
                continue;
            // A guard that is gone must not leave a benchmark running.
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (time_of(size) != 0)
                bench_beside(metric, time_of(size));
            else
                measure(metric, strcmp(size, "full") == 0);
            return 0;
        }
    }
    bench_fail("no metric %s", name);
}

static int run_all(char* program, char* workload, char* size) {
    int worst = 0;
    bool found = false;
    for (unsigned table = 0; table < sizeof tables / sizeof *tables; ++table) {
        for (const struct metric* metric = tables[table]; metric->workload; ++metric) {
            if (strcmp(metric->workload, workload) != 0) continue;
            char name[32];
            snprintf(name, sizeof name, "%s", metric->metric);
            char* arguments[] = {program, workload, size, name, NULL};
            const int status = guard(workload, arguments);
            // Status 1 has said why; a program of ours has no other.
            if (status > warned_status) bench_fail("%s: ended with status %d", name, status);
            worst = status > worst ? status : worst;
            found = true;
        }
    }
    if (!found) bench_fail("no such workload");
    return worst;
}

int main(int argc, char** argv) {
    if (argc == 2 && strcmp(argv[1], "--serve") == 0) {
        bench_name("tcp_net");
        net_serve();
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--end") == 0) {
        bench_name("tcp_net");
        net_end();
        return 0;
    }
    if (argc >= 4 && strcmp(argv[1], "--guard") == 0) {
        const int status = guard(argv[2], argv + 3);
        if (status != 0) bench_fail("ended with status %d", status);
        return 0;
    }
    const char* const size = argc > 2 ? argv[2] : "";
    const bool fixed = strcmp(size, "quick") == 0 || strcmp(size, "full") == 0;
    if (argc < 3 || argc > 4 || (!fixed && time_of(size) == 0)) {
        fprintf(stderr, "usage: bench WORKLOAD quick|full|for=MS [METRIC]\n");
        return usage_status;
    }
    bench_name(argv[1]);
    return argc == 4 ? run_one(argv[1], argv[3], argv[2])
                     : run_all("/proc/self/exe", argv[1], argv[2]);
}
