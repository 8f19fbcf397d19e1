/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nouns-raw.c: the floors: what the kernel and the memory can do that know
 * neither who waits nor who has died. A word and futex(2), as good as every
 * set wakes; the same word, spun on; a semaphore of semop(2).
 */
#define _GNU_SOURCE

#include <limits.h>
#include <linux/futex.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "nouns.h"
#include "peers.h"

static atomic_uint *
word(struct cell *cell, unsigned index)
{
    return (atomic_uint *)(void *)(cell->board->room + index * BENCH_LINE);
}

static void
futex_wake(atomic_uint *at)
{
    syscall(SYS_futex, at, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void
futex_wait(atomic_uint *at, unsigned seen)
{
    syscall(SYS_futex, at, FUTEX_WAIT, seen, NULL, NULL, 0);
}

/* Event */
static bool
word_set(void *event)
{
    atomic_store((atomic_uint *)event, 1);
    return true;
}

static bool
word_clear(void *event)
{
    atomic_store_explicit((atomic_uint *)event, 0, memory_order_relaxed);
    return true;
}

static bool
word_wait(void *event)
{
    while (atomic_load((atomic_uint *)event) == 0) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }
    return true;
}

static bool
futex_set(void *event)
{
    word_set(event);
    futex_wake(event);
    return true;
}

static bool
futex_event_wait(void *event)
{
    while (atomic_load((atomic_uint *)event) == 0)
        futex_wait(event, 0);
    return true;
}

static const struct event_ops word_event = { word_set, word_clear,
    word_wait };
static const struct event_ops futex_event = { futex_set, word_clear,
    futex_event_wait };

void
event_spin(struct cell *cell)
{
    event_ping_pong(cell, &word_event, (void *[2]) { word(cell, 0),
        word(cell, 1) });
}

void
event_futex(struct cell *cell)
{
    event_measure(cell, &futex_event, (void *[2]) { word(cell, 0),
        word(cell, 1) });
}

static bool
semop_add(void *event, short n)
{
    struct sembuf op = { 0, n, 0 };

    return semop(*(int *)event, &op, 1) == 0;
}

static bool
semop_set(void *event)
{
    return semop_add(event, 1);
}

static bool
semop_clear(void *event)
{
    (void)event;
    return true;
}

static bool
semop_wait(void *event)
{
    return semop_add(event, -1);
}

void
event_semop(struct cell *cell)
{
    static const struct event_ops ops = { semop_set, semop_clear,
        semop_wait };
    int id[2] = { semget(IPC_PRIVATE, 1, 0600),
        semget(IPC_PRIVATE, 1, 0600) };

    if (id[0] < 0 || id[1] < 0)
        fail("no semaphores");
    event_measure(cell, &ops, (void *[2]) { &id[0], &id[1] });
    semctl(id[0], 0, IPC_RMID);
    semctl(id[1], 0, IPC_RMID);
}

/* A turn given to the other one needs no lock here. */
void
condition_futex(struct cell *cell)
{
    event_ping_pong(cell, &futex_event, (void *[2]) { word(cell, 0),
        word(cell, 1) });
}

/* Barrier: who comes last begins a new round */
struct rounds {
    _Alignas(BENCH_LINE) atomic_uint left;
    _Alignas(BENCH_LINE) atomic_uint round;
    unsigned parties;
};

/* Whether it was the last; else *seen is the round that it is in. */
static bool
arrive(struct rounds *rounds, unsigned *seen)
{
    *seen = atomic_load(&rounds->round);
    if (atomic_fetch_sub(&rounds->left, 1) != 1)
        return false;
    atomic_store(&rounds->left, rounds->parties);
    atomic_fetch_add(&rounds->round, 1);
    return true;
}

static bool
spin_barrier(void *barrier)
{
    struct rounds *rounds = barrier;
    unsigned seen;

    if (!arrive(rounds, &seen))
        while (atomic_load(&rounds->round) == seen) {
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#endif
        }
    return true;
}

static bool
futex_barrier(void *barrier)
{
    struct rounds *rounds = barrier;
    unsigned seen;

    if (arrive(rounds, &seen))
        futex_wake(&rounds->round);
    else
        while (atomic_load(&rounds->round) == seen)
            futex_wait(&rounds->round, seen);
    return true;
}

static void
barrier_cell(struct cell *cell, unsigned parties, noun_op *wait)
{
    struct rounds *rounds = (struct rounds *)(void *)cell->board->room;

    rounds->parties = parties;
    atomic_store(&rounds->left, parties);
    barrier_measure(cell, parties, wait, rounds);
}

void
barrier_2_spin(struct cell *cell)
{
    barrier_cell(cell, 2, spin_barrier);
}

void
barrier_2_futex(struct cell *cell)
{
    barrier_cell(cell, 2, futex_barrier);
}

void
barrier_8_futex(struct cell *cell)
{
    barrier_cell(cell, 8, futex_barrier);
}
