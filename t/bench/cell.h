/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cell.h: what all measuring programs of the bench have in common.
 *
 * A cell is one subject measured once for one row, in a process of its own
 * that the driver (run.c) starts as PROGRAM ROW SUBJECT CPU-A CPU-B MS, and
 * for a flow of messages SIZE SENDERS RECEIVERS DEPTH. It prints lines of
 * "metric value" and ends with 0, or says what went wrong and ends with
 * another code: a lost message fails the cell. What a subject can't do at all
 * ends with CELL_CANNOT, after a line "cannot" and the reason.
 */
#ifndef BENCH_CELL_H
#define BENCH_CELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/types.h>

#include "flow.h"

#define CELL_CANNOT 77

/*
 * The measuring loops take the subject's operations as functions; inlined,
 * they cost no indirect call, which a pair of 6 ns would show.
 */
#define BENCH_INLINE static inline __attribute__((__always_inline__))

/* Two lines: CPUs fetch the neighbour of a line with it. */
#define BENCH_LINE 128

#define SIDES_MAX 8

struct side {
    _Alignas(BENCH_LINE) struct board *board;
    unsigned index;     /* 0 to SIDES_MAX - 1 */
    uint64_t n;         /* written by the side: what it did, and when */
    uint64_t begin;
    uint64_t end;
};

/* The shared memory of a cell's processes. */
struct board {
    _Alignas(BENCH_LINE) atomic_uint ready;   /* sides that can begin */
    _Alignas(BENCH_LINE) atomic_bool stop;    /* the time is up */
    _Alignas(BENCH_LINE) volatile uint64_t counter; /* under the lock */
    struct side side[SIDES_MAX];
    _Alignas(BENCH_LINE) char room[1024];     /* the subject's own */
};

struct cell {
    int cpu[2];
    unsigned ms;
    struct flow_shape shape;    /* of a flow */
    struct board *board;
};

typedef void cell_fn(struct cell *cell);
typedef void side_fn(struct side *self, void *arg);

struct cell_entry {
    const char *row;
    const char *subject;
    cell_fn *fn;
};

/* The main function of a program of cells. */
int cell_main(const struct cell_entry *entries, int argc, char **argv);

/*
 * Runs one or two sides (b may be NULL) as children, each on its CPU, for
 * the cell's time. False when one of them failed.
 */
bool sides_run(struct cell *cell, side_fn *a, side_fn *b, void *arg);

/* The same for up to SIDES_MAX that all do the same, on either CPU in turn. */
bool crew_run(struct cell *cell, side_fn *fn, unsigned sides, void *arg);

/* fork(), but the child is killed when its parent ends before it. */
pid_t fork_side(void);

/* From now on this process runs on that CPU alone. */
void pin(int cpu);

uint64_t now_ns(void);
noreturn void fail(const char *format, ...)
    __attribute__((__format__(__printf__, 1, 2)));

static inline bool
side_stopped(const struct side *self)
{
    return atomic_load_explicit(&self->board->stop, memory_order_relaxed);
}

#endif /* BENCH_CELL_H */
