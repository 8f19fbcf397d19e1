/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * process-threads.c: threads of one process start, join, kill and ask at once:
 * one start of many succeeds, every join ends with the right exit code, and
 * nobody reaps what is not his.
 */
#include <config.h>

#include "child.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

enum { THREADS = 4, STARTS = 50, ROUNDS = 40, JOINERS = 3 };

static pthread_barrier_t barrier;
static _Atomic int *word;
static _Atomic int stop;

static void
start_threads(pthread_t *thread, int n, void *(*fn)(void *), void *arg)
{
    for (int i = 0; i < n; i++)
        if (pthread_create(&thread[i], NULL, fn, arg) != 0)
            bail("pthread_create");
}

static int
sum_of(pthread_t *thread, int n)
{
    int sum = 0;

    for (int i = 0; i < n; i++) {
        void *result;

        pthread_join(thread[i], &result);
        sum += (int)(intptr_t)result;
    }
    return sum;
}

static int
three(void *arg)
{
    (void)arg;
    return 3;
}

/* 1 for a start, 100 for one that came too late. */
static void *
start_it(void *arg)
{
    int result;

    pthread_barrier_wait(&barrier);
    result = sysvmp_process_start(arg);
    return (void *)(intptr_t)(result == 0 ? 1 : result == -EALREADY ? 100 :
        10000);
}

static void
one_start(void)
{
    pthread_t thread[THREADS];
    int once = 0, well = 0;

    pthread_barrier_init(&barrier, NULL, THREADS);
    for (int i = 0; i < STARTS; i++) {
        struct sysvmp_process *p = created(three, NULL);

        start_threads(thread, THREADS, start_it, p);
        once += sum_of(thread, THREADS) == 1 + (THREADS - 1) * 100;
        well += end_of(p) == 3;
    }
    pthread_barrier_destroy(&barrier);
    is_int(STARTS, once, "process-threads: %d start it: one does", THREADS);
    is_int(STARTS, well, "... and it runs");
}

static int
wait_for_word(void *arg)
{
    until(word, 1);
    return *(int *)arg;
}

/* With timeouts of its own, until it is joined. */
static void *
join_impatiently(void *arg)
{
    int code = -1, error;

    do
        error = sysvmp_process_join(arg, 1);
    while (error == -ETIMEDOUT);
    if (error == 0)
        error = sysvmp_process_exitcode(arg, &code);
    return (void *)(intptr_t)(error == 0 ? code : error);
}

static void *
join_patiently(void *arg)
{
    int code = -1, error = sysvmp_process_join(arg, SYSVMP_FOREVER);

    if (error == 0)
        error = sysvmp_process_exitcode(arg, &code);
    return (void *)(intptr_t)(error == 0 ? code : error);
}

/* Sees it alive, then ended, then with its exit code. */
static void *
ask(void *arg)
{
    int code = -1, error;

    while (sysvmp_process_is_alive(arg) == 1)
        if (sysvmp_process_exitcode(arg, &code) == 0)
            break;
    error = sysvmp_process_exitcode(arg, &code);
    return (void *)(intptr_t)(error == 0 ? code : error);
}

/* Reaps whatever has ended. */
static void *
list_children(void *arg)
{
    struct sysvmp_process *list[JOINERS];

    (void)arg;
    while (!atomic_load(&stop))
        if (sysvmp_active_children(list, JOINERS) < 0)
            return (void *)1;
    return NULL;
}

static void
all_at_once(void)
{
    pthread_t patient[JOINERS], impatient[JOINERS], asking, listing;
    int seven = 7, good = 0, listed;

    atomic_store(&stop, 0);
    start_threads(&listing, 1, list_children, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        struct sysvmp_process *p;

        atomic_store(word, 0);
        p = started(wait_for_word, &seven);
        start_threads(patient, JOINERS, join_patiently, p);
        start_threads(impatient, JOINERS, join_impatiently, p);
        start_threads(&asking, 1, ask, p);
        if (i % 2) {
            must(sysvmp_process_kill(p), "process_kill");
            seven = -SIGKILL;
        } else {
            atomic_store(word, 1);
            seven = 7;
        }
        good += sum_of(patient, JOINERS) == JOINERS * seven;
        good += sum_of(impatient, JOINERS) == JOINERS * seven;
        good += sum_of(&asking, 1) == seven;
        must(sysvmp_process_destroy(p), "process_destroy");
        seven = 7;
    }
    atomic_store(&stop, 1);
    listed = sum_of(&listing, 1);
    is_int(ROUNDS * 3, good, "joined, asked and listed by threads at once: "
        "each is told its exit code");
    is_int(0, listed, "... the list was well");
}

/* Has children of its own, and joins these. */
static void *
live(void *arg)
{
    int good = 0;

    for (int i = 0; i < ROUNDS; i++) {
        int code = (int)(intptr_t)arg + i;
        struct sysvmp_process *p;

        if (sysvmp_process_create(&p, wait_for_word, &code) < 0)
            break;
        if (sysvmp_process_start(p) < 0)
            break;
        good += join_patiently(p) == (void *)(intptr_t)code &&
            sysvmp_process_destroy(p) == 0;
    }
    return (void *)(intptr_t)good;
}

static void
each_its_own(void)
{
    pthread_t thread[THREADS];
    int good = 0;

    atomic_store(word, 1);
    for (int i = 0; i < THREADS; i++)
        start_threads(&thread[i], 1, live, (void *)(intptr_t)(i * ROUNDS));
    good = sum_of(thread, THREADS);
    is_int(THREADS * ROUNDS, good,
        "%d threads with %d children each: each gets its own exit code",
        THREADS, ROUNDS);
    is_int(-1, waitpid(-1, NULL, WNOHANG), "all were reaped");
    is_int(ECHILD, errno, "... and nobody is left");
}

int
main(void)
{
    plan(2 + 2 + 3);
    word = shared(sizeof(*word));
    one_start();
    all_at_once();
    each_its_own();
    return done();
}
