/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * seat-handed-on.c: a child that could not become a member, as there was no
 * seat or as the kernel refused it something, holds nothing, and hands on
 * nothing.  Its own child may get a seat; but what its handles name is gone by
 * then, and something else has the place.
 */
#include <config.h>

#include "crowd.h"
#include "testing.h"

static struct sysvmp_queue *queue;
static struct sysvmp_conn *end[2];
static pid_t parent;
static int refuse_in; /* so many calls of semop from now; 0: none */

static struct {
    _Atomic int step; /* 1: the child has looked; 2: it may fork; 3: over */
    _Atomic int put, grandchild_put, grandchild_new;
} *told;

/* Has a seat, and no handle that it could use. */
static int
grandchild(void *arg)
{
    struct sysvmp_lock *lock;

    (void) arg;
    atomic_store(&told->grandchild_put,
        sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT));
    atomic_store(&told->grandchild_new, sysvmp_lock_create(&lock));
    sysvmp_queue_destroy(queue);
    return 0;
}

static int
outsider(void *arg)
{
    (void) arg;
    atomic_store(&told->put, sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT));
    atomic_store(&told->step, 1);
    until(&told->step, 2);
    (void) reap(child(grandchild, NULL));
    until(&told->step, 3);
    return 0;
}

/* The pipe gets the entry and the slots that the queue had. */
static void
look(pid_t pid, int code, const char *why)
{
    char text[8];

    until(&told->step, 1);
    is_int(code, atomic_load(&told->put),
        "seat-handed-on: %s: its calls say so", why);
    sysvmp_queue_destroy(queue);
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    if (crowd_size > 0)
        crowd_dismiss(2);
    refuse_in = 0;
    atomic_store(&told->grandchild_put, 1);
    atomic_store(&told->grandchild_new, 1);
    atomic_store(&told->step, 2);
    while (atomic_load(&told->grandchild_new) == 1)
        pause_us(200);
    is_int(-EBADF, atomic_load(&told->grandchild_put),
        "... its child holds nothing that it did not hold");
    is_int(0, atomic_load(&told->grandchild_new),
        "... but has a seat, and can make new objects");
    is_int(-EAGAIN,
        sysvmp_conn_recv(end[0], text, sizeof(text), SYSVMP_NOWAIT),
        "... nothing has come into what was made in that place");
    must(sysvmp_conn_close(end[1]), "conn_close");
    is_int(-EPIPE, sysvmp_conn_recv(end[0], text, sizeof(text), 5000),
        "... and nobody else holds it");
    atomic_store(&told->step, 3);
    is_int(0, reap(pid), "... and they end");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static void
hand_on(int code, const char *why)
{
    atomic_store(&told->step, 0);
    must(sysvmp_queue_create(&queue, 8, 0), "queue_create");
    look(child(outsider, NULL), code, why);
}

/*
 * What the kernel refuses, in the child alone.
 */

static int
refuse(enum seam call)
{
    if (call != SEAM_SEMOP || getpid() == parent || refuse_in == 0)
        return 0;
    return --refuse_in == 0 ? -ENOSPC : 0;
}

static int
look_and_live(void *arg)
{
    atomic_store(&told->put, sysvmp_lock_locked(arg));
    atomic_store(&told->step, 1);
    until(&told->step, 2);
    return 0;
}

/* The pipe is what a child registers first. */
static void
refused_at(int n, struct sysvmp_lock *lock)
{
    char text[8];
    pid_t pid;

    atomic_store(&told->step, 0);
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    refuse_in = n;
    testing_fault = refuse;
    pid = child(look_and_live, lock);
    testing_fault = NULL;
    refuse_in = 0;
    until(&told->step, 1);
    is_int(-ENOSPC, atomic_load(&told->put),
        "seat-handed-on: semop %d of a child is refused: its calls say so", n);
    must(sysvmp_conn_close(end[1]), "conn_close");
    is_int(-EPIPE, sysvmp_conn_recv(end[0], text, sizeof(text), 5000),
        "... and while it lives it holds no end of a pipe");
    atomic_store(&told->step, 2);
    is_int(0, reap(pid), "... and it ends");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

/* So many locks are more than one semop registers. */
static void
refusals(void)
{
    enum { LOCKS = 40, CALLS = 6 };
    struct sysvmp_lock *locks[LOCKS];

    for (int i = 0; i < LOCKS; i++)
        must(sysvmp_lock_create(&locks[i]), "lock_create");
    for (int n = 1; n <= CALLS; n++)
        refused_at(n, locks[0]);
    refuse_in = 1;
    testing_fault = refuse;
    hand_on(-ENOSPC, "a child that was refused a semop");
    testing_fault = NULL;
    for (int i = 0; i < LOCKS; i++)
        sysvmp_lock_destroy(locks[i]);
}

int
main(void)
{
    struct sysvmp_lock *lock;

    plan(6 + 6 * 3 + 6);
    told = shared(sizeof(*told));
    parent = getpid();
    must(sysvmp_lock_create(&lock), "lock_create");
    crowd_gather(SEATS - 1);
    hand_on(-ENOSPC, "a child without a seat");
    crowd_dismiss(crowd_size);
    refusals();
    sysvmp_lock_destroy(lock);
    return done();
}
