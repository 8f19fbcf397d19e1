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

/* Does somebody wait for the last one to be done, when nothing else is left?
 * It may be the end of file, too. */
static int
may_tell_finished(const struct channel *channel, const struct list_view *view)
{
    int error;

    if (view->count != 0 || view->claimed > 1)
        return 0;
    error = gate_may(&channel->join);
    return error < 0 ? error : channel_may_tell(channel);
}

static int
tell_finished(struct channel *channel)
{
    int error, other;

    if (claim_unfinished(&channel->words->list) != 0)
        return 0;
    error = gate_wake_many(&channel->join, UINT32_MAX);
    other = channel_tell(channel, UINT32_MAX);
    return error < 0 ? error : other;
}

/*
 * What the dead one had begun must be finished, whether or not we may wake
 * others: where the kernel refuses that, the bells of the dead one wake them.
 */
void
channel_mend(struct channel *channel, struct list_view *view)
{
    claim_mend(&channel->list, view);
    (void) channel_tell(channel, UINT32_MAX);
    (void) tell_finished(channel);
}

/* Nothing is given back by a process that may not wake those who wait for it:
 * the next one who looks does it. */
int
channel_reap(struct channel *channel, struct list_view *view)
{
    struct claim_roll roll;
    int n, error;

    if (!channel_claimed_by_others(channel))
        return 0;
    n = claim_dead(&channel->list, view, &roll);
    if (n <= 0)
        return n;
    error = channel_may_tell(channel);
    if (error < 0)
        return error;
    claim_reap(&channel->list, view, &roll);
    return channel_tell(channel, (uint32_t) n);
}

int
channel_settle(struct channel *channel, struct deadline *deadline)
{
    struct list_view view;
    int error;

    if (!channel_claimed_by_others(channel))
        return 0;
    error = channel_enter(channel, deadline, &view);
    if (error < 0)
        return channel_unlucky(error);
    error = channel_reap(channel, &view);
    list_leave(&channel->list);
    return error;
}

/*
 * Ends a claim, and wakes who waits for that.  The deadline is deaf, as it is
 * not for the interrupt function to ask; and only who comes back to it later
 * has one that ends: what was taken has to go somewhere.  Where the kernel
 * refuses to let us wake them, the claim is as before, and the code says why.
 */
static int
end_claim(struct channel *channel, uint32_t unit, bool done,
    struct deadline *deadline, struct list_view *view)
{
    int error = channel_enter(channel, deadline, view);

    if (error < 0)
        return error;
    error = done ? may_tell_finished(channel, view)
                 : channel_may_tell(channel);
    if (error == 0)
        error = claim_end(&channel->list, view, unit, done);
    list_leave(&channel->list);
    return error;
}

static int
resume_claim(struct channel *channel, uint32_t unit, bool done, uint64_t turn,
    int code)
{
    struct deadline deadline = DEADLINE_DEAF;
    struct list_view view;
    bool resumed;

    if (channel_enter(channel, &deadline, &view) < 0)
        return 0; /* what is done can't be taken back */
    resumed = claim_resume(&channel->list, &view, unit, done, turn);
    list_leave(&channel->list);
    return resumed ? code : 0;
}

static int
end_and_tell(struct channel *channel, uint32_t unit, bool done,
    struct deadline *deadline)
{
    uint64_t turn = claim_turn(&channel->list, unit);
    struct list_view view;
    int error = end_claim(channel, unit, done, deadline, &view);

    if (error < 0)
        return error;
    error = done ? tell_finished(channel) : channel_tell(channel, 1);
    if (error < 0)
        error = resume_claim(channel, unit, done, turn, error);
    if (error == 0 && view.freed != 0)
        heap_give(channel->list.arena, view.freed - 1);
    return error;
}

int
channel_end_claim(struct channel *channel, uint32_t unit, bool done)
{
    struct claims *claims = channel->claims;
    struct deadline deadline = DEADLINE_DEAF;
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
    error = end_and_tell(channel, note->unit, done, &deadline);
    if (error == 0 || error == -EOVERFLOW) { /* or it is no claim any more */
        free(note);
        return error;
    }
    registry_lock();
    claims_put_back(claims, note);
    registry_unlock();
    return error;
}

/* One that the kernel does not let us give back comes back at our death. */
bool
channel_give_up_claims(struct channel *channel, struct deadline *deadline)
{
    struct claim_note *note;

    claims_check(channel->claims);
    while ((note = claims_take_first(channel->claims)) != NULL) {
        if (end_and_tell(channel, note->unit, false, deadline) ==
            -ETIMEDOUT) {
            claims_put_back(channel->claims, note);
            return false;
        }
        free(note);
    }
    return true;
}

static struct claim_note *
take_first_note(struct claims *claims)
{
    struct claim_note *note;

    registry_lock();
    claims_check(claims);
    note = claims_take_first(claims);
    registry_unlock();
    return note;
}

void
channel_return_claims(struct channel *channel)
{
    struct deadline deadline = DEADLINE_DEAF;
    struct claim_note *note;

    while ((note = take_first_note(channel->claims)) != NULL) {
        (void) end_and_tell(channel, note->unit, false, &deadline);
        free(note);
    }
}

/*
 * To join.
 */

/* A call under way. */
struct joining {
    struct channel *channel;
    struct deadline deadline;
};

/*
 * Whoever takes the lock mends what a dead holder has left, which may have
 * done the last one; and whoever has it now may be about to commit that, and
 * have asked who waits before we did.
 */
static int
mend_now(struct joining *joining)
{
    struct list_view view;
    int error = channel_enter(joining->channel, &joining->deadline, &view);

    if (error < 0)
        return channel_unlucky(error);
    list_leave(&joining->channel->list);
    return 0;
}

static ssize_t
look(void *context, bool woken)
{
    struct joining *joining = context;
    struct channel *channel = joining->channel;
    int error = 0;

    if (arena_me(channel->handle->arena) == 0)
        return arena_gone(channel->handle->arena);
    if (woken || word_owner(&channel->list.lock) != 0)
        error = mend_now(joining);
    if (error < 0)
        return error;
    return claim_unfinished(&channel->words->list) == 0 ? 0 : -EAGAIN;
}

static uint32_t
more(void *context)
{
    const struct joining *joining = context;

    return claim_unfinished(&joining->channel->words->list) == 0 ? UINT32_MAX
                                                                 : 0;
}

/* A process that finds all done wakes the others who join: the one that has
 * done the last may be stopped before it does so.  Where the kernel refuses
 * that, the others still have that one to wake them, or its bell. */
int
channel_join(struct channel *channel, int timeout_ms)
{
    struct joining joining = { .channel = channel,
        .deadline = DEADLINE(timeout_ms) };
    struct gate_wait wait = { .look = look, .more = more,
        .context = &joining };
    ssize_t result = look(&joining, false);

    if (result == 0)
        (void) gate_wake_many(&channel->join, UINT32_MAX);
    if (result != -EAGAIN && result != -EINPROGRESS)
        return (int) result;
    if (timeout_ms == SYSVMP_NOWAIT)
        return -EAGAIN;
    return (int) gate_sleep(&channel->join, &wait, &joining.deadline);
}
