/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * barrier.c: Barrier: the public calls.  How it works is in barrier-wait.c.
 */
#include "internal.h"

#include <limits.h>
#include <stdlib.h>

#include "arena.h"
#include "barrier.h"
#include "error.h"
#include "make.h"
#include "memory.h"

#define BARRIER_MAGIC 0x42415252u

enum { REFERENCE, TURN, SLOTS };

static const struct object_wish wish_for_one = {
    .kind = OBJECT_BARRIER,
    .slots = SLOTS,
    .reference = REFERENCE,
};

static bool
valid(const struct sysvmp_barrier *b)
{
    return b != NULL && handle_valid(&b->handle, BARRIER_MAGIC);
}

static bool
resign(struct handle *handle, bool alone, struct deadline *deadline)
{
    (void) alone, (void) deadline;
    barrier_resign((struct sysvmp_barrier *) handle);
    return true;
}

static int
prepare(struct handle *handle)
{
    struct sysvmp_barrier *b = (struct sysvmp_barrier *) handle;
    struct holding *h = &handle->holding[0];
    struct barrier_words *words = &h->place.object->barrier;

    h->side = h->place.counter + TURN;
    waiters_open(&b->waiters, handle->arena, &h->place);
    b->waiters.bury = barrier_bury;
    b->state = &words->state;
    b->broadcast = broadcast_at(&h->place, TURN, &words->sleepers);
    return 0;
}

int
sysvmp_barrier_create(struct sysvmp_barrier **out, unsigned parties,
    int (*action)(void *), void *arg)
{
    GUARDED;
    struct object_wish wish = wish_for_one;
    struct sysvmp_barrier *b;
    int error;

    error_begin();
    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    if (parties == 0 || parties > INT_MAX)
        return error_return(-EINVAL);
    b = calloc(1, sizeof(*b));
    if (b == NULL)
        return error_return(-ENOMEM);
    b->parties = parties;
    b->action = action;
    b->arg = arg;
    b->handle.resign = resign;
    wish.limit = parties;
    error = handle_make(&b->handle, BARRIER_MAGIC, &wish, prepare);
    if (error < 0)
        free(b);
    else
        *out = b;
    return error_return(error);
}

int
sysvmp_barrier_wait(struct sysvmp_barrier *b, int timeout_ms)
{
    GUARDED;

    if (!valid(b) || timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    return error_return(barrier_pass(b, timeout_ms));
}

int
sysvmp_barrier_reset(struct sysvmp_barrier *b)
{
    if (!valid(b))
        return error_return(-EINVAL);
    if (arena_me(b->handle.arena) == 0)
        return error_return(arena_gone(b->handle.arena));
    return error_return(barrier_renew(b));
}

int
sysvmp_barrier_abort(struct sysvmp_barrier *b)
{
    if (!valid(b))
        return error_return(-EINVAL);
    if (arena_me(b->handle.arena) == 0)
        return error_return(arena_gone(b->handle.arena));
    return error_return(barrier_break(b));
}

int
sysvmp_barrier_parties(const struct sysvmp_barrier *b)
{
    if (!valid(b))
        return error_return(-EINVAL);
    if (arena_me(b->handle.arena) == 0)
        return error_return(arena_gone(b->handle.arena));
    return (int) b->parties;
}

int
sysvmp_barrier_n_waiting(const struct sysvmp_barrier *b)
{
    uint64_t state;
    int error;

    if (!valid(b))
        return error_return(-EINVAL);
    error = barrier_settled(b, &state);
    if (error < 0)
        return error_return(error);
    return barrier_waiting(state);
}

int
sysvmp_barrier_broken(const struct sysvmp_barrier *b)
{
    uint64_t state;
    int error;

    if (!valid(b))
        return error_return(-EINVAL);
    error = barrier_settled(b, &state);
    if (error < 0)
        return error_return(error);
    return barrier_is_broken(state);
}

void
sysvmp_barrier_destroy(struct sysvmp_barrier *b)
{
    GUARDED;
    struct arena *arena;

    if (!valid(b))
        return;
    arena = b->handle.arena;
    handle_unmake(&b->handle);
    memory_settle(arena);
    free(b);
}
