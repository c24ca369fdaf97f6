// SPDX-License-Identifier: Apache-2.0
#include "memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CLASS "/sys/class/uio"

// Up to `room` bytes of a file of the device's; how many, -1: there is none.
static int attribute(const char* device, const char* name, char* to, int room) {
    char path[400];
    snprintf(path, sizeof path, CLASS "/%s/%s", device, name);
    const int file = open(path, O_RDONLY);
    if (file < 0) return -1;
    const int got = (int)read(file, to, (size_t)room);
    close(file);
    return got;
}

static void describe(const char* device, char* name, int room, struct memory* memory) {
    char text[32] = "";
    const int length = attribute(device, "name", name, room - 1);
    name[length > 0 ? length : 0] = 0;
    name[strcspn(name, "\n")] = 0;
    attribute(device, "maps/map0/size", text, sizeof text - 1);
    memory->bytes = (uint32_t)strtoul(text, NULL, 0);
    unsigned char side[4] = {0, 0, 0, 0};
    attribute(device, "device/of_node/trapeze,side", (char*)side, sizeof side);
    memory->side = side[3];
    memory->read_only = attribute(device, "device/of_node/read-only", text, 1) >= 0;
    snprintf(memory->device, sizeof memory->device, "/dev/%.16s", device);
}

// Calls `each` until it says that this is the one.
static int for_each(int (*each)(const char* name, struct memory* memory, void* context),
                    void* context) {
    DIR* const all = opendir(CLASS);
    int found = 0;
    if (all == NULL) return 0;
    for (const struct dirent* one; !found && (one = readdir(all)) != NULL;) {
        char name[64];
        struct memory memory = {0};
        if (one->d_name[0] == '.') continue;
        describe(one->d_name, name, sizeof name, &memory);
        found = each(name, &memory, context);
    }
    closedir(all);
    return found;
}

static int print(const char* name, struct memory* memory, void* context) {
    (void)context;
    printf("%s %s %u KiB side %u%s\n", name, memory->device, (unsigned)(memory->bytes >> 10),
           memory->side, memory->read_only ? " read-only" : "");
    return 0;
}

void list_memory(void) { for_each(print, NULL); }

struct wanted {
    const char* name;
    struct memory* memory;
};

static int is_wanted(const char* name, struct memory* memory, void* context) {
    const struct wanted* const wanted = context;
    if (strcmp(name, wanted->name) != 0) return 0;
    *wanted->memory = *memory;
    return 1;
}

void map_memory(const char* name, int writes, struct memory* memory) {
    struct wanted wanted = {name, memory};
    if (!for_each(is_wanted, &wanted)) {
        fprintf(stderr,
                "ring: this guest has no shared memory '%s': 'ring list' shows what there is, and "
                "uio_pdrv_genirq.of_id=generic-uio on its command line makes devices of it\n",
                name);
        exit(2);
    }
    const int file = open(memory->device, writes ? O_RDWR : O_RDONLY);
    if (file >= 0) {
        memory->at = mmap(NULL, memory->bytes, writes ? PROT_READ | PROT_WRITE : PROT_READ,
                          MAP_SHARED, file, 0);
        close(file);
    }
    if (file < 0 || memory->at == MAP_FAILED) {
        perror(memory->device);
        exit(1);
    }
}
