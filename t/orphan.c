/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * orphan.c: a program is killed while its child waits for it: the child is
 * told in whatever call it sleeps, ends by itself, and leaves nothing.
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <sys/prctl.h>

struct told {
    _Atomic int pid; /* the child's, when it is about to wait */
    int result;
};

static struct told *told;
static struct sysvmp_conn *end[2];
static struct sysvmp_queue *queue;
static struct sysvmp_lock *lock;

static int
in_recv(void)
{
    char c;

    return (int)sysvmp_conn_recv(end[1], &c, 1, SYSVMP_FOREVER);
}

static int
in_send(void)
{
    static const char much[1000];
    int error;

    do
        error = sysvmp_conn_send(end[1], much, sizeof(much), SYSVMP_FOREVER);
    while (error == 0);
    return error;
}

static int
in_poll(void)
{
    return sysvmp_conn_poll(end[1], SYSVMP_FOREVER);
}

static int
in_get(void)
{
    char c;

    return (int)sysvmp_queue_get(queue, &c, 1, SYSVMP_FOREVER);
}

static int
in_acquire(void)
{
    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER);
}

static int
in_join(void)
{
    return sysvmp_process_join(sysvmp_parent_process(), SYSVMP_FOREVER);
}

static const struct {
    int (*wait)(void);
    const char *name;
    int result;
} ways[] = {
    {in_recv, "recv", -EPIPE},
    {in_send, "send", -EPIPE},
    {in_poll, "poll", 1},
    {in_get, "get", -EPIPE},
    {in_acquire, "acquire", SYSVMP_OWNER_DEAD},
    {in_join, "join", 0},
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static int
wait_for_parent(void *arg)
{
    int way = *(int *)arg;

    must(sysvmp_queue_close(queue), "queue_close");
    atomic_store(&told->pid, getpid());
    told->result = ways[way].wait();
    return 3;
}

/* Never returns: it is killed. */
static int
program(void *arg)
{
    struct sysvmp_process *p;

    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_queue_create(&queue, 0, SYSVMP_EOF), "queue_create");
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_lock_acquire(lock, SYSVMP_FOREVER), "lock_acquire");
    p = created(wait_for_parent, arg);
    must(sysvmp_process_give(p, end[1]), "process_give");
    must(sysvmp_process_start(p), "process_start");
    for (;;)
        pause();
    return 0;
}

static void
killed_while(int way, int wait)
{
    pid_t pid;

    memset(told, 0, sizeof(*told));
    pid = child(program, &way);
    until(&told->pid, 1);
    if (wait)
        asleep(told->pid);
    is_int(-SIGKILL, slay(pid), "orphan: its parent is killed, it is %s %s",
        wait ? "asleep in" : "about to", ways[way].name);
    is_int(3, reap(told->pid), "... it ends by itself");
    is_int(ways[way].result, told->result, "... having been told");
    is_int(0, ipc_left(), "... and leaves nothing in the kernel");
}

int
main(void)
{
    plan(2 * 4 * WAYS);
    told = shared(sizeof(*told));
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    for (int way = 0; way < WAYS; way++) {
        killed_while(way, 1);
        killed_while(way, 0);
    }
    return done();
}
