/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mixed.c: random SIGKILLs among processes that use all at once: a lock, an
 * rlock, a bounded queue, one without a limit, and a pipe.  In some a thread
 * each locks, sends and receives; in the others one thread does all by turns,
 * mostly with a lock held, and now and then has a child.
 */
#include <config.h>

#include "child.h"
#include "guarded.h"
#include "history.h"
#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

#include <sys/prctl.h>
#include <sys/wait.h>

enum { LIMIT = 5, TIMEOUT_MS = 3, THREADED = 4, WORKERS = 7 };
enum { CHANNELS = 3, SELDOM = 32 };
enum { LOCKS, SENDS, RECEIVES, THREADS }; /* a thread each */

static int senders[WORKERS][CHANNELS]; /* of THREADED only the first */
static int receivers[WORKERS];

static int
threads(int worker)
{
    return worker < THREADED ? THREADS : 1;
}

static int
sends_to(int worker)
{
    return worker % CHANNELS;
}

static int
receives_from(int worker)
{
    return (worker + 1) % CHANNELS;
}

static int
enter_and_leave(int which, int who, int timeout_ms, unsigned *seed)
{
    if (guarded_enter(which, who, timeout_ms) < 0)
        return 0;
    guarded_leave(which, who, seed);
    return 1;
}

static int
ends_at_once(void *arg)
{
    (void)arg;
    return 0;
}

/* A child that ends by itself, also when we are killed meanwhile. */
static int
has_child(unsigned *seed)
{
    if (chance(seed, 2) == 0)
        return reap(child(ends_at_once, NULL)) == 0;
    return end_of(started(ends_at_once, NULL)) == 0;
}

static int
operation(int worker, int held, int timeout_ms, unsigned *seed)
{
    int channel = (int)chance(seed, CHANNELS);
    int who = worker * STORM_THREADS_MAX;

    if (chance(seed, SELDOM) == 0)
        return has_child(seed);
    switch (chance(seed, 3)) {
    case 0:
        return history_send(senders[worker][channel], timeout_ms) == 0;
    case 1:
        return history_receive(receivers[worker], channel, timeout_ms) > 0;
    default:
        /* Two are always taken in the same order. */
        return held == GUARDED_RLOCK ||
            enter_and_leave(GUARDED_RLOCK, who, timeout_ms, seed);
    }
}

/* Does something, mostly with a lock held. */
static int
turn(int worker, int timeout_ms, unsigned *seed)
{
    int held = (int)chance(seed, GUARDED + 1), done;
    int who = worker * STORM_THREADS_MAX;

    if (held < GUARDED && guarded_enter(held, who, timeout_ms) < 0)
        return 0;
    done = operation(worker, held, timeout_ms, seed);
    if (held < GUARDED)
        guarded_leave(held, who, seed);
    return done;
}

static int
turns(int worker)
{
    unsigned seed = storm_draw(worker, 0);

    while (!storm_over()) {
        int timeout_ms = (int)chance(&seed, TIMEOUT_MS);

        if (turn(worker, timeout_ms, &seed))
            storm_step(worker, 0);
        storm_linger(&seed);
    }
    history_finished();
    return 0;
}

static int
work(int worker, int thread)
{
    if (worker >= THREADED)
        return turns(worker);
    switch (thread) {
    case LOCKS:
        return guarded_turns(worker, thread);
    case SENDS:
        return history_sends(senders[worker][0], worker, thread);
    default:
        return history_receives(receivers[worker], receives_from(worker),
            worker, thread);
    }
}

static void
died(int worker)
{
    history_died(receivers[worker]);
}

static int
still_right(void)
{
    return history_right() && guarded_right();
}

static void
over(void)
{
    history_wait_senders(WORKERS);
    for (int w = 0; w < THREADED; w++)
        history_tell_end(receives_from(w), 1);
}

static void
make_all(void)
{
    history_queue("bounded queue", LIMIT, 0);
    history_queue("queue without a limit", 0, 0);
    history_pipe("pipe", SYSVMP_SIMPLEX);
    for (int w = 0; w < WORKERS; w++) {
        receivers[w] = history_receiver();
        if (w < THREADED)
            senders[w][0] = history_sender(sends_to(w));
        for (int i = 0; w >= THREADED && i < CHANNELS; i++)
            senders[w][i] = history_sender(i);
    }
    guarded_create();
}

int
main(void)
{
    const struct storm storm = {WORKERS, threads, NULL, NULL, work, died,
        still_right, over, 1};
    int emptied;

    plan(2 + HISTORY_LINES + CHANNELS + 2 * GUARDED_LINES);
    make_all();
    /* The children of the killed come to us. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    emptied = is_int(0, storm_run(&storm, 1),
        "storm: no survivor hangs");
    while (wait(NULL) > 0)
        continue;
    history_check(emptied);
    guarded_check(GUARDED_LOCK, "lock");
    guarded_check(GUARDED_RLOCK, "rlock");
    history_destroy();
    guarded_destroy();
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
