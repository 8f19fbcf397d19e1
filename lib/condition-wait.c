/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * condition-wait.c: a wait at a condition, from the lock's release until it is
 * taken again.  condition-notify.c has the protocol.
 */
#include "internal.h"

#include "arena.h"
#include "callback.h"
#include "condition.h"
#include "error.h"
#include "member.h"

/* One wait. */
struct wait {
    struct sysvmp_condition *c;
    struct waiter *entry;
    uint64_t word; /* while it waits */
    unsigned depth;
    bool holds;    /* the lock, which it may not release any more */
};

/*
 * Its lock.
 */

bool
condition_mine(const struct sysvmp_condition *c)
{
    return c->lock != NULL ? mutex_mine(c->mutex) : rlock_mine(c->rlock);
}

static int
let_go(struct wait *wait)
{
    struct sysvmp_condition *c = wait->c;

    return c->lock != NULL ? lock_let_go(c->lock)
                           : rlock_let_go(c->rlock, &wait->depth);
}

static int
take(const struct wait *wait, struct deadline deadline)
{
    struct sysvmp_condition *c = wait->c;

    return c->lock != NULL ? lock_take(c->lock, deadline)
                           : rlock_take(c->rlock, deadline, wait->depth);
}

static void
drop_lock(const struct wait *wait)
{
    struct sysvmp_condition *c = wait->c;

    if (c->lock != NULL)
        lock_drop(c->lock);
    else
        rlock_drop(c->rlock);
}

/* However long that takes.  -EIDRM: it can't be had. */
static int
take_again(const struct wait *wait)
{
    int result = take(wait, DEADLINE_DEAF);

    if (result >= 0 || result == -EIDRM)
        return result;
    return error_detail(-EIDRM,
        "the wait is over, but the lock can't be taken again (%s): it is not "
        "held", sysvmp_strerror(result));
}

/* There is nothing to wait at any more: the lock is not had then, so that the
 * code says whether it is. */
static int
refuse(const struct wait *wait, int code)
{
    if (code == -EIDRM)
        drop_lock(wait);
    return code;
}

/*
 * Has a holder died with it?  1, 0, or a code; -EINPROGRESS: it is dying, and
 * the bit that tells is up yet, in another set than ours, where its bell has
 * rung.  (Or it has never had this condition.)
 */
static int
holder_died(const struct sysvmp_condition *c)
{
    const struct word *word = &c->mutex->word;
    uint64_t owner = mutex_owner(c->mutex);
    int dead;

    if (owner == 0 || owner == self_id())
        return 0;
    dead = member_dead(word->arena, word->semaphores, owner);
    if (dead != 0 || word->semaphores == c->waiters.semaphores)
        return dead;
    dead = member_dead(word->arena, c->waiters.semaphores, owner);
    return dead == 1 ? -EINPROGRESS : dead;
}

/*
 * To wait.
 */

static bool
notified(const void *context)
{
    const struct wait *wait = context;

    return shm_load(&wait->entry->word) != wait->word;
}

/* The lock that was not what we came for.  A refusal ends the wait. */
static int
give_again(struct wait *wait)
{
    int refusal = let_go(wait);

    wait->holds = refusal < 0 && condition_mine(wait->c);
    return wait->holds ? refusal : -EINPROGRESS;
}

/* The lock of a dead holder is taken by one of those who wait. */
static ssize_t
look_at_lock(struct wait *wait)
{
    int died = holder_died(wait->c);

    if (died == 0)
        return -EAGAIN;
    if (died < 0)
        return died;
    died = take(wait, DEADLINE(SYSVMP_NOWAIT));
    if (died == SYSVMP_OWNER_DEAD)
        return SYSVMP_OWNER_DEAD;
    if (died == 0)
        died = give_again(wait); /* somebody else was told */
    else
        died = -EINPROGRESS;
    return died;
}

/* 0: it was notified; SYSVMP_OWNER_DEAD: and it has the lock. */
static ssize_t
look(void *context, bool woken)
{
    struct wait *wait = context;
    int error;

    (void) woken;
    if (notified(wait))
        return 0;
    error = condition_inherit(wait->c);
    if (error < 0)
        return error;
    return notified(wait) ? 0 : look_at_lock(wait);
}

static int
sleep_for_it(struct wait *wait, struct deadline *deadline)
{
    struct gate_wait asleep = { .look = look, .context = wait,
        .done = notified };

    if (deadline->timeout_ms != SYSVMP_NOWAIT &&
        spin_wait(&wait->c->spin, deadline, notified, wait))
        return 0;
    return (int) broadcast_sleep(&wait->c->broadcast, &asleep, deadline);
}

/* Waits no longer: false, if it was notified before. */
static bool
retract(const struct wait *wait)
{
    uint64_t word = wait->word;

    if (!shm_cas(&wait->entry->word, &word, 0))
        return false;
    shm_store(&wait->entry->owner, 0);
    return true;
}

/* It was notified, but can't have the lock.  (The notification may have been
 * taken back since.) */
static void
pass_on(const struct wait *wait)
{
    if (!retract(wait))
        (void) condition_hand_on(wait->c, wait->entry);
}

/* The interrupt function has left the sleep by an exception.  The lock is held
 * as at any return, and a notification that came meanwhile goes to another. */
static void
condition_abandon(void *arg)
{
    const struct wait *wait = arg;
    bool told = !retract(wait);

    if (!wait->holds)
        (void) take_again(wait);
    if (told)
        pass_on(wait);
}

static int
sleep_guarded(struct wait *wait, struct deadline *deadline)
{
    struct undo undo;
    int seen;

    undo_push(&undo, condition_abandon, wait);
    seen = sleep_for_it(wait, deadline);
    undo_pop(&undo);
    return seen;
}

/* It is on the list, and has the lock no more. */
static int
wait_there(struct wait *wait, struct deadline *deadline)
{
    int seen = sleep_guarded(wait, deadline);
    bool told = seen == 0 || !retract(wait);
    int result = seen == SYSVMP_OWNER_DEAD ? seen : 0;

    if (result == 0 && !wait->holds)
        result = take_again(wait);
    if (told && result < 0)
        pass_on(wait);
    else if (told)
        waiter_free(wait->entry);
    if (told || result != 0)
        return result;
    return refuse(wait, seen);
}

int
condition_wait(struct sysvmp_condition *c, struct deadline *deadline)
{
    struct wait wait = { .c = c };
    int error;

    if (arena_me(c->handle.arena) == 0)
        return arena_gone(c->handle.arena);
    if (!condition_mine(c))
        return -EPERM;
    error = waiters_claim(&c->waiters, deadline, &wait.entry);
    if (error < 0)
        return refuse(&wait, error);
    wait.word = (shm_add(c->tickets, 1) + 1) << STATE_BITS | WAITING;
    shm_store(&wait.entry->word, wait.word);
    error = let_go(&wait);
    if (error == 0)
        return wait_there(&wait, deadline);
    pass_on(&wait);
    return error == -EOVERFLOW ? -EPERM : error;
}

