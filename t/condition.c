/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * condition.c: a condition with a lock, with an rlock, and with its own: who
 * waits is woken in turn, has the lock again as it was, whatever the result,
 * and nobody waits for anybody's answer.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { WAIT_MS = 20, LONG_MS = 10000, DEPTH = 3, SLEEPERS = 4, MANY = 300,
    TRIES = 100 };

static struct sysvmp_condition *c;
static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;

static struct {
    _Atomic int order, rank[SLEEPERS], ready, done, go, asked, held, let_go;
} *stage;

/* Waits, and says when in the order it came back; exits 0 if it was well. */
static int
wait_in_turn(void *arg)
{
    int i = *(const int *)arg;

    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) < 0 ||
        sysvmp_condition_wait(c, SYSVMP_FOREVER) != 0)
        return 1;
    stage->rank[i] = ++stage->order;
    return -sysvmp_condition_release(c);
}

/* The lock is free, so that it sleeps in its wait. */
static pid_t
waiter(int i)
{
    pid_t pid = child(wait_in_turn, &i);

    if (!asleep(pid))
        bail("the waiter does not sleep");
    return pid;
}

static void
notify(unsigned n)
{
    must(sysvmp_condition_acquire(c, LONG_MS), "acquire");
    must(n > 0 ? sysvmp_condition_notify(c, n)
               : sysvmp_condition_notify_all(c), "notify");
    must(sysvmp_condition_release(c), "release");
}

static void
nonsense(void)
{
    struct sysvmp_condition *none = (void *)&none;

    is_int(-EPERM, sysvmp_condition_wait(c, 0),
        "condition: who has not got the lock can't wait");
    is_int(-EPERM, sysvmp_condition_wait_for(c, wait_in_turn, NULL, 0),
        "... nor wait for anything");
    is_int(-EPERM, sysvmp_condition_notify(c, 1), "... nor notify");
    is_int(-EPERM, sysvmp_condition_notify_all(c), "... nor notify all");
    must(sysvmp_condition_acquire(c, LONG_MS), "acquire");
    is_int(-EINVAL, sysvmp_condition_wait(c, -2), "... a timeout of -2");
    is_int(-EINVAL, sysvmp_condition_wait_for(c, NULL, NULL, 0),
        "... no predicate");
    is_int(0, sysvmp_condition_notify(c, 3), "... with nobody to notify: 0");
    is_int(0, sysvmp_condition_notify(c, 0), "... nobody shall be notified");
    is_int(0, sysvmp_condition_notify_all(c), "... all of nobody");
    must(sysvmp_condition_release(c), "release");
    is_int(-EINVAL, sysvmp_condition_wait(NULL, 0), "... no condition");
    is_int(-EINVAL, sysvmp_condition_create(NULL, NULL), "... no place");
    is_int(-EINVAL, sysvmp_condition_create_rlock(&none, NULL),
        "... no rlock");
    ok(none == NULL, "... and there is none then");
    sysvmp_condition_destroy(NULL);
}

static int
locked_by_us(void)
{
    return (lock ? sysvmp_lock_owner(lock) : sysvmp_rlock_owner(rlock)) ==
        getpid();
}

static void
times_out(void)
{
    int64_t begin;

    must(sysvmp_condition_acquire(c, LONG_MS), "acquire");
    is_int(-EAGAIN, sysvmp_condition_wait(c, SYSVMP_NOWAIT),
        "condition: nobody notifies who won't wait");
    ok(locked_by_us(), "... and it has the lock");
    begin = now_ns();
    is_int(-ETIMEDOUT, sysvmp_condition_wait(c, WAIT_MS),
        "... the time is up");
    ok(now_ns() - begin >= WAIT_MS * INT64_C(1000000), "... not early");
    ok(locked_by_us(), "... and it has the lock");
    is_int(0, sysvmp_condition_release(c), "... which it releases");
    is_int(-EOVERFLOW, sysvmp_condition_release(c), "... once");
}

static void
in_turn(void)
{
    pid_t pid[SLEEPERS];

    stage->order = 0;
    for (int i = 0; i < SLEEPERS; i++)
        pid[i] = waiter(i);
    notify(1);
    is_int(0, reap(pid[0]), "condition: the longest waiting is notified");
    ok(asleep(pid[1]) && asleep(pid[2]) && asleep(pid[3]), "... alone");
    notify(2);
    ok(reap(pid[1]) == 0 && reap(pid[2]) == 0, "... then the next two");
    ok(asleep(pid[3]), "... and not the last");
    pid[0] = waiter(0);
    notify(0);
    ok(reap(pid[3]) == 0 && reap(pid[0]) == 0, "... then all");
    is_int(SLEEPERS + 1, stage->order, "... each once");
}

/* A notification that nobody waited for is none. */
static void
not_kept(void)
{
    notify(1);
    must(sysvmp_condition_acquire(c, LONG_MS), "acquire");
    is_int(-ETIMEDOUT, sysvmp_condition_wait(c, 1),
        "condition: who comes after a notification is not notified");
    must(sysvmp_condition_release(c), "release");
}

/*
 * The lock is taken again.
 */

static int
take_and_die(void *arg)
{
    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) != 0)
        return 1;
    if (arg && sysvmp_condition_notify(c, 1) != 0)
        return 2;
    kill(getpid(), SIGKILL);
    return 3;
}

/* The time may be up before it runs at all. */
static int
wait_until_dead(void)
{
    int result, tries = 0;

    do
        result = sysvmp_condition_wait(c, WAIT_MS * 5);
    while (result == -ETIMEDOUT && ++tries < TRIES);
    return result;
}

static void
owner_dead(void)
{
    pid_t pid;

    must(sysvmp_condition_acquire(c, LONG_MS), "acquire");
    pid = child(take_and_die, NULL);
    is_int(SYSVMP_OWNER_DEAD, wait_until_dead(),
        "condition: who holds it dies, the time is up: told, and holds it");
    is_int(-SIGKILL, reap(pid), "... it died");
    is_int(0, sysvmp_condition_release(c), "... and it is released");
    must(sysvmp_condition_acquire(c, LONG_MS), "acquire");
    pid = child(take_and_die, c);
    is_int(SYSVMP_OWNER_DEAD, sysvmp_condition_wait(c, LONG_MS),
        "... the same, having notified us");
    is_int(-SIGKILL, reap(pid), "... it died");
    is_int(-ETIMEDOUT, sysvmp_condition_wait(c, 1), "... that was used up");
    is_int(0, sysvmp_condition_release(c), "... and it is released");
}

static int
hold_for_long(void *arg)
{
    (void)arg;
    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) != 0)
        return 1;
    stage->held = 1;
    until(&stage->let_go, 1);
    return -sysvmp_condition_release(c);
}

static int
wait_shortly(void *ms)
{
    int result;

    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) != 0)
        return 1;
    result = sysvmp_condition_wait(c, *(const int *)ms);
    stage->done = locked_by_us();
    return sysvmp_condition_release(c) == 0 ? -result : 2;
}

/* Also when that takes longer than there was time. */
static void
held_by_another(void)
{
    pid_t pid, holder;
    int ms = WAIT_MS;

    for (;; ms *= 2) {
        stage->held = stage->let_go = stage->done = 0;
        pid = child(wait_shortly, &ms);
        holder = child(hold_for_long, NULL);
        until(&stage->held, 1);
        if (stage->done == 0 || ms > LONG_MS / 4)
            break;
        stage->let_go = 1; /* the time was up before the other could run */
        reap(pid);
        reap(holder);
    }
    pause_ms(2 * ms);
    ok(asleep(pid), "condition: the time is up, but the lock is held");
    stage->let_go = 1;
    is_int(0, reap(holder), "... it is released");
    is_int(ETIMEDOUT, reap(pid), "... and only then the time is up");
    is_int(1, stage->done, "... with the lock");
}

/*
 * An interrupt.
 */

static int
say_yes(void *arg)
{
    (void)arg;
    stage->asked++;
    return 1;
}

/* The lock is free by then: the other one shall have it first. */
static int
say_yes_when_held(void *arg)
{
    until(&stage->held, 1);
    return say_yes(arg);
}

static int
wait_interrupted(void *arg)
{
    int result;

    (void)arg;
    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) != 0)
        return 1;
    stage->ready = 1;
    until(&stage->go, 1);
    sysvmp_set_interrupt(say_yes_when_held, NULL);
    result = sysvmp_condition_wait(c, SYSVMP_FOREVER);
    sysvmp_set_interrupt(NULL, NULL);
    stage->done = locked_by_us();
    return sysvmp_condition_release(c) == 0 ? -result : 2;
}

static void
interrupted(void)
{
    pid_t pid, holder;

    stage->ready = stage->go = stage->done = stage->asked = 0;
    stage->held = stage->let_go = 0;
    pid = child(wait_interrupted, NULL);
    until(&stage->ready, 1);
    holder = child(hold_for_long, NULL);
    if (!asleep(holder))
        bail("the holder to be does not sleep");
    stage->go = 1;
    until(&stage->held, 1);
    ok(asleep(pid), "condition: interrupted while another has the lock");
    stage->let_go = 1;
    is_int(0, reap(holder), "... it is released");
    is_int(EINTR, reap(pid), "... it says so");
    is_int(1, stage->done, "... and has the lock");
    is_int(1, stage->asked, "... nor was it asked any more");
}

/*
 * wait_for.
 */

static int
is_gone(void *arg)
{
    stage->asked++;
    return stage->go >= *(const int *)arg;
}

static int
wait_for_three(void *arg)
{
    int three = 3, result;

    (void)arg;
    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) != 0)
        return 1;
    result = sysvmp_condition_wait_for(c, is_gone, &three, LONG_MS);
    return sysvmp_condition_release(c) == 0 ? -result : 2;
}

static void
waits_for(void)
{
    int none = 0, never = 100;
    int64_t begin = now_ns();
    pid_t pid;

    stage->go = stage->asked = 0;
    must(sysvmp_condition_acquire(c, LONG_MS), "acquire");
    is_int(0, sysvmp_condition_wait_for(c, is_gone, &none, SYSVMP_NOWAIT),
        "condition: what is so already is not waited for");
    is_int(1, stage->asked, "... asked once");
    is_int(-EAGAIN, sysvmp_condition_wait_for(c, is_gone, &never, 0),
        "... what is not, by who won't wait, neither");
    is_int(2, stage->asked, "... asked once");
    is_int(-ETIMEDOUT, sysvmp_condition_wait_for(c, is_gone, &never, WAIT_MS),
        "... the time is up");
    is_int(4, stage->asked, "... asked before and after");
    ok(now_ns() - begin >= WAIT_MS * INT64_C(1000000), "... not early");
    pid = child(take_and_die, c);
    is_int(SYSVMP_OWNER_DEAD,
        sysvmp_condition_wait_for(c, is_gone, &never, LONG_MS),
        "... a holder dies");
    is_int(5, stage->asked, "... told before it is asked");
    must(sysvmp_condition_release(c), "release");
    (void)reap(pid);
    pid = child(wait_for_three, NULL);
    for (int i = 1; i <= 3; i++) {
        if (!asleep(pid))
            bail("it does not wait");
        stage->go = i;
        notify(1);
    }
    is_int(0, reap(pid), "... and what is so after the third notification");
}

/*
 * All levels of an rlock.
 */

static void
all_levels(void)
{
    pid_t pid;
    int good = 0, result, tries = 0;

    stage->held = 0;
    stage->let_go = 1;
    for (int i = 0; i < DEPTH; i++)
        must(sysvmp_rlock_acquire(rlock, LONG_MS), "acquire");
    pid = child(hold_for_long, NULL);
    do
        result = sysvmp_condition_wait(c, WAIT_MS * 5);
    while (result == -ETIMEDOUT && stage->held == 0 && ++tries < TRIES);
    is_int(-ETIMEDOUT, result,
        "condition: a wait with an rlock taken three times");
    is_int(1, stage->held, "... another had it meanwhile");
    is_int(0, reap(pid), "... and released it");
    for (int i = 0; i < DEPTH; i++)
        good += sysvmp_rlock_release(rlock) == 0;
    is_int(DEPTH, good, "... it is released three times");
    is_int(-EOVERFLOW, sysvmp_rlock_release(rlock), "... and no more");
}

static void *
wait_without(void *arg)
{
    (void)arg;
    stage->done = -sysvmp_condition_wait(c, 0);
    return NULL;
}

static void
not_this_thread(void)
{
    pthread_t thread;

    must(sysvmp_rlock_acquire(rlock, LONG_MS), "acquire");
    if (pthread_create(&thread, NULL, wait_without, NULL) != 0)
        bail("pthread_create");
    pthread_join(thread, NULL);
    is_int(EPERM, stage->done, "condition: another thread has the rlock");
    must(sysvmp_rlock_release(rlock), "release");
}

/*
 * Threads, more of them than fit into the object, and a fork beside them.
 */

static void *
wait_thread(void *arg)
{
    if (sysvmp_condition_acquire(c, SYSVMP_FOREVER) < 0)
        bail("acquire");
    stage->ready++;
    if (sysvmp_condition_wait(c, SYSVMP_FOREVER) < 0)
        bail("wait: %s", sysvmp_last_error());
    stage->done++;
    if (sysvmp_condition_release(c) != 0)
        bail("release");
    return arg;
}

static int
just_end(void *arg)
{
    (void)arg;
    return 0;
}

static void
many(void)
{
    static pthread_t thread[MANY];
    pthread_attr_t small;

    stage->ready = stage->done = 0;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 128 * 1024);
    for (int i = 0; i < MANY; i++)
        if (pthread_create(&thread[i], &small, wait_thread, NULL) != 0)
            bail("pthread_create");
    pthread_attr_destroy(&small);
    until(&stage->ready, MANY);
    is_int(0, reap(child(just_end, NULL)),
        "condition: a fork beside %d threads that wait", MANY);
    notify(10);
    until(&stage->done, 10);
    notify(1);
    until(&stage->done, 11);
    pause_ms(1);
    is_int(11, stage->done, "... eleven of them are notified");
    notify(0);
    for (int i = 0; i < MANY; i++)
        pthread_join(thread[i], NULL);
    is_int(MANY, stage->done, "... then all");
}

static void
with_any(void)
{
    times_out();
    in_turn();
    not_kept();
    owner_dead();
    held_by_another();
    interrupted();
    waits_for();
}

enum { WITH_ANY = 7 + 6 + 1 + 7 + 4 + 5 + 10 };

static void
leaves(void)
{
    is_int(0, sysvmp_leave(), "condition: the process leaves");
    is_int(-EBADF, sysvmp_condition_wait(c, 0), "... it can't wait then");
    is_int(-EBADF, sysvmp_condition_notify(c, 1), "... nor notify");
    is_int(-EBADF, sysvmp_condition_acquire(c, 0), "... nor acquire");
    is_int(-EBADF, sysvmp_condition_create(&c, lock),
        "... nor make one with an older lock");
    ok(c == NULL, "... there is none");
}

int
main(void)
{
    struct sysvmp_condition *old;

    plan(13 + 2 * WITH_ANY + 6 + 1 + 3 + 1 + 5 + 6);
    stage = shared(sizeof(*stage));
    must(sysvmp_rlock_create(&rlock), "rlock_create");
    must(sysvmp_condition_create_rlock(&c, rlock), "condition_create_rlock");
    nonsense();
    with_any();
    all_levels();
    not_this_thread();
    sysvmp_condition_destroy(c);
    is_int(0, sysvmp_rlock_acquire(rlock, SYSVMP_NOWAIT),
        "condition: it is gone, the rlock is not");
    sysvmp_rlock_destroy(rlock);
    rlock = NULL;

    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_condition_create(&c, lock), "condition_create");
    with_any();
    many();
    sysvmp_condition_destroy(c);
    is_int(0, sysvmp_lock_acquire(lock, SYSVMP_NOWAIT),
        "condition: it is gone, the lock is not");

    must(sysvmp_condition_create(&c, NULL), "condition_create");
    old = c;
    is_int(0, sysvmp_condition_acquire(c, SYSVMP_NOWAIT),
        "condition: one with an rlock of its own");
    is_int(0, sysvmp_condition_acquire(c, SYSVMP_NOWAIT), "... taken again");
    is_int(-ETIMEDOUT, sysvmp_condition_wait(c, 1), "... waited at");
    is_int(0, sysvmp_condition_release(c), "... and released");
    is_int(0, sysvmp_condition_release(c), "... as often");
    leaves();
    sysvmp_condition_destroy(old);
    sysvmp_lock_destroy(lock);
    return done();
}
