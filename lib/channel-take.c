/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * channel-take.c: takes what is there out of a channel.
 *
 * The kernel's queue first, then the list.  With the list's lock in hand the
 * queue is looked at again: what the sender of the list's first message had
 * put there before was counted before that message was in the list.
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "heap.h"
#include "memory.h"
#include "receiving.h"
#include "sysv.h"

/*
 * The kernel's queue.
 */

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

/* Tells those who wait for room.  Where the kernel refuses that, though it did
 * not when we asked, the message goes back to the front. */
static int
tell_of_claim(struct receiving *receiving, uint32_t unit)
{
    struct channel *channel = receiving->channel;
    int error = gate_wake(&channel->send);
    struct deadline deadline = DEADLINE_DEAF;
    struct list_view view;

    if (LIKELY(error == 0) || channel_enter(channel, &deadline, &view) < 0)
        return 0;
    if (claim_end(&channel->list, &view, unit, false) < 0)
        error = 0;
    else if (unit == receiving->block)
        receiving->block = NONE; /* the list's, with the message in it */
    list_leave(&channel->list);
    if (error < 0)
        (void) channel_tell(channel, 1); /* as in put_back() */
    return error;
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
    int looked, error = channel_enter(channel, &receiving->deadline, &view);

    if (error < 0)
        return channel_unlucky(error);
    looked = channel_reap(channel, &view);
    error = gate_may(&channel->send);
    if (error == 0)
        error = claim_take(&channel->list, &view, room, &unit, &length);
    list_leave(&channel->list);
    if (error == 0 && view.freed != 0)
        heap_give(channel->list.arena, view.freed - 1);
    if (error == 0)
        error = tell_of_claim(receiving, unit);
    if (error < 0)
        return error == -EAGAIN && looked < 0 ? looked : error;
    finish_claim(receiving, unit, length);
    return 0;
}

/* Puts what was just taken back to where it was: false, the list was changed
 * since. */
static bool
put_back(struct channel *channel, const struct list_view *taken,
    const struct list_view *before)
{
    struct deadline deadline = DEADLINE_DEAF;
    struct list_view view;
    bool lit = true, reverted = false;

    if (list_enter(&channel->list, &deadline, &view) < 0)
        return false;
    /* A reader of a pipe can't make its descriptor shine again. */
    if (UNLIKELY(channel->beacon.made) && view.count == 0)
        lit = beacon_light(&channel->beacon) == 0;
    if (lit)
        reverted = list_revert(&channel->list, &view, before, taken, 0);
    list_leave(&channel->list);
    /* Who has seen nothing meanwhile shall look; refused, as we are, it is for
     * the next one who puts. */
    if (reverted)
        (void) channel_tell(channel, UINT32_MAX);
    return reverted;
}

/* For how many senders there is room now.  Of bytes, a block that is free again
 * may be enough for many. */
static uint32_t
room_made(const struct channel *channel, const struct list_view *taken,
    const struct list_view *before)
{
    return channel->bytes_max > 0 && taken->freed != 0
        ? UINT32_MAX
        : before->count - taken->count;
}

/* Tells those who wait for room.  Where the kernel refuses that, though it did
 * not when we asked, the messages go back and the code is answered. */
static int
tell_of_room(struct receiving *receiving, size_t done,
    const struct list_view *taken, const struct list_view *before)
{
    int error = gate_wake_many(&receiving->channel->send,
        room_made(receiving->channel, taken, before));

    if (LIKELY(error == 0) || !put_back(receiving->channel, taken, before))
        return 0;
    receiving->done = done;
    return error;
}

/* 0: some are here; -EAGAIN: nothing there; -EMSGSIZE: it stays;
 * -EINPROGRESS; or another code. */
static int
try_list(struct receiving *receiving)
{
    struct list *list = &receiving->channel->list;
    struct off off = { .chunk = 0 };
    size_t done = receiving->done;
    bool listed = true;
    struct list_view view, before;
    int error = list_enter(list, &receiving->deadline, &view);

    if (error < 0)
        return channel_unlucky(error);
    before = view;
    error = -EAGAIN;
    if (!channel_kernel_empty(receiving->channel)) {
        if (receiving->items == NULL && receiving->block == NONE)
            error = -ENOBUFS;
        else
            error = try_kernel(receiving);
    }
    if (error == -EAGAIN)
        error = gate_may(&receiving->channel->send);
    else
        listed = false;
    if (error == 0 && listed)
        error = take_some(receiving, &view, &off);
    if (UNLIKELY(receiving->channel->beacon.made) && view.count == 0)
        (void) beacon_darken(&receiving->channel->beacon);
    list_leave(list);
    if (error == 0 && listed)
        error = tell_of_room(receiving, done, &view, &before);
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

    if (!channel->listed && (receiving->ask || !channel_kernel_empty(channel)))
        error = take_from_kernel(receiving);
    if (error == -EAGAIN && (receiving->sure || !channel_list_empty(channel)))
        error = take_from_list(receiving);
    return error;
}

ssize_t
receiving_take(struct receiving *receiving)
{
    int error = 0;

    while (error == 0 && receiving->done < receiving->n) {
        error = try_once(receiving);
        /* What we have must get to the caller: nobody is asked any more. */
        receiving->deadline.deaf |= receiving->done > 0;
    }
    if (receiving->done == 0)
        return error;
    if (error == -EBADMSG)
        own_store(&receiving->channel->broken, true);
    return 1;
}
