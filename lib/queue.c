/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue.c: Queue: one channel, of which every process holds both ends.
 */
#include "internal.h"

#include <stdlib.h>

#include "channel.h"
#include "error.h"
#include "leave.h"
#include "memory.h"
#include "msg.h"
#include "queue.h"

#define QUEUE_MAGIC 0x51554555u
#define LIMIT_MAX   (UINT64_C(1) << 30) /* more is as good as no limit */

enum { READING, WRITING, REFERENCE };

struct sysvmp_queue {
    struct handle handle; /* first: the registry's */
    struct channel channel;
};

static bool
valid(const struct sysvmp_queue *q)
{
    return q != NULL && handle_valid(&q->handle, QUEUE_MAGIC);
}

struct channel *
queue_channel(struct sysvmp_queue *q)
{
    return valid(q) ? &q->channel : NULL;
}

/* No more puts. */
static int
drop_end(struct sysvmp_queue *q)
{
    return channel_drop(&q->channel, &q->handle.holding[0], WRITING,
        &q->channel.receive);
}

static void
give_up(struct handle *handle)
{
    struct sysvmp_queue *q = (struct sysvmp_queue *) handle;
    struct deadline deaf = DEADLINE_DEAF;

    if (q->channel.claims != NULL)
        (void) channel_give_up_claims(&q->channel, &deaf);
    /* Where the kernel refuses that, it does it itself at our death. */
    (void) drop_end(q);
}

/* As sysvmp_queue_close(), but it does not wait, and only where that is an end
 * of file to others.  What was taken and is not done may be in the hands of
 * another thread. */
static bool
resign(struct handle *handle, bool alone, struct deadline *deadline)
{
    struct sysvmp_queue *q = (struct sysvmp_queue *) handle;
    bool all = true;

    if (alone)
        list_give_up_lock(&q->channel.list);
    if (alone && q->channel.claims != NULL)
        all = channel_give_up_claims(&q->channel, deadline);
    if (!q->channel.tells_eof || handle->holding[0].references[WRITING] < 0)
        return all;
    own_store(&q->handle.parting, WRITING + 1);
    own_store(&q->channel.no_sends, true);
    if (!channel_rouse(&q->channel, false) && !alone)
        return false;
    drop_end(q);
    beacon_close_sender(&q->channel.beacon);
    return all;
}

static int
create_in(struct arena *arena, struct sysvmp_queue *q, uint64_t limit)
{
    struct handle *handle = &q->handle;
    struct holding *h = &handle->holding[0];
    bool joinable = q->channel.claims != NULL;
    int error =
        channel_create(arena, OBJECT_QUEUE, limit, joinable, &h->place);

    if (error < 0)
        return error;
    handle->arena = arena;
    handle->holdings = 1;
    holding_clear(h);
    h->references[READING] = h->place.counter + CHANNEL_READERS;
    h->references[WRITING] = h->place.counter + CHANNEL_WRITERS;
    h->references[REFERENCE] = h->place.counter + CHANNEL_REFERENCES;
    h->bells[0] = h->place.gate + CHANNEL_RECEIVE;
    h->bells[1] = h->place.gate + CHANNEL_SEND;
    h->bells[2] = h->place.gate + CHANNEL_LOCK;
    if (joinable)
        h->bells[3] = h->place.gate + CHANNEL_JOIN;
    handle->give_up = give_up;
    handle->resign = resign;
    error = channel_open(&q->channel, handle, h, limit, 0);
    if (error == 0)
        error = handle_hold(h);
    if (error < 0) {
        object_abandon(arena, &h->place);
        return error;
    }
    object_commit(arena);
    handle->magic = QUEUE_MAGIC;
    handle_add(handle);
    return 0;
}

/* Beside it a descriptor, if one is wanted: in the registry before a fork. */
static int
create_with(struct arena *arena, struct sysvmp_queue *q, uint64_t limit,
    unsigned flags)
{
    struct beacon *beacon = &q->channel.beacon;
    int error;

    if ((flags & SYSVMP_FILENO) == 0)
        return create_in(arena, q, limit);
    error = beacon_make(beacon, beacon);
    if (error < 0)
        return error;
    q->handle.holding[0].beacon = beacon;
    error = create_in(arena, q, limit);
    if (error < 0)
        beacon_close(beacon);
    return error;
}

/* A taker's death gives back what it had, but no descriptor tells of that to
 * those who took nothing. */
static bool
flags_valid(unsigned flags)
{
    const unsigned both = SYSVMP_JOINABLE | SYSVMP_FILENO;

    return (flags & ~(SYSVMP_EOF | both)) == 0 && (flags & both) != both;
}

static bool
prepare_claims(struct sysvmp_queue *q, unsigned flags)
{
    if ((flags & SYSVMP_JOINABLE) == 0)
        return true;
    q->channel.claims = calloc(1, sizeof(*q->channel.claims));
    if (q->channel.claims == NULL)
        return false;
    q->channel.claims->users = 1;
    q->channel.claims->channel = &q->channel;
    return true;
}

int
sysvmp_queue_create(struct sysvmp_queue **out, size_t maxsize, unsigned flags)
{
    GUARDED;
    struct sysvmp_queue *q;
    struct arena *arena;
    int error;

    error_begin();
    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    if (!flags_valid(flags) || maxsize > (SIZE_MAX >> 1))
        return error_return(-EINVAL);
    q = calloc(1, sizeof(*q));
    if (q == NULL || !prepare_claims(q, flags)) {
        free(q);
        return error_return(-ENOMEM);
    }
    q->channel.tells_eof = (flags & SYSVMP_EOF) != 0;
    registry_lock();
    error = enter(&arena);
    if (error == 0)
        error = create_with(arena, q, maxsize < LIMIT_MAX ? maxsize : 0,
            flags);
    registry_unlock();
    if (error < 0) {
        if (q->channel.claims != NULL)
            claims_drop(q->channel.claims);
        free(q);
    } else {
        *out = q;
    }
    return error_return(error);
}

int
sysvmp_queue_put(struct sysvmp_queue *q, const void *buf, size_t len,
    int timeout_ms)
{
    if (UNLIKELY(!valid(q) || (buf == NULL && len > 0) ||
            len > (SIZE_MAX >> 1) || timeout_ms < SYSVMP_FOREVER))
        return error_return(-EINVAL);
    return error_return(channel_send(&q->channel, buf, len, timeout_ms));
}

ssize_t
sysvmp_queue_get(struct sysvmp_queue *q, void *buf, size_t size,
    int timeout_ms)
{
    if (UNLIKELY(!valid(q) || (buf == NULL && size > 0) ||
            size > (SIZE_MAX >> 1) || timeout_ms < SYSVMP_FOREVER))
        return error_return(-EINVAL);
    return error_return_size(
        channel_receive(&q->channel, buf, size, timeout_ms));
}

/* Could these be put; or filled? */
static bool
items_valid(const struct sysvmp_item *items, size_t n, bool filled)
{
    if (n > (SIZE_MAX >> 1) || (items == NULL && n > 0))
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t length = filled ? items[i].len : items[i].size;

        if (length > (SIZE_MAX >> 1) || (items[i].data == NULL && length > 0))
            return false;
    }
    return true;
}

ssize_t
sysvmp_queue_put_many(struct sysvmp_queue *q, const struct sysvmp_item *items,
    size_t n, int timeout_ms)
{
    if (!valid(q) || !items_valid(items, n, true) ||
        timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    return error_return_size(
        channel_send_many(&q->channel, items, n, timeout_ms));
}

ssize_t
sysvmp_queue_get_many(struct sysvmp_queue *q, struct sysvmp_item *items,
    size_t n, int timeout_ms)
{
    if (!valid(q) || !items_valid(items, n, false) ||
        timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    return error_return_size(
        channel_receive_many(&q->channel, items, n, timeout_ms));
}

int
sysvmp_queue_put_msg(struct sysvmp_queue *q, struct sysvmp_msg *m,
    int timeout_ms)
{
    if (!valid(q))
        return error_return(-EINVAL);
    return msg_send(&q->channel, m, timeout_ms);
}

int
sysvmp_queue_get_msg(struct sysvmp_queue *q, struct sysvmp_msg **out,
    int timeout_ms)
{
    if (out != NULL)
        *out = NULL;
    if (!valid(q))
        return error_return(-EINVAL);
    return msg_receive(&q->channel, out, timeout_ms);
}

static int
end_claim(struct sysvmp_queue *q, bool done)
{
    GUARDED;

    if (!valid(q) || q->channel.claims == NULL)
        return error_return(-EINVAL);
    return error_return(channel_end_claim(&q->channel, CLAIM_NONE, done));
}

int
sysvmp_queue_task_done(struct sysvmp_queue *q)
{
    return end_claim(q, true);
}

int
sysvmp_queue_task_return(struct sysvmp_queue *q)
{
    return end_claim(q, false);
}

int
sysvmp_queue_task_done_msg(struct sysvmp_queue *q, struct sysvmp_msg *m)
{
    if (!valid(q) || q->channel.claims == NULL)
        return error_return(-EINVAL);
    return msg_done(&q->channel, m);
}

int
sysvmp_queue_redelivered(const struct sysvmp_queue *q)
{
    GUARDED;
    bool redelivered;

    if (!valid(q) || q->channel.claims == NULL)
        return error_return(-EINVAL);
    registry_lock();
    redelivered = claims_redelivered(q->channel.claims);
    registry_unlock();
    return redelivered;
}

int
sysvmp_queue_join(struct sysvmp_queue *q, int timeout_ms)
{
    if (!valid(q) || q->channel.claims == NULL || timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    return error_return(channel_join(&q->channel, timeout_ms));
}

ssize_t
sysvmp_queue_qsize(const struct sysvmp_queue *q)
{
    struct deadline at_once = DEADLINE(SYSVMP_NOWAIT);
    ssize_t messages;

    if (!valid(q))
        return error_return(-EINVAL);
    messages = channel_messages((struct channel *) &q->channel, &at_once);
    if (messages == -EINPROGRESS)
        messages = channel_not_seen();
    return error_return_size(messages);
}

ssize_t
sysvmp_queue_next_len(const struct sysvmp_queue *q)
{
    if (!valid(q))
        return error_return(-EINVAL);
    return error_return_size(
        channel_next_len((struct channel *) &q->channel));
}

int
sysvmp_queue_fileno(const struct sysvmp_queue *q)
{
    if (!valid(q))
        return error_return(-EINVAL);
    if (arena_me(q->handle.arena) == 0)
        return error_return(arena_gone(q->handle.arena));
    return error_return(beacon_fileno(&q->channel.beacon));
}

int
sysvmp_queue_empty(const struct sysvmp_queue *q)
{
    ssize_t messages = sysvmp_queue_qsize(q);

    return messages < 0 ? (int) messages : messages == 0;
}

int
sysvmp_queue_full(const struct sysvmp_queue *q)
{
    if (!valid(q))
        return error_return(-EINVAL);
    return error_return(channel_full(&q->channel));
}

/* The end itself, when no thread of ours is in a put any more. */
static int
close_end(struct sysvmp_queue *q)
{
    int error;

    registry_lock();
    error = drop_end(q);
    /* Without an end of file it hangs up never. */
    if (error == 0 && q->channel.tells_eof)
        beacon_close_sender(&q->channel.beacon);
    registry_unlock();
    return error;
}

/*
 * The registry's mutex is not held while we wait for our own threads to come
 * out of their puts: one of them may ask the interrupt function, which may
 * wait for a lock of the program's, whose holder may fork and wait for the
 * registry's mutex.  A child that is forked meanwhile has it closed.
 */
int
sysvmp_queue_close(struct sysvmp_queue *q)
{
    GUARDED;
    bool open = false;
    int error;

    if (!valid(q))
        return error_return(-EINVAL);
    if (arena_me(q->handle.arena) == 0)
        return error_return(arena_gone(q->handle.arena));
    own_store(&q->handle.parting, WRITING + 1);
    if (!own_cas(&q->channel.no_sends, &open, true))
        return 0;
    error = channel_expel(&q->channel, false);
    if (error == 0)
        error = close_end(q);
    if (error < 0) {
        own_store(&q->handle.parting, 0);
        own_store(&q->channel.no_sends, false);
    }
    return error_return(error);
}

void
sysvmp_queue_destroy(struct sysvmp_queue *q)
{
    GUARDED;

    if (!valid(q))
        return;
    if (q->channel.claims != NULL && arena_me(q->handle.arena) != 0)
        channel_return_claims(&q->channel);
    registry_lock();
    handle_release(&q->handle);
    handle_remove(&q->handle);
    if (q->channel.claims != NULL) {
        q->channel.claims->channel = NULL;
        claims_drop(q->channel.claims);
    }
    registry_unlock();
    memory_settle(q->handle.arena);
    free(q);
}
