// SPDX-License-Identifier: Apache-2.0
// A file created, written, flushed, closed and deleted, on memory and on a virtio disk.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
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

// Left mounted, the disk's file system would work on in the samples of the next workload.
static void virtio_done(void) { bench_require(umount(mount_point) == 0, "umount"); }

const struct metric file_metrics[] = {
    {.workload = "file_tmpfs",
     .metric = "file",
     .quick = 150,
     .full = 750,
     .setup = tmpfs_setup,
     .work = file_work,
     .after = file_check},
    {.workload = "file_virtio",
     .metric = "file",
     .quick = 20,
     .full = 100,
     .setup = virtio_setup,
     .work = file_work,
     .after = file_check,
     .done = virtio_done},
    {0},
};
