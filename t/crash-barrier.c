/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-barrier.c: a process killed at each point of each call of a barrier,
 * also as one of two threads that wait, and with the next who is woken killed
 * as well.  All who wait pass, each with a number of its own, or none does,
 * and the barrier is broken; nobody hangs.
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

enum { PEERS = 4, OTHER = 200, CANCELLED = OTHER - ECANCELED };

static struct sysvmp_barrier *b;
static pid_t waiter[PEERS], crowd;
static int waiters;

static struct {
    _Atomic int actions, waiting;
    _Atomic unsigned numbers; /* a bit for each */
    _Atomic int doubles;
} *stage;

/* So that each waiter sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

static int
act(void *arg)
{
    (void)arg;
    stage->actions++;
    return 0;
}

static void
create(unsigned parties, int (*action)(void *))
{
    must(sysvmp_barrier_create(&b, parties, action, NULL), "barrier_create");
    waiters = 0;
    stage->actions = stage->waiting = stage->doubles = 0;
    stage->numbers = 0;
}

static void
create_for_two(void)
{
    create(2, NULL);
}

static void
create_for_three(void)
{
    create(3, NULL);
}

static void
create_for_four(void)
{
    create(4, NULL);
}

static void
create_with_action(void)
{
    create(3, act);
}

static int
wait_at(int timeout_ms)
{
    int result = sysvmp_barrier_wait(b, timeout_ms);

    if (result >= 0 &&
        (atomic_fetch_or(&stage->numbers, 1u << result) & 1u << result))
        stage->doubles++;
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
wait_as_peer(void)
{
    int result = wait_at(SYSVMP_FOREVER);

    return result >= 0 ? result : OTHER + result;
}

static int
reset(void)
{
    return sysvmp_barrier_reset(b);
}

static int
abort_it(void)
{
    return sysvmp_barrier_abort(b);
}

static int
look_at_it(void)
{
    int n = sysvmp_barrier_n_waiting(b);

    return n < 0 ? n : sysvmp_barrier_broken(b);
}

static void
let_wait(void)
{
    waiter[waiters++] = sleeping_peer(wait_as_peer);
}

static void
let_two_wait(void)
{
    let_wait();
    let_wait();
}

static void
let_two_wait_for_victim(void)
{
    victim_asleep_or_dead();
    let_two_wait();
}

/* Reset, it is as new. */
static void
last_look(void)
{
    int last;

    want(0, sysvmp_barrier_reset(b), "reset");
    for (int i = 0; i < waiters; i++)
        (void)peer_end(waiter[i]);
    want(0, sysvmp_barrier_broken(b), "broken after a reset");
    want(0, sysvmp_barrier_n_waiting(b), "waiting after a reset");
    stage->numbers = 0;
    waiters = 0;
    for (int i = 1; i < sysvmp_barrier_parties(b); i++)
        let_wait();
    last = wait_at(CRASH_BOUND_MS);
    want(waiters, last, "the last one's number");
    for (int i = 0; i < waiters; i++)
        want(i, peer_end(waiter[i]), "a number");
    want(0, stage->doubles, "numbers given twice");
    sysvmp_barrier_destroy(b);
}

/* How many of those who have come went on, and how many were told. */
static void
end_of_peers(int *passed, int *told)
{
    *passed = *told = 0;
    for (int i = 0; i < waiters; i++) {
        int code = peer_end(waiter[i]);

        if (code >= 0 && code < PEERS)
            ++*passed;
        else if (code == CANCELLED)
            ++*told;
        else
            wrong("a waiter's end: %d", code);
    }
    waiters = 0;
}

/*
 * To wait.
 */

/* The victim and two others, of three. */
static void
look_at_three(const struct crash_end *end)
{
    int passed, told;

    /* It was killed before it came: then they wait for another. */
    if (!end->acknowledged && sysvmp_barrier_n_waiting(b) == 2) {
        want(2, wait_at(CRASH_BOUND_MS), "who comes in its place");
        end_of_peers(&passed, &told);
        want(2, passed, "who pass with us");
    } else {
        end_of_peers(&passed, &told);
        if (passed != 0 && told != 0)
            wrong("%d passed, and %d were told", passed, told);
        if (end->acknowledged && end->answer >= 0)
            want(2, passed, "who pass with the victim");
        if (told > 0)
            want(1, sysvmp_barrier_broken(b), "broken");
    }
    last_look();
}

/* With an action: once for each generation that passes. */
static void
look_at_action(const struct crash_end *end)
{
    int passed, told;

    if (!end->acknowledged && sysvmp_barrier_n_waiting(b) == 2)
        want(2, wait_at(CRASH_BOUND_MS), "who comes in its place");
    end_of_peers(&passed, &told);
    if (passed > 0)
        want(1, stage->actions, "actions");
    else if (stage->actions > 1)
        wrong("%d actions", stage->actions);
    last_look();
}

/* The victim's time was up, or it was killed before it came. */
static void
look_at_broken(const struct crash_end *end)
{
    int passed, told;

    if (end->acknowledged)
        want(-ETIMEDOUT, end->answer, "the victim's answer");
    if (!sysvmp_barrier_broken(b)) {
        if (end->acknowledged)
            wrong("it is not broken");
        want(0, sysvmp_barrier_abort(b), "abort");
    }
    end_of_peers(&passed, &told);
    want(0, passed, "who pass");
    last_look();
}

static void
wait_cases(void)
{
    static const struct crash_case first = {"wait, the first of three",
        create_for_three, NULL, NULL, wait_at_leisure,
        let_two_wait_for_victim, look_at_three, ENDS};
    static const struct crash_case last = {"wait, the last of three",
        create_for_three, NULL, let_two_wait, wait_at_leisure, NULL,
        look_at_three, ENDS};
    static const struct crash_case action = {"wait, with an action",
        create_with_action, NULL, let_two_wait, wait_at_leisure, NULL,
        look_at_action, ENDS};
    static const struct crash_case timeout = {"wait, the time is up",
        create_for_three, NULL, let_wait, wait_shortly, NULL,
        look_at_broken, ENDS};

    crash_run(&first);
    crash_run(&last);
    crash_run(&action);
    crash_run(&timeout);
}

/*
 * The others.
 */

static void
look_after_reset(const struct crash_end *end)
{
    int passed, told;

    if (end->acknowledged) {
        want(0, end->answer, "the victim's answer");
        want(0, sysvmp_barrier_broken(b), "broken");
        want(0, sysvmp_barrier_n_waiting(b), "waiting");
    } else if (sysvmp_barrier_n_waiting(b) > 0) {
        want(2, sysvmp_barrier_n_waiting(b), "waiting as before");
        want(0, sysvmp_barrier_reset(b), "reset");
    } else {
        want(-ETIMEDOUT, wait_at(1), "who comes after a reset");
    }
    end_of_peers(&passed, &told);
    want(0, passed, "who pass");
    last_look();
}

static void
look_after_abort(const struct crash_end *end)
{
    int passed, told;

    if (end->acknowledged) {
        want(0, end->answer, "the victim's answer");
        want(1, sysvmp_barrier_broken(b), "broken");
    } else {
        want(0, sysvmp_barrier_abort(b), "abort");
    }
    end_of_peers(&passed, &told);
    want(0, passed, "who pass");
    last_look();
}

/* One of those who wait has been killed: who looks breaks it, or they do. */
static void
let_one_die(void)
{
    let_wait();
    kill(waiter[0], SIGSTOP);
    slay(waiter[0]);
    waiters = 0;
}

static void
look_after_look(const struct crash_end *end)
{
    if (end->acknowledged)
        want(1, end->answer, "the victim sees it broken");
    want(1, sysvmp_barrier_broken(b), "broken");
    want(-ECANCELED, wait_at(CRASH_BOUND_MS), "who comes");
    last_look();
}

static void
look_at_last(const struct crash_end *end)
{
    if (end->acknowledged)
        want(-ECANCELED, end->answer, "the victim's answer");
    want(1, sysvmp_barrier_broken(b), "broken");
    last_look();
}

static void
other_cases(void)
{
    static const struct crash_case resets = {"reset, two wait",
        create_for_three, NULL, let_two_wait, reset, NULL, look_after_reset,
        STAYS};
    static const struct crash_case aborts = {"abort, two wait",
        create_for_three, NULL, let_two_wait, abort_it, NULL,
        look_after_abort, STAYS};
    static const struct crash_case looks = {"to look, one has died",
        create_for_three, NULL, let_one_die, look_at_it, NULL,
        look_after_look, STAYS};
    static const struct crash_case dead = {"wait, one has died",
        create_for_two, NULL, let_one_die, wait_at_leisure, NULL,
        look_at_last, ENDS};

    crash_run(&resets);
    crash_run(&aborts);
    crash_run(&looks);
    crash_run(&dead);
}

/*
 * A table that is full: of the living, and of the dead.
 */

static void *
wait_in_thread(void *arg)
{
    stage->waiting++;
    (void)!sysvmp_barrier_wait(b, SYSVMP_FOREVER);
    return arg;
}

static int
be_a_crowd(void)
{
    pthread_t thread[WAITERS_FIRST];

    for (int i = 0; i < WAITERS_FIRST; i++)
        if (pthread_create(&thread[i], NULL, wait_in_thread, NULL) != 0)
            return OTHER;
    for (int i = 0; i < WAITERS_FIRST; i++)
        pthread_join(thread[i], NULL);
    return 0;
}

static int
all_wait(void *arg)
{
    (void)arg;
    return sysvmp_barrier_n_waiting(b) == WAITERS_FIRST;
}

static void
create_full(void)
{
    create(WAITERS_FIRST + 2, NULL);
    crowd = peer(be_a_crowd);
    until_true(all_wait, NULL, "a crowd");
}

static void
create_full_of_dead(void)
{
    create_full();
    slay(crowd);
}

static void
look_at_crowd(const struct crash_end *end)
{
    if (end->acknowledged)
        want(-ETIMEDOUT, end->answer, "the victim's answer");
    want(0, sysvmp_barrier_abort(b), "abort");
    want(0, peer_end(crowd), "the crowd's end");
    want(0, sysvmp_barrier_reset(b), "reset");
    sysvmp_barrier_destroy(b);
}

static void
look_at_dead(const struct crash_end *end)
{
    if (end->acknowledged)
        want(-ECANCELED, end->answer, "the victim's answer");
    want(1, sysvmp_barrier_broken(b), "broken");
    want(0, sysvmp_barrier_reset(b), "reset");
    want(-ETIMEDOUT, sysvmp_barrier_wait(b, 1), "a wait after the reset");
    sysvmp_barrier_destroy(b);
}

static void
full_cases(void)
{
    static const struct crash_case full = {"wait, where many do", create_full,
        NULL, NULL, wait_shortly, NULL, look_at_crowd, ENDS};
    static const struct crash_case dead = {"wait, where many have died",
        create_full_of_dead, NULL, NULL, wait_shortly, NULL, look_at_dead,
        ENDS};

    crash_run(&full);
    crash_run(&dead);
}

/*
 * Another thread of the victim waits, too; and the next is killed.
 */

static void
wait_too(void)
{
    (void)wait_at_leisure();
}

static void
let_heir_wait(void)
{
    sleeping_heir(wait_as_peer);
    let_wait();
}

static void
let_last_wait(void)
{
    victim_asleep_or_dead();
    let_wait();
}

/* Of three threads of two processes and a peer: all pass, or none. */
static void
look_beside(const struct crash_end *end)
{
    int passed, told;

    if (!end->acknowledged && sysvmp_barrier_broken(b) == 0 &&
        sysvmp_barrier_n_waiting(b) > 0)
        wrong("not broken, though a thread of the victim waited");
    want(0, sysvmp_barrier_abort(b), "abort");
    end_of_peers(&passed, &told);
    last_look();
}

/* Whoever was killed: all others pass or none does. */
static void
look_after_heir(const struct crash_end *end)
{
    int passed, told, code;

    (void)end;
    /* They wait for one who was killed before it came. */
    if (sysvmp_barrier_n_waiting(b) > 0)
        want(0, sysvmp_barrier_abort(b), "abort");
    code = heir_end();
    end_of_peers(&passed, &told);
    passed += code >= 0 && code < PEERS;
    told += code == CANCELLED;
    if (passed != 0 && told != 0)
        wrong("%d passed, and %d were told", passed, told);
    last_look();
}

static void
company_cases(void)
{
    static const struct crash_case beside = {"wait, another thread does, too",
        create_for_three, NULL, NULL, wait_at_leisure, let_wait, look_beside,
        ENDS};
    static const struct crash_case third = {"wait, the third of four",
        create_for_four, NULL, let_heir_wait, wait_at_leisure, let_last_wait,
        look_after_heir, ENDS};
    static const struct crash_case last = {"wait, the last of three",
        create_for_three, NULL, let_heir_wait, wait_at_leisure, NULL,
        look_after_heir, ENDS};
    static const struct crash_case resets = {"reset, two wait",
        create_for_three, NULL, let_heir_wait, reset, NULL, look_after_heir,
        STAYS};

    crash_run_beside_sleep(&beside, wait_too);
    crash_run_heir(&third, NULL);
    crash_run_heir(&last, NULL);
    crash_run_heir(&resets, NULL);
}

/*
 * The victim is stopped: the others wait for it if it has not come, but an
 * abort tells them.
 */

/* Where all have come they pass. */
static void
abort_beside(void)
{
    want(0, sysvmp_barrier_abort(b), "an abort beside it");
    for (int i = 0; i < waiters; i++)
        peer_is_back(waiter[i]);
}

/* They were told, or have passed; the victim likewise. */
static void
look_after_stop(const struct crash_end *end)
{
    int passed, told;

    if (end->answer < 0)
        want(-ECANCELED, end->answer, "the victim's answer");
    if (!sysvmp_barrier_broken(b))
        want(0, sysvmp_barrier_abort(b), "abort");
    end_of_peers(&passed, &told);
    if (passed != 0 && told != 0)
        wrong("%d passed, and %d were told", passed, told);
    last_look();
}

static void
stopped_cases(void)
{
    static const struct crash_case last = {"wait, the last of three",
        create_for_three, NULL, let_two_wait, wait_at_leisure, NULL,
        look_after_stop, STAYS};
    static const struct crash_case first = {"wait, the first of three",
        create_for_three, NULL, NULL, wait_at_leisure,
        let_two_wait_for_victim, look_after_stop, STAYS};
    static const struct crash_case resets = {"reset, two wait",
        create_for_three, NULL, let_two_wait, reset, NULL, look_after_stop,
        STAYS};
    static const struct crash_case aborts = {"abort, two wait",
        create_for_three, NULL, let_two_wait, abort_it, NULL,
        look_after_stop, STAYS};

    crash_run_stopped(&last, abort_beside);
    crash_run_stopped(&first, abort_beside);
    crash_run_stopped(&resets, abort_beside);
    crash_run_stopped(&aborts, abort_beside);
}

int
main(void)
{
    plan(4 + 4 + 2 + 4 + 4);
    stage = shared(sizeof(*stage));
    wait_cases();
    other_cases();
    full_cases();
    company_cases();
    stopped_cases();
    return done();
}
