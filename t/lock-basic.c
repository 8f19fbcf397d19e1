/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock-basic.c: a lock is held by one at a time; who comes meanwhile waits,
 * as long as it was told; any process and thread may release it.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <unistd.h>

enum { WAIT_MS = 30 };

static struct sysvmp_lock *lock;
static _Atomic int *stage;

static int
try_it(void *arg)
{
    (void)arg;
    return -sysvmp_lock_acquire(lock, SYSVMP_NOWAIT);
}

static int
release_it(void *arg)
{
    (void)arg;
    return -sysvmp_lock_release(lock);
}

static void *
release_in_thread(void *arg)
{
    *(int *)arg = sysvmp_lock_release(lock);
    return NULL;
}

static int
take_and_keep(void *arg)
{
    (void)arg;
    if (sysvmp_lock_acquire(lock, SYSVMP_FOREVER) != 0)
        return 1;
    if (*stage == 0)
        *stage = 1;
    until(stage, 2);
    return sysvmp_lock_release(lock) != 0;
}

static void
held(void)
{
    int64_t start;

    is_int(0, sysvmp_lock_locked(lock), "lock-basic: a new lock is free");
    is_int(0, sysvmp_lock_owner(lock), "... and has no owner");
    is_int(0, sysvmp_lock_acquire(lock, SYSVMP_FOREVER), "... it is taken");
    is_int(1, sysvmp_lock_locked(lock), "... then it is locked");
    is_int(getpid(), sysvmp_lock_owner(lock), "... and we are its owner");
    is_int(-EAGAIN, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT),
        "... it is not recursive");
    is_int(EAGAIN, reap(child(try_it, NULL)), "... nor for a child");
    start = now_ns();
    is_int(-ETIMEDOUT, sysvmp_lock_acquire(lock, WAIT_MS),
        "... who waits is told when the time is up");
    ok(now_ns() - start >= WAIT_MS * INT64_C(1000000), "... not before");
}

static void
released(void)
{
    pthread_t thread;
    int result = 1;

    is_int(0, sysvmp_lock_release(lock), "lock-basic: it is released");
    is_int(0, sysvmp_lock_locked(lock), "... then it is free");
    is_int(0, sysvmp_lock_owner(lock), "... and has no owner");
    is_int(-EOVERFLOW, sysvmp_lock_release(lock),
        "... to release it again is one too many");
    is_int(EOVERFLOW, reap(child(release_it, NULL)), "... also in a child");
    is_int(0, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT),
        "... which changes nothing: it can be taken");
    is_int(-EAGAIN, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "... once");

    if (pthread_create(&thread, NULL, release_in_thread, &result) != 0)
        bail("pthread_create");
    pthread_join(thread, NULL);
    is_int(0, result, "lock-basic: another thread releases it");
    is_int(0, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "... it was free");
}

/* We hold it. */
static void
released_by_another(void)
{
#ifdef SYSVMP_PLAIN_LOCK
    is_int(EPERM, reap(child(release_it, NULL)),
        "lock-basic: another process may not release a plain lock");
    is_int(1, sysvmp_lock_locked(lock), "... it is still held");
    must(sysvmp_lock_release(lock), "release");
#else
    is_int(0, reap(child(release_it, NULL)),
        "lock-basic: another process releases it");
    is_int(0, sysvmp_lock_locked(lock), "... then it is free");
#endif
    is_int(0, reap(child(try_it, NULL)), "... and can be taken");
    must(sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "its holder has ended");
    must(sysvmp_lock_release(lock), "release");
}

static void
waited_for(void)
{
    pid_t first, second;

    *stage = 0;
    first = child(take_and_keep, NULL);
    until(stage, 1);
    is_int(first, sysvmp_lock_owner(lock),
        "lock-basic: another process is its owner");
    second = child(take_and_keep, NULL);
    ok(asleep(second), "... a second one waits");
    *stage = 2;
    is_int(0, reap(first), "... the first releases it");
    is_int(0, reap(second), "... the second gets it");
    is_int(0, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "... then we do");
    is_int(0, sysvmp_lock_release(lock), "... and release it");
}

static void
many(void)
{
    enum { LOCKS = 200 };
    struct sysvmp_lock *locks[LOCKS];
    int good = 0;

    for (int i = 0; i < LOCKS; i++)
        must(sysvmp_lock_create(&locks[i]), "lock_create");
    for (int i = 0; i < LOCKS; i += 2)
        good += sysvmp_lock_acquire(locks[i], SYSVMP_NOWAIT) == 0;
    for (int i = 0; i < LOCKS; i++)
        good += sysvmp_lock_locked(locks[i]) == (i % 2 == 0);
    is_int(LOCKS + LOCKS / 2, good,
        "lock-basic: %d locks do not know of each other", LOCKS);
    for (int i = 0; i < LOCKS; i++)
        sysvmp_lock_destroy(locks[i]);
    is_int(0, sysvmp_lock_locked(lock), "... when they go, others stay");
}

int
main(void)
{
    plan(9 + 9 + 3 + 6 + 2);
    stage = shared(sizeof(*stage));
    must(sysvmp_lock_create(&lock), "lock_create");
    held();
    released();
    released_by_another();
    waited_for();
    many();
    sysvmp_lock_destroy(lock);
    return done();
}
