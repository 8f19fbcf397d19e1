/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * condition.c: random SIGKILLs among those who put one thing into a place and
 * those who take it out, with a condition for either.  A notification that
 * went to one of the dead and no further would leave all of them asleep: the
 * place is full, or empty, and nobody else has reason to notify.  So would a
 * holder that was killed between its change and its notification, if nobody
 * were told.
 */
#include <config.h>

#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <stdlib.h>

enum { WORKERS = 6, SPARED = 2 };

static struct sysvmp_lock *lock;
static struct sysvmp_condition *changed[2]; /* it is empty now; it is full */

static struct {
    _Atomic int full;
    _Atomic int wrongs, told;
    _Atomic int64_t put, taken;
} *place;

/* One that puts and one that takes are never killed. */
static int
spared(int worker)
{
    return worker < SPARED;
}

static int
threads(int worker)
{
    return worker < WORKERS - 2 ? 1 : 2;
}

/* The lock is held, and something may not have been told. */
static void
mend(void)
{
    place->told++;
    for (int i = 0; i < 2; i++)
        if (sysvmp_condition_notify_all(changed[i]) != 0)
            place->wrongs++;
}

static void
look_at(int result)
{
    if (result == SYSVMP_OWNER_DEAD)
        mend();
    else if (result < 0 && result != -EAGAIN && result != -ETIMEDOUT)
        place->wrongs++;
}

/* One more change: 0 when it is over. */
static int
change(int to, unsigned *seed)
{
    int over;

    look_at(sysvmp_lock_acquire(lock, SYSVMP_FOREVER));
    while (place->full == to && !storm_over())
        look_at(sysvmp_condition_wait(changed[!to], storm_timeout(seed)));
    over = storm_over();
    if (!over) {
        place->full = to;
        if (to)
            place->put++;
        else
            place->taken++;
        if (sysvmp_condition_notify(changed[to], 1) != 0)
            place->wrongs++;
    }
    if (sysvmp_lock_release(lock) != 0)
        place->wrongs++;
    return !over;
}

static int
work(int worker, int thread)
{
    unsigned seed = storm_draw(worker, thread);

    while (change(worker % 2, &seed)) {
        storm_step(worker, thread);
        storm_linger(&seed);
    }
    return 0;
}

static int
still_right(void)
{
    return place->wrongs == 0;
}

static void
over(void)
{
    look_at(sysvmp_lock_acquire(lock, SYSVMP_FOREVER));
    mend();
    must(sysvmp_lock_release(lock), "release");
}

int
main(void)
{
    const struct storm storm = {.workers = WORKERS,
        .threads = threads,
        .spared = spared,
        .work = work,
        .still_right = still_right,
        .over = over,
        .missing = WORKERS - SPARED};

    plan(4);
    place = shared(sizeof(*place));
    must(sysvmp_lock_create(&lock), "lock_create");
    for (int i = 0; i < 2; i++)
        must(sysvmp_condition_create(&changed[i], lock), "condition_create");
    is_int(0, storm_run(&storm, 1), "storm: nobody sleeps on, at a condition");
    is_int(0, place->wrongs, "... nor is anything wrong");
    diag("%lld put, %lld taken, %d times told of a holder's death",
        (long long)place->put, (long long)place->taken, place->told);
    /* A holder that is killed between the two has changed one alone. */
    ok(llabs(place->put - place->taken) <= storm_kills_done() + 1,
        "... each was put once, and taken once");
    for (int i = 0; i < 2; i++)
        sysvmp_condition_destroy(changed[i]);
    sysvmp_lock_destroy(lock);
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
