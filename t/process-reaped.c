/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-reaped.c: somebody else has reaped our child: join ends, and the
 * exit code is right all the same.
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <sys/wait.h>

static _Atomic int *word;

static int
answer(void *arg)
{
    until(word, 1);
    return *(int *)arg;
}

static void
by_waitpid(void)
{
    int seven = 7, status;
    struct sysvmp_process *p;

    atomic_store(word, 1);
    p = started(answer, &seven);
    is_int(sysvmp_process_pid(p), waitpid(-1, &status, 0),
        "process-reaped: waitpid(-1) meets our child");
    is_int(0, sysvmp_process_is_alive(p), "... it is not alive");
    is_int(0, sysvmp_process_join(p, SYSVMP_FOREVER), "... is joined");
    is_int(0, sysvmp_process_kill(p), "... may be killed: 0");
    is_int(7, end_of(p), "... and its exit code is right");
}

/* A code, -SIGKILL, or that the kernel could not tell. */
static void
is_killed(struct sysvmp_process *p, const char *text)
{
    int code = 0;
    int error = sysvmp_process_exitcode(p, &code);

    if (error == -ECHILD)
        skip(1, "this kernel keeps no status of a killed child (Linux 6.15)");
    else
        is_int(-SIGKILL, error ? error : code, "%s", text);
    must(sysvmp_process_destroy(p), "process_destroy");
}

static void
killed(void)
{
    int seven = 7, status;
    struct sysvmp_process *p;

    atomic_store(word, 0);
    p = started(answer, &seven);
    must(sysvmp_process_kill(p), "process_kill");
    is_int(sysvmp_process_pid(p), waitpid(-1, &status, 0),
        "waitpid(-1) meets one that was killed");
    is_int(0, sysvmp_process_join(p, 1000), "... it is joined");
    is_killed(p, "... its exit code is -SIGKILL");
}

static void
reaped_before_a_join(void)
{
    int status, code[3] = {1, 2, 3}, good = 0;
    struct sysvmp_process *p[3];

    atomic_store(word, 1);
    for (int i = 0; i < 3; i++)
        p[i] = started(answer, &code[i]);
    while (waitpid(-1, &status, 0) > 0)
        continue;
    is_int(0, sysvmp_active_children(NULL, 0),
        "all were reaped: there are no active children");
    for (int i = 0; i < 3; i++)
        good += end_of(p[i]) == code[i];
    is_int(3, good, "... each has its code");
}

static void
sigchld_ignored(void)
{
    int seven = 7;
    struct sysvmp_process *p;

    atomic_store(word, 0);
    signal(SIGCHLD, SIG_IGN);
    p = started(answer, &seven);
    is_int(-ETIMEDOUT, sysvmp_process_join(p, 20),
        "SIGCHLD is ignored: not joined before its end");
    atomic_store(word, 1);
    is_int(0, sysvmp_process_join(p, SYSVMP_FOREVER), "... then joined");
    is_int(7, end_of(p), "... the exit code is right");

    atomic_store(word, 0);
    p = started(answer, &seven);
    must(sysvmp_process_kill(p), "process_kill");
    is_int(0, sysvmp_process_join(p, SYSVMP_FOREVER),
        "... one that was killed is joined");
    is_killed(p, "... its exit code is -SIGKILL");
    signal(SIGCHLD, SIG_DFL);
}

/* By then its pid may be another's. */
static void
kill_comes_too_late(void)
{
    int seven = 7, status;
    struct sysvmp_process *p;
    pid_t other;

    atomic_store(word, 1);
    p = started(answer, &seven);
    waitpid(-1, &status, 0);
    atomic_store(word, 0);
    other = child(answer, &seven);
    is_int(0, sysvmp_process_kill(p), "its kill comes too late");
    is_int(0, waitpid(other, &status, WNOHANG), "... and hits nobody else");
    atomic_store(word, 1);
    is_int(7, reap(other), "... who ends by itself");
    is_int(7, end_of(p), "... the exit code is the first one's");
}

int
main(void)
{
    plan(19);
    word = shared(sizeof(*word));
    by_waitpid();
    killed();
    reaped_before_a_join();
    sigchld_ignored();
    kill_comes_too_late();
    return done();
}
