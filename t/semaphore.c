/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * semaphore.c: a semaphore counts, far over what the kernel's can, waits and
 * times out, and is never over its limit, whoever releases at once; and with
 * SYSVMP_PERMITS a permit is the process's that has it.
 */
#include <config.h>

#include "child.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>

enum { LIMIT = 5, RELEASERS = 4, TRIES = 20000, MANY = 1000000, THREADS = 4,
    TURNS_EACH = 5000 };

static struct {
    _Atomic int go, held, over, highest, inside;
} *stage;

static struct sysvmp_semaphore *s;

static void
make(unsigned value, unsigned limit, unsigned flags)
{
    must(sysvmp_semaphore_create(&s, value, limit, flags), "create");
}

static void
counts(void)
{
    make(2, 0, 0);
    is_int(2, sysvmp_semaphore_value(s), "semaphore: of two permits");
    is_int(0, sysvmp_semaphore_acquire(s, SYSVMP_NOWAIT), "... one is taken");
    is_int(0, sysvmp_semaphore_acquire(s, SYSVMP_FOREVER), "... and another");
    is_int(0, sysvmp_semaphore_value(s), "... then there is none");
    is_int(-EAGAIN, sysvmp_semaphore_acquire(s, SYSVMP_NOWAIT), "... to take");
    is_int(0, sysvmp_semaphore_release(s, 3), "... three are given");
    is_int(3, sysvmp_semaphore_value(s), "... and are there");
    sysvmp_semaphore_destroy(s);
}

static void
times_out(unsigned flags, const char *which)
{
    int64_t start;

    make(0, 0, flags);
    start = now_ns();
    is_int(-ETIMEDOUT, sysvmp_semaphore_acquire(s, 20),
        "semaphore%s: it times out", which);
    ok(now_ns() - start >= 20 * 1000000, "... not early");
    sysvmp_semaphore_destroy(s);
}

static void
many(void)
{
    make(MANY, 0, 0);
    is_int(MANY, sysvmp_semaphore_value(s), "semaphore: a million permits");
    is_int(0, sysvmp_semaphore_release(s, MANY), "... and one more");
    is_int(2 * MANY, sysvmp_semaphore_value(s), "... are two million");
    is_int(-EOVERFLOW, sysvmp_semaphore_release(s, INT_MAX),
        "... but INT_MAX more are too many");
    is_int(2 * MANY, sysvmp_semaphore_value(s), "... of which none is given");
    sysvmp_semaphore_destroy(s);
}

static void
nonsense(void)
{
    struct sysvmp_semaphore *none = (void *)&none;

    is_int(-EINVAL, sysvmp_semaphore_create(NULL, 1, 0, 0),
        "semaphore: no place for it");
    is_int(-EINVAL, sysvmp_semaphore_create(&none, 2, 1, 0),
        "... a value over the limit");
    ok(none == NULL, "... and nothing is made");
    is_int(-EINVAL, sysvmp_semaphore_create(&none, INT_MAX + 1u, 0, 0),
        "... a value over INT_MAX");
    is_int(-EINVAL, sysvmp_semaphore_create(&none, 1, 0, SYSVMP_EOF),
        "... another's flag");
    is_int(-EINVAL, sysvmp_semaphore_create(&none, 32768, 0, SYSVMP_PERMITS),
        "... more than the kernel's semaphore has");
    is_int(-EINVAL, sysvmp_semaphore_acquire(NULL, 0), "... NULL: acquire");
    is_int(-EINVAL, sysvmp_semaphore_release(NULL, 1), "... NULL: release");
    is_int(-EINVAL, sysvmp_semaphore_value(NULL), "... NULL: value");
    sysvmp_semaphore_destroy(NULL);
    make(1, 0, 0);
    is_int(-EINVAL, sysvmp_semaphore_release(s, 0), "... to release none");
    is_int(-EINVAL, sysvmp_semaphore_acquire(s, -2), "... a timeout of -2");
    sysvmp_semaphore_destroy(s);
}

/*
 * Over-release.
 */

static int
release_too_often(void *arg)
{
    int taken = 0;

    (void)arg;
    until(&stage->go, 1);
    for (int i = 0; i < TRIES; i++) {
        int value;

        (void)sysvmp_semaphore_release(s, 1 + (unsigned)i % 2);
        value = sysvmp_semaphore_value(s);
        if (value > LIMIT)
            atomic_fetch_add(&stage->over, 1);
        if (value == LIMIT)
            atomic_fetch_add(&stage->highest, 1);
        if (i % 3 == 0)
            taken += sysvmp_semaphore_acquire(s, SYSVMP_NOWAIT) == 0;
    }
    return taken > 0 ? 0 : 1;
}

static void
never_over_its_limit(void)
{
    pid_t pid[RELEASERS];

    make(1, LIMIT, 0);
    for (int i = 0; i < RELEASERS; i++)
        pid[i] = child(release_too_often, NULL);
    atomic_store(&stage->go, 1);
    for (int i = 0; i < RELEASERS; i++)
        must(-reap(pid[i]), "a releaser");
    is_int(0, stage->over,
        "semaphore: %d processes release too often, and it is never over its "
        "limit", RELEASERS);
    ok(stage->highest > 0, "... which it was at %d times", stage->highest);
    while (sysvmp_semaphore_value(s) < LIMIT)
        must(sysvmp_semaphore_release(s, 1), "release");
    is_int(-EOVERFLOW, sysvmp_semaphore_release(s, 1), "... one more is not");
    sysvmp_semaphore_destroy(s);
}

/*
 * Threads.
 */

static void *
take_turns(void *arg)
{
    int *worst = arg;

    for (int i = 0; i < TURNS_EACH; i++) {
        int inside;

        must(sysvmp_semaphore_acquire(s, SYSVMP_FOREVER), "acquire");
        inside = atomic_fetch_add(&stage->inside, 1) + 1;
        if (inside > *worst)
            *worst = inside;
        atomic_fetch_sub(&stage->inside, 1);
        must(sysvmp_semaphore_release(s, 1), "release");
    }
    return NULL;
}

static void
lets_so_many_in(unsigned flags, const char *which)
{
    pthread_t thread[THREADS];
    int worst[THREADS] = {0}, most = 0;

    make(2, 2, flags);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, take_turns, &worst[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        if (worst[i] > most)
            most = worst[i];
    }
    ok(most >= 1 && most <= 2,
        "semaphore%s: of %d threads two at once at most", which, THREADS);
    is_int(2, sysvmp_semaphore_value(s), "... and it is as it was");
    sysvmp_semaphore_destroy(s);
}

/*
 * Permits, and whose they are.
 */

static int
hold(void *arg)
{
    int permits = *(int *)arg;

    for (int i = 0; i < permits; i++)
        if (sysvmp_semaphore_acquire(s, SYSVMP_FOREVER) < 0)
            return 1;
    atomic_fetch_add(&stage->held, 1);
    for (;;)
        pause();
    return 0;
}

static void
permits_come_back(void)
{
    enum { HOLDERS = 4 };
    pid_t pid[HOLDERS];
    int one = 1, back = 0;

    make(HOLDERS, 0, SYSVMP_PERMITS);
    for (int i = 0; i < HOLDERS; i++)
        pid[i] = child(hold, &one);
    until(&stage->held, HOLDERS);
    is_int(-EAGAIN, sysvmp_semaphore_acquire(s, SYSVMP_NOWAIT),
        "permits: four have them all");
    is_int(-EPERM, sysvmp_semaphore_release(s, 1),
        "... and nobody else may release them");
    for (int i = 0; i < HOLDERS; i++)
        kill(pid[i], SIGKILL);
    for (int i = 0; i < HOLDERS; i++)
        back += sysvmp_semaphore_acquire(s, 5000) == 0;
    is_int(HOLDERS, back, "... four killed holders leave four permits");
    for (int i = 0; i < HOLDERS; i++)
        reap(pid[i]);
    is_int(-EAGAIN, sysvmp_semaphore_acquire(s, SYSVMP_NOWAIT), "... no more");
    is_int(-EPERM, sysvmp_semaphore_release(s, HOLDERS + 1),
        "... of which no five can be released");
    is_int(0, sysvmp_semaphore_release(s, HOLDERS), "... but four");
    sysvmp_semaphore_destroy(s);
}

static int
release_ours(void *arg)
{
    (void)arg;
    return -sysvmp_semaphore_release(s, 1);
}

static int
destroy_ours(void *arg)
{
    (void)arg;
    must(sysvmp_semaphore_acquire(s, SYSVMP_NOWAIT), "acquire");
    sysvmp_semaphore_destroy(s);
    atomic_fetch_add(&stage->held, 1);
    for (;;)
        pause();
    return 0;
}

static int
leave_with_ours(void *arg)
{
    (void)arg;
    must(sysvmp_semaphore_acquire(s, SYSVMP_NOWAIT), "acquire");
    must(sysvmp_leave(), "leave");
    atomic_fetch_add(&stage->held, 1);
    for (;;)
        pause();
    return 0;
}

static void
permits_are_ones_own(void)
{
    pid_t pid;

    make(2, 0, SYSVMP_PERMITS);
    must(sysvmp_semaphore_acquire(s, SYSVMP_NOWAIT), "acquire");
    is_int(EPERM, reap(child(release_ours, NULL)),
        "permits: a child has none of its parent's");
    atomic_store(&stage->held, 0);
    pid = child(destroy_ours, NULL);
    until(&stage->held, 1);
    is_int(1, sysvmp_semaphore_value(s),
        "... who destroys it gives them back");
    slay(pid);
    pid = child(leave_with_ours, NULL);
    until(&stage->held, 2);
    is_int(1, sysvmp_semaphore_value(s), "... and who leaves");
    slay(pid);
    is_int(1, sysvmp_semaphore_value(s), "... once");
    sysvmp_semaphore_destroy(s);
}

/* Without, what a dead one had is lost, as in Python. */
static void
without_permits(void)
{
    int one = 1;
    pid_t pid;

    make(1, 0, 0);
    atomic_store(&stage->held, 0);
    pid = child(hold, &one);
    until(&stage->held, 1);
    slay(pid);
    is_int(0, sysvmp_semaphore_value(s),
        "semaphore: a killed holder's permit is lost without SYSVMP_PERMITS");
    is_int(0, sysvmp_semaphore_release(s, 1), "... anybody may give another");
    is_int(0, sysvmp_semaphore_acquire(s, SYSVMP_NOWAIT), "... to take");
    sysvmp_semaphore_destroy(s);
}

/*
 * Killed waiters.
 */

static int
wait_for_one(void *arg)
{
    (void)arg;
    return sysvmp_semaphore_acquire(s, SYSVMP_FOREVER) == 0 ? 0 : 1;
}

static void
killed_waiters(unsigned flags, const char *which)
{
    enum { ROUNDS = 100 };
    int got = 0;

    make(flags ? 1 : 0, 0, flags);
    for (int i = 0; i < ROUNDS; i++) {
        pid_t killed, other;

        if (flags)
            must(sysvmp_semaphore_acquire(s, SYSVMP_FOREVER), "acquire");
        killed = child(wait_for_one, NULL);
        other = child(wait_for_one, NULL);
        if (i % 2)
            asleep(killed);
        asleep(other);
        kill(killed, SIGKILL);
        if (!flags) /* else one that has just taken it takes it along */
            reap(killed);
        must(sysvmp_semaphore_release(s, 1), "release");
        if (flags)
            reap(killed);
        got += reap(other) == 0;
    }
    is_int(ROUNDS, got,
        "semaphore%s: a waiter is killed, and the permit is another's, %d "
        "times", which, ROUNDS);
    sysvmp_semaphore_destroy(s);
}

int
main(void)
{
    plan(49);
    stage = shared(sizeof(*stage));
    counts();
    times_out(0, "");
    times_out(SYSVMP_PERMITS, " with permits");
    many();
    nonsense();
    never_over_its_limit();
    lets_so_many_in(0, "");
    lets_so_many_in(SYSVMP_PERMITS, " with permits");
    permits_come_back();
    permits_are_ones_own();
    without_permits();
    killed_waiters(0, "");
    killed_waiters(SYSVMP_PERMITS, " with permits");
    return done();
}
