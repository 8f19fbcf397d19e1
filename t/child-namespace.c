/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * child-namespace.c: children in a pid namespace of their own, as their parent
 * has called unshare(CLONE_NEWPID).  Their parent has no pid there, and in a
 * namespace that is nested all are number 1; they know the parent alive, and
 * its end, all the same, and die with it where they are to.
 */
#include <config.h>

#include "child.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

struct told {
    _Atomic int ready; /* so many children */
    _Atomic int first, bound; /* their pids, as their parent sees them */
    _Atomic int done;
    int knows, own_pid, joined, alive_then;
};

static struct told *told;
static struct sysvmp_process *sibling;

enum { ALIVE = 1, TIMES_OUT = 2, NO_PID = 4, NO_SENTINEL = 8, NO_SIGNAL = 16,
    NOT_OURS = 32, FREED = 64, ALL = 127 };

/* What a child can tell of its parent, which lives, and of a sibling. */
static int
knows(void)
{
    struct sysvmp_process *parent = sysvmp_parent_process();

    return (sysvmp_process_is_alive(parent) == 1 ? ALIVE : 0) |
        (sysvmp_process_join(parent, 20) == -ETIMEDOUT ? TIMES_OUT : 0) |
        (sysvmp_process_pid(parent) == -ESRCH ? NO_PID : 0) |
        (sysvmp_process_sentinel(parent) == -ENOSYS ? NO_SENTINEL : 0) |
        (sysvmp_process_signal(parent, SIGUSR1) == -EACCES ? NO_SIGNAL : 0) |
        (sysvmp_process_join(sibling, 0) == -ECHILD &&
            sysvmp_process_is_alive(sibling) == -ECHILD ? NOT_OURS : 0) |
        (sysvmp_process_destroy(sibling) == 0 ? FREED : 0);
}

static int
stay(void *arg)
{
    (void)arg;
    atomic_fetch_add(&told->ready, 1);
    for (;;)
        pause();
    return 0;
}

/* The first in the namespace: with it the others would end. */
static int
outlive(void *arg)
{
    struct sysvmp_process *parent = sysvmp_parent_process();

    told->knows = knows();
    told->own_pid = getpid() == 1 &&
        sysvmp_process_pid(sysvmp_current_process()) == 1;
    atomic_fetch_add(&told->ready, 1);
    told->joined = sysvmp_process_join(parent, SYSVMP_FOREVER);
    told->alive_then = sysvmp_process_is_alive(parent);
    atomic_store(&told->done, 1);
    return stay(arg);
}

static struct sysvmp_process *
start_bound(void)
{
    struct sysvmp_process *p = created(stay, NULL);

    must(sysvmp_process_set_die_with_parent(p, 1), "set_die_with_parent");
    must(sysvmp_process_start(p), "process_start");
    return p;
}

static void
unshare_pids(void)
{
    if (unshare(CLONE_NEWPID) < 0)
        bail("unshare: %s", strerror(errno));
}

/* One that lives on, and one that dies with the program. */
static int
with_two(void *arg)
{
    struct sysvmp_process *p;

    (void)arg;
    unshare_pids();
    sibling = created(stay, NULL);
    p = started(outlive, NULL);
    atomic_store(&told->first, sysvmp_process_pid(p));
    until(&told->ready, 1);
    atomic_store(&told->bound, sysvmp_process_pid(start_bound()));
    return stay(NULL);
}

/* The first in the namespace is to die with the program: nobody but its
 * parent's death can kill it. */
static int
with_bound(void *arg)
{
    (void)arg;
    unshare_pids();
    atomic_store(&told->first, sysvmp_process_pid(start_bound()));
    until(&told->ready, 1);
    return stay(NULL);
}

static pid_t
begin(int (*program)(void *), int ready)
{
    pid_t pid;

    memset(told, 0, sizeof(*told));
    pid = child(program, NULL);
    until(&told->ready, ready);
    return pid;
}

static void
lives_and_dies(const char *where, int (*program)(void *))
{
    pid_t pid = begin(program, 3);

    is_int(ALL, told->knows,
        "child-namespace: %s: a child knows its parent", where);
    is_int(1, told->own_pid, "... and itself");
    is_int(-SIGKILL, slay(pid), "... the parent is killed");
    until(&told->done, 1);
    is_int(0, told->joined, "... which a join tells");
    is_int(0, told->alive_then, "... it is not alive then");
    is_int(-SIGKILL, reap(atomic_load(&told->bound)),
        "... a child that dies with it is killed");
    is_int(-SIGKILL, slay(atomic_load(&told->first)), "... the other is not");
}

static void
first_dies(void)
{
    pid_t pid = begin(with_bound, 2);

    is_int(0, kill(atomic_load(&told->first), 0),
        "the first of a namespace is to die with its parent, and lives");
    is_int(-SIGKILL, slay(pid), "... the parent is killed");
    is_int(-SIGKILL, reap(atomic_load(&told->first)), "... and it with it");
}

/* The program is number 1 in its namespace, and its child in another one.
 * With the former all of them end. */
static int
nested(void *arg)
{
    pid_t pid;

    unshare_pids();
    pid = child(with_two, arg);
    until(&told->ready, 3);
    slay(pid);
    return 0;
}

static void
all_are_first(void)
{
    memset(told, 0, sizeof(*told));
    is_int(0, reap(child(nested, NULL)), "both are the first of theirs");
    is_int(ALL, told->knows, "... a child knows its parent");
    is_int(1, told->own_pid, "... and itself");
}

static int
may_unshare(void *arg)
{
    (void)arg;
    return unshare(CLONE_NEWPID) == 0;
}

int
main(void)
{
    plan(7 + 3 + 3);
    told = shared(sizeof(*told));
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (!reap(child(may_unshare, NULL))) {
        skip(7 + 3 + 3, "no pid namespace is allowed");
        return done();
    }
    lives_and_dies("a namespace of its own", with_two);
    first_dies();
    all_are_first();
    ipc_remove(); /* the janitors were killed as well */
    return done();
}
