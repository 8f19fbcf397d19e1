/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * exec-holds.c: what a process held it holds over exec, until the new program
 * ends; after sysvmp_leave() it holds nothing.
 */
#include <config.h>

#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

static struct sysvmp_lock *lock;
static struct sysvmp_conn *end[2];
static struct sysvmp_queue *queue;
static int in[2], out[2]; /* pipe(2)s: cat's */

static void
create_all(void)
{
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_queue_create(&queue, 0, SYSVMP_EOF), "queue_create");
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        bail("pipe2: %s", strerror(errno));
}

static void
destroy_all(void)
{
    sysvmp_lock_destroy(lock);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    sysvmp_queue_destroy(queue);
    close(in[1]);
    close(out[0]);
}

/* cat ends when we close in[1]; what it echoes shows that it runs. */
static int
become_cat(void)
{
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    execlp("cat", "cat", (char *)NULL);
    return 127;
}

static int
exec_with_lock(void *arg)
{
    (void)arg;
    if (sysvmp_lock_acquire(lock, SYSVMP_FOREVER) != 0)
        return 100;
    return become_cat();
}

static int
leave_and_exec(void *arg)
{
    (void)arg;
    if (sysvmp_lock_acquire(lock, SYSVMP_FOREVER) != 0)
        return 100;
    if (sysvmp_leave() != 0)
        return 101;
    if (sysvmp_lock_acquire(lock, SYSVMP_NOWAIT) != -EBADF ||
        sysvmp_lock_release(lock) != -EBADF)
        return 102;
    if (sysvmp_conn_send(end[1], "x", 1, SYSVMP_NOWAIT) != -EBADF ||
        sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT) != -EBADF)
        return 103;
    return sysvmp_leave() == 0 ? become_cat() : 104;
}

/* Waits until cat runs, with what the child held. */
static void
await_cat(void)
{
    char c = 'x';

    close(in[0]);
    close(out[1]);
    if (write(in[1], &c, 1) != 1 || read(out[0], &c, 1) != 1)
        bail("cat does not run: %s", strerror(errno));
    must(sysvmp_conn_close(end[1]), "conn_close");
    must(sysvmp_queue_close(queue), "queue_close");
}

static void
look(int held)
{
    char c;
    int nothing = held ? -EAGAIN : -EPIPE;

    is_int(held ? -EAGAIN : SYSVMP_OWNER_DEAD,
        sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "exec-holds: a child %s: "
        "its lock", held ? "has become another program" : "left before");
    is_int(nothing, sysvmp_conn_recv(end[0], &c, 1, SYSVMP_NOWAIT),
        "... its end of a pipe");
    is_int(nothing, sysvmp_queue_get(queue, &c, 1, SYSVMP_NOWAIT),
        "... its right to put");
}

static void
holds(const char *how, int by_kill)
{
    struct sysvmp_process *p;
    char c;

    create_all();
    p = started(exec_with_lock, NULL);
    await_cat();
    look(1);
    is_int(sysvmp_process_pid(p), sysvmp_lock_owner(lock),
        "... of which it is the owner");
    if (by_kill)
        must(sysvmp_process_kill(p), "process_kill");
    else
        close(in[1]);
    is_int(SYSVMP_OWNER_DEAD, sysvmp_lock_acquire(lock, SYSVMP_FOREVER),
        "that ends by %s: we are told", how);
    is_int(-EPIPE, sysvmp_conn_recv(end[0], &c, 1, SYSVMP_FOREVER),
        "... end of file");
    is_int(-EPIPE, sysvmp_queue_get(queue, &c, 1, SYSVMP_FOREVER),
        "... of both");
    is_int(by_kill ? -SIGKILL : 0, end_of(p), "... its exit code");
    destroy_all();
}

static void
left(void)
{
    struct sysvmp_process *p;

    create_all();
    p = started(leave_and_exec, NULL);
    await_cat();
    look(0);
    is_int(0, sysvmp_lock_release(lock), "... it is ours");
    close(in[1]);
    is_int(0, end_of(p), "... its end");
    is_int(0, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "... tells nothing");
    destroy_all();
}

static int
leave_and_return(void *arg)
{
    return sysvmp_leave() == 0 ? *(int *)arg : 1;
}

static void
left_and_returned(void)
{
    int seven = 7;

    create_all();
    is_int(7, end_of(started(leave_and_return, &seven)),
        "a child has left, and returns");
    destroy_all();
}

int
main(void)
{
    plan(2 * 8 + 6 + 1);
    holds("exit", 0);
    holds("SIGKILL", 1);
    left();
    left_and_returned();
    return done();
}
