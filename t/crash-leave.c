/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-leave.c: a process killed at each point of leaving: by sysvmp_leave()
 * while it lives on, by exit(), and by exec.  Who waits for a lock that it
 * held is told, who waits for its message sees the end of file.
 */
#include <config.h>

#include "crash.h"
#include "sysvmp.h"
#include "testing.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAW_END = 200, SAW_OTHER = 250 };

static struct sysvmp_conn *reads, *writes;
static struct sysvmp_lock *lock;
static struct sysvmp_queue *queue;
static pid_t receiver, sender, locker;

/* So that each waiter sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

static void
create(void)
{
    struct sysvmp_conn *end[2];

    must(sysvmp_pipe_create(end, 0), "pipe_create");
    reads = end[0];
    writes = end[1];
    while (sysvmp_conn_send(writes, "x", 1, SYSVMP_NOWAIT) == 0)
        continue;
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_queue_create(&queue, 1, SYSVMP_EOF), "queue_create");
}

/* The victim holds the lock, the one end of the pipe, and a handle that is
 * closed but not destroyed. */
static void
take(void)
{
    want(0, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "acquire");
    want(0, sysvmp_conn_close(writes), "close");
}

static int
peer_receives(void)
{
    char byte;

    want(0, sysvmp_conn_close(reads), "close");
    return sysvmp_conn_recv(writes, &byte, 1, SYSVMP_FOREVER) == -EPIPE
        ? SAW_END
        : SAW_OTHER;
}

static int
peer_sends(void)
{
    want(0, sysvmp_conn_close(reads), "close");
    return sysvmp_conn_send(writes, "x", 1, SYSVMP_FOREVER) == -EPIPE
        ? SAW_END
        : SAW_OTHER;
}

static int
peer_locks(void)
{
    int result;

    want(0, sysvmp_conn_close(reads), "close");
    result = sysvmp_lock_acquire(lock, SYSVMP_FOREVER);
    return result >= 0 && sysvmp_lock_release(lock) == 0 ? result : SAW_OTHER;
}

static void
let_all_wait(void)
{
    receiver = sleeping_peer(peer_receives);
    sender = sleeping_peer(peer_sends);
    locker = sleeping_peer(peer_locks);
    want(0, sysvmp_conn_close(reads), "close");
}

static void
look(const struct crash_end *end)
{
    char byte;

    if (end->acknowledged)
        want(0, end->answer, "the victim's call");
    want(SYSVMP_OWNER_DEAD, peer_end(locker), "who waited for the lock");
    want(SAW_END, peer_end(receiver), "who waited to receive");
    want(SAW_END, peer_end(sender), "who waited to send");
    want(0, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "the lock is as new");
    want(0, sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT), "put");
    want(0, sysvmp_queue_close(queue), "close");
    want(1, sysvmp_queue_get(queue, &byte, 1, SYSVMP_NOWAIT), "get");
    want(-EPIPE, sysvmp_queue_get(queue, &byte, 1, CRASH_BOUND_MS),
        "end of file");
    sysvmp_lock_destroy(lock);
    sysvmp_queue_destroy(queue);
    sysvmp_conn_destroy(reads);
    sysvmp_conn_destroy(writes);
}

/* Every destroy that there is, after a leave. */
static int
leave_and_destroy(void)
{
    int result = sysvmp_leave();

    want(-EBADF, sysvmp_lock_release(lock), "a release after leave");
    want(-EBADF, sysvmp_queue_put(queue, "x", 1, SYSVMP_FOREVER), "a put");
    sysvmp_lock_destroy(lock);
    sysvmp_queue_destroy(queue);
    sysvmp_conn_destroy(reads);
    sysvmp_conn_destroy(writes);
    return result;
}

/* What exit() counts is told after the library's own destructor. */
static int exiting;

__attribute__((__destructor__(101))) static void
tell_points(void)
{
    if (exiting)
        crash_counted(testing_points());
}

static int
end_by_exit(void)
{
    exiting = 1;
    exit(0);
}

static int
end_by_process_exit(void)
{
    exiting = 1;
    sysvmp_process_exit(0);
}

static int
become_another_program(void)
{
    execlp("true", "true", (char *)NULL);
    return -errno;
}

int
main(void)
{
    static const struct crash_case leaves = {"leave", create, take,
        let_all_wait, leave_and_destroy, NULL, look, STAYS};
    static const struct crash_case exits = {"exit", create, take,
        let_all_wait, end_by_exit, NULL, look, ENDS};
    static const struct crash_case process_exits = {"process_exit", create,
        take, let_all_wait, end_by_process_exit, NULL, look, ENDS};
    static const struct crash_case execs = {"exec", create, take,
        let_all_wait, become_another_program, NULL, look, ENDS};

    plan(4);
    crash_run(&leaves);
    crash_run(&exits);
    crash_run(&process_exits);
    crash_run(&execs);
    return done();
}
