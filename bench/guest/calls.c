// SPDX-License-Identifier: Apache-2.0
// System calls that do next to nothing, and signals.
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

static uint32_t sum;

// An empty loop that the compiler keeps.
static void empty_loop(uint32_t ops) {
    for (uint32_t i = 0; i < ops; ++i) __asm__ volatile("");
}

static void null_syscall(uint32_t ops) {
    uint32_t total = 0;
    for (uint32_t i = 0; i < ops; ++i) total += (uint32_t)bench_call(SYS_getppid, 0, 0, 0);
    sum = total;
}

static void null_syscall_check(uint32_t ops) {
    if (sum != ops * (uint32_t)getppid()) bench_fail("a system call returned something else");
}

static int zero;

static void read_zero_setup(uint32_t ops) {
    (void)ops;
    zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    bench_require(zero >= 0, "/dev/zero");
}

static void read_zero(uint32_t ops) {
    uint8_t byte;
    uint32_t total = 0;
    for (uint32_t i = 0; i < ops; ++i) {
        byte = 0xff;
        total += (uint32_t)bench_call(SYS_read, zero, (long)&byte, 1);
        total += byte;
    }
    sum = total;
}

static void read_zero_check(uint32_t ops) {
    if (sum != ops) bench_fail("/dev/zero gave something other than a zero");
}

static volatile uint32_t delivered;

static void on_signal(int number) {
    (void)number;
    ++delivered;
}

static void signal_setup(uint32_t ops) {
    (void)ops;
    const struct sigaction action = {.sa_handler = on_signal};
    bench_require(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
}

// kill() of the process itself, delivery to the handler, and the return through sigreturn.
static void signal_work(uint32_t ops) {
    const pid_t self = getpid();
    delivered = 0;
    for (uint32_t i = 0; i < ops; ++i) bench_call(SYS_kill, self, SIGUSR1, 0);
}

static void signal_check(uint32_t ops) {
    if (delivered != ops)
        bench_fail("%lu of %lu signals came", (unsigned long)delivered, (unsigned long)ops);
}

const struct metric calls_metrics[] = {
    {.workload = "null_syscall",
     .metric = "call",
     .quick = 8000,
     .full = 32000,
     .work = null_syscall,
     .loop = empty_loop,
     .after = null_syscall_check},
    {.workload = "read_zero",
     .metric = "call",
     .quick = 6000,
     .full = 24000,
     .setup = read_zero_setup,
     .work = read_zero,
     .after = read_zero_check},
    {.workload = "signal",
     .metric = "signal",
     .quick = 2000,
     .full = 8000,
     .setup = signal_setup,
     .work = signal_work,
     .after = signal_check},
    {0},
};
