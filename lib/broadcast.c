/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * broadcast.c: how many sleep at once and are woken together.
 * t/model/broadcast.pml is its model.
 *
 * Nobody takes anything from the turn, so nobody can take another's wake-up.
 * A sleeper announces itself, sees side and turn, looks, and sleeps in one
 * step: as long as the side is what it saw, until the turn is past it.
 *
 * Why nobody sleeps for ever: who makes a change raises the turn after it, if
 * anybody is announced; of one who dies between the two the bell raises the
 * side.  A sleeper that saw them before that does not sleep on; one that saw
 * them after that looks after the change.  Either is lowered by half of what
 * fits when it gets there, by who is about to sleep: the turn together with a
 * step of the side, so who has seen the old one looks again.
 *
 * One that is stopped between its look and its sleep is misled if 16,384
 * deaths, or as many flips of the turn, bring the side to just what it saw.
 */
#include "internal.h"

#include "block.h"
#include "broadcast.h"
#include "callback.h"
#include "sysv.h"

/* Between looks while no bell would ring: ever longer. */
#define BRIEF_MIN_NS 100000
#define BRIEF_MAX_NS 10000000

int
broadcast_post(const struct broadcast *broadcast)
{
    struct sembuf next = sem_operation(broadcast->turn, 1, 0);
    int error = sysv_semop(broadcast->semaphores, &next, 1);

    /* ERANGE: the turn is at its end, and so past all that anybody sleeps
     * for: nobody sleeps for one after half of that.  Its value tells, lest
     * something else has answered so for the kernel. */
    if (error == -ERANGE &&
        sysv_sem_value(broadcast->semaphores, broadcast->turn) >= TURNS)
        return 0;
    return error == -ERANGE ? -ENOSYS : error;
}

int
broadcast_ask(const struct broadcast *broadcast)
{
    return sysv_sem_may(broadcast->semaphores, broadcast->turn);
}

/* The turn begins anew, on another side. */
static int
flip(const struct broadcast *broadcast)
{
    struct sembuf anew[2] = {
        sem_operation(broadcast->turn, -TURNS, IPC_NOWAIT),
        sem_operation(broadcast->side, 1, 0),
    };

    int error = sysv_semop(broadcast->semaphores, anew, 2);

    return error == -EAGAIN ? 0 : error; /* it has */
}

int
broadcast_see(const struct broadcast *broadcast, struct broadcast_seen *seen)
{
    int error = 0;

    while (error == 0) {
        /* The side first: what changes the turn then is seen by the sleep. */
        seen->side = sysv_sem_value(broadcast->semaphores, broadcast->side);
        if (seen->side < 0)
            return seen->side;
        seen->turn = sysv_sem_value(broadcast->semaphores, broadcast->turn);
        if (seen->turn < 0)
            return seen->turn;
        if (seen->side >= TURNS)
            error = block_lower(broadcast->semaphores, broadcast->side);
        else if (seen->turn >= TURNS)
            error = flip(broadcast);
        else
            return 0;
    }
    return error;
}

int
broadcast_await(const struct broadcast *broadcast,
    const struct broadcast_seen *seen, int64_t at_most_ns,
    struct deadline *deadline)
{
    bool brief = at_most_ns < INT64_MAX;
    struct sembuf past[5];
    struct deadline soon = { .at = 0 };
    size_t n = 0;
    int error;

    if (seen->side > 0)
        past[n++] = sem_operation(broadcast->side, -seen->side, IPC_NOWAIT);
    past[n++] = sem_operation(broadcast->side, 0, IPC_NOWAIT);
    if (seen->side > 0)
        past[n++] = sem_operation(broadcast->side, seen->side, 0);
    past[n++] = sem_operation(broadcast->turn, -(seen->turn + 1), 0);
    past[n++] = sem_operation(broadcast->turn, seen->turn + 1, 0);
    if (brief)
        soon = deadline_brief(deadline, at_most_ns);
    error = sysv_semwait(broadcast->semaphores, past, n,
        brief ? &soon : deadline);
    /* It is another side now, or that was the brief time. */
    if (error == -EAGAIN && deadline_left(deadline) > 0)
        return 0;
    return error;
}

static bool
nothing_yet(ssize_t seen)
{
    return seen == -EAGAIN || seen == -EINPROGRESS;
}

/* Sees side and turn, and looks; or looks at once, where that is all it takes:
 * most who are woken have what they waited for. */
static ssize_t
see_and_look(const struct broadcast *broadcast, const struct gate_wait *wait,
    struct broadcast_seen *at)
{
    ssize_t seen = -EAGAIN;
    int error;

    if (wait->done(wait->context))
        seen = wait->look(wait->context, true);
    if (!nothing_yet(seen))
        return seen;
    error = broadcast_see(broadcast, at);
    return error < 0 ? error : wait->look(wait->context, true);
}

static ssize_t
look_and_sleep(const struct broadcast *broadcast, const struct gate_wait *wait,
    struct deadline *deadline)
{
    int64_t brief_ns = BRIEF_MIN_NS;

    for (;;) {
        struct broadcast_seen at;
        ssize_t seen = see_and_look(broadcast, wait, &at);
        int slept;

        if (!nothing_yet(seen))
            return seen;
        slept = broadcast_await(broadcast, &at,
            seen == -EINPROGRESS ? brief_ns : INT64_MAX, deadline);
        if (seen == -EINPROGRESS && brief_ns < BRIEF_MAX_NS)
            brief_ns *= 2;
        if (slept == -EAGAIN)
            break;
        if (slept < 0)
            return slept;
    }
    /* The time is up: one last look. */
    return wait->look(wait->context, true);
}

/* The interrupt function has left the sleep by an exception. */
static void
broadcast_abandon(void *arg)
{
    const struct broadcast *broadcast = arg;

    shm_sub(broadcast->sleepers, 1);
}

ssize_t
broadcast_sleep(const struct broadcast *broadcast,
    const struct gate_wait *wait, struct deadline *deadline)
{
    struct undo undo;
    ssize_t seen;

    shm_add(broadcast->sleepers, 1);
    undo_push(&undo, broadcast_abandon, (void *) broadcast);
    seen = look_and_sleep(broadcast, wait, deadline);
    undo_pop(&undo);
    shm_sub(broadcast->sleepers, 1);
    return nothing_yet(seen) ? deadline_code(deadline) : seen;
}
