/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * owner-pidns.c: a program starts in a pid namespace of its own, and a program
 * outside of it sweeps meanwhile, where the pid of the first is nobody's.  At
 * whatever step that happens, the first is listed when it has its object.
 * With SYSVMP_CRASH_ALL=1 all steps are tried, else the first, up to some
 * after its segment.
 */
#include <config.h>

#include "internal.h"

#include "arena.h"
#include "child.h"
#include "directory.h"
#include "inspect.h"
#include "testing.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { POINTS_MAX = 200, POINTS_QUICK = 60, TESTS = 3 };

static struct {
    _Atomic int ended, listed;
    _Atomic int stopped, over; /* by the first process, for the sweeper */
    _Atomic int nobody, numbered;
} *stage;

/* The first object, with a stop at that point of it. */
static int
starts(void *arg)
{
    struct sysvmp_lock *lock;

    testing_stops = 1;
    testing_crash_at(*(long *)arg);
    must(sysvmp_lock_create(&lock), "lock_create");
    testing_crash_at(0);
    stage->listed =
        directory_has(arena_current->user, arena_current->key, getpid());
    stage->ended = 1;
    kill(getpid(), SIGKILL);
    return 0;
}

static int
next_program(void *arg)
{
    struct sysvmp_lock *lock;

    (void)arg;
    must(sysvmp_lock_create(&lock), "lock_create");
    exit(0);
}

/* The first process of the namespace; the number that its child is to have is
 * nobody's outside. */
static int
first_of_namespace(void *arg)
{
    pid_t pid;
    int status, stopped = 1;
    FILE *f = fopen("/proc/sys/kernel/ns_last_pid", "we");

    if (f && fprintf(f, "%d", stage->nobody - 1) > 0 && fclose(f) == 0)
        stage->numbered = 1;
    pid = child(starts, arg);
    while (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status)) {
        stopped = 0;
        stage->stopped = 1;
        while (stage->stopped)
            pause_us(50);
        kill(pid, SIGCONT);
    }
    stage->over = 1;
    return stopped;
}

static int
nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* The children of this process are in a namespace of their own; it is outside
 * itself, and sweeps.  0: it was stopped; 1: it has no such point. */
static int
round_of(void *arg)
{
    pid_t pid = child(nothing, NULL);

    stage->nobody = pid;
    reap(pid);
    if (unshare(CLONE_NEWPID) < 0)
        return 2;
    pid = child(first_of_namespace, arg);
    while (!stage->over) {
        if (stage->stopped) {
            inspect_sweep();
            stage->stopped = 0;
        }
        pause_us(50);
    }
    return stage->numbered ? reap(pid) : 2;
}

int
main(void)
{
    long most = getenv("SYSVMP_CRASH_ALL") ? POINTS_MAX : POINTS_QUICK;
    long point = 1;
    int lost = 0, left = 0, status = 0;

    plan(TESTS);
    if (geteuid() != 0 || !ipc_is_private()) {
        skip(TESTS, "only root in an IPC namespace of its own can try it");
        return done();
    }
    setenv("SYSVMP_JANITOR", "0", 1);
    stage = shared(sizeof(*stage));
    for (; status == 0 && point < most; point++) {
        memset(stage, 0, sizeof(*stage));
        status = reap(child(round_of, &point));
        if (status != 2 && (!stage->ended || !stage->listed)) {
            diag("point %ld: %s", point,
                stage->ended ? "not listed" : "it did not end");
            lost++;
        }
        reap(child(next_program, NULL));
        left += ipc_left() > 0;
    }
    if (status == 2) {
        skip(TESTS, "no pid namespace is to be had");
        return done();
    }
    ok(point > POINTS_QUICK / 2, "a sweep at each of %ld points of a start "
        "in another pid namespace", point - 1 - status);
    is_int(0, lost, "... it is listed in the end");
    is_int(0, left, "... and what it leaves is removed");
    return done();
}
