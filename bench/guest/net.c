// SPDX-License-Identifier: Apache-2.0
// TCP over the loopback interface, between this process and a child; and between two guests, of
// which one serves (bench/run/between.py).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum { block = 16 * 1024 };
// The guest that serves, and its ports, one for each thing that it does.
static const char server[] = "10.9.0.2";
enum { first_port = 5001, echo_service = 0, take_service, end_service, services };
enum { tries = 100, try_ms = 100 };
static int connection;
static uint32_t answers;

static void no_delay(int end) {
    const int on = 1;
    bench_require(setsockopt(end, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0, "TCP_NODELAY");
}

// Starts a child that runs `serve` on its end of a connection.
static void connect_to(void (*serve)(int end)) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    bench_require(listener >= 0 && bind(listener, (struct sockaddr*)&address, length) == 0 &&
                      listen(listener, 1) == 0 &&
                      getsockname(listener, (struct sockaddr*)&address, &length) == 0,
                  "listening on 127.0.0.1");
    const pid_t child = fork();
    bench_require(child >= 0, "fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int end = accept(listener, NULL, NULL);
        if (end < 0) _exit(1);
        no_delay(end);
        serve(end);
        _exit(0);
    }
    connection = socket(AF_INET, SOCK_STREAM, 0);
    bench_require(connection >= 0 && connect(connection, (struct sockaddr*)&address, length) == 0,
                  "connecting to 127.0.0.1");
    close(listener);
    no_delay(connection);
}

static void echo(int end) {
    uint8_t byte;
    while (read(end, &byte, 1) == 1) {
        ++byte;
        if (write(end, &byte, 1) != 1) return;
    }
}

static void serve_with(int listener, void (*serve)(int end)) {
    const int end = accept(listener, NULL, NULL);
    bench_require(end >= 0, "accept");
    no_delay(end);
    serve(end);
    close(end);
}

static int listen_at(uint16_t port) {
    const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    bench_require(listener >= 0 &&
                      bind(listener, (const struct sockaddr*)&address, sizeof address) == 0 &&
                      listen(listener, 1) == 0,
                  "listening for the other guest");
    return listener;
}

// To the other guest, which may not be there yet.
static void connect_service(int service) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)(first_port + service)),
                                        .sin_addr = {.s_addr = inet_addr(server)}};
    for (int i = 0; i < tries; ++i) {
        connection = socket(AF_INET, SOCK_STREAM, 0);
        bench_require(connection >= 0, "socket");
        if (connect(connection, (const struct sockaddr*)&address, sizeof address) == 0) {
            no_delay(connection);
            return;
        }
        close(connection);
        nanosleep(&(struct timespec){.tv_nsec = try_ms * 1000000L}, NULL);
    }
    bench_require(false, "connecting to the other guest");
}

static void echo_setup(uint32_t ops) {
    (void)ops;
    connect_to(echo);
}

static void round_trip(uint32_t ops) {
    uint32_t right = 0;
    for (uint32_t i = 0; i < ops; ++i) {
        uint8_t byte = (uint8_t)i;
        if (write(connection, &byte, 1) != 1 || read(connection, &byte, 1) != 1) break;
        right += byte == (uint8_t)(i + 1);
    }
    answers = right;
}

static void round_trip_check(uint32_t ops) {
    if (answers != ops) bench_fail("a byte did not come back, or came back wrong");
}

static uint8_t buffer[block];

// Takes blocks until the connection ends and answers each with the sum of its bytes.
static void take(int end) {
    for (;;) {
        uint32_t got = 0, sum = 0;
        while (got < block) {
            const ssize_t piece = read(end, buffer + got, block - got);
            if (piece <= 0) return;
            got += (uint32_t)piece;
        }
        // Enough to tell lost or mixed-up data, and little next to the transfer.
        for (uint32_t i = 0; i < block; i += 64) sum += buffer[i];
        if (write(end, &sum, sizeof sum) != sizeof sum) return;
    }
}

static void stream_setup(uint32_t ops) {
    (void)ops;
    for (uint32_t i = 0; i < block; ++i) buffer[i] = (uint8_t)(i >> 6);
    connect_to(take);
}

static uint32_t block_sum(void) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < block; i += 64) sum += (uint8_t)(i >> 6);
    return sum;
}

// One block is on its way while the answer for the one before is awaited.
static void stream(uint32_t ops) {
    const uint32_t expected = block_sum();
    answers = 0;
    for (uint32_t i = 0; i <= ops; ++i) {
        uint32_t sum;
        if (i < ops && write(connection, buffer, block) != block) return;
        if (i == 0) continue;
        if (recv(connection, &sum, sizeof sum, MSG_WAITALL) != sizeof sum) return;
        answers += sum == expected;
    }
}

static void stream_check(uint32_t ops) {
    if (answers != ops) bench_fail("data was lost or damaged");
}

static void far_echo_setup(uint32_t ops) {
    (void)ops;
    connect_service(echo_service);
}

static void far_stream_setup(uint32_t ops) {
    (void)ops;
    for (uint32_t i = 0; i < block; ++i) buffer[i] = (uint8_t)(i >> 6);
    connect_service(take_service);
}

void net_end(void) { connect_service(end_service); }

void net_serve(void) {
    struct pollfd listeners[services];
    for (int i = 0; i < services; ++i) {
        listeners[i] =
            (struct pollfd){.fd = listen_at((uint16_t)(first_port + i)), .events = POLLIN};
    }
    for (;;) {
        bench_require(poll(listeners, services, -1) > 0, "poll");
        if (listeners[echo_service].revents) serve_with(listeners[echo_service].fd, echo);
        if (listeners[take_service].revents) serve_with(listeners[take_service].fd, take);
        if (listeners[end_service].revents) return;
    }
}

const struct metric net_metrics[] = {
    {.workload = "tcp_lo",
     .metric = "round_trip",
     .quick = 150,
     .full = 600,
     .setup = echo_setup,
     .work = round_trip,
     .after = round_trip_check},
    {.workload = "tcp_lo",
     .metric = "throughput_16k",
     .quick = 200,
     .full = 800,
     .setup = stream_setup,
     .work = stream,
     .after = stream_check},
    {.workload = "tcp_net",
     .metric = "round_trip",
     .quick = 150,
     .full = 600,
     .setup = far_echo_setup,
     .work = round_trip,
     .after = round_trip_check},
    {.workload = "tcp_net",
     .metric = "throughput_16k",
     .quick = 200,
     .full = 800,
     .setup = far_stream_setup,
     .work = stream,
     .after = stream_check},
    {0},
};
