/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock.c: random SIGKILLs among processes, some of two threads, that take a
 * lock and an rlock in turn.
 */
#include <config.h>

#include "guarded.h"
#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

enum { WORKERS = 5, THREADED = 2 };

static int
threads(int worker)
{
    return worker < THREADED ? 2 : 1;
}

int
main(void)
{
    const struct storm storm = {.workers = WORKERS,
        .threads = threads,
        .work = guarded_turns,
        .still_right = guarded_right,
        .missing = WORKERS - 1};

    plan(2 * GUARDED_LINES + 2);
    guarded_create();
    is_int(0, storm_run(&storm, 1), "storm: no survivor hangs");
    guarded_check(GUARDED_LOCK, "lock");
    guarded_check(GUARDED_RLOCK, "rlock");
    guarded_destroy();
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
