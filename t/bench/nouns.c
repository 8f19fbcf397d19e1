/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nouns.c: the loops that events, conditions and barriers are measured with.
 * What tells whether they hold is beside them in the board, in words that
 * nobody guards but the noun itself.
 */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>

#include "nouns.h"

#define ASLEEP_NS   150000      /* then it is: nobody here spins so long */
#define MAX_SAMPLES 8192

static bool
is_last(const struct side *self, uint64_t n)
{
    return side_stopped(self) && n > NOUN_WARM_UP;
}

/* Of side 0, when both sides have done the same. */
static void
report(const struct board *board)
{
    const struct side *s = board->side;

    if (s[0].n != s[1].n)
        fail("%llu rounds here, %llu there", (unsigned long long)s[0].n,
            (unsigned long long)s[1].n);
    printf("ns %.2f\n",
        (double)(s[0].end - s[0].begin) / (double)(s[0].n - NOUN_WARM_UP));
}

/* Event */
struct pair {
    const struct event_ops *ops;
    void *const *event;         /* the other side sets one's own */
};

static void
pass(const struct pair *pair, unsigned to)
{
    if (!pair->ops->set(pair->event[to]))
        fail("set failed");
}

static void
await(const struct pair *pair, unsigned own)
{
    if (!pair->ops->wait(pair->event[own])
        || !pair->ops->clear(pair->event[own]))
        fail("wait failed");
}

static void
ping(struct side *self, void *arg)
{
    struct board *board = self->board;
    uint64_t n = 0, told;
    bool last;

    do {
        if (n == NOUN_WARM_UP)
            self->begin = now_ns();
        last = is_last(self, n);
        told = ++n << 1 | last;
        board->counter = told;
        pass(arg, 1);
        await(arg, 0);
        if (board->counter != ~told)
            fail("woken, but nobody has set it");
    } while (!last);
    self->end = now_ns();
    self->n = n;
}

static void
pong(struct side *self, void *arg)
{
    struct board *board = self->board;
    uint64_t n = 0, told;

    do {
        await(arg, 1);
        told = board->counter;
        if (told >> 1 != ++n)
            fail("woken, but nobody has set it");
        board->counter = ~told;
        pass(arg, 0);
    } while (!(told & 1));
    self->n = n;
}

void
event_ping_pong(struct cell *cell, const struct event_ops *ops,
    void *const event[2])
{
    struct pair pair = { ops, event };

    if (!sides_run(cell, ping, pong, &pair))
        fail("a process failed");
    report(cell->board);
}

static int
compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* It burns its own CPU meanwhile: the sleeper has the other one. */
static void
let_sleep(void)
{
    uint64_t begin = now_ns();

    while (now_ns() - begin < ASLEEP_NS) {
    }
}

static void
waker(struct side *self, void *arg)
{
    static uint64_t sample[MAX_SAMPLES];
    struct board *board = self->board;
    uint64_t begin;
    size_t n = 0;
    bool last;

    do {
        let_sleep();
        last = side_stopped(self) || n == MAX_SAMPLES - 1;
        board->counter = last;
        begin = now_ns();
        pass(arg, 1);
        await(arg, 0);
        sample[n++] = board->side[1].end - begin;
    } while (!last);
    qsort(sample, n, sizeof(*sample), compare);
    self->n = sample[n / 2];
}

static void
sleeper(struct side *self, void *arg)
{
    bool last;

    do {
        await(arg, 1);
        self->end = now_ns();
        last = self->board->counter;
        pass(arg, 0);
    } while (!last);
}

void
event_measure(struct cell *cell, const struct event_ops *ops,
    void *const event[2])
{
    struct pair pair = { ops, event };

    event_ping_pong(cell, ops, event);
    if (!sides_run(cell, waker, sleeper, &pair))
        fail("a process failed");
    printf("us-wake %.3f\n", (double)cell->board->side[0].n / 1000);
}

/* Condition */
struct turns {
    const struct condition_ops *ops;
    void *condition;
};

/* The turns so far, and whether there are no more: under the lock. */
static uint64_t
my_turn(const struct side *self, const struct turns *turns)
{
    struct board *board = self->board;

    if (!turns->ops->acquire(turns->condition))
        fail("acquire failed");
    while ((board->counter >> 1 & 1) != self->index)
        if (!turns->ops->wait(turns->condition))
            fail("wait failed");
    return board->counter;
}

static void
other_turn(const struct side *self, const struct turns *turns, uint64_t told)
{
    self->board->counter = told;
    if (!turns->ops->notify(turns->condition)
        || !turns->ops->release(turns->condition))
        fail("notify failed");
}

static void
turn_side(struct side *self, void *arg)
{
    uint64_t n = 0, told;
    bool last;

    do {
        if (n == NOUN_WARM_UP)
            self->begin = now_ns();
        told = my_turn(self, arg);
        if (told >> 1 != 2 * n + self->index)
            fail("a turn is lost");
        last = self->index == 0 ? is_last(self, n) : told & 1;
        n++;
        other_turn(self, arg, ((told >> 1) + 1) << 1 | last);
    } while (!last);
    self->end = now_ns();
    self->n = n;
}

void
condition_measure(struct cell *cell, const struct condition_ops *ops,
    void *condition)
{
    struct turns turns = { ops, condition };

    if (!sides_run(cell, turn_side, turn_side, &turns))
        fail("a process failed");
    report(cell->board);
}

/* Barrier */
struct parties {
    noun_op *wait;
    void *barrier;
    unsigned n;
};

/*
 * Each says which round it is in before it waits, and looks at its neighbour's
 * word after: that one is in this round or the next. The last round is told
 * two in advance: who hears it one too late has heard it in time.
 */
static void
party(struct side *self, void *arg)
{
    const struct parties *p = arg;
    struct board *board = self->board;
    volatile uint64_t *own = &self->n;
    const volatile uint64_t *next = &board->side[(self->index + 1) % p->n].n;
    uint64_t n = 0;

    do {
        if (n == NOUN_WARM_UP)
            self->begin = now_ns();
        *own = ++n;
        if (self->index == 0 && board->counter == 0 && is_last(self, n))
            board->counter = n + 2;
        if (!p->wait(p->barrier))
            fail("wait failed");
        if (*next - n > 1)
            fail("let go in round %llu, before all have come",
                (unsigned long long)n);
    } while (n != board->counter);
    self->end = now_ns();
}

void
barrier_measure(struct cell *cell, unsigned parties, noun_op *wait,
    void *barrier)
{
    struct parties all = { wait, barrier, parties };

    if (!crew_run(cell, party, parties, &all))
        fail("a process failed");
    report(cell->board);
}
