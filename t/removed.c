/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * removed.c: somebody removes our objects, as ipcrm or systemd's RemoveIPC
 * do: who sleeps is told -EIDRM, and so is who comes later; nobody hangs.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <unistd.h>

static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static struct sysvmp_condition *condition;
static struct sysvmp_barrier *barrier;
static struct sysvmp_semaphore *semaphore, *permits;
static struct sysvmp_event *event;
static struct sysvmp_queue *q, *with_eof, *full;
static struct sysvmp_conn *end[2];
static char buf[SYSVMP_INLINE_MAX];

static struct {
    char text[256];
    _Atomic int held, go;
} *stage;

static int64_t
get(void)
{
    return sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_FOREVER);
}

static int64_t
get_or_eof(void)
{
    return sysvmp_queue_get(with_eof, buf, sizeof(buf), 10000);
}

static int64_t
put(void)
{
    return sysvmp_queue_put(full, buf, 1, SYSVMP_FOREVER);
}

static int64_t
conn_recv(void)
{
    return sysvmp_conn_recv(end[0], buf, sizeof(buf), SYSVMP_FOREVER);
}

static int64_t
conn_poll(void)
{
    return sysvmp_conn_poll(end[0], SYSVMP_FOREVER);
}

static int64_t
acquire(void)
{
    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER);
}

static int64_t
acquire_rlock(void)
{
    return sysvmp_rlock_acquire(rlock, 10000);
}

static int64_t
wait_at_condition(void)
{
    if (sysvmp_condition_acquire(condition, SYSVMP_FOREVER) != 0)
        return 0;
    return sysvmp_condition_wait(condition, SYSVMP_FOREVER);
}

static int64_t
wait_at_barrier(void)
{
    return sysvmp_barrier_wait(barrier, 10000);
}

static int64_t
acquire_semaphore(void)
{
    return sysvmp_semaphore_acquire(semaphore, SYSVMP_FOREVER);
}

static int64_t
acquire_permit(void)
{
    return sysvmp_semaphore_acquire(permits, 10000);
}

static int64_t
wait_for_event(void)
{
    return sysvmp_event_wait(event, SYSVMP_FOREVER);
}

static int64_t
wait_for_any(void)
{
    struct sysvmp_waitable list[] = {
        {.kind = SYSVMP_WAIT_QUEUE, .of.queue = q},
        {.kind = SYSVMP_WAIT_CONN, .of.conn = end[0]},
        {.kind = SYSVMP_WAIT_EVENT, .of.event = event}};

    return sysvmp_wait(list, 3, SYSVMP_FOREVER);
}

static const struct waiting {
    const char *name;
    int64_t (*call)(void);
} waiting[] = {
    {"queue_get", get},
    {"queue_get with SYSVMP_EOF", get_or_eof},
    {"queue_put", put},
    {"conn_recv", conn_recv},
    {"conn_poll", conn_poll},
    {"lock_acquire", acquire},
    {"rlock_acquire", acquire_rlock},
    {"condition_wait", wait_at_condition},
    {"barrier_wait", wait_at_barrier},
    {"semaphore_acquire", acquire_semaphore},
    {"semaphore_acquire with SYSVMP_PERMITS", acquire_permit},
    {"event_wait", wait_for_event},
    {"wait", wait_for_any},
};

enum { CALLS = sizeof(waiting) / sizeof(waiting[0]) };

static int
sleep_in(void *arg)
{
    const struct waiting *w = arg;
    int64_t result = w->call();

    snprintf(stage->text, sizeof(stage->text), "%s", sysvmp_last_error());
    return result >= 0 ? 0 : (int)-result;
}

/* Whether each of a table of /proc/sysvipc is removed. */
static int
remove_all(const char *table, int (*rm)(int))
{
    FILE *f = fopen(table, "re");
    char line[512];
    int n = 0, id;

    if (!f || !fgets(line, sizeof(line), f))
        bail("%s", table);
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "%*d %d", &id) == 1)
            n += rm(id) == 0;
    fclose(f);
    return n;
}

static int
rm_set(int id)
{
    return semctl(id, 0, IPC_RMID);
}

static int
rm_queue(int id)
{
    return msgctl(id, IPC_RMID, NULL);
}

static void
make_objects(void)
{
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    must(sysvmp_condition_create(&condition, NULL), "condition_create");
    must(sysvmp_barrier_create(&barrier, 2, NULL, NULL), "barrier_create");
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    must(sysvmp_queue_create(&with_eof, 0, SYSVMP_EOF), "queue_create");
    must(sysvmp_queue_create(&full, 1, 0), "queue_create");
    must(sysvmp_queue_put(full, "x", 1, 0), "put");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_semaphore_create(&semaphore, 0, 0, 0), "semaphore_create");
    must(sysvmp_semaphore_create(&permits, 1, 0, SYSVMP_PERMITS),
        "semaphore_create");
    must(sysvmp_semaphore_acquire(permits, 0), "acquire");
    must(sysvmp_event_create(&event), "event_create");
    must(sysvmp_lock_acquire(lock, 0), "acquire");
    must(sysvmp_rlock_acquire(rlock, 0), "acquire");
}

/* A child's fork of objects of our own: each program has its own. */
static int
sets_removed(void *arg)
{
    pid_t pid[CALLS];
    int told = 0;

    (void)arg;
    make_objects();
    for (int i = 0; i < CALLS; i++) {
        pid[i] = child(sleep_in, (void *)&waiting[i]);
        if (!asleep(pid[i]))
            bail("%s does not sleep", waiting[i].name);
    }
    ok(remove_all("/proc/sysvipc/sem", rm_set) > 0,
        "removed: the semaphore sets, under sleepers");
    for (int i = 0; i < CALLS; i++) {
        told = reap(pid[i]);
        is_int(EIDRM, told, "... %s answers -EIDRM", waiting[i].name);
    }
    ok(strcasestr(stage->text, "remove") != NULL, "... and tells: %s",
        stage->text);

    is_int(-EIDRM, sysvmp_queue_get(q, buf, 1, 1000), "... who comes later");
    is_int(-EIDRM, sysvmp_queue_put(full, buf, 1, 1000), "... is told, too");
    is_int(-EIDRM, sysvmp_conn_send(end[0], buf, 1, 0), "... at once");
    is_int(-EIDRM, sysvmp_conn_recv(end[0], buf, 1, 1000), "... each");
    is_int(-EIDRM, sysvmp_lock_acquire(lock, 1000), "... and each");
    sysvmp_conn_destroy(end[0]);
    sysvmp_lock_destroy(lock);
    is_int(-EIDRM, sysvmp_leave(), "... who leaves is told");
    is_int(0, sysvmp_queue_create(&q, 0, 0), "... and can begin anew");
    is_int(0, sysvmp_queue_put(q, "x", 1, 0), "... put");
    is_int(1, sysvmp_queue_get(q, buf, 1, 0), "... and get");
    is_int(0, sysvmp_leave(), "... and leave");
    ipc_remove();
    return 0;
}

static int
queues_removed(void *arg)
{
    (void)arg;
    make_objects();
    must(sysvmp_queue_put(q, "x", 1, 0), "put");
    ok(remove_all("/proc/sysvipc/msg", rm_queue) > 0,
        "removed: the message queues");
    is_int(-EIDRM, sysvmp_queue_get(q, buf, 1, 1000), "... get");
    is_int(-EIDRM, sysvmp_queue_put(q, "x", 1, 1000), "... put");
    is_int(-EIDRM, sysvmp_queue_qsize(q), "... qsize");
    is_int(-EIDRM, sysvmp_queue_empty(q), "... empty");
    is_int(0, sysvmp_queue_full(q), "... full it never is");
    is_int(-EIDRM, sysvmp_conn_send(end[0], "x", 1, 1000), "... send");
    is_int(-EIDRM, sysvmp_conn_poll(end[0], 1000), "... poll");
    is_int(0, sysvmp_lock_release(lock), "... a lock has none, and works");
    sysvmp_leave();
    return 0;
}

int
main(void)
{
    enum { SETS = CALLS + 12, QUEUES = 9 };

    plan(SETS + QUEUES + 2);
    stage = shared(sizeof(*stage));
    if (!ipc_is_private()) {
        skip(SETS + QUEUES + 2, "no IPC namespace of our own");
        return done();
    }
    is_int(0, reap(child(sets_removed, NULL)), "removed: ... sets");
    is_int(0, reap(child(queues_removed, NULL)), "removed: ... queues");
    return done();
}
