// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "exits.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

static volatile const uint32_t* device;
static unsigned causes, kinds;
// Exits of each cause and kind that reading the counts once makes, the latch behind it included.
static struct exits own;
static char names[2 * exits_most][32];

static uint32_t load(unsigned offset) { return device[offset / 4]; }

static void read_names(void) {
    unsigned offset = exits_names_at;
    uint32_t word = 0;
    for (unsigned i = 0; i < causes + kinds; ++i) {
        for (unsigned length = 0;; ++length, ++offset) {
            if (offset % 4 == 0) word = load(offset);
            const char letter = (char)(word >> (24 - 8 * (offset % 4)));
            if (length < sizeof names[i] - 1) names[i][length] = letter;
            if (letter == 0) break;
        }
        ++offset;
    }
}

static void difference(const struct exits* from, const struct exits* to, struct exits* into) {
    for (unsigned i = 0; i < causes; ++i) into->cause[i] = to->cause[i] - from->cause[i];
    for (unsigned i = 0; i < kinds; ++i) into->kind[i] = to->kind[i] - from->kind[i];
}

// The least of some readings: a timer's exits may fall into one, hardly into all.
static void calibrate(void) {
    struct exits from, to, seen;
    memset(&own, 0xff, sizeof own);
    exits_latch();
    exits_read(&from);
    for (int round = 0; round < 5; ++round) {
        exits_latch();
        exits_read(&to);
        difference(&from, &to, &seen);
        for (unsigned i = 0; i < causes; ++i)
            if (seen.cause[i] < own.cause[i]) own.cause[i] = seen.cause[i];
        for (unsigned i = 0; i < kinds; ++i)
            if (seen.kind[i] < own.kind[i]) own.kind[i] = seen.kind[i];
        from = to;
    }
    unsigned mmio = 0;
    while (mmio < causes && strcmp(names[mmio], "mmio") != 0) ++mmio;
    if (mmio == causes || own.cause[mmio] != causes + kinds + 1)
        bench_fail("the exits device does not count its own loads");
}

void exits_open(void) {
    const char* wanted = getenv("BENCH_EXITS");
    if (!wanted || strcmp(wanted, "1") != 0) return;
    const int memory = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);
    bench_require(memory >= 0, "/dev/mem");
    void* page = mmap64(NULL, exits_page, PROT_READ, MAP_SHARED, memory, (off64_t)EXITS_ADDRESS);
    bench_require(page != MAP_FAILED, "mapping the exits device");
    close(memory);
    device = page;
    causes = load(exits_causes_at);
    kinds = load(exits_kinds_at);
    if (load(exits_magic_at) != exits_magic || causes > exits_most || kinds > exits_most)
        bench_fail("BENCH_EXITS=1, but there is no exits device");
    read_names();
    calibrate();
}

bool exits_counted(void) { return device != NULL; }

void exits_latch(void) {
    if (device) (void)load(exits_latch_at);
}

void exits_read(struct exits* into) {
    if (!device) return;
    for (unsigned i = 0; i < causes; ++i) into->cause[i] = load(exits_cause_at + 16 * i + 4);
    for (unsigned i = 0; i < kinds; ++i) into->kind[i] = load(exits_kind_at + 8 * i + 4);
}

static void take_off(uint32_t* count, uint32_t own_count) {
    *count = *count > own_count ? *count - own_count : 0;
}

void exits_between(const struct exits* from, struct exits* to) {
    difference(from, to, to);
    for (unsigned i = 0; i < causes; ++i) take_off(&to->cause[i], own.cause[i]);
    for (unsigned i = 0; i < kinds; ++i) take_off(&to->kind[i], own.kind[i]);
}

void exits_text(const struct exits* counts, bool by_cause, char* text, size_t size) {
    const unsigned first = by_cause ? 0 : causes, number = by_cause ? causes : kinds;
    const uint32_t* count = by_cause ? counts->cause : counts->kind;
    size_t used = 0;
    for (unsigned i = 0; device && i < number; ++i) {
        if (count[i] == 0 || used >= size) continue;
        used += (size_t)snprintf(text + used, size - used, "%s%s=%lu", used ? "," : "",
                                 names[first + i], (unsigned long)count[i]);
    }
    if (used == 0) snprintf(text, size, "-");
    if (used >= size) bench_fail("the list of exits is too long");
}
