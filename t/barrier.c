/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * barrier.c: all go on when all have come, each with a number of its own;
 * one of them runs the action; and what breaks a barrier breaks it for all.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { PARTIES = 3, GENERATIONS = 1000, SHORT_MS = 20, LONG_MS = 10000,
    CROWD = 40, OTHER = 200 };

static struct sysvmp_barrier *b;

static struct {
    _Atomic int actions, first, wrong, ready, go;
    _Atomic int seen[GENERATIONS]; /* a digit for each number */
} *stage;

static int
act(void *arg)
{
    stage->actions++;
    return *(const int *)arg;
}

static int good = 0, bad = 1;

static void
create(unsigned parties, int (*action)(void *), int *arg)
{
    must(sysvmp_barrier_create(&b, parties, action, arg), "barrier_create");
    stage->actions = 0;
}

/* A number, or OTHER less a code. */
static int
wait_long(void *arg)
{
    int result = sysvmp_barrier_wait(b, LONG_MS);

    (void)arg;
    return result >= 0 ? result : OTHER + result;
}

static pid_t
waiter(void)
{
    pid_t pid = child(wait_long, NULL);

    if (!asleep(pid))
        bail("the waiter does not sleep");
    return pid;
}

static void
nonsense(void)
{
    struct sysvmp_barrier *none = (void *)&none;

    is_int(-EINVAL, sysvmp_barrier_create(NULL, 1, NULL, NULL),
        "barrier: no place");
    is_int(-EINVAL, sysvmp_barrier_create(&none, 0, NULL, NULL),
        "... for nobody");
    ok(none == NULL, "... and there is none then");
    is_int(-EINVAL, sysvmp_barrier_create(&none, INT_MAX + 1u, NULL, NULL),
        "... for too many");
    is_int(-EINVAL, sysvmp_barrier_wait(NULL, 0), "... none to wait at");
    is_int(-EINVAL, sysvmp_barrier_reset(NULL), "... nor to reset");
    is_int(-EINVAL, sysvmp_barrier_abort(NULL), "... nor to abort");
    is_int(-EINVAL, sysvmp_barrier_parties(NULL), "... nor to look at");
    is_int(-EINVAL, sysvmp_barrier_n_waiting(NULL), "... who waits");
    is_int(-EINVAL, sysvmp_barrier_broken(NULL), "... if it is broken");
    sysvmp_barrier_destroy(NULL);
    create(INT_MAX, NULL, NULL);
    is_int(INT_MAX, sysvmp_barrier_parties(b), "... for very many");
    is_int(-EINVAL, sysvmp_barrier_wait(b, -2), "... a timeout of -2");
    is_int(0, sysvmp_barrier_broken(b), "... does not break it");
    sysvmp_barrier_destroy(b);
}

/*
 * All come.
 */

static int
pass_all(void *arg)
{
    (void)arg;
    for (int g = 0; g < GENERATIONS; g++) {
        int number = sysvmp_barrier_wait(b, LONG_MS);

        if (number < 0 || number >= PARTIES)
            return 1;
        /* The next can't begin without us. */
        if (stage->actions != g + 1)
            return 2;
        atomic_fetch_add(&stage->seen[g], 1 << 4 * number);
    }
    return 0;
}

static void
generations(void)
{
    pid_t pid[PARTIES];
    int ended = 0, right = 0;

    create(PARTIES, act, &good);
    for (int i = 0; i < PARTIES; i++)
        pid[i] = child(pass_all, NULL);
    for (int i = 0; i < PARTIES; i++)
        ended += reap(pid[i]);
    is_int(0, ended, "barrier: three pass %d generations", GENERATIONS);
    for (int g = 0; g < GENERATIONS; g++)
        right += stage->seen[g] == 0x111;
    is_int(GENERATIONS, right, "... each number once in each");
    is_int(GENERATIONS, stage->actions, "... and one action");
    is_int(0, sysvmp_barrier_n_waiting(b), "... nobody waits now");
    sysvmp_barrier_destroy(b);
}

static void
one_after_the_other(void)
{
    pid_t first, second;

    create(PARTIES, act, &good);
    is_int(PARTIES, sysvmp_barrier_parties(b), "barrier: for three");
    is_int(0, sysvmp_barrier_n_waiting(b), "... nobody waits");
    first = waiter();
    is_int(1, sysvmp_barrier_n_waiting(b), "... one waits");
    second = waiter();
    is_int(2, sysvmp_barrier_n_waiting(b), "... two wait");
    is_int(0, stage->actions, "... no action yet");
    is_int(2, sysvmp_barrier_wait(b, SYSVMP_NOWAIT),
        "... the last need not wait");
    is_int(1, stage->actions, "... one action");
    is_int(0, reap(first), "... the first is 0");
    is_int(1, reap(second), "... the second 1");
    is_int(0, sysvmp_barrier_n_waiting(b), "... nobody waits");
    sysvmp_barrier_destroy(b);
    create(1, act, &good);
    is_int(0, sysvmp_barrier_wait(b, SYSVMP_NOWAIT), "barrier: for one");
    is_int(0, sysvmp_barrier_wait(b, SYSVMP_FOREVER), "... again");
    is_int(2, stage->actions, "... two actions");
    sysvmp_barrier_destroy(b);
}

/*
 * What breaks it.
 */

static void
is_broken(const char *what)
{
    is_int(1, sysvmp_barrier_broken(b), "... %s: it is broken", what);
    is_int(0, sysvmp_barrier_n_waiting(b), "... nobody waits");
    is_int(-ECANCELED, sysvmp_barrier_wait(b, LONG_MS),
        "... nor will anybody");
    is_int(0, sysvmp_barrier_reset(b), "... until it is reset");
    is_int(0, sysvmp_barrier_broken(b), "... then it is as new");
}

static void
times_out(void)
{
    int64_t begin;
    pid_t pid;

    create(PARTIES, act, &good);
    pid = waiter();
    begin = now_ns();
    is_int(-ETIMEDOUT, sysvmp_barrier_wait(b, SHORT_MS),
        "barrier: not all come in time");
    ok(now_ns() - begin >= SHORT_MS * INT64_C(1000000), "... not early");
    is_int(OTHER - ECANCELED, reap(pid), "... for the other neither");
    is_broken("the time was up");
    pid = waiter();
    is_int(-EAGAIN, sysvmp_barrier_wait(b, SYSVMP_NOWAIT),
        "barrier: one won't wait");
    is_int(OTHER - ECANCELED, reap(pid), "... so the other need not");
    is_broken("there was no time");
    is_int(0, stage->actions, "... no action in all that");
    sysvmp_barrier_destroy(b);
}

static int
say_yes(void *arg)
{
    (void)arg;
    return 1;
}

static void
interrupted(void)
{
    pid_t pid;

    create(PARTIES, NULL, NULL);
    pid = waiter();
    sysvmp_set_interrupt(say_yes, NULL);
    is_int(-EINTR, sysvmp_barrier_wait(b, LONG_MS), "barrier: interrupted");
    sysvmp_set_interrupt(NULL, NULL);
    is_int(OTHER - ECANCELED, reap(pid), "... for the other, too");
    is_broken("it was interrupted");
    sysvmp_barrier_destroy(b);
}

static void
aborted(void)
{
    pid_t first, second;

    create(PARTIES, NULL, NULL);
    first = waiter();
    second = waiter();
    is_int(0, sysvmp_barrier_abort(b), "barrier: aborted");
    ok(reap(first) == OTHER - ECANCELED && reap(second) == OTHER - ECANCELED,
        "... who waits is told");
    is_int(0, sysvmp_barrier_abort(b), "... again");
    is_broken("aborted");
    is_int(0, sysvmp_barrier_abort(b), "barrier: aborted with nobody there");
    is_broken("aborted");
    sysvmp_barrier_destroy(b);
}

static void
is_reset(void)
{
    pid_t first, second;

    create(PARTIES, NULL, NULL);
    is_int(0, sysvmp_barrier_reset(b), "barrier: reset with nobody there");
    first = waiter();
    second = waiter();
    is_int(0, sysvmp_barrier_reset(b), "... with two there");
    ok(reap(first) == OTHER - ECANCELED && reap(second) == OTHER - ECANCELED,
        "... who are told");
    is_int(0, sysvmp_barrier_broken(b), "... it is not broken");
    first = waiter();
    second = waiter();
    is_int(2, sysvmp_barrier_wait(b, LONG_MS), "... and all come");
    ok(reap(first) == 0 && reap(second) == 1, "... all of them");
    sysvmp_barrier_destroy(b);
}

static void
action_fails(void)
{
    pid_t pid;

    create(2, act, &bad);
    pid = waiter();
    is_int(-ECANCELED, sysvmp_barrier_wait(b, LONG_MS),
        "barrier: its action fails");
    is_int(OTHER - ECANCELED, reap(pid), "... the other is told");
    is_int(1, stage->actions, "... it was called once");
    is_broken("the action failed");
    sysvmp_barrier_destroy(b);
}

/*
 * During an action.
 */

static int
act_slowly(void *arg)
{
    (void)arg;
    stage->ready = 1;
    until(&stage->go, 1);
    return 0;
}

static void
during_action(void)
{
    pid_t first, last, next;
    int ours;

    create(2, act_slowly, NULL);
    stage->ready = stage->go = 0;
    first = waiter();
    last = child(wait_long, NULL);
    until(&stage->ready, 1);
    next = waiter();
    stage->go = 1;
    ok(reap(first) == 0 && reap(last) == 1,
        "barrier: who comes during an action");
    /* Which of us comes in first is open: the other has to wake up. */
    ours = sysvmp_barrier_wait(b, LONG_MS);
    ok(ours == 0 || ours == 1, "... is of the next");
    is_int(1 - ours, reap(next), "... generation");

    stage->ready = stage->go = 0;
    first = waiter();
    last = child(wait_long, NULL);
    until(&stage->ready, 1);
    is_int(0, sysvmp_barrier_reset(b), "barrier: reset during an action");
    is_int(OTHER - ECANCELED, reap(first), "... who waits is told at once");
    stage->go = 1;
    is_int(OTHER - ECANCELED, reap(last), "... who acts, after that");
    is_int(0, sysvmp_barrier_broken(b), "... and it is not broken");

    stage->ready = stage->go = 0;
    first = waiter();
    last = child(wait_long, NULL);
    until(&stage->ready, 1);
    is_int(-ETIMEDOUT, sysvmp_barrier_wait(b, SHORT_MS),
        "barrier: the time is up during an action");
    is_int(OTHER - ECANCELED, reap(first), "... which breaks it");
    stage->go = 1;
    is_int(OTHER - ECANCELED, reap(last), "... for who acts, too");
    is_broken("the time was up");
    sysvmp_barrier_destroy(b);
}

/*
 * Who leaves late has the right result.
 */

static void
late(void)
{
    pid_t first, others[2];

    create(2, NULL, NULL);
    first = waiter();
    kill(first, SIGSTOP);
    is_int(1, sysvmp_barrier_wait(b, LONG_MS), "barrier: one is stopped");
    others[0] = waiter();
    is_int(0, sysvmp_barrier_reset(b), "... the next generation is reset");
    is_int(OTHER - ECANCELED, reap(others[0]), "... the next");
    is_int(0, sysvmp_barrier_abort(b), "... aborted");
    kill(first, SIGCONT);
    is_int(0, reap(first), "... but all had come to the first");
    must(sysvmp_barrier_reset(b), "reset");
    first = waiter();
    kill(first, SIGSTOP);
    must(sysvmp_barrier_reset(b), "reset");
    others[0] = waiter();
    is_int(1, sysvmp_barrier_wait(b, LONG_MS), "... one is stopped, reset, "
        "and the next is well");
    is_int(0, reap(others[0]), "... for both");
    kill(first, SIGCONT);
    is_int(OTHER - ECANCELED, reap(first), "... but the first was reset");
    sysvmp_barrier_destroy(b);
}

/*
 * More than there is room for in the object: threads.
 */

static void *
wait_thread(void *arg)
{
    int number = sysvmp_barrier_wait(b, LONG_MS);

    if (number < 0)
        stage->wrong++;
    if (number == 0)
        stage->first++;
    return arg;
}

static void
crowd(void)
{
    pthread_t thread[CROWD];

    create(CROWD, NULL, NULL);
    stage->first = stage->wrong = 0;
    for (int i = 0; i < CROWD; i++)
        if (pthread_create(&thread[i], NULL, wait_thread, NULL) != 0)
            bail("pthread_create");
    for (int i = 0; i < CROWD; i++)
        pthread_join(thread[i], NULL);
    is_int(0, stage->wrong, "barrier: %d threads come", CROWD);
    is_int(1, stage->first, "... and one of them is 0");
    sysvmp_barrier_destroy(b);
}

static void
leaves(void)
{
    create(1, NULL, NULL);
    is_int(0, sysvmp_leave(), "barrier: the process leaves");
    is_int(-EBADF, sysvmp_barrier_wait(b, 0), "... it can't wait then");
    is_int(-EBADF, sysvmp_barrier_reset(b), "... nor reset");
    is_int(-EBADF, sysvmp_barrier_abort(b), "... nor abort");
    is_int(-EBADF, sysvmp_barrier_parties(b), "... nor look");
    is_int(-EBADF, sysvmp_barrier_n_waiting(b), "... at who waits");
    is_int(-EBADF, sysvmp_barrier_broken(b), "... or if it is broken");
    sysvmp_barrier_destroy(b);
}

int
main(void)
{
    plan(13 + 4 + 13 + 16 + 7 + 14 + 6 + 8 + 15 + 8 + 2 + 7);
    stage = shared(sizeof(*stage));
    nonsense();
    generations();
    one_after_the_other();
    times_out();
    interrupted();
    aborted();
    is_reset();
    action_fails();
    during_action();
    late();
    crowd();
    leaves();
    return done();
}
