/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * close-fork.c: a program with one big lock, as a language's run-time has:
 * its interrupt function takes the lock, and it forks with the lock held.
 * A thread is asleep in a call on an end, or about to be, and asks the
 * interrupt function; another one closes that end and waits for the first; a
 * third one forks meanwhile.  All of them come back: the close holds nothing
 * that the fork needs.
 */
#include <config.h>

#include "child.h"

#include <pthread.h>
#include <stdatomic.h>

static pthread_mutex_t big = PTHREAD_MUTEX_INITIALIZER;
static struct sysvmp_conn *end[2];
static struct sysvmp_queue *q;
static _Atomic int asking, closing, forking;

static int
ask(void *unused)
{
    (void)unused;
    atomic_fetch_add(&asking, 1);
    pthread_mutex_lock(&big);
    pthread_mutex_unlock(&big);
    return 0;
}

static void *
receive(void *unused)
{
    char buf[8];

    (void)unused;
    return (void *)sysvmp_conn_recv(end[0], buf, sizeof(buf), SYSVMP_FOREVER);
}

static void *
put(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)sysvmp_queue_put(q, "2", 1, SYSVMP_FOREVER);
}

static int
nothing(void *unused)
{
    (void)unused;
    return 0;
}

/* Has the big lock until the other two wait for each other. */
static void *
fork_with_lock(void *unused)
{
    int code;

    (void)unused;
    pthread_mutex_lock(&big);
    atomic_store(&forking, 1);
    until(&closing, 1);
    code = reap(child(nothing, NULL));
    pthread_mutex_unlock(&big);
    return (void *)(intptr_t)code;
}

static void *
close_conn(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)sysvmp_conn_close(end[0]);
}

static void *
close_queue(void *unused)
{
    (void)unused;
    return (void *)(intptr_t)sysvmp_queue_close(q);
}

/* The parent's copy is closed when the last one to which it was given has
 * started. */
static void *
give(void *unused)
{
    struct sysvmp_process *p = created(nothing, NULL);
    int code;

    (void)unused;
    must(sysvmp_process_give(p, end[0]), "give");
    code = sysvmp_process_start(p);
    return (void *)(intptr_t)(code < 0 ? code : end_of(p));
}

static int
conn_is_closed(void *unused)
{
    (void)unused;
    return sysvmp_conn_readable(end[0]) == 0;
}

static int
queue_is_closed(void *unused)
{
    (void)unused;
    return sysvmp_queue_put(q, "3", 1, SYSVMP_NOWAIT) == -EBADF;
}

static pthread_t
thread(void *(*fn)(void *))
{
    pthread_t t;

    if (pthread_create(&t, NULL, fn, NULL) != 0)
        bail("pthread_create");
    return t;
}

static int64_t
result(pthread_t t)
{
    void *value;

    pthread_join(t, &value);
    return (int64_t)(intptr_t)value;
}

static void
try_it(const char *name, void *(*sleep_in)(void *), void *(*close)(void *),
    int (*is_closed)(void *))
{
    pthread_t forker, sleeper, closer;

    atomic_store(&asking, 0);
    atomic_store(&closing, 0);
    atomic_store(&forking, 0);
    forker = thread(fork_with_lock);
    until(&forking, 1);
    sleeper = thread(sleep_in);
    until(&asking, 1);
    closer = thread(close);
    until_true(is_closed, NULL, "the close to begin");
    atomic_store(&closing, 1);
    is_int(0, result(forker), "%s beside a fork: the fork returns", name);
    is_int(-EBADF, result(sleeper), "... the call is sent home");
    is_int(0, result(closer), "... the close returns");
}

int
main(void)
{
    plan(9);
    sysvmp_set_interrupt(ask, NULL);
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    try_it("close of an end", receive, close_conn, conn_is_closed);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    must(sysvmp_queue_create(&q, 1, 0), "queue_create");
    must(sysvmp_queue_put(q, "1", 1, 0), "put");
    try_it("close of a queue", put, close_queue, queue_is_closed);
    sysvmp_queue_destroy(q);
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    try_it("an end is given away", receive, give, conn_is_closed);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    return done();
}
