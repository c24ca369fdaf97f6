// SPDX-License-Identifier: Apache-2.0
// Processes: exit statuses, exec, pipes between two, and many at once.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static int exit_with(void* status) { return (int)(intptr_t)status; }

static int die_by(void* number) {
    signal((int)(intptr_t)number, SIG_DFL);
    kill(getpid(), (int)(intptr_t)number);
    return 255;
}

static int execute(void* unused) {
    (void)unused;
    setenv("SELFCHECK", "yes", 1);
    execl("/proc/self/exe", "selfcheck", "--exit", "SELFCHECK", "42", (char*)NULL);
    return 254;
}

static int execute_nothing(void* unused) {
    (void)unused;
    execl("/does/not/exist", "nothing", (char*)NULL);
    return 9;
}

static void describe(const char* name, int status) {
    if (WIFSIGNALED(status))
        report(name, "SIG%s", sigabbrev_np(WTERMSIG(status)));
    else
        report(name, "exit %d", WEXITSTATUS(status));
}

// Two processes that add one in turn: `rounds` switches each way.
static uint32_t ping_pong(int rounds) {
    int there[2], back[2];
    if (pipe(there) != 0 || pipe(back) != 0) return 0;
    uint32_t value = 0;
    const pid_t child = fork();
    if (child == 0) {
        close(there[1]);
        close(back[0]);
        while (read(there[0], &value, sizeof value) == sizeof value) {
            ++value;
            if (write(back[1], &value, sizeof value) != sizeof value) break;
        }
        _exit(0);
    }
    close(there[0]);
    close(back[1]);
    for (int i = 0; i < rounds; ++i) {
        ++value;
        if (write(there[1], &value, sizeof value) != sizeof value ||
            read(back[0], &value, sizeof value) != sizeof value)
            break;
    }
    close(there[1]);
    close(back[0]);
    waitpid(child, NULL, 0);
    return value;
}

// More processes than the core has PIDs to tell them apart, so that Linux recycles some.
static int many(int processes) {
    int sum = 0, status;
    for (int i = 0; i < processes; ++i)
        if (fork() == 0) _exit(i % 100);
    while (wait(&status) > 0) sum += WEXITSTATUS(status);
    return sum;
}

void check_process(void) {
    describe("exit", in_child(exit_with, (void*)7));
    describe("killed", in_child(die_by, (void*)SIGKILL));
    describe("terminated", in_child(die_by, (void*)SIGTERM));
    describe("aborted", in_child(die_by, (void*)SIGABRT));
    describe("exec", in_child(execute, NULL));
    describe("exec_nothing", in_child(execute_nothing, NULL));
    report("ping_pong", "%u", ping_pong(200));
    report("many", "%d", many(300));
}
