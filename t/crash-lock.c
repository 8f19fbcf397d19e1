/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-lock.c: a process killed at each point of each call of a lock and of
 * an rlock, also as one of two threads that want it, and with the next who
 * takes it killed as well.  Nobody hangs, and the notice is given exactly when
 * a holder died with the lock.
 */
#include <config.h>

#include "internal.h"

#include "crash.h"
#include "mutex.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/sem.h>
#include <unistd.h>

/* One of the two. */
static int use_rlock;
static struct sysvmp_lock *lock;
static struct sysvmp_rlock *rlock;

static pid_t waiter, owner;

/* Before the library asks for it: long enough to be killed in it. */
__attribute__((__constructor__(101))) static void
spin_for_long(void)
{
    setenv("SYSVMP_SPIN_US", "1000000", 1);
}

static struct mutex *
mutex(void)
{
    return use_rlock ? (struct mutex *)rlock : (struct mutex *)lock;
}

static void
spin_never(void)
{
    own_store(&mutex()->word.spin.skip, UINT32_MAX / 2);
}

static void
create(void)
{
    if (use_rlock)
        must(sysvmp_rlock_create(&rlock), "create");
    else
        must(sysvmp_lock_create(&lock), "create");
    spin_never();
}

static void
destroy(void)
{
    if (use_rlock)
        sysvmp_rlock_destroy(rlock);
    else
        sysvmp_lock_destroy(lock);
}

static int
acquire(int timeout_ms)
{
    return use_rlock ? sysvmp_rlock_acquire(rlock, timeout_ms)
                     : sysvmp_lock_acquire(lock, timeout_ms);
}

static int
release(void)
{
    return use_rlock ? sysvmp_rlock_release(rlock)
                     : sysvmp_lock_release(lock);
}

/* Nobody else is alive: will the next one be told? */
static int
died_with_it(void)
{
#ifdef SYSVMP_PLAIN_LOCK
    return semctl(mutex()->word.semaphores, mutex()->dirty, GETVAL);
#else
    return mutex_owner(mutex()) != 0;
#endif
}

/* The last one left: takes it, is told or not, and it is as new. */
static void
last_look(int told)
{
    want(told, acquire(CRASH_BOUND_MS), "the next one's acquire");
    want(0, release(), "its release");
    want(0, acquire(SYSVMP_NOWAIT), "... and then it is as new");
    want(0, release(), "... and its release");
    destroy();
}

static int
acquire_at_leisure(void)
{
    return acquire(SYSVMP_FOREVER);
}

static int
acquire_shortly(void)
{
    return acquire(2);
}

static int
acquire_at_once(void)
{
    return acquire(SYSVMP_NOWAIT);
}

/* A peer that takes it and gives it back: was it told? */
static int
take_and_give(void)
{
    int result = acquire(SYSVMP_FOREVER);

    return result < 0 || release() != 0 ? 99 : result;
}

static void
take(void)
{
    must(acquire(SYSVMP_NOWAIT), "acquire");
}

static void
create_and_take(void)
{
    create();
    take();
}

static void
wait_too(void)
{
    waiter = sleeping_peer(take_and_give);
}

static void
release_when_asleep(void)
{
    victim_asleep_or_dead();
    want(0, release(), "release");
}

/* Only the victim was there. */
static void
look_alone(const struct crash_end *end)
{
    if (end->acknowledged)
        want(0, end->answer, "the victim's answer");
    if (end->acknowledged)
        want(1, died_with_it(), "it died with the lock");
    last_look(died_with_it());
}

/* There was a waiter; the lock was released to both. */
static void
look_at_both(const struct crash_end *end)
{
    int told = peer_end(waiter);
    int after = died_with_it();

    if (end->acknowledged)
        want(0, end->answer, "the victim's answer");
    if (end->acknowledged)
        want(1, told + after, "notices of the victim's end");
    if (told != 0 && (told != 1 || after))
        wrong("the waiter was told %d, the next one %d", told, after);
    last_look(after);
}

static void
acquire_cases(void)
{
    static const struct crash_case free_one = {"acquire, free", create, NULL,
        NULL, acquire_at_leisure, NULL, look_alone, ENDS};
    static const struct crash_case held = {"acquire, held, and another waits",
        create_and_take, NULL, wait_too, acquire_at_leisure,
        release_when_asleep, look_at_both, ENDS};

    crash_run(&free_one);
    crash_run(&held);
}

/*
 * The owner is dead.
 */

static int
take_and_end(void)
{
    return acquire(SYSVMP_NOWAIT);
}

static void
create_with_dead_owner(void)
{
    create();
    want(0, reap(peer(take_and_end)), "the owner to be");
}

static void
look_told(const struct crash_end *end)
{
    if (end->acknowledged)
        want(SYSVMP_OWNER_DEAD, end->answer, "the victim is told");
    last_look(SYSVMP_OWNER_DEAD);
}

static int
take_and_pause(void)
{
    if (acquire(SYSVMP_NOWAIT) == 0)
        for (;;)
            pause();
    return 1;
}

static void
create_with_owner(void)
{
    create();
    owner = sleeping_peer(take_and_pause);
}

static void
slay_owner(void)
{
    victim_asleep_or_dead();
    slay(owner);
}

static void
look_both_told(const struct crash_end *end)
{
    int told = peer_end(waiter);
    int after = died_with_it();

    want(SYSVMP_OWNER_DEAD, told, "the waiter is told");
    if (end->acknowledged && end->answer == 0)
        want(1, after, "the victim died with it after the waiter");
    last_look(after);
}

static void
dead_owner_cases(void)
{
    static const struct crash_case dead = {"acquire, its owner is dead",
        create_with_dead_owner, NULL, NULL, acquire_at_leisure, NULL,
        look_told, ENDS};
    static const struct crash_case at_once = {
        "acquire without waiting, its owner is dead", create_with_dead_owner,
        NULL, NULL, acquire_at_once, NULL, look_told, ENDS};
    static const struct crash_case dies = {
        "acquire, its owner dies, and another waits", create_with_owner, NULL,
        wait_too, acquire_at_leisure, slay_owner, look_both_told, ENDS};

    crash_run(&dead);
    crash_run(&at_once);
    crash_run(&dies);
}

/*
 * Release.
 */

static void
look_released(const struct crash_end *end)
{
    if (end->acknowledged) {
        want(0, end->answer, "the victim's answer");
        want(0, died_with_it(), "it did not die with the lock");
    }
    last_look(died_with_it());
}

static void
look_released_to(const struct crash_end *end)
{
    int told = peer_end(waiter);

    if (end->acknowledged)
        want(0, told, "the waiter's answer");
    else if (told != 0 && told != 1)
        wrong("the waiter's answer: %d", told);
    last_look(0);
}

static void
look_released_by_told(const struct crash_end *end)
{
    int told = peer_end(waiter);

    want(end->acknowledged ? 0 : told != 0, told, "the waiter's answer");
    last_look(0);
}

static void
take_from_dead(void)
{
    want(SYSVMP_OWNER_DEAD, acquire(SYSVMP_NOWAIT), "to be told");
}

/* Two wait, and neither's end wakes the other one. */
static _Atomic int *passed;

static int
take_give_and_stay(void)
{
    int result = take_and_give();

    atomic_fetch_add(passed, 1);
    until(passed, 3);
    return result;
}

static void
let_two_wait(void)
{
    atomic_store(passed, 0);
    owner = sleeping_peer(take_give_and_stay);
    waiter = sleeping_peer(take_give_and_stay);
}

static int
both_passed(void *arg)
{
    (void)arg;
    return atomic_load(passed) >= 2;
}

static void
look_at_two(const struct crash_end *end)
{
    int told;

    if (!within_bound(both_passed, NULL))
        wrong("one of two waiters hangs");
    atomic_fetch_add(passed, 2);
    told = peer_end(owner) + peer_end(waiter);
    if (told != 0 && (told != 1 || end->acknowledged))
        wrong("notices: %d", told);
    last_look(0);
}

static void
release_cases(void)
{
    static const struct crash_case alone = {"release, nobody waits", create,
        take, NULL, release, NULL, look_released, STAYS};
    static const struct crash_case waited = {"release, somebody waits",
        create, take, wait_too, release, NULL, look_released_to, STAYS};
    static const struct crash_case two = {"release, two wait", create, take,
        let_two_wait, release, NULL, look_at_two, STAYS};
    static const struct crash_case told = {"release by one who was told",
        create_with_dead_owner, take_from_dead, wait_too, release, NULL,
        look_released_by_told, STAYS};

    crash_run(&alone);
    crash_run(&waited);
    crash_run(&two);
    crash_run(&told);
}

/*
 * Release without having taken it, which is for a lock alone.
 */

#ifndef SYSVMP_PLAIN_LOCK
/* We had it, and live: no holder's end. */
static void
look_released_for(const struct crash_end *end)
{
    if (end->acknowledged)
        want(0, end->answer, "the victim's answer");
    else if (mutex_mine(mutex()))
        want(0, release(), "our own release");
    want(0, peer_end(waiter), "the waiter's answer");
    last_look(0);
}

static void
look_released_for_dead(const struct crash_end *end)
{
    if (end->acknowledged)
        want(0, end->answer, "the victim's answer");
    want(SYSVMP_OWNER_DEAD, acquire(CRASH_BOUND_MS), "the next one's acquire");
    want(0, release(), "its release");
    last_look(0);
}

static void
others_cases(void)
{
    static const struct crash_case another = {
        "release of another's, somebody waits", create_and_take, NULL,
        wait_too, release, NULL, look_released_for, STAYS};
    static const struct crash_case dead = {"release of a dead owner's",
        create_with_dead_owner, NULL, NULL, release, NULL,
        look_released_for_dead, STAYS};

    if (use_rlock)
        return;
    crash_run(&another);
    crash_run(&dead);
}

enum { OTHERS = 2 };
#else
static void
others_cases(void)
{
}

enum { OTHERS = 0 };
#endif

/*
 * A holder's destroy, and an rlock taken twice.
 */

static int
destroy_held(void)
{
    destroy();
    return 0;
}

/* However far it came, it was a holder's end. */
static void
look_destroyed(const struct crash_end *end)
{
    if (end->acknowledged)
        want(0, end->answer, "the victim's answer");
    want(SYSVMP_OWNER_DEAD, peer_end(waiter), "the waiter is told");
    last_look(0);
}

static int
take_twice_give_once(void)
{
    int result = acquire(SYSVMP_NOWAIT);

    return result < 0 ? result : release();
}

static void
end_cases(void)
{
    static const struct crash_case destroyed = {
        "destroy by the holder, somebody waits", create, take, wait_too,
        destroy_held, NULL, look_destroyed, STAYS};
    static const struct crash_case twice = {"acquire and release of a level",
        create, take, wait_too, take_twice_give_once, NULL, look_destroyed,
        ENDS};

    crash_run(&destroyed);
    if (use_rlock)
        crash_run(&twice);
}

/*
 * Not to get it.
 */

/* The victim gives up, or dies, while we hold it. */
static void
look_refused(const struct crash_end *end)
{
    if (end->acknowledged && end->answer != -ETIMEDOUT &&
        end->answer != -EAGAIN)
        wrong("the victim's answer: %d", end->answer);
    want(0, release(), "release");
    want(0, peer_end(waiter), "the waiter's answer");
    last_look(0);
}

static void
refused_cases(void)
{
    static const struct crash_case timeout = {"acquire, the time runs out",
        create_and_take, NULL, wait_too, acquire_shortly, NULL, look_refused,
        STAYS};
    static const struct crash_case at_once = {
        "acquire without waiting, held", create_and_take, NULL, wait_too,
        acquire_at_once, NULL, look_refused, STAYS};

    crash_run(&timeout);
    crash_run(&at_once);
}

/*
 * A spinning waiter, which reserves the lock when it comes too short.
 */

#ifndef SYSVMP_PLAIN_LOCK
static int
reserved_or_dead(void *arg)
{
    (void)arg; /* asleep: it does not spin, as there is only one CPU */
    return (shm_load(&mutex()->word.words->state) & WORD_RESERVED) != 0 ||
        victim_is_asleep_or_dead();
}

static void
release_when_reserved(void)
{
    until_true(reserved_or_dead, NULL, "the spinner");
    want(0, release(), "release");
}

static void
spin(void)
{
    own_store(&mutex()->word.spin.skip, 0);
}

static void
spinning_cases(void)
{
    static const struct crash_case alone = {"acquire, spinning",
        create_and_take, spin, NULL, acquire_at_leisure,
        release_when_reserved, look_alone, ENDS};
    static const struct crash_case both = {
        "acquire, spinning, and another waits", create_and_take, spin,
        wait_too, acquire_at_leisure, release_when_reserved, look_at_both,
        ENDS};

    crash_run(&alone);
    crash_run(&both);
}

enum { CASES = 13 };
#else
static void
spinning_cases(void)
{
}

enum { CASES = 11 };
#endif

/*
 * Another thread of the victim wants it, too.
 */

enum { ROUNDS = 20 };

static void
take_and_give_too(void)
{
    (void)take_and_give();
}

static int
take_and_give_often(void)
{
    int result = 0;

    for (int i = 0; i < ROUNDS && result == 0; i++)
        result = take_and_give();
    return result;
}

static void
let_another_take(void)
{
    waiter = peer(take_and_give_often);
}

/* Who of the two threads died with it, if any, is open. */
static void
look_at_threads(const struct crash_end *end)
{
    int told = peer_end(waiter);

    if (end->acknowledged)
        want(0, end->answer, "the victim's answer");
    if (told != 0 && (told != 1 || died_with_it()))
        wrong("the waiter was told %d", told);
    last_look(died_with_it());
}

static void
thread_cases(void)
{
    static const struct crash_case held = {"acquire, held, and others wait",
        create_and_take, NULL, wait_too, acquire_at_leisure,
        release_when_asleep, look_at_both, ENDS};
    static const struct crash_case waited = {"release, others wait", create,
        take, wait_too, release, NULL, look_at_threads, ENDS};
    static const struct crash_case busy = {"acquire and release", create,
        NULL, let_another_take, take_and_give_often, NULL, look_at_threads,
        ENDS};

    crash_run_beside_sleep(&held, take_and_give_too);
    crash_run_beside_sleep(&waited, take_and_give_too);
    crash_run_beside_loop(&busy, take_and_give_too);
}

/*
 * The next who takes it is killed, too.
 */

static void
let_heir_wait(void)
{
    sleeping_heir(take_and_give);
    wait_too();
}

/* Behind the victim. */
static int owner_dies;

static void
release_to_heir(void)
{
    owner_dies = 0;
    victim_asleep_or_dead();
    let_heir_wait();
    want(0, release(), "release");
}

static void
slay_owner_for_heir(void)
{
    owner_dies = 1;
    victim_asleep_or_dead();
    let_heir_wait();
    slay(owner);
}

/* An heir that is killed may have been told and have released it, and may
 * have died with it after the victim, which is a notice more. */
static void
check_heir(int code, int told, int notices)
{
    if (code != -SIGKILL)
        want(notices, code + told, "notices of the victim's end");
    else if (told < 0 || told > notices + 1)
        wrong("who is next was told %d times", told);
}

static void
look_after_heir(const struct crash_end *end)
{
    int code = heir_end();
    int told = died_with_it();

    if (end->acknowledged)
        check_heir(code, told, 1);
    last_look(told);
}

static void
look_after_release(const struct crash_end *end)
{
    int code = heir_end();
    int told = died_with_it();

    if (end->acknowledged)
        check_heir(code, told, 0);
    last_look(told);
}

/* Both waited: who of the three has it first is open.  The owner's death is
 * told, too, where the victim was not. */
static void
look_after_both(const struct crash_end *end)
{
    int told = peer_end(waiter);
    int code = heir_end();
    int after = died_with_it();

    if (end->acknowledged)
        check_heir(code, told + after,
            owner_dies && end->answer == 0 ? 2 : 1);
    last_look(after);
}

static void
look_after_hand_on(const struct crash_end *end)
{
    int told = peer_end(waiter);
    int code = heir_end();

    if (end->acknowledged)
        check_heir(code, told, 0);
    last_look(died_with_it());
}

static void
heir_cases(void)
{
    static const struct crash_case free_one = {"acquire, free", create, NULL,
        NULL, acquire_at_leisure, NULL, look_after_heir, ENDS};
    static const struct crash_case dead = {"acquire, its owner is dead",
        create_with_dead_owner, NULL, NULL, acquire_at_leisure, NULL,
        look_after_heir, ENDS};
    static const struct crash_case gives = {"release, nobody waits", create,
        take, NULL, release, NULL, look_after_release, STAYS};
    static const struct crash_case held = {"acquire, held, two wait",
        create_and_take, NULL, NULL, acquire_at_leisure, release_to_heir,
        look_after_both, ENDS};
    static const struct crash_case dies = {
        "acquire, its owner dies, two wait", create_with_owner, NULL, NULL,
        acquire_at_leisure, slay_owner_for_heir, look_after_both, ENDS};
    static const struct crash_case waited = {"release, two wait", create,
        take, let_heir_wait, release, NULL, look_after_hand_on, STAYS};

    crash_run_heir(&free_one, take_and_give);
    crash_run_heir(&dead, take_and_give);
    crash_run_heir(&gives, take_and_give);
    crash_run_heir(&held, NULL);
    crash_run_heir(&dies, NULL);
    crash_run_heir(&waited, NULL);
}

/*
 * The victim is stopped, without the lock: others take it.  A lock of semop
 * alone does not say who has it, but there the kernel hands it on.
 */

#ifndef SYSVMP_PLAIN_LOCK
/* It is free: what we release is for the others. */
static void
release_beside(void)
{
    want(0, acquire(CRASH_BOUND_MS), "our acquire beside it");
    want(0, release(), "our release");
}

static void
take_beside(void)
{
    release_beside();
    peer_is_back(waiter);
}

static void
two_take_beside(void)
{
    release_beside();
    if (!within_bound(both_passed, NULL))
        wrong("one of two waiters sleeps, as the victim is stopped");
}

static void
look_after_stop(const struct crash_end *end)
{
    want(0, end->answer, "the victim's answer");
    want(0, peer_end(waiter), "the waiter's answer");
    last_look(died_with_it());
}

static void
look_at_two_after_stop(const struct crash_end *end)
{
    want(0, end->answer, "the victim's answer");
    look_at_two(end);
}

static void
stopped_cases(void)
{
    static const struct crash_case waited = {"release, somebody waits",
        create, take, wait_too, release, NULL, look_after_stop, STAYS};
    static const struct crash_case two = {"release, two wait", create, take,
        let_two_wait, release, NULL, look_at_two_after_stop, STAYS};
    static const struct crash_case held = {"acquire, held, and another waits",
        create_and_take, NULL, wait_too, acquire_at_leisure,
        release_when_asleep, look_at_both, ENDS};
    static const struct crash_case spins = {
        "acquire, spinning, and another waits", create_and_take, spin,
        wait_too, acquire_at_leisure, release_when_reserved, look_at_both,
        ENDS};

    crash_run_stopped(&waited, take_beside);
    crash_run_stopped(&two, two_take_beside);
    crash_run_stopped(&held, take_beside);
    crash_run_stopped(&spins, take_beside);
}

enum { STOPPED_CASES = 4 };
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
    plan(2 * (CASES + 1 + 3 + 6 + STOPPED_CASES) + OTHERS + 1);
    passed = shared(sizeof(*passed));
    for (use_rlock = 0; use_rlock < 2; use_rlock++) {
        diag("%s:", use_rlock ? "rlock" : "lock");
        acquire_cases();
        dead_owner_cases();
        release_cases();
        others_cases();
        end_cases();
        refused_cases();
        spinning_cases();
        thread_cases();
        heir_cases();
        stopped_cases();
    }
    return done();
}
