/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-join.c: join ends with the process and no earlier; its timeout is
 * kept whatever signals arrive; several threads may join at once; a living
 * grandchild delays nothing (F13).
 */
#include <config.h>

#include "child.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/time.h>

enum { MS = 1000000, THREADS = 4 };

static _Atomic int *word, *grandchild;
static volatile sig_atomic_t signals;

static int
wait_for_word(void *arg)
{
    (void)arg;
    until(word, 1);
    return 3;
}

static void
count(int sig)
{
    (void)sig;
    signals++;
}

static int64_t
join_ns(struct sysvmp_process *p, int timeout_ms, int wanted, const char *text)
{
    int64_t start = now_ns();

    is_int(wanted, sysvmp_process_join(p, timeout_ms), "%s", text);
    return now_ns() - start;
}

static void
timeouts(void)
{
    struct sysvmp_process *p = started(wait_for_word, NULL);

    ok(join_ns(p, SYSVMP_NOWAIT, -EAGAIN, "process-join: no waiting") <
        20000 * (int64_t)MS, "... takes no time");
    ok(join_ns(p, 1, -ETIMEDOUT, "a timeout of 1 ms") >= 1 * MS,
        "... is not early");
    ok(join_ns(p, 30, -ETIMEDOUT, "a timeout of 30 ms") >= 30 * MS,
        "... is not early");
    atomic_store(word, 1);
    is_int(0, sysvmp_process_join(p, 60000), "ended within its time: 0");
    is_int(0, sysvmp_process_join(p, SYSVMP_NOWAIT), "... and again");
    is_int(3, end_of(p), "... the exit code");
}

static void
every_ms(int on)
{
    struct itimerval timer = {{0, on ? 1000 : 0}, {0, on ? 1000 : 0}};

    setitimer(ITIMER_REAL, &timer, NULL);
}

static void
interrupted(void)
{
    struct sigaction act = {.sa_handler = count};
    struct sysvmp_process *p;
    int64_t ns;

    atomic_store(word, 0);
    p = started(wait_for_word, NULL);
    sigaction(SIGALRM, &act, NULL);
    every_ms(1);
    ns = join_ns(p, 200, -ETIMEDOUT, "a signal each ms");
    every_ms(0);
    ok(ns >= 200 * MS, "... does not cut it short");
    ok(ns < 20000 * (int64_t)MS, "... nor lengthen it");
    ok(signals > 1, "... they did arrive");
    every_ms(1);
    atomic_store(word, 1);
    is_int(0, sysvmp_process_join(p, SYSVMP_FOREVER),
        "... nor does it disturb one without a timeout");
    every_ms(0);
    end_of(p);
}

static int
stop(void *arg)
{
    return *(int *)arg;
}

static void
interrupt_function(void)
{
    struct sysvmp_process *p;
    int answer = 1;

    atomic_store(word, 0);
    p = started(wait_for_word, NULL);
    sysvmp_set_interrupt(stop, &answer);
    is_int(-EINTR, sysvmp_process_join(p, SYSVMP_FOREVER),
        "an interrupt function that asks for it: -EINTR");
    answer = 0;
    is_int(-ETIMEDOUT, sysvmp_process_join(p, 20), "... or does not");
    sysvmp_set_interrupt(NULL, NULL);
    atomic_store(word, 1);
    end_of(p);
}

static void *
joined(void *arg)
{
    struct sysvmp_process *p = arg;
    int code = 99, error = sysvmp_process_join(p, SYSVMP_FOREVER);

    if (error == 0)
        error = sysvmp_process_exitcode(p, &code);
    return (void *)(intptr_t)(error == 0 ? code : error);
}

static void
by_threads(void)
{
    pthread_t thread[THREADS];
    struct sysvmp_process *p;
    int good = 0;

    atomic_store(word, 0);
    p = started(wait_for_word, NULL);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, joined, p) != 0)
            bail("pthread_create");
    atomic_store(word, 1);
    for (int i = 0; i < THREADS; i++) {
        void *result;

        pthread_join(thread[i], &result);
        good += (intptr_t)result == 3;
    }
    is_int(THREADS, good, "%d threads join it: each gets the code", THREADS);
    end_of(p);
}

/* Its own child lives on: a plain one, as the library would join it. */
static int
leave_a_child(void *arg)
{
    (void)arg;
    atomic_store(grandchild, child(wait_for_word, NULL));
    return 5;
}

static int
leave_a_child_and_stay(void *arg)
{
    leave_a_child(arg);
    pause();
    return 6;
}

static void
let_grandchild_go(void)
{
    atomic_store(word, 1);
    reap(atomic_exchange(grandchild, 0));
    atomic_store(word, 0);
}

static void
grandchild_lives(void)
{
    struct sysvmp_process *p;

    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    atomic_store(word, 0);
    p = started(leave_a_child, NULL);
    is_int(0, sysvmp_process_join(p, SYSVMP_FOREVER),
        "it has ended, its child has not (F13): joined");
    is_int(0, kill(atomic_load(grandchild), 0), "... the grandchild lives");
    is_int(5, end_of(p), "... there is an exit code");
    let_grandchild_go();

    p = started(leave_a_child_and_stay, NULL);
    until(grandchild, 1);
    must(sysvmp_process_kill(p), "process_kill");
    is_int(0, sysvmp_process_join(p, SYSVMP_FOREVER), "the same by SIGKILL");
    is_int(-SIGKILL, end_of(p), "... there is an exit code");
    let_grandchild_go();
}

int
main(void)
{
    plan(22);
    word = shared(sizeof(*word));
    grandchild = shared(sizeof(*grandchild));
    timeouts();
    interrupted();
    interrupt_function();
    by_threads();
    grandchild_lives();
    return done();
}
