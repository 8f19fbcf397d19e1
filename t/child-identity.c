/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * child-identity.c: the program itself has reaped a child of ours, and another
 * child of the program has its pid now.  No call answers for that one, waits
 * for it, reaps it or sends it a signal; with pidfds and without.
 *
 * The pids are chosen, which takes a pid namespace of our own.
 */
#include <config.h>

#include "child.h"
#include "no-pidfd.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>

enum { TESTS = 19, TICK_MS = 10 };

static _Atomic int *go;

static int
stay(void *arg)
{
    until(go, 1);
    return *(int *)arg;
}

static int
end(void *arg)
{
    return *(int *)arg;
}

/* The next process gets that pid.  0: that can't be chosen here. */
static int
choose(pid_t pid)
{
    int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    char text[16];
    ssize_t n = snprintf(text, sizeof(text), "%d", pid - 1);
    int chosen = fd >= 0 && write(fd, text, (size_t)n) == n;

    if (fd >= 0)
        close(fd);
    return chosen;
}

/* A child that has ended with 7 or, killed, without a code, and was reaped by
 * somebody else.  Not in the tick in which it has started: another one that
 * gets its pid in that tick can't be told from it. */
static struct sysvmp_process *
reaped(int killed)
{
    static int seven = 7;
    struct sysvmp_process *p;

    atomic_store(go, 0);
    p = started(stay, &seven);
    pause_ms(2 * TICK_MS);
    if (killed)
        must(sysvmp_process_kill(p), "process_kill");
    atomic_store(go, 1);
    reap(sysvmp_process_pid(p));
    atomic_store(go, 0);
    choose(sysvmp_process_pid(p));
    return p;
}

static void
another_runs(const char *way)
{
    static int other = 42;
    struct sysvmp_process *p = reaped(0);
    pid_t pid = child(stay, &other);

    is_int(sysvmp_process_pid(p), pid,
        "child-identity: %s: another child has its pid and runs", way);
    is_int(0, sysvmp_process_is_alive(p), "... ours is not alive");
    is_int(0, sysvmp_process_kill(p), "... its kill comes too late");
    is_int(0, sysvmp_process_join(p, SYSVMP_FOREVER), "... it is joined");
    is_int(7, end_of(p), "... and has its own code");
    is_int(0, waitpid(pid, NULL, WNOHANG), "... the other one runs on");
    atomic_store(go, 1);
    is_int(42, reap(pid), "... till it ends, and is not reaped before");
}

static void
another_has_ended(void)
{
    static int other = 42;
    struct sysvmp_process *p = reaped(1);
    pid_t pid = child(end, &other);
    siginfo_t info;
    int code = -SIGKILL, error;

    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    is_int(sysvmp_process_pid(p), pid, "another child has its pid, and ends");
    is_int(0, sysvmp_process_join(p, SYSVMP_FOREVER), "... ours is joined");
    error = sysvmp_process_exitcode(p, &code);
    ok((error == 0 || error == -ECHILD) && code == -SIGKILL,
        "... and has its own code or none");
    is_int(0, sysvmp_active_children(NULL, 0), "... no children are active");
    is_int(0, sysvmp_process_destroy(p), "... it is destroyed");
    is_int(42, reap(pid), "... and the other one was not reaped");
}

static void
another_is_ours(void)
{
    static int other = 42;
    struct sysvmp_process *p = reaped(0), *q = started(stay, &other);

    is_int(sysvmp_process_pid(p), sysvmp_process_pid(q),
        "another process of ours has its pid");
    is_int(1, sysvmp_process_is_alive(q), "... that one is alive");
    is_int(0, sysvmp_process_terminate(p), "... the first is too late to hit");
    is_int(7, end_of(p), "... it has its own code");
    is_int(1, sysvmp_active_children(NULL, 0), "... one child is active");
    atomic_store(go, 1);
    is_int(42, end_of(q), "... and has its own, too");
}

static int
in_namespace(const char *way)
{
    if (!choose(300)) {
        skip(TESTS, "pids can't be chosen here");
        return 0;
    }
    another_runs(way);
    another_has_ended();
    another_is_ours();
    /* The end of a namespace's first process kills the janitor as well. */
    must(sysvmp_leave(), "leave");
    return 0;
}

static int
with_pidfds(void *arg)
{
    (void)arg;
    return in_namespace("with pidfds");
}

static int
without_pidfds(void *arg)
{
    (void)arg;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", 0, NULL) < 0 || !refuse_pidfds()) {
        skip(TESTS, "no /proc or no filter of our own: %s", strerror(errno));
        return 0;
    }
    return in_namespace("without pidfds");
}

/* The first process of a pid namespace. */
static int
enter(void *arg)
{
    int (*way)(void *) = *(int *)arg ? with_pidfds : without_pidfds;

    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0) {
        skip(TESTS, "no pid namespace: %s", strerror(errno));
        return 0;
    }
    return reap(child(way, NULL));
}

int
main(void)
{
    int pidfds = 1;

    plan(2 * TESTS + 2);
    go = shared(sizeof(*go));
    is_int(0, reap(child(enter, &pidfds)), "in a pid namespace");
    pidfds = 0;
    is_int(0, reap(child(enter, &pidfds)), "... in another one");
    return done();
}
