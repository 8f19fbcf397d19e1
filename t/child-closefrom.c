/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * child-closefrom.c: a program closes all descriptors that it does not know,
 * as daemons do (closefrom(3)), while it has children; and has other files
 * under their numbers then.  Each call does what it is to do with the child
 * that it was asked for, sleeps where it waits, and closes nothing of the
 * program's.
 */
#include <config.h>

#include "child.h"
#include "no-pidfd.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { FIRST = 3, LAST = 99, WAIT_MS = 200, FEW_TICKS = 10 };

static _Atomic int *go;
static int naps;

static void
close_all(void)
{
    for (int fd = FIRST; fd <= LAST; fd++)
        close(fd);
}

/* Nothing that closes all descriptors has any other under those numbers. */
static void
fill_all(int file)
{
    for (int fd = FIRST; fd <= LAST; fd++)
        if (fd != file && dup2(file, fd) != fd)
            bail("dup2: %s", strerror(errno));
}

static int
still_there(const struct stat *file)
{
    struct stat seen;
    int n = 0;

    for (int fd = FIRST; fd <= LAST; fd++)
        n += fstat(fd, &seen) == 0 && seen.st_dev == file->st_dev &&
            seen.st_ino == file->st_ino;
    return n;
}

static int
stay(void *arg)
{
    (void)arg;
    for (;;)
        pause();
    return 0;
}

static int
end_later(void *arg)
{
    (void)arg;
    until(go, 1);
    return 5;
}

/* A wait for so long that ends in vain; and for what: it has slept. */
static void
sleeps(struct sysvmp_process *p, const char *what)
{
    int64_t ticks = cpu_ticks(getpid());

    is_int(-ETIMEDOUT, sysvmp_process_join(p, WAIT_MS), "%s", what);
    ticks = cpu_ticks(getpid()) - ticks;
    ok(ticks < FEW_TICKS, "... and uses next to no CPU: %d ticks",
        (int)ticks);
}

static void
is_killed(struct sysvmp_process *p, const char *what)
{
    is_int(1, sysvmp_process_is_alive(p), "%s: it is alive", what);
    is_int(0, sysvmp_process_kill(p), "... it may be killed");
    is_int(-SIGKILL, code_of(p), "... and has its exit code");
}

static void
closed(void)
{
    struct sysvmp_process *p = started(stay, NULL);

    close_all();
    sleeps(p, "child-closefrom: all is closed: join waits");
    is_killed(p, "... after that");
    is_int(0, sysvmp_process_destroy(p), "... and is destroyed");
}

static void
other_files(void)
{
    struct sysvmp_process *p = started(stay, NULL);
    struct stat file;
    int fd[2];

    close_all();
    if (pipe(fd) < 0 || fstat(fd[0], &file) < 0)
        bail("pipe: %s", strerror(errno));
    fill_all(fd[0]);
    sleeps(p, "a pipe is there instead: join waits");
    is_int(LAST - FIRST + 1, still_there(&file), "... the pipe is untouched");
    is_killed(p, "... after that");
    is_int(0, sysvmp_process_destroy(p), "... it is destroyed");
    is_int(LAST - FIRST + 1, still_there(&file), "... but not the pipe");
    close_all();
}

/* The second one's pidfd has the number that the first one's had. */
static void
another_childs(void)
{
    struct sysvmp_process *a = started(stay, NULL), *b;

    close_all();
    b = started(stay, NULL);
    is_killed(a, "another child's is there instead");
    is_int(1, sysvmp_process_is_alive(b), "... the other one is alive");
    is_int(0, sysvmp_process_destroy(a), "... the first one is destroyed");
    sleeps(b, "... the other one is waited for");
    is_killed(b, "... after that");
    is_int(0, sysvmp_process_destroy(b), "... it is destroyed");
}

/* Lets the other one go when its parent has gone to sleep, which it does for
 * moments only where there are no pidfds. */
static int
let_go(void *arg)
{
    (void)arg;
    if (!naps)
        asleep(getppid());
    atomic_store(go, 1);
    return 0;
}

static void
among_several(void)
{
    struct sysvmp_process *p, *q;
    struct sysvmp_waitable list[2];
    pid_t pid;

    atomic_store(go, 0);
    p = started(stay, NULL);
    q = started(end_later, NULL);
    close_all();
    list[0] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_PROCESS,
        .of.process = p};
    list[1] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_PROCESS,
        .of.process = q};
    is_int(0, sysvmp_wait(list, 2, WAIT_MS), "several are waited for");
    pid = child(let_go, NULL);
    is_int(1, sysvmp_wait(list, 2, SYSVMP_FOREVER), "... till one ends");
    is_int(1, list[1].ready, "... which is told");
    reap(pid);
    is_int(5, end_of(q), "... with its code");
    must(sysvmp_process_kill(p), "process_kill");
    is_int(-SIGKILL, end_of(p), "... the other one is killed");
}

static void
sentinel(void)
{
    struct sysvmp_process *p = started(stay, NULL);
    struct pollfd end = {.events = POLLIN};

    close_all();
    end.fd = sysvmp_process_sentinel(p);
    if (end.fd < 0) {
        skip(2, "no pidfds: %s", sysvmp_last_error());
    } else {
        is_int(0, poll(&end, 1, 0), "a sentinel is opened anew");
        must(sysvmp_process_kill(p), "process_kill");
        is_int(1, poll(&end, 1, -1), "... and tells of the end");
    }
    must(sysvmp_process_kill(p), "process_kill");
    end_of(p);
}

static int
join_parent(void *arg)
{
    struct sysvmp_process *parent = sysvmp_parent_process();

    (void)arg;
    sysvmp_process_is_alive(parent);
    close_all();
    sleeps(parent, "the parent is waited for");
    is_int(1, sysvmp_process_is_alive(parent), "... and alive");
    return 0;
}

static void
scenes(void)
{
    closed();
    other_files();
    another_childs();
    among_several();
    sentinel();
    is_int(0, end_of(started(join_parent, NULL)), "... by its child");
}

/* A program that ends with children, one of them a daemon. */
static int
exits(void *arg)
{
    struct sysvmp_process *p = created(stay, NULL);

    (void)arg;
    must(sysvmp_process_set_daemon(p, 1), "process_set_daemon");
    must(sysvmp_process_start(p), "process_start");
    started(let_go, NULL);
    close_all();
    exit(6);
}

static int
refused(void *arg)
{
    (void)arg;
    if (!refuse_pidfds())
        bail("no filter of system calls: %s", strerror(errno));
    naps = 1;
    scenes();
    is_int(6, reap(child(exits, NULL)), "a program ends");
    return 0;
}

static int
may_refuse(void *arg)
{
    (void)arg;
    return refuse_pidfds();
}

int
main(void)
{
    enum { SCENES = 6 + 8 + 11 + 5 + 2 + 4 };

    plan(2 * (SCENES + 1) + 1);
    go = shared(sizeof(*go));
    scenes();
    is_int(6, reap(child(exits, NULL)), "a program ends");
    if (reap(child(may_refuse, NULL)))
        is_int(0, reap(child(refused, NULL)), "... all that without pidfds");
    else
        skip(SCENES + 2, "no filter of system calls is allowed");
    return done();
}
