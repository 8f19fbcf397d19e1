/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pipe.c: Pipe: a channel for each direction, and two ends.
 */
#include "internal.h"

#include <stdlib.h>

#include "channel.h"
#include "error.h"
#include "heap.h"
#include "leave.h"
#include "memory.h"
#include "msg.h"
#include "pipe.h"

#define CONN_MAGIC 0x434f4e4eu

/* A direction is full with so much in its list: sysvmp_pipe_create(). */
#define BYTES_MAX    (256 * 1024)
#define MESSAGES_MAX (256 * 1024)

struct sysvmp_conn {
    struct handle handle; /* first: the registry's */
    struct channel *in;   /* NULL: not open in this direction */
    struct channel *out;
    struct channel channel[HANDLE_HOLDINGS];
};

static bool
valid(const struct sysvmp_conn *c)
{
    return c != NULL && handle_valid(&c->handle, CONN_MAGIC);
}

struct handle *
conn_handle(struct sysvmp_conn *c)
{
    return valid(c) ? &c->handle : NULL;
}

/* So that nobody's pipe takes the memory of all. */
static uint64_t
bytes_max(const struct arena *arena)
{
    uint64_t part = (uint64_t) heap_units(arena) * UNIT_SIZE / 8;

    return part < BYTES_MAX ? part : BYTES_MAX;
}

/* Drops what makes us a holder of either end, and tells the others. */
static void
drop_ends(struct handle *handle)
{
    struct sysvmp_conn *c = (struct sysvmp_conn *) handle;

    for (int i = 0; i < c->handle.holdings; i++) {
        struct channel *channel = &c->channel[i];
        const struct gate *theirs =
            channel == c->out ? &channel->receive : &channel->send;

        channel_drop(channel, &c->handle.holding[i], 0, theirs);
    }
}

/* One round of sending our own threads home: true, when all have left. */
static bool
rouse_both(struct sysvmp_conn *c)
{
    bool left = c->in == NULL || channel_rouse(c->in, true);

    return (c->out == NULL || channel_rouse(c->out, false)) && left;
}

/* As close_conn(), but it does not wait.  A thread that is alone may be in a
 * call, too, if it ends in a signal handler: it won't go on. */
static bool
resign(struct handle *handle, bool alone)
{
    struct sysvmp_conn *c = (struct sysvmp_conn *) handle;

    if (handle->holding[0].references[0] < 0)
        return true;
    own_store(&handle->closed, true);
    if (!rouse_both(c) && !alone)
        return false;
    drop_ends(handle);
    for (int i = 0; i < handle->holdings; i++)
        beacon_close(&c->channel[i].beacon);
    return true;
}

/* Gives an end its part of a channel; nothing is registered yet. */
static int
attach(struct sysvmp_conn *c, const struct place *place, bool reads)
{
    int i = c->handle.holdings++;
    struct holding *h = &c->handle.holding[i];
    struct channel *channel = &c->channel[i];

    h->place = *place;
    h->beacon = &channel->beacon;
    holding_clear(h);
    h->references[0] =
        place->counter + (reads ? CHANNEL_READERS : CHANNEL_WRITERS);
    h->references[1] = place->counter + CHANNEL_REFERENCES;
    h->bells[0] = place->gate + CHANNEL_RECEIVE;
    h->bells[1] = place->gate + CHANNEL_SEND;
    h->bells[2] = place->gate + CHANNEL_LOCK;
    channel->tells_eof = channel->tells_epipe = true;
    *(reads ? &c->in : &c->out) = channel;
    return channel_open(channel, &c->handle, h, MESSAGES_MAX,
        bytes_max(c->handle.arena));
}

/* Makes a channel, and both ends hold their part of it. */
static int
make_channel(struct arena *arena, struct sysvmp_conn *reader,
    struct sysvmp_conn *writer)
{
    struct place place;
    int error = channel_create(arena, OBJECT_PIPE, 0, false, &place);

    if (error < 0)
        return error;
    error = attach(reader, &place, true);
    if (error == 0)
        error = attach(writer, &place, false);
    if (error == 0)
        error = handle_hold(
            &reader->handle.holding[reader->handle.holdings - 1]);
    if (error == 0)
        error = handle_hold(
            &writer->handle.holding[writer->handle.holdings - 1]);
    if (error < 0)
        object_abandon(arena, &place);
    else
        object_commit(arena);
    return error;
}

/* One direction, with a descriptor if one is wanted. */
static int
make_direction(struct arena *arena, struct sysvmp_conn *reader,
    struct sysvmp_conn *writer, bool fileno)
{
    struct beacon *receiver =
        &reader->channel[reader->handle.holdings].beacon;
    struct beacon *sender = &writer->channel[writer->handle.holdings].beacon;
    int error = fileno ? beacon_make(receiver, sender) : 0;

    if (error == 0)
        error = make_channel(arena, reader, writer);
    if (error < 0) {
        beacon_close(receiver);
        beacon_close(sender);
    }
    return error;
}

static int
create_in(struct arena *arena, struct sysvmp_conn *end[2], unsigned flags)
{
    bool fileno = (flags & SYSVMP_FILENO) != 0;
    int error;

    for (int i = 0; i < 2; i++) {
        end[i]->handle.arena = arena;
        end[i]->handle.magic = CONN_MAGIC;
        end[i]->handle.end = true;
        end[i]->handle.give_up = drop_ends;
        end[i]->handle.resign = resign;
    }
    error = make_direction(arena, end[0], end[1], fileno);
    if (error == 0 && (flags & SYSVMP_SIMPLEX) == 0) {
        error = make_direction(arena, end[1], end[0], fileno);
        if (error < 0)
            for (int i = 0; i < 2; i++) {
                end[i]->handle.holdings = 1;
                handle_release(&end[i]->handle);
            }
    }
    if (error == 0)
        for (int i = 0; i < 2; i++)
            handle_add(&end[i]->handle);
    return error;
}

int
sysvmp_pipe_create(struct sysvmp_conn *end[2], unsigned flags)
{
    GUARDED;
    struct sysvmp_conn *made[2];
    struct arena *arena;
    int error;

    error_begin();
    if (end == NULL)
        return error_return(-EINVAL);
    end[0] = end[1] = NULL;
    if ((flags & ~(SYSVMP_SIMPLEX | SYSVMP_FILENO)) != 0)
        return error_return(-EINVAL);
    made[0] = calloc(1, sizeof(*made[0]));
    made[1] = calloc(1, sizeof(*made[1]));
    registry_lock();
    error = made[0] == NULL || made[1] == NULL ? -ENOMEM
                                               : enter(&arena);
    if (error == 0)
        error = create_in(arena, made, flags);
    registry_unlock();
    for (int i = 0; i < 2; i++)
        if (error < 0)
            free(made[i]);
        else
            end[i] = made[i];
    return error_return(error);
}

struct channel *
conn_channel(struct sysvmp_conn *c)
{
    return c->in;
}

/* Why a call that needs this direction can't be made. */
static int
not_open(const struct sysvmp_conn *c, const struct channel *channel)
{
    if (arena_me(c->handle.arena) == 0)
        return arena_gone(c->handle.arena);
    return channel == NULL || own_load(&c->handle.closed) ? -EBADF : 0;
}

int
sysvmp_conn_send(struct sysvmp_conn *c, const void *buf, size_t len,
    int timeout_ms)
{
    if (UNLIKELY(!valid(c) || (buf == NULL && len > 0) ||
            len > (SIZE_MAX >> 1) || timeout_ms < SYSVMP_FOREVER))
        return error_return(-EINVAL);
    if (UNLIKELY(c->out == NULL))
        return error_return(-EBADF);
    return error_return(channel_send(c->out, buf, len, timeout_ms));
}

ssize_t
sysvmp_conn_recv(struct sysvmp_conn *c, void *buf, size_t size,
    int timeout_ms)
{
    if (UNLIKELY(!valid(c) || (buf == NULL && size > 0) ||
            size > (SIZE_MAX >> 1) || timeout_ms < SYSVMP_FOREVER))
        return error_return(-EINVAL);
    if (UNLIKELY(c->in == NULL))
        return error_return(-EBADF);
    return error_return_size(channel_receive(c->in, buf, size, timeout_ms));
}

int
sysvmp_conn_send_msg(struct sysvmp_conn *c, struct sysvmp_msg *m,
    int timeout_ms)
{
    if (!valid(c))
        return error_return(-EINVAL);
    if (c->out == NULL)
        return error_return(-EBADF);
    return msg_send(c->out, m, timeout_ms);
}

int
sysvmp_conn_recv_msg(struct sysvmp_conn *c, struct sysvmp_msg **out,
    int timeout_ms)
{
    if (out != NULL)
        *out = NULL;
    if (!valid(c))
        return error_return(-EINVAL);
    if (c->in == NULL)
        return error_return(-EBADF);
    return msg_receive(c->in, out, timeout_ms);
}

int
sysvmp_conn_poll(struct sysvmp_conn *c, int timeout_ms)
{
    if (!valid(c) || timeout_ms < SYSVMP_FOREVER)
        return error_return(-EINVAL);
    if (c->in == NULL)
        return error_return(-EBADF);
    return error_return(channel_poll(c->in, timeout_ms));
}

ssize_t
sysvmp_conn_next_len(const struct sysvmp_conn *c)
{
    if (!valid(c))
        return error_return(-EINVAL);
    if (c->in == NULL)
        return error_return(-EBADF);
    return error_return_size(channel_next_len(c->in));
}

int
sysvmp_conn_fileno(const struct sysvmp_conn *c)
{
    int error;

    if (!valid(c))
        return error_return(-EINVAL);
    error = not_open(c, c->in);
    return error_return(
        error < 0 ? error : beacon_fileno(&c->in->beacon));
}

static int
open_in(const struct sysvmp_conn *c, const struct channel *channel)
{
    int error = not_open(c, channel);

    return error == 0 ? 1 : error == -EBADF ? 0 : error_return(error);
}

int
sysvmp_conn_readable(const struct sysvmp_conn *c)
{
    return valid(c) ? open_in(c, c->in) : error_return(-EINVAL);
}

int
sysvmp_conn_writable(const struct sysvmp_conn *c)
{
    return valid(c) ? open_in(c, c->out) : error_return(-EINVAL);
}

/* Sends our own threads home, then drops what makes us a holder: nobody is
 * told of an end after which one of ours still sends. */
static void
close_conn(struct sysvmp_conn *c)
{
    own_store(&c->handle.closed, true);
    if (arena_me(c->handle.arena) == 0)
        return;
    if (c->in != NULL)
        channel_expel(c->in, true);
    if (c->out != NULL)
        channel_expel(c->out, false);
    drop_ends(&c->handle);
    for (int i = 0; i < c->handle.holdings; i++)
        beacon_close(&c->channel[i].beacon);
}

int
sysvmp_conn_close(struct sysvmp_conn *c)
{
    GUARDED;

    if (!valid(c))
        return error_return(-EINVAL);
    if (arena_me(c->handle.arena) == 0 && !own_load(&c->handle.closed))
        return error_return(arena_gone(c->handle.arena));
    registry_lock();
    if (!own_load(&c->handle.closed))
        close_conn(c);
    registry_unlock();
    return 0;
}

void
sysvmp_conn_destroy(struct sysvmp_conn *c)
{
    GUARDED;
    struct arena *arena;

    if (!valid(c))
        return;
    arena = c->handle.arena;
    registry_lock();
    if (!own_load(&c->handle.closed))
        close_conn(c);
    handle_release(&c->handle);
    handle_remove(&c->handle);
    if (c->handle.given == 0) /* else conn_settle() frees it */
        free(c);
    registry_unlock();
    memory_settle(arena);
}

void
conn_settle(struct handle *handle, bool started)
{
    struct sysvmp_conn *c = (struct sysvmp_conn *) handle;

    if (--handle->given > 0)
        return;
    if (!valid(c))
        free(c);
    else if (started && !own_load(&handle->closed))
        close_conn(c);
}
