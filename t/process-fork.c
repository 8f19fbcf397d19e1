/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-fork.c: process_fork is a start that returns twice: the child is
 * that process in all that can be asked, goes on from there with its parent's
 * stdin, and ends as others do.
 */
#include <config.h>

#include "child.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { CHILDREN = 3 };

static struct {
    _Atomic int ready, go, ended;
    _Atomic int daemon, other;
} *told;

static pid_t
forked_as(struct sysvmp_process *p)
{
    pid_t pid = sysvmp_process_fork(p);

    must(pid, "process_fork");
    return pid;
}

/* In the child; the number of what was not so. */
static int
is_that_process(struct sysvmp_process *p, pid_t parent)
{
    struct sysvmp_process *theirs = sysvmp_parent_process();

    if (sysvmp_current_process() != p)
        return 1;
    if (sysvmp_process_pid(p) != getpid() || sysvmp_process_is_alive(p) != 1)
        return 2;
    if (!theirs || sysvmp_process_pid(theirs) != parent)
        return 3;
    if (sysvmp_process_is_alive(theirs) != 1)
        return 4;
    if (sysvmp_process_fork(p) != -EALREADY)
        return 5;
    if (sysvmp_process_join(p, SYSVMP_NOWAIT) != -ECHILD)
        return 6;
    if (sysvmp_process_destroy(p) != -EBUSY)
        return 7;
    return sysvmp_active_children(NULL, 0) == 0 ? 0 : 8;
}

static void
who_is_who(void)
{
    struct sysvmp_process *p = created(NULL, NULL);
    pid_t us = getpid(), pid = forked_as(p);

    if (pid == 0)
        sysvmp_process_exit(is_that_process(p, us));
    is_int(pid, sysvmp_process_pid(p), "process-fork: in us, the child's pid");
    is_int(-EALREADY, sysvmp_process_fork(p), "... it can't be forked twice");
    is_int(-EALREADY, sysvmp_process_set_daemon(p, 1), "... nor changed");
    is_int(0, code_of(p), "the child is that process, and we its parent");
    is_int(-EALREADY, sysvmp_process_fork(p), "... nor when it has ended");
    is_int(0, sysvmp_process_is_alive(p), "... it is not alive");
    is_int(0, sysvmp_process_destroy(p), "... and can be destroyed");
}

/* Each is forked with those before it running. */
static void
several(void)
{
    struct sysvmp_process *p[CHILDREN], *list[CHILDREN];
    int good = 0;

    atomic_store(&told->go, 0);
    for (int i = 0; i < CHILDREN; i++) {
        p[i] = created(NULL, NULL);
        if (forked_as(p[i]) == 0) {
            int others = i > 0 ? sysvmp_process_kill(p[0]) : -ECHILD;

            until(&told->go, 1);
            sysvmp_process_exit(others == -ECHILD ? 10 + i : 1);
        }
    }
    is_int(CHILDREN, sysvmp_active_children(list, CHILDREN), "%d at a time",
        CHILDREN);
    atomic_store(&told->go, 1);
    for (int i = 0; i < CHILDREN; i++)
        good += end_of(p[i]) == 10 + i;
    is_int(CHILDREN, good, "... each ends as itself, and harms no sibling");
}

static void
generations(void)
{
    struct sysvmp_process *p = created(NULL, NULL), *q;

    if (forked_as(p) == 0) {
        pid_t us = getpid();
        int result;

        q = created(NULL, NULL);
        if (forked_as(q) == 0) {
            result = is_that_process(q, us);
            if (strcmp(sysvmp_process_name(sysvmp_parent_process()),
                    sysvmp_process_name(p)) != 0)
                result = 20;
            sysvmp_process_exit(result);
        }
        result = end_of(q);
        sysvmp_process_exit(result);
    }
    is_int(0, end_of(p), "a child of a child: the same");
}

static void
stdin_stays(void)
{
    struct sysvmp_process *p = created(NULL, NULL);
    int in[2], kept = dup(STDIN_FILENO);
    char c = 0;

    if (kept < 0 || pipe(in) < 0 || write(in[1], "ab", 2) != 2)
        bail("pipe: %s", strerror(errno));
    dup2(in[0], STDIN_FILENO);
    if (forked_as(p) == 0)
        sysvmp_process_exit(read(STDIN_FILENO, &c, 1) == 1 ? c : 1);
    is_int('a', end_of(p), "it has its parent's stdin");
    is_int(1, read(STDIN_FILENO, &c, 1), "... which goes on");
    is_int('b', c, "... behind what the child has read");
    dup2(kept, STDIN_FILENO);
    close(kept);
    close(in[0]);
    close(in[1]);
}

static void
given(void)
{
    struct sysvmp_process *p = created(NULL, NULL);
    struct sysvmp_conn *end[2];
    char c;

    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_process_give(p, end[1]), "process_give");
    if (forked_as(p) == 0) {
        must(sysvmp_conn_send(end[1], "x", 1, SYSVMP_FOREVER), "conn_send");
        if (sysvmp_conn_send(end[0], "x", 1, SYSVMP_NOWAIT) != -EBADF)
            sysvmp_process_exit(1);
        raise(SIGKILL);
    }
    is_int(-EBADF, sysvmp_conn_send(end[1], "x", 1, SYSVMP_NOWAIT),
        "an end was given to it: it is not ours any more");
    is_int(1, sysvmp_conn_recv(end[0], &c, 1, SYSVMP_FOREVER),
        "... we get what it sends");
    is_int(-EPIPE, sysvmp_conn_recv(end[0], &c, 1, SYSVMP_FOREVER),
        "... and the end of file");
    is_int(-SIGKILL, end_of(p), "... by SIGKILL");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static int
stay(void *arg)
{
    atomic_store((_Atomic int *)arg, getpid());
    for (;;)
        pause();
    return 0;
}

static int
end_late(void *arg)
{
    atomic_store((_Atomic int *)arg, getpid());
    until(&told->go, 1);
    atomic_store(&told->ended, 1);
    return 0;
}

/* A family of its own, which it leaves to the library. */
static void
have_children(void)
{
    struct sysvmp_process *p = created(stay, (void *)&told->daemon);

    must(sysvmp_process_set_daemon(p, 1), "process_set_daemon");
    must(sysvmp_process_start(p), "process_start");
    started(end_late, (void *)&told->other);
    until(&told->daemon, 1);
    until(&told->other, 1);
}

static void
ends_as_others(void (*end)(int), const char *how)
{
    struct sysvmp_process *p = created(NULL, NULL);
    pid_t pid;

    memset(told, 0, sizeof(*told));
    pid = forked_as(p);
    if (pid == 0) {
        have_children();
        atomic_store(&told->ready, 1);
        end(5);
    }
    until(&told->ready, 1);
    is_int(1, asleep(pid), "it ends by %s: it waits for its child", how);
    is_int(0, atomic_load(&told->ended), "... which still runs");
    atomic_store(&told->go, 1);
    is_int(5, end_of(p), "... then its exit code is ours");
    is_int(1, atomic_load(&told->ended), "... the child has ended");
    ok(kill(atomic_load(&told->daemon), 0) < 0, "... and so has its daemon");
}

static void
process_exit(int code)
{
    sysvmp_process_exit(code);
}

int
main(void)
{
    plan(7 + 2 + 1 + 3 + 4 + 2 * 5);
    told = shared(sizeof(*told));
    who_is_who();
    several();
    generations();
    stdin_stays();
    given();
    ends_as_others(process_exit, "process_exit");
    ends_as_others(exit, "exit");
    return done();
}
