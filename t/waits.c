/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * waits.c: see waits.h.
 */
#include <config.h>

#include "waits.h"

#include "stage.h"
#include "tap.h"

#include <errno.h>

struct sysvmp_lock *wait_lock;
struct sysvmp_rlock *wait_rlock;
struct sysvmp_queue *wait_empty, *wait_full, *wait_unfinished;
struct sysvmp_semaphore *wait_semaphore;
struct sysvmp_event *wait_event;
struct sysvmp_conn *wait_end[2];

static struct sysvmp_condition *condition;
static struct sysvmp_barrier *barrier;
static struct sysvmp_queue *with_eof, *full_large;
static struct sysvmp_semaphore *permits;
static struct sysvmp_process *holder;
static char buf[SYSVMP_INLINE_MAX], large[100000];
static _Atomic int *stage; /* 1: the locks are held; 2: release them */

static int64_t
get(int ms)
{
    return sysvmp_queue_get(wait_empty, buf, sizeof(buf), ms);
}

static int64_t
get_or_eof(int ms)
{
    return sysvmp_queue_get(with_eof, buf, sizeof(buf), ms);
}

static int64_t
get_many(int ms)
{
    struct sysvmp_item item = {buf, sizeof(buf), 0};

    return sysvmp_queue_get_many(wait_empty, &item, 1, ms);
}

static int64_t
get_msg(int ms)
{
    struct sysvmp_msg *msg;

    return sysvmp_queue_get_msg(wait_empty, &msg, ms);
}

static int64_t
put(int ms)
{
    return sysvmp_queue_put(wait_full, buf, 1, ms);
}

static int64_t
put_large(int ms)
{
    return sysvmp_queue_put(full_large, large, sizeof(large), ms);
}

static int64_t
put_many(int ms)
{
    struct sysvmp_item items[2] = {{buf, 0, 1}, {buf, 0, 1}};

    return sysvmp_queue_put_many(wait_full, items, 2, ms);
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
    return sysvmp_queue_put_msg(wait_full, msg, ms);
}

static int64_t
put_msg(int ms)
{
    return with_msg(queue_put_msg, ms);
}

static int64_t
queue_join(int ms)
{
    return sysvmp_queue_join(wait_unfinished, ms);
}

static int64_t
conn_recv(int ms)
{
    return sysvmp_conn_recv(wait_end[0], buf, sizeof(buf), ms);
}

static int64_t
conn_poll(int ms)
{
    return sysvmp_conn_poll(wait_end[0], ms);
}

static int64_t
conn_send(int ms)
{
    return sysvmp_conn_send(wait_end[0], buf, sizeof(buf), ms);
}

static int64_t
conn_send_msg(struct sysvmp_msg *msg, int ms)
{
    return sysvmp_conn_send_msg(wait_end[0], msg, ms);
}

static int64_t
send_msg(int ms)
{
    return with_msg(conn_send_msg, ms);
}

static int64_t
recv_msg(int ms)
{
    struct sysvmp_msg *msg;

    return sysvmp_conn_recv_msg(wait_end[0], &msg, ms);
}

static int64_t
acquire(int ms)
{
    return sysvmp_lock_acquire(wait_lock, ms);
}

static int64_t
acquire_rlock(int ms)
{
    return sysvmp_rlock_acquire(wait_rlock, ms);
}

static int64_t
acquire_semaphore(int ms)
{
    return sysvmp_semaphore_acquire(wait_semaphore, ms);
}

static int64_t
acquire_permit(int ms)
{
    return sysvmp_semaphore_acquire(permits, ms);
}

static int
never(void *arg)
{
    (void)arg;
    return 0;
}

static int64_t
at_condition(int64_t (*fn)(int ms), int ms)
{
    int64_t result;

    must(sysvmp_condition_acquire(condition, SYSVMP_FOREVER), "acquire");
    result = fn(ms);
    must(sysvmp_condition_release(condition), "release: the lock was had");
    return result;
}

static int64_t
wait_at_condition(int ms)
{
    return sysvmp_condition_wait(condition, ms);
}

static int64_t
condition_wait(int ms)
{
    return at_condition(wait_at_condition, ms);
}

static int64_t
wait_for_never(int ms)
{
    return sysvmp_condition_wait_for(condition, never, NULL, ms);
}

static int64_t
condition_wait_for(int ms)
{
    return at_condition(wait_for_never, ms);
}

static int64_t
barrier_wait(int ms)
{
    must(sysvmp_barrier_reset(barrier), "reset");
    return sysvmp_barrier_wait(barrier, ms);
}

static int64_t
event_wait(int ms)
{
    return sysvmp_event_wait(wait_event, ms);
}

static int64_t
join(int ms)
{
    return sysvmp_process_join(holder, ms);
}

static int64_t
wait_for_objects(int ms)
{
    struct sysvmp_waitable list[] = {
        {.kind = SYSVMP_WAIT_QUEUE, .of.queue = wait_empty},
        {.kind = SYSVMP_WAIT_CONN, .of.conn = wait_end[0]},
        {.kind = SYSVMP_WAIT_EVENT, .of.event = wait_event}};

    return sysvmp_wait(list, 3, ms);
}

static int64_t
wait_for_all_kinds(int ms)
{
    struct sysvmp_waitable list[] = {
        {.kind = SYSVMP_WAIT_EVENT, .of.event = wait_event},
        {.kind = SYSVMP_WAIT_PROCESS, .of.process = holder}};

    return sysvmp_wait(list, 2, ms);
}

static int64_t
wait_for_process(int ms)
{
    struct sysvmp_waitable w = {
        .kind = SYSVMP_WAIT_PROCESS, .of.process = holder};

    return sysvmp_wait(&w, 1, ms);
}

const struct waiting waiting[] = {
    {"queue_get", get, -EAGAIN, -ETIMEDOUT},
    {"queue_get with SYSVMP_EOF", get_or_eof, -EAGAIN, -ETIMEDOUT},
    {"queue_get_many", get_many, -EAGAIN, -ETIMEDOUT},
    {"queue_get_msg", get_msg, -EAGAIN, -ETIMEDOUT},
    {"queue_put, maxsize reached", put, -EAGAIN, -ETIMEDOUT},
    {"queue_put of a large message, maxsize reached", put_large, -EAGAIN,
        -ETIMEDOUT},
    {"queue_put_many", put_many, -EAGAIN, -ETIMEDOUT},
    {"queue_put_msg", put_msg, -EAGAIN, -ETIMEDOUT},
    {"queue_join", queue_join, -EAGAIN, -ETIMEDOUT},
    {"conn_recv", conn_recv, -EAGAIN, -ETIMEDOUT},
    {"conn_recv_msg", recv_msg, -EAGAIN, -ETIMEDOUT},
    {"conn_poll", conn_poll, 0, 0},
    {"conn_send", conn_send, -EAGAIN, -ETIMEDOUT},
    {"conn_send_msg", send_msg, -EAGAIN, -ETIMEDOUT},
    {"lock_acquire", acquire, -EAGAIN, -ETIMEDOUT},
    {"rlock_acquire", acquire_rlock, -EAGAIN, -ETIMEDOUT},
    {"semaphore_acquire", acquire_semaphore, -EAGAIN, -ETIMEDOUT},
    {"semaphore_acquire, with permits", acquire_permit, -EAGAIN, -ETIMEDOUT},
    {"condition_wait", condition_wait, -EAGAIN, -ETIMEDOUT},
    {"condition_wait_for", condition_wait_for, -EAGAIN, -ETIMEDOUT},
    {"barrier_wait", barrier_wait, -EAGAIN, -ETIMEDOUT},
    {"event_wait", event_wait, -EAGAIN, -ETIMEDOUT},
    {"process_join", join, -EAGAIN, -ETIMEDOUT},
    {"wait for objects", wait_for_objects, 0, 0},
    {"wait for an event or a process", wait_for_all_kinds, 0, 0},
    {"wait for a process", wait_for_process, 0, 0},
};

const int waiting_calls = sizeof(waiting) / sizeof(waiting[0]);

static int
hold_locks(void *arg)
{
    (void)arg;
    if (sysvmp_lock_acquire(wait_lock, SYSVMP_FOREVER) < 0 ||
        sysvmp_rlock_acquire(wait_rlock, SYSVMP_FOREVER) < 0)
        return 1;
    *stage = 1;
    until(stage, 2);
    if (sysvmp_lock_release(wait_lock) < 0 ||
        sysvmp_rlock_release(wait_rlock) < 0)
        return 2;
    return 0;
}

static void
make_objects(void)
{
    must(sysvmp_lock_create(&wait_lock), "lock_create");
    must(sysvmp_rlock_create(&wait_rlock), "rlock_create");
    must(sysvmp_condition_create(&condition, NULL), "condition_create");
    must(sysvmp_barrier_create(&barrier, 2, NULL, NULL), "barrier_create");
    must(sysvmp_queue_create(&wait_empty, 0, 0), "queue_create");
    must(sysvmp_queue_create(&with_eof, 0, SYSVMP_EOF), "queue_create");
    must(sysvmp_queue_create(&wait_full, 1, 0), "queue_create");
    must(sysvmp_queue_create(&full_large, 1, 0), "queue_create");
    must(sysvmp_queue_create(&wait_unfinished, 0, SYSVMP_JOINABLE),
        "queue_create");
    must(sysvmp_pipe_create(wait_end, 0), "pipe_create");
    must(sysvmp_semaphore_create(&wait_semaphore, 0, 0, 0),
        "semaphore_create");
    must(sysvmp_semaphore_create(&permits, 1, 0, SYSVMP_PERMITS),
        "semaphore_create");
    must(sysvmp_event_create(&wait_event), "event_create");
}

void
waits_begin(void)
{
    stage = shared(sizeof(*stage));
    make_objects();
    must(sysvmp_process_create(&holder, hold_locks, NULL), "create");
    must(sysvmp_process_start(holder), "start");
    until(stage, 1);
    must(sysvmp_semaphore_acquire(permits, 0), "acquire");
    must((int)put(0), "put");
    must((int)put_large(0), "put");
    must(sysvmp_queue_put(wait_unfinished, "x", 1, 0), "put");
    while (conn_send(SYSVMP_NOWAIT) == 0)
        continue;
}

void
waits_end(void)
{
    *stage = 2;
    is_int(0, sysvmp_process_join(holder, SYSVMP_FOREVER),
        "waits: the locks' holder ends");
}
