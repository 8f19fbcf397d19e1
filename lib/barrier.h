/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * barrier.h: a barrier's handle, and what is done with it: barrier-wait.c.
 */
#ifndef SYSVMP_BARRIER_H
#define SYSVMP_BARRIER_H

#include "broadcast.h"
#include "handle.h"
#include "spin.h"
#include "waiters.h"

struct sysvmp_barrier {
    struct handle handle; /* first: the registry's */
    struct waiters waiters;
    struct broadcast broadcast;
    struct spin spin;
    _Atomic uint64_t *state;
    unsigned parties;
    int (*action)(void *);
    void *arg;
};

/* A whole wait: a number, or a code. */
int barrier_pass(struct sysvmp_barrier *b, int timeout_ms);
/* 0, or a code: the kernel would not let us wake those who wait. */
int barrier_break(const struct sysvmp_barrier *b);
int barrier_renew(const struct sysvmp_barrier *b);
/* Breaks it, if a thread of this process waits there: as our death would. */
void barrier_resign(const struct sysvmp_barrier *b);
/* Its present state, after who is dead has broken it: 0, or a code. */
int barrier_settled(const struct sysvmp_barrier *b, uint64_t *state);
int barrier_waiting(uint64_t state);
bool barrier_is_broken(uint64_t state);
/* For waiters.c. */
int barrier_bury(struct waiters *waiters, struct waiter *waiter,
    uint64_t owner);

#endif /* SYSVMP_BARRIER_H */
