/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait-end.c: who sleeps in sysvmp_wait() is told of the end of file, in
 * whatever way the last writer ends, wherever the semaphores of the object
 * are; and what another process does to a joinable queue.
 */
#include <config.h>

#include "child.h"

#include <signal.h>

enum { PIPE, QUEUE, FILENO_PIPE, FILENO_QUEUE, JOINABLE, OBJECTS };
enum { CLOSE, DESTROY, RETURN, EXIT, KILL, LEAVE, EXEC, WAYS };

/* More than one semaphore set has room for. */
enum { FILLERS = 20 };

static const char *const objects[OBJECTS] = {"a pipe", "a queue",
    "a pipe with a descriptor", "a queue with a descriptor",
    "a joinable queue"};
static const char *const ways[WAYS] = {"close", "destroy", "return", "_exit",
    "SIGKILL", "sysvmp_leave", "the end of what was execed"};

static struct {
    _Atomic int go, ready;
} *stage;

static struct sysvmp_conn *end[2];
static struct sysvmp_queue *q;
static struct sysvmp_event *filler[FILLERS];
static struct sysvmp_event *beside;
static int object;

static int
is_pipe(void)
{
    return object == PIPE || object == FILENO_PIPE;
}

static void
make(int which, int far)
{
    static const unsigned flags[OBJECTS] = {SYSVMP_SIMPLEX, SYSVMP_EOF,
        SYSVMP_SIMPLEX | SYSVMP_FILENO, SYSVMP_EOF | SYSVMP_FILENO,
        SYSVMP_EOF | SYSVMP_JOINABLE};

    object = which;
    atomic_store(&stage->go, 0);
    atomic_store(&stage->ready, 0);
    for (int i = 0; i < FILLERS; i++) {
        filler[i] = NULL;
        if (far)
            must(sysvmp_event_create(&filler[i]), "event_create");
    }
    must(sysvmp_event_create(&beside), "event_create");
    if (is_pipe())
        must(sysvmp_pipe_create(end, flags[which]), "pipe_create");
    else
        must(sysvmp_queue_create(&q, 0, flags[which]), "queue_create");
}

static void
destroy(void)
{
    for (int i = 0; i < FILLERS; i++)
        sysvmp_event_destroy(filler[i]);
    sysvmp_event_destroy(beside);
    if (is_pipe()) {
        sysvmp_conn_destroy(end[0]);
        sysvmp_conn_destroy(end[1]);
    } else {
        sysvmp_queue_destroy(q);
    }
}

static void
close_writer(void)
{
    if (is_pipe())
        must(sysvmp_conn_close(end[1]), "conn_close");
    else
        must(sysvmp_queue_close(q), "queue_close");
}

static void
destroy_writer(void)
{
    if (is_pipe())
        sysvmp_conn_destroy(end[1]);
    else
        sysvmp_queue_destroy(q);
}

static int
end_somehow(void *arg)
{
    long way = (long)(intptr_t)arg;

    until(&stage->go, 1);
    switch (way) {
    case CLOSE:
        close_writer();
        break;
    case DESTROY:
        destroy_writer();
        break;
    case EXIT:
        _exit(0);
    case KILL:
        raise(SIGKILL);
        break;
    case LEAVE:
        must(sysvmp_leave(), "leave");
        break;
    case EXEC:
        execl("/bin/sh", "sh", "-c", "exec sleep 0.02", (char *)NULL);
        _exit(127);
    default:
        return 0;
    }
    for (;;) /* it lives on, so that its end tells nobody */
        pause();
    return 0;
}

static ssize_t
take(void)
{
    char buf[8];

    return is_pipe() ? sysvmp_conn_recv(end[0], buf, sizeof(buf), 0)
                     : sysvmp_queue_get(q, buf, sizeof(buf), 0);
}

static struct sysvmp_waitable
waitable(void)
{
    struct sysvmp_waitable w = {.kind = SYSVMP_WAIT_QUEUE, .of.queue = q};

    if (is_pipe()) {
        w.kind = SYSVMP_WAIT_CONN;
        w.of.conn = end[0];
    }
    return w;
}

static int
wait_for_it(void *arg)
{
    struct sysvmp_waitable w[2] = {waitable(),
        {.kind = SYSVMP_WAIT_EVENT, .of.event = beside}};
    int ready;

    (void)arg;
    ready = sysvmp_wait(w, 2, 15000);
    if (ready != 1 || !w[0].ready || w[1].ready)
        return 1;
    return (int)-take();
}

static void
is_told(int which, int far, int way)
{
    struct sysvmp_process *writer;
    pid_t waiter;

    make(which, far);
    writer = started(end_somehow, (void *)(intptr_t)way);
    close_writer();
    waiter = child(wait_for_it, NULL);
    asleep(waiter);
    atomic_store(&stage->go, 1);
    is_int(EPIPE, reap(waiter), "wait: the last writer of %s%s ends: %s",
        objects[which], far ? " in another semaphore set" : "", ways[way]);
    (void)sysvmp_process_kill(writer);
    (void)sysvmp_process_join(writer, SYSVMP_FOREVER);
    must(sysvmp_process_destroy(writer), "process_destroy");
    destroy();
}

/* As with a message that comes, and goes before the end of file. */
static void
tells_from_a_message(int which, int far)
{
    struct sysvmp_waitable w;
    struct sysvmp_process *writer;
    ssize_t seen;

    make(which, far);
    writer = started(end_somehow, (void *)(intptr_t)KILL);
    if (is_pipe())
        must(sysvmp_conn_send(end[1], "x", 1, 0), "send");
    else
        must(sysvmp_queue_put(q, "x", 1, 0), "put");
    close_writer();
    w = waitable();
    is_int(1, sysvmp_wait(&w, 1, 5000), "wait: %s has a message",
        objects[which]);
    seen = take();
    if (seen == 1 && object == JOINABLE)
        must(sysvmp_queue_task_done(q), "task_done");
    is_int(1, seen, "... which is taken");
    is_int(0, sysvmp_wait(&w, 1, 5), "... then it has none");
    atomic_store(&stage->go, 1);
    is_int(1, sysvmp_wait(&w, 1, 5000), "... then its writer is killed");
    is_int(-EPIPE, take(), "... which is the end of file");
    end_of(writer);
    destroy();
}

/*
 * Joinable.
 */

enum { DONE, RETURNED, DIES, CLAIM_ENDS };

static const char *const claim_ends[CLAIM_ENDS] = {"is done with it",
    "gives it back", "is killed"};

static int
take_and_end(void *arg)
{
    long way = (long)(intptr_t)arg;

    if (take() != 1)
        return 1;
    atomic_store(&stage->ready, 1);
    until(&stage->go, 1);
    if (way == DONE)
        must(sysvmp_queue_task_done(q), "task_done");
    if (way == RETURNED)
        must(sysvmp_queue_task_return(q), "task_return");
    if (way == DIES)
        raise(SIGKILL);
    for (;;)
        pause();
    return 0;
}

static void
its_taker_ends(long way, int far)
{
    pid_t taker, waiter;

    make(JOINABLE, far);
    must(sysvmp_queue_put(q, "x", 1, 0), "put");
    close_writer();
    taker = child(take_and_end, (void *)(intptr_t)way);
    until(&stage->ready, 1);
    waiter = child(wait_for_it, NULL);
    asleep(waiter);
    atomic_store(&stage->go, 1);
    is_int(way == DONE ? EPIPE : 255, reap(waiter),
        "wait: who has taken the last of a joinable queue%s %s",
        far ? " in another semaphore set" : "", claim_ends[way]);
    slay(taker);
    destroy();
}

int
main(void)
{
    plan(2 * (OBJECTS * WAYS + 4 * 5 + CLAIM_ENDS));
    stage = shared(sizeof(*stage));
    for (int far = 0; far < 2; far++) {
        for (int which = 0; which < OBJECTS; which++)
            for (int way = 0; way < WAYS; way++)
                is_told(which, far, way);
        for (int which = 0; which < OBJECTS; which++)
            if (which != FILENO_PIPE)
                tells_from_a_message(which, far);
        for (long way = 0; way < CLAIM_ENDS; way++)
            its_taker_ends(way, far);
    }
    return done();
}
