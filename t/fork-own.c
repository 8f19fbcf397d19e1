/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork-own.c: a child of the program's own fork() uses every handle, however
 * it ends, and so do its children.
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <stdlib.h>

enum how { BY_EXIT, BY__EXIT, BY_SIGKILL, WAYS };

static const char *const way[WAYS] = {"exit", "_exit", "SIGKILL"};

/* What of it worked, by bits. */
enum { LOCK = 1, RLOCK = 2, QUEUE = 4, PIPE = 8, ALL = 15 };

static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static struct sysvmp_queue *queue;
static struct sysvmp_conn *end[2];
static _Atomic int *worked;

static void
create_all(void)
{
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
}

static void
destroy_all(void)
{
    sysvmp_lock_destroy(lock);
    sysvmp_rlock_destroy(rlock);
    sysvmp_queue_destroy(queue);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static int
use_lock(void)
{
    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER) == 0 &&
        sysvmp_lock_owner(lock) == getpid() && sysvmp_lock_release(lock) == 0;
}

/* Nobody has it then, unless another process has just taken it. */
static int
is_free(int refusal)
{
    return refusal == -EOVERFLOW || refusal == -EPERM;
}

static int
use_rlock(void)
{
    return sysvmp_rlock_acquire(rlock, SYSVMP_FOREVER) == 0 &&
        sysvmp_rlock_acquire(rlock, SYSVMP_NOWAIT) == 0 &&
        sysvmp_rlock_release(rlock) == 0 &&
        sysvmp_rlock_release(rlock) == 0 &&
        is_free(sysvmp_rlock_release(rlock));
}

static int
use_queue(void)
{
    pid_t pid = getpid(), got = 0;

    return sysvmp_queue_put(queue, &pid, sizeof(pid), SYSVMP_FOREVER) == 0 &&
        sysvmp_queue_get(queue, &got, sizeof(got), SYSVMP_FOREVER) ==
        sizeof(got) && got > 0;
}

static int
use_pipe(void)
{
    pid_t pid = getpid(), got = 0;

    return sysvmp_conn_send(end[1], &pid, sizeof(pid), SYSVMP_FOREVER) == 0 &&
        sysvmp_conn_recv(end[0], &got, sizeof(got), SYSVMP_FOREVER) ==
        sizeof(got) && got > 0;
}

static int
use_all(void)
{
    return (use_lock() ? LOCK : 0) | (use_rlock() ? RLOCK : 0) |
        (use_queue() ? QUEUE : 0) | (use_pipe() ? PIPE : 0);
}

static _Noreturn void
end_by(enum how how)
{
    if (how == BY_EXIT)
        exit(0);
    if (how == BY_SIGKILL)
        raise(SIGKILL);
    _exit(0);
}

static void
check_end(pid_t pid, enum how how)
{
    is_int(how == BY_SIGKILL ? -SIGKILL : 0, reap(pid), "... and ends by %s",
        way[how]);
}

static void
child_uses_all(enum how how)
{
    pid_t pid;

    create_all();
    atomic_store(worked, 0);
    pid = forked();
    if (pid == 0) {
        atomic_store(worked, use_all());
        end_by(how);
    }
    check_end(pid, how);
    is_int(ALL, atomic_load(worked), "fork-own: it used every handle");
    is_int(ALL, use_all(), "... and we do after it");
    is_int(0, sysvmp_queue_qsize(queue), "... nothing is left over");
    destroy_all();
}

/* What we hold is not the child's. */
static int
holds_nothing(void *arg)
{
    (void)arg;
    return sysvmp_lock_acquire(lock, SYSVMP_NOWAIT) == -EAGAIN &&
        sysvmp_lock_owner(lock) == getppid() &&
        sysvmp_rlock_acquire(rlock, SYSVMP_NOWAIT) == -EAGAIN &&
        sysvmp_rlock_release(rlock) == -EPERM ? 0 : 1;
}

static void
child_holds_nothing(void)
{
    create_all();
    must(sysvmp_lock_acquire(lock, SYSVMP_FOREVER), "lock_acquire");
    must(sysvmp_rlock_acquire(rlock, SYSVMP_FOREVER), "rlock_acquire");
    is_int(0, reap(child(holds_nothing, NULL)),
        "fork-own: the child does not hold what we hold");
    is_int(0, sysvmp_rlock_release(rlock), "... we do, after its end");
    is_int(0, sysvmp_lock_release(lock), "... both");
    is_int(0, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT),
        "... and its end was not a holder's");
    must(sysvmp_lock_release(lock), "lock_release");
    destroy_all();
}

static void
child_dies_with_locks(enum how how)
{
    pid_t pid;

    create_all();
    atomic_store(worked, 0);
    pid = forked();
    if (pid == 0) {
        if (sysvmp_lock_acquire(lock, SYSVMP_FOREVER) == 0 &&
            sysvmp_rlock_acquire(rlock, SYSVMP_FOREVER) == 0)
            atomic_store(worked, 1);
        end_by(how);
    }
    until(worked, 1);
    is_int(SYSVMP_OWNER_DEAD, sysvmp_lock_acquire(lock, SYSVMP_FOREVER),
        "a child ends by %s with a lock: we are told", way[how]);
    is_int(SYSVMP_OWNER_DEAD, sysvmp_rlock_acquire(rlock, SYSVMP_FOREVER),
        "... with an rlock, too");
    reap(pid);
    is_int(0, sysvmp_lock_release(lock), "... the lock is ours");
    is_int(0, sysvmp_rlock_release(rlock), "... so is the rlock");
    destroy_all();
}

/* The child holds both ends, as we do: our peer's end of file comes when both
 * of us are gone. */
static void
child_is_a_holder(enum how how)
{
    char c;
    pid_t pid;

    create_all();
    atomic_store(worked, 0);
    pid = forked();
    if (pid == 0) {
        must(sysvmp_conn_close(end[0]), "conn_close");
        until(worked, 1);
        must(sysvmp_conn_send(end[1], "x", 1, SYSVMP_FOREVER), "conn_send");
        end_by(how);
    }
    must(sysvmp_conn_close(end[1]), "conn_close");
    is_int(-EAGAIN, sysvmp_conn_recv(end[0], &c, 1, SYSVMP_NOWAIT),
        "a child has the other end: no end of file");
    atomic_store(worked, 1);
    is_int(1, sysvmp_conn_recv(end[0], &c, 1, SYSVMP_FOREVER),
        "... we get what it sends");
    is_int(-EPIPE, sysvmp_conn_recv(end[0], &c, 1, SYSVMP_FOREVER),
        "... and end of file");
    check_end(pid, how);
    destroy_all();
}

/* One line of descent: forked, started, forked, ...; each uses all. */
static int
descend(void *arg)
{
    int depth = *(int *)arg;

    *(int *)arg = depth - 1;
    if (use_all() != ALL)
        return 100;
    if (depth == 0)
        return 1;
    if (depth % 2)
        return 1 + reap(child(descend, arg));
    return 1 + end_of(started(descend, arg));
}

enum { DEPTH = 8, CHILDREN = 4, GRANDCHILDREN = 3 };

static int
grandchild(void *arg)
{
    (void)arg;
    return use_all() == ALL ? 1 : 0;
}

/* Some are forked and some are started; it answers how many were well. */
static int
family(void *arg)
{
    struct sysvmp_process *p[GRANDCHILDREN];
    pid_t pid[GRANDCHILDREN];
    int well = use_all() == ALL;

    (void)arg;
    for (int i = 0; i < GRANDCHILDREN; i++) {
        p[i] = started(grandchild, NULL);
        pid[i] = child(grandchild, NULL);
    }
    for (int i = 0; i < GRANDCHILDREN; i++)
        well += end_of(p[i]) + reap(pid[i]);
    return well;
}

static void
descendants(void)
{
    pid_t pid[CHILDREN];
    int depth = DEPTH, well = 0;

    create_all();
    is_int(DEPTH + 1, descend(&depth), "children of children use them");
    for (int i = 0; i < CHILDREN; i++)
        pid[i] = child(family, NULL);
    for (int i = 0; i < CHILDREN; i++)
        well += reap(pid[i]);
    is_int(CHILDREN * (1 + 2 * GRANDCHILDREN), well,
        "... and many of them, all at once");
    is_int(0, sysvmp_queue_qsize(queue), "... nothing is left over");
    is_int(ALL, use_all(), "... we use them after that");
    destroy_all();
}

static void
add(void *arg)
{
    atomic_fetch_add((_Atomic int *)arg, 1);
}

static int
nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void
at_fork(void)
{
    is_int(0, sysvmp_at_fork(add, worked), "at_fork: a function");
    atomic_store(worked, 0);
    reap(child(nothing, NULL));
    is_int(1, atomic_load(worked), "... runs in a child of our own fork()");
    end_of(started(nothing, NULL));
    is_int(2, atomic_load(worked), "... and in one that we start");
}

int
main(void)
{
    plan(WAYS * 12 + 4 + 4 + 3);
    worked = shared(sizeof(*worked));
    for (enum how how = 0; how < WAYS; how++) {
        child_uses_all(how);
        child_dies_with_locks(how);
        child_is_a_holder(how);
    }
    child_holds_nothing();
    descendants();
    at_fork();
    return done();
}
