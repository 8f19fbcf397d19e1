/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * carry-ours.c: a queue of libsysvmp, in its three ways: copying one message
 * with each call; several with each call; without a copy, where the message
 * is written and read in place.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysvmp.h>

#include "carry-ours.h"
#include "cell.h"

#define BATCH 64

static void
complain(const char *call, long long code)
{
    fprintf(stderr, "%s: %lld: %s\n", call, code, sysvmp_last_error());
}

/* What comes back where it should have been 0. */
static bool
done(const char *call, int code)
{
    if (code == -EMSGSIZE || code == -ENOSYS)
        flow_cannot("%s", sysvmp_strerror(code));
    if (code != 0)
        complain(call, code);
    return code == 0;
}

static void *
queue_open(const struct flow_shape *shape)
{
    struct sysvmp_queue *q;

    if (!done("queue", sysvmp_queue_create(&q, shape->depth, 0)))
        fail("no queue");
    return q;
}

static void
queue_close(void *shared)
{
    sysvmp_queue_destroy(shared);
}

static bool
queue_send(struct flow_end *end, void *room)
{
    return done("put", sysvmp_queue_put(end->shared, room, end->shape->size,
        SYSVMP_FOREVER));
}

static const void *
queue_receive(struct flow_end *end)
{
    ssize_t n = sysvmp_queue_get(end->shared, end->buffer, end->shape->size,
        SYSVMP_FOREVER);

    if (n < 0)
        complain("get", n);
    return flow_whole(end, n) ? end->buffer : NULL;
}

const struct carrier carry_queue = {
    .subject = "sysvmp", .open = queue_open, .close = queue_close,
    .send = queue_send, .receive = queue_receive
};

/* Several at once */
struct batch {
    struct sysvmp_item item[BATCH];
    size_t n;           /* those that are filled in, or have come */
    size_t next;        /* the first that was not handed out yet */
};

static void
many_join(struct flow_end *end)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    size_t size = end->shape->size;
    char *bytes = malloc(BATCH * size);

    if (batch == NULL || bytes == NULL)
        fail("no memory for a batch");
    for (size_t i = 0; i < BATCH; i++)
        batch->item[i] = (struct sysvmp_item) { bytes + i * size, size,
            size };
    end->own = batch;
}

static void *
many_room(struct flow_end *end)
{
    struct batch *batch = end->own;

    return batch->item[batch->n].data;
}

/* It may take some from the front alone. */
static bool
many_flush(struct flow_end *end)
{
    struct batch *batch = end->own;
    size_t sent = 0;

    while (sent < batch->n) {
        ssize_t n = sysvmp_queue_put_many(end->shared, batch->item + sent,
            batch->n - sent, SYSVMP_FOREVER);

        if (n <= 0)
            return n < 0 && done("put_many", (int)n);
        sent += (size_t)n;
    }
    batch->n = 0;
    return true;
}

static bool
many_send(struct flow_end *end, void *room)
{
    struct batch *batch = end->own;

    (void)room;
    return ++batch->n < BATCH || many_flush(end);
}

static const void *
many_receive(struct flow_end *end)
{
    struct batch *batch = end->own;
    const struct sysvmp_item *item;

    if (batch->next == batch->n) {
        ssize_t n = sysvmp_queue_get_many(end->shared, batch->item, BATCH,
            SYSVMP_FOREVER);

        if (n <= 0) {
            done("get_many", (int)n);
            return NULL;
        }
        batch->n = (size_t)n;
        batch->next = 0;
    }
    item = &batch->item[batch->next++];
    return flow_whole(end, (long long)item->len) ? item->data : NULL;
}

const struct carrier carry_many = {
    .subject = "sysvmp-many", .open = queue_open, .close = queue_close,
    .join = many_join, .room = many_room, .send = many_send,
    .flush = many_flush, .receive = many_receive
};

/* Without a copy */
static void *
msg_room(struct flow_end *end)
{
    struct sysvmp_msg *m;

    if (!done("msg_create", sysvmp_msg_create(&m, end->shape->size)))
        return NULL;
    end->own = m;
    return sysvmp_msg_data(m);
}

static bool
msg_send(struct flow_end *end, void *room)
{
    (void)room;
    return done("put_msg", sysvmp_queue_put_msg(end->shared, end->own,
        SYSVMP_FOREVER));
}

static const void *
msg_receive(struct flow_end *end)
{
    struct sysvmp_msg *m;

    if (!done("get_msg", sysvmp_queue_get_msg(end->shared, &m,
            SYSVMP_FOREVER))
        || !flow_whole(end, (long long)sysvmp_msg_len(m)))
        return NULL;
    end->own = m;
    return sysvmp_msg_data(m);
}

static void
msg_release(struct flow_end *end, const void *message)
{
    (void)message;
    sysvmp_msg_destroy(end->own);
}

const struct carrier carry_msg = {
    .subject = "sysvmp-msg", .open = queue_open, .close = queue_close,
    .room = msg_room, .send = msg_send, .receive = msg_receive,
    .release = msg_release
};
