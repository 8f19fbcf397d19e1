/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock-fair.c: two processes take and release one lock in tight loops: each
 * gets a third of the acquires or more.
 *
 * The control is what each of them does beside the other with a lock of its
 * own: on a busy machine one may get less of the CPU, and then can't have as
 * much of the lock.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <inttypes.h>

enum { PROCESSES = 2, RUN_MS = 2000, CONTROL_MS = 500, TRIES = 6 };

static struct sysvmp_lock *common, *own[PROCESSES];

static struct {
    _Atomic int ready, go, stop;
    _Atomic int64_t count[PROCESSES];
    _Atomic int failed;
} *stage;

static struct {
    int alone;
} mode;

static int
loop(void *arg)
{
    int i = *(const int *)arg;
    struct sysvmp_lock *lock = mode.alone ? own[i] : common;
    int64_t n = 0;

    stage->ready++;
    until(&stage->go, 1);
    while (!stage->stop) {
        if (sysvmp_lock_acquire(lock, SYSVMP_FOREVER) != 0 ||
            sysvmp_lock_release(lock) != 0)
            stage->failed = 1;
        n++;
    }
    stage->count[i] = n;
    return 0;
}

/* The share of the one who got less, in percent. */
static double
smaller_share(int alone, int ms)
{
    pid_t pid[PROCESSES];
    int64_t n[PROCESSES];

    mode.alone = alone;
    stage->ready = stage->go = stage->stop = 0;
    for (int i = 0; i < PROCESSES; i++)
        pid[i] = child(loop, &i);
    until(&stage->ready, PROCESSES);
    stage->go = 1;
    pause_ms(ms);
    stage->stop = 1;
    for (int i = 0; i < PROCESSES; i++) {
        reap(pid[i]);
        n[i] = stage->count[i];
    }
    diag("%s: %" PRId64 " and %" PRId64 " acquires in %d ms",
        alone ? "control, a lock each" : "one lock", n[0], n[1], ms);
    return 100.0 * (double)(n[0] < n[1] ? n[0] : n[1]) /
        (double)(n[0] + n[1] > 0 ? n[0] + n[1] : 1);
}

int
main(void)
{
    double control = 0, share = 0, wanted = 100;

    plan(2);
    stage = shared(sizeof(*stage));
    must(sysvmp_lock_create(&common), "lock_create");
    for (int i = 0; i < PROCESSES; i++)
        must(sysvmp_lock_create(&own[i]), "lock_create");

    /* Other programs' load may fall on one of them for a while. */
    for (int i = 0; i < TRIES && share < wanted; i++) {
        control = smaller_share(1, CONTROL_MS);
        wanted = control < 50 ? 100.0 / 3 * control / 50 : 100.0 / 3;
        share = smaller_share(0, RUN_MS);
    }
    ok(share >= wanted,
        "lock-fair: the smaller share is %.1f %% (wanted %.1f, control %.1f)",
        share, wanted, control);
    is_int(0, stage->failed, "... and no call has failed");
    return done();
}
