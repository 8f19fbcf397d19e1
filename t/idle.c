/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * idle.c: a process asleep in a call for 5 s uses no CPU tick, and switches
 * at most twice; then what it waits for comes, and it is there.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <unistd.h>

enum { SLEEP_MS = 5000, SWITCHES = 2, WATCHED = 100 };

static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static struct sysvmp_condition *condition;
static struct sysvmp_barrier *barrier;
static struct sysvmp_queue *empty, *with_eof, *full, *full_large, *stop;
static struct sysvmp_conn *quiet[2], *polled[2], *full_pipe[2];
static struct sysvmp_semaphore *none, *no_permits;
static struct sysvmp_event *unset, *unset_too;
static struct sysvmp_waitable watched[WATCHED];
static struct sysvmp_conn *watched_end[WATCHED];
static char buf[SYSVMP_INLINE_MAX], large[100000];

static int64_t
get(void)
{
    return sysvmp_queue_get(empty, buf, sizeof(buf), SYSVMP_FOREVER);
}

static int64_t
get_or_eof(void)
{
    return sysvmp_queue_get(with_eof, buf, sizeof(buf), SYSVMP_FOREVER);
}

static int64_t
get_with_timeout(void)
{
    return sysvmp_queue_get(empty, buf, sizeof(buf), 3600 * 1000);
}

static int64_t
put(void)
{
    return sysvmp_queue_put(full, buf, 1, SYSVMP_FOREVER);
}

static int64_t
put_large(void)
{
    return sysvmp_queue_put(full_large, large, sizeof(large), SYSVMP_FOREVER);
}

static int64_t
conn_recv(void)
{
    return sysvmp_conn_recv(quiet[0], buf, sizeof(buf), SYSVMP_FOREVER);
}

static int64_t
conn_poll(void)
{
    return sysvmp_conn_poll(polled[0], SYSVMP_FOREVER);
}

static int64_t
conn_send(void)
{
    return sysvmp_conn_send(full_pipe[1], buf, sizeof(buf), SYSVMP_FOREVER);
}

static int64_t
acquire(void)
{
    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER);
}

static int64_t
acquire_rlock(void)
{
    return sysvmp_rlock_acquire(rlock, SYSVMP_FOREVER);
}

static int64_t
wait_at_condition(void)
{
    int result = sysvmp_condition_acquire(condition, SYSVMP_FOREVER);

    return result < 0
        ? result : sysvmp_condition_wait(condition, SYSVMP_FOREVER);
}

static int64_t
wait_at_barrier(void)
{
    return sysvmp_barrier_wait(barrier, SYSVMP_FOREVER);
}

static int
wait_for_stop(void *arg)
{
    (void)arg;
    return sysvmp_queue_get(stop, buf, sizeof(buf), SYSVMP_FOREVER) < 0;
}

static int64_t
join(void)
{
    struct sysvmp_process *p;

    must(sysvmp_process_create(&p, wait_for_stop, NULL), "process_create");
    must(sysvmp_process_start(p), "start");
    return sysvmp_process_join(p, SYSVMP_FOREVER);
}

static int64_t
acquire_permit(void)
{
    return sysvmp_semaphore_acquire(none, SYSVMP_FOREVER);
}

static int64_t
acquire_own_permit(void)
{
    return sysvmp_semaphore_acquire(no_permits, SYSVMP_FOREVER);
}

static int64_t
wait_for_event(void)
{
    return sysvmp_event_wait(unset, SYSVMP_FOREVER);
}

static int64_t
wait_for_any(void)
{
    return sysvmp_wait(watched, WATCHED, SYSVMP_FOREVER);
}

/* With a child that does not end, either. */
static int64_t
wait_for_child(void)
{
    struct sysvmp_process *p;
    struct sysvmp_waitable some[3] = {watched[0], watched[WATCHED - 1],
        {.kind = SYSVMP_WAIT_PROCESS}};

    must(sysvmp_process_create(&p, wait_for_stop, NULL), "process_create");
    must(sysvmp_process_start(p), "start");
    some[2].of.process = p;
    return sysvmp_wait(some, 3, SYSVMP_FOREVER);
}

static int64_t
wait_for_children(void)
{
    struct sysvmp_waitable some[2];

    for (int i = 0; i < 2; i++) {
        struct sysvmp_process *p;

        must(sysvmp_process_create(&p, wait_for_stop, NULL), "create");
        must(sysvmp_process_start(p), "start");
        some[i] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_PROCESS,
            .of.process = p};
    }
    return sysvmp_wait(some, 2, SYSVMP_FOREVER);
}

static const struct sleeper {
    const char *call;
    int64_t (*fn)(void);
} sleepers[] = {
    {"queue_get", get},
    {"queue_get with a timeout", get_with_timeout},
    {"queue_get with SYSVMP_EOF", get_or_eof},
    {"queue_put, maxsize reached", put},
    {"queue_put of a large message, maxsize reached", put_large},
    {"conn_recv", conn_recv},
    {"conn_poll", conn_poll},
    {"conn_send, the pipe full", conn_send},
    {"lock_acquire", acquire},
    {"rlock_acquire", acquire_rlock},
    {"condition_wait", wait_at_condition},
    {"barrier_wait", wait_at_barrier},
    {"process_join", join},
    {"semaphore_acquire", acquire_permit},
    {"semaphore_acquire of one with SYSVMP_PERMITS", acquire_own_permit},
    {"event_wait", wait_for_event},
    {"wait for any of 100", wait_for_any},
    {"wait for objects and a child", wait_for_child},
    {"wait for children alone", wait_for_children},
};

enum { SLEEPERS = sizeof(sleepers) / sizeof(sleepers[0]) };

static int
run(void *arg)
{
    const struct sleeper *sleeper = arg;

    return sleeper->fn() < 0;
}

/* Connections, and one event. */
static void
make_watched(void)
{
    for (int i = 0; i < WATCHED - 1; i++) {
        struct sysvmp_conn *end[2];

        must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
        watched[i] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_CONN,
            .of.conn = end[0]};
        watched_end[i] = end[1];
    }
    watched[WATCHED - 1] = (struct sysvmp_waitable){
        .kind = SYSVMP_WAIT_EVENT, .of.event = unset_too};
}

static void
make_objects(void)
{
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    must(sysvmp_condition_create(&condition, NULL), "condition_create");
    must(sysvmp_barrier_create(&barrier, 2, NULL, NULL), "barrier_create");
    must(sysvmp_queue_create(&empty, 0, 0), "queue_create");
    must(sysvmp_queue_create(&with_eof, 0, SYSVMP_EOF), "queue_create");
    must(sysvmp_queue_create(&full, 3, 0), "queue_create");
    must(sysvmp_queue_create(&full_large, 3, 0), "queue_create");
    must(sysvmp_queue_create(&stop, 0, 0), "queue_create");
    must(sysvmp_pipe_create(quiet, 0), "pipe_create");
    must(sysvmp_pipe_create(polled, 0), "pipe_create");
    must(sysvmp_pipe_create(full_pipe, SYSVMP_SIMPLEX), "pipe_create");

    must(sysvmp_semaphore_create(&none, 0, 0, 0), "semaphore_create");
    must(sysvmp_semaphore_create(&no_permits, 1, 0, SYSVMP_PERMITS),
        "semaphore_create");
    must(sysvmp_semaphore_acquire(no_permits, SYSVMP_NOWAIT), "acquire");
    must(sysvmp_event_create(&unset), "event_create");
    must(sysvmp_event_create(&unset_too), "event_create");
    make_watched();

    must(sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "acquire");
    must(sysvmp_rlock_acquire(rlock, SYSVMP_NOWAIT), "acquire");
    while (sysvmp_queue_put(full, buf, 1, SYSVMP_NOWAIT) == 0)
        continue;
    while (sysvmp_queue_put(full_large, buf, 64, SYSVMP_NOWAIT) == 0)
        continue;
    while (sysvmp_conn_send(full_pipe[1], buf, sizeof(buf), 0) == 0)
        continue;
}

/* What each of them waits for. */
static void
wake_all(void)
{
    for (int i = 0; i < 2; i++)
        must(sysvmp_queue_put(empty, buf, 1, 1000), "put");
    must(sysvmp_queue_put(with_eof, buf, 1, 1000), "put");
    must(sysvmp_queue_get(full, buf, sizeof(buf), 1000), "get");
    must(sysvmp_queue_get(full_large, buf, sizeof(buf), 1000), "get");
    must(sysvmp_conn_send(quiet[1], buf, 1, 1000), "send");
    must(sysvmp_conn_send(polled[1], buf, 1, 1000), "send");
    while (sysvmp_conn_recv(full_pipe[0], buf, sizeof(buf), 0) >= 0)
        continue;
    must(sysvmp_condition_acquire(condition, 1000), "acquire");
    must(sysvmp_condition_notify(condition, 1), "notify");
    must(sysvmp_condition_release(condition), "release");
    must(sysvmp_barrier_wait(barrier, 1000), "barrier_wait");
    must(sysvmp_lock_release(lock), "release");
    must(sysvmp_rlock_release(rlock), "release");
    must(sysvmp_semaphore_release(none, 1), "release");
    must(sysvmp_semaphore_release(no_permits, 1), "release");
    must(sysvmp_event_set(unset), "set");
    must(sysvmp_event_set(unset_too), "set");
    for (int i = 0; i < 4; i++) /* one for each child */
        must(sysvmp_queue_put(stop, buf, 1, 1000), "put");
}

int
main(void)
{
    int64_t ticks[SLEEPERS], switches[SLEEPERS];
    pid_t pid[SLEEPERS];

    plan(3 * SLEEPERS);
    make_objects();
    for (int i = 0; i < SLEEPERS; i++)
        pid[i] = child(run, (void *)&sleepers[i]);
    for (int i = 0; i < SLEEPERS; i++)
        if (!asleep(pid[i]))
            bail("%s does not sleep", sleepers[i].call);
    for (int i = 0; i < SLEEPERS; i++) {
        ticks[i] = cpu_ticks(pid[i]);
        switches[i] = voluntary_switches(pid[i]);
    }
    pause_ms(SLEEP_MS);
    for (int i = 0; i < SLEEPERS; i++) {
        is_int(0, cpu_ticks(pid[i]) - ticks[i],
            "idle: %d ms in %s take no CPU tick", SLEEP_MS, sleepers[i].call);
        switches[i] = voluntary_switches(pid[i]) - switches[i];
        ok(switches[i] >= 0 && switches[i] <= SWITCHES,
            "... and %d switches", (int)switches[i]);
    }
    wake_all();
    for (int i = 0; i < SLEEPERS; i++)
        is_int(0, reap(pid[i]), "... then %s goes on", sleepers[i].call);
    return done();
}
