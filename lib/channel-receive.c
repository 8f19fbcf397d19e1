/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * channel-receive.c: waits for messages in a channel, which channel-take.c
 * then takes.
 *
 * Never asleep inside msgrcv: the kernel hands a message to a sleeping
 * receiver before it runs, and a kill then would lose it.  It sleeps at the
 * receive gate and takes the message by itself.
 *
 * Why a receiver does not sleep for ever: who has sent wakes the gate, and
 * who died between the two is replaced by its bell.  The last writer's close
 * posts a token, its death rings its bell; who finds no writer while a child
 * is on its way to become one (cradle.c) does not sleep but looks again soon.
 */
#include "internal.h"

#include <stdlib.h>

#include "callback.h"
#include "channel.h"
#include "cradle.h"
#include "heap.h"
#include "receiving.h"
#include "sysv.h"

/*
 * To wait for a message.
 */

/* 1: nobody can send any more; 0; -EINPROGRESS; or a code. */
static int
no_writer(const struct channel *channel)
{
    if (!channel->tells_eof)
        return 0;
    return cradle_nobody(channel->handle->arena, channel->semaphores,
        channel->writers);
}

static bool
committed(const void *context)
{
    const struct channel *channel = context;

    return word_owner(&channel->list.lock) == 0;
}

/*
 * Nothing there, but the beacon may shine: a sender is about to commit, or was
 * killed before, or a receiver after.  The lock tells which; but the sender
 * who has just woken us has it for an instant, or is where we run, and to
 * sleep for it would cost four times as much as the message.  1: there is
 * something; 0; -EPIPE: it has hung up; -EINPROGRESS; or a code.
 */
static int
look_for_light(struct receiving *receiving)
{
    struct channel *channel = receiving->channel;
    struct deadline soon = DEADLINE(SYSVMP_FOREVER); /* spins are short */
    struct list_view view;
    int error;

    if (!committed(channel))
        (void) spin_wait(&channel->light_spin, &soon, committed, channel);
    error = list_enter(&channel->list, &receiving->deadline, &view);
    if (error < 0)
        return channel_unlucky(error);
    if (view.count == 0)
        error = beacon_darken(&channel->beacon);
    list_leave(&channel->list);
    if (view.count > 0)
        return 1;
    return channel->tells_eof ? error : 0;
}

/* Nothing there: the end of file, a closed handle, or just nothing yet. */
static ssize_t
nothing(struct receiving *receiving,
    ssize_t (*again)(struct receiving *))
{
    const struct channel *channel = receiving->channel;
    int nobody;
    ssize_t seen;

    if (own_load(&channel->handle->closed))
        return -EBADF;
    if (UNLIKELY(channel->beacon.made)) {
        seen = look_for_light(receiving);
        if (seen < 0)
            return seen;
        if (seen == 1 && (seen = again(receiving)) != -EAGAIN)
            return seen;
    }
    nobody = no_writer(channel);
    if (nobody != 1)
        return nobody == 0 ? -EAGAIN : nobody;
    if (channel_may_come_back(channel))
        return -EAGAIN;
    /* The last writer may have sent between our look and its end. */
    receiving->ask = true;
    seen = again(receiving);
    return seen == -EAGAIN ? -EPIPE : seen;
}

/*
 * Has somebody got the list's lock?  He may have asked who waits before we
 * announced ourselves, and commit only now, so that he tells nobody.  Whoever
 * takes the lock after this look finds us announced.  So a look that begins
 * with this one, and uses the lock where it is held, misses nothing.
 */
static bool
busy(const struct channel *channel)
{
    return word_owner(&channel->list.lock) != 0;
}

static ssize_t
look(void *context, bool woken)
{
    struct receiving *receiving = context;
    ssize_t seen = -EAGAIN;

    if (own_load(&receiving->channel->handle->closed))
        return -EBADF;
    receiving->ask = woken;
    receiving->sure = busy(receiving->channel);
    if (woken || receiving->sure || !channel_hint_empty(receiving->channel))
        seen = receiving_take(receiving);
    return seen == -EAGAIN ? nothing(receiving, receiving_take) : seen;
}

/* Waits until the list's lock is free: 0, or a code. */
static int
pass_lock(struct receiving *receiving)
{
    struct list_view view;
    int error = channel_enter(receiving->channel, &receiving->deadline, &view);

    if (error < 0)
        return channel_unlucky(error);
    list_leave(&receiving->channel->list);
    return 0;
}

/* Is there a message?  Its length is not asked for. */
static ssize_t
try_peek(struct receiving *receiving)
{
    ssize_t messages =
        channel_messages(receiving->channel, &receiving->deadline);

    return messages > 0 ? 1 : messages == 0 ? -EAGAIN : messages;
}

static ssize_t
peek(void *context, bool woken)
{
    struct receiving *receiving = context;
    ssize_t seen = -EAGAIN;
    int error = 0;

    if (busy(receiving->channel))
        error = pass_lock(receiving);
    if (woken || !channel_hint_empty(receiving->channel))
        seen = try_peek(receiving);
    if (seen == -EAGAIN && error < 0)
        return error;
    return seen == -EAGAIN ? nothing(receiving, try_peek) : seen;
}

static uint32_t
more(void *context)
{
    const struct receiving *receiving = context;
    struct deadline at_once = DEADLINE_SOON;
    struct channel *channel = receiving->channel;
    ssize_t messages;

    if (shm_load(&channel->receive.words->sleepers) == 0)
        return 0;
    /* A code, or a child on its way, is for them to find out, too. */
    messages = channel_messages(channel, &at_once);
    if (messages == 0)
        return no_writer(channel) != 0 ? UINT32_MAX : 0;
    return messages > 0 ? (uint32_t) messages : 1;
}

/* Something seems to be there. */
static bool
promised(const void *context)
{
    const struct channel_words *words = context;

    return (uint32_t) shm_peek(&words->sent) !=
        (uint32_t) shm_peek(&words->received) ||
        (uint32_t) shm_peek(&words->list.tally) != 0;
}

/* What a joinable channel did not need. */
static void
unprepare(struct receiving *receiving)
{
    free(receiving->note);
    free(receiving->last);
    if (receiving->block != NONE)
        heap_give(receiving->channel->list.arena, receiving->block);
    receiving->block = receiving->items == NULL ? receiving->claimed : NONE;
}

/* The interrupt function has left the sleep by an exception: a close must not
 * wait for it. */
static void
sleeper_abandon(void *arg)
{
    struct handle *handle = arg;

    own_sub(&handle->receivers, 1);
}

/* The same, of the whole call.  (A poll prepares nothing, and wants no
 * message.) */
static void
receiver_abandon(void *arg)
{
    struct receiving *receiving = arg;
    const struct channel *channel = receiving->channel;

    if (channel->claims != NULL && receiving->n > 0)
        unprepare(receiving);
    else if (receiving->items == NULL && receiving->n > 0 &&
        receiving->block != NONE)
        heap_give(channel->list.arena, receiving->block);
    if (receiving->counted)
        own_sub(&channel->handle->receivers, 1);
}

typedef ssize_t look_fn(void *context, bool woken);

INLINE ssize_t
wait_for(struct receiving *receiving, look_fn *fn)
{
    struct channel *channel = receiving->channel;
    struct deadline *deadline = &receiving->deadline;
    struct gate_wait wait = { .look = fn, .more = more,
        .context = receiving };
    struct undo undo;
    ssize_t result;

    if (deadline->timeout_ms == SYSVMP_NOWAIT) {
        result = fn(receiving, false);
        return result == -EINPROGRESS ? -EAGAIN : result;
    }
    if (spin_wait(&channel->receive_spin, deadline, promised,
            channel->words)) {
        result = fn(receiving, false);
        if (result != -EAGAIN && result != -EINPROGRESS)
            return result;
    }
    own_add(&channel->handle->receivers, 1);
    undo_push(&undo, sleeper_abandon, channel->handle);
    result = gate_sleep(&channel->receive, &wait, deadline);
    undo_pop(&undo);
    own_sub(&channel->handle->receivers, 1);
    return result;
}

/* A close by another thread takes the beacon away when we are out. */
static void
go_in(struct receiving *receiving, struct undo *undo)
{
    const struct channel *channel = receiving->channel;

    receiving->counted = UNLIKELY(channel->beacon.made) && !only_thread();
    if (receiving->counted)
        own_add(&channel->handle->receivers, 1);
    receiving->guarded = receiving->counted ||
        (receiving->n > 0 &&
            (receiving->items == NULL || channel->claims != NULL));
    if (UNLIKELY(receiving->guarded))
        undo_push(undo, receiver_abandon, receiving);
}

static void
go_out(const struct receiving *receiving, const struct undo *undo)
{
    if (UNLIKELY(receiving->guarded))
        undo_pop(undo);
    if (UNLIKELY(receiving->counted))
        own_sub(&receiving->channel->handle->receivers, 1);
}

static int
usable(const struct channel *channel)
{
    if (UNLIKELY(arena_me(channel->handle->arena) == 0))
        return arena_gone(channel->handle->arena);
    if (UNLIKELY(own_load(&channel->broken)))
        return -EBADMSG;
    return UNLIKELY(own_load(&channel->handle->closed)) ? -EBADF : 0;
}

INLINE int
receive_inside(struct receiving *receiving)
{
    struct channel *channel = receiving->channel;
    ssize_t result = usable(channel);

    if (UNLIKELY(result < 0))
        return (int) result;
    result = -EAGAIN;
    if (!channel_hint_empty(channel))
        result = receiving_take(receiving);
    if (result == -EAGAIN || result == -EINPROGRESS)
        result = wait_for(receiving, look);
    if (result == -EBADMSG)
        own_store(&channel->broken, true);
    if (channel->claims != NULL)
        unprepare(receiving);
    return result < 0 ? (int) result : 0;
}

/* 0: there are some; or a code. */
INLINE int
receive(struct receiving *receiving)
{
    struct undo undo;
    int error;

    go_in(receiving, &undo);
    error = receive_inside(receiving);
    go_out(receiving, &undo);
    return error;
}

ssize_t
channel_receive(struct channel *channel, void *buf, size_t size,
    int timeout_ms)
{
    struct sysvmp_item item = { .data = buf, .size = size };
    struct receiving receiving = { .channel = channel, .items = &item,
        .n = 1, .block = NONE, .deadline = DEADLINE(timeout_ms) };
    int error = receive(&receiving);

    return LIKELY(error == 0) ? (ssize_t) item.len : error;
}

ssize_t
channel_receive_many(struct channel *channel, struct sysvmp_item *items,
    size_t n, int timeout_ms)
{
    struct receiving receiving = { .channel = channel, .items = items,
        .n = n, .block = NONE, .deadline = DEADLINE(timeout_ms) };
    int error = n > 0 ? receive(&receiving) : usable(channel);

    return error == 0 ? (ssize_t) receiving.done : error;
}

int
channel_receive_block(struct channel *channel, uint32_t *unit, size_t *len,
    int timeout_ms)
{
    struct receiving receiving = { .channel = channel, .n = 1,
        .block = NONE, .claimed = NONE, .deadline = DEADLINE(timeout_ms) };
    int error = receive(&receiving);

    if (error < 0 && receiving.block != NONE)
        heap_give(channel->handle->arena, receiving.block);
    *unit = receiving.block;
    *len = receiving.length;
    return error;
}

int
channel_poll(struct channel *channel, int timeout_ms)
{
    struct receiving receiving = { .channel = channel,
        .deadline = DEADLINE(timeout_ms) };
    struct undo undo;
    ssize_t result;

    go_in(&receiving, &undo);
    result = usable(channel);
    if (result == 0)
        result = wait_for(&receiving, peek);
    go_out(&receiving, &undo);
    if (result == -EPIPE)
        return 1;
    if (result == -EAGAIN || result == -ETIMEDOUT)
        return 0;
    return (int) result;
}

int
channel_look(struct channel *channel, uint64_t now)
{
    struct receiving receiving = { .channel = channel,
        .deadline = DEADLINE(SYSVMP_NOWAIT) };
    struct undo undo;
    ssize_t result = usable(channel);
    /* Of a joinable one what others have taken decides, too. */
    bool known = result == 0 && now != 0 && channel->claims == NULL &&
        own_peek(&channel->held_at) == now && !busy(channel) &&
        channel_hint_empty(channel);

    go_in(&receiving, &undo);
    if (result == 0)
        result = known ? -EAGAIN : peek(&receiving, false);
    go_out(&receiving, &undo);
    if (result == -EAGAIN && !known)
        own_poke(&channel->held_at, now);
    return result == -EAGAIN ? 0 : result == -EINPROGRESS ? (int) result : 1;
}

/* Length of the first in the kernel's queue. */
static ssize_t
next_in_kernel(const struct channel *channel)
{
    struct message message;
    ssize_t length = sysv_msgpeek(channel->queue, &message,
        sizeof(message) - sizeof(long));

    if (length >= 0)
        return message_check(&message, (size_t) length);
    return length == -ENOMSG ? -EAGAIN : length == -E2BIG ? -EBADMSG : length;
}

static ssize_t
try_next(struct receiving *receiving)
{
    struct channel *channel = receiving->channel;
    struct list_first first;
    struct list_view view;
    ssize_t length = -EAGAIN;
    int looked = 0, error;

    if (!channel->listed)
        length = next_in_kernel(channel);
    if (length != -EAGAIN || channel_list_empty(channel))
        return length;
    error = channel_enter(channel, &receiving->deadline, &view);
    if (error < 0)
        return channel_unlucky(error);
    if (channel->claims != NULL)
        looked = channel_reap(channel, &view);
    if (!channel->listed)
        length = next_in_kernel(channel);
    if (length == -EAGAIN) {
        error = claim_first(&channel->list, &view, &first);
        length = error < 0 ? error : (ssize_t) first.length;
    }
    list_leave(&channel->list);
    return length == -EAGAIN && looked < 0 ? looked : length;
}

ssize_t
channel_next_len(struct channel *channel)
{
    struct receiving receiving = { .channel = channel,
        .deadline = DEADLINE(SYSVMP_NOWAIT) };
    struct undo undo;
    ssize_t length;

    go_in(&receiving, &undo);
    length = usable(channel);
    if (length == 0)
        length = try_next(&receiving);
    if (length == -EINPROGRESS)
        length = channel_not_seen();
    if (length == -EAGAIN)
        length = nothing(&receiving, try_next);
    go_out(&receiving, &undo);
    return length == -EINPROGRESS ? -EAGAIN : length;
}
