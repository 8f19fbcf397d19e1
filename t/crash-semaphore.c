/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-semaphore.c: a process killed at each point of each call of a
 * semaphore, also as one of two threads that want a permit, and with the next
 * who waits killed as well.  A release is whole or was not begun; nobody
 * sleeps while there is a permit; and with SYSVMP_PERMITS none is ever lost.
 */
#include <config.h>

#include "crash.h"
#include "sysvmp.h"

#include <errno.h>
#include <stdlib.h>

enum { PEERS = 2 };

static unsigned flags; /* of the semaphore that it is about */
static struct sysvmp_semaphore *s;
static pid_t waiter[PEERS];
static int waiters;
static _Atomic int *awake, *may_end;

/* So that each waiter sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

/* Of n permits, and not many more than that: the victim and the tester may
 * release as many as PEERS + 3 together. */
static void
create_of(unsigned n)
{
    must(sysvmp_semaphore_create(&s, n, flags ? 0 : PEERS + 3, flags),
        "create");
    waiters = 0;
    atomic_store(awake, 0);
    atomic_store(may_end, 0);
}

static void
create_one(void)
{
    create_of(1);
}

/* Two, which nobody has yet. */
static void
create_two(void)
{
    create_of(2);
}

static int
acquire(void)
{
    return sysvmp_semaphore_acquire(s, SYSVMP_FOREVER);
}

static int
acquire_shortly(void)
{
    return sysvmp_semaphore_acquire(s, 3);
}

static int
acquire_not(void)
{
    return sysvmp_semaphore_acquire(s, SYSVMP_NOWAIT);
}

static void
take_two(void)
{
    must(acquire_not(), "acquire");
    must(acquire_not(), "acquire");
}

/* We have them all. */
static void
create_taken(void)
{
    create_two();
    take_two();
}

static int
release_two(void)
{
    return sysvmp_semaphore_release(s, 2);
}

/* It keeps what it gets for as long as the others may be asleep. */
static int
take_and_stay(void)
{
    int result = acquire();

    atomic_fetch_add(awake, 1);
    until(may_end, 1);
    if (result == 0)
        result = sysvmp_semaphore_release(s, 1);
    return result == 0 ? 0 : 99;
}

static void
let_one_wait(void)
{
    waiter[waiters++] = sleeping_peer(take_and_stay);
}

static void
let_two_wait(void)
{
    let_one_wait();
    let_one_wait();
}

/* Nobody sleeps while there is one: all are awake, or none is left. */
static int
settled(void *arg)
{
    (void)arg;
    return atomic_load(awake) == waiters || sysvmp_semaphore_value(s) == 0;
}

static int
all_awake(void *arg)
{
    (void)arg;
    return atomic_load(awake) == waiters;
}

/* n of them are there in all, or were given to those who wait. */
static void
last_look(int n)
{
    if (!within_bound(settled, NULL))
        wrong("%d of %d are awake, and %d permits are left", *awake, waiters,
            sysvmp_semaphore_value(s));
    atomic_store(may_end, 1);
    for (int i = n; i < waiters; i++)
        if (!flags)
            want(0, sysvmp_semaphore_release(s, 1), "our release for one");
    for (int i = 0; i < waiters; i++)
        want(0, peer_end(waiter[i]), "a waiter's end");
    (void)heir_end();
    if (n < waiters)
        n = waiters;
    want(n, sysvmp_semaphore_value(s), "the value in the end");
    for (int i = 0; i < n; i++)
        want(0, acquire_not(), "to take one");
    want(-EAGAIN, acquire_not(), "one more");
    sysvmp_semaphore_destroy(s);
}

/*
 * Acquire.
 */

/* There was one.  The victim's is lost, but with SYSVMP_PERMITS. */
static void
look_taken(const struct crash_end *end)
{
    int left = sysvmp_semaphore_value(s);

    if (end->acknowledged)
        want(0, end->answer, "the victim's answer");
    if (flags || end->acknowledged)
        want(flags ? 1 : 0, left, "the value after its end");
    last_look(left);
}

static void
release_when_asleep(void)
{
    victim_asleep_or_dead();
    let_one_wait();
    want(0, release_two(), "our release");
}

/* Two were released to it and to the waiter; it may have taken one along. */
static void
look_at_both(const struct crash_end *end)
{
    int left;

    if (end->acknowledged && end->answer != 0 && end->answer != -ETIMEDOUT)
        wrong("the victim's answer: %d", end->answer);
    if (!within_bound(all_awake, NULL))
        wrong("the waiter sleeps while there is a permit");
    left = 1 + sysvmp_semaphore_value(s);
    if (flags || (end->acknowledged && end->answer != 0))
        want(2, left, "permits after the victim's end");
    if (!flags && end->acknowledged && end->answer == 0)
        want(1, left, "permits after the victim took one");
    last_look(left);
}

/* As above, while another thread of the victim waits, too. */
static void
create_three_taken(void)
{
    create_of(3);
    take_two();
    must(acquire_not(), "acquire");
}

static void
wait_beside(void)
{
    (void)!acquire();
}

static void
release_for_threads(void)
{
    victim_asleep_or_dead();
    let_one_wait();
    want(0, sysvmp_semaphore_release(s, 3), "our release");
}

static void
look_at_threads(const struct crash_end *end)
{
    if (end->acknowledged)
        want(0, end->answer, "the victim's answer");
    if (!within_bound(all_awake, NULL))
        wrong("the waiter sleeps while there is a permit");
    if (flags)
        want(2, sysvmp_semaphore_value(s), "permits after the victim's end");
    last_look(1 + sysvmp_semaphore_value(s));
}

static void
acquire_cases(void)
{
    static const struct crash_case free_one = {"acquire", create_one, NULL,
        NULL, acquire, NULL, look_taken, ENDS};
    static const struct crash_case waits = {"acquire, and another waits",
        create_taken, NULL, NULL, acquire, release_when_asleep, look_at_both,
        ENDS};
    static const struct crash_case times_out = {
        "acquire that times out, and another waits", create_taken, NULL,
        NULL, acquire_shortly, release_when_asleep, look_at_both, ENDS};
    static const struct crash_case beside = {
        "acquire, and another waits", create_three_taken, NULL, NULL,
        acquire, release_for_threads, look_at_threads, ENDS};

    crash_run(&free_one);
    crash_run(&waits);
    crash_run(&times_out);
    crash_run_beside_sleep(&beside, wait_beside);
}

/*
 * Release.
 */

static void
create_for_victim(void)
{
    create_of(flags ? 2 : 0);
}

/* With SYSVMP_PERMITS it has them. */
static void
have_two(void)
{
    if (flags)
        take_two();
}

/* Both or none: with two of ours there are enough for all who wait, and what
 * is left then tells.  With SYSVMP_PERMITS they come back in any case. */
static void
look_released(const struct crash_end *end)
{
    int left;

    if (end->acknowledged)
        want(0, end->answer, "the victim's answer");
    if (!within_bound(settled, NULL))
        wrong("%d of %d are awake, and %d permits are left", *awake, waiters,
            sysvmp_semaphore_value(s));
    if (!end->acknowledged && !flags)
        want(0, release_two(), "our release");
    if (!within_bound(all_awake, NULL))
        wrong("%d of %d are awake", *awake, waiters);
    left = waiters + sysvmp_semaphore_value(s);
    if (end->acknowledged || flags)
        want(2, left, "permits that were released");
    else if (left != 2 && left != 4)
        wrong("%d permits with two of ours", left);
    last_look(left);
}

static void
let_heir_wait(void)
{
    sleeping_heir(acquire);
    let_two_wait();
}

/* The heir may have taken one along. */
static void
look_released_to_heir(const struct crash_end *end)
{
    int n;

    if (end->acknowledged)
        want(0, end->answer, "the victim's answer");
    if (!within_bound(settled, NULL))
        wrong("%d of %d are awake, and %d permits are left", *awake, waiters,
            sysvmp_semaphore_value(s));
    if (flags) { /* the heir's comes back, too */
        (void)heir_end();
        if (!within_bound(all_awake, NULL))
            wrong("%d of 2 are awake, though the heir is dead", *awake);
        last_look(2);
        return;
    }
    /* Enough for each who may still be asleep. */
    n = atomic_load(awake) + sysvmp_semaphore_value(s) == 0 ? 3 : 2;
    want(0, sysvmp_semaphore_release(s, (unsigned)n), "our release");
    if (!within_bound(all_awake, NULL))
        wrong("%d of %d are awake", *awake, waiters);
    atomic_store(may_end, 1);
    for (int i = 0; i < waiters; i++)
        want(0, peer_end(waiter[i]), "a waiter's end");
    (void)heir_end();
    sysvmp_semaphore_destroy(s);
}

/* Too many: nothing happens. */
static int
release_too_many(void)
{
    return sysvmp_semaphore_release(s, PEERS + 3);
}

static void
look_refused(const struct crash_end *end)
{
    if (end->acknowledged)
        want(flags ? -EPERM : -EOVERFLOW, end->answer, "its answer");
    want(1, sysvmp_semaphore_value(s), "the value");
    last_look(1);
}

static void
release_cases(void)
{
    static const struct crash_case alone = {"release, nobody waits",
        create_for_victim, have_two, NULL, release_two, NULL, look_released,
        ENDS};
    static const struct crash_case waited = {"release, two wait",
        create_for_victim, have_two, let_two_wait, release_two, NULL,
        look_released, STAYS};
    static const struct crash_case refused = {"release of too many",
        create_one, NULL, NULL, release_too_many, NULL, look_refused, ENDS};
    static const struct crash_case heir = {"release, two wait, and an heir",
        create_for_victim, have_two, let_heir_wait, release_two, NULL,
        look_released_to_heir, STAYS};

    crash_run(&alone);
    crash_run(&waited);
    crash_run(&refused);
    crash_run_heir(&heir, NULL);
}

/*
 * The end of a handle, and of all of them.
 */

static int
destroy(void)
{
    sysvmp_semaphore_destroy(s);
    return 0;
}

static int
leave(void)
{
    return sysvmp_leave();
}

static void
look_given_up(const struct crash_end *end)
{
    (void)end;
    if (!within_bound(flags ? all_awake : settled, NULL))
        wrong("%d of 2 are awake", *awake);
    last_look(flags ? 2 : 0);
}

static int
make_one(void)
{
    struct sysvmp_semaphore *mine;
    int error = sysvmp_semaphore_create(&mine, 7, 0, flags);

    if (error < 0)
        return error;
    error = sysvmp_semaphore_acquire(mine, SYSVMP_NOWAIT);
    sysvmp_semaphore_destroy(mine);
    return error;
}

static void
look_made(const struct crash_end *end)
{
    struct sysvmp_semaphore *mine;
    struct sysvmp_queue *q;
    char byte;

    if (end->acknowledged)
        want(0, end->answer, "the victim's create");
    must(sysvmp_semaphore_create(&mine, 3, 0, flags), "create");
    want(3, sysvmp_semaphore_value(mine), "the value of a new one");
    must(sysvmp_queue_create(&q, 0, SYSVMP_EOF), "create");
    must(sysvmp_queue_close(q), "close");
    want(-EPIPE, sysvmp_queue_get(q, &byte, 1, 1), "what has its slots then");
    sysvmp_queue_destroy(q);
    sysvmp_semaphore_destroy(mine);
    last_look(1);
}

static void
end_cases(void)
{
    static const struct crash_case destroys = {"destroy, two wait",
        create_for_victim, have_two, let_two_wait, destroy, NULL,
        look_given_up, STAYS};
    static const struct crash_case leaves = {"leave, two wait",
        create_for_victim, have_two, let_two_wait, leave, NULL,
        look_given_up, STAYS};
    static const struct crash_case makes = {"create, acquire, destroy",
        create_one, NULL, NULL, make_one, NULL, look_made, ENDS};

    crash_run(&destroys);
    crash_run(&leaves);
    crash_run(&makes);
}

/*
 * The victim is stopped, and others go on.
 */

/* What is released now is for the peers.  With SYSVMP_PERMITS the victim has
 * them all, and its release is a single step of the kernel's. */
static void
release_beside(void)
{
    if (flags)
        return;
    want(0, release_two(), "a release beside it");
    if (!within_bound(all_awake, NULL))
        wrong("%d of %d are awake, as the victim is stopped", *awake,
            waiters);
}

/* One was released for each of the two, and here is one more. */
static void
release_one_beside(void)
{
    if (!flags)
        want(0, sysvmp_semaphore_release(s, 1), "a release beside it");
    if (!within_bound(all_awake, NULL))
        wrong("the peer sleeps, as the victim is stopped");
}

static void
look_after_stop(const struct crash_end *end)
{
    want(0, end->answer, "the victim's answer");
    if (!within_bound(all_awake, NULL))
        wrong("%d of %d are awake", *awake, waiters);
    last_look(waiters + sysvmp_semaphore_value(s));
}

static void
stopped_cases(void)
{
    static const struct crash_case releases = {"release, two wait",
        create_for_victim, have_two, let_two_wait, release_two, NULL,
        look_after_stop, STAYS};
    static const struct crash_case acquires = {"acquire, and another waits",
        create_taken, NULL, NULL, acquire, release_when_asleep,
        look_after_stop, ENDS};

    crash_run_stopped(&releases, release_beside);
    crash_run_stopped(&acquires, release_one_beside);
}

int
main(void)
{
    plan(22 + 4);
    awake = shared(sizeof(*awake));
    may_end = shared(sizeof(*may_end));
    for (int permits = 0; permits < 2; permits++) {
        flags = permits ? SYSVMP_PERMITS : 0;
        diag(permits ? "with SYSVMP_PERMITS" : "without SYSVMP_PERMITS");
        acquire_cases();
        release_cases();
        end_cases();
        stopped_cases();
    }
    return done();
}
