/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * refused-ends.c: a process that has become another user may not wake anybody
 * any more.  What it closes stays open until it dies, what it took and can't
 * acknowledge comes back then, and what it would have taken stays where it is:
 * each call answers -EACCES, nothing was done, and nobody who sleeps is
 * forgotten: somebody else's call, or the death, wakes them.
 */
#include <config.h>

#include "child.h"

#include <stdatomic.h>

enum { NOBODY = 65534 };

static struct sysvmp_conn *end[2];
static struct sysvmp_queue *q;

static struct {
    _Atomic int ready, go, answered;
    int answer, second;
} *stage;

/* Shared with the worker; answers when told to, and lives on. */
static int
as_nobody(void *arg)
{
    int (*call)(void) = *(int (**)(void))arg;

    if (setresuid(NOBODY, NOBODY, NOBODY) < 0)
        return 9;
    atomic_store(&stage->ready, 1);
    until(&stage->go, 1);
    stage->answer = call();
    atomic_store(&stage->answered, 1);
    pause();
    return 0;
}

static pid_t
worker(int (*call)(void))
{
    static int (*fn)(void);
    pid_t pid;

    fn = call;
    atomic_store(&stage->ready, 0);
    atomic_store(&stage->go, 0);
    atomic_store(&stage->answered, 0);
    pid = child(as_nobody, &fn);
    until(&stage->ready, 1);
    return pid;
}

static int
answer_of_worker(void)
{
    atomic_store(&stage->go, 1);
    until(&stage->answered, 1);
    return stage->answer;
}

/* Peers. */

static int
receive(void *unused)
{
    char buf[8];
    ssize_t len = sysvmp_conn_recv(end[0], buf, sizeof(buf), SYSVMP_FOREVER);

    (void)unused;
    return len < 0 ? (int)-len : 0;
}

static int
receive_alone(void *unused)
{
    return sysvmp_conn_close(end[1]) < 0 ? 99 : receive(unused);
}

static int
get_alone(void *unused)
{
    char buf[8];
    ssize_t len;

    (void)unused;
    if (sysvmp_queue_close(q) < 0)
        return 99;
    len = sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_FOREVER);
    return len < 0 ? (int)-len : 0;
}

static int
join(void *unused)
{
    (void)unused;
    return sysvmp_queue_join(q, SYSVMP_FOREVER) < 0;
}

static int
put(void *unused)
{
    (void)unused;
    return sysvmp_queue_put(q, "2", 1, SYSVMP_FOREVER) < 0;
}

static pid_t
sleeping(int (*fn)(void *))
{
    pid_t pid = child(fn, NULL);

    if (!asleep(pid))
        bail("the peer does not sleep");
    return pid;
}

/* What the worker does. */

static int
close_end(void)
{
    return sysvmp_conn_close(end[1]);
}

static int
destroy_end(void)
{
    sysvmp_conn_destroy(end[1]);
    return 0;
}

static int
close_queue(void)
{
    return sysvmp_queue_close(q);
}

static int
get(void)
{
    char buf[8];
    ssize_t len = sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT);

    return (int)len;
}

static int
get_and_finish(void)
{
    int len = get();

    return len < 0 ? len : sysvmp_queue_task_done(q);
}

static int
get_and_return(void)
{
    int len = get();

    return len < 0 ? len : sysvmp_queue_task_return(q);
}

static void
ends_of_a_pipe(int (*call)(void), int wanted, const char *name)
{
    pid_t peer, pid;

    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    pid = worker(call);
    peer = sleeping(receive_alone);
    must(sysvmp_conn_close(end[1]), "close");
    is_int(wanted, answer_of_worker(), "%s by another user", name);
    ok(asleep(peer), "... its peer waits on: the end is held");
    slay(pid);
    is_int(EPIPE, reap(peer), "... and sees the end of file at its death");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static void
ends_of_a_queue(void)
{
    pid_t peer, pid;

    must(sysvmp_queue_create(&q, 0, SYSVMP_EOF), "queue_create");
    pid = worker(close_queue);
    peer = sleeping(get_alone);
    must(sysvmp_queue_close(q), "close");
    is_int(-EACCES, answer_of_worker(), "close of a queue by another user");
    ok(asleep(peer), "... its peer waits on: it may still put");
    slay(pid);
    is_int(EPIPE, reap(peer), "... and sees the end of file at its death");
    sysvmp_queue_destroy(q);
}

/* The one who joins would be told; the one who waits for a message as well. */
static void
claims(int (*call)(void), const char *name)
{
    char buf[8];
    pid_t peer, pid;

    must(sysvmp_queue_create(&q, 0, SYSVMP_JOINABLE), "queue_create");
    must(sysvmp_queue_put(q, "1", 1, 0), "put");
    pid = worker(call);
    peer = sleeping(join);
    is_int(call == get_and_finish ? -EACCES : 0, answer_of_worker(),
        "%s by another user while somebody joins", name);
    ok(asleep(peer), "... who waits on");
    slay(pid);
    is_int(1, sysvmp_queue_get(q, buf, sizeof(buf), 5000),
        "... the message is there after its death");
    is_int(0, sysvmp_queue_task_done(q), "... and done");
    is_int(0, reap(peer), "... and that one is told");
    sysvmp_queue_destroy(q);
}

static void
room(unsigned flags)
{
    char buf[8];
    pid_t peer, pid;

    must(sysvmp_queue_create(&q, 1, flags), "queue_create");
    must(sysvmp_queue_put(q, "1", 1, 0), "put");
    pid = worker(get);
    peer = sleeping(put);
    is_int(-EACCES, answer_of_worker(),
        "get by another user while somebody waits for room");
    ok(asleep(peer), "... who waits on");
    is_int(1, sysvmp_queue_qsize(q), "... the message is still there");
    is_int(1, sysvmp_queue_get(q, buf, sizeof(buf), 5000),
        "... for somebody who may");
    is_int(0, reap(peer), "... who wakes that one");
    slay(pid);
    sysvmp_queue_destroy(q);
}

int
main(void)
{
    plan(9 + 10 + 10);
    if (geteuid() != 0) {
        skip(29, "only root can become another user");
        return done();
    }
    stage = shared(sizeof(*stage));
    ends_of_a_pipe(close_end, -EACCES, "close of an end");
    ends_of_a_pipe(destroy_end, 0, "destroy of an end");
    ends_of_a_queue();
    claims(get_and_finish, "task_done");
    claims(get_and_return, "task_return");
    room(0);
    room(SYSVMP_JOINABLE);
    return done();
}
