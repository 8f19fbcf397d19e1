/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * leave-clean.c: when the last process of a program has ended as programs do,
 * nothing of it is in the kernel, whoever was the last.  Seen from outside, by
 * a process that has none of its objects.
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

enum { CROWD = 8, ROUNDS = 100 };

static struct sysvmp_lock *lock;
static struct sysvmp_queue *queue;
static struct sysvmp_conn *end[2];
static _Atomic int *go, *last;

static void
create_all(void)
{
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
}

static int
use_all(void *arg)
{
    char c;

    (void)arg;
    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER) >= 0 &&
        sysvmp_queue_put(queue, "x", 1, SYSVMP_FOREVER) == 0 &&
        sysvmp_queue_get(queue, &c, 1, SYSVMP_FOREVER) == 1 &&
        sysvmp_conn_send(end[0], "x", 1, SYSVMP_FOREVER) == 0 &&
        sysvmp_conn_recv(end[1], &c, 1, SYSVMP_FOREVER) == 1 &&
        sysvmp_lock_release(lock) == 0 ? 0 : 1;
}

/* It destroys nothing, and has messages in its queue. */
static _Noreturn void
alone(void)
{
    create_all();
    must(sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT), "queue_put");
    must(sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "lock_acquire");
    exit(0);
}

static _Noreturn void
after_destroying(void)
{
    create_all();
    sysvmp_lock_destroy(lock);
    sysvmp_queue_destroy(queue);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    exit(0);
}

static _Noreturn void
by_process_exit(void)
{
    create_all();
    sysvmp_process_exit(0);
}

static _Noreturn void
with_children(void)
{
    create_all();
    started(use_all, NULL);
    exit(end_of(started(use_all, NULL)));
}

static _Noreturn void
after_a_killed_child(void)
{
    struct sysvmp_process *p;

    create_all();
    p = started(use_all, NULL);
    must(sysvmp_process_kill(p), "process_kill");
    end_of(p);
    exit(0);
}

/* A child outlives it. */
static int
end_last(void *arg)
{
    (void)arg;
    until(go, 1);
    exit(use_all(NULL));
}

static _Noreturn void
before_a_child(void)
{
    create_all();
    atomic_store(last, child(end_last, NULL));
    exit(0);
}

static int
have_grandchild(void *arg)
{
    (void)arg;
    atomic_store(last, child(end_last, NULL));
    return 0;
}

static _Noreturn void
before_a_grandchild(void)
{
    create_all();
    exit(end_of(started(have_grandchild, NULL)));
}

/* The whole program is there still, and has left. */
static _Noreturn void
after_leaving(void)
{
    create_all();
    if (sysvmp_leave() != 0)
        exit(1);
    if (ipc_left() != 0)
        exit(2);
    if (sysvmp_lock_acquire(lock, SYSVMP_NOWAIT) != -EBADF)
        exit(3);
    sysvmp_lock_destroy(lock);
    sysvmp_queue_destroy(queue);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    create_all();
    if (ipc_left() == 0)
        exit(4);
    exit(use_all(NULL) || end_of(started(use_all, NULL)) ? 5 : 0);
}

static void
leaves_nothing(void (*program)(void), const char *text)
{
    pid_t pid;

    atomic_store(go, 0);
    atomic_store(last, 0);
    pid = forked();
    if (pid == 0)
        program();
    is_int(0, reap(pid), "leave-clean: %s", text);
    if (atomic_load(last) > 0) {
        ok(ipc_left() > 0, "... who still has its objects");
        atomic_store(go, 1);
        is_int(0, reap(atomic_load(last)), "... and uses them");
    }
    is_int(0, ipc_left(), "... leaves nothing");
}

/* All of them end in one moment. */
static int
crowd(void *arg)
{
    _Atomic int *pid = arg;

    create_all();
    for (int i = 0; i < CROWD; i++)
        atomic_store(&pid[i], child(end_last, NULL));
    atomic_store(go, 1);
    exit(0);
}

static void
all_at_once(void)
{
    _Atomic int *pid = shared(CROWD * sizeof(*pid));
    int well = 0, clean = 0;

    for (int i = 0; i < ROUNDS; i++) {
        atomic_store(go, 0);
        well += reap(child(crowd, pid)) == 0;
        for (int k = 0; k < CROWD; k++)
            well += reap(atomic_load(&pid[k])) == 0;
        clean += ipc_left() == 0;
    }
    is_int((CROWD + 1) * ROUNDS, well, "all end in one moment, %d times",
        ROUNDS);
    is_int(ROUNDS, clean, "... and leave nothing");
}

int
main(void)
{
    plan(6 * 2 + 2 * 4 + 2);
    go = shared(sizeof(*go));
    last = shared(sizeof(*last));
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    leaves_nothing(alone, "a program that holds all to its end");
    leaves_nothing(after_destroying, "one that destroyed its handles");
    leaves_nothing(by_process_exit, "one that ends by process_exit");
    leaves_nothing(with_children, "one with children");
    leaves_nothing(after_a_killed_child, "one whose child was killed");
    leaves_nothing(before_a_child, "one that ends before a child of its own");
    leaves_nothing(before_a_grandchild, "... before a grandchild");
    leaves_nothing(after_leaving, "one that leaves and begins anew");
    all_at_once();
    return done();
}
