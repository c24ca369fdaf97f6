// SPDX-License-Identifier: Apache-2.0
// Memory that this guest shares with others, as the kernel's UIO driver shows it.
#ifndef MEMORY_H
#define MEMORY_H

#include <stdint.h>

struct memory {
    void* at;
    uint32_t bytes;
    unsigned side;    // which of those that share it this guest is, from 0 on
    int read_only;    // as the guest's tree says
    char device[32];  // /dev/uioN
};

// Maps the memory with this name in the guest's tree, writable if `writes`. Says what is wrong and
// exits with status 2, or 1 if the kernel refuses.
void map_memory(const char* name, int writes, struct memory* memory);

// Prints a line for each.
void list_memory(void);

#endif
