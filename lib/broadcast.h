/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * broadcast.h: a place where many sleep, all of whom are woken at once.
 *
 * It is two semaphores and a word.  The turn goes up with each wake-up; the
 * side, with each death of one who uses it, who has its bell there.
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

/* What was seen there. */
struct broadcast_seen {
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
 * load when nobody sleeps.  0, or a code where the kernel refused: then nobody
 * was woken.  Async-signal-safe. */
int broadcast_post(const struct broadcast *broadcast);

static inline int
broadcast_wake(const struct broadcast *broadcast)
{
    return UNLIKELY(shm_load(broadcast->sleepers) > 0)
        ? broadcast_post(broadcast)
        : 0;
}

/* To be called before such a change: 0, or the code that its wake-up would get;
 * asked only if somebody sleeps.  Async-signal-safe. */
int broadcast_ask(const struct broadcast *broadcast);

static inline int
broadcast_may(const struct broadcast *broadcast)
{
    return UNLIKELY(shm_load(broadcast->sleepers) > 0)
        ? broadcast_ask(broadcast)
        : 0;
}

/* As gate_sleep(); wait->more is not asked. */
ssize_t broadcast_sleep(const struct broadcast *broadcast,
    const struct gate_wait *wait, struct deadline *deadline);

/*
 * Its parts, for who sleeps for more than one thing: to see it, then to look,
 * then to sleep.  0: look again; -EAGAIN: the time is up; or a code.
 * at_most_ns: INT64_MAX, or look again after that.  As long as the side is the
 * same, nobody has died.
 */
int broadcast_see(const struct broadcast *broadcast,
    struct broadcast_seen *seen);
int broadcast_await(const struct broadcast *broadcast,
    const struct broadcast_seen *seen, int64_t at_most_ns,
    struct deadline *deadline);

#endif /* SYSVMP_BROADCAST_H */
