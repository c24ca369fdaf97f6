// SPDX-License-Identifier: Apache-2.0
// Delivery, blocking, queueing and stacks of signals.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static volatile sig_atomic_t count;
static volatile sig_atomic_t order;
static volatile sig_atomic_t on_alternate;
static uint8_t alternate[64 * 1024];

static void on_count(int number) {
    (void)number;
    ++count;
}

static void on_value(int number, siginfo_t* info, void* context) {
    (void)number;
    (void)context;
    ++count;
    order = order * 3 + info->si_value.sival_int;
}

static void nest(int number) {
    order = order * 10 + 1;
    if (number == SIGUSR1) raise(SIGUSR2);
    order = order * 10 + 2;
}

static void on_stack(int number) {
    uint8_t here;
    (void)number;
    on_alternate = &here >= alternate && &here < alternate + sizeof alternate;
}

static void handle(int number, void (*handler)(int), int flags) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigaction(number, &action, NULL);
}

static int overflow_depth(int depth) {
    volatile uint8_t room[16 * 1024];
    room[0] = (uint8_t)depth;
    // A depth that is never reached: the stack ends long before.
    return depth < 0 ? 0 : overflow_depth(depth + 1) + room[0];
}

static void overflowed(int number) {
    uint8_t here;
    _exit(number == SIGSEGV && &here >= alternate && &here < alternate + sizeof alternate ? 3 : 4);
}

static int overflow(void* unused) {
    (void)unused;
    handle(SIGSEGV, overflowed, SA_ONSTACK);
    return overflow_depth(0) != 0;
}

static int interrupt_parent(void* unused) {
    (void)unused;
    for (int i = 0; i < 20; ++i) kill(getppid(), SIGUSR1);
    return 0;
}

static void check_queue(void) {
    struct sigaction action = {.sa_sigaction = on_value, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    sigset_t both, before;
    sigemptyset(&both);
    sigaddset(&both, SIGRTMIN);
    sigaddset(&both, SIGUSR2);
    sigprocmask(SIG_BLOCK, &both, &before);
    count = order = 0;
    for (int i = 0; i < 10; ++i) sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i % 3});
    const int while_blocked = count;
    sigprocmask(SIG_SETMASK, &before, NULL);
    report("queued", "%d then %d order %d", while_blocked, (int)count, (int)order);
    sigprocmask(SIG_BLOCK, &both, &before);
    count = 0;
    for (int i = 0; i < 10; ++i) raise(SIGUSR2);
    sigprocmask(SIG_SETMASK, &before, NULL);
    report("merged", "%d", (int)count);
}

void check_signals(void) {
    handle(SIGUSR1, on_count, SA_RESTART);
    count = 0;
    for (int i = 0; i < 200; ++i) raise(SIGUSR1);
    report("raised", "%d", (int)count);
    check_queue();
    handle(SIGUSR1, nest, 0);
    handle(SIGUSR2, nest, 0);
    order = 0;
    raise(SIGUSR1);
    report("nested", "%d", (int)order);

    const stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    handle(SIGUSR1, on_stack, SA_ONSTACK);
    raise(SIGUSR1);
    report("alternate_stack", "%d", (int)on_alternate);
    report("overflow", "status %d", WEXITSTATUS(in_child(overflow, NULL)));

    // From another process while this one sits in waitpid, which SA_RESTART resumes.
    handle(SIGUSR1, on_count, SA_RESTART);
    count = 0;
    const int status = in_child(interrupt_parent, NULL);
    report("restarted", "status %d any %d", status, count > 0);

    handle(SIGPIPE, on_count, 0);
    count = 0;
    int ends[2];
    if (pipe(ends) != 0) return;
    close(ends[0]);
    const ssize_t written = write(ends[1], "x", 1);
    report("pipe", "%zd %s signals %d", written, errno == EPIPE ? "EPIPE" : strerror(errno),
           (int)count);
    close(ends[1]);
}
