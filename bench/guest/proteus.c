// SPDX-License-Identifier: Apache-2.0
// Proteus' two tasks under an operating system. There it was ORCOS on a PowerPC 405, which ran
// beside the VMM's other guests: a task that counts and calls the OS all the time, so that most
// of the run is kernel (10.7 ms, under full virtualization 26.5), and a task that computes an FFT,
// so that hardly any of it is (5.09 s and 5.12 s). Neither source was published.
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "fft.h"

// Here the counter is the kernel's, an eventfd: each step adds one through a system call and then
// yields the processor, as a cooperative task does.
static int counter;

static void counting_setup(uint32_t ops) {
    (void)ops;
    counter = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bench_require(counter >= 0, "eventfd");
}

static void counting(uint32_t ops) {
    const uint64_t one = 1;
    for (uint32_t i = 0; i < ops; ++i) {
        bench_call(SYS_write, counter, (long)&one, sizeof one);
        bench_call(SYS_sched_yield, 0, 0, 0);
    }
}

static void counting_check(uint32_t ops) {
    uint64_t count = 0;
    bench_require(read(counter, &count, sizeof count) == (ssize_t)sizeof count, "eventfd");
    if (count != ops) bench_fail("the kernel counted %llu", (unsigned long long)count);
}

static struct fft_point input[fft_points], data[fft_points];
static uint32_t right;

static void fft_setup(uint32_t ops) {
    (void)ops;
    fft_prepare();
    fft_input(input);
}

// An operation is a transform with the checksum of its result.
static void fft(uint32_t ops) {
    right = 0;
    for (uint32_t i = 0; i < ops; ++i) {
        memcpy(data, input, sizeof data);
        fft_transform(data);
        right += fft_checksum(data) == FFT_EXPECTED;
    }
}

static void fft_check(uint32_t ops) {
    if (right != ops) bench_fail("the transform's checksum is %#lx", (long)fft_checksum(data));
}

const struct metric proteus_metrics[] = {
    {.workload = "proteus_counting_os",
     .metric = "step",
     .quick = 3000,
     .full = 12000,
     .setup = counting_setup,
     .work = counting,
     .after = counting_check},
    {.workload = "proteus_fft_os",
     .metric = "fft4096",
     .quick = 40,
     .full = 160,
     .setup = fft_setup,
     .work = fft,
     .after = fft_check},
    {0},
};
