/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-condition.c: a process killed at each point of each call of a
 * condition, also as one of two threads that wait, and with the next who is
 * woken killed as well.  No notification is lost: whoever it was for has come
 * back, or has died with the lock, of which the next one is told; or somebody
 * else is notified.
 */
#include <config.h>

#include "internal.h"

#include "crash.h"
#include "object.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { PEERS = 2, FAILED = 90 };

static int use_lock; /* else its own rlock */
static struct sysvmp_lock *lock;
static struct sysvmp_condition *c;

static pid_t waiter[PEERS], crowd;
static int waiters;
static int expected; /* these, and the heir */
static unsigned owed; /* how often somebody was to be notified */

static struct {
    _Atomic int returned; /* waits that did since then, */
    _Atomic int told;     /* and notices of a holder's death */
    _Atomic int waiting;  /* of a crowd, */
    _Atomic int there;    /* of the peers and the heir have come */
    _Atomic int gone;     /* and gone, maybe as they were told */
} *stage;

/* So that each waiter sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

static void
create(void)
{
    lock = NULL;
    if (use_lock)
        must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_condition_create(&c, lock), "condition_create");
    waiters = expected = 0;
    owed = 0;
    stage->returned = stage->told = stage->waiting = stage->there = 0;
    stage->gone = 0;
}

static int
acquire(void)
{
    int result = sysvmp_condition_acquire(c, CRASH_BOUND_MS);

    if (result < 0)
        wrong("acquire: %d", result);
    if (result == SYSVMP_OWNER_DEAD)
        stage->told++;
    return result;
}

static int
release(void)
{
    int result = sysvmp_condition_release(c);

    if (result < 0)
        wrong("release: %d", result);
    return result;
}

static void
take(void)
{
    must(sysvmp_condition_acquire(c, SYSVMP_NOWAIT), "acquire");
}

/* A wait; the lock is held. */
static int
wait_at(int timeout_ms)
{
    int result = sysvmp_condition_wait(c, timeout_ms);

    if (result >= 0)
        stage->returned++;
    if (result == SYSVMP_OWNER_DEAD)
        stage->told++;
    return result;
}

static int
wait_at_leisure(void)
{
    return wait_at(SYSVMP_FOREVER);
}

static int
wait_shortly(void)
{
    return wait_at(2);
}

static int
wait_not(void)
{
    return wait_at(SYSVMP_NOWAIT);
}

static int
wait_and_give(void)
{
    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) < 0)
        return FAILED;
    stage->there++;
    if (wait_at(SYSVMP_FOREVER) < 0)
        return FAILED;
    stage->gone++;
    return sysvmp_condition_release(c) == 0 ? 0 : FAILED + 1;
}

static void
let_wait(void)
{
    waiter[waiters++] = sleeping_peer(wait_and_give);
    expected++;
}

static void
let_heir_wait(void)
{
    sleeping_heir(wait_and_give);
    expected++;
}

static void
let_two_wait(void)
{
    let_wait();
    let_wait();
}

/* By the victim. */
static int
notify_one(void)
{
    int result = sysvmp_condition_acquire(c, SYSVMP_FOREVER);

    if (result >= 0)
        result = sysvmp_condition_notify(c, 1);
    return result < 0 ? result : sysvmp_condition_release(c);
}

static int
notify_all(void)
{
    int result = sysvmp_condition_acquire(c, SYSVMP_FOREVER);

    if (result >= 0)
        result = sysvmp_condition_notify_all(c);
    return result < 0 ? result : sysvmp_condition_release(c);
}

/* Takes the lock, when all of them wait. */
static int
all_there(void *arg)
{
    (void)arg;
    (void)acquire();
    if (stage->there >= expected)
        return 1;
    (void)release();
    return 0;
}

/* By the tester.  What was told before that is another matter; who was told
 * does not wait any more. */
static void
notify(unsigned n)
{
    until_true(all_there, NULL, "all to wait");
    stage->returned = stage->told = 0;
    owed = (unsigned)(expected - stage->gone);
    owed = owed < n ? owed : n;
    want(0, sysvmp_condition_notify(c, n), "notify");
    (void)release();
}

/* Each time it is asked whether somebody has died with the lock. */
static int
paid(void *arg)
{
    (void)arg;
    (void)acquire();
    (void)release();
    return (unsigned)(stage->returned + stage->told) >= owed;
}

/* All that there is to be notified has been. */
static void
check_paid(void)
{
    if (!within_bound(paid, NULL))
        wrong("%u notified, %d came back, %d times told", owed,
            stage->returned, stage->told);
}

/* The rest goes home, and it is as new. */
static void
last_look(void)
{
    (void)acquire();
    want(0, sysvmp_condition_notify_all(c), "notify_all");
    (void)release();
    for (int i = 0; i < waiters; i++)
        want(0, peer_end(waiter[i]), "a waiter's end");
    (void)heir_end();
    (void)acquire();
    want(-ETIMEDOUT, sysvmp_condition_wait(c, 1), "a wait, as nobody comes");
    (void)release();
    sysvmp_condition_destroy(c);
    if (use_lock)
        sysvmp_lock_destroy(lock);
}

/*
 * To wait.
 */

static void
notify_one_of_two(void)
{
    victim_asleep_or_dead();
    let_wait();
    notify(1);
}

static void
look_notified(const struct crash_end *end)
{
    if (end->acknowledged && end->answer < 0 && end->answer != -ETIMEDOUT &&
        end->answer != -EAGAIN)
        wrong("the victim's answer: %d", end->answer);
    check_paid();
    last_look();
}

static void
wait_cases(void)
{
    static const struct crash_case first = {"wait, notified, another waits",
        create, take, NULL, wait_at_leisure, notify_one_of_two,
        look_notified, ENDS};
    static const struct crash_case short_one = {
        "wait, the time is up, another waits", create, take, NULL,
        wait_shortly, notify_one_of_two, look_notified, ENDS};
    static const struct crash_case none = {"wait without waiting", create,
        take, NULL, wait_not, notify_one_of_two, look_notified, ENDS};

    crash_run(&first);
    crash_run(&short_one);
    crash_run(&none);
}

/*
 * To notify.
 */

static void
look_one_notified(const struct crash_end *end)
{
    if (end->acknowledged) {
        want(0, end->answer, "the victim's answer");
        want(0, peer_end(waiter[0]), "the longest waiting");
        want(1, stage->returned, "who came back");
        waiter[0] = waiter[--waiters];
    }
    last_look();
}

static void
look_all_notified(const struct crash_end *end)
{
    if (end->acknowledged) {
        want(0, end->answer, "the victim's answer");
        while (waiters > 0)
            want(0, peer_end(waiter[--waiters]), "a waiter");
    }
    last_look();
}

/* The longest waiting is dead. */
static void
let_dead_wait(void)
{
    let_wait();
    slay(waiter[0]);
    waiters = 0;
    let_wait();
}

static void
notify_cases(void)
{
    static const struct crash_case one = {"notify, two wait", create, NULL,
        let_two_wait, notify_one, NULL, look_one_notified, STAYS};
    static const struct crash_case dead = {"notify, a dead one and another",
        create, NULL, let_dead_wait, notify_one, NULL, look_one_notified,
        STAYS};
    static const struct crash_case all = {"notify_all, two wait", create,
        NULL, let_two_wait, notify_all, NULL, look_all_notified, STAYS};

    crash_run(&one);
    crash_run(&dead);
    crash_run(&all);
}

/*
 * A table that is full: of the living, and of the dead.
 */

static void *
wait_in_thread(void *arg)
{
    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) < 0)
        return arg;
    stage->waiting++;
    if (sysvmp_condition_wait(c, SYSVMP_FOREVER) >= 0)
        (void)sysvmp_condition_release(c);
    return arg;
}

static int
be_a_crowd(void)
{
    pthread_t thread[WAITERS_FIRST];

    for (int i = 0; i < WAITERS_FIRST; i++)
        if (pthread_create(&thread[i], NULL, wait_in_thread, NULL) != 0)
            return FAILED;
    for (int i = 0; i < WAITERS_FIRST; i++)
        pthread_join(thread[i], NULL);
    return 0;
}

static void
create_full(void)
{
    create();
    crowd = peer(be_a_crowd);
    until(&stage->waiting, WAITERS_FIRST);
    (void)acquire(); /* the last of them has begun to wait */
    (void)release();
}

static void
create_full_of_dead(void)
{
    create_full();
    slay(crowd);
    stage->told = 0;
}

static void
look_at_crowd(const struct crash_end *end)
{
    (void)end;
    last_look();
    want(0, peer_end(crowd), "the crowd's end");
}

static void
look_at_dead(const struct crash_end *end)
{
    (void)end;
    last_look();
}

static void
full_cases(void)
{
    static const struct crash_case full = {"wait, where many do", create_full,
        take, NULL, wait_shortly, NULL, look_at_crowd, ENDS};
    static const struct crash_case dead = {"wait, where many have died",
        create_full_of_dead, take, NULL, wait_shortly, NULL, look_at_dead,
        ENDS};

    crash_run(&full);
    crash_run(&dead);
}

/*
 * Another thread of the victim waits, too; and the next is killed.
 */

static void
wait_and_give_too(void)
{
    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) >= 0 &&
        wait_at(SYSVMP_FOREVER) >= 0)
        (void)sysvmp_condition_release(c);
}

static void
let_both_wait(void)
{
    let_heir_wait();
    let_wait();
}

static void
notify_two_of_four(void)
{
    victim_asleep_or_dead();
    let_two_wait();
    notify(2);
}

static void
notify_past_heir(void)
{
    victim_asleep_or_dead();
    let_both_wait();
    notify(1);
}

static void
notify_two_past_heir(void)
{
    victim_asleep_or_dead();
    let_both_wait();
    let_wait();
    notify(2);
}

static void
look_after_heir(const struct crash_end *end)
{
    (void)end;
    check_paid();
    last_look();
}

static void
look_after_notifier(const struct crash_end *end)
{
    owed = end->acknowledged ? 1 : 0;
    check_paid();
    last_look();
}

static void
company_cases(void)
{
    static const struct crash_case beside = {"wait, two of four notified",
        create, take, NULL, wait_at_leisure, notify_two_of_four,
        look_notified, ENDS};
    static const struct crash_case one = {"wait, one of three notified",
        create, take, NULL, wait_at_leisure, notify_past_heir,
        look_after_heir, ENDS};
    static const struct crash_case two = {"wait, two of four notified",
        create, take, NULL, wait_at_leisure, notify_two_past_heir,
        look_after_heir, ENDS};
    static const struct crash_case notifier = {"notify, two wait", create,
        NULL, let_both_wait, notify_one, NULL, look_after_notifier, STAYS};

    crash_run_beside_sleep(&beside, wait_and_give_too);
    crash_run_heir(&one, NULL);
    crash_run_heir(&two, NULL);
    crash_run_heir(&notifier, NULL);
}

/*
 * The victim is stopped, without the lock, and others go on.
 */

#ifndef SYSVMP_PLAIN_LOCK
/* All who wait are told now. */
static void
notify_beside(void)
{
    (void)acquire();
    want(0, sysvmp_condition_notify_all(c), "a notify_all beside it");
    (void)release();
    for (int i = 0; i < waiters; i++)
        peer_is_back(waiter[i]);
}

static void
look_after_stop(const struct crash_end *end)
{
    want(0, end->answer, "the victim's answer");
    last_look();
}

static void
stopped_cases(void)
{
    static const struct crash_case one = {"notify, two wait", create, NULL,
        let_two_wait, notify_one, NULL, look_after_stop, STAYS};
    static const struct crash_case all = {"notify_all, two wait", create,
        NULL, let_two_wait, notify_all, NULL, look_after_stop, STAYS};

    crash_run_stopped(&one, notify_beside);
    crash_run_stopped(&all, notify_beside);
}

enum { STOPPED_CASES = 2 };
#else
static void
stopped_cases(void)
{
}

enum { STOPPED_CASES = 0 };
#endif

int
main(void)
{
    plan(2 * (3 + 3 + 2 + 4 + STOPPED_CASES));
    stage = shared(sizeof(*stage));
    for (use_lock = 0; use_lock < 2; use_lock++) {
        diag("with %s:", use_lock ? "a lock" : "an rlock of its own");
        wait_cases();
        notify_cases();
        full_cases();
        company_cases();
        stopped_cases();
    }
    return done();
}
