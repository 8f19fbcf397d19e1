/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * channel-receive.c: takes messages out of a channel.
 *
 * The kernel's queue first, then the list.  With the list's lock in hand the
 * queue is looked at again: what the sender of the list's first message had
 * put there before was counted before that message was in the list.
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
#include <string.h>

#include "channel.h"
#include "cradle.h"
#include "heap.h"
#include "memory.h"
#include "sysv.h"

/* A call under way.  It fills items, or one block of its own. */
struct receiving {
    struct channel *channel;
    struct sysvmp_item *items; /* NULL: a block */
    size_t n;
    size_t done;
    uint32_t block; /* of ours; or NONE */
    uint32_t claimed; /* the block that has it, on a joinable channel */
    size_t length;  /* of what it has then */
    struct claim_note *note; /* of a joinable channel: for the next one */
    struct claim_last *last;
    bool ask;       /* the kernel's queue, also if a hint says it is empty */
    struct deadline deadline;
};

#define NONE UINT32_MAX

/*
 * The kernel's queue.
 */

/*
 * Surely nothing there?  The senders' line is read only when what we have seen
 * there before does not promise a message.
 */
static bool
kernel_empty(struct channel *channel)
{
    uint32_t received = (uint32_t) shm_load(&channel->words->received);
    uint32_t sent;

    if ((int32_t) (own_peek(&channel->seen_sent) - received) > 0)
        return false;
    sent = (uint32_t) shm_load(&channel->words->sent);
    own_poke(&channel->seen_sent, sent);
    return sent == received;
}

/* What the dead have taken from a joinable one may come back. */
static bool
list_empty(const struct channel *channel)
{
    return list_count(&channel->words->list) == 0 &&
        !channel_claimed_by_others(channel);
}

static bool
hint_empty(struct channel *channel)
{
    return kernel_empty(channel) && list_empty(channel);
}

/* Where what came from the queue goes to. */
static void
deliver(struct receiving *receiving, const struct message *message,
    size_t length)
{
    struct arena *arena = receiving->channel->handle->arena;
    void *to;

    if (receiving->items != NULL) {
        to = receiving->items[receiving->done].data;
        receiving->items[receiving->done].len = length;
    } else {
        to = (char *) heap_address(arena, receiving->block) + LIST_HEADER;
        receiving->length = length;
        list_single(arena, receiving->block, length);
    }
    if (length > 0)
        memcpy(to, message->payload, length);
    receiving->done++;
}

/* 0: one more is here; -EAGAIN: nothing there; -EMSGSIZE: it stays. */
static int
try_kernel(struct receiving *receiving)
{
    struct channel *channel = receiving->channel;
    struct message message;
    size_t room = SYSVMP_INLINE_MAX;
    ssize_t length;

    if (receiving->items != NULL &&
        receiving->items[receiving->done].size < room)
        room = receiving->items[receiving->done].size;
    length = sysv_msgrcv(channel->queue, &message,
        sizeof(struct message_header) + room);
    if (LIKELY(length >= 0))
        length = message_check(&message, (size_t) length);
    /* What is not of ours was not counted when it was sent, either. */
    if (LIKELY(length >= 0)) {
        shm_add(&channel->words->received, 1);
        deliver(receiving, &message, (size_t) length);
        return 0;
    }
    if (length == -ENOMSG) {
        /* Ask the senders' line again, what we saw there was taken back. */
        own_poke(&channel->seen_sent,
            (uint32_t) shm_load(&channel->words->received));
        return -EAGAIN;
    }
    return length == -E2BIG ? -EMSGSIZE : (int) length;
}

/*
 * The list.
 */

/* Takes the first one, which is not short, or is to come as a block. */
static int
take_one(struct receiving *receiving, struct list_view *view,
    struct list_first *first)
{
    struct list *list = &receiving->channel->list;
    struct sysvmp_item *item = receiving->items == NULL
        ? NULL : &receiving->items[receiving->done];
    int error = list_first(list, view, first);

    if (error < 0)
        return error;
    if (item != NULL && first->length > item->size)
        return -EMSGSIZE;
    if (first->unit == 0) {
        if (receiving->block == NONE)
            return -ENOBUFS; /* it takes a block */
        list_single(list->arena, receiving->block, first->length);
        memcpy((char *) heap_address(list->arena, receiving->block) +
            LIST_HEADER, first->data, (size_t) first->length);
    }
    if (item != NULL)
        item->len = (size_t) first->length;
    else
        receiving->length = (size_t) first->length;
    receiving->done++;
    (void) list_take(list, view, first, false);
    return 0;
}

/* What came off the list, and is read after the commit. */
struct off {
    struct list_first first; /* with a block to itself, if that is not 0 */
    uint32_t chunk, end;     /* so many messages, up to there */
};

/* As many as are wanted, up to the end of a block: 0, some are here; or a
 * code. */
static int
take_some(struct receiving *receiving, struct list_view *view,
    struct off *off)
{
    struct list *list = &receiving->channel->list;
    struct sysvmp_item *items = receiving->items == NULL
        ? NULL : &receiving->items[receiving->done];
    size_t most = receiving->n - receiving->done, n = 0;
    bool block = false;
    int error = 0;

    if (items != NULL && most > 1)
        off->chunk = list_detach(list, view, items, most, &off->end);
    if (items != NULL && off->chunk == 0)
        n = list_take_short(list, view, items, most, &block, &error);
    receiving->done += n;
    if (n == 0 && off->chunk == 0 && error == 0)
        error = take_one(receiving, view, &off->first);
    if (n == 0 && off->chunk == 0 && error < 0)
        return error;
    list_commit(list, view);
    return 0;
}

/* After the commit: a block that was taken is copied, unless it is wanted. */
static int
finish_block(struct receiving *receiving, const struct list_view *view,
    const struct off *off)
{
    struct arena *arena = receiving->channel->handle->arena;
    const struct list_first *first = &off->first;
    bool alone = first->unit != 0 && view->freed == first->unit;
    size_t n = 0;

    if (alone && receiving->items == NULL) {
        if (receiving->block != NONE)
            heap_give(arena, receiving->block);
        receiving->block = first->unit - 1;
        return 0;
    }
    if (alone && first->length > 0)
        memcpy(receiving->items[receiving->done - 1].data, first->data,
            (size_t) first->length);
    if (off->chunk > 0)
        n = list_read(arena, view->freed - 1, off->end,
            &receiving->items[receiving->done], off->chunk);
    receiving->done += n;
    if (view->freed != 0)
        heap_give(arena, view->freed - 1);
    return n == off->chunk ? 0 : -EBADMSG;
}

/*
 * A joinable channel.
 */

/* Hands over what is claimed. */
static void
finish_claim(struct receiving *receiving, uint32_t unit, size_t length)
{
    struct channel *channel = receiving->channel;
    const struct list_block *block = list_block(channel->list.arena, unit);

    if (receiving->items != NULL) {
        struct sysvmp_item *item = &receiving->items[receiving->done];

        if (length > 0)
            memcpy(item->data, (const char *) block + LIST_HEADER, length);
        item->len = length;
    } else {
        receiving->claimed = unit;
        receiving->length = length;
    }
    if (unit == receiving->block)
        receiving->block = NONE;
    receiving->note->thread = self_thread();
    receiving->note->unit = unit;
    receiving->note->apart = receiving->items == NULL;
    registry_lock();
    claims_check(channel->claims);
    claims_add(channel->claims, receiving->note, receiving->last,
        shm_load(&block->redelivered) != 0);
    registry_unlock();
    receiving->note = NULL;
    receiving->last = NULL;
    receiving->done++;
}

/* As try_list(). */
static int
try_claim(struct receiving *receiving)
{
    struct channel *channel = receiving->channel;
    size_t room = receiving->items == NULL
        ? SIZE_MAX : receiving->items[receiving->done].size;
    uint32_t unit = receiving->block;
    size_t length;
    struct list_view view;
    int error = channel_enter(channel, &receiving->deadline, &view);

    if (error < 0)
        return channel_unlucky(error);
    channel_reap(channel, &view);
    error = claim_take(&channel->list, &view, room, &unit, &length);
    list_leave(&channel->list);
    if (error < 0)
        return error;
    if (view.freed != 0)
        heap_give(channel->list.arena, view.freed - 1);
    finish_claim(receiving, unit, length);
    return 0;
}

/* 0: some are here; -EAGAIN: nothing there; -EMSGSIZE: it stays;
 * -EINPROGRESS; or another code. */
static int
try_list(struct receiving *receiving)
{
    struct list *list = &receiving->channel->list;
    struct off off = { .chunk = 0 };
    struct list_view view;
    int error = list_enter(list, &receiving->deadline, &view);

    if (error < 0)
        return channel_unlucky(error);
    error = -EAGAIN;
    if (!kernel_empty(receiving->channel)) {
        if (receiving->items == NULL && receiving->block == NONE)
            error = -ENOBUFS;
        else
            error = try_kernel(receiving);
    }
    if (error == -EAGAIN)
        error = take_some(receiving, &view, &off);
    if (UNLIKELY(receiving->channel->beacon.made) && view.count == 0)
        (void) beacon_darken(&receiving->channel->beacon);
    list_leave(list);
    return error == 0 ? finish_block(receiving, &view, &off) : error;
}

/* A block for what comes without one. */
static int
make_block(struct receiving *receiving)
{
    int error;

    if (receiving->block != NONE)
        return 0;
    error = memory_take(receiving->channel->handle->arena,
        SYSVMP_INLINE_MAX + LIST_HEADER, MEMORY_RESERVE,
        &receiving->deadline, &receiving->block);
    if (error < 0)
        receiving->block = NONE;
    return error;
}

static int
make_note(struct receiving *receiving)
{
    if (receiving->note == NULL)
        receiving->note = malloc(sizeof(*receiving->note));
    if (receiving->last == NULL)
        receiving->last = malloc(sizeof(*receiving->last));
    return receiving->note == NULL || receiving->last == NULL ? -ENOMEM : 0;
}

/* With a block only if it takes one: where memory is short, it does not. */
static int
take_from_list(struct receiving *receiving)
{
    bool claims = receiving->channel->claims != NULL;
    int error = claims ? make_note(receiving) : 0;

    if (error == 0)
        error = claims ? try_claim(receiving) : try_list(receiving);
    if (error != -ENOBUFS)
        return error;
    error = make_block(receiving);
    if (error < 0)
        return channel_unlucky(error);
    return claims ? try_claim(receiving) : try_list(receiving);
}

static int
take_from_kernel(struct receiving *receiving)
{
    int error = receiving->items == NULL ? make_block(receiving) : 0;

    if (error < 0)
        return channel_unlucky(error);
    receiving->ask = false;
    return try_kernel(receiving);
}

/* One step: 0, -EAGAIN, -EMSGSIZE, -EINPROGRESS, or another code. */
static int
try_once(struct receiving *receiving)
{
    struct channel *channel = receiving->channel;
    int error = -EAGAIN;

    if (!channel->listed && (receiving->ask || !kernel_empty(channel)))
        error = take_from_kernel(receiving);
    if (error == -EAGAIN && !list_empty(channel))
        error = take_from_list(receiving);
    return error;
}

/* As many as there are; as try_once() for the first. */
static ssize_t
try_receive(struct receiving *receiving)
{
    int error = 0;

    while (error == 0 && receiving->done < receiving->n)
        error = try_once(receiving);
    if (receiving->done == 0)
        return error;
    if (error == -EBADMSG)
        own_store(&receiving->channel->broken, true);
    return 1;
}

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

static ssize_t
look(void *context, bool woken)
{
    struct receiving *receiving = context;
    ssize_t seen = -EAGAIN;

    if (own_load(&receiving->channel->handle->closed))
        return -EBADF;
    receiving->ask = woken;
    if (woken || !hint_empty(receiving->channel))
        seen = try_receive(receiving);
    return seen == -EAGAIN ? nothing(receiving, try_receive) : seen;
}

/* Is there a message?  Its length is not asked for. */
static ssize_t
try_peek(struct receiving *receiving)
{
    ssize_t messages = channel_messages(receiving->channel);

    return messages > 0 ? 1 : messages == 0 ? -EAGAIN : messages;
}

static ssize_t
peek(void *context, bool woken)
{
    struct receiving *receiving = context;
    ssize_t seen = -EAGAIN;

    if (woken || !hint_empty(receiving->channel))
        seen = try_peek(receiving);
    return seen == -EAGAIN ? nothing(receiving, try_peek) : seen;
}

static bool
more(void *context)
{
    const struct receiving *receiving = context;
    const struct channel *channel = receiving->channel;

    if (shm_load(&channel->receive.words->sleepers) == 0)
        return false;
    /* A code, or a child on its way, is for them to find out, too. */
    return channel_messages(channel) != 0 || no_writer(channel) != 0;
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

typedef ssize_t look_fn(void *context, bool woken);

INLINE ssize_t
wait_for(struct receiving *receiving, look_fn *fn)
{
    struct channel *channel = receiving->channel;
    struct deadline *deadline = &receiving->deadline;
    struct gate_wait wait = { .look = fn, .more = more,
        .context = receiving };
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
    result = gate_sleep(&channel->receive, &wait, deadline);
    own_sub(&channel->handle->receivers, 1);
    return result;
}

/* A close by another thread takes the beacon away when we are out. */
static bool
go_in(const struct channel *channel)
{
    bool counted = UNLIKELY(channel->beacon.made) && !only_thread();

    if (counted)
        own_add(&channel->handle->receivers, 1);
    return counted;
}

static void
go_out(const struct channel *channel, bool counted)
{
    if (UNLIKELY(counted))
        own_sub(&channel->handle->receivers, 1);
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

INLINE int
receive_inside(struct receiving *receiving)
{
    struct channel *channel = receiving->channel;
    ssize_t result = usable(channel);

    if (UNLIKELY(result < 0))
        return (int) result;
    result = -EAGAIN;
    if (!hint_empty(channel))
        result = try_receive(receiving);
    if (result == -EAGAIN || result == -EINPROGRESS)
        result = wait_for(receiving, look);
    if (result == -EBADMSG)
        own_store(&channel->broken, true);
    if (LIKELY(result >= 0) || result == -EBADMSG) /* it has left room, too */
        gate_wake(&channel->send);
    if (channel->claims != NULL)
        unprepare(receiving);
    return result < 0 ? (int) result : 0;
}

/* 0: there are some; or a code. */
INLINE int
receive(struct receiving *receiving)
{
    bool counted = go_in(receiving->channel);
    int error = receive_inside(receiving);

    go_out(receiving->channel, counted);
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
    bool counted = go_in(channel);
    ssize_t result = usable(channel);

    if (result == 0)
        result = wait_for(&receiving, peek);
    go_out(channel, counted);
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
    bool counted = go_in(channel);
    ssize_t result = usable(channel);
    /* Of a joinable one what others have taken decides, too. */
    bool known = result == 0 && now != 0 && channel->claims == NULL &&
        own_peek(&channel->held_at) == now && hint_empty(channel);

    if (result == 0)
        result = known ? -EAGAIN : peek(&receiving, false);
    go_out(channel, counted);
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
    int error;

    if (!channel->listed)
        length = next_in_kernel(channel);
    if (length != -EAGAIN || list_empty(channel))
        return length;
    error = channel_enter(channel, &receiving->deadline, &view);
    if (error < 0)
        return channel_unlucky(error);
    if (channel->claims != NULL)
        channel_reap(channel, &view);
    if (!channel->listed)
        length = next_in_kernel(channel);
    if (length == -EAGAIN) {
        error = claim_first(&channel->list, &view, &first);
        length = error < 0 ? error : (ssize_t) first.length;
    }
    list_leave(&channel->list);
    return length;
}

ssize_t
channel_next_len(struct channel *channel)
{
    struct receiving receiving = { .channel = channel,
        .deadline = DEADLINE(SYSVMP_NOWAIT) };
    bool counted = go_in(channel);
    ssize_t length = usable(channel);

    if (length == 0)
        length = try_next(&receiving);
    if (length == -EAGAIN)
        length = nothing(&receiving, try_next);
    go_out(channel, counted);
    return length == -EINPROGRESS ? -EAGAIN : length;
}
