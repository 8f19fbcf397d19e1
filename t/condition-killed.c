/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * condition-killed.c: F3: one who waits at a condition is killed.  That
 * blocks no notifier, and it takes no notification from the living: be it
 * killed before one, after it, or stopped meanwhile.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { LONG_MS = 20000, BOUND_MS = LONG_MS / 2, TOGETHER = 3, ROUNDS = 200,
    DEAD = 40 };

static struct sysvmp_condition *c;
static _Atomic int *returned;

static int
wait_once(void *arg)
{
    (void)arg;
    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) < 0 ||
        sysvmp_condition_wait(c, SYSVMP_FOREVER) < 0)
        return 1;
    ++*returned;
    return -sysvmp_condition_release(c);
}

static pid_t
waiter(void)
{
    pid_t pid = child(wait_once, NULL);

    if (!asleep(pid))
        bail("the waiter does not sleep");
    return pid;
}

static int
acquire(void)
{
    return (int)must(sysvmp_condition_acquire(c, LONG_MS), "acquire");
}

static void
release(void)
{
    must(sysvmp_condition_release(c), "release");
}

/* The lock is held: how long does it take? */
static int
notifies_at_once(unsigned n)
{
    int64_t begin = now_ns();

    must(n > 0 ? sysvmp_condition_notify(c, n)
               : sysvmp_condition_notify_all(c), "notify");
    return now_ns() - begin < BOUND_MS * INT64_C(1000000);
}

static void
nobody_else(void)
{
    (void)slay(waiter());
    (void)acquire();
    ok(notifies_at_once(0), "condition: F3: the only waiter is killed, and "
        "notify_all returns");
    is_int(-ETIMEDOUT, sysvmp_condition_wait(c, 1),
        "... who comes later is not notified");
    release();
}

static void
before(void)
{
    pid_t first = waiter(), second = waiter();

    (void)slay(first);
    (void)acquire();
    ok(notifies_at_once(1), "condition: the longest waiting is killed, then "
        "one is notified");
    release();
    is_int(0, reap(second), "... the next longest");
}

/* Each is told, but can't return, as we hold the lock; and is killed then. */
static void
after(void)
{
    pid_t pid[TOGETHER + 1];

    for (int i = 0; i <= TOGETHER; i++)
        pid[i] = waiter();
    (void)acquire();
    ok(notifies_at_once(1), "condition: one of four is notified");
    for (int i = 0; i < TOGETHER; i++)
        (void)slay(pid[i]);
    release();
    is_int(0, reap(pid[TOGETHER]),
        "... and three are killed, one after the other: the last gets it");
}

static void
two_of_four(void)
{
    pid_t pid[4];

    for (int i = 0; i < 4; i++)
        pid[i] = waiter();
    (void)acquire();
    ok(notifies_at_once(2), "condition: two of four are notified");
    (void)slay(pid[0]);
    (void)slay(pid[1]);
    release();
    ok(reap(pid[2]) == 0 && reap(pid[3]) == 0,
        "... and killed: the others get both");
}

/* What was for the dead is for those who waited when it was given. */
static void
not_for_later(void)
{
    pid_t pid = waiter();

    (void)acquire();
    ok(notifies_at_once(1), "condition: the only waiter is notified");
    (void)slay(pid);
    is_int(-ETIMEDOUT, sysvmp_condition_wait(c, 1),
        "... and killed; who came later is not notified");
    release();
}

static void
stopped(void)
{
    pid_t first = waiter(), second = waiter();

    kill(first, SIGSTOP);
    (void)acquire();
    ok(notifies_at_once(2), "condition: a stopped waiter holds up no notify");
    release();
    is_int(0, reap(second), "... nor the next waiter");
    kill(first, SIGCONT);
    is_int(0, reap(first), "... and it goes on when it is continued");
}

/* What it was to notify of nobody else knows: all others wait. */

enum { TOLD = 10 };

static int
wait_to_be_told(void *arg)
{
    int result;

    (void)arg;
    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) < 0)
        return 1;
    result = sysvmp_condition_wait(c, SYSVMP_FOREVER);
    if (sysvmp_condition_release(c) != 0)
        return 2;
    return result == SYSVMP_OWNER_DEAD ? TOLD : -result;
}

static int
take_and_die(void *arg)
{
    (void)arg;
    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) == 0)
        kill(getpid(), SIGKILL);
    return 1;
}

/* How many of the rounds were right. */
static int
holders_die(int rounds)
{
    int right = 0;

    for (int i = 0; i < rounds; i++) {
        pid_t pid[2];
        int ends;

        for (int j = 0; j < 2; j++) {
            pid[j] = child(wait_to_be_told, NULL);
            if (!asleep(pid[j]))
                bail("the waiter does not sleep");
        }
        (void)reap(child(take_and_die, NULL));
        /* The first of them that ends is told; the other one waits. */
        ends = reap(-1);
        (void)acquire();
        must(notifies_at_once(1) - 1, "notify at once");
        release();
        ends += reap(-1);
        right += ends == TOLD;
    }
    return right;
}

static void
holder(void)
{
    enum { FEW = 5, SLOTS = 36 };
    struct sysvmp_condition *own = c;
    struct sysvmp_lock *lock, *others[SLOTS];

    is_int(FEW, holders_die(FEW),
        "condition: a holder of its lock is killed, and one of those who "
        "wait is told");
    must(sysvmp_lock_create(&lock), "lock_create");
    for (int i = 0; i < SLOTS; i++)
        must(sysvmp_lock_create(&others[i]), "lock_create");
    must(sysvmp_condition_create(&c, lock), "condition_create");
    is_int(FEW, holders_die(FEW),
        "... also where it is in another set of semaphores");
    sysvmp_condition_destroy(c);
    sysvmp_lock_destroy(lock);
    for (int i = 0; i < SLOTS; i++)
        sysvmp_lock_destroy(others[i]);
    c = own;
}

/* Killed at any moment: one notification, one who gets it. */
static void
at_any_moment(void)
{
    unsigned state = first_seed();
    int good = 0;

    for (int i = 0; i < ROUNDS; i++) {
        pid_t first = waiter(), second = waiter();

        *returned = 0;
        (void)acquire();
        good += notifies_at_once(1);
        if (chance(&state, 2))
            kill(first, SIGKILL);
        release();
        pause_us(chance(&state, 60));
        kill(first, SIGKILL);
        (void)reap(first);
        /* It has used it up, and then it says so or died with the lock; or
         * it is handed on. */
        if (acquire() == SYSVMP_OWNER_DEAD || *returned > 0)
            must(sysvmp_condition_notify_all(c), "notify_all");
        release();
        good += reap(second) == 0;
    }
    is_int(2 * ROUNDS, good,
        "condition: killed at any moment after a notification, %d times",
        ROUNDS);
}

static void
many_dead(void)
{
    pid_t pid, dead[DEAD];

    for (int i = 0; i < DEAD; i++)
        dead[i] = child(wait_once, NULL);
    for (int i = 0; i < DEAD; i++)
        if (!asleep(dead[i]))
            bail("a waiter does not sleep");
    for (int i = 0; i < DEAD; i++)
        (void)slay(dead[i]);
    pid = waiter();
    (void)acquire();
    ok(notifies_at_once(1), "condition: %d killed, one notified", DEAD);
    release();
    is_int(0, reap(pid), "... the living");
}

int
main(void)
{
    plan(2 + 2 + 2 + 2 + 2 + 3 + 2 + 1 + 2);
    returned = shared(sizeof(*returned));
    must(sysvmp_condition_create(&c, NULL), "condition_create");
    nobody_else();
    before();
    after();
    two_of_four();
    not_for_later();
    stopped();
    holder();
    at_any_moment();
    many_dead();
    sysvmp_condition_destroy(c);
    return done();
}
