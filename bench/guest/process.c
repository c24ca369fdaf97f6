// SPDX-License-Identifier: Apache-2.0
// Processes: creation, another program's image, and switches between them.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static uint32_t statuses;

static void reap(pid_t child) {
    int status = 0;
    bench_require(child > 0, "fork");
    bench_require(waitpid(child, &status, 0) == child, "waitpid");
    statuses += WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 0;
}

static void fork_exit(uint32_t ops) {
    statuses = 0;
    for (uint32_t i = 0; i < ops; ++i) {
        const pid_t child = fork();
        if (child == 0) _exit(3);
        reap(child);
    }
}

static void fork_exit_check(uint32_t ops) {
    if (statuses != 3 * ops) bench_fail("a child did not end as it should");
}

// nothing.S ends with this status and has no other content.
enum { nothing_status = 42 };

static void fork_exec(uint32_t ops) {
    static char* const arguments[] = {"nothing", NULL};
    static char* const environment[] = {NULL};
    statuses = 0;
    for (uint32_t i = 0; i < ops; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            execve("/bench/nothing", arguments, environment);
            _exit(1);
        }
        reap(child);
    }
}

static void fork_exec_check(uint32_t ops) {
    if (statuses != nothing_status * ops) bench_fail("/bench/nothing did not run every time");
}

// A ring of processes: this one and its children, each with a pipe it reads from. A token, one
// word, goes round; every child adds one to it.
enum { ring_most = 16 };
static int into_ring, out_of_ring;
static uint32_t ring_size;
static uint32_t token;

// Reads and writes without the C library, for the time of the kernel alone.
static void pass_on(int from, int to) {
    uint32_t word;
    while (bench_call(SYS_read, from, (long)&word, sizeof word) == (long)sizeof word) {
        ++word;
        if (bench_call(SYS_write, to, (long)&word, sizeof word) != (long)sizeof word) break;
    }
}

static void ring_setup(uint32_t size) {
    int pipes[ring_most][2];
    for (uint32_t i = 0; i < size; ++i) bench_require(pipe2(pipes[i], O_CLOEXEC) == 0, "pipe");
    for (uint32_t i = 1; i < size; ++i) {
        const pid_t child = fork();
        bench_require(child >= 0, "fork");
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            pass_on(pipes[i][0], pipes[(i + 1) % size][1]);
            _exit(0);
        }
    }
    into_ring = pipes[1][1];
    out_of_ring = pipes[0][0];
    ring_size = size;
}

static void ring_setup_2(uint32_t ops) {
    (void)ops;
    ring_setup(2);
}

static void ring_setup_16(uint32_t ops) {
    (void)ops;
    ring_setup(ring_most);
}

static void rounds(uint32_t number) {
    token = 0;
    for (uint32_t i = 0; i < number; ++i) {
        if (bench_call(SYS_write, into_ring, (long)&token, sizeof token) != (long)sizeof token ||
            bench_call(SYS_read, out_of_ring, (long)&token, sizeof token) != (long)sizeof token)
            bench_fail("the token was lost");
    }
}

// An operation of `pipe` is a round, there and back; one of `ctxsw_*` is a switch, so ring_size
// of them are a round.
static void pipe_work(uint32_t ops) { rounds(ops); }

static void pipe_check(uint32_t ops) {
    if (token != ops) bench_fail("the token came back with a wrong count");
}

static void ctxsw_work(uint32_t ops) { rounds(ops / ring_size); }

static void ctxsw_check(uint32_t ops) {
    if (token != ops / ring_size * (ring_size - 1))
        bench_fail("the token came back with a wrong count");
}

// What a switch is not: a word through a pipe within one process.
static void ctxsw_loop(uint32_t ops) {
    int ends[2];
    uint32_t word = 0;
    bench_require(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    for (uint32_t i = 0; i < ops; ++i) {
        bench_call(SYS_write, ends[1], (long)&word, sizeof word);
        bench_call(SYS_read, ends[0], (long)&word, sizeof word);
    }
    close(ends[0]);
    close(ends[1]);
}

const struct metric process_metrics[] = {
    {.workload = "pipe",
     .metric = "round_trip",
     .quick = 400,
     .full = 1600,
     .setup = ring_setup_2,
     .work = pipe_work,
     .after = pipe_check},
    {.workload = "fork_exit",
     .metric = "fork",
     .quick = 40,
     .full = 160,
     .work = fork_exit,
     .after = fork_exit_check},
    {.workload = "fork_exec",
     .metric = "exec",
     .quick = 30,
     .full = 120,
     .work = fork_exec,
     .after = fork_exec_check},
    {.workload = "ctxsw_2",
     .metric = "switch",
     .quick = 1600,
     .full = 6400,
     .setup = ring_setup_2,
     .work = ctxsw_work,
     .loop = ctxsw_loop,
     .after = ctxsw_check},
    {.workload = "ctxsw_16",
     .metric = "switch",
     .quick = 1600,
     .full = 6400,
     .setup = ring_setup_16,
     .work = ctxsw_work,
     .loop = ctxsw_loop,
     .after = ctxsw_check},
    {0},
};
