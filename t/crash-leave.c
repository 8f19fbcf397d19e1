/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-leave.c: a process killed at each point of leaving: by sysvmp_leave()
 * while it lives on, by exit(), also with a thread that is inside a call, and
 * by exec.  Who waits for a lock that it held is told, who waits for its
 * message sees the end of file; also with another one to wake up, and killed
 * as it does.
 */
#include <config.h>

#include "crash.h"
#include "sysvmp.h"
#include "testing.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { SAW_END = 200, SAW_OTHER = 250 };

static struct sysvmp_conn *reads, *writes;
static struct sysvmp_lock *lock, *other; /* for another thread */
static struct sysvmp_queue *queue;
static const char filling[64 * 1024];
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
    while (sysvmp_conn_send(writes, filling, sizeof(filling), 0) == 0)
        continue;
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_lock_create(&other), "lock_create");
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

/* Where the heir waits for the lock as well, one of the two is told: which,
 * that is open, as each death wakes somebody.  An heir that is killed has
 * perhaps been the one, and perhaps held it after the other. */
static int heir_locks;

static void
look_at_lock(void)
{
    int first = heir_locks ? heir_end() : 0;
    int told = peer_end(locker);
    int next = sysvmp_lock_acquire(lock, SYSVMP_NOWAIT);

    if (first >= 0)
        want(SYSVMP_OWNER_DEAD, first + told, "who waited for the lock");
    else if (told != 0)
        want(SYSVMP_OWNER_DEAD, told, "who waited for the lock");
    if (first >= 0 || next != SYSVMP_OWNER_DEAD)
        want(0, next, "the lock is as new");
}

static void
look(const struct crash_end *end)
{
    char byte;

    if (end->acknowledged)
        want(0, end->answer, "the victim's call");
    look_at_lock();
    want(SAW_END, peer_end(receiver), "who waited to receive");
    want(SAW_END, peer_end(sender), "who waited to send");
    want(0, sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT), "put");
    want(0, sysvmp_queue_close(queue), "close");
    want(1, sysvmp_queue_get(queue, &byte, 1, SYSVMP_NOWAIT), "get");
    want(-EPIPE, sysvmp_queue_get(queue, &byte, 1, CRASH_BOUND_MS),
        "end of file");
    if (sysvmp_lock_acquire(other, CRASH_BOUND_MS) < 0)
        wrong("the other lock is stuck");
    sysvmp_lock_destroy(lock);
    sysvmp_lock_destroy(other);
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
    sysvmp_lock_destroy(other);
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

/*
 * With a thread inside a call, which an exit allows, and a leave does not.
 */

static void
sleep_in_get(void)
{
    char byte;

    (void)!sysvmp_queue_get(queue, &byte, 1, SYSVMP_FOREVER);
}

static void
take_and_give(void)
{
    if (sysvmp_lock_acquire(other, SYSVMP_FOREVER) >= 0)
        (void)sysvmp_lock_release(other);
}

/*
 * The first to wake up is killed, too.
 */

static void
let_heir_wait(int (*fn)(void))
{
    sleeping_heir(fn);
    let_all_wait();
}

static void
let_heir_receive(void)
{
    let_heir_wait(peer_receives);
}

static void
let_heir_send(void)
{
    let_heir_wait(peer_sends);
}

static void
let_heir_lock(void)
{
    let_heir_wait(peer_locks);
}

static void
look_after_heir(const struct crash_end *end)
{
    int code = heir_end();

    if (code != SAW_END && code != -SIGKILL)
        wrong("the heir: %d", code);
    look(end);
}

static void
heir_cases(int (*call)(void), const char *name)
{
    struct crash_case c = {name, create, take, let_heir_receive, call, NULL,
        look_after_heir, call == leave_and_destroy ? STAYS : ENDS};

    crash_run_heir(&c, NULL);
    c.meanwhile = let_heir_send;
    crash_run_heir(&c, NULL);
    c.meanwhile = let_heir_lock;
    c.look = look;
    heir_locks = 1;
    crash_run_heir(&c, NULL);
    heir_locks = 0;
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

    plan(4 + 4 + 2 * 3);
    crash_run(&leaves);
    crash_run(&exits);
    crash_run(&process_exits);
    crash_run(&execs);
    crash_run_beside_sleep(&exits, sleep_in_get);
    crash_run_beside_sleep(&process_exits, sleep_in_get);
    crash_run_beside_loop(&exits, take_and_give);
    crash_run_beside_loop(&process_exits, take_and_give);
    heir_cases(leave_and_destroy, "leave");
    heir_cases(end_by_exit, "exit");
    return done();
}
