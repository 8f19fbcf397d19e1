/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * condition.h: a condition's handle, and the words of who waits there.
 */
#ifndef SYSVMP_CONDITION_H
#define SYSVMP_CONDITION_H

#include "broadcast.h"
#include "handle.h"
#include "lock.h"
#include "spin.h"
#include "waiters.h"

/* An entry's word: a number of tickets, and its state. */
#define STATE_BITS 2
enum { WAITING = 1, NOTIFIED = 2, STATE_MASK = 3 };

struct sysvmp_condition {
    struct handle handle; /* first: the registry's */
    struct waiters waiters;
    struct broadcast broadcast;
    struct spin spin;
    _Atomic uint64_t *tickets;
    const struct mutex *mutex;
    struct sysvmp_lock *lock;   /* one of the two */
    struct sysvmp_rlock *rlock;
    bool own_lock;
};

static inline uint64_t
ticket_of(uint64_t word)
{
    return word >> STATE_BITS;
}

static inline bool
is(uint64_t word, unsigned state)
{
    return (word & STATE_MASK) == state;
}

/* Marks n of those who wait, or all, and wakes them.  0; or a code, and none is
 * marked but who has seen it by then. */
int condition_notify(const struct sysvmp_condition *c, unsigned n, bool all);
/* Our entry's notification goes to another, if there is one, and our entry is
 * free.  0; or a code, and it is still ours, to be found when we end. */
int condition_hand_on(const struct sysvmp_condition *c, struct waiter *entry);
/* Hands on all that was for the dead. */
int condition_inherit(struct sysvmp_condition *c);
/* For waiters.c. */
int condition_bury(struct waiters *waiters, struct waiter *waiter,
    uint64_t owner);

/* Has the caller got its lock? */
bool condition_mine(const struct sysvmp_condition *c);
int condition_wait(struct sysvmp_condition *c, struct deadline *deadline);

#endif /* SYSVMP_CONDITION_H */
