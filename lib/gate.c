/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate.c: the sleep and wake protocol.  t/model/gate.pml is its model.
 *
 * Why nobody sleeps for ever.  When there is something and somebody sleeps,
 * then a token is out; or a live process stands between its change and its
 * wake-up, or between a token and the baton; or a dying one does, and its
 * bell (SEM_UNDO, +1 at its death) will ring.  Each step hands that duty to
 * exactly one of the three:
 * - A sleeper announces itself, then looks, then sleeps; a waker makes its
 *   change, then looks who has announced itself.  One of the two sees the
 *   other.
 * - A token is posted only if none is out; who takes one says so before it
 *   looks, so a change after that look posts anew.
 * - The baton: who has taken a token and leaves, for whatever reason, looks
 *   whether there is more for others and, if so, wakes one.
 * A count of sleepers that a dead one has left too high costs a waker two
 * loads and at most one token too many.  Nobody ever lowers it for another.
 * All who sleep at a gate wait for the same: one that needs more than the
 * others would swallow their tokens.
 */
#include "internal.h"

#include "callback.h"
#include "gate.h"
#include "sysv.h"

#define BRIEF_NS 100000 /* between looks while no bell would ring */

int
gate_post(const struct gate *gate)
{
    struct sembuf give = sem_operation(gate->semaphore, 1, 0);
    int error = 0;

    if (shm_load(&gate->words->token) == 0 &&
        shm_xchg(&gate->words->token, 1) == 0)
        error = sysv_semop(gate->semaphores, &give, 1);
    if (error < 0)
        shm_store(&gate->words->token, 0);
    return error == -ERANGE ? -ENOSYS : error;
}

int
gate_ask(const struct gate *gate)
{
    return sysv_sem_may(gate->semaphores, gate->semaphore);
}

/* Takes a token, sleeping for it.  -EAGAIN: the deadline has passed. */
static int
take_token(const struct gate *gate, struct deadline *deadline)
{
    struct sembuf take = sem_operation(gate->semaphore, -1, 0);
    int error = sysv_semwait(gate->semaphores, &take, 1, deadline);

    if (error == 0)
        shm_store(&gate->words->token, 0);
    return error;
}

static bool
nothing_yet(ssize_t seen)
{
    return seen == -EAGAIN || seen == -EINPROGRESS;
}

/* One sleep after a look that found nothing: 1 with a token, 0 to look again
 * without, -EAGAIN when the time is up, or a code. */
static int
sleep_once(const struct gate *gate, bool brief, struct deadline *deadline)
{
    struct deadline soon;
    int error;

    if (brief)
        soon = deadline_brief(deadline, BRIEF_NS);
    error = take_token(gate, brief ? &soon : deadline);
    if (error == -EAGAIN && brief && deadline_left(deadline) > 0)
        return 0;
    return error == 0 ? 1 : error;
}

/* The loop of gate_sleep(); *had: a token was taken. */
static ssize_t
look_and_sleep(const struct gate *gate, const struct gate_wait *wait,
    struct deadline *deadline, bool *had)
{
    for (;;) {
        ssize_t seen = wait->look(wait->context, *had);
        int slept;

        if (!nothing_yet(seen))
            return seen;
        slept = sleep_once(gate, seen == -EINPROGRESS, deadline);
        if (slept == -EAGAIN)
            break;
        if (slept < 0)
            return slept;
        if (slept == 1)
            *had = true;
    }
    /* The time is up: one last look. */
    return wait->look(wait->context, true);
}

/* A sleeper and whether it has taken a token. */
struct sleeper {
    const struct gate *gate;
    bool had;
};

/* The interrupt function has left the sleep by an exception.  What there may be
 * for others was not looked at, so one of them looks. */
static void
gate_abandon(void *arg)
{
    const struct sleeper *sleeper = arg;

    shm_sub(&sleeper->gate->words->sleepers, 1);
    if (sleeper->had)
        gate_wake(sleeper->gate);
}

ssize_t
gate_sleep(const struct gate *gate, const struct gate_wait *wait,
    struct deadline *deadline)
{
    struct sleeper sleeper = { .gate = gate };
    struct undo undo;
    ssize_t seen;

    shm_add(&gate->words->sleepers, 1);
    undo_push(&undo, gate_abandon, &sleeper);
    seen = look_and_sleep(gate, wait, deadline, &sleeper.had);
    undo_pop(&undo);
    shm_sub(&gate->words->sleepers, 1);
    if (sleeper.had && wait->more(wait->context))
        gate_wake(gate);
    return nothing_yet(seen) ? deadline_code(deadline) : seen;
}
