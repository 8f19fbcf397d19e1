/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork-threads.c: a program forks and starts children while its other threads
 * use, create and destroy objects; each child finds the library whole.
 */
#include <config.h>

#include "child.h"

#include <pthread.h>

enum { THREADS = 3, CHILDREN = 150, STARTERS = 2 };

static struct sysvmp_lock *lock;
static struct sysvmp_queue *queue;
static _Atomic int stop;

/* Puts and gets as many. */
static int
use(void)
{
    char c;

    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER) >= 0 &&
        sysvmp_lock_release(lock) == 0 &&
        sysvmp_queue_put(queue, "x", 1, SYSVMP_FOREVER) == 0 &&
        sysvmp_queue_get(queue, &c, 1, SYSVMP_FOREVER) == 1;
}

static int
make_and_use(void)
{
    struct sysvmp_conn *end[2];
    struct sysvmp_rlock *rlock;
    char c;
    int good;

    if (sysvmp_pipe_create(end, 0) != 0)
        return 0;
    if (sysvmp_rlock_create(&rlock) != 0)
        return 0;
    good = sysvmp_conn_send(end[0], "x", 1, SYSVMP_NOWAIT) == 0 &&
        sysvmp_conn_recv(end[1], &c, 1, SYSVMP_NOWAIT) == 1 &&
        sysvmp_rlock_acquire(rlock, SYSVMP_NOWAIT) == 0 &&
        sysvmp_rlock_release(rlock) == 0;
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    sysvmp_rlock_destroy(rlock);
    return good;
}

static void *
keep_busy(void *arg)
{
    int *failed = arg;

    while (!atomic_load(&stop))
        *failed += !use() || !make_and_use();
    return NULL;
}

/* The allocator of the address sanitizer, unlike the C library's, may be
 * locked for ever in the child of a program with threads. */
static int
may_allocate(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return 0;
#elif defined(__has_feature)
#    if __has_feature(address_sanitizer)
    return 0;
#    else
    return 1;
#    endif
#else
    return 1;
#endif
}

static int
use_all(void *arg)
{
    (void)arg;
    return use() && (!may_allocate() || make_and_use()) ? 0 : 1;
}

static void *
start_children(void *arg)
{
    int *well = arg;

    for (int i = 0; i < CHILDREN; i++)
        *well += end_of(started(use_all, NULL)) == 0;
    return NULL;
}

static void
begin(pthread_t *thread, void *(*fn)(void *), void *arg)
{
    if (pthread_create(thread, NULL, fn, arg) != 0)
        bail("pthread_create");
}

int
main(void)
{
    pthread_t thread[THREADS], starter[STARTERS];
    int failed[THREADS] = {0}, well[STARTERS] = {0}, forks = 0;

    plan(1 + STARTERS + THREADS + 1);
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    for (int i = 0; i < THREADS; i++)
        begin(&thread[i], keep_busy, &failed[i]);
    for (int i = 0; i < STARTERS; i++)
        begin(&starter[i], start_children, &well[i]);
    for (int i = 0; i < CHILDREN; i++)
        forks += reap(child(use_all, NULL)) == 0;
    is_int(CHILDREN, forks, "fork-threads: children of our own fork()");
    for (int i = 0; i < STARTERS; i++) {
        pthread_join(starter[i], NULL);
        is_int(CHILDREN, well[i], "... those that thread %d started", i);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        is_int(0, failed[i], "... and all the time thread %d was well", i);
    }
    is_int(0, sysvmp_queue_qsize(queue), "... nothing is left over");
    sysvmp_lock_destroy(lock);
    sysvmp_queue_destroy(queue);
    return done();
}
