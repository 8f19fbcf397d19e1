/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * faults.c: calls of the kernel fail, by injection at the seam: interrupted
 * ones are made again; one that fails for want of room makes a constructor
 * answer a clear code and leave nothing behind, whichever it is; without
 * System V IPC each answers -ENOSYS.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"
#include "testing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { N = 300, MOST_CALLS = 100 };

static struct {
    int created, which;
    char text[256];
    char log[256];
} *stage;

/*
 * EINTR on every other call that can sleep, or that the kernel might
 * interrupt.
 */

static int
every_other(enum seam call)
{
    static _Thread_local unsigned count[SEAM_CALLS];

    switch (call) {
    case SEAM_SEMOP:
    case SEAM_SEMWAIT:
    case SEAM_MSGSND:
    case SEAM_MSGRCV:
        return count[call]++ % 2 == 0 ? -EINTR : 0;
    default:
        return 0;
    }
}

struct work {
    struct sysvmp_lock *lock;
    struct sysvmp_queue *q;
    struct sysvmp_conn *end[2];
};

static int
echo(void *arg)
{
    struct work *w = arg;
    char buf[64];
    ssize_t len;

    if (sysvmp_conn_close(w->end[0]) < 0 || sysvmp_queue_close(w->q) < 0)
        return 1;
    while ((len = sysvmp_conn_recv(w->end[1], buf, sizeof(buf), -1)) >= 0) {
        if (sysvmp_lock_acquire(w->lock, SYSVMP_FOREVER) != 0 ||
            sysvmp_lock_release(w->lock) != 0)
            return 2;
        if (sysvmp_queue_get(w->q, buf, sizeof(buf), 5000) != 3 ||
            sysvmp_conn_send(w->end[1], buf, (size_t)len, -1) != 0)
            return 3;
    }
    if (len != -EPIPE)
        return 4;
    len = sysvmp_queue_get(w->q, buf, sizeof(buf), SYSVMP_FOREVER);
    return len == -EPIPE ? 0 : 5;
}

static int
work(void *arg)
{
    struct work w;
    char buf[64];
    pid_t pid;

    (void)arg;
    testing_fault = every_other;
    if (sysvmp_lock_create(&w.lock) != 0 ||
        sysvmp_queue_create(&w.q, 2, SYSVMP_EOF) != 0 ||
        sysvmp_pipe_create(w.end, 0) != 0)
        return 10;
    pid = child(echo, &w);
    if (sysvmp_conn_close(w.end[1]) != 0)
        return 11;
    for (int i = 0; i < N; i++) {
        if (sysvmp_lock_acquire(w.lock, SYSVMP_FOREVER) != 0 ||
            sysvmp_conn_send(w.end[0], "12", 2, SYSVMP_FOREVER) != 0 ||
            sysvmp_lock_release(w.lock) != 0)
            return 12;
        if (sysvmp_conn_poll(w.end[0], 1) < 0)
            return 13;
        if (sysvmp_queue_put(w.q, "123", 3, SYSVMP_FOREVER) != 0 ||
            sysvmp_conn_recv(w.end[0], buf, sizeof(buf), 5000) != 2)
            return 14;
    }
    if (sysvmp_conn_recv(w.end[0], buf, sizeof(buf), 2) != -ETIMEDOUT)
        return 15;
    sysvmp_conn_destroy(w.end[0]);
    sysvmp_conn_destroy(w.end[1]);
    sysvmp_queue_destroy(w.q);
    sysvmp_lock_destroy(w.lock);
    if (reap(pid) != 0)
        return 16;
    if (sysvmp_leave() != 0)
        return 17;
    return ipc_left() == 0 ? 0 : 18;
}

/*
 * The n-th call of all that can fail for want of room does.  Of semop's it is
 * a process's first, which allocates what SEM_UNDO needs; a release can't fail
 * so.
 */

static int fault_at, fault_code, may_allocate;

static int
the_nth(enum seam call)
{
    if (call == SEAM_SEMOP && !may_allocate)
        return 0;
    if (call == SEAM_SEMOP)
        may_allocate = 0;
    switch (call) {
    case SEAM_SEMOP:
    case SEAM_SEMGET:
    case SEAM_MSGGET:
    case SEAM_SHMGET:
    case SEAM_SHMAT:
        stage->which = call;
        return --fault_at == 0 ? fault_code : 0;
    default:
        return 0;
    }
}

static int
create_and_destroy(int kind, int *result)
{
    struct sysvmp_lock *lock = (void *)result;
    struct sysvmp_rlock *rlock = (void *)result;
    struct sysvmp_queue *q = (void *)result;
    struct sysvmp_conn *end[2] = {(void *)result, (void *)result};

    switch (kind) {
    case 0:
        *result = sysvmp_lock_create(&lock);
        testing_fault = NULL;
        sysvmp_lock_destroy(lock);
        return (*result == 0) == (lock != NULL);
    case 1:
        *result = sysvmp_rlock_create(&rlock);
        testing_fault = NULL;
        sysvmp_rlock_destroy(rlock);
        return (*result == 0) == (rlock != NULL);
    case 2:
        *result = sysvmp_queue_create(&q, 3, 0);
        testing_fault = NULL;
        sysvmp_queue_destroy(q);
        return (*result == 0) == (q != NULL);
    default:
        *result = sysvmp_pipe_create(end, 0);
        testing_fault = NULL;
        sysvmp_conn_destroy(end[0]);
        sysvmp_conn_destroy(end[1]);
        return (*result == 0) == (end[0] != NULL) &&
            (*result == 0) == (end[1] != NULL);
    }
}

struct attempt {
    int kind, n, code, later; /* later: the arena is there already */
};

/* 0: it has failed, and all is well; 1: it did not fail. */
static int
fail_at(void *arg)
{
    const struct attempt *attempt = arg;
    struct sysvmp_lock *lock;
    int result, left;

    if (attempt->later && sysvmp_lock_create(&lock) != 0)
        return 10;
    left = ipc_left();
    fault_at = attempt->n;
    fault_code = attempt->code;
    may_allocate = !attempt->later;
    testing_fault = the_nth;
    if (!create_and_destroy(attempt->kind, &result))
        return 11;
    if (fault_at > 0)
        return sysvmp_leave() == 0 && result == 0 ? 1 : 12;
    snprintf(stage->text, sizeof(stage->text), "%d: %s", result,
        result < 0 ? sysvmp_last_error() : "mended");
    if (result != 0 && result != -ENOSPC && result != -ENOMEM)
        return 13;
    if (attempt->later && ipc_left() != left)
        return 14;
    if (!create_and_destroy(attempt->kind, &result) || result != 0)
        return 15;
    if (sysvmp_leave() != 0)
        return 16;
    return ipc_left() != 0 ? 17 : 0;
}

static void
each_fails(int kind, int later, int code)
{
    static const char *const kinds[] = {"lock", "rlock", "queue", "pipe"};
    struct attempt attempt = {kind, 0, code, later};
    int result;

    do {
        attempt.n++;
        result = reap(child(fail_at, &attempt));
    } while (result == 0 && attempt.n < MOST_CALLS);
    if (result > 1)
        diag("  at call %d (%d): %s", attempt.n, stage->which, stage->text);
    is_int(1, result, "faults: %s: %s at each of %d calls to make a %s",
        later ? "later" : "first", code == -ENOSPC ? "ENOSPC" : "ENOMEM",
        attempt.n - 1, kinds[kind]);
}

/*
 * No System V IPC.
 */

static int missing;

static int
no_ipc(enum seam call)
{
    return (int)call == missing ? -ENOSYS : 0;
}

static int
without(void *arg)
{
    struct sysvmp_queue *q = (void *)arg;
    int result;

    missing = *(const int *)arg;
    testing_fault = no_ipc;
    result = sysvmp_queue_create(&q, 0, 0);
    snprintf(stage->text, sizeof(stage->text), "%s", sysvmp_last_error());
    testing_fault = NULL;
    if (result != -ENOSYS || q)
        return 1;
    if (sysvmp_leave() != 0 || ipc_left() != 0)
        return 2;
    return 0;
}

/*
 * A set that is removed under a sleeper.
 */

static int
removed_when_it_sleeps(enum seam call)
{
    return call == SEAM_SEMWAIT ? -EIDRM : 0;
}

static int
sleeper(void *arg)
{
    struct sysvmp_queue *q;
    char buf[8];
    int result;

    (void)arg;
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    testing_fault = removed_when_it_sleeps;
    result = (int)sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_FOREVER);
    testing_fault = NULL;
    snprintf(stage->text, sizeof(stage->text), "%s", sysvmp_last_error());
    sysvmp_leave();
    return -result;
}

/*
 * The log: a fork that can't tell its peers is worth a line.
 */

static void
log_line(int level, const char *line, void *arg)
{
    snprintf(arg, sizeof(stage->log), "%d %s", level, line);
}

static int
no_attach(enum seam call)
{
    return call == SEAM_SHMAT ? -ENOMEM : 0;
}

static int
nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* A fork's child for which there is no room. */
static int
try_lock(void *arg)
{
    return -sysvmp_lock_acquire(arg, SYSVMP_NOWAIT);
}

static int
no_undo(enum seam call)
{
    return call == SEAM_SEMOP && may_allocate-- > 0 ? -ENOSPC : 0;
}

static int
child_cannot_join(void *arg)
{
    struct sysvmp_lock *lock;
    int result;

    (void)arg;
    must(sysvmp_lock_create(&lock), "lock_create");
    sysvmp_set_log(log_line, stage->log);
    may_allocate = 1;
    testing_fault = no_undo;
    result = reap(child(try_lock, lock));
    testing_fault = NULL;
    if (result != ENOSPC)
        return 1;
    if (reap(child(try_lock, lock)) != 0)
        return 2;
    if (sysvmp_lock_acquire(lock, SYSVMP_NOWAIT) != SYSVMP_OWNER_DEAD)
        return 3;
    sysvmp_lock_destroy(lock);
    return sysvmp_leave() != 0 ? 4 : ipc_left() != 0 ? 5 : 0;
}

static int
logging(void *arg)
{
    struct sysvmp_lock *lock;

    (void)arg;
    must(sysvmp_lock_create(&lock), "lock_create");
    testing_fault = no_attach;
    if (reap(child(nothing, NULL)) != 0 || stage->log[0] != '\0')
        return 1;
    sysvmp_set_log(log_line, stage->log);
    if (reap(child(nothing, NULL)) != 0)
        return 2;
    return sysvmp_leave() != 0;
}

int
main(void)
{
    static const int gets[] = {SEAM_SEMGET, SEAM_MSGGET, SEAM_SHMGET,
        SEAM_SHMAT};

    plan(1 + 4 * 2 + 2 * 2 + 2 * 3 + 2 + 3 + 2);
    stage = shared(sizeof(*stage));
    is_int(0, reap(child(work, NULL)),
        "faults: EINTR on every other call: all works as ever");
    for (int kind = 0; kind < 4; kind++)
        for (int later = 0; later <= (kind >= 2); later++) {
            each_fails(kind, later, -ENOSPC);
            each_fails(kind, later, -ENOMEM);
        }
    for (int i = 0; i < 3; i++) {
        is_int(0, reap(child(without, (void *)&gets[i])),
            "faults: ENOSYS: queue_create answers -ENOSYS, leaves nothing");
        ok(strstr(stage->text, "System V") != NULL, "... and tells: %s",
            stage->text);
    }
    is_int(EIDRM, reap(child(sleeper, NULL)),
        "faults: the set is removed under a sleeper: -EIDRM");
    ok(strstr(stage->text, "removed") != NULL, "... and tells: %s",
        stage->text);
    is_int(0, reap(child(logging, NULL)),
        "faults: a fork that can't attach the cradle: the child runs");
    ok(strstr(stage->log, "fork") != NULL, "... the log is told: %s",
        stage->log);
    is_int('0' + SYSVMP_LOG_WARNING, stage->log[0], "... as a warning");
    is_int(0, reap(child(child_cannot_join, NULL)),
        "faults: a fork's child has no room: its calls say so, others go on");
    is_int('0' + SYSVMP_LOG_ERROR, stage->log[0], "... the log is told: %s",
        stage->log);
    return done();
}
