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

/* Drops what makes us a holder of either end, and tells the others.  Where the
 * kernel refuses that it refuses the first. */
static int
drop_ends(struct sysvmp_conn *c)
{
    int error = 0;

    for (int i = 0; i < c->handle.holdings && error == 0; i++) {
        struct channel *channel = &c->channel[i];
        const struct gate *theirs =
            channel == c->out ? &channel->receive : &channel->send;

        error = channel_drop(channel, &c->handle.holding[i], 0, theirs);
    }
    return error;
}

/* What the kernel refuses it does itself at our death. */
static void
give_up(struct handle *handle)
{
    (void) drop_ends((struct sysvmp_conn *) handle);
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
resign(struct handle *handle, bool alone, struct deadline *deadline)
{
    struct sysvmp_conn *c = (struct sysvmp_conn *) handle;

    (void) deadline;
    for (int i = 0; i < handle->holdings && alone; i++)
        list_give_up_lock(&c->channel[i].list);
    if (handle->holding[0].references[0] < 0)
        return true;
    own_store(&handle->closed, true);
    if (!rouse_both(c) && !alone)
        return false;
    if (drop_ends(c) < 0)
        return true; /* the kernel does it at our death */
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
        end[i]->handle.give_up = give_up;
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

/* Sends our own threads home; without the registry's mutex. */
static int
expel_all(struct sysvmp_conn *c)
{
    int error = c->in != NULL ? channel_expel(c->in, true) : 0;

    if (error == 0 && c->out != NULL)
        error = channel_expel(c->out, false);
    return error;
}

static int
close_ends(struct sysvmp_conn *c)
{
    int error;

    registry_lock();
    error = drop_ends(c);
    for (int i = 0; i < c->handle.holdings && error == 0; i++)
        beacon_close(&c->channel[i].beacon);
    registry_unlock();
    return error;
}

/*
 * Closes it in this process, unless somebody has: first nobody begins a call
 * any more, then our own threads leave theirs, then we are no holder: nobody is
 * told of an end after which one of ours still sends.
 *
 * The registry's mutex is not held while we wait for our own threads: one of
 * them may ask the interrupt function, which may wait for a lock of the
 * program's, whose holder may fork and wait for the registry's mutex.  A child
 * that is forked meanwhile has it closed.
 */
static int
close_conn(struct sysvmp_conn *c)
{
    bool open = false;
    int error;

    if (!own_cas(&c->handle.closed, &open, true))
        return 0;
    if (arena_me(c->handle.arena) == 0)
        return 0;
    error = expel_all(c);
    if (error == 0)
        error = close_ends(c);
    if (error < 0) /* it is held as before */
        own_store(&c->handle.closed, false);
    return error;
}

int
sysvmp_conn_close(struct sysvmp_conn *c)
{
    GUARDED;

    if (!valid(c))
        return error_return(-EINVAL);
    if (arena_me(c->handle.arena) == 0 && !own_load(&c->handle.closed))
        return error_return(arena_gone(c->handle.arena));
    return error_return(close_conn(c));
}

void
sysvmp_conn_destroy(struct sysvmp_conn *c)
{
    GUARDED;
    struct arena *arena;

    if (!valid(c))
        return;
    arena = c->handle.arena;
    /* Where the kernel refuses that, it does it itself at our death. */
    (void) close_conn(c);
    registry_lock();
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
    bool last, destroyed;

    registry_lock();
    last = --handle->given == 0;
    destroyed = !valid(c);
    registry_unlock();
    if (!last)
        return;
    if (destroyed)
        free(c);
    else if (started)
        (void) close_conn(c); /* refused: we hold it until we end */
}
