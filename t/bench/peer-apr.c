/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer-apr.c: the lock of the Apache Portable Runtime that is made as ours
 * without its word is: a System V semaphore, taken with SEM_UNDO.
 */
#define _GNU_SOURCE

#include <apr_general.h>
#include <apr_proc_mutex.h>

#include "lock.h"

static bool
apr_acquire(void *lock)
{
    return apr_proc_mutex_lock(lock) == APR_SUCCESS;
}

static bool
apr_release(void *lock)
{
    return apr_proc_mutex_unlock(lock) == APR_SUCCESS;
}

static void
apr_side(struct side *self, void *lock)
{
    lock_loop(self, lock, apr_acquire, apr_release);
}

static void
apr_cell(struct cell *cell, unsigned sides)
{
    apr_proc_mutex_t *mutex;
    apr_pool_t *pool;

    if (apr_initialize() != APR_SUCCESS
        || apr_pool_create(&pool, NULL) != APR_SUCCESS
        || apr_proc_mutex_create(&mutex, NULL, APR_LOCK_SYSVSEM, pool)
            != APR_SUCCESS)
        fail("no lock of APR");
    lock_measure(cell, apr_side, mutex, sides);
    apr_proc_mutex_destroy(mutex);
}

static void
lock_1(struct cell *cell)
{
    apr_cell(cell, 1);
}

static void
lock_2(struct cell *cell)
{
    apr_cell(cell, 2);
}

int
main(int argc, char **argv)
{
    static const struct cell_entry entries[] = {
        { "lock-1", "apr-sysvsem", lock_1 },
        { "lock-2", "apr-sysvsem", lock_2 },
        { NULL, NULL, NULL }
    };

    return cell_main(entries, argc, argv);
}
