/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * janitor-many.c: a program makes as many objects as the kernel has queues,
 * then as many as the library has room for; each time the next one answers
 * -ENOSPC and says why.  It is killed with its children, and its janitor
 * leaves nothing of all that; twice in a row.
 */
#include <config.h>

#include "internal.h"

#include "child.h"
#include "object.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Linux' own limit; the library has room for some more. */
enum { QUEUES = 32000, LOCKS = OBJECTS_MAX - QUEUES, CHILDREN = 3,
    TURNS = 2 };

static struct {
    _Atomic int ready;
    _Atomic int queues, locks;
    int queue_error, lock_error;
    char queue_text[512], lock_text[512];
} *stage;

static int
sleep_for_ever(void *arg)
{
    (void)arg;
    stage->ready++;
    for (;;)
        pause();
    return 0;
}

static void
fill(void)
{
    struct sysvmp_queue *queue;
    struct sysvmp_lock *lock;

    while ((stage->queue_error = sysvmp_queue_create(&queue, 0, 0)) == 0)
        stage->queues++;
    snprintf(stage->queue_text, sizeof(stage->queue_text), "%s",
        sysvmp_last_error());
    while ((stage->lock_error = sysvmp_lock_create(&lock)) == 0)
        stage->locks++;
    snprintf(stage->lock_text, sizeof(stage->lock_text), "%s",
        sysvmp_last_error());
}

/* Its first child inherits all, and the others some. */
static int
hoard(void *arg)
{
    struct sysvmp_queue *queue;

    setpgid(0, 0);
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    stage->queues++;
    for (int i = 1; i < CHILDREN; i++)
        started(sleep_for_ever, NULL);
    fill();
    started(sleep_for_ever, NULL);
    return sleep_for_ever(arg);
}

static void
turn(int number)
{
    int64_t start = now_ns();
    pid_t pid;

    memset(stage, 0, sizeof(*stage));
    pid = child(hoard, NULL);
    until(&stage->ready, CHILDREN + 1);
    diag("turn %d: made in %.1f s", number, (double)(now_ns() - start) / 1e9);
    is_int(QUEUES, stage->queues, "janitor-many: that many queues");
    is_int(-ENOSPC, stage->queue_error, "... and no more");
    ok(strstr(stage->queue_text, "kernel.msgmni") != NULL, "... as: %s",
        stage->queue_text);
    is_int(LOCKS, stage->locks, "... but that many locks");
    is_int(-ENOSPC, stage->lock_error, "... and no more");
    ok(strstr(stage->lock_text, "this program has") != NULL, "... as: %s",
        stage->lock_text);
    start = now_ns();
    kill(-pid, SIGKILL);
    while (wait(NULL) > 0) /* the janitor is the last */
        continue;
    is_int(0, ipc_left(), "... all are killed, and nothing is left");
    diag("%.2f s later", (double)(now_ns() - start) / 1e9);
}

static int
queues_allowed(void)
{
    FILE *f = fopen("/proc/sys/kernel/msgmni", "re");
    int n = 0;

    if (f != NULL) {
        if (fscanf(f, "%d", &n) != 1)
            n = 0;
        fclose(f);
    }
    return n;
}

int
main(void)
{
    plan(TURNS * 7);
    if (getenv("SYSVMP_JANITOR") == NULL)
        bail("SYSVMP_JANITOR is not set: see AM_TESTS_ENVIRONMENT");
    if (!ipc_is_private() || queues_allowed() != QUEUES) {
        skip(TURNS * 7, "no IPC namespace of our own with %d queues", QUEUES);
        return done();
    }
    stage = shared(sizeof(*stage));
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    for (int i = 1; i <= TURNS; i++)
        turn(i);
    return done();
}
