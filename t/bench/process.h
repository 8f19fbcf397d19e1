/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process.h: the loop that starting and joining a process is measured with.
 * The child returns at once; its exit code is checked. Nothing is pinned:
 * where the child runs is the scheduler's choice, for every subject.
 */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cell.h"

#define PROCESS_WARM_UP 20
#define PROCESS_CODE    7

/* Starts and joins once: the child's exit code. */
typedef int process_op(void);

/* The peer, in programs with and without libsysvmp mapped. */
static inline int
process_fork_and_wait(void)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(PROCESS_CODE);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static inline void
process_measure(const struct cell *cell, process_op *once)
{
    uint64_t begin = 0, end = 0, n;

    for (n = 0; n < PROCESS_WARM_UP || end - begin < cell->ms * 1000000ull;
         n++) {
        if (n == PROCESS_WARM_UP)
            begin = now_ns();
        if (once() != PROCESS_CODE)
            fail("wrong exit code");
        end = now_ns();
        if (n < PROCESS_WARM_UP)
            begin = end;
    }
    printf("us %.2f\n",
        (double)(end - begin) / (double)(n - PROCESS_WARM_UP) / 1000);
}

#endif /* BENCH_PROCESS_H */
