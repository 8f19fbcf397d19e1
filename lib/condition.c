/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * condition.c: Condition: the public calls.  How it works is in
 * condition-notify.c and condition-wait.c.
 */
#include "internal.h"

#include <stdlib.h>

#include "arena.h"
#include "callback.h"
#include "condition.h"
#include "error.h"
#include "make.h"
#include "memory.h"

#define CONDITION_MAGIC 0x434f4e44u

enum { REFERENCE, TURN, SLOTS };

static const struct object_wish wish = {
    .kind = OBJECT_CONDITION,
    .slots = SLOTS,
    .reference = REFERENCE,
};

static bool
valid(const struct sysvmp_condition *c)
{
    return c != NULL && handle_valid(&c->handle, CONDITION_MAGIC);
}

static int
prepare(struct handle *handle)
{
    struct sysvmp_condition *c = (struct sysvmp_condition *) handle;
    struct holding *h = &handle->holding[0];
    struct condition_words *words = &h->place.object->condition;

    h->side = h->place.counter + TURN;
    waiters_open(&c->waiters, handle->arena, &h->place);
    c->waiters.bury = condition_bury;
    c->tickets = &words->tickets;
    c->broadcast = broadcast_at(&h->place, TURN, &words->sleepers);
    return 0;
}

static int
create(struct sysvmp_condition **out, struct sysvmp_lock *lock,
    struct sysvmp_rlock *rlock)
{
    struct sysvmp_condition *c = calloc(1, sizeof(*c));
    int error;

    if (c == NULL)
        return -ENOMEM;
    c->lock = lock;
    c->rlock = rlock;
    c->mutex = lock != NULL ? lock_mutex(lock) : rlock_mutex(rlock);
    error = handle_make(&c->handle, CONDITION_MAGIC, &wish, prepare);
    if (error < 0)
        free(c);
    else
        *out = c;
    return error;
}

static int
create_with_own(struct sysvmp_condition **out)
{
    struct sysvmp_rlock *rlock;
    int error = sysvmp_rlock_create(&rlock);

    if (error < 0)
        return error;
    error = create(out, NULL, rlock);
    if (error < 0)
        sysvmp_rlock_destroy(rlock);
    else
        (*out)->own_lock = true;
    return error;
}

int
sysvmp_condition_create(struct sysvmp_condition **out,
    struct sysvmp_lock *lock_or_null)
{
    GUARDED;
    int error;

    error_begin();
    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    if (lock_or_null == NULL)
        return error_return(create_with_own(out));
    error = lock_usable(lock_or_null);
    if (error == 0)
        error = create(out, lock_or_null, NULL);
    return error_return(error);
}

int
sysvmp_condition_create_rlock(struct sysvmp_condition **out,
    struct sysvmp_rlock *lock)
{
    GUARDED;
    int error;

    error_begin();
    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    error = rlock_usable(lock);
    if (error == 0)
        error = create(out, NULL, lock);
    return error_return(error);
}

int
sysvmp_condition_acquire(struct sysvmp_condition *c, int timeout_ms)
{
    if (UNLIKELY(!valid(c)))
        return error_return(-EINVAL);
    return c->lock != NULL ? sysvmp_lock_acquire(c->lock, timeout_ms)
                           : sysvmp_rlock_acquire(c->rlock, timeout_ms);
}

int
sysvmp_condition_release(struct sysvmp_condition *c)
{
    if (UNLIKELY(!valid(c)))
        return error_return(-EINVAL);
    return c->lock != NULL ? sysvmp_lock_release(c->lock)
                           : sysvmp_rlock_release(c->rlock);
}

int
sysvmp_condition_wait(struct sysvmp_condition *c, int timeout_ms)
{
    GUARDED;
    struct deadline deadline = DEADLINE(timeout_ms);

    if (!valid(c) || timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    return error_return(condition_wait(c, &deadline));
}

static int
wait_for(struct sysvmp_condition *c, int (*pred)(void *), void *arg,
    struct deadline *deadline)
{
    int result = 0;

    (void) deadline_left(deadline); /* it begins now */
    while (callback_call_watched(pred, arg) == 0) {
        if (result < 0)
            return result;
        if (deadline_left(deadline) == 0)
            return deadline_code(deadline);
        result = condition_wait(c, deadline);
        /* When the time is up it is asked once more. */
        if (result != 0 && result != -ETIMEDOUT)
            return result;
    }
    return 0;
}

int
sysvmp_condition_wait_for(struct sysvmp_condition *c, int (*pred)(void *),
    void *arg, int timeout_ms)
{
    GUARDED;
    struct deadline deadline = DEADLINE(timeout_ms);

    if (!valid(c) || pred == NULL || timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    if (arena_me(c->handle.arena) == 0)
        return error_return(arena_gone(c->handle.arena));
    if (!condition_mine(c))
        return error_return(-EPERM);
    return error_return(wait_for(c, pred, arg, &deadline));
}

static int
notify(struct sysvmp_condition *c, unsigned n, bool all)
{
    if (arena_me(c->handle.arena) == 0)
        return arena_gone(c->handle.arena);
    if (!condition_mine(c))
        return -EPERM;
    return condition_notify(c, n, all);
}

int
sysvmp_condition_notify(struct sysvmp_condition *c, unsigned n)
{
    if (UNLIKELY(!valid(c)))
        return error_return(-EINVAL);
    return error_return(notify(c, n, false));
}

int
sysvmp_condition_notify_all(struct sysvmp_condition *c)
{
    if (UNLIKELY(!valid(c)))
        return error_return(-EINVAL);
    return error_return(notify(c, 0, true));
}

void
sysvmp_condition_destroy(struct sysvmp_condition *c)
{
    GUARDED;
    struct arena *arena;

    if (!valid(c))
        return;
    arena = c->handle.arena;
    handle_unmake(&c->handle);
    memory_settle(arena);
    if (c->own_lock)
        sysvmp_rlock_destroy(c->rlock);
    free(c);
}
