// SPDX-License-Identifier: Apache-2.0
// A file created, written, flushed, closed and deleted, on memory and on a virtio disk.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

enum { file_size = 4096 };
static char path[64];
static char data[file_size];
static const char disk[] = "/dev/vda", mount_point[] = "/bench/disk";

static void prepare(const char* folder) {
    snprintf(path, sizeof path, "%s/bench-file", folder);
    unlink(path);
    for (int i = 0; i < file_size; ++i) data[i] = (char)(i * 7 + 1);
}

static void tmpfs_setup(uint32_t ops) {
    (void)ops;
    prepare("/tmp");
}

static void virtio_setup(uint32_t ops) {
    (void)ops;
    if (access(disk, F_OK) != 0) bench_fail("there is no disk %s (boot option --drive)", disk);
    bench_require(mkdir(mount_point, 0700) == 0 || errno == EEXIST, mount_point);
    if (mount(disk, mount_point, "ext4", MS_NOATIME, "") != 0)
        bench_fail("%s cannot be mounted as ext4: %s", disk, strerror(errno));
    prepare(mount_point);
}

static int create(void) {
    const int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bench_require(file >= 0, path);
    bench_require(write(file, data, file_size) == file_size, "write");
    bench_require(fsync(file) == 0, "fsync");
    return file;
}

static void file_work(uint32_t ops) {
    for (uint32_t i = 0; i < ops; ++i) {
        close(create());
        bench_require(unlink(path) == 0, "unlink");
    }
}

static void file_check(uint32_t ops) {
    (void)ops;
    char back[file_size];
    if (access(path, F_OK) == 0) bench_fail("%s was not deleted", path);
    const int file = create();
    bench_require(pread(file, back, file_size, 0) == file_size, "read");
    if (memcmp(back, data, file_size) != 0) bench_fail("%s reads back wrong", path);
    close(file);
    unlink(path);
}

// Time that the processor had nothing else to do, in ticks (modulo 2^32): counted by a child that
// runs only then and adds up the short steps between its readings of the time base. A long step
// is an interrupt or another process.
static volatile uint32_t* spare_ticks;

static void count_spare_ticks(void) {
    // Above any round of this loop, below what the shortest interrupt takes.
    enum { step_most = 100 };
    const struct sched_param none = {0};
    if (sched_setscheduler(0, SCHED_IDLE, &none) != 0) _exit(1);
    uint32_t last = (uint32_t)bench_ticks();
    for (;;) {
        const uint32_t now = (uint32_t)bench_ticks();
        if (now - last < step_most) *spare_ticks += now - last;
        last = now;
    }
}

static void start_spare(void) {
    void* page = mmap(NULL, file_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    bench_require(page != MAP_FAILED, "mmap");
    spare_ticks = page;
    const pid_t child = fork();
    bench_require(child >= 0, "fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        count_spare_ticks();
    }
}

// With BENCH_CLOCK=icount a sample is the time that the guest computes, without the time it waits
// for the host's disk, and waiting it does not idle: under -icount an idle guest skips to its next
// timer, however soon the disk answers, so that hours pass, full of timers' work. Otherwise a
// sample is the time from start to end, waiting included.
static void file_virtio(const struct metric* self, bool full) {
    const uint32_t ops = full ? self->full : self->quick;
    const char* clock = getenv("BENCH_CLOCK");
    const bool busy = clock && strcmp(clock, "icount") == 0;
    virtio_setup(ops);
    if (busy) start_spare();
    file_work(ops);
    for (int i = full ? 5 : 3; i > 0; --i) {
        const uint32_t before = busy ? *spare_ticks : 0;
        bench_begin();
        file_work(ops);
        bench_end(self->metric, "ticks", ops, busy ? *spare_ticks - before : 0);
        if (busy && *spare_ticks == before) bench_fail("never waited for the disk");
        file_check(ops);
    }
    // Left mounted, the file system would work on during the samples of the next workload.
    bench_require(umount(mount_point) == 0, "umount");
}

const struct metric file_metrics[] = {
    {.workload = "file_tmpfs",
     .metric = "file",
     .quick = 300,
     .full = 1200,
     .setup = tmpfs_setup,
     .work = file_work,
     .after = file_check},
    {.workload = "file_virtio", .metric = "file", .quick = 20, .full = 80, .own = file_virtio},
    {0},
};
