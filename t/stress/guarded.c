/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guarded.c: see guarded.h.  The words are not atomic: the lock has to do it.
 */
#include <config.h>

#include "guarded.h"
#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <stdatomic.h>

enum { WORDS = 16, LINGER = 256, LINGER_US = 100 };

struct record {
    _Atomic int inside; /* who is in the critical section, + 1 */
    volatile unsigned word[WORDS];
    _Atomic int clean;     /* kills that the last one to leave knew of */
    _Atomic int told;      /* how often OWNER_DEAD was answered */
    _Atomic int torn;      /* found unlike without a notice */
    _Atomic int shared;    /* found with somebody inside, likewise */
    _Atomic int unfounded; /* notices without a death */
    _Atomic int codes;     /* answers that should not be */
    _Atomic int timed_out;
};

static struct record *records;
static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;

void
guarded_create(void)
{
    records = shared(GUARDED * sizeof(*records));
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
}

void
guarded_destroy(void)
{
    sysvmp_lock_destroy(lock);
    sysvmp_rlock_destroy(rlock);
}

static int
acquire(int which, int timeout_ms)
{
    int result = which == GUARDED_LOCK
        ? sysvmp_lock_acquire(lock, timeout_ms)
        : sysvmp_rlock_acquire(rlock, timeout_ms);

    /* An rlock is taken again, which is never a matter of waiting. */
    if (which == GUARDED_RLOCK && result >= 0 &&
        sysvmp_rlock_acquire(rlock, SYSVMP_NOWAIT) != 0)
        atomic_fetch_add(&records[which].codes, 1);
    return result;
}

static int
release(int which)
{
    if (which == GUARDED_LOCK)
        return sysvmp_lock_release(lock);
    return sysvmp_rlock_release(rlock) != 0 ? -1
                                            : sysvmp_rlock_release(rlock);
}

static void
mend(struct record *r)
{
    atomic_fetch_add(&r->told, 1);
    if (storm_kills_begun() <= atomic_load(&r->clean))
        atomic_fetch_add(&r->unfounded, 1);
    for (int i = 1; i < WORDS; i++)
        r->word[i] = r->word[0];
}

static void
look(struct record *r, int inside)
{
    if (inside != 0)
        atomic_fetch_add(&r->shared, 1);
    for (int i = 1; i < WORDS; i++)
        if (r->word[i] != r->word[0]) {
            atomic_fetch_add(&r->torn, 1);
            break;
        }
}

int
guarded_enter(int which, int who, int timeout_ms)
{
    struct record *r = &records[which];
    int inside, result = acquire(which, timeout_ms);

    if (result < 0) {
        int waited = result == -ETIMEDOUT || result == -EAGAIN;

        atomic_fetch_add(waited ? &r->timed_out : &r->codes, 1);
        return result;
    }
    inside = atomic_exchange(&r->inside, who + 1);
    if (result == SYSVMP_OWNER_DEAD)
        mend(r);
    else
        look(r, inside);
    return 0;
}

void
guarded_leave(int which, int who, unsigned *seed)
{
    struct record *r = &records[which];
    int linger = chance(seed, LINGER) == 0;

    for (int i = 0; i < WORDS; i++) {
        r->word[i]++;
        /* So that others fall asleep. */
        if (linger && i == WORDS / 2)
            pause_us(chance(seed, LINGER_US));
    }
    atomic_store(&r->clean, storm_kills_done());
    if (atomic_exchange(&r->inside, 0) != who + 1)
        atomic_fetch_add(&r->shared, 1);
    if (release(which) != 0)
        atomic_fetch_add(&r->codes, 1);
}

int
guarded_turns(int worker, int thread)
{
    unsigned seed = storm_draw(worker, thread);
    int who = worker * STORM_THREADS_MAX + thread;

    while (!storm_over()) {
        int which = (int)chance(&seed, GUARDED);

        if (guarded_enter(which, who, storm_timeout(&seed)) < 0)
            continue;
        guarded_leave(which, who, &seed);
        storm_step(worker, thread);
    }
    return 0;
}

int
guarded_right(void)
{
    for (int i = 0; i < GUARDED; i++)
        if (records[i].torn || records[i].shared || records[i].codes ||
            records[i].unfounded)
            return 0;
    return 1;
}

void
guarded_check(int which, const char *name)
{
    const struct record *r = &records[which];

    is_int(0, r->torn, "%s: a torn record was always announced", name);
    is_int(0, r->shared, "... and two never held it");
    is_int(0, r->codes, "... and no call answered what it must not");
    is_int(0, r->unfounded, "... and no notice came without a death");
    diag("%s: %u entries, %d notices, %d times the time ran out", name,
        r->word[0], r->told, r->timed_out);
    ok(acquire(which, SYSVMP_NOWAIT) >= 0 && release(which) == 0,
        "... and it can be had afterwards");
}
