/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ours.c: the program of our own cells, linked with libsysvmp as a user's
 * program is. One cell a row; each reads as a user would write it. One peer
 * is here, too: fork, which costs more the more a process has mapped.
 */
#include <stddef.h>
#include <sysvmp.h>

#include "carry-ours.h"
#include "flow-cell.h"
#include "handover.h"
#include "idle.h"
#include "lock.h"
#include "message.h"
#include "nouns-ours.h"
#include "ours.h"
#include "process.h"

/* Lock */
static bool
lock_acquire(void *lock)
{
    return gave(0, sysvmp_lock_acquire(lock, SYSVMP_FOREVER));
}

static bool
lock_release(void *lock)
{
    return gave(0, sysvmp_lock_release(lock));
}

static void
lock_side(struct side *self, void *lock)
{
    lock_loop(self, lock, lock_acquire, lock_release);
}

static void
lock_cell(struct cell *cell, unsigned sides)
{
    struct sysvmp_lock *lock;

    must(sysvmp_lock_create(&lock), "lock");
    lock_measure(cell, lock_side, lock, sides);
    sysvmp_lock_destroy(lock);
}

static void
lock_1(struct cell *cell)
{
    lock_cell(cell, 1);
}

static void
lock_2(struct cell *cell)
{
    lock_cell(cell, 2);
}

/* Queue */
static bool
queue_put(void *queue, struct message *m)
{
    return gave(0, sysvmp_queue_put(queue, m->word, MESSAGE_SIZE,
        SYSVMP_FOREVER));
}

static bool
queue_get(void *queue, struct message *m)
{
    return gave(MESSAGE_SIZE, sysvmp_queue_get(queue, m->word, MESSAGE_SIZE,
        SYSVMP_FOREVER));
}

static void
producer(struct side *self, void *queue)
{
    message_produce(self, queue, queue_put);
}

static void
consumer(struct side *self, void *queue)
{
    message_consume(self, queue, queue_get);
}

static void
queue(struct cell *cell)
{
    struct sysvmp_queue *q;

    must(sysvmp_queue_create(&q, 0, 0), "queue");
    if (!sides_run(cell, producer, consumer, q))
        fail("a process failed");
    message_report(cell->board, 1);
    sysvmp_queue_destroy(q);
}

/* Queues of all sizes and shapes */
static void
flow_queue(struct cell *cell)
{
    flow_measure(cell, &carry_queue);
}

static void
flow_many(struct cell *cell)
{
    flow_measure(cell, &carry_many);
}

static void
flow_msg(struct cell *cell)
{
    flow_measure(cell, &carry_msg);
}

/* Pipe */
static bool
conn_send(void *conn, struct message *m)
{
    return gave(0, sysvmp_conn_send(conn, m->word, MESSAGE_SIZE,
        SYSVMP_FOREVER));
}

static bool
conn_receive(void *conn, struct message *m)
{
    return gave(MESSAGE_SIZE, sysvmp_conn_recv(conn, m->word, MESSAGE_SIZE,
        SYSVMP_FOREVER));
}

static void
ping(struct side *self, void *arg)
{
    struct sysvmp_conn **end = arg;

    message_ping(self, end[0], conn_send, conn_receive);
}

static void
pong(struct side *self, void *arg)
{
    struct sysvmp_conn **end = arg;

    message_pong(self, end[1], conn_send, conn_receive);
}

static void
pipe_2cpu(struct cell *cell)
{
    struct sysvmp_conn *end[2];

    must(sysvmp_pipe_create(end, 0), "pipe");
    if (!sides_run(cell, ping, pong, end))
        fail("a process failed");
    message_report(cell->board, 0);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static void
pipe_1cpu(struct cell *cell)
{
    cell->cpu[1] = cell->cpu[0];
    pipe_2cpu(cell);
}

/* Process */
static int
return_at_once(void *arg)
{
    (void)arg;
    return PROCESS_CODE;
}

static int
start_and_join(void)
{
    struct sysvmp_process *p;
    int code;

    must(sysvmp_process_create(&p, return_at_once, NULL), "process");
    must(sysvmp_process_start(p), "start");
    must(sysvmp_process_join(p, SYSVMP_FOREVER), "join");
    must(sysvmp_process_exitcode(p, &code), "exitcode");
    must(sysvmp_process_destroy(p), "destroy");
    return code;
}

static void
process(struct cell *cell)
{
    process_measure(cell, start_and_join);
}

/* The peer in a process with the same memory mapped, and no object of ours */
static void
process_fork(struct cell *cell)
{
    process_measure(cell, process_fork_and_wait);
}

/* Asleep */
static bool
queue_sleep(void *arg)
{
    struct message m;

    return queue_get(arg, &m);
}

static bool
queue_wake(void *arg)
{
    struct message m;

    message_write(&m, 0, true);
    return queue_put(arg, &m);
}

static bool
pipe_sleep(void *arg)
{
    struct sysvmp_conn **end = arg;
    struct message m;

    return conn_receive(end[1], &m);
}

static bool
pipe_wake(void *arg)
{
    struct sysvmp_conn **end = arg;
    struct message m;

    message_write(&m, 0, true);
    return conn_send(end[0], &m);
}

static bool
lock_sleep(void *lock)
{
    return lock_acquire(lock) && lock_release(lock);
}

static void
idle(struct cell *cell)
{
    struct sysvmp_conn *end[2];
    struct sysvmp_lock *lock;
    struct sysvmp_queue *q;

    must(sysvmp_queue_create(&q, 0, 0), "queue");
    must(sysvmp_lock_create(&lock), "lock");
    must(sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "acquire");
    must(sysvmp_pipe_create(end, 0), "pipe");
    idle_measure(cell, (const struct sleeper[IDLE_SLEEPERS]) {
        { "queue", queue_sleep, queue_wake, q },
        { "lock", lock_sleep, lock_release, lock },
        { "pipe", pipe_sleep, pipe_wake, end }
    });
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    sysvmp_lock_destroy(lock);
    sysvmp_queue_destroy(q);
}

static const struct cell_entry entries[] = {
    { "lock-1", "sysvmp", lock_1 },
    { "lock-2", "sysvmp", lock_2 },
    { "queue", "sysvmp", queue },
    { "flow", "sysvmp", flow_queue },
    { "flow", "sysvmp-many", flow_many },
    { "flow", "sysvmp-msg", flow_msg },
    { "handover", "sysvmp", handover_measure },
    { "pipe-2cpu", "sysvmp", pipe_2cpu },
    { "pipe-1cpu", "sysvmp", pipe_1cpu },
    { "process", "sysvmp", process },
    { "process", "fork", process_fork },
    { "idle", "sysvmp", idle },
    { "event", "sysvmp", event_ours },
    { "condition", "sysvmp", condition_ours },
    { "barrier-2", "sysvmp", barrier_2_ours },
    { "barrier-8", "sysvmp", barrier_8_ours },
    { "semaphore-1", "sysvmp", semaphore_1_ours },
    { "semaphore-1", "sysvmp-permits", semaphore_1_permits },
    { "semaphore-2", "sysvmp", semaphore_2_ours },
    { "semaphore-2", "sysvmp-permits", semaphore_2_permits },
    { "wait-1", "sysvmp", wait_1_ours },
    { "wait-1", "recv", wait_recv },
    { "wait-64", "sysvmp", wait_64_ours },
    { "wait-64", "recv", wait_recv },
    { NULL, NULL, NULL }
};

int
main(int argc, char **argv)
{
    return cell_main(entries, argc, argv);
}
