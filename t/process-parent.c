/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-parent.c: a process knows itself and its parent, may join the
 * parent, and may be made to die with it.
 */
#include <config.h>

#include "child.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

struct told {
    _Atomic int ready, done, go;
    pid_t pid;
    int good, has_sentinel;
};

static struct told *told;
static struct sysvmp_process *us;

enum { NAME = 1, PID = 2, ALIVE = 4, TIMES_OUT = 8, NO_CODE = 16,
    KEEPS = 32, SAME = 64, CURRENT = 128, ALL = 255 };

static int
ask(void *arg)
{
    struct sysvmp_process *parent = sysvmp_parent_process();
    int code;

    (void)arg;
    if (!parent)
        return 0;
    return (strcmp(sysvmp_process_name(parent), "MainProcess") ? 0 : NAME) |
        (sysvmp_process_pid(parent) == getppid() ? PID : 0) |
        (sysvmp_process_is_alive(parent) == 1 ? ALIVE : 0) |
        (sysvmp_process_join(parent, 10) == -ETIMEDOUT &&
            sysvmp_process_join(parent, 0) == -EAGAIN ? TIMES_OUT : 0) |
        (sysvmp_process_exitcode(parent, &code) < 0 ? NO_CODE : 0) |
        (sysvmp_process_destroy(parent) == -EBUSY ? KEEPS : 0) |
        (sysvmp_parent_process() == parent ? SAME : 0) |
        (sysvmp_current_process() == us ? CURRENT : 0);
}

static void
parent_known(void)
{
    ok(sysvmp_parent_process() == NULL,
        "process-parent: the main program has none");
    us = created(ask, NULL);
    must(sysvmp_process_start(us), "process_start");
    is_int(ALL, end_of(us), "a child knows its parent");
}

static int
ask_names(void *arg)
{
    (void)arg;
    return strcmp(sysvmp_process_name(sysvmp_parent_process()),
        "the parent") == 0 && getppid() ==
        sysvmp_process_pid(sysvmp_parent_process()) ? 0 : 1;
}

static int
with_child(void *arg)
{
    (void)arg;
    return end_of(started(ask_names, NULL));
}

static void
grandchild(void)
{
    struct sysvmp_process *p = created(with_child, NULL);

    must(sysvmp_process_set_name(p, "the parent"), "process_set_name");
    must(sysvmp_process_start(p), "process_start");
    is_int(0, end_of(p), "... and a grandchild its own");
}

/* In a grandchild of the test. */
static int
join_parent(void *arg)
{
    struct sysvmp_process *parent = sysvmp_parent_process();
    struct pollfd end = {.fd = sysvmp_process_sentinel(parent),
        .events = POLLIN};

    (void)arg;
    told->pid = getpid();
    atomic_store(&told->ready, 1);
    told->good = sysvmp_process_join(parent, SYSVMP_FOREVER) == 0;
    told->good += sysvmp_process_is_alive(parent) == 0;
    told->good += sysvmp_process_join(parent, SYSVMP_NOWAIT) == 0;
    told->good += end.fd < 0 || poll(&end, 1, 0) == 1;
    atomic_store(&told->done, 1);
    return 0;
}

static int
have_child(void *arg)
{
    (void)arg;
    started(join_parent, NULL);
    until(&told->go, 1);
    _exit(3);
}

static void
parent_joined(void)
{
    struct sysvmp_process *p;

    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    memset(told, 0, sizeof(*told));
    p = started(have_child, NULL);
    until(&told->ready, 1);
    is_int(1, asleep(told->pid), "a child joins its parent: it sleeps");
    is_int(0, atomic_load(&told->done), "... while that lives");
    must(sysvmp_process_kill(p), "process_kill");
    until(&told->done, 1);
    is_int(4, told->good, "... and goes on when it was killed");
    is_int(-SIGKILL, end_of(p), "... which is what we see, too");
    is_int(0, reap(told->pid), "... it ends well");
}

/* In a grandchild of the test, whose parent has ended before it asks. */
static int
ask_late(void *arg)
{
    struct sysvmp_process *parent;
    struct pollfd end = {.events = POLLIN};

    until(arg, 1);
    parent = sysvmp_parent_process();
    end.fd = sysvmp_process_sentinel(parent);
    told->good = sysvmp_process_is_alive(parent) == 0;
    told->good += sysvmp_process_join(parent, SYSVMP_FOREVER) == 0;
    told->good += sysvmp_process_kill(parent) == 0;
    told->good += end.fd >= 0 ? poll(&end, 1, 0) == 1 : !told->has_sentinel;
    return 0;
}

static int
leave_a_child(void *arg)
{
    struct sysvmp_process *p = started(ask_late, arg);

    told->pid = sysvmp_process_pid(p);
    told->has_sentinel = sysvmp_process_sentinel(p) >= 0;
    _exit(0);
}

static void
parent_ended(void)
{
    memset(told, 0, sizeof(*told));
    is_int(0, end_of(started(leave_a_child, (void *)&told->go)),
        "a parent has ended before its child asks for it");
    atomic_store(&told->go, 1);
    is_int(0, reap(told->pid), "... which it can, later");
    is_int(4, told->good, "... it has ended, also by its sentinel");
}

static int
stay(void *arg)
{
    (void)arg;
    told->pid = getpid();
    atomic_store(&told->ready, 1);
    for (;;)
        pause();
    return 0;
}

static int
have_bound_child(void *arg)
{
    struct sysvmp_process *p = created(stay, NULL);

    (void)arg;
    must(sysvmp_process_set_die_with_parent(p, 1), "set_die_with_parent");
    must(sysvmp_process_start(p), "process_start");
    for (;;)
        pause();
    return 0;
}

static void
dies_with_parent(void)
{
    struct sysvmp_process *p;

    memset(told, 0, sizeof(*told));
    p = started(have_bound_child, NULL);
    until(&told->ready, 1);
    must(sysvmp_process_kill(p), "process_kill");
    is_int(-SIGKILL, end_of(p), "a parent with a bound child is killed");
    is_int(-SIGKILL, reap(told->pid), "... and its child with it");
}

/* No descriptor is left for a pidfd. */
static int
no_descriptors(void *arg)
{
    struct rlimit few;
    struct sysvmp_process *p = created(stay, arg);
    int result;

    getrlimit(RLIMIT_NOFILE, &few);
    few.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &few);
    must(sysvmp_process_start(p), "process_start");
    result = sysvmp_process_sentinel(p);
    must(sysvmp_process_kill(p), "process_kill");
    if (end_of(p) != -SIGKILL)
        return 1;
    return result == -ENOSPC || result == -ENOSYS ? 0 : 2;
}

int
main(void)
{
    plan(14);
    told = shared(sizeof(*told));
    parent_known();
    grandchild();
    parent_joined();
    parent_ended();
    dies_with_parent();
    is_int(0, end_of(started(no_descriptors, NULL)),
        "a child without a sentinel, for want of descriptors");
    return done();
}
