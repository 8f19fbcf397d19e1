/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash-event.c: a process killed at each point of each call of an event, also
 * with one who waits killed as it wakes up.  Whoever waited when a set
 * returned is awake, and nobody is asleep at one that is set.
 */
#include <config.h>

#include "crash.h"
#include "sysvmp.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { PEERS = 2 };

static struct sysvmp_event *e;
static pid_t waiter[PEERS];
static _Atomic int *woken;

/* So that each waiter sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

static void
create(void)
{
    must(sysvmp_event_create(&e), "create");
    atomic_store(woken, 0);
}

/* Its end would wake the others. */
static int
wait_and_stay(void)
{
    int result = sysvmp_event_wait(e, SYSVMP_FOREVER);

    atomic_fetch_add(woken, 1);
    until(woken, 2 * PEERS);
    return result == 0 ? 0 : 99;
}

static int
wait_for_it(void)
{
    return sysvmp_event_wait(e, SYSVMP_FOREVER);
}

static int
wait_shortly(void)
{
    return sysvmp_event_wait(e, 3);
}

static void
let_two_wait(void)
{
    for (int i = 0; i < PEERS; i++)
        waiter[i] = sleeping_peer(wait_and_stay);
}

static int
both_woken(void *arg)
{
    (void)arg;
    return atomic_load(woken) >= PEERS;
}

/* Both are awake, or are woken by another set. */
static void
look_at_both(int awake)
{
    if (awake && !within_bound(both_woken, NULL))
        wrong("it was set, and only %d of %d are awake", *woken, PEERS);
    want(0, sysvmp_event_set(e), "our set");
    want(0, sysvmp_event_clear(e), "our clear");
    if (!within_bound(both_woken, NULL))
        wrong("we set it, and only %d of %d are awake", *woken, PEERS);
    atomic_fetch_add(woken, 2 * PEERS);
    for (int i = 0; i < PEERS; i++)
        want(0, peer_end(waiter[i]), "a waiter's end");
    (void)heir_end();
    want(0, sysvmp_event_is_set(e), "is_set");
    want(-EAGAIN, sysvmp_event_wait(e, SYSVMP_NOWAIT), "a wait");
    sysvmp_event_destroy(e);
}

/*
 * To set it.
 */

static int
set(void)
{
    return sysvmp_event_set(e);
}

static int
set_and_clear(void)
{
    int error = sysvmp_event_set(e);

    return error < 0 ? error : sysvmp_event_clear(e);
}

static int
clear_and_set(void)
{
    int error = sysvmp_event_clear(e);

    return error < 0 ? error : sysvmp_event_set(e);
}

static void
look_set(const struct crash_end *end)
{
    if (end->acknowledged) {
        want(0, end->answer, "the victim's set");
        want(1, sysvmp_event_is_set(e), "is_set after that");
    }
    look_at_both(end->acknowledged || sysvmp_event_is_set(e) == 1);
}

/* After a kill nobody knows whether it was set and cleared. */
static void
look_cleared(const struct crash_end *end)
{
    if (end->acknowledged) {
        want(0, end->answer, "the victim's set and clear");
        want(0, sysvmp_event_is_set(e), "is_set after that");
    }
    look_at_both(end->acknowledged || sysvmp_event_is_set(e) == 1);
}

static void
let_heir_wait(void)
{
    sleeping_heir(wait_for_it);
    let_two_wait();
}

static int
leave(void)
{
    return sysvmp_leave();
}

static int
destroy_and_stay(void)
{
    sysvmp_event_destroy(e);
    return 0;
}

static void
look_left(const struct crash_end *end)
{
    (void)end;
    want(0, sysvmp_event_is_set(e), "is_set");
    want(0, atomic_load(woken), "awake, as nobody has set it");
    look_at_both(0);
}

static void
set_cases(void)
{
    static const struct crash_case sets = {"set, two wait", create, NULL,
        let_two_wait, set, NULL, look_set, STAYS};
    static const struct crash_case clears = {"set and clear, two wait",
        create, NULL, let_two_wait, set_and_clear, NULL, look_cleared, STAYS};
    static const struct crash_case again = {"clear and set, two wait",
        create, NULL, let_two_wait, clear_and_set, NULL, look_set, STAYS};
    static const struct crash_case leaves = {"leave, two wait", create, NULL,
        let_two_wait, leave, NULL, look_left, STAYS};
    static const struct crash_case destroys = {"destroy, two wait", create,
        NULL, let_two_wait, destroy_and_stay, NULL, look_left, STAYS};
    static const struct crash_case heir_sets = {
        "set, two wait, and an heir", create, NULL, let_heir_wait, set, NULL,
        look_set, STAYS};
    static const struct crash_case heir_clears = {
        "set and clear, two wait, and an heir", create, NULL, let_heir_wait,
        set_and_clear, NULL, look_cleared, STAYS};

    crash_run(&sets);
    crash_run(&clears);
    crash_run(&again);
    crash_run(&leaves);
    crash_run(&destroys);
    crash_run_heir(&heir_sets, NULL);
    crash_run_heir(&heir_clears, NULL);
}

/*
 * To wait for it.
 */

static void
set_for_three(void)
{
    victim_asleep_or_dead();
    let_two_wait();
    want(0, sysvmp_event_set(e), "our set");
    want(0, sysvmp_event_clear(e), "our clear");
}

static void
look_waited(const struct crash_end *end)
{
    if (end->acknowledged && end->answer != 0 && end->answer != -ETIMEDOUT)
        wrong("the victim's wait: %d", end->answer);
    look_at_both(1);
}

/* Two of its threads. */
static void
wait_beside(void)
{
    (void)wait_for_it();
}

static void
wait_cases(void)
{
    static const struct crash_case waits = {"wait, and two others", create,
        NULL, NULL, wait_for_it, set_for_three, look_waited, STAYS};
    static const struct crash_case times_out = {
        "wait that times out, and two others", create, NULL, NULL,
        wait_shortly, set_for_three, look_waited, STAYS};
    static const struct crash_case two = {
        "wait beside another thread that does", create, NULL, NULL,
        wait_for_it, set_for_three, look_waited, STAYS};
    static const struct crash_case sets = {
        "set and clear beside another thread that waits", create, NULL,
        let_two_wait, set_and_clear, NULL, look_cleared, STAYS};

    crash_run(&waits);
    crash_run(&times_out);
    crash_run_beside_sleep(&two, wait_beside);
    crash_run_beside_sleep(&sets, wait_beside);
}

/*
 * To make one, and to be done with it.
 */

static int
make_one(void)
{
    struct sysvmp_event *mine;
    int error = sysvmp_event_create(&mine);

    if (error == 0)
        error = sysvmp_event_set(mine);
    if (error == 0)
        sysvmp_event_destroy(mine);
    return error;
}

static void
look_made(const struct crash_end *end)
{
    struct sysvmp_event *mine;

    if (end->acknowledged)
        want(0, end->answer, "the victim's create");
    must(sysvmp_event_create(&mine), "create");
    want(0, sysvmp_event_is_set(mine), "a new one is not set");
    want(-ETIMEDOUT, sysvmp_event_wait(mine, 1), "a wait for it");
    sysvmp_event_destroy(mine);
    sysvmp_event_destroy(e);
}

static void
make_cases(void)
{
    static const struct crash_case makes = {"create, set, destroy", create,
        NULL, NULL, make_one, NULL, look_made, ENDS};

    crash_run(&makes);
}

/*
 * The victim is stopped, and others go on.
 */

static void
set_beside(void)
{
    want(0, sysvmp_event_set(e), "a set beside it");
    if (!within_bound(both_woken, NULL))
        wrong("%d of %d are awake, as the victim is stopped", *woken, PEERS);
}

static void
look_after_stop(const struct crash_end *end)
{
    want(0, end->answer, "the victim's answer");
    want(0, sysvmp_event_clear(e), "clear");
    look_at_both(1);
}

static void
stopped_cases(void)
{
    static const struct crash_case sets = {"set, two wait", create, NULL,
        let_two_wait, set, NULL, look_after_stop, STAYS};
    static const struct crash_case clears = {"set and clear, two wait",
        create, NULL, let_two_wait, set_and_clear, NULL, look_after_stop,
        STAYS};
    static const struct crash_case waits = {"wait, and two others", create,
        NULL, NULL, wait_for_it, set_for_three, look_after_stop, STAYS};

    crash_run_stopped(&sets, set_beside);
    crash_run_stopped(&clears, set_beside);
    crash_run_stopped(&waits, set_beside);
}

int
main(void)
{
    plan(12 + 3);
    woken = shared(sizeof(*woken));
    set_cases();
    wait_cases();
    make_cases();
    stopped_cases();
    return done();
}
