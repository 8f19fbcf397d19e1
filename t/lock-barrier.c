/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock-barrier.c: a release may be a mere store, as long as who waits can make
 * every process pass a barrier.  Where the system forbids that from the start,
 * releases pay for the order themselves; where it does so later, who waits
 * does not sleep for long at a time.
 */
#include <config.h>

#include "child.h"
#include "internal.h"
#include "mutex.h"
#include "testing.h"

enum { PAIRS = 20000, BLIND_MS = 300 };

static struct sysvmp_lock *lock;
static _Atomic int *stage;
static long *counter;

static int
forbidden(enum seam call)
{
    return call == SEAM_MEMBARRIER ? -EPERM : 0;
}

static void
create(void)
{
    must(sysvmp_lock_create(&lock), "lock_create");
}

static int
count_pairs(void *arg)
{
    (void)arg;
    for (int i = 0; i < PAIRS; i++) {
        must(sysvmp_lock_acquire(lock, SYSVMP_FOREVER), "acquire");
        ++*counter;
        must(sysvmp_lock_release(lock), "release");
    }
    return 0;
}

/* Three processes in tight loops, so some of them sleep. */
static void
contend(const char *text)
{
    struct sysvmp_process *p[2];

    *counter = 0;
    for (int i = 0; i < 2; i++)
        p[i] = started(count_pairs, NULL);
    count_pairs(NULL);
    for (int i = 0; i < 2; i++)
        is_int(0, end_of(p[i]), "%s: a contender ends", text);
    is_int(3 * PAIRS, *counter, "... and no turn was had by two");
}

#ifndef SYSVMP_PLAIN_LOCK
static struct mutex *
mutex(void)
{
    return (struct mutex *)lock;
}

static void
does_without(void)
{
    if (mutex()->word.swift)
        bail("the lock counts on a barrier that is forbidden");
}

static int
wait_for_it(void *arg)
{
    testing_fault = arg != NULL ? forbidden : NULL;
    atomic_store(stage, 1);
    must(sysvmp_lock_acquire(lock, SYSVMP_FOREVER), "acquire");
    atomic_store(stage, 2);
    return sysvmp_lock_release(lock) == 0 ? 0 : 1;
}

/* A release whose look at the flags came before the waiter's mark, and whose
 * store came after the waiter's look: what only the barrier can exclude. */
static int
after_blind_release(void *fault)
{
    struct sysvmp_process *p;
    int seen;

    atomic_store(stage, 0);
    must(sysvmp_lock_acquire(lock, 0), "acquire");
    p = started(wait_for_it, fault);
    until(stage, 1);
    if (!asleep((pid_t)sysvmp_process_pid(p)))
        bail("the waiter does not sleep");
    atomic_store(&mutex()->word.words->owner, 0);
    if (fault != NULL)
        until(stage, 2); /* as is wanted */
    else
        pause_ms(BLIND_MS);
    seen = atomic_load(stage);
    (void)word_hand_on(&mutex()->word, 0); /* now it looks */
    is_int(0, end_of(p), "lock-barrier: the waiter ends");
    return seen;
}

static void
blind(void)
{
    static int yes;

    create();
    if (!mutex()->word.swift) {
        skip(4, "there is no membarrier(2) here");
        return;
    }
    is_int(1, after_blind_release(NULL),
        "... counting on the barrier it slept past a blind release");
    is_int(2, after_blind_release(&yes),
        "... but not where the barrier is forbidden to it");
    sysvmp_lock_destroy(lock);
}
#else
static void
does_without(void)
{
}

static void
blind(void)
{
    skip(4, "the plain lock has no such release");
}
#endif

int
main(void)
{
    plan(3 + 3 + 4);
    stage = shared(sizeof(*stage));
    counter = shared(sizeof(*counter));
    create();
    contend("with a barrier");
    sysvmp_lock_destroy(lock);
    testing_fault = forbidden;
    create();
    does_without();
    contend("without");
    sysvmp_lock_destroy(lock);
    testing_fault = NULL;
    blind();
    return done();
}
