// SPDX-License-Identifier: Apache-2.0
// Messages to another guest, and memory shared with it, from a shell (docs/shared-memory.md).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <trapeze/ring.h>

#include "memory.h"
#include "torture.h"

static void usage(void) {
    fputs(
        "usage: ring list                      memory that this guest shares, by name\n"
        "       ring send NAME                 sends each line of the input\n"
        "       ring receive NAME [COUNT]      prints what comes, or so many of it\n"
        "       ring echo NAME                 sends back what comes, up to an empty message\n"
        "       ring ping NAME [COUNT [BYTES]] times of messages there and back\n"
        "       ring torture NAME COUNT        both sides at once: counts what is lost or torn\n"
        "       ring opens NAME                how often this side, and the peer, have begun\n"
        "       ring peek NAME OFFSET          prints a word of the memory\n"
        "       ring poke NAME OFFSET VALUE    writes one\n"
        "       ring copy NAME                 time of 64 copies of 64 KiB, or of half of it\n"
        "NAME has a ring each way; OWN:PEER are two memories, of which the peer's may be "
        "read-only.\n",
        stderr);
    exit(2);
}

static uint32_t number(const char* text) {
    char* end;
    const unsigned long value = strtoul(text, &end, 0);
    if (*text == 0 || *end != 0) usage();
    return (uint32_t)value;
}

static void open_ring(struct trapeze_ring* ring, const char* name) {
    struct memory own, peer;
    char first[64];
    const char* const colon = strchr(name, ':');
    int result;
    if (colon == NULL) {
        map_memory(name, 1, &own);
        if (own.side > 1) {
            fprintf(stderr, "ring: '%s' has two sides, and this guest is neither\n", name);
            exit(2);
        }
        result = trapeze_ring_open_half(ring, own.at, own.bytes, own.side);
    } else {
        snprintf(first, sizeof first, "%.*s", (int)(colon - name), name);
        map_memory(first, 1, &own);
        map_memory(colon + 1, 0, &peer);
        result = own.bytes != peer.bytes ? TRAPEZE_RING_BAD
                                         : trapeze_ring_open(ring, own.at, peer.at, own.bytes);
    }
    if (result != TRAPEZE_RING_OK) {
        fprintf(stderr,
                "ring: '%s' is no memory for a ring: both sides take the same, at least "
                "128 bytes\n",
                name);
        exit(2);
    }
}

static void send_message(struct trapeze_ring* ring, const void* bytes, uint32_t length) {
    unsigned idle = 0;
    int result;
    while ((result = trapeze_ring_send(ring, bytes, length)) == TRAPEZE_RING_FULL) {
        pause_a_while(&idle);
    }
    if (result != TRAPEZE_RING_OK) {
        fprintf(stderr, "ring: %s\n",
                result == TRAPEZE_RING_TOO_LONG ? "the message is longer than the ring"
                                                : "what the peer has written makes no sense");
        exit(1);
    }
}

static uint32_t receive_message(struct trapeze_ring* ring, void* to, uint32_t room) {
    unsigned idle = 0;
    uint32_t length = 0;
    int result;
    while ((result = trapeze_ring_receive(ring, to, room, &length)) == TRAPEZE_RING_EMPTY) {
        pause_a_while(&idle);
    }
    if (result == TRAPEZE_RING_BROKEN) {
        fputs("ring: what the peer has written makes no sense\n", stderr);
        exit(1);
    }
    return length < room ? length : room;
}

static char buffer[65536];

static void send_lines(struct trapeze_ring* ring) {
    while (fgets(buffer, sizeof buffer, stdin) != NULL) {
        send_message(ring, buffer, (uint32_t)strcspn(buffer, "\n"));
    }
}

static void receive_lines(struct trapeze_ring* ring, uint32_t count) {
    for (uint32_t i = 0; count == 0 || i < count; ++i) {
        const uint32_t length = receive_message(ring, buffer, sizeof buffer);
        fwrite(buffer, 1, length, stdout);
        putchar('\n');
        fflush(stdout);
    }
}

static void echo(struct trapeze_ring* ring) {
    uint32_t length;
    do {
        length = receive_message(ring, buffer, sizeof buffer);
        send_message(ring, buffer, length);
    } while (length != 0);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void* a, const void* b) {
    const double x = *(const double*)a, y = *(const double*)b;
    return (x > y) - (x < y);
}

static void ping(struct trapeze_ring* ring, uint32_t count, uint32_t bytes) {
    double* const times = calloc(count, sizeof *times);
    if (times == NULL || count == 0 || bytes == 0 || bytes > sizeof buffer) usage();
    for (uint32_t i = 0; i < count; ++i) {
        const double began = now();
        uint32_t length = 0;
        send_message(ring, buffer, bytes);
        while (trapeze_ring_receive(ring, buffer, sizeof buffer, &length) == TRAPEZE_RING_EMPTY) {
        }
        times[i] = now() - began;
    }
    qsort(times, count, sizeof *times, by_size);
    printf("%u messages of %u bytes there and back: least %.1f us, median %.1f, most %.1f\n",
           (unsigned)count, (unsigned)bytes, times[0], times[count / 2], times[count - 1]);
    send_message(ring, buffer, 0);
    receive_message(ring, buffer, sizeof buffer);
    free(times);
}

static void copy(const struct memory* memory) {
    const uint32_t bytes = memory->bytes < sizeof buffer ? memory->bytes / 2 : sizeof buffer;
    const double began = now();
    for (int i = 0; i < 64; ++i) memcpy(memory->at, buffer, bytes);
    printf("%u bytes: %.1f us\n", (unsigned)bytes, (now() - began) / 64);
}

static int on_words(const char* command, char** words, int count) {
    struct memory memory;
    const int writes = strcmp(command, "peek") != 0;
    if (strcmp(command, "copy") == 0 && count == 1) {
        map_memory(words[0], 1, &memory);
        copy(&memory);
        return 0;
    }
    if (count != 2 + writes || (writes && strcmp(command, "poke") != 0)) usage();
    map_memory(words[0], writes, &memory);
    const uint32_t offset = number(words[1]);
    if (offset % 4 != 0 || offset >= memory.bytes) usage();
    volatile uint32_t* const word = (volatile uint32_t*)memory.at + offset / 4;
    if (writes) *word = number(words[2]);
    printf("%#x\n", (unsigned)*word);
    return 0;
}

int main(int argc, char** argv) {
    struct trapeze_ring ring;
    const char* const command = argc > 1 ? argv[1] : "";
    const uint32_t count = argc > 3 ? number(argv[3]) : 0;
    if (strcmp(command, "list") == 0 && argc == 2) {
        list_memory();
        return 0;
    }
    if (argc < 3) usage();
    if (strcmp(command, "peek") == 0 || strcmp(command, "poke") == 0 ||
        strcmp(command, "copy") == 0) {
        return on_words(command, argv + 2, argc - 2);
    }
    if (strcmp(command, "opens") == 0 && argc == 3) {
        struct memory memory;
        map_memory(argv[2], 0, &memory);
        const uint32_t* const words = memory.at;
        const uint32_t half = memory.bytes / 8;
        printf("%u %u\n", (unsigned)words[memory.side * half + trapeze_ring_opens_],
               (unsigned)words[(1 - memory.side) * half + trapeze_ring_opens_]);
        return 0;
    }
    if (strcmp(command, "send") == 0 && argc == 3) {
        open_ring(&ring, argv[2]);
        send_lines(&ring);
    } else if (strcmp(command, "receive") == 0 && argc <= 4) {
        open_ring(&ring, argv[2]);
        receive_lines(&ring, count);
    } else if (strcmp(command, "echo") == 0 && argc == 3) {
        open_ring(&ring, argv[2]);
        echo(&ring);
    } else if (strcmp(command, "ping") == 0 && argc <= 5) {
        open_ring(&ring, argv[2]);
        ping(&ring, count != 0 ? count : 1000, argc > 4 ? number(argv[4]) : 64);
    } else if (strcmp(command, "torture") == 0 && argc == 4 && count != 0) {
        open_ring(&ring, argv[2]);
        return torture(&ring, count);
    } else {
        usage();
    }
    return 0;
}
