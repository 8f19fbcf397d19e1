/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rlock.c: its holder, one thread of one process, takes it again and again
 * and releases it as often; nobody else may release it; a child is not its
 * holder; and when the holder dies, the next is told.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { DEPTH = 5 };

static struct sysvmp_rlock *lock;
static _Atomic int *stage;

static int
try_it(void *arg)
{
    (void)arg;
    return -sysvmp_rlock_acquire(lock, SYSVMP_NOWAIT);
}

static int
release_it(void *arg)
{
    (void)arg;
    return -sysvmp_rlock_release(lock);
}

/* Runs it in a thread of ours: what it answers. */
struct call {
    int (*fn)(void *);
    int result;
};

static void *
run(void *arg)
{
    struct call *call = arg;

    call->result = call->fn(NULL);
    return NULL;
}

static int
in_thread(int (*fn)(void *))
{
    struct call call = {fn, -1};
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, &call) != 0)
        bail("pthread_create");
    pthread_join(thread, NULL);
    return call.result;
}

static void
recursion(void)
{
    int good = 0;

    is_int(-EOVERFLOW, sysvmp_rlock_release(lock),
        "rlock: a free one can't be released");
    for (int i = 0; i < DEPTH; i++)
        good += sysvmp_rlock_acquire(lock, SYSVMP_NOWAIT) == 0;
    is_int(DEPTH, good, "... its holder takes it again and again");
    is_int(getpid(), sysvmp_rlock_owner(lock), "... and is its owner");
    is_int(EAGAIN, in_thread(try_it), "... another thread can't have it");
    is_int(EPERM, in_thread(release_it), "... nor release it");
    is_int(EAGAIN, reap(child(try_it, NULL)), "... nor can a child");
    is_int(EPERM, reap(child(release_it, NULL)), "... nor release it");
    for (int i = 1; i < DEPTH; i++)
        good -= sysvmp_rlock_release(lock) == 0;
    is_int(1, good, "... all releases but one succeed");
    is_int(1, sysvmp_rlock_locked(lock), "... and it is still locked");
    is_int(EAGAIN, in_thread(try_it), "... for others");
    is_int(0, sysvmp_rlock_release(lock), "... with the last release");
    is_int(0, sysvmp_rlock_locked(lock), "... it is free");
    is_int(0, sysvmp_rlock_owner(lock), "... and has no owner");
    is_int(-EOVERFLOW, sysvmp_rlock_release(lock), "... and no holder");
}

/* In a child of the holder. */
static int
not_the_holder(void *arg)
{
    (void)arg;
    if (sysvmp_rlock_owner(lock) != getppid())
        return 1;
    *stage = 1;
    if (sysvmp_rlock_acquire(lock, SYSVMP_FOREVER) != 0)
        return 2;
    if (sysvmp_rlock_acquire(lock, SYSVMP_FOREVER) != 0)
        return 3;
    if (sysvmp_rlock_owner(lock) != getpid())
        return 4;
    if (sysvmp_rlock_release(lock) != 0 || sysvmp_rlock_release(lock) != 0)
        return 5;
    return sysvmp_rlock_release(lock) == -EOVERFLOW ? 0 : 6;
}

static void
child_is_not_holder(void)
{
    pid_t pid;

    must(sysvmp_rlock_acquire(lock, SYSVMP_NOWAIT), "acquire");
    must(sysvmp_rlock_acquire(lock, SYSVMP_NOWAIT), "acquire");
    pid = child(not_the_holder, NULL);
    until(stage, 1);
    ok(asleep(pid), "rlock: a child of the holder waits for it");
    is_int(0, sysvmp_rlock_release(lock), "... one release of two");
    ok(asleep(pid), "... it still waits");
    is_int(0, sysvmp_rlock_release(lock), "... the second");
    is_int(0, reap(pid), "... then it is the child's, twice");
    is_int(0, sysvmp_rlock_acquire(lock, SYSVMP_NOWAIT), "... then ours");
    is_int(0, sysvmp_rlock_release(lock), "... and free");
}

static int
take_twice_and_die(void *arg)
{
    int wanted = *(const int *)arg;

    if (sysvmp_rlock_acquire(lock, SYSVMP_NOWAIT) != wanted ||
        sysvmp_rlock_acquire(lock, SYSVMP_NOWAIT) != 0)
        return 1;
    kill(getpid(), SIGKILL);
    return 2;
}

static void
owner_dead(void)
{
    int wanted[2] = {0, SYSVMP_OWNER_DEAD};

    is_int(-SIGKILL, reap(child(take_twice_and_die, &wanted[0])),
        "rlock: a holder dies");
    is_int(-SIGKILL, reap(child(take_twice_and_die, &wanted[1])),
        "... the next is told, takes it once more (0), and dies");
    is_int(0, sysvmp_rlock_locked(lock), "... it is not locked");
    is_int(SYSVMP_OWNER_DEAD, sysvmp_rlock_acquire(lock, 1000),
        "... the next is told again");
    is_int(0, sysvmp_rlock_acquire(lock, 1000), "... once");
    is_int(0, sysvmp_rlock_release(lock), "... and releases it");
    is_int(1, sysvmp_rlock_locked(lock), "... as often");
    is_int(0, sysvmp_rlock_release(lock), "... as it took it");
    is_int(0, sysvmp_rlock_acquire(lock, 1000), "... then nobody is told");
    is_int(0, sysvmp_rlock_release(lock), "... any more");
}

static int
take_and_end(void *arg)
{
    (void)arg;
    return sysvmp_rlock_acquire(lock, SYSVMP_NOWAIT);
}

static void
thread_ends(void)
{
    is_int(0, in_thread(take_and_end), "rlock: a thread takes it, and ends");
    is_int(-EAGAIN, sysvmp_rlock_acquire(lock, SYSVMP_NOWAIT),
        "... which is no death: it is held");
    is_int(-EPERM, sysvmp_rlock_release(lock), "... and not by us");
    is_int(EAGAIN, in_thread(try_it), "... nor by a new thread");
}

int
main(void)
{
    plan(14 + 7 + 10 + 4);
    stage = shared(sizeof(*stage));
    must(sysvmp_rlock_create(&lock), "rlock_create");
    recursion();
    child_is_not_holder();
    owner_dead();
    thread_ends();
    sysvmp_rlock_destroy(lock);
    return done();
}
