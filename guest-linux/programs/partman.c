// SPDX-License-Identifier: Apache-2.0
// Manages other guests through Linux's /dev/fsl-hv (docs/partitions.md). Guests are known by their
// labels below /hypervisor/handles in the device tree.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fsl_hypervisor.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const char device[] = "/dev/fsl-hv", handles[] = "/proc/device-tree/hypervisor/handles";
static const uint32_t self = UINT32_MAX;
static int hv = -1;

static const char* const states[] = {"stopped", "running", "starting", "stopping",
                                     "pausing", "paused",  "resuming"};
static const char* const results[] = {"done",
                                      "not permitted",
                                      "no such entry",
                                      "input or output error",
                                      "try again",
                                      "no memory",
                                      "bad address",
                                      "no such device",
                                      "invalid argument",
                                      "internal error",
                                      "wrong configuration",
                                      "not in this state",
                                      "no such call",
                                      "buffer too small"};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int usage(void) {
    fprintf(stderr,
            "usage: partman list\n"
            "       partman status | stop | restart NAME\n"
            "       partman ring DOORBELL             one that this guest may send\n"
            "       partman start NAME [ENTRY]      with ENTRY: its memory stays as it is\n"
            "       partman wait NAME STATE [SECONDS]\n"
            "       partman read NAME ADDRESS BYTES   to standard output\n"
            "       partman write NAME ADDRESS        from standard input\n"
            "       partman getprop NAME PATH PROPERTY\n"
            "       partman setprop NAME PATH PROPERTY TEXT   for its next start\n");
    return 2;
}

// Status of the program for a result of the hypervisor's.
static int told(const char* what, uint32_t result) {
    if (result == 0) return 0;
    fprintf(stderr, "partman: %s: %s (%u)\n", what,
            result < COUNT(results) ? results[result] : "unknown", (unsigned)result);
    return 1;
}

static int failed(const char* what) {
    fprintf(stderr, "partman: ");
    perror(what);
    return 1;
}

// Up to `room` bytes of a file below `handles`; how many, or -1.
static ssize_t property(const char* node, const char* name, void* to, size_t room) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s/%s", handles, node, name);
    const int file = open(path, O_RDONLY);
    if (file < 0) return -1;
    const ssize_t bytes = read(file, to, room);
    close(file);
    return bytes;
}

static int is_partition(const char* node) {
    char compatible[128] = "";
    return property(node, "compatible", compatible, sizeof compatible - 1) > 0 &&
           strcmp(compatible, "fsl,hv-partition-handle") == 0;
}

static int state_of(uint32_t handle, uint32_t* state) {
    struct fsl_hv_ioctl_status call = {.partition = handle};
    if (ioctl(hv, FSL_HV_IOCTL_PARTITION_GET_STATUS, &call) != 0) return failed("status");
    *state = call.status;
    return told("status", call.ret);
}

static const char* state_name(uint32_t state) {
    return state < COUNT(states) ? states[state] : "unknown";
}

// Calls `each` for every partition until that is not 0, which is the result.
static int each_partition(int (*each)(const char* label, uint32_t handle, void* with), void* with) {
    DIR* const folder = opendir(handles);
    int result = 0;
    if (folder == NULL) return 0;
    for (const struct dirent* node; result == 0 && (node = readdir(folder)) != NULL;) {
        char label[64] = "";
        uint32_t handle = 0;
        if (node->d_name[0] == '.' || !is_partition(node->d_name)) continue;
        if (property(node->d_name, "hv-handle", &handle, sizeof handle) != (ssize_t)sizeof handle)
            continue;
        if (property(node->d_name, "label", label, sizeof label - 1) <= 0) continue;
        result = each(label, handle, with);
    }
    closedir(folder);
    return result;
}

static int show(const char* label, uint32_t handle, void* with) {
    uint32_t state = 0;
    (void)with;
    if (state_of(handle, &state) != 0) return 1;
    printf("%-16s %6u  %s\n", label, (unsigned)handle, state_name(state));
    return 0;
}

struct search {
    const char* label;
    uint32_t handle;
};
static int matches(const char* label, uint32_t handle, void* with) {
    struct search* const search = with;
    search->handle = handle;
    return strcmp(label, search->label) == 0;
}

static int number(const char* text, uint64_t* value) {
    char* end = NULL;
    *value = strtoull(text, &end, 0);
    return *text != 0 && *end == 0;
}

static int start(uint32_t handle, const char* entry) {
    struct fsl_hv_ioctl_start call = {.partition = handle, .load = entry == NULL};
    uint64_t at = 0;
    if (entry != NULL && !number(entry, &at)) return usage();
    call.entry_point = (uint32_t)at;
    if (ioctl(hv, FSL_HV_IOCTL_PARTITION_START, &call) != 0) return failed("start");
    return told("start", call.ret);
}

static int stop(uint32_t handle) {
    struct fsl_hv_ioctl_stop call = {.partition = handle};
    if (ioctl(hv, FSL_HV_IOCTL_PARTITION_STOP, &call) != 0) return failed("stop");
    return told("stop", call.ret);
}

static int restart(uint32_t handle) {
    struct fsl_hv_ioctl_restart call = {.partition = handle};
    if (ioctl(hv, FSL_HV_IOCTL_PARTITION_RESTART, &call) != 0) return failed("restart");
    return told("restart", call.ret);
}

// By the name of its handle's node.
static int ring(const char* node) {
    char compatible[64] = "";
    struct fsl_hv_ioctl_doorbell call = {0};
    if (strchr(node, '/') != NULL ||
        property(node, "compatible", compatible, sizeof compatible - 1) <= 0 ||
        strcmp(compatible, "epapr,hv-send-doorbell") != 0 ||
        property(node, "hv-handle", &call.doorbell, sizeof call.doorbell) != 4) {
        fprintf(stderr, "partman: '%s' is no doorbell that this guest may send\n", node);
        return 1;
    }
    if (ioctl(hv, FSL_HV_IOCTL_DOORBELL, &call) != 0) return failed("ring");
    return told("ring", call.ret);
}

// The device is readable when some partition's state has changed; once a second it is looked at
// all the same.
static int wait_for(uint32_t handle, const char* wanted, unsigned seconds) {
    const time_t end = time(NULL) + (time_t)seconds;
    for (;;) {
        uint32_t state = 0, doorbells[16];
        if (state_of(handle, &state) != 0) return 1;
        if (strcmp(state_name(state), wanted) == 0) return 0;
        if (time(NULL) >= end) {
            fprintf(stderr, "partman: it is %s\n", state_name(state));
            return 1;
        }
        struct pollfd one = {.fd = hv, .events = POLLIN};
        if (poll(&one, 1, 1000) > 0 && read(hv, doorbells, sizeof doorbells) < 0)
            return failed(device);
    }
}

static int copy(uint32_t source, uint32_t target, void* local, uint64_t remote, uint64_t bytes) {
    struct fsl_hv_ioctl_memcpy call = {.source = source,
                                       .target = target,
                                       .local_vaddr = (uintptr_t)local,
                                       .remote_paddr = remote,
                                       .count = bytes};
    if (ioctl(hv, FSL_HV_IOCTL_MEMCPY, &call) != 0) return failed("copy");
    return told("copy", call.ret);
}

static char buffer[1 << 20];

static int read_memory(uint32_t handle, uint64_t address, uint64_t bytes) {
    while (bytes != 0) {
        const uint64_t piece = bytes < sizeof buffer ? bytes : sizeof buffer;
        const int status = copy(handle, self, buffer, address, piece);
        if (status != 0) return status;
        if (fwrite(buffer, 1, (size_t)piece, stdout) != piece) return failed("standard output");
        address += piece;
        bytes -= piece;
    }
    return fflush(stdout) == 0 ? 0 : failed("standard output");
}

static int write_memory(uint32_t handle, uint64_t address) {
    size_t bytes;
    while ((bytes = fread(buffer, 1, sizeof buffer, stdin)) != 0) {
        const int status = copy(self, handle, buffer, address, bytes);
        if (status != 0) return status;
        address += bytes;
    }
    return 0;
}

static int get_property(uint32_t handle, const char* path, const char* name) {
    struct fsl_hv_ioctl_prop call = {.handle = handle,
                                     .path = (uintptr_t)path,
                                     .propname = (uintptr_t)name,
                                     .propval = (uintptr_t)buffer,
                                     .proplen = 4096};
    if (ioctl(hv, FSL_HV_IOCTL_GETPROP, &call) != 0) return failed("getprop");
    if (call.ret != 0) return told("getprop", call.ret);
    fwrite(buffer, 1, call.proplen, stdout);
    return fflush(stdout) == 0 ? 0 : failed("standard output");
}

static int set_property(uint32_t handle, const char* path, const char* name, char* text) {
    struct fsl_hv_ioctl_prop call = {.handle = handle,
                                     .path = (uintptr_t)path,
                                     .propname = (uintptr_t)name,
                                     .propval = (uintptr_t)text,
                                     .proplen = (uint32_t)strlen(text) + 1};
    if (ioctl(hv, FSL_HV_IOCTL_SETPROP, &call) != 0) return failed("setprop");
    return told("setprop", call.ret);
}

int main(int argc, char** argv) {
    const char* const command = argc > 1 ? argv[1] : "";
    struct search search = {.label = argc > 2 ? argv[2] : ""};
    uint64_t first = 0, second = 10;
    const int list = strcmp(command, "list") == 0;
    if (argc != 2 && list) return usage();
    if (argc < 3 && !list) return usage();
    hv = open(device, O_RDWR);
    if (hv < 0) return failed(device);
    if (list) return each_partition(show, NULL);
    if (argc == 3 && strcmp(command, "ring") == 0) return ring(argv[2]);
    if (strcmp(search.label, "self") == 0) {
        search.handle = self;
    } else if (!each_partition(matches, &search)) {
        fprintf(stderr, "partman: '%s' is none that this guest manages\n", search.label);
        return 1;
    }
    if (argc == 3 && strcmp(command, "status") == 0) {
        uint32_t state = 0;
        if (state_of(search.handle, &state) != 0) return 1;
        return puts(state_name(state)) < 0;
    }
    if (argc <= 4 && strcmp(command, "start") == 0) return start(search.handle, argv[3]);
    if (argc == 3 && strcmp(command, "stop") == 0) return stop(search.handle);
    if (argc == 3 && strcmp(command, "restart") == 0) return restart(search.handle);
    if (argc == 4 && strcmp(command, "wait") == 0) return wait_for(search.handle, argv[3], 10);
    if (argc == 5 && strcmp(command, "wait") == 0 && number(argv[4], &second)) {
        return wait_for(search.handle, argv[3], (unsigned)second);
    }
    if (argc == 5 && strcmp(command, "read") == 0 && number(argv[3], &first) &&
        number(argv[4], &second)) {
        return read_memory(search.handle, first, second);
    }
    if (argc == 4 && strcmp(command, "write") == 0 && number(argv[3], &first)) {
        return write_memory(search.handle, first);
    }
    if (argc == 5 && strcmp(command, "getprop") == 0)
        return get_property(search.handle, argv[3], argv[4]);
    if (argc == 6 && strcmp(command, "setprop") == 0) {
        return set_property(search.handle, argv[3], argv[4], argv[5]);
    }
    return usage();
}
