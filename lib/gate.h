/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate.h: the place to sleep, and to wake who sleeps there.
 *
 * A gate is a semaphore of an object's block, and a few words in its entry.
 * What it waits for (a message, room) is known to the caller alone.
 */
#ifndef SYSVMP_GATE_H
#define SYSVMP_GATE_H

#include <sys/types.h>

#include "deadline.h"
#include "object.h"

struct gate {
    struct gate_words *words;
    int semaphores;
    int semaphore;
};

struct gate_wait {
    /* What came of it, or a code; -EAGAIN: nothing yet; -EINPROGRESS: nothing
     * yet, and no bell will ring for it: look again soon.  woken: a token was
     * taken, so a hint must not be trusted. */
    ssize_t (*look)(void *context, bool woken);
    /* For how many others there is something; UINT32_MAX: for all. */
    uint32_t (*more)(void *context);
    void *context;
    /* At a broadcast: would look() answer?  A load or two tell. */
    bool (*done)(const void *context);
};

/*
 * To be called after a change that sleepers wait for, and a full fence (each
 * read-modify-write is one): wakes n of them, or all where they are fewer.
 * One load when nobody sleeps.  0, or a code where the kernel refused: then
 * nobody was woken.
 */
int gate_post(const struct gate *gate, uint32_t n);

static inline int
gate_wake_many(const struct gate *gate, uint32_t n)
{
    return UNLIKELY(shm_load(&gate->words->sleepers) > 0)
        ? gate_post(gate, n)
        : 0;
}

static inline int
gate_wake(const struct gate *gate)
{
    return gate_wake_many(gate, 1);
}

/*
 * To be called before such a change: would the kernel let this process wake
 * those who sleep there now?  0, or the code of its refusal.  One load, and 0,
 * when nobody sleeps.  A sleeper may still come between this and the change,
 * so gate_wake() can be refused after it.
 */
int gate_ask(const struct gate *gate);

static inline int
gate_may(const struct gate *gate)
{
    return UNLIKELY(shm_load(&gate->words->sleepers) > 0) ? gate_ask(gate)
                                                          : 0;
}

/* Looks, and sleeps between looks, until there is something or the deadline
 * has passed.  -EAGAIN or -ETIMEDOUT then; -EINTR; -EIDRM; -EACCES or -ENOSYS
 * where the kernel refuses the sleep. */
ssize_t gate_sleep(const struct gate *gate, const struct gate_wait *wait,
    struct deadline *deadline);

#endif /* SYSVMP_GATE_H */
