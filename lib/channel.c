/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * channel.c: makes and opens channels; what is asked of them without moving
 * a message.
 */
#include "internal.h"

#include "channel.h"
#include "error.h"
#include "sysv.h"

/* Looks at a list that others work on all the time, until one is taken as it
 * is. */
#define SNAPSHOTS 1000

#define ROUSE_NS 200000 /* between rounds that wake our own sleepers */
#define ROUSED   1024   /* of whom so many at most are woken in a round */

static const struct object_wish wish = {
    .slots = CHANNEL_SLOTS,
    .reference = CHANNEL_REFERENCES,
    .queue = true,
};

int
channel_create(struct arena *arena, enum object_kind kind, uint64_t limit,
    bool joinable, struct place *place)
{
    struct object_wish mine = wish;

    mine.kind = kind;
    mine.limit = limit;
    if (joinable)
        mine.slots = CHANNEL_SLOTS_JOINABLE;
    return object_create(arena, &mine, place);
}

/* The largest payload that can pass at all, once the queue is empty. */
static int
largest_payload(int queue, size_t *largest)
{
    struct sysv_queue_state state;
    struct sysv_limits limits;
    size_t body;
    int error = sysv_msg_state(queue, &state);

    if (error < 0)
        return error;
    sysv_limits(&limits);
    body = state.capacity;
    if (limits.message > 0 && body > (size_t) limits.message)
        body = (size_t) limits.message;
    if (body < sizeof(struct message_header))
        return error_detail(-ENOSPC,
            "the kernel's queues are too small for any message: raise "
            "kernel.msgmnb and kernel.msgmax");
    *largest = body - sizeof(struct message_header);
    if (*largest > SYSVMP_INLINE_MAX)
        *largest = SYSVMP_INLINE_MAX;
    return 0;
}

int
channel_open(struct channel *channel, struct handle *handle,
    const struct holding *h, uint64_t limit, uint64_t bytes_max)
{
    const struct place *place = &h->place;

    channel->handle = handle;
    channel->words = &place->object->channel;
    channel->index = place->index;
    channel->queue = place->queue;
    channel->semaphores = place->semaphores;
    channel->readers = place->counter + CHANNEL_READERS;
    channel->writers = place->counter + CHANNEL_WRITERS;
    channel->receive = (struct gate){ &channel->words->receive,
        place->semaphores, place->gate + CHANNEL_RECEIVE };
    channel->send = (struct gate){ &channel->words->send, place->semaphores,
        place->gate + CHANNEL_SEND };
    channel->join = (struct gate){ &channel->words->join, place->semaphores,
        place->gate + CHANNEL_JOIN };
    list_open(&channel->list, handle->arena, place);
    channel->limit = limit;
    channel->bytes_max = bytes_max;
    /* What the kernel's queue has can't be told by a descriptor, too, in one
     * step that a death leaves whole. */
    channel->listed = channel->claims != NULL || channel->beacon.made ||
        (limit > 0 && bytes_max == 0);
    return largest_payload(place->queue, &channel->largest);
}

/* A token for each who sleeps there, so that one who does not run keeps it
 * from nobody; and one at least, as somebody may come just now. */
static int
all_at(const struct gate *gate)
{
    uint32_t sleepers = shm_load(&gate->words->sleepers);

    return sleepers == 0 ? 1 : sleepers < ROUSED ? (int) sleepers : ROUSED;
}

int
channel_drop(struct channel *channel, struct holding *h, int reference,
    const struct gate *gate)
{
    const struct arena *arena = channel->handle->arena;
    int error = watch_may(arena, &channel->words->watched);

    if (error == 0)
        error = handle_drop(h, reference, gate->semaphore, all_at(gate));
    if (error < 0)
        return error;
    shm_add(&arena->head->drops, 1);
    /* Those who sleep at the gate were told in the same step, so it is done.
     * Where the kernel refuses to wake the watchers, though it did not when we
     * asked, our death does. */
    if (watch_fire(arena, &channel->words->watched, channel->index) < 0)
        (void) watch_fire(arena, &channel->words->watched, channel->index);
    return 0;
}

/*
 * What is in the list is not in the kernel's queue, and comes from there
 * never: the sum is right at the instant of the look at the kernel's, if
 * nothing was done to the list around it.
 */
ssize_t
channel_messages(struct channel *channel, struct deadline *deadline)
{
    const struct list_words *list = &channel->words->list;
    struct sysv_queue_state state;
    uint64_t tally;
    int error = 0;

    if (arena_me(channel->handle->arena) == 0)
        return arena_gone(channel->handle->arena);
    if (channel->claims != NULL)
        error = channel_settle(channel, deadline);
    if (error < 0 && list_count(list) == 0)
        return error; /* what the dead have may be there */
    if (list_count(list) > LIST_MAX)
        return -EBADMSG; /* somebody else has written there */
    if (channel->listed)
        return (ssize_t) list_count(list);
    for (int i = 0; i < SNAPSHOTS; i++) {
        tally = shm_load(&list->tally);
        error = sysv_msg_state(channel->queue, &state);
        if (error < 0)
            return error;
        if (shm_load(&list->tally) == tally)
            break;
    }
    return (ssize_t) state.messages + (ssize_t) (uint32_t) tally;
}

int
channel_not_seen(void)
{
    return error_detail(-ETIMEDOUT,
        "whether there is a message could not be seen: a process that is in "
        "the middle of a call on this queue or pipe was stopped, or gets no "
        "CPU; try again later");
}

int
channel_full(const struct channel *channel)
{
    if (arena_me(channel->handle->arena) == 0)
        return arena_gone(channel->handle->arena);
    return channel->limit > 0 &&
        (list_count(&channel->words->list) >= channel->limit ||
            (channel->bytes_max > 0 &&
                list_bytes(&channel->words->list) >= channel->bytes_max));
}

/* -ERANGE: there are more tokens than enough. */
static int
rouse(const struct gate *gate)
{
    struct sembuf all = sem_operation(gate->semaphore, all_at(gate), 0);
    int error = sysv_semop(gate->semaphores, &all, 1);

    return error == -ERANGE ? 0 : error;
}

bool
channel_rouse(struct channel *channel, bool receivers)
{
    struct handle *handle = channel->handle;

    if (own_load(receivers ? &handle->receivers : &handle->senders) == 0)
        return true;
    /* Refused: they stay where they are, and so it will be asked again. */
    (void) rouse(receivers ? &channel->receive : &channel->send);
    return false;
}

/*
 * Everybody who sleeps there is woken, until none of ours is left: one that
 * was about to sleep, or whose token another process took, is reached in the
 * next round.
 */
int
channel_expel(struct channel *channel, bool receivers)
{
    struct handle *handle = channel->handle;
    struct deadline round = DEADLINE(SYSVMP_FOREVER);

    while (own_load(receivers ? &handle->receivers : &handle->senders) > 0) {
        int error = rouse(receivers ? &channel->receive : &channel->send);

        if (error < 0 && error != -EIDRM)
            return error;
        deadline_nap(&round, ROUSE_NS);
    }
    return 0;
}
