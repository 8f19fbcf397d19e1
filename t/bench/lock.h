/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock.h: the loop that every lock is measured with. A plain counter is
 * raised under the lock; if it is not the sum of the acquires in the end,
 * two processes were inside at once, and the cell fails.
 */
#ifndef BENCH_LOCK_H
#define BENCH_LOCK_H

#include <stdio.h>

#include "cell.h"

#define LOCK_WARM_UP 1000

typedef bool lock_op(void *lock);

BENCH_INLINE void
lock_pair(struct board *board, void *lock, lock_op *acquire, lock_op *release)
{
    if (!acquire(lock))
        fail("acquire failed");
    board->counter = board->counter + 1;
    if (!release(lock))
        fail("release failed");
}

BENCH_INLINE void
lock_loop(struct side *self, void *lock, lock_op *acquire, lock_op *release)
{
    struct board *board = self->board;
    uint64_t n;

    for (n = 0; n < LOCK_WARM_UP; n++)
        lock_pair(board, lock, acquire, release);
    self->begin = now_ns();
    for (; !side_stopped(self); n++)
        lock_pair(board, lock, acquire, release);
    self->end = now_ns();
    self->n = n;
}

/* One or two processes in that loop: the time per pair, the smaller share. */
static inline void
lock_measure(struct cell *cell, side_fn *side, void *lock, unsigned sides)
{
    struct side *s = cell->board->side;
    uint64_t total, smaller, begin, end;

    if (!sides_run(cell, side, sides == 2 ? side : NULL, lock))
        fail("a process failed");
    total = s[0].n + s[1].n;
    if (cell->board->counter != total)
        fail("mutual exclusion broken: %llu of %llu counted",
            (unsigned long long)cell->board->counter,
            (unsigned long long)total);
    begin = s[0].begin;
    end = s[0].end > s[1].end ? s[0].end : s[1].end;
    if (sides == 2 && s[1].begin < begin)
        begin = s[1].begin;
    printf("ns %.3f\n", (double)(end - begin)
        / (double)(total - sides * LOCK_WARM_UP));
    if (sides == 1)
        return;
    smaller = s[0].n < s[1].n ? s[0].n : s[1].n;
    printf("share %.4f\n", (double)smaller / (double)total);
}

#endif /* BENCH_LOCK_H */
