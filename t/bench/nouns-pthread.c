/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nouns-pthread.c: what POSIX has for several processes, in the board's
 * memory: a robust mutex with a condition, a barrier, a semaphore. An event
 * is a word under such a mutex. (Of these only the mutex knows of a death.)
 */
#define _GNU_SOURCE

#include <pthread.h>
#include <semaphore.h>

#include "lock.h"
#include "nouns.h"
#include "peers.h"

struct monitor {
    _Alignas(BENCH_LINE) pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool set;
};

static void
monitor_make(struct monitor *monitor)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;

    if (pthread_mutexattr_init(&mutex) != 0
        || pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED) != 0
        || pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST) != 0
        || pthread_mutex_init(&monitor->mutex, &mutex) != 0
        || pthread_condattr_init(&condition) != 0
        || pthread_condattr_setpshared(&condition,
            PTHREAD_PROCESS_SHARED) != 0
        || pthread_cond_init(&monitor->condition, &condition) != 0)
        fail("no robust mutex and condition");
}

static bool
monitor_acquire(void *arg)
{
    struct monitor *monitor = arg;

    return pthread_mutex_lock(&monitor->mutex) == 0;
}

static bool
monitor_release(void *arg)
{
    struct monitor *monitor = arg;

    return pthread_mutex_unlock(&monitor->mutex) == 0;
}

static bool
monitor_wait(void *arg)
{
    struct monitor *monitor = arg;

    return pthread_cond_wait(&monitor->condition, &monitor->mutex) == 0;
}

static bool
monitor_notify(void *arg)
{
    struct monitor *monitor = arg;

    return pthread_cond_signal(&monitor->condition) == 0;
}

void
condition_pthread(struct cell *cell)
{
    static const struct condition_ops ops = { monitor_acquire,
        monitor_release, monitor_wait, monitor_notify };
    struct monitor *monitor = (struct monitor *)(void *)cell->board->room;

    monitor_make(monitor);
    condition_measure(cell, &ops, monitor);
}

/* Event */
static bool
event_set(void *arg)
{
    struct monitor *monitor = arg;
    bool good = monitor_acquire(arg);

    monitor->set = true;
    return good && pthread_cond_broadcast(&monitor->condition) == 0
        && monitor_release(arg);
}

static bool
event_clear(void *arg)
{
    struct monitor *monitor = arg;
    bool good = monitor_acquire(arg);

    monitor->set = false;
    return good && monitor_release(arg);
}

static bool
event_wait(void *arg)
{
    struct monitor *monitor = arg;
    bool good = monitor_acquire(arg);

    while (good && !monitor->set)
        good = monitor_wait(arg);
    return good && monitor_release(arg);
}

void
event_pthread(struct cell *cell)
{
    static const struct event_ops ops = { event_set, event_clear,
        event_wait };
    struct monitor *event = (struct monitor *)(void *)cell->board->room;

    _Static_assert(2 * sizeof(*event) <= sizeof(cell->board->room), "room");
    monitor_make(&event[0]);
    monitor_make(&event[1]);
    event_measure(cell, &ops, (void *[2]) { &event[0], &event[1] });
}

/* Barrier */
static bool
barrier_wait(void *barrier)
{
    int result = pthread_barrier_wait(barrier);

    return result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD;
}

static void
barrier_cell(struct cell *cell, unsigned parties)
{
    pthread_barrier_t *barrier =
        (pthread_barrier_t *)(void *)cell->board->room;
    pthread_barrierattr_t attr;

    if (pthread_barrierattr_init(&attr) != 0
        || pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) != 0
        || pthread_barrier_init(barrier, &attr, parties) != 0)
        fail("no process-shared barrier");
    barrier_measure(cell, parties, barrier_wait, barrier);
}

void
barrier_2_pthread(struct cell *cell)
{
    barrier_cell(cell, 2);
}

void
barrier_8_pthread(struct cell *cell)
{
    barrier_cell(cell, 8);
}

/* Semaphore */
static bool
semaphore_acquire(void *semaphore)
{
    return sem_wait(semaphore) == 0;
}

static bool
semaphore_release(void *semaphore)
{
    return sem_post(semaphore) == 0;
}

static sem_t *
semaphore_make(struct cell *cell, unsigned index, unsigned value)
{
    sem_t *semaphore =
        (sem_t *)(void *)(cell->board->room + index * BENCH_LINE);

    if (sem_init(semaphore, 1, value) != 0)
        fail("no process-shared semaphore");
    return semaphore;
}

static void
semaphore_side(struct side *self, void *semaphore)
{
    lock_loop(self, semaphore, semaphore_acquire, semaphore_release);
}

void
semaphore_1_posix(struct cell *cell)
{
    lock_measure(cell, semaphore_side, semaphore_make(cell, 0, 1), 1);
}

void
semaphore_2_posix(struct cell *cell)
{
    lock_measure(cell, semaphore_side, semaphore_make(cell, 0, 1), 2);
}

/* An event for one who waits: the wait takes what the set gave. */
static bool
no_clear(void *semaphore)
{
    (void)semaphore;
    return true;
}

void
event_posix(struct cell *cell)
{
    static const struct event_ops ops = { semaphore_release, no_clear,
        semaphore_acquire };

    event_measure(cell, &ops, (void *[2]) { semaphore_make(cell, 0, 0),
        semaphore_make(cell, 1, 0) });
}
