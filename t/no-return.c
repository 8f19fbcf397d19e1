/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * no-return.c: functions of a program in C that do not return: they call
 * pthread_exit() or longjmp(), or their thread is cancelled.  A child is never
 * left by its target; a barrier is broken for all; what a thread has announced
 * is taken back.  And functions that fork, whose child returns as well: it does
 * not come into its parent's call.
 */
#include <config.h>

#include "child.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#ifdef __SANITIZE_ADDRESS__
#    include <sanitizer/asan_interface.h>
#else
#    define __asan_handle_no_return() ((void)0)
#endif

enum { LONG_MS = 10000, OTHER = 200 };

static jmp_buf home;
static _Thread_local int leave_sleep;

static struct {
    _Atomic int astray, lines;
    _Atomic int child; /* how it ended */
} *all;

static void
count(int level, const char *line, void *arg)
{
    (void)line, (void)arg;
    if (level == SYSVMP_LOG_ERROR)
        all->lines++;
}

static int
by_exit(void *arg)
{
    (void)arg;
    pthread_exit(NULL);
}

static int
by_cancel(void *arg)
{
    (void)arg;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_cancel(pthread_self());
    __asan_handle_no_return(); /* it does not know that of the next one */
    pthread_testcancel();
    return 0;
}

static int
by_jump(void *arg)
{
    (void)arg;
    longjmp(home, 1);
}

static int
interrupt(void *arg)
{
    return leave_sleep ? by_exit(arg) : 0;
}

/*
 * Targets.
 */

static void
by_fork(void *arg)
{
    if (*(int *)arg)
        by_exit(NULL);
}

static int
zero(void *arg)
{
    (void)arg;
    return 0;
}

static void
ends(sysvmp_target *fn, const char *what)
{
    int lines = all->lines;

    is_int(-SIGABRT, end_of(started(fn, NULL)), "%s: SIGABRT", what);
    is_int(lines + 1, all->lines, "... and a line in the log");
}

static void
jumps(void)
{
    if (setjmp(home) != 0) {
        all->astray++;
        exit(0);
    }
    ends(by_jump, "a target leaves by longjmp()");
    is_int(0, all->astray, "... and its parent's code is not run");
}

static void
targets(void)
{
    static int leave;

    ends(by_exit, "a target leaves by pthread_exit()");
    ends(by_cancel, "a target's thread is cancelled");
#ifdef HAVE_PTHREAD_CLEANUP_BUFFER
    jumps();
#else
    (void)jumps;
    skip(3, "nothing tells of a longjmp() here");
#endif
    must(sysvmp_at_fork(by_fork, &leave), "at_fork");
    leave = 1;
    ends(zero, "a function of sysvmp_at_fork leaves by pthread_exit()");
    leave = 0;
}

/*
 * Actions and predicates.
 */

static int
passes(void *b)
{
    int result = sysvmp_barrier_wait(b, LONG_MS);

    return result >= 0 ? result : OTHER + result;
}

static void *
passes_in_thread(void *b)
{
    (void)passes(b);
    all->astray++;
    return NULL;
}

static pid_t
party(struct sysvmp_barrier *b)
{
    pid_t pid = child(passes, b);

    if (!asleep(pid))
        bail("the other party does not sleep");
    return pid;
}

static void
action(int (*fn)(void *), const char *what)
{
    struct sysvmp_barrier *b;
    pthread_t thread;
    pid_t pid;

    must(sysvmp_barrier_create(&b, 2, fn, NULL), "barrier_create");
    pid = party(b);
    must(-pthread_create(&thread, NULL, passes_in_thread, b), "a thread");
    pthread_join(thread, NULL);
    is_int(OTHER - ECANCELED, reap(pid), "an action %s: -ECANCELED for others",
        what);
    is_int(0, all->astray, "... and the thread is gone");
    sysvmp_barrier_destroy(b);
}

static int
cancel_state(void)
{
    int state, ignored;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    pthread_setcancelstate(state, &ignored);
    return state;
}

/* Both by the same jump. */
static void
jumping(void)
{
    struct sysvmp_barrier *b;
    struct sysvmp_condition *c;
    pid_t pid;

    must(sysvmp_barrier_create(&b, 2, by_jump, NULL), "barrier_create");
    pid = party(b);
    if (setjmp(home) == 0)
        ok(passes(b) == OTHER, "the action did not jump");
    is_int(OTHER - ECANCELED, reap(pid),
        "an action leaves by longjmp(): -ECANCELED for others");
    is_int(PTHREAD_CANCEL_ENABLE, cancel_state(),
        "... and the thread can be cancelled as before");
    sysvmp_barrier_destroy(b);

    must(sysvmp_condition_create(&c, NULL), "condition_create");
    must(sysvmp_condition_acquire(c, LONG_MS), "condition_acquire");
    if (setjmp(home) == 0)
        ok(sysvmp_condition_wait_for(c, by_jump, NULL, LONG_MS) == OTHER,
            "the predicate did not jump");
    is_int(0, sysvmp_condition_release(c),
        "a predicate leaves by longjmp(): the lock is held");
    is_int(PTHREAD_CANCEL_ENABLE, cancel_state(),
        "... and the thread can be cancelled as before");
    sysvmp_condition_destroy(c);
}

/*
 * The interrupt function.
 */

static void *
leave_recv(void *end)
{
    char c;

    leave_sleep = 1;
    (void)!sysvmp_conn_recv(end, &c, 1, LONG_MS);
    return NULL;
}

static void
sleeping(void)
{
    struct sysvmp_conn *end[2];
    pthread_t thread;

    sysvmp_set_interrupt(interrupt, NULL);
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    must(-pthread_create(&thread, NULL, leave_recv, end[0]), "a thread");
    pthread_join(thread, NULL);
    is_int(0, sysvmp_conn_close(end[0]),
        "a close does not wait for a thread that left a recv for good");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

/*
 * A child that is forked in one of them.
 */

static int
forks(void *arg)
{
    pid_t pid = fork();

    (void)arg;
    if (pid != 0) {
        all->child = reap(pid);
        all->astray++;
    }
    return 1;
}

static int
forks_and_leaves(void *arg)
{
    forks(arg);
    return by_exit(arg);
}

static void
came_back(int result, int wanted, const char *what)
{
    is_int(wanted, result, "%s forks", what);
    is_int(-SIGABRT, all->child, "... its child returns, too: SIGABRT");
    is_int(1, all->astray, "... and does not go on in its parent's call");
    is_int(1, all->lines, "... and a line in the log");
    memset(all, 0, sizeof(*all));
}

static void *
leave_wait(void *b)
{
    (void)!sysvmp_barrier_wait(b, LONG_MS);
    return NULL;
}

static void
forking(void)
{
    struct sysvmp_condition *c;
    struct sysvmp_barrier *b;
    struct sysvmp_queue *q;
    pthread_t thread;
    char byte;

    memset(all, 0, sizeof(*all));
    must(sysvmp_condition_create(&c, NULL), "condition_create");
    must(sysvmp_condition_acquire(c, LONG_MS), "condition_acquire");
    came_back(sysvmp_condition_wait_for(c, forks, NULL, LONG_MS), 0,
        "a predicate");
    sysvmp_condition_destroy(c);

    must(sysvmp_barrier_create(&b, 1, forks, NULL), "barrier_create");
    came_back(sysvmp_barrier_wait(b, LONG_MS), -ECANCELED, "an action");
    sysvmp_barrier_destroy(b);

    must(sysvmp_barrier_create(&b, 1, forks_and_leaves, NULL),
        "barrier_create");
    must(-pthread_create(&thread, NULL, leave_wait, b), "a thread");
    pthread_join(thread, NULL);
    came_back(0, 0, "an action that does not return");
    sysvmp_barrier_destroy(b);

    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    sysvmp_set_interrupt(forks, NULL);
    came_back((int)sysvmp_queue_get(q, &byte, 1, LONG_MS), -EINTR,
        "an interrupt function");
    sysvmp_set_interrupt(NULL, NULL);
    sysvmp_queue_destroy(q);
}

int
main(void)
{
    plan(18 + 16);
    all = shared(sizeof(*all));
    sysvmp_set_log(count, NULL);
    targets();
    action(by_exit, "leaves by pthread_exit()");
    action(by_cancel, "is cancelled");
#ifdef HAVE_PTHREAD_CLEANUP_BUFFER
    jumping();
#else
    (void)jumping;
    skip(4, "nothing tells of a longjmp() here");
#endif
#if defined(HAVE_CFI_PERSONALITY) && defined(HAVE_PTHREAD_CLEANUP_BUFFER)
    sleeping();
#else
    (void)sleeping;
    skip(1, "a pthread_exit() does not unwind the stack here");
#endif
    forking();
    return done();
}
