/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * event.c: an event wakes all who wait, also when it is cleared at once; it
 * may be set and cleared by a signal handler, in the middle of another call on
 * it as well; and whoever is killed at it harms nobody (F11).
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <sys/time.h>

enum { WAITERS = 6, ROUNDS = 50, KILLS = 60, HANDLED = 100000 };

static struct {
    _Atomic int round, passed, ready, killed;
} *stage;

static struct sysvmp_event *e, *other;

static void
make(void)
{
    must(sysvmp_event_create(&e), "create");
}

static void
is_a_flag(void)
{
    struct sysvmp_event *none = NULL;
    int64_t start;

    make();
    is_int(0, sysvmp_event_is_set(e), "event: it is not set");
    is_int(-EAGAIN, sysvmp_event_wait(e, SYSVMP_NOWAIT), "... a wait would");
    start = now_ns();
    is_int(-ETIMEDOUT, sysvmp_event_wait(e, 20), "... and times out");
    ok(now_ns() - start >= 20 * 1000000, "... not early");
    is_int(0, sysvmp_event_set(e), "... it is set");
    is_int(0, sysvmp_event_set(e), "... once more");
    is_int(1, sysvmp_event_is_set(e), "... and is");
    is_int(0, sysvmp_event_wait(e, SYSVMP_FOREVER), "... nobody waits then");
    is_int(0, sysvmp_event_clear(e), "... it is cleared");
    is_int(0, sysvmp_event_clear(e), "... once more");
    is_int(0, sysvmp_event_is_set(e), "... and not set");
    is_int(-EINVAL, sysvmp_event_set(none), "event: NULL: set");
    is_int(-EINVAL, sysvmp_event_clear(none), "... clear");
    is_int(-EINVAL, sysvmp_event_is_set(none), "... is_set");
    is_int(-EINVAL, sysvmp_event_wait(none, 0), "... wait");
    is_int(-EINVAL, sysvmp_event_wait(e, -2), "... a timeout of -2");
    is_int(-EINVAL, sysvmp_event_create(NULL), "... no place for it");
    sysvmp_event_destroy(none);
    sysvmp_event_destroy(e);
}

/*
 * All are woken.
 */

static int
wait_each_round(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        atomic_fetch_add(&stage->ready, 1);
        if (sysvmp_event_wait(e, SYSVMP_FOREVER) < 0)
            return 1;
        atomic_fetch_add(&stage->passed, 1);
        until(&stage->round, i + 1);
    }
    return 0;
}

static void
all_are_woken(void)
{
    pid_t pid[WAITERS];
    int good = 0;

    make();
    for (int i = 0; i < WAITERS; i++)
        pid[i] = child(wait_each_round, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        until(&stage->ready, (i + 1) * WAITERS);
        for (int k = 0; k < WAITERS; k++)
            asleep(pid[k]);
        must(sysvmp_event_set(e), "set");
        must(sysvmp_event_clear(e), "clear");
        until(&stage->passed, (i + 1) * WAITERS);
        atomic_store(&stage->round, i + 1);
    }
    for (int i = 0; i < WAITERS; i++)
        good += reap(pid[i]) == 0;
    is_int(WAITERS, good,
        "event: set and cleared at once, %d times, and each wakes all %d",
        ROUNDS, WAITERS);
    sysvmp_event_destroy(e);
}

/*
 * In a signal handler.
 */

static volatile sig_atomic_t handled, failed;

static void
handler(int signal)
{
    (void)signal;
    handled++;
    if (sysvmp_event_set(e) != 0 || sysvmp_event_is_set(e) < 0 ||
        sysvmp_event_clear(e) != 0 || sysvmp_event_set(other) != 0)
        failed++;
}

/* Answers each time that `other` is set. */
static int
echo(void *arg)
{
    (void)arg;
    for (;;) {
        if (sysvmp_event_wait(other, SYSVMP_FOREVER) < 0)
            return 1;
        (void)sysvmp_event_clear(other);
        atomic_fetch_add(&stage->passed, 1);
    }
}

static int
ends_at_once(void *arg)
{
    (void)arg;
    return 0;
}

/* In the middle of which the handler runs: how many went wrong. */
static int
other_calls(void)
{
    static int round;
    struct sysvmp_event *another;
    struct sysvmp_waitable w = {.kind = SYSVMP_WAIT_EVENT, .of.event = e};
    int waited = sysvmp_event_wait(e, 1), bad;

    bad = waited != 0 && waited != -ETIMEDOUT;
    bad += sysvmp_event_set(e) != 0;
    bad += sysvmp_event_clear(e) != 0;
    bad += sysvmp_wait(&w, 1, 1) < 0;
    if (++round % 8 != 0)
        return bad;
    must(sysvmp_event_create(&another), "create");
    sysvmp_event_destroy(another);
    return bad + (end_of(started(ends_at_once, NULL)) != 0);
}

static void
in_a_handler(void)
{
    struct sigaction action = {.sa_handler = handler}, old;
    struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
    unsigned limit = alarm(0); /* it is the same timer */
    int raised = 0, bad = 0;
    pid_t pid;

    make();
    must(sysvmp_event_create(&other), "create");
    atomic_store(&stage->passed, 0);
    pid = child(echo, NULL);
    sigaction(SIGALRM, &action, &old);
    sigaction(SIGUSR1, &action, NULL);
    for (; raised < HANDLED; raised++)
        raise(SIGUSR1);
    is_int(HANDLED, handled, "event: set and cleared in a handler, %d times",
        HANDLED);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int64_t end = now_ns() + 500 * 1000000; now_ns() < end;)
        bad += other_calls();
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &old, NULL);
    alarm(limit);
    ok(handled > HANDLED, "... and %d times in the middle of other calls",
        (int)handled - HANDLED);
    is_int(0, failed + bad, "... each time it was well");
    atomic_store(&stage->passed, 0);
    must(sysvmp_event_set(other), "set");
    until(&stage->passed, 1);
    ok(1, "... and who waits for it goes on doing so");
    slay(pid);
    sysvmp_event_destroy(other);
    sysvmp_event_destroy(e);
}

/*
 * Killed at it.
 */

static int
wait_once(void *arg)
{
    (void)arg;
    return sysvmp_event_wait(e, SYSVMP_FOREVER) == 0 ? 0 : 1;
}

static int
set_and_clear(void *arg)
{
    (void)arg;
    for (;;) {
        (void)sysvmp_event_clear(e);
        (void)sysvmp_event_set(e);
    }
    return 0;
}

static void
killed_waiters(void)
{
    int good = 0;

    make();
    for (int i = 0; i < KILLS; i++) {
        pid_t victim = child(wait_once, NULL), survivor;

        survivor = child(wait_once, NULL);
        if (i % 3)
            asleep(victim);
        asleep(survivor);
        kill(victim, SIGKILL);
        if (i % 2)
            reap(victim);
        must(sysvmp_event_set(e), "set");
        must(sysvmp_event_clear(e), "clear");
        good += reap(survivor) == 0;
        if (i % 2 == 0)
            reap(victim);
    }
    is_int(KILLS, good, "event: a waiter is killed, and set wakes the other, "
        "%d times", KILLS);
    sysvmp_event_destroy(e);
}

/* Killed at any place: who waits is woken by its set, or by the next. */
static void
killed_setters(void)
{
    unsigned seed = first_seed();
    int good = 0;

    make();
    for (int i = 0; i < KILLS; i++) {
        pid_t survivor, victim;

        must(sysvmp_event_clear(e), "clear");
        survivor = child(wait_once, NULL);
        victim = child(set_and_clear, NULL);
        pause_us(chance(&seed, 2000));
        slay(victim);
        if (sysvmp_event_is_set(e) == 0)
            must(sysvmp_event_set(e), "set");
        good += reap(survivor) == 0;
    }
    is_int(KILLS, good,
        "event: one who sets and clears it is killed, and who waits is woken, "
        "%d times", KILLS);
    sysvmp_event_destroy(e);
}

int
main(void)
{
    plan(24);
    stage = shared(sizeof(*stage));
    is_a_flag();
    all_are_woken();
    in_a_handler();
    killed_waiters();
    killed_setters();
    return done();
}
