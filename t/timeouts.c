/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * timeouts.c: every call that waits: with SYSVMP_NOWAIT it does not; with 50
 * ms it waits 50 ms, never less, and not more than the kernel's own
 * semtimedop takes for them in the same run, also in a storm of signals.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 50, SLACK_MS = 10, TRIES = 20, STORM_US = 1000 };

#define MS INT64_C(1000000)

static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static struct sysvmp_condition *condition;
static struct sysvmp_barrier *barrier;
static struct sysvmp_queue *empty, *with_eof, *full, *full_large;
static struct sysvmp_conn *end[2];
static struct sysvmp_semaphore *semaphore, *permits;
static struct sysvmp_event *event;
static struct sysvmp_process *process;
static char buf[SYSVMP_INLINE_MAX], large[100000];
static int control_set;
static _Atomic int *stage;
static volatile sig_atomic_t signals;

static int64_t
get(int ms)
{
    return sysvmp_queue_get(empty, buf, sizeof(buf), ms);
}

static int64_t
get_or_eof(int ms)
{
    return sysvmp_queue_get(with_eof, buf, sizeof(buf), ms);
}

static int64_t
put(int ms)
{
    return sysvmp_queue_put(full, buf, 1, ms);
}

static int64_t
put_large(int ms)
{
    return sysvmp_queue_put(full_large, large, sizeof(large), ms);
}

static int64_t
conn_recv(int ms)
{
    return sysvmp_conn_recv(end[1], buf, sizeof(buf), ms);
}

static int64_t
conn_poll(int ms)
{
    return sysvmp_conn_poll(end[1], ms);
}

static int64_t
conn_send(int ms)
{
    return sysvmp_conn_send(end[1], buf, sizeof(buf), ms);
}

static int64_t
acquire(int ms)
{
    return sysvmp_lock_acquire(lock, ms);
}

static int64_t
acquire_rlock(int ms)
{
    return sysvmp_rlock_acquire(rlock, ms);
}

static int64_t
join(int ms)
{
    return sysvmp_process_join(process, ms);
}

/* Its lock is ours all the time. */
static int64_t
condition_wait(int ms)
{
    return sysvmp_condition_wait(condition, ms);
}

static int
never(void *arg)
{
    (void)arg;
    return 0;
}

static int64_t
condition_wait_for(int ms)
{
    return sysvmp_condition_wait_for(condition, never, NULL, ms);
}

static int64_t
barrier_wait(int ms)
{
    must(sysvmp_barrier_reset(barrier), "reset");
    return sysvmp_barrier_wait(barrier, ms);
}

static int64_t
acquire_semaphore(int ms)
{
    return sysvmp_semaphore_acquire(semaphore, ms);
}

static int64_t
acquire_permit(int ms)
{
    return sysvmp_semaphore_acquire(permits, ms);
}

static int64_t
event_wait(int ms)
{
    return sysvmp_event_wait(event, ms);
}

static int64_t
wait_for_any(int ms)
{
    struct sysvmp_waitable list[] = {
        {.kind = SYSVMP_WAIT_QUEUE, .of.queue = empty},
        {.kind = SYSVMP_WAIT_CONN, .of.conn = end[1]},
        {.kind = SYSVMP_WAIT_EVENT, .of.event = event},
        {.kind = SYSVMP_WAIT_PROCESS, .of.process = process}};

    return sysvmp_wait(list, 4, ms);
}

static int64_t
wait_for_process(int ms)
{
    struct sysvmp_waitable w = {
        .kind = SYSVMP_WAIT_PROCESS, .of.process = process};

    return sysvmp_wait(&w, 1, ms);
}

static const struct waiting {
    const char *name;
    int64_t (*call)(int ms);
    int nowait, timed_out;
} waiting[] = {
    {"queue_get", get, -EAGAIN, -ETIMEDOUT},
    {"queue_get with SYSVMP_EOF", get_or_eof, -EAGAIN, -ETIMEDOUT},
    {"queue_put, maxsize reached", put, -EAGAIN, -ETIMEDOUT},
    {"queue_put of a large message, maxsize reached", put_large, -EAGAIN,
        -ETIMEDOUT},
    {"conn_recv", conn_recv, -EAGAIN, -ETIMEDOUT},
    {"conn_poll", conn_poll, 0, 0},
    {"conn_send", conn_send, -EAGAIN, -ETIMEDOUT},
    {"lock_acquire", acquire, -EAGAIN, -ETIMEDOUT},
    {"rlock_acquire", acquire_rlock, -EAGAIN, -ETIMEDOUT},
    {"condition_wait", condition_wait, -EAGAIN, -ETIMEDOUT},
    {"condition_wait_for", condition_wait_for, -EAGAIN, -ETIMEDOUT},
    {"barrier_wait", barrier_wait, -EAGAIN, -ETIMEDOUT},
    {"process_join", join, -EAGAIN, -ETIMEDOUT},
    {"semaphore_acquire", acquire_semaphore, -EAGAIN, -ETIMEDOUT},
    {"semaphore_acquire, with permits", acquire_permit, -EAGAIN, -ETIMEDOUT},
    {"event_wait", event_wait, -EAGAIN, -ETIMEDOUT},
    {"wait for any", wait_for_any, 0, 0},
    {"wait for a process", wait_for_process, 0, 0},
};

enum { CALLS = sizeof(waiting) / sizeof(waiting[0]) };

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
    must(sysvmp_condition_create(&condition, NULL), "condition_create");
    must(sysvmp_condition_acquire(condition, 0), "condition_acquire");
    must(sysvmp_barrier_create(&barrier, 2, NULL, NULL), "barrier_create");
    must(sysvmp_queue_create(&empty, 0, 0), "queue_create");
    must(sysvmp_queue_create(&with_eof, 0, SYSVMP_EOF), "queue_create");
    must(sysvmp_queue_create(&full, 1, 0), "queue_create");
    must(sysvmp_queue_create(&full_large, 1, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_semaphore_create(&semaphore, 0, 0, 0), "semaphore_create");
    must(sysvmp_semaphore_create(&permits, 1, 0, SYSVMP_PERMITS),
        "semaphore_create");
    must(sysvmp_semaphore_acquire(permits, 0), "acquire");
    must(sysvmp_event_create(&event), "event_create");
    must(sysvmp_process_create(&process, hold_locks, NULL), "create");
    must(sysvmp_process_start(process), "start");
    until(stage, 1);
    while (put(SYSVMP_NOWAIT) == 0)
        continue;
    while (put_large(SYSVMP_NOWAIT) == 0)
        continue;
    while (conn_send(SYSVMP_NOWAIT) == 0)
        continue;
}

/* What the kernel takes for WAIT_MS, signals or not. */
static int64_t
control_ns(void)
{
    struct sembuf take = {.sem_num = 0, .sem_op = -1};
    int64_t start = now_ns(), left;

    while ((left = start + WAIT_MS * MS - now_ns()) > 0) {
        struct timespec t = {.tv_sec = 0, .tv_nsec = left};

        semtimedop(control_set, &take, 1, &t);
    }
    return now_ns() - start;
}

/* On a busy machine any sleep may be long: one short one of many will do. */
static void
waits_as_long(const struct waiting *w, const char *when)
{
    int64_t took = 0, bound = 0, start;
    int early = 0, wrong = 0, in_time = 0;

    for (int i = 0; i < TRIES && !in_time; i++) {
        start = now_ns();
        wrong += w->call(WAIT_MS) != w->timed_out;
        took = now_ns() - start;
        early += took < WAIT_MS * MS;
        bound = (WAIT_MS + SLACK_MS) * MS;
        if (took > bound)
            bound = control_ns() + SLACK_MS * MS;
        in_time = took <= bound;
    }
    is_int(0, wrong, "timeouts: %s: the time is up%s", w->name, when);
    is_int(0, early, "... never early");
    ok(in_time, "... nor late: %d.%d ms", (int)(took / MS),
        (int)(took / (MS / 10) % 10));
}

static void
count_signal(int sig)
{
    (void)sig;
    signals++;
}

static void
storm(int on)
{
    struct sigaction act = {.sa_handler = count_signal};
    struct itimerval every = {{0, 0}, {0, 0}};

    sigaction(SIGALRM, &act, NULL);
    if (on)
        every.it_interval.tv_usec = every.it_value.tv_usec = STORM_US;
    setitimer(ITIMER_REAL, &every, NULL);
}

int
main(void)
{
    plan(CALLS * 8 + 1);
    stage = shared(sizeof(*stage));
    control_set = semget(IPC_PRIVATE, 1, 0600);
    make_objects();
    for (int i = 0; i < CALLS; i++) {
        const struct waiting *w = &waiting[i];

        is_int(-EINVAL, w->call(-2), "timeouts: %s: -2 is none", w->name);
        is_int(w->nowait, w->call(SYSVMP_NOWAIT), "... it would wait");
        waits_as_long(w, "");
    }
    storm(1);
    for (int i = 0; i < CALLS; i++)
        waits_as_long(&waiting[i], ", 1,000 signals a second");
    storm(0);
    ok(signals > CALLS, "timeouts: there were %d signals", (int)signals);
    semctl(control_set, 0, IPC_RMID);
    must(sysvmp_process_kill(process), "kill");
    must(sysvmp_process_join(process, SYSVMP_FOREVER), "join");
    return done();
}
