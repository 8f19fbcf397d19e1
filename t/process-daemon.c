/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-daemon.c: at its exit a program ends its daemons and joins its
 * other children; a daemon's children are daemons.
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <stdlib.h>

struct told {
    _Atomic int ready, go;
    _Atomic int ended;      /* the other child's last word */
    _Atomic int saw_sigterm;
    pid_t daemon;
    int daemon_is, child_is;
};

static struct told *told;

static void
on_sigterm(int sig)
{
    (void)sig;
    atomic_store(&told->saw_sigterm, 1);
    _exit(9);
}

static int
run_on(void *arg)
{
    (void)arg;
    signal(SIGTERM, on_sigterm);
    told->daemon = getpid();
    told->daemon_is = sysvmp_process_daemon(sysvmp_current_process());
    atomic_fetch_add(&told->ready, 1);
    for (;;)
        pause();
    return 0;
}

static int
end_late(void *arg)
{
    (void)arg;
    atomic_fetch_add(&told->ready, 1);
    until(&told->go, 1);
    atomic_store(&told->ended, 1);
    return 0;
}

static struct sysvmp_process *
started_daemon(sysvmp_target *fn)
{
    struct sysvmp_process *p = created(fn, NULL);

    must(sysvmp_process_set_daemon(p, 1), "process_set_daemon");
    must(sysvmp_process_start(p), "process_start");
    return p;
}

/* A program with a daemon and another child, which ends by `end`. */
static int
program(void (*end)(int))
{
    pid_t pid = forked();

    if (pid == 0) {
        started_daemon(run_on);
        started(end_late, NULL);
        until(&told->ready, 2);
        end(4);
    }
    until(&told->ready, 2);
    is_int(1, asleep(pid), "... it waits for its other child");
    is_int(0, atomic_load(&told->ended), "... which still runs");
    atomic_store(&told->go, 1);
    return reap(pid);
}

static void
return_from_target(int code)
{
    sysvmp_process_exit(code);
}

static void
is_over(const char *how, int code)
{
    is_int(4, code, "process-daemon: a program ends by %s", how);
    is_int(1, atomic_load(&told->ended), "... it has joined its other child");
    is_int(1, atomic_load(&told->saw_sigterm), "... its daemon got SIGTERM");
    ok(kill(told->daemon, 0) < 0, "... and is no more");
    memset(told, 0, sizeof(*told));
}

static int
daemon_and_other(void *arg)
{
    (void)arg;
    started_daemon(run_on);
    started(end_late, NULL);
    until(&told->ready, 2);
    return 4;
}

static void
at_exit(void)
{
    is_over("exit", program(exit));
    is_over("process_exit", program(return_from_target));
}

static void
at_return(void)
{
    struct sysvmp_process *p = started(daemon_and_other, NULL);

    until(&told->ready, 2);
    is_int(1, asleep(sysvmp_process_pid(p)), "a child waits, too");
    atomic_store(&told->go, 1);
    is_over("return of its target", end_of(p));
}

static int
tell_daemon(void *arg)
{
    *(int *)arg = sysvmp_process_daemon(sysvmp_current_process());
    return 0;
}

static int
with_child(void *arg)
{
    (void)arg;
    tell_daemon(&told->daemon_is);
    return end_of(started(tell_daemon, &told->child_is));
}

static void
inherited(void)
{
    struct sysvmp_process *p = created(with_child, NULL);

    is_int(0, sysvmp_process_daemon(sysvmp_current_process()),
        "the main program is no daemon");
    is_int(0, sysvmp_process_daemon(p), "... nor is its child");
    is_int(0, sysvmp_process_set_daemon(p, 5), "... unless it is set");
    is_int(1, sysvmp_process_daemon(p), "... which is told as 1");
    must(sysvmp_process_start(p), "process_start");
    is_int(0, end_of(p), "a daemon may have children");
    is_int(1, told->daemon_is, "... it knows that it is one");
    is_int(1, told->child_is, "... and its child is one");

    p = created(with_child, NULL);
    must(sysvmp_process_set_daemon(p, 1), "process_set_daemon");
    must(sysvmp_process_set_daemon(p, 0), "process_set_daemon");
    must(sysvmp_process_start(p), "process_start");
    end_of(p);
    is_int(0, told->daemon_is + told->child_is, "one that is none after all");
}

static int
ignore_sigterm(void *arg)
{
    signal(SIGTERM, SIG_IGN);
    atomic_store((_Atomic int *)arg, getpid());
    for (;;)
        pause();
    return 0;
}

static int
have_stubborn_daemon(void *arg)
{
    struct sysvmp_process *p = created(ignore_sigterm, arg);

    must(sysvmp_process_set_daemon(p, 1), "process_set_daemon");
    must(sysvmp_process_start(p), "process_start");
    until(arg, 1);
    return 0;
}

/* Five seconds: it is begun first and looked at last. */
static void
is_killed_at_last(struct sysvmp_process *p, _Atomic int *pid, int64_t start)
{
    is_int(0, end_of(p), "a daemon ignores SIGTERM: its parent ends");
    ok(now_ns() - start >= INT64_C(5000000000), "... not before 5 s");
    ok(kill(atomic_load(pid), 0) < 0, "... and has killed it");
}

int
main(void)
{
    _Atomic int *stubborn;
    struct sysvmp_process *p;
    int64_t start;

    plan(6 + 6 + 5 + 8 + 3);
    told = shared(sizeof(*told));
    stubborn = shared(sizeof(*stubborn));
    start = now_ns();
    p = started(have_stubborn_daemon, stubborn);
    at_exit();
    at_return();
    inherited();
    is_killed_at_last(p, stubborn, start);
    return done();
}
