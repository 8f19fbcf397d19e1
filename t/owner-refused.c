/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * owner-refused.c: the kernel refuses each call by which a program removes
 * what it has, with each code that a filter of system calls may give: what
 * could not be removed is not forgotten, and the next program removes it.
 *
 * There is no janitor here: it would hide what the program itself forgets.
 * With SYSVMP_CRASH_ALL=1 each call fails with each code, else every third
 * with one.
 */
#include <config.h>

#include "internal.h"

#include "child.h"
#include "testing.h"

#include <stdlib.h>

enum { CALLS_MAX = 200, FOR_GOOD = 100000 };

static int step = 3;

static struct sysvmp_lock *lock;
static struct sysvmp_queue *queue;
static struct sysvmp_conn *end[2];

/* Which calls fail, with what: from the n-th on, so many. */
static enum seam kind;
static int code;
static _Atomic int *at, *times, *seen;

static int
refuse(enum seam call)
{
    if (call != kind)
        return 0;
    ++*seen;
    return *seen >= *at && *seen < *at + *times ? -code : 0;
}

static void
create_all(void)
{
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
}

static void
destroy_all(void)
{
    sysvmp_lock_destroy(lock);
    sysvmp_queue_destroy(queue);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

/* Fails in a destroy, or at the end. */
static int
refused(void *arg)
{
    create_all();
    *seen = 0;
    testing_fault = refuse;
    if (arg)
        destroy_all();
    exit(0);
}

/* It finds what the other has left. */
static int
next_program(void *arg)
{
    (void)arg;
    create_all();
    destroy_all();
    exit(0);
}

/* From the n-th call on; false: it did not come to that one. */
static int
one(void *destroys, int n, int how_often)
{
    *at = n;
    *times = how_often;
    if (reap(child(refused, destroys)) != 0) {
        diag("call %d: the program fails", n);
        return 0;
    }
    return *seen >= n;
}

static void
walk(enum seam which, const char *name, int error, void *destroys, int often)
{
    int n = 1, rounds = 0, kept = 0, lost = 0;

    kind = which;
    code = error;
    for (; n < CALLS_MAX && one(destroys, n, often); n += step, rounds++) {
        kept += ipc_left() > 0;
        if (reap(child(next_program, NULL)) != 0 || ipc_left() != 0) {
            lost++;
            diag("%s fails with %s from call %d on: %d left", name,
                strerror(error), n, ipc_left());
            ipc_remove();
        }
    }
    ok(rounds > 0 && lost == 0, "%s, %s, %s, %s: none of %d calls loses "
        "anything", name, strerror(error), often == 1 ? "once" : "for good",
        destroys ? "in destroy" : "at the end", rounds);
    diag("%d of them left something to the next program", kept);
}

int
main(void)
{
    static const struct {
        enum seam which;
        const char *name;
    } calls[] = {
        {SEAM_MSGCTL, "msgctl"},
        {SEAM_SEMCTL, "semctl"},
        {SEAM_SHMCTL, "shmctl"},
        {SEAM_SHMGET, "shmget"},
    };
    static const int codes[] = {EPERM, EACCES, ENOSYS};
    enum { CALLS = sizeof(calls) / sizeof(calls[0]),
        CODES = sizeof(codes) / sizeof(codes[0]),
        WAYS = 4 };
    int all = getenv("SYSVMP_CRASH_ALL") != NULL;
    int tests = CALLS * (all ? CODES : 1) * WAYS;

    plan(tests);
    if (!ipc_is_private()) {
        skip(tests, "what is left could not be told from others'");
        return done();
    }
    setenv("SYSVMP_JANITOR", "0", 1);
    if (all)
        step = 1;
    at = shared(3 * sizeof(*at));
    times = at + 1;
    seen = at + 2;
    for (int i = 0; i < CALLS; i++)
        for (int k = 0; k < (all ? CODES : 1); k++)
            for (int way = 0; way < WAYS; way++)
                walk(calls[i].which, calls[i].name, codes[k],
                    way & 1 ? &lock : NULL, way & 2 ? 1 : FOR_GOOD);
    return done();
}
