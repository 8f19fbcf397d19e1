/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate.c: the sleep and wake protocol.  t/model/gate.pml and space.pml are
 * its models.
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
 *
 * Unlike demands.  All who sleep at a gate should wait for the same.  Senders
 * do not: one needs 4 KiB of room, another 64 bytes, and one token may wake
 * only the first.  Their gate has a second semaphore, retry, that counts
 * events: who took a token in vain though there is enough for a smaller one
 * adds 1, and then everybody looks again.  It is read before each look, and a
 * sleep is for as long as it has that value: who is between look and sleep
 * does not fall asleep, and the kernel wakes the others with EAGAIN.  Whether
 * anybody needs so little is known from `least`, which only ever falls: a
 * value that is too low costs a look, and equal sleepers never stir the rest.
 * (Passing the token on instead is not enough: it may come back to the same.)
 */
#include "internal.h"

#include "gate.h"
#include "sysv.h"

#define BRIEF_NS 100000 /* between looks while no bell would ring */

void
gate_post(const struct gate *gate)
{
    struct sembuf give = sem_operation(gate->semaphore, 1, 0);

    /* ERANGE: 32,767 tokens are out, which is enough.  EIDRM: the sleepers
     * have been told by the kernel. */
    if (shm_load(&gate->words->token) == 0 &&
        shm_xchg(&gate->words->token, 1) == 0)
        (void) sysv_semop(gate->semaphores, &give, 1);
}

/* Announces what we need, before the look. */
static void
need(const struct gate *gate, uint32_t bytes)
{
    uint32_t least = shm_load(&gate->words->least);

    while (~bytes > least)
        if (shm_cas(&gate->words->least, &least, ~bytes))
            return;
}

/* We took a token, and it was not for us: for somebody else, perhaps. */
static void
stir(const struct gate *gate, const struct gate_wait *wait)
{
    struct sembuf event = sem_operation(gate->retry, 1, 0);

    if (!wait->enough(wait->context, ~shm_load(&gate->words->least)))
        return;
    if (sysv_semop(gate->semaphores, &event, 1) == -ERANGE) {
        event.sem_op = -32767; /* any other value will do */
        event.sem_flg = IPC_NOWAIT; /* another one may have done it */
        (void) sysv_semop(gate->semaphores, &event, 1);
    }
}

/*
 * Takes a token, sleeping for it.  -EAGAIN: the deadline has passed, or the
 * event count is not `events` any more.
 */
static int
take_token(const struct gate *gate, int events, struct deadline *deadline)
{
    struct sembuf take[4] = {
        sem_operation(gate->retry, -events, IPC_NOWAIT),
        sem_operation(gate->retry, 0, IPC_NOWAIT),
        sem_operation(gate->retry, events, 0),
        sem_operation(gate->semaphore, -1, 0),
    };
    int error;

    if (gate->retry < 0) {
        error = sysv_semwait(gate->semaphores, &take[3], 1, deadline);
    } else if (events == 0) {
        take[2] = take[3];
        error = sysv_semwait(gate->semaphores, &take[1], 2, deadline);
    } else {
        error = sysv_semwait(gate->semaphores, take, 4, deadline);
    }
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
sleep_once(const struct gate *gate, int events, bool brief,
    struct deadline *deadline)
{
    struct deadline soon;
    int error;

    if (brief)
        soon = deadline_brief(deadline, BRIEF_NS);
    error = take_token(gate, events, brief ? &soon : deadline);
    if (error == -EAGAIN && (brief || gate->retry >= 0) &&
        deadline_left(deadline) > 0)
        return 0;
    return error == 0 ? 1 : error;
}

/* The loop of gate_sleep(); *had: a token was taken. */
static ssize_t
look_and_sleep(const struct gate *gate, const struct gate_wait *wait,
    struct deadline *deadline, bool *had)
{
    int slept = 0;

    for (;;) {
        int events = 0;
        ssize_t seen;

        if (gate->retry >= 0) {
            events = sysv_sem_value(gate->semaphores, gate->retry);
            if (events < 0)
                return events;
        }
        seen = wait->look(wait->context, *had);
        if (!nothing_yet(seen))
            return seen;
        if (slept == 1 && gate->retry >= 0)
            stir(gate, wait); /* once for each token, or it would not end */
        slept = sleep_once(gate, events, seen == -EINPROGRESS, deadline);
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

ssize_t
gate_sleep(const struct gate *gate, const struct gate_wait *wait,
    struct deadline *deadline)
{
    bool had = false;
    ssize_t seen;

    if (gate->retry >= 0)
        need(gate, wait->bytes);
    shm_add(&gate->words->sleepers, 1);
    seen = look_and_sleep(gate, wait, deadline, &had);
    shm_sub(&gate->words->sleepers, 1);
    if (had && wait->more(wait->context))
        gate_wake(gate);
    return nothing_yet(seen) ? deadline_code(deadline) : seen;
}
