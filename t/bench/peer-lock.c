/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer-lock.c: the locks that ours is measured against: the pthread mutex
 * (robust, process-shared), semop with SEM_UNDO, and as the floor a bare
 * compare-and-swap that knows no waiter and no death, by one process alone.
 */
#define _GNU_SOURCE

#include <pthread.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#include "lock.h"
#include "peers.h"

/* pthread robust process-shared mutex */
static bool
pthread_acquire(void *lock)
{
    return pthread_mutex_lock(lock) == 0;
}

static bool
pthread_release(void *lock)
{
    return pthread_mutex_unlock(lock) == 0;
}

static void
pthread_side(struct side *self, void *lock)
{
    lock_loop(self, lock, pthread_acquire, pthread_release);
}

static void
pthread_cell(struct cell *cell, unsigned sides)
{
    pthread_mutex_t *mutex = (pthread_mutex_t *)(void *)cell->board->room;
    pthread_mutexattr_t attr;

    if (pthread_mutexattr_init(&attr) != 0
        || pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) != 0
        || pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) != 0
        || pthread_mutex_init(mutex, &attr) != 0)
        fail("no robust process-shared mutex");
    lock_measure(cell, pthread_side, mutex, sides);
}

void
lock_1_pthread(struct cell *cell)
{
    pthread_cell(cell, 1);
}

void
lock_2_pthread(struct cell *cell)
{
    pthread_cell(cell, 2);
}

/* semop with SEM_UNDO */
static bool
semop_add(int id, short n)
{
    struct sembuf op = { 0, n, SEM_UNDO };

    return semop(id, &op, 1) == 0;
}

static bool
semop_acquire(void *lock)
{
    return semop_add(*(int *)lock, -1);
}

static bool
semop_release(void *lock)
{
    return semop_add(*(int *)lock, 1);
}

static void
semop_side(struct side *self, void *lock)
{
    lock_loop(self, lock, semop_acquire, semop_release);
}

static void
semop_cell(struct cell *cell, unsigned sides)
{
    struct sembuf open = { 0, 1, 0 };
    int id = semget(IPC_PRIVATE, 1, 0600);

    if (id < 0 || semop(id, &open, 1) != 0)
        fail("no semaphore");
    lock_measure(cell, semop_side, &id, sides);
    semctl(id, 0, IPC_RMID);
}

void
lock_1_semop(struct cell *cell)
{
    semop_cell(cell, 1);
}

void
lock_2_semop(struct cell *cell)
{
    semop_cell(cell, 2);
}

/* One compare-and-swap to take, one store to give back, nobody else there */
static bool
cas_acquire(void *lock)
{
    unsigned unowned = 0;

    return atomic_compare_exchange_strong((atomic_uint *)lock, &unowned, 1);
}

static bool
cas_release(void *lock)
{
    atomic_store_explicit((atomic_uint *)lock, 0, memory_order_release);
    return true;
}

static void
cas_side(struct side *self, void *lock)
{
    lock_loop(self, lock, cas_acquire, cas_release);
}

void
lock_1_cas(struct cell *cell)
{
    lock_measure(cell, cas_side, cell->board->room, 1);
}
