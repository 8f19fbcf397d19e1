/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * late.c: each call that waits, in turn, for 20 ms in which nothing comes: how
 * often it answers too early, and how late, beside a bare semtimedop.
 */
#include <config.h>

#include "proof.h"

#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

enum { CALLS = 400, WAIT_MS = 20 };

#define WAIT_NS (WAIT_MS * INT64_C(1000000))

static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static struct sysvmp_queue *empty, *full;
static struct sysvmp_conn *end[2];
static struct sysvmp_process *process;
static char buf[SYSVMP_INLINE_MAX];
static int control_set;
static _Atomic int *stage;

static int64_t
control(void)
{
    struct sembuf take = {.sem_num = 0, .sem_op = -1};
    struct timespec t = {.tv_sec = 0, .tv_nsec = WAIT_NS};

    return semtimedop(control_set, &take, 1, &t) < 0 && errno == EAGAIN
        ? -ETIMEDOUT
        : 0;
}

static int64_t
get(void)
{
    return sysvmp_queue_get(empty, buf, sizeof(buf), WAIT_MS);
}

static int64_t
put(void)
{
    return sysvmp_queue_put(full, buf, 1, WAIT_MS);
}

static int64_t
conn_poll(void)
{
    return sysvmp_conn_poll(end[1], WAIT_MS) == 0 ? -ETIMEDOUT : 0;
}

static int64_t
conn_recv(void)
{
    return sysvmp_conn_recv(end[1], buf, sizeof(buf), WAIT_MS);
}

static int64_t
conn_send(void)
{
    return sysvmp_conn_send(end[1], buf, sizeof(buf), WAIT_MS);
}

static int64_t
acquire(void)
{
    return sysvmp_lock_acquire(lock, WAIT_MS);
}

static int64_t
acquire_rlock(void)
{
    return sysvmp_rlock_acquire(rlock, WAIT_MS);
}

static int64_t
join(void)
{
    return sysvmp_process_join(process, WAIT_MS);
}

static int64_t (*const calls[])(void) = {get, put, conn_poll, conn_recv,
    conn_send, acquire, acquire_rlock, join};

enum { KINDS = sizeof(calls) / sizeof(calls[0]) };

static int
hold_locks(void *arg)
{
    (void)arg;
    if (sysvmp_lock_acquire(lock, SYSVMP_FOREVER) < 0 ||
        sysvmp_rlock_acquire(rlock, SYSVMP_FOREVER) < 0)
        return 1;
    *stage = 1;
    for (;;)
        pause();
    return 0;
}

static void
make_objects(void)
{
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    must(sysvmp_queue_create(&empty, 0, 0), "queue_create");
    must(sysvmp_queue_create(&full, 1, 0), "queue_create");
    must(sysvmp_queue_put(full, buf, 1, SYSVMP_NOWAIT), "put");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    while (sysvmp_conn_send(end[1], buf, sizeof(buf), SYSVMP_NOWAIT) == 0)
        continue;
    process = started(hold_locks, NULL);
    until(stage, 1);
}

/* How late it is, in ns; below 0: too early. */
static int64_t
lateness(int64_t (*call)(void), int *wrong)
{
    int64_t start = now_ns();

    *wrong += call() != -ETIMEDOUT;
    return now_ns() - start - WAIT_NS;
}

int
main(int argc, char **argv)
{
    int n = how_often(argc, argv, CALLS), early = 0, wrong = 0;
    int64_t *late, *controls;

    plan(2);
    stage = shared(sizeof(*stage));
    late = shared((size_t)n * sizeof(*late));
    controls = shared((size_t)n * sizeof(*controls));
    control_set = semget(IPC_PRIVATE, 1, 0600);
    make_objects();
    for (int i = 0; i < n; i++) {
        late[i] = lateness(calls[i % KINDS], &wrong);
        early += late[i] < 0;
        controls[i] = lateness(control, &wrong);
    }
    is_int(0, wrong, "late: the time is up each time");
    is_int(0, early, "... never early");
    diag("figure: tried=%d early=%d kinds=%d", n, early, KINDS);
    figure_times("late", late, n);
    figure_times("control", controls, n);
    semctl(control_set, 0, IPC_RMID);
    must(sysvmp_process_kill(process), "kill");
    end_of(process);
    return done();
}
