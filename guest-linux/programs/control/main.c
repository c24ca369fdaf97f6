// SPDX-License-Identifier: Apache-2.0
// A client of the control loop that runs in another guest, bench/rt/control.cpp
// (docs/real-time.md).
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <trapeze/control.h>
#include <trapeze/ring.h>
#include <unistd.h>

#include "memory.h"

enum { looks_a_second = 20, patience_seconds = 5 };

static void usage(void) {
    fputs(
        "usage: control [--once] [--json] [--set RPM] [--gains PROPORTIONAL,INTEGRAL]\n"
        "Shows each second what the control loop of another guest does, up to Ctrl-C.\n"
        "  --once    shows it once, and after --set or --gains what came of them\n"
        "  --json    a line is a JSON object; speeds in rpm/1000, times in ns\n"
        "  --set     a new set-point, 0 to 3000, before\n"
        "  --gains   new gains, 65536ths, 0 to 1048576\n"
        "Exit status: 0 it answered; 1 it is silent, or refused the order; 2 wrong usage, or this "
        "guest has no loop.\n",
        stderr);
    exit(2);
}

static int32_t in_range(const char* text, char** end, int32_t most) {
    const long value = strtol(text, end, 10);
    if (*end == text || value < 0 || value > most) usage();
    return (int32_t)value;
}

static void nap(void) {
    const struct timespec time = {0, 1000000000L / looks_a_second};
    nanosleep(&time, NULL);
}

static void print_plain(const struct control_state* s) {
    printf(
        "control: %d.%d of %d.%d rpm, drive %d.%02d %%, late by %u ns at least, %u in the middle, "
        "%u for 99.9 %%, %u at most; %u jobs, %u missed\n",
        s->speed / 1000, s->speed % 1000 / 100, s->set_point / 1000, s->set_point % 1000 / 100,
        s->drive / 100, s->drive % 100, s->least, s->median, s->most_of_1000, s->most, s->jobs,
        s->misses);
}

static void print_json(const struct control_state* s) {
    printf(
        "{\"speed\": %d, \"set_point\": %d, \"drive\": %d, \"gains\": [%d, %d], \"jobs\": %u, "
        "\"missed\": %u, \"late\": {\"least\": %u, \"median\": %u, \"most_of_1000\": %u, "
        "\"most\": %u}, \"order\": %u, \"refused\": %u, \"transforms\": %u, \"counted\": %u}\n",
        s->speed, s->set_point, s->drive, s->proportional, s->integral, s->jobs, s->misses,
        s->least, s->median, s->most_of_1000, s->most, s->order, s->refused, s->transforms,
        s->counted);
}

static void show(const struct control_state* state, int json) {
    (json ? print_json : print_plain)(state);
    fflush(stdout);
}

// The newest state that has come, if any has.
static int newest(struct trapeze_ring* ring, struct control_state* state) {
    struct control_state next;
    uint32_t bytes;
    int result, found = 0;
    while ((result = trapeze_ring_receive(ring, &next, sizeof next, &bytes)) !=
           TRAPEZE_RING_EMPTY) {
        if (result != TRAPEZE_RING_OK || bytes != sizeof next) continue;
        if (next.kind != TRAPEZE_CONTROL_STATE) continue;
        *state = next;
        found = 1;
    }
    return found;
}

// Opens this guest's side, for this program alone: a ring has one receiver.
static void open_side(struct trapeze_ring* ring) {
    struct memory memory;
    map_memory("control", 1, &memory);
    const int device = open(memory.device, O_RDWR | O_CLOEXEC);
    if (device < 0 || flock(device, LOCK_EX | LOCK_NB) != 0) {
        fprintf(stderr, errno == EWOULDBLOCK ? "control: another control has the loop\n"
                                             : "control: the device cannot be locked\n");
        exit(2);
    }
    if (memory.side > 1 ||
        trapeze_ring_open_half(ring, memory.at, memory.bytes, memory.side) != TRAPEZE_RING_OK) {
        fputs("control: the shared memory has no ring for this guest\n", stderr);
        exit(2);
    }
}

// Waits for a state that is new, and if `order` is not 0 answers it.
static int wait_for(struct trapeze_ring* ring, uint32_t order, struct control_state* state) {
    for (int i = 0; i < patience_seconds * looks_a_second; ++i) {
        if (newest(ring, state) && (order == 0 || state->order == order)) return 1;
        nap();
    }
    fputs("control: the loop is silent\n", stderr);
    return 0;
}

// Sends the order; whether it is obeyed.
static int order_is_obeyed(struct trapeze_ring* ring, struct control_order* order,
                           struct control_state* state) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    order->kind = TRAPEZE_CONTROL_SET;
    order->number = ((uint32_t)now.tv_sec << 10 ^ (uint32_t)now.tv_nsec ^ (uint32_t)getpid()) | 1;
    if (trapeze_ring_send(ring, order, sizeof *order) != TRAPEZE_RING_OK) {
        fputs("control: the loop takes no orders\n", stderr);
        return 0;
    }
    if (!wait_for(ring, order->number, state)) return 0;
    if (((order->what & trapeze_control_set_point) && state->set_point != order->set_point) ||
        ((order->what & trapeze_control_gains) &&
         (state->proportional != order->proportional || state->integral != order->integral))) {
        fputs("control: the loop refuses that\n", stderr);
        return 0;
    }
    return 1;
}

static void go_on(struct trapeze_ring* ring, int json) {
    uint32_t opens = trapeze_ring_peer_opens(ring);
    for (;;) {
        struct control_state state;
        int some = 0;
        for (int i = 0; i < looks_a_second; ++i) {
            nap();
            some |= newest(ring, &state);
        }
        const uint32_t now = trapeze_ring_peer_opens(ring);
        if (now != opens && !json) puts("control: the loop has started anew");
        opens = now;
        if (some) show(&state, json);
        if (!some && !json) puts("control: the loop is silent");
        fflush(stdout);
    }
}

int main(int argc, char** argv) {
    static const struct option options[] = {{"once", no_argument, NULL, 'o'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"set", required_argument, NULL, 's'},
                                            {"gains", required_argument, NULL, 'g'},
                                            {NULL, 0, NULL, 0}};
    struct control_order order = {0};
    struct control_state state;
    struct trapeze_ring ring;
    int once = 0, json = 0, option;
    char* end;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'o') once = 1;
        if (option == 'j') json = 1;
        if (option == 's') {
            order.set_point = in_range(optarg, &end, trapeze_control_most_speed / 1000) * 1000;
            order.what |= trapeze_control_set_point;
            if (*end != 0) usage();
        }
        if (option == 'g') {
            order.proportional = in_range(optarg, &end, trapeze_control_most_gain);
            if (*end != ',') usage();
            order.integral = in_range(end + 1, &end, trapeze_control_most_gain);
            order.what |= trapeze_control_gains;
            if (*end != 0) usage();
        }
        if (option == '?') usage();
    }
    if (optind != argc) usage();
    open_side(&ring);
    // What has been waiting is old.
    newest(&ring, &state);
    if (order.what != 0 && !order_is_obeyed(&ring, &order, &state)) return 1;
    if (order.what == 0 && !wait_for(&ring, 0, &state)) return 1;
    show(&state, json);
    if (!once) go_on(&ring, json);
    return 0;
}
