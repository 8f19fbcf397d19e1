/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * barrier-killed.c: F7: one who waits at a barrier is killed, which breaks it
 * for all at once: for who waits already, for who comes, and for the last.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { LONG_MS = 20000, BOUND_MS = LONG_MS / 2, OTHER = 200, DEAD = 40,
    ROUNDS = 100 };

static struct sysvmp_barrier *b;
static _Atomic int *acting;

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

static int
at_once(int64_t begin)
{
    return now_ns() - begin < BOUND_MS * INT64_C(1000000);
}

static void
create(unsigned parties, int (*action)(void *))
{
    must(sysvmp_barrier_create(&b, parties, action, NULL), "barrier_create");
}

static void
who_waits(void)
{
    pid_t first, second;
    int64_t begin;

    create(3, NULL);
    first = waiter();
    second = waiter();
    begin = now_ns();
    (void)slay(first);
    is_int(OTHER - ECANCELED, reap(second),
        "barrier: F7: one is killed: the other is told");
    ok(at_once(begin), "... at once");
    begin = now_ns();
    is_int(-ECANCELED, sysvmp_barrier_wait(b, LONG_MS), "... who comes, too");
    ok(at_once(begin), "... at once");
    is_int(1, sysvmp_barrier_broken(b), "... it is broken");
    must(sysvmp_barrier_reset(b), "reset");
    first = waiter();
    second = waiter();
    is_int(2, sysvmp_barrier_wait(b, LONG_MS), "... until it is reset");
    ok(reap(first) == 0 && reap(second) == 1, "... for all");
    sysvmp_barrier_destroy(b);
}

static void
who_comes(void)
{
    int64_t begin;

    create(3, NULL);
    (void)slay(waiter());
    begin = now_ns();
    is_int(-ECANCELED, sysvmp_barrier_wait(b, LONG_MS),
        "barrier: the only waiter is killed: who comes is told");
    ok(at_once(begin), "... at once");
    must(sysvmp_barrier_reset(b), "reset");
    (void)slay(waiter());
    is_int(1, sysvmp_barrier_broken(b), "... and who looks");
    must(sysvmp_barrier_reset(b), "reset");
    (void)slay(waiter());
    is_int(0, sysvmp_barrier_n_waiting(b), "... and who counts");
    is_int(0, sysvmp_barrier_reset(b), "... a reset");
    is_int(0, sysvmp_barrier_broken(b), "... makes it as new");
    sysvmp_barrier_destroy(b);
}

static void
the_last(void)
{
    create(2, NULL);
    (void)slay(waiter());
    is_int(-ECANCELED, sysvmp_barrier_wait(b, SYSVMP_NOWAIT),
        "barrier: of two the first is killed: the last does not pass");
    sysvmp_barrier_destroy(b);
}

static int
act_for_ever(void *arg)
{
    (void)arg;
    *acting = 1;
    until(acting, 2); /* never */
    return 0;
}

static void
who_acts(void)
{
    pid_t first, last, next;

    create(2, act_for_ever);
    first = waiter();
    last = child(wait_long, NULL);
    until(acting, 1);
    next = waiter();
    (void)slay(last);
    is_int(OTHER - ECANCELED, reap(first),
        "barrier: killed in the action: the other is told");
    is_int(OTHER - ECANCELED, reap(next), "... and who came meanwhile");
    is_int(1, sysvmp_barrier_broken(b), "... it is broken");
    must(sysvmp_barrier_reset(b), "reset");
    *acting = 0;
    first = waiter();
    last = child(wait_long, NULL);
    until(acting, 1);
    (void)slay(first);
    is_int(1, sysvmp_barrier_broken(b),
        "barrier: who waits is killed during the action: broken");
    (void)slay(last);
    sysvmp_barrier_destroy(b);
}

/* Whose generation is over harms nobody. */
static void
too_late(void)
{
    pid_t pid;

    create(2, NULL);
    pid = waiter();
    kill(pid, SIGSTOP);
    is_int(1, sysvmp_barrier_wait(b, LONG_MS), "barrier: both have come");
    (void)slay(pid);
    is_int(0, sysvmp_barrier_broken(b), "... and one is killed after that");
    pid = waiter();
    is_int(1, sysvmp_barrier_wait(b, LONG_MS), "... the next generation");
    is_int(0, reap(pid), "... is well");
    sysvmp_barrier_destroy(b);
}

static void
many_dead(void)
{
    pid_t dead[DEAD];

    create(DEAD + 1, NULL);
    for (int i = 0; i < DEAD; i++)
        dead[i] = child(wait_long, NULL);
    for (int i = 0; i < DEAD; i++)
        if (!asleep(dead[i]))
            bail("a waiter does not sleep");
    for (int i = 0; i < DEAD; i++)
        kill(dead[i], SIGKILL);
    for (int i = 0; i < DEAD; i++)
        (void)reap(dead[i]);
    is_int(1, sysvmp_barrier_broken(b), "barrier: %d are killed", DEAD);
    must(sysvmp_barrier_reset(b), "reset");
    for (int i = 0; i < DEAD; i++)
        dead[i] = child(wait_long, NULL);
    ok(sysvmp_barrier_wait(b, LONG_MS) >= 0, "... and as many come again");
    for (int i = 0; i < DEAD; i++)
        (void)reap(dead[i]);
    sysvmp_barrier_destroy(b);
}

/* Either it came and all passed, or it is broken: nobody hangs. */
static void
at_any_moment(void)
{
    unsigned state = first_seed();
    int right = 0;

    create(3, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        pid_t victim = child(wait_long, NULL);
        pid_t other = child(wait_long, NULL);
        pid_t last = child(wait_long, NULL);
        int results[2];

        pause_us(chance(&state, 400));
        (void)slay(victim);
        /* Where it was killed before it came, the others wait for it. */
        if (sysvmp_barrier_n_waiting(b) > 0 && chance(&state, 2))
            must(sysvmp_barrier_abort(b), "abort");
        else
            (void)!sysvmp_barrier_wait(b, 1);
        results[0] = reap(other);
        results[1] = reap(last);
        right += (results[0] < 3) == (results[1] < 3);
        must(sysvmp_barrier_reset(b), "reset");
    }
    is_int(ROUNDS, right, "barrier: killed at any moment, %d times: all pass "
        "or none", ROUNDS);
    sysvmp_barrier_destroy(b);
}

int
main(void)
{
    plan(7 + 6 + 1 + 4 + 4 + 2 + 1);
    acting = shared(sizeof(*acting));
    who_waits();
    who_comes();
    the_last();
    who_acts();
    too_late();
    many_dead();
    at_any_moment();
    return done();
}
