// SPDX-License-Identifier: Apache-2.0
// Programs that change their own text: what runs must be what was written last.
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

typedef int function(void);

// "return value": li r3,value; blr.
static void write_function(void* at, int16_t value) {
    const uint32_t text[] = {0x38600000U | (uint16_t)value, 0x4e800020U};
    memcpy(at, text, sizeof text);
    sync_text(at, sizeof text);
}

static int call(void* at) { return ((function*)(uintptr_t)at)(); }

static int rewrite(void* at) {
    write_function(at, 77);
    return call(at);
}

void check_text(void) {
    enum { all = PROT_READ | PROT_WRITE | PROT_EXEC };
    uint8_t* page = map_pages(1, all);
    int sum = 0;
    for (int16_t i = 0; i < 200; ++i) {
        write_function(page + 64 * (i % 8), i);
        sum += call(page + 64 * (i % 8));
    }
    report("rewritten", "%d", sum);
    write_function(page, 5);
    const int status = in_child(rewrite, page);
    report("copied", "child %d parent %d", WEXITSTATUS(status), call(page));
    report("reads_back", "%#x", *(volatile uint32_t*)page);

    mprotect(page, PAGE, PROT_READ | PROT_EXEC);
    const int before = call(page);
    mprotect(page, PAGE, PROT_READ | PROT_WRITE);
    write_function(page, 6);
    mprotect(page, PAGE, PROT_READ | PROT_EXEC);
    report("protected", "%d %d", before, call(page));
    // Another page at the same address: nothing of the old text may be left.
    mmap(page, PAGE, all, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    write_function(page + 32, 8);
    report("replaced", "%d word %#x", call(page + 32), *(volatile uint32_t*)page);
    munmap(page, PAGE);

    // One physical page at two addresses: written through the one, run through the other.
    const int file = memfd_create("text", 0);
    if (ftruncate(file, PAGE) != 0) return;
    uint8_t* data = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    uint8_t* text = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    sum = 0;
    for (int16_t i = 0; i < 50; ++i) {
        write_function(data + 128, i);
        sync_text(text + 128, 8);
        sum += call(text + 128);
    }
    report("alias", "%d", sum);
    munmap(data, PAGE);
    munmap(text, PAGE);
    close(file);
}
