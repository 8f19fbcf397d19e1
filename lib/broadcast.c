/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * broadcast.c: how many sleep at once and are woken together.
 * t/model/broadcast.pml is its model.
 *
 * Nobody takes anything from the turn, so nobody can take another's wake-up.
 * A sleeper announces itself, sees the turn, looks, and sleeps until the turn
 * is past the one it saw: {turn,-(t+1)} {turn,+(t+1)} in one step.
 *
 * Why nobody sleeps for ever: who makes a change raises the turn after it, if
 * anybody is announced; one who dies between the two is replaced by its bell,
 * which raises the turn as well.  A sleeper that saw the turn before that does
 * not sleep on; one that saw it after that looks after the change.  When the
 * turn begins anew, the side changes in the same step, and who compares it
 * with the one it saw looks again.
 */
#include "internal.h"

#include "block.h"
#include "broadcast.h"
#include "sysv.h"

#define BRIEF_NS 100000 /* between looks while no bell would ring */

void
broadcast_post(const struct broadcast *broadcast)
{
    struct sembuf next = sem_operation(broadcast->turn, 1, 0);

    /* ERANGE: the turn is at its end, and so past all that anybody sleeps
     * for: nobody sleeps for one after half of that. */
    (void) sysv_semop(broadcast->semaphores, &next, 1);
}

int
broadcast_see(const struct broadcast *broadcast, struct broadcast_turn *seen)
{
    do {
        /* The side first: a flip after that is seen by the sleep. */
        seen->side = sysv_sem_value(broadcast->semaphores, broadcast->side);
        seen->turn = sysv_sem_value(broadcast->semaphores, broadcast->turn);
        if (seen->turn >= TURNS)
            block_flip(broadcast->semaphores, broadcast->turn,
                broadcast->side);
    } while (seen->turn >= TURNS);
    return seen->side < 0 ? seen->side : seen->turn < 0 ? seen->turn : 0;
}

int
broadcast_await(const struct broadcast *broadcast,
    const struct broadcast_turn *seen, bool brief, struct deadline *deadline)
{
    struct sembuf past[5];
    struct deadline soon;
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
        soon = deadline_brief(deadline, BRIEF_NS);
    error = sysv_semwait(broadcast->semaphores, past, n,
        brief ? &soon : deadline);
    /* It is another side now, or that was the brief sleep. */
    if (error == -EAGAIN && deadline_left(deadline) > 0)
        return 0;
    return error;
}

static bool
nothing_yet(ssize_t seen)
{
    return seen == -EAGAIN || seen == -EINPROGRESS;
}

static ssize_t
look_and_sleep(const struct broadcast *broadcast, const struct gate_wait *wait,
    struct deadline *deadline)
{
    for (;;) {
        struct broadcast_turn turn;
        ssize_t seen;
        int slept = broadcast_see(broadcast, &turn);

        if (slept < 0)
            return slept;
        seen = wait->look(wait->context, true);
        if (!nothing_yet(seen))
            return seen;
        slept = broadcast_await(broadcast, &turn, seen == -EINPROGRESS,
            deadline);
        if (slept == -EAGAIN)
            break;
        if (slept < 0)
            return slept;
    }
    /* The time is up: one last look. */
    return wait->look(wait->context, true);
}

ssize_t
broadcast_sleep(const struct broadcast *broadcast,
    const struct gate_wait *wait, struct deadline *deadline)
{
    ssize_t seen;

    shm_add(broadcast->sleepers, 1);
    seen = look_and_sleep(broadcast, wait, deadline);
    shm_sub(broadcast->sleepers, 1);
    return nothing_yet(seen) ? deadline_code(deadline) : seen;
}
