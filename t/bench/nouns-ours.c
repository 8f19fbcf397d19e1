/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* nouns-ours.c: our own nouns in the loops of nouns.c and lock.h. */
#define _GNU_SOURCE

#include <sysvmp.h>

#include "lock.h"
#include "nouns-ours.h"
#include "nouns.h"
#include "ours.h"

/* Event */
static bool
event_set(void *event)
{
    return gave(0, sysvmp_event_set(event));
}

static bool
event_clear(void *event)
{
    return gave(0, sysvmp_event_clear(event));
}

static bool
event_wait(void *event)
{
    return gave(0, sysvmp_event_wait(event, SYSVMP_FOREVER));
}

void
event_ours(struct cell *cell)
{
    static const struct event_ops ops = { event_set, event_clear,
        event_wait };
    struct sysvmp_event *event[2];

    must(sysvmp_event_create(&event[0]), "event");
    must(sysvmp_event_create(&event[1]), "event");
    event_measure(cell, &ops, (void *[2]) { event[0], event[1] });
    sysvmp_event_destroy(event[0]);
    sysvmp_event_destroy(event[1]);
}

/* Condition */
static bool
condition_acquire(void *condition)
{
    return gave(0, sysvmp_condition_acquire(condition, SYSVMP_FOREVER));
}

static bool
condition_release(void *condition)
{
    return gave(0, sysvmp_condition_release(condition));
}

static bool
condition_wait(void *condition)
{
    return gave(0, sysvmp_condition_wait(condition, SYSVMP_FOREVER));
}

static bool
condition_notify(void *condition)
{
    return gave(0, sysvmp_condition_notify(condition, 1));
}

/* With a lock, as a pthread condition is; Python's have an RLock. */
void
condition_ours(struct cell *cell)
{
    static const struct condition_ops ops = { condition_acquire,
        condition_release, condition_wait, condition_notify };
    struct sysvmp_condition *condition;
    struct sysvmp_lock *lock;

    must(sysvmp_lock_create(&lock), "lock");
    must(sysvmp_condition_create(&condition, lock), "condition");
    condition_measure(cell, &ops, condition);
    sysvmp_condition_destroy(condition);
    sysvmp_lock_destroy(lock);
}

/* Barrier */
static bool
barrier_wait(void *barrier)
{
    int number = sysvmp_barrier_wait(barrier, SYSVMP_FOREVER);

    return number >= 0 || gave(0, number);
}

static void
barrier_cell(struct cell *cell, unsigned parties)
{
    struct sysvmp_barrier *barrier;

    must(sysvmp_barrier_create(&barrier, parties, NULL, NULL), "barrier");
    barrier_measure(cell, parties, barrier_wait, barrier);
    sysvmp_barrier_destroy(barrier);
}

void
barrier_2_ours(struct cell *cell)
{
    barrier_cell(cell, 2);
}

void
barrier_8_ours(struct cell *cell)
{
    barrier_cell(cell, 8);
}

/* Semaphore */
static bool
semaphore_acquire(void *semaphore)
{
    return gave(0, sysvmp_semaphore_acquire(semaphore, SYSVMP_FOREVER));
}

static bool
semaphore_release(void *semaphore)
{
    return gave(0, sysvmp_semaphore_release(semaphore, 1));
}

static void
semaphore_side(struct side *self, void *semaphore)
{
    lock_loop(self, semaphore, semaphore_acquire, semaphore_release);
}

static void
semaphore_cell(struct cell *cell, unsigned sides, unsigned flags)
{
    struct sysvmp_semaphore *semaphore;

    must(sysvmp_semaphore_create(&semaphore, 1, 0, flags), "semaphore");
    lock_measure(cell, semaphore_side, semaphore, sides);
    sysvmp_semaphore_destroy(semaphore);
}

void
semaphore_1_ours(struct cell *cell)
{
    semaphore_cell(cell, 1, 0);
}

void
semaphore_2_ours(struct cell *cell)
{
    semaphore_cell(cell, 2, 0);
}

void
semaphore_1_permits(struct cell *cell)
{
    semaphore_cell(cell, 1, SYSVMP_PERMITS);
}

void
semaphore_2_permits(struct cell *cell)
{
    semaphore_cell(cell, 2, SYSVMP_PERMITS);
}
