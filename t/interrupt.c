/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * interrupt.c: the interrupt function is asked before each sleep and after
 * each signal in it.  If it says so the call answers -EINTR and nothing has
 * changed; else it sleeps on, to its old deadline.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { WAIT_MS = 20, TRIES = 100 };

static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;
static struct sysvmp_queue *empty, *full, *unfinished;
static struct sysvmp_semaphore *semaphore;
static struct sysvmp_event *event;
static struct sysvmp_conn *end[2];
static char buf[SYSVMP_INLINE_MAX];

static struct {
    _Atomic int held, signals, asked;
} *stage;

static int64_t
get(int ms)
{
    return sysvmp_queue_get(empty, buf, sizeof(buf), ms);
}

static int64_t
put(int ms)
{
    return sysvmp_queue_put(full, buf, 1, ms);
}

static int64_t
conn_recv(int ms)
{
    return sysvmp_conn_recv(end[0], buf, sizeof(buf), ms);
}

static int64_t
conn_poll(int ms)
{
    return sysvmp_conn_poll(end[0], ms);
}

static int64_t
conn_send(int ms)
{
    return sysvmp_conn_send(end[0], buf, sizeof(buf), ms);
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
put_many(int ms)
{
    struct sysvmp_item items[2] = {{buf, 0, 1}, {buf, 0, 1}};

    return sysvmp_queue_put_many(full, items, 2, ms);
}

static int64_t
get_many(int ms)
{
    struct sysvmp_item item = {buf, sizeof(buf), 0};

    return sysvmp_queue_get_many(empty, &item, 1, ms);
}

/* Sends a message of its own by fn; which is still its own if that fails. */
static int64_t
with_msg(int64_t (*fn)(struct sysvmp_msg *, int), int ms)
{
    struct sysvmp_msg *msg;
    int64_t result;

    must(sysvmp_msg_create(&msg, 8), "msg_create");
    result = fn(msg, ms);
    if (result != 0)
        sysvmp_msg_destroy(msg);
    return result;
}

static int64_t
queue_put_msg(struct sysvmp_msg *msg, int ms)
{
    return sysvmp_queue_put_msg(full, msg, ms);
}

static int64_t
put_msg(int ms)
{
    return with_msg(queue_put_msg, ms);
}

static int64_t
conn_send_msg(struct sysvmp_msg *msg, int ms)
{
    return sysvmp_conn_send_msg(end[0], msg, ms);
}

static int64_t
send_msg(int ms)
{
    return with_msg(conn_send_msg, ms);
}

static int64_t
get_msg(int ms)
{
    struct sysvmp_msg *msg;

    return sysvmp_queue_get_msg(empty, &msg, ms);
}

static int64_t
recv_msg(int ms)
{
    struct sysvmp_msg *msg;

    return sysvmp_conn_recv_msg(end[0], &msg, ms);
}

static int64_t
queue_join(int ms)
{
    return sysvmp_queue_join(unfinished, ms);
}

static int64_t
acquire_semaphore(int ms)
{
    return sysvmp_semaphore_acquire(semaphore, ms);
}

static int64_t
wait_event(int ms)
{
    return sysvmp_event_wait(event, ms);
}

static int64_t
wait_any(int ms)
{
    struct sysvmp_waitable list[] = {
        {.kind = SYSVMP_WAIT_QUEUE, .of.queue = empty},
        {.kind = SYSVMP_WAIT_CONN, .of.conn = end[0]},
        {.kind = SYSVMP_WAIT_EVENT, .of.event = event},
    };

    return sysvmp_wait(list, 3, ms);
}

static const struct waiting {
    const char *name;
    int64_t (*call)(int ms);
    int nowait;
} waiting[] = {
    {"queue_get", get, -EAGAIN},
    {"queue_put", put, -EAGAIN},
    {"conn_recv", conn_recv, -EAGAIN},
    {"conn_poll", conn_poll, 0},
    {"conn_send", conn_send, -EAGAIN},
    {"lock_acquire", acquire, -EAGAIN},
    {"rlock_acquire", acquire_rlock, -EAGAIN},
    {"queue_put_many", put_many, -EAGAIN},
    {"queue_get_many", get_many, -EAGAIN},
    {"queue_put_msg", put_msg, -EAGAIN},
    {"queue_get_msg", get_msg, -EAGAIN},
    {"conn_send_msg", send_msg, -EAGAIN},
    {"conn_recv_msg", recv_msg, -EAGAIN},
    {"queue_join", queue_join, -EAGAIN},
    {"semaphore_acquire", acquire_semaphore, -EAGAIN},
    {"event_wait", wait_event, -EAGAIN},
    {"wait", wait_any, 0},
};

enum { CALLS = sizeof(waiting) / sizeof(waiting[0]) };

static int
answer(void *arg)
{
    stage->asked++;
    return *(const int *)arg;
}

static int yes = 1, no = 0;

static int
hold_locks(void *arg)
{
    (void)arg;
    if (sysvmp_lock_acquire(lock, SYSVMP_FOREVER) < 0 ||
        sysvmp_rlock_acquire(rlock, SYSVMP_FOREVER) < 0)
        return 1;
    stage->held = 1;
    until(&stage->held, 2);
    if (sysvmp_lock_release(lock) < 0 || sysvmp_rlock_release(rlock) < 0)
        return 2;
    return 0;
}

static void
at_once(const struct waiting *w)
{
    int64_t result;
    int tries = 0;

    sysvmp_set_interrupt(answer, &yes);
    stage->asked = 0;
    is_int(-EINTR, w->call(SYSVMP_FOREVER),
        "interrupt: asked before %s sleeps, it says yes", w->name);
    ok(stage->asked >= 1, "... it was asked");
    is_int(-EINTR, w->call(1000), "... with a timeout");
    stage->asked = 0;
    is_int(w->nowait, w->call(SYSVMP_NOWAIT), "... who won't sleep");
    is_int(0, stage->asked, "... is not asked");
    sysvmp_set_interrupt(answer, &no);
    stage->asked = 0;
    /* Where there is no CPU for us the time may be up before it sleeps. */
    do
        result = w->call(WAIT_MS);
    while (stage->asked == 0 && ++tries < TRIES);
    is_int(w->nowait == 0 ? 0 : -ETIMEDOUT, result,
        "... it says no: the call waits till its time is up");
    ok(stage->asked >= 1, "... it was asked");
    sysvmp_set_interrupt(NULL, NULL);
}

/*
 * After a signal.
 */

static void
count_signal(int sig)
{
    (void)sig;
    stage->signals++;
}

/* Says yes after the second signal. */
static int
twice(void *arg)
{
    (void)arg;
    stage->asked++;
    return stage->signals >= 2;
}

static int
sleep_in(void *arg)
{
    const struct waiting *w = arg;
    struct sigaction act = {.sa_handler = count_signal};

    sigaction(SIGUSR1, &act, NULL);
    sysvmp_set_interrupt(twice, NULL);
    return w->call(SYSVMP_FOREVER) == -EINTR ? 0 : 1;
}

static int
asked_again(void *arg)
{
    return stage->asked > *(const int *)arg;
}

static void
by_signal(const struct waiting *w)
{
    int asked;
    pid_t pid;

    stage->signals = stage->asked = 0;
    pid = child(sleep_in, (void *)w);
    asleep(pid);
    asked = stage->asked;
    kill(pid, SIGUSR1);
    until(&stage->signals, 1);
    until_true(asked_again, &asked, "the interrupt function");
    ok(asleep(pid), "interrupt: a signal in %s: asked, no: it sleeps on",
        w->name);
    kill(pid, SIGUSR1);
    is_int(0, reap(pid), "... another: asked, yes: -EINTR");
}

/* Nothing was taken or put, nobody forgotten. */
static void
as_before(pid_t holder)
{
    struct sysvmp_conn *other = end[1];
    int n = 0;

    is_int(0, sysvmp_queue_qsize(empty), "interrupt: nothing was put");
    is_int(1, sysvmp_queue_qsize(full), "... nor taken");
    is_int(0, sysvmp_queue_put(empty, "x", 1, 1000), "... put");
    is_int(1, get(1000), "... and get are as ever");
    is_int(1, sysvmp_queue_get(full, buf, sizeof(buf), 1000), "... get");
    is_int(0, put(1000), "... and put");
    while (sysvmp_conn_recv(other, buf, sizeof(buf), SYSVMP_NOWAIT) >= 0)
        n++;
    ok(n > 0, "... what was sent is received");
    is_int(0, conn_send(1000), "... there is room again");
    is_int(0, sysvmp_conn_send(other, "x", 1, 1000), "... the other way");
    is_int(1, conn_poll(1000), "... poll");
    is_int(1, conn_recv(1000), "... and recv");
    is_int(-EAGAIN, acquire(SYSVMP_NOWAIT), "... the locks are held");
    is_int(-EAGAIN, acquire_rlock(SYSVMP_NOWAIT), "... both");
    stage->held = 2;
    is_int(0, acquire(10000), "... until they are released");
    is_int(0, acquire_rlock(10000), "... both");
    is_int(0, reap(holder), "... by their holder");
    is_int(0, sysvmp_lock_release(lock), "... as we do");
    is_int(0, sysvmp_rlock_release(rlock), "... both");
    is_int(0, sysvmp_semaphore_release(semaphore, 1), "... a permit");
    is_int(0, acquire_semaphore(1000), "... is had");
    is_int(0, sysvmp_semaphore_value(semaphore), "... once");
    is_int(1, sysvmp_queue_get(unfinished, buf, sizeof(buf), 1000),
        "... the task is there");
    is_int(0, sysvmp_queue_task_done(unfinished), "... is done");
    is_int(0, queue_join(1000), "... and the join over");
    is_int(0, sysvmp_event_set(event), "... the event is set");
    is_int(0, wait_event(1000), "... and seen");
    is_int(1, wait_any(1000), "... by wait, too");
}

/* -EINTR with somebody else asleep beside: who is woken then? */
static int
get_one(void *arg)
{
    (void)arg;
    return get(SYSVMP_FOREVER) == 1 ? 0 : 1;
}

static void
neighbours(void)
{
    const struct waiting *w = &waiting[0];
    int good = 0;

    for (int i = 0; i < 20; i++) {
        pid_t first, second;

        stage->signals = 1;
        stage->asked = 0;
        first = child(sleep_in, (void *)w);
        asleep(first);
        second = child(get_one, NULL);
        asleep(second);
        /* Both want it; if the first has the message it says 1. */
        kill(first, SIGUSR1);
        must(sysvmp_queue_put(empty, "x", 1, 1000), "put");
        if (reap(first) == 1)
            must(sysvmp_queue_put(empty, "x", 1, 1000), "put");
        good += reap(second) == 0;
    }
    is_int(20, good, "interrupt: who leaves does not forget its neighbour");
}

int
main(void)
{
    pid_t holder;

    plan(CALLS * 7 + CALLS * 2 + 27 + 1);
    stage = shared(sizeof(*stage));
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    must(sysvmp_queue_create(&empty, 0, 0), "queue_create");
    must(sysvmp_queue_create(&full, 1, 0), "queue_create");
    must(sysvmp_queue_create(&unfinished, 0, SYSVMP_JOINABLE), "queue_create");
    must(sysvmp_semaphore_create(&semaphore, 0, 0, 0), "semaphore_create");
    must(sysvmp_event_create(&event), "event_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    holder = child(hold_locks, NULL);
    until(&stage->held, 1);
    must(put(0), "put");
    must(sysvmp_queue_put(unfinished, "x", 1, 0), "put");
    while (conn_send(SYSVMP_NOWAIT) == 0)
        continue;

    for (int i = 0; i < CALLS; i++)
        at_once(&waiting[i]);
    for (int i = 0; i < CALLS; i++)
        by_signal(&waiting[i]);
    as_before(holder);
    neighbours();
    return done();
}
