/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cell.c: the frame of a measuring program: its arguments, the shared
 * memory, two processes pinned to their CPUs that begin together and are
 * told when the time is up. Called by main() and by the cells.
 */
#define _GNU_SOURCE

#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cell.h"

uint64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* _exit: a side is a forked child, and what is buffered is not its own. */
void
fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    _exit(1);
}

static void
sleep_ms(unsigned ms)
{
    struct timespec span = { ms / 1000, (long)(ms % 1000) * 1000000 };

    nanosleep(&span, NULL);
}

void
pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        fail("cannot run on CPU %d", cpu);
}

pid_t
fork_side(void)
{
    pid_t pid = fork();

    if (pid < 0)
        fail("fork failed");
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

static noreturn void
side_main(struct cell *cell, unsigned index, side_fn *fn, void *arg,
    unsigned sides)
{
    struct side *self = &cell->board->side[index];

    pin(cell->cpu[index % 2]);
    self->board = cell->board;
    self->index = index;
    atomic_fetch_add(&cell->board->ready, 1);
    while (atomic_load(&cell->board->ready) < sides)
        sched_yield();
    fn(self, arg);
    _exit(0);
}

/* A side that failed may have left the other one waiting for ever. */
static bool
sides_wait(const pid_t *pid, unsigned sides)
{
    bool good = true;
    int status;

    for (unsigned left = sides; left > 0; left--) {
        if (wait(&status) < 0)
            return false;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            good = false;
        for (unsigned i = 0; !good && i < sides; i++)
            kill(pid[i], SIGKILL);
    }
    return good;
}

/* A cell may do so several times. */
static bool
run(struct cell *cell, side_fn *const *fn, unsigned sides, void *arg)
{
    pid_t pid[SIDES_MAX];

    atomic_store(&cell->board->ready, 0);
    atomic_store(&cell->board->stop, false);
    for (unsigned i = 0; i < sides; i++) {
        pid[i] = fork_side();
        if (pid[i] == 0)
            side_main(cell, i, fn[i], arg, sides);
    }
    while (atomic_load(&cell->board->ready) < sides)
        sleep_ms(1);
    sleep_ms(cell->ms);
    atomic_store(&cell->board->stop, true);
    return sides_wait(pid, sides);
}

bool
sides_run(struct cell *cell, side_fn *a, side_fn *b, void *arg)
{
    side_fn *const fn[2] = { a, b };

    return run(cell, fn, b == NULL ? 1 : 2, arg);
}

bool
crew_run(struct cell *cell, side_fn *fn, unsigned sides, void *arg)
{
    side_fn *all[SIDES_MAX];

    for (unsigned i = 0; i < sides; i++)
        all[i] = fn;
    return run(cell, all, sides, arg);
}

int
cell_main(const struct cell_entry *entries, int argc, char **argv)
{
    struct cell cell = { .board = NULL };

    if (argc != 6 && argc != 10)
        fail("usage: %s ROW SUBJECT CPU-A CPU-B MS"
            " [SIZE SENDERS RECEIVERS DEPTH]", argv[0]);
    cell.cpu[0] = atoi(argv[3]);
    cell.cpu[1] = atoi(argv[4]);
    cell.ms = (unsigned)atoi(argv[5]);
    if (argc == 10) {
        cell.shape.size = strtoul(argv[6], NULL, 10);
        cell.shape.senders = (unsigned)atoi(argv[7]);
        cell.shape.receivers = (unsigned)atoi(argv[8]);
        cell.shape.depth = (unsigned)atoi(argv[9]);
    }
    cell.board = mmap(NULL, sizeof(*cell.board), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (cell.board == MAP_FAILED)
        fail("no shared memory");
    for (; entries->row != NULL; entries++)
        if (strcmp(entries->row, argv[1]) == 0
            && strcmp(entries->subject, argv[2]) == 0) {
            entries->fn(&cell);
            return 0;
        }
    fail("no such cell: %s %s", argv[1], argv[2]);
}
