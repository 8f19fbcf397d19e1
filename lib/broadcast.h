/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * broadcast.h: a place where many sleep, all of whom are woken at once.
 *
 * It is two semaphores and a word.  The turn goes up with each wake-up; the
 * side, with each time that the turn begins anew.  Who uses it has a bell at
 * the turn.
 */
#ifndef SYSVMP_BROADCAST_H
#define SYSVMP_BROADCAST_H

#include "gate.h"

struct broadcast {
    _Atomic uint32_t *sleepers; /* announced, by the sleepers themselves */
    int semaphores;
    int turn;
    int side;
};

/* Where it was seen. */
struct broadcast_turn {
    int turn, side;
};

/* That of an object's slot: its gate and its counter. */
static inline struct broadcast
broadcast_at(const struct place *place, int slot, _Atomic uint32_t *sleepers)
{
    return (struct broadcast){ sleepers, place->semaphores,
        place->gate + slot, place->counter + slot };
}

/* To be called after a change that sleepers wait for, and a full fence.  One
 * load when nobody sleeps.  Async-signal-safe. */
void broadcast_post(const struct broadcast *broadcast);

static inline void
broadcast_wake(const struct broadcast *broadcast)
{
    if (UNLIKELY(shm_load(broadcast->sleepers) > 0))
        broadcast_post(broadcast);
}

/* As gate_sleep(); wait->more is not asked. */
ssize_t broadcast_sleep(const struct broadcast *broadcast,
    const struct gate_wait *wait, struct deadline *deadline);

/*
 * Its parts, for who sleeps for more than one thing: to be seen before the
 * look, after which comes the sleep.  0: look again, -EAGAIN: the time is up,
 * or a code.
 */
int broadcast_see(const struct broadcast *broadcast,
    struct broadcast_turn *seen);
int broadcast_await(const struct broadcast *broadcast,
    const struct broadcast_turn *seen, bool brief, struct deadline *deadline);

#endif /* SYSVMP_BROADCAST_H */
