/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue-close-wakes.c: threads sleep in put, another closes the queue: they
 * answer -EBADF; who sleeps in get sleeps on, and so do other processes.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 3, ROUNDS = 200 };

static struct sysvmp_queue *q;

struct sleeper {
    pthread_t thread;
    _Atomic int id;
    int64_t result;
};

static void *
put(void *arg)
{
    struct sleeper *sleeper = arg;

    sleeper->id = (int)syscall(SYS_gettid);
    sleeper->result = sysvmp_queue_put(q, "x", 1, SYSVMP_FOREVER);
    return NULL;
}

static void *
get(void *arg)
{
    struct sleeper *sleeper = arg;
    char buf[8];

    sleeper->id = (int)syscall(SYS_gettid);
    sleeper->result = sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_FOREVER);
    return NULL;
}

static void
start(struct sleeper *sleeper, void *(*fn)(void *))
{
    sleeper->id = 0;
    sleeper->result = 1000;
    if (pthread_create(&sleeper->thread, NULL, fn, sleeper) != 0)
        bail("pthread_create");
}

static void
start_and_sleep(struct sleeper *sleeper, void *(*fn)(void *))
{
    start(sleeper, fn);
    until(&sleeper->id, 1);
    if (!asleep(sleeper->id))
        bail("a thread does not sleep");
}

static int64_t
ends(struct sleeper *sleeper)
{
    pthread_join(sleeper->thread, NULL);
    return sleeper->result;
}

static void
new_full_queue(void)
{
    must(sysvmp_queue_create(&q, 1, 0), "queue_create");
    must(sysvmp_queue_put(q, "1", 1, SYSVMP_NOWAIT), "put");
}

static int
put_in_child(void *arg)
{
    (void)arg;
    return sysvmp_queue_put(q, "x", 1, SYSVMP_FOREVER) != 0;
}

static void
putters(void)
{
    struct sleeper sleeper[THREADS];
    int told = 0;
    char buf[8];
    pid_t pid;

    new_full_queue();
    pid = child(put_in_child, NULL);
    asleep(pid);
    for (int i = 0; i < THREADS; i++)
        start_and_sleep(&sleeper[i], put);
    is_int(0, sysvmp_queue_close(q),
        "queue-close-wakes: %d threads sleep in put, another closes", THREADS);
    for (int i = 0; i < THREADS; i++)
        told += ends(&sleeper[i]) == -EBADF;
    is_int(THREADS, told, "... all answer -EBADF");
    ok(asleep(pid), "... another process's put sleeps on");
    is_int(1, sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT),
        "... we still get");
    is_int(0, reap(pid), "... so there is room for it");
    is_int(1, sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT),
        "... and we get that");
    sysvmp_queue_destroy(q);
}

static int
put_later(void *arg)
{
    _Atomic int *go = arg;

    until(go, 1);
    return sysvmp_queue_put(q, "xy", 2, SYSVMP_FOREVER) != 0;
}

static void
getters(void)
{
    struct sleeper sleeper;
    _Atomic int *go = shared(sizeof(*go));
    pid_t pid;

    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    pid = child(put_later, go);
    start_and_sleep(&sleeper, get);
    is_int(0, sysvmp_queue_close(q),
        "queue-close-wakes: a thread sleeps in get, another closes");
    ok(asleep(sleeper.id), "... it sleeps on");
    *go = 1;
    is_int(2, ends(&sleeper), "... and gets what another process puts");
    is_int(0, reap(pid), "... which has put it");
    sysvmp_queue_destroy(q);
}

/* The close comes while they arrive, spin, and fall asleep. */
static void
arriving(void)
{
    unsigned seed = 1;
    int told = 0;

    for (int n = 0; n < ROUNDS; n++) {
        struct sleeper sleeper;

        new_full_queue();
        start(&sleeper, put);
        pause_us(chance(&seed, 200));
        must(sysvmp_queue_close(q), "close");
        told += ends(&sleeper) == -EBADF;
        sysvmp_queue_destroy(q);
    }
    is_int(ROUNDS, told,
        "queue-close-wakes: a close while they arrive: all answer -EBADF");
}

int
main(void)
{
    plan(6 + 4 + 1);
    getters();
    putters();
    arriving();
    return done();
}
