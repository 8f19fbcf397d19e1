/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * barrier.c: random SIGKILLs among those who meet at a barrier.  Who is killed
 * there breaks it for all, or has been the last to miss; one who is spared
 * resets it.  Those of a generation pass, all of them, or none does.
 */
#include <config.h>

#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>

enum { WORKERS = 5, THREADED = 2, PARTIES = WORKERS + THREADED, SPARED = 0,
    NAP_US = 50 };

static struct sysvmp_barrier *b;

static struct {
    _Atomic int64_t generations, passed, cancelled;
    _Atomic int wrongs;
} *meeting;

static int
spared(int worker)
{
    return worker == SPARED;
}

static int
threads(int worker)
{
    return worker >= WORKERS - THREADED ? 2 : 1;
}

static int
act(void *arg)
{
    (void)arg;
    meeting->generations++;
    return 0;
}

static void
begin_again(int worker)
{
    meeting->cancelled++;
    if (worker != SPARED)
        pause_us(NAP_US);
    else if (sysvmp_barrier_reset(b) != 0)
        meeting->wrongs++;
}

static int
work(int worker, int thread)
{
    unsigned seed = storm_draw(worker, thread);

    while (!storm_over()) {
        int result = sysvmp_barrier_wait(b, storm_timeout(&seed));

        if (result >= 0) {
            meeting->passed++;
            if (result >= PARTIES)
                meeting->wrongs++;
            storm_step(worker, thread);
            storm_linger(&seed);
        } else if (result == -ECANCELED || result == -ETIMEDOUT ||
            result == -EAGAIN) {
            begin_again(worker);
        } else {
            meeting->wrongs++;
        }
    }
    return 0;
}

static int
still_right(void)
{
    return meeting->wrongs == 0;
}

static void
over(void)
{
    must(sysvmp_barrier_abort(b), "abort");
}

int
main(void)
{
    const struct storm storm = {.workers = WORKERS,
        .threads = threads,
        .spared = spared,
        .work = work,
        .still_right = still_right,
        .over = over};
    int64_t all;

    plan(4);
    meeting = shared(sizeof(*meeting));
    must(sysvmp_barrier_create(&b, PARTIES, act, NULL), "barrier_create");
    is_int(0, storm_run(&storm, 1), "storm: nobody waits on at a barrier");
    is_int(0, meeting->wrongs, "... nor is anything wrong");
    all = meeting->generations * PARTIES;
    diag("%lld generations, %lld passed, %lld cancelled",
        (long long)meeting->generations, (long long)meeting->passed,
        (long long)meeting->cancelled);
    /* Who is killed may have passed and not said so, with its threads; or
     * have acted for a generation that it then broke. */
    ok(meeting->passed <= all &&
            meeting->passed + (int64_t)storm_kills_done() * PARTIES >= all,
        "... all of a generation pass, or none does");
    sysvmp_barrier_destroy(b);
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
