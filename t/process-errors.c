/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-errors.c: each call on a process answers the code that sysvmp.h
 * promises for its misuse, and neither crashes nor changes errno.
 */
#include <config.h>

#include "child.h"

#include <limits.h>
#include <signal.h>

static _Atomic int *word;
static struct sysvmp_process *sibling;

static int
wait_for_word(void *arg)
{
    (void)arg;
    until(word, 1);
    return 3;
}

static void
no_process(void)
{
    struct sysvmp_conn *end[2];
    int code = 77;

    is_int(-EINVAL, sysvmp_process_create(NULL, wait_for_word, NULL),
        "process-errors: create without a place to store");
    is_int(-EINVAL, sysvmp_process_set_name(NULL, "x"), "NULL: set_name");
    is_int(-EINVAL, sysvmp_process_set_daemon(NULL, 1), "... set_daemon");
    is_int(-EINVAL, sysvmp_process_set_die_with_parent(NULL, 1),
        "... set_die_with_parent");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    is_int(-EINVAL, sysvmp_process_give(NULL, end[0]), "... give");
    is_int(-EINVAL, sysvmp_process_start(NULL), "... start");
    is_int(-EINVAL, sysvmp_process_fork(NULL), "... fork");
    is_int(-EINVAL, sysvmp_process_join(NULL, 0), "... join");
    is_int(-EINVAL, sysvmp_process_is_alive(NULL), "... is_alive");
    is_int(-EINVAL, sysvmp_process_exitcode(NULL, &code), "... exitcode");
    is_int(77, code, "... which stores nothing");
    is_int(-EINVAL, sysvmp_process_pid(NULL), "... pid");
    is_str(NULL, sysvmp_process_name(NULL), "... name");
    is_int(-EINVAL, sysvmp_process_daemon(NULL), "... daemon");
    is_int(-EINVAL, sysvmp_process_sentinel(NULL), "... sentinel");
    is_int(-EINVAL, sysvmp_process_signal(NULL, SIGTERM), "... signal");
    is_int(-EINVAL, sysvmp_process_terminate(NULL), "... terminate");
    is_int(-EINVAL, sysvmp_process_kill(NULL), "... kill");
    is_int(0, sysvmp_process_destroy(NULL), "... destroy does nothing");
    is_int(-EINVAL, sysvmp_active_children(NULL, 1), "... active_children");
    is_int(0, sysvmp_active_children(NULL, 0), "... but of size 0");
    is_int(-EINVAL, sysvmp_at_fork(NULL, NULL), "... at_fork");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static void
not_started(void)
{
    struct sysvmp_process *p = created(wait_for_word, NULL);
    struct sysvmp_process *targetless = created(NULL, NULL);
    int code = 77;

    is_int(-ESRCH, sysvmp_process_join(p, SYSVMP_FOREVER),
        "not started: join");
    is_int(-ESRCH, sysvmp_process_exitcode(p, &code), "... exitcode");
    is_int(-ESRCH, sysvmp_process_pid(p), "... pid");
    is_int(-ESRCH, sysvmp_process_sentinel(p), "... sentinel");
    is_int(-ESRCH, sysvmp_process_kill(p), "... kill");
    is_int(-EINVAL, sysvmp_process_signal(p, -1), "... no such signal");
    is_int(0, sysvmp_process_is_alive(p), "... is_alive: no");
    is_int(-EINVAL, sysvmp_process_give(p, NULL), "... give: no end");
    is_int(-EINVAL, sysvmp_process_set_name(p, NULL), "... no name");
    is_str("Process-1", sysvmp_process_name(p), "... its name stays");
    is_int(-EINVAL, sysvmp_process_fork(p), "... fork: it has a target");
    is_int(-EINVAL, sysvmp_process_start(targetless),
        "... start: it has no target");
    is_int(77, code, "nothing was stored");
    is_int(0, sysvmp_process_destroy(p), "... both can be destroyed");
    is_int(0, sysvmp_process_destroy(targetless), "... unstarted");
}

static void
running(void)
{
    struct sysvmp_process *p = created(wait_for_word, NULL);
    struct sysvmp_conn *end[2];
    int code = 77;

    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(sysvmp_process_start(p), "process_start");
    is_int(-EALREADY, sysvmp_process_start(p), "running: start again");
    is_int(-EALREADY, sysvmp_process_set_daemon(p, 1), "... set_daemon");
    is_int(-EALREADY, sysvmp_process_set_die_with_parent(p, 1),
        "... set_die_with_parent");
    is_int(-EALREADY, sysvmp_process_give(p, end[0]), "... give");
    is_int(0, sysvmp_process_set_name(p, "late"), "... set_name may be late");
    is_str("late", sysvmp_process_name(p), "... and is seen here");
    is_int(-EBUSY, sysvmp_process_exitcode(p, &code), "... exitcode");
    is_int(77, code, "... which stores nothing");
    is_int(-EINVAL, sysvmp_process_exitcode(p, NULL), "... nowhere");
    is_int(-EBUSY, sysvmp_process_destroy(p), "... destroy");
    is_int(1, sysvmp_process_is_alive(p), "... after which it is alive");
    is_int(-EAGAIN, sysvmp_process_join(p, SYSVMP_NOWAIT), "... join, now");
    is_int(-ETIMEDOUT, sysvmp_process_join(p, 20), "... for 20 ms");
    is_int(-EINVAL, sysvmp_process_join(p, -2), "... for -2 ms");
    is_int(-EINVAL, sysvmp_process_join(p, INT_MIN), "... for INT_MIN");
    is_int(-EINVAL, sysvmp_process_signal(p, 10000), "... no such signal");
    atomic_store(word, 1);
    is_int(3, code_of(p), "ended:");
    is_int(-EALREADY, sysvmp_process_start(p), "... start again");
    is_int(0, sysvmp_process_join(p, SYSVMP_FOREVER), "... join again");
    is_int(-EINVAL, sysvmp_process_join(p, -2), "... for -2 ms");
    is_int(0, sysvmp_process_destroy(p), "... destroy");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

/* In a child: of its sibling it may know the name, no more.  The number of
 * the call that answered something else. */
static int
ask_of_sibling(void *arg)
{
    int code;

    (void)arg;
    if (sysvmp_process_join(sibling, SYSVMP_FOREVER) != -ECHILD)
        return 1;
    if (sysvmp_process_is_alive(sibling) != -ECHILD)
        return 2;
    if (sysvmp_process_exitcode(sibling, &code) != -ECHILD)
        return 3;
    if (sysvmp_process_kill(sibling) != -ECHILD)
        return 4;
    if (sysvmp_process_sentinel(sibling) != -ECHILD)
        return 5;
    if (sysvmp_process_start(sibling) != -EALREADY)
        return 6;
    if (sysvmp_process_pid(sibling) <= 0)
        return 7;
    if (!sysvmp_process_name(sibling))
        return 8;
    return sysvmp_process_destroy(sibling) == 0 ? 0 : 9;
}

static void
not_ours(void)
{
    struct sysvmp_process *us = sysvmp_current_process();

    atomic_store(word, 0);
    sibling = started(wait_for_word, NULL);
    is_int(0, end_of(started(ask_of_sibling, NULL)),
        "another's child: -ECHILD, in a child that we start");
    is_int(0, reap(child(ask_of_sibling, NULL)),
        "... and in one of our own fork()");
    is_int(1, sysvmp_process_is_alive(sibling), "... it is still alive");
    atomic_store(word, 1);
    is_int(3, end_of(sibling), "... and ends as it will");

    is_int(-ECHILD, sysvmp_process_join(us, SYSVMP_FOREVER),
        "ourselves: join");
    is_int(-EBUSY, sysvmp_process_destroy(us), "... destroy");
    is_int(-ECHILD, sysvmp_process_kill(us), "... kill");
    is_int(-EALREADY, sysvmp_process_set_daemon(us, 1), "... set_daemon");
}

static void
errno_is_kept(void)
{
    struct sysvmp_process *p;
    int code;

    errno = ERANGE;
    p = started(wait_for_word, NULL);
    is_int(ERANGE, errno, "errno is left alone: by start");
    (void)sysvmp_process_join(p, SYSVMP_FOREVER);
    is_int(ERANGE, errno, "... join");
    (void)sysvmp_process_exitcode(p, &code);
    (void)sysvmp_process_kill(p);
    (void)sysvmp_process_is_alive(p);
    (void)sysvmp_process_signal(p, 10000);
    is_int(ERANGE, errno, "... what is asked of it");
    sysvmp_process_destroy(p);
    is_int(ERANGE, errno, "... destroy");
}

int
main(void)
{
    plan(70);
    word = shared(sizeof(*word));
    no_process();
    not_started();
    running();
    not_ours();
    errno_is_kept();
    return done();
}
