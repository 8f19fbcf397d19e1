/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * channel-claim.c: a joinable channel: what was taken from it is its taker's
 * until that is done.
 *
 * Why a receiver does not sleep for ever when a taker dies: the taker's bell
 * rings at the receive gate, and who looks there gives back what it had.  Why
 * who joins does not: who has done the last one wakes the join gate, or is
 * replaced by its bell.
 */
#include "internal.h"

#include <stdlib.h>

#include "channel.h"
#include "claim.h"
#include "heap.h"

/* Who is waiting for the last one to be done. */
static void
tell_finished(struct channel *channel)
{
    if (claim_unfinished(&channel->words->list) != 0)
        return;
    gate_wake(&channel->join);
    channel_tell(channel); /* it may be the end of file */
}

void
channel_mend(struct channel *channel, struct list_view *view)
{
    claim_mend(&channel->list, view);
    channel_tell(channel);
    tell_finished(channel);
}

void
channel_reap(struct channel *channel, struct list_view *view)
{
    if (channel_claimed_by_others(channel) &&
        claim_reap(&channel->list, view) > 0)
        channel_tell(channel);
}

void
channel_settle(struct channel *channel)
{
    struct deadline at_once = DEADLINE(SYSVMP_NOWAIT);
    struct list_view view;

    if (!channel_claimed_by_others(channel) ||
        channel_enter(channel, &at_once, &view) < 0)
        return;
    channel_reap(channel, &view);
    list_leave(&channel->list);
}

static int
end_claim(struct channel *channel, uint32_t unit, bool done)
{
    struct deadline forever = DEADLINE(SYSVMP_FOREVER);
    struct list_view view;
    int error = channel_enter(channel, &forever, &view);

    if (error < 0)
        return error;
    error = claim_end(&channel->list, &view, unit, done);
    list_leave(&channel->list);
    if (error == 0 && view.freed != 0)
        heap_give(channel->list.arena, view.freed - 1);
    return error;
}

int
channel_end_claim(struct channel *channel, uint32_t unit, bool done)
{
    struct claims *claims = channel->claims;
    struct claim_note *note;
    int error;

    if (arena_me(channel->handle->arena) == 0)
        return arena_gone(channel->handle->arena);
    registry_lock();
    claims_check(claims);
    note = claims_take(claims, unit);
    registry_unlock();
    if (note == NULL)
        return -EOVERFLOW;
    error = end_claim(channel, note->unit, done);
    if (error == -EINTR || error == -EBADF) {
        registry_lock();
        claims_put_back(claims, note);
        registry_unlock();
        return error;
    }
    free(note);
    if (error < 0)
        return error;
    if (!done)
        channel_tell(channel);
    tell_finished(channel);
    return 0;
}

void
channel_give_up_claims(struct channel *channel)
{
    struct claims *claims = channel->claims;

    claims_check(claims);
    while (claims->first != NULL) {
        struct claim_note *note = claims->first;

        claims->first = note->next;
        (void) end_claim(channel, note->unit, false);
        free(note);
    }
    claims->end = &claims->first;
    own_store(&claims->n, 0);
    channel_tell(channel);
}

/*
 * To join.
 */

/* Whoever takes the lock mends it. */
static void
mend_now(struct channel *channel)
{
    struct deadline at_once = DEADLINE(SYSVMP_NOWAIT);
    struct list_view view;

    if (channel_enter(channel, &at_once, &view) == 0)
        list_leave(&channel->list);
}

static ssize_t
look(void *context, bool woken)
{
    struct channel *channel = context;

    if (arena_me(channel->handle->arena) == 0)
        return arena_gone(channel->handle->arena);
    if (woken)
        mend_now(channel); /* the bell of one who had just done the last */
    return claim_unfinished(&channel->words->list) == 0 ? 0 : -EAGAIN;
}

static bool
more(void *context)
{
    const struct channel *channel = context;

    return claim_unfinished(&channel->words->list) == 0;
}

int
channel_join(struct channel *channel, int timeout_ms)
{
    struct deadline deadline = DEADLINE(timeout_ms);
    struct gate_wait wait = { .look = look, .more = more,
        .context = channel };
    ssize_t result = look(channel, false);

    if (result != -EAGAIN || timeout_ms == SYSVMP_NOWAIT)
        return (int) result;
    return (int) gate_sleep(&channel->join, &wait, &deadline);
}
