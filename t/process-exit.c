/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-exit.c: however a process ends, its exit code tells; what becomes
 * then of its children, and of those of a daemon.
 */
#include <config.h>

#include "child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static _Atomic int *daemon_pid, *grandchild, *bound, *go;

static int
by_exit(void *arg)
{
    exit(*(int *)arg);
}

static int
by__exit(void *arg)
{
    _exit(*(int *)arg);
}

static int
by_process_exit(void *arg)
{
    sysvmp_process_exit(*(int *)arg);
}

static int
by_return(void *arg)
{
    return *(int *)arg;
}

static int
by_exec(void *arg)
{
    (void)arg;
    execl("/bin/sh", "sh", "-c", "exit 21", (char *)NULL);
    return 99;
}

static int
by_signal_after_exec(void *arg)
{
    (void)arg;
    execl("/bin/sh", "sh", "-c", "kill -HUP $$", (char *)NULL);
    return 99;
}

static int
by_abort(void *arg)
{
    (void)arg;
    abort();
}

static void
codes(void)
{
    static sysvmp_target *const ways[] = {by_exit, by__exit, by_process_exit,
        by_return};
    static const char *const names[] = {"exit", "_exit", "process_exit",
        "return"};
    int seven = 7, minus = -9, much = 256 + 3;

    for (int i = 0; i < 4; i++) {
        is_int(7, end_of(started(ways[i], &seven)), "process-exit: by %s: 7",
            names[i]);
        is_int(247, end_of(started(ways[i], &minus)),
            "... -9: not what SIGKILL would be");
        is_int(3, end_of(started(ways[i], &much)), "... 259: 8 bits");
    }
    is_int(21, end_of(started(by_exec, NULL)), "by another program");
    is_int(-SIGHUP, end_of(started(by_signal_after_exec, NULL)),
        "... which a signal ends");
    is_int(-SIGABRT, end_of(started(by_abort, NULL)), "by abort");
}

/* Somebody else has reaped it; then what it noted down counts. */
static void
codes_from_notes(void)
{
    int minus = -9, much = 256 + 3, code = 0;
    struct sysvmp_process *p = started(by_return, &minus);

    waitpid(sysvmp_process_pid(p), NULL, 0);
    is_int(0, sysvmp_process_exitcode(p, &code),
        "somebody else has reaped it: there is a code");
    is_int(247, code, "... 8 bits of -9");
    must(sysvmp_process_destroy(p), "process_destroy");
    p = started(by_process_exit, &much);
    waitpid(sysvmp_process_pid(p), NULL, 0);
    is_int(3, end_of(p), "... and of 259");
}

static int
raise_it(void *arg)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_UNBLOCK, &all, NULL);
    signal(*(int *)arg, SIG_DFL);
    raise(*(int *)arg);
    return 0;
}

static void
signals(void)
{
    int tried = 0, right = 0;

    for (int sig = 1; sig <= SIGRTMAX; sig++) {
        int code;

        if (sig == SIGCHLD || sig == SIGCONT || sig == SIGSTOP ||
            sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU ||
            sig == SIGURG || sig == SIGWINCH || (sig > 31 && sig < SIGRTMIN))
            continue;
        code = end_of(started(raise_it, &sig));
        if (code != -sig)
            diag("signal %d: exit code %d", sig, code);
        right += code == -sig;
        tried++;
    }
    is_int(tried, right, "each of %d signals that end it: -N", tried);
}

/*
 * Asked of those that have ended: at once and for ever.
 */

static int
stay(void *arg)
{
    if (arg)
        atomic_store((_Atomic int *)arg, getpid());
    for (;;)
        pause();
    return 0;
}

static int
ready(struct sysvmp_process *p)
{
    struct pollfd end = {.fd = sysvmp_process_sentinel(p), .events = POLLIN};

    return poll(&end, 1, 0) == 1 && (end.revents & POLLIN);
}

/* Of several, the sentinel of the one that has ended is ready. */
static void
sentinels(void)
{
    struct pollfd ends[3];
    struct sysvmp_process *p[3];
    int count;

    for (int i = 0; i < 3; i++) {
        p[i] = started(stay, NULL);
        ends[i].fd = sysvmp_process_sentinel(p[i]);
        ends[i].events = POLLIN;
    }
    must(sysvmp_process_kill(p[1]), "process_kill");
    if (ends[0].fd < 0) {
        skip(6, "this kernel has no pidfds");
    } else {
        do
            count = poll(ends, 3, -1);
        while (count < 0 && errno == EINTR);
        is_int(1, count, "one of three is killed: one sentinel is readable");
        ok(ends[1].revents & POLLIN, "... its own");
        is_int(0, sysvmp_process_is_alive(p[1]), "... it is not alive");
        is_int(-SIGKILL, code_of(p[1]), "... its exit code is -SIGKILL");
        ok(ready(p[1]), "... its sentinel is so when it was joined");
        must(sysvmp_process_kill(p[0]), "process_kill");
        waitpid(sysvmp_process_pid(p[0]), NULL, 0);
        ok(ready(p[0]), "... and when somebody else has reaped it");
    }
    must(sysvmp_process_kill(p[0]), "process_kill");
    must(sysvmp_process_kill(p[2]), "process_kill");
    for (int i = 0; i < 3; i++) {
        must(sysvmp_process_join(p[i], SYSVMP_FOREVER), "process_join");
        must(sysvmp_process_destroy(p[i]), "process_destroy");
    }
}

/*
 * A daemon's children: it is terminated, not they.
 */

static void
start_bound(void)
{
    struct sysvmp_process *p = created(stay, (void *)bound);

    must(sysvmp_process_set_daemon(p, 0), "process_set_daemon");
    must(sysvmp_process_set_die_with_parent(p, 1), "set_die_with_parent");
    must(sysvmp_process_start(p), "process_start");
}

static int
have_children(void *arg)
{
    atomic_store((_Atomic int *)arg, getpid());
    started(stay, (void *)grandchild);
    start_bound();
    return stay(NULL);
}

static int
have_daemon(void *arg)
{
    struct sysvmp_process *p = created(have_children, arg);

    must(sysvmp_process_set_daemon(p, 1), "process_set_daemon");
    must(sysvmp_process_start(p), "process_start");
    until(grandchild, 1);
    until(bound, 1);
    return 4;
}

static void
daemons_children(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    is_int(4, end_of(started(have_daemon, (void *)daemon_pid)),
        "a process ends that has a daemon with children");
    ok(kill(atomic_load(daemon_pid), 0) < 0, "... the daemon is no more");
    is_int(-SIGKILL, reap(atomic_load(bound)),
        "... a child that dies with it is killed");
    is_int(0, kill(atomic_load(grandchild), 0), "... another lives on");
    is_int(-SIGKILL, slay(atomic_load(grandchild)), "... by itself");
}

/*
 * A process that the program forked itself has children of its own.
 */

static int
end_late(void *arg)
{
    until(go, 1);
    return by_return(arg);
}

/* Starts one that ends when told to, and a daemon, and ends by exit(). */
static int
exit_with_children(void *arg)
{
    struct sysvmp_process *p = created(stay, (void *)daemon_pid);

    must(sysvmp_process_set_daemon(p, 1), "process_set_daemon");
    must(sysvmp_process_start(p), "process_start");
    until(daemon_pid, 1);
    started(end_late, arg);
    exit(6);
}

static void
own_forks_exit(void)
{
    int zero = 0;
    pid_t pid;

    atomic_store(go, 0);
    atomic_store(daemon_pid, 0);
    pid = child(exit_with_children, &zero);
    until(daemon_pid, 1);
    is_int(1, asleep(pid), "a fork of our own exits: it waits for its child");
    is_int(0, kill(pid, 0), "... and is still there");
    atomic_store(go, 1);
    is_int(6, reap(pid), "... till that has ended");
    ok(kill(atomic_load(daemon_pid), 0) < 0, "... its daemon is no more");
}

int
main(void)
{
    struct rlimit none = {0, 0};

    plan(4 * 3 + 3 + 3 + 1 + 6 + 5 + 4);
    setrlimit(RLIMIT_CORE, &none);
    daemon_pid = shared(sizeof(*daemon_pid));
    grandchild = shared(sizeof(*grandchild));
    bound = shared(sizeof(*bound));
    go = shared(sizeof(*go));
    codes();
    codes_from_notes();
    signals();
    sentinels();
    daemons_children();
    own_forks_exit();
    return done();
}
