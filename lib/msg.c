/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * msg.c: messages without copying: a block of the heap, written and read in
 * place.
 *
 * A message is the process's that made or received it, until it is sent.  The
 * block says so, too (heap.h), so what a dead process had is found; a forked
 * child's copy of the handle is of no use to it.
 */
#include "internal.h"

#include <stdlib.h>

#include "error.h"
#include "heap.h"
#include "leave.h"
#include "list.h"
#include "memory.h"
#include "msg.h"

#define MSG_MAGIC 0x4d534720u

struct sysvmp_msg {
    uint32_t magic;
    uint32_t unit; /* of its block */
    size_t length;
    struct arena *arena;
    uint64_t owner; /* the process whose it is */
    struct claims *claims; /* of the joinable queue it is from, or NULL */
};

static bool
valid(const struct sysvmp_msg *m)
{
    return m != NULL && m->magic == MSG_MAGIC;
}

/* A claim on a message of a queue is not, any more, once that was destroyed:
 * it has got it back. */
static bool
ours(const struct sysvmp_msg *m)
{
    uint64_t me = arena_me(m->arena);

    return me != 0 && me == m->owner &&
        (m->claims == NULL || m->claims->channel != NULL);
}

static void
forget(struct sysvmp_msg *m)
{
    if (m->claims != NULL) {
        registry_lock();
        claims_drop(m->claims);
        registry_unlock();
    }
    m->magic = 0;
    free(m);
}

static int
make_in(struct sysvmp_msg *m, size_t len)
{
    struct deadline patience = MEMORY_PATIENCE;
    int error;

    registry_lock();
    error = enter(&m->arena);
    registry_unlock();
    if (error == 0)
        error = memory_take(m->arena, (uint64_t) len + LIST_HEADER, 0,
            &patience, &m->unit);
    return memory_busy(error);
}

int
sysvmp_msg_create(struct sysvmp_msg **out, size_t len)
{
    GUARDED;
    struct sysvmp_msg *m;
    int error;

    error_begin();
    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    if (len > (SIZE_MAX >> 1))
        return error_return(-EINVAL);
    m = calloc(1, sizeof(*m));
    if (m == NULL)
        return error_return(-ENOMEM);
    error = make_in(m, len);
    if (error < 0) {
        free(m);
        return error_return(error);
    }
    m->magic = MSG_MAGIC;
    m->length = len;
    m->owner = self_id();
    *out = m;
    return 0;
}

void *
sysvmp_msg_data(struct sysvmp_msg *m)
{
    if (!valid(m) || !ours(m))
        return NULL;
    return (char *) heap_address(m->arena, m->unit) + LIST_HEADER;
}

size_t
sysvmp_msg_len(const struct sysvmp_msg *m)
{
    return valid(m) && ours(m) ? m->length : 0;
}

void
sysvmp_msg_destroy(struct sysvmp_msg *m)
{
    GUARDED;

    if (!valid(m))
        return;
    if (ours(m) && m->claims == NULL)
        heap_give(m->arena, m->unit);
    else if (ours(m))
        (void) channel_end_claim(m->claims->channel, m->unit, false);
    forget(m);
}

int
msg_send(struct channel *channel, struct sysvmp_msg *m, int timeout_ms)
{
    GUARDED;
    int error;

    if (!valid(m) || m->claims != NULL || timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    if (!ours(m) || channel->handle->arena != m->arena)
        return error_return(-EBADF);
    list_single(m->arena, m->unit, m->length);
    error = channel_send_block(channel, m->unit, m->length, timeout_ms);
    if (error == 0)
        forget(m);
    return error_return(error);
}

int
msg_receive(struct channel *channel, struct sysvmp_msg **out, int timeout_ms)
{
    GUARDED;
    struct sysvmp_msg *m;
    int error;

    if (out == NULL)
        return error_return(-EINVAL);
    *out = NULL;
    if (timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    m = calloc(1, sizeof(*m));
    if (m == NULL)
        return error_return(-ENOMEM);
    error = channel_receive_block(channel, &m->unit, &m->length, timeout_ms);
    if (error < 0) {
        free(m);
        return error_return(error);
    }
    m->magic = MSG_MAGIC;
    m->arena = channel->handle->arena;
    m->owner = self_id();
    m->claims = channel->claims;
    if (m->claims != NULL) {
        registry_lock();
        m->claims->users++;
        registry_unlock();
    }
    *out = m;
    return 0;
}

int
msg_done(struct channel *channel, struct sysvmp_msg *m)
{
    GUARDED;
    int error;

    if (!valid(m) || m->claims == NULL || m->claims != channel->claims)
        return error_return(-EINVAL);
    if (!ours(m))
        return error_return(-EBADF);
    error = channel_end_claim(channel, m->unit, true);
    if (error == 0)
        forget(m);
    return error_return(error);
}
