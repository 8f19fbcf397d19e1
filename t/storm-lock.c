/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storm-lock.c: 250 random SIGKILLs among processes that take a lock and an
 * rlock in turn.
 *
 * Each protects a record of some words that are all alike, but while somebody
 * is writing them one after another.  Who finds them unlike, or somebody
 * else's name in it, and was not told SYSVMP_OWNER_DEAD, has found an error;
 * so has the supervisor if there were more notices than kills.
 */
#include <config.h>

#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <stdatomic.h>

enum { WORKERS = 4, KILLS = 250, WORDS = 16 };

struct record {
    _Atomic int inside; /* who is in the critical section, + 1 */
    /* Not atomic: the lock has to do it. */
    volatile unsigned word[WORDS];
    _Atomic int told;   /* how often OWNER_DEAD was answered */
    _Atomic int torn;   /* found unlike without a notice */
    _Atomic int shared; /* found with somebody inside, likewise */
    _Atomic int codes;  /* answers that should not be */
    _Atomic int timed_out;
};

static struct record *records; /* one by the lock, one by the rlock */
static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;

static int
acquire(int which, int timeout_ms)
{
    int result = which == 0 ? sysvmp_lock_acquire(lock, timeout_ms)
                            : sysvmp_rlock_acquire(rlock, timeout_ms);

    /* An rlock is taken again, which is never a matter of waiting. */
    if (which == 1 && result >= 0 &&
        sysvmp_rlock_acquire(rlock, SYSVMP_NOWAIT) != 0)
        atomic_fetch_add(&records[1].codes, 1);
    return result;
}

static int
release(int which)
{
    if (which == 0)
        return sysvmp_lock_release(lock);
    return sysvmp_rlock_release(rlock) != 0 ? -1
                                            : sysvmp_rlock_release(rlock);
}

static void
enter(struct record *r, int worker, int told)
{
    int inside = atomic_exchange(&r->inside, worker + 1);

    if (told) {
        atomic_fetch_add(&r->told, 1);
        for (int i = 1; i < WORDS; i++)
            r->word[i] = r->word[0];
        return;
    }
    if (inside != 0)
        atomic_fetch_add(&r->shared, 1);
    for (int i = 1; i < WORDS; i++)
        if (r->word[i] != r->word[0]) {
            atomic_fetch_add(&r->torn, 1);
            break;
        }
}

static void
leave(struct record *r, int worker)
{
    for (int i = 0; i < WORDS; i++)
        r->word[i]++;
    if (atomic_exchange(&r->inside, 0) != worker + 1)
        atomic_fetch_add(&r->shared, 1);
}

static int
work(int worker)
{
    unsigned seed = (unsigned)now_ns();

    while (!storm_over()) {
        int which = (int)chance(&seed, 2);
        struct record *r = &records[which];
        int timeout_ms = chance(&seed, 4) != 0 ? SYSVMP_FOREVER
                                               : (int)chance(&seed, 3);
        int result = acquire(which, timeout_ms);

        if (result == -ETIMEDOUT || result == -EAGAIN) {
            atomic_fetch_add(&r->timed_out, 1);
            continue;
        }
        if (result < 0) {
            atomic_fetch_add(&r->codes, 1);
            return 1;
        }
        enter(r, worker, result == SYSVMP_OWNER_DEAD);
        leave(r, worker);
        if (release(which) != 0)
            atomic_fetch_add(&r->codes, 1);
        storm_step(worker);
    }
    return 0;
}

static int
still_right(void)
{
    for (int i = 0; i < 2; i++)
        if (records[i].torn || records[i].shared || records[i].codes)
            return 0;
    return 1;
}

static void
sum_up(int which, const char *name)
{
    const struct record *r = &records[which];

    is_int(0, r->torn, "%s: a torn record was always announced", name);
    is_int(0, r->shared, "... and two never held it");
    is_int(0, r->codes, "... and no call answered what it must not");
    ok(r->told <= KILLS, "... and each notice has its dead");
    diag("%s: %u entries, %d notices, %d times the time ran out", name,
        r->word[0], r->told, r->timed_out);
    if (which == 0)
        ok(sysvmp_lock_acquire(lock, SYSVMP_NOWAIT) >= 0,
            "... and it can be had afterwards");
    else
        ok(sysvmp_rlock_acquire(rlock, SYSVMP_NOWAIT) >= 0,
            "... and it can be had afterwards");
}

int
main(void)
{
    const struct storm storm = {WORKERS, work, still_right, NULL};

    plan(12);
    records = shared(2 * sizeof(*records));
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    is_int(0, storm_run(&storm, KILLS),
        "storm: %d kills, and no survivor hangs", KILLS);
    sum_up(0, "lock");
    sum_up(1, "rlock");
    sysvmp_lock_destroy(lock);
    sysvmp_rlock_destroy(rlock);
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
