/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * carry-sysv.c: a System V message queue, in which a program blocks.  Its
 * depth is counted in bytes, so msg_qbytes makes it exact; it can be raised
 * by root alone, and a message has at most kernel.msgmax bytes.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>

#include "carry.h"
#include "cell.h"

static void *
sysv_open(const struct flow_shape *shape)
{
    static int id;
    struct msqid_ds queue;

    id = msgget(IPC_PRIVATE, 0600);
    if (id < 0 || msgctl(id, IPC_STAT, &queue) != 0)
        fail("no message queue");
    queue.msg_qbytes = shape->depth * shape->size;
    if (msgctl(id, IPC_SET, &queue) != 0) {
        msgctl(id, IPC_RMID, NULL);
        flow_cannot("kernel.msgmnb");
    }
    return &id;
}

static void
sysv_close(void *shared)
{
    msgctl(*(int *)shared, IPC_RMID, NULL);
}

/* The type is right before the bytes; the buffer has the room for it. */
static long *
with_type(struct flow_end *end)
{
    return (long *)(void *)end->buffer - 1;
}

static bool
sysv_send(struct flow_end *end, void *room)
{
    (void)room;
    *with_type(end) = 1;
    if (msgsnd(*(int *)end->shared, with_type(end), end->shape->size, 0)
        == 0)
        return true;
    if (errno == EINVAL)
        flow_cannot("kernel.msgmax");
    return false;
}

static const void *
sysv_receive(struct flow_end *end)
{
    return flow_whole(end, msgrcv(*(int *)end->shared, with_type(end),
        end->shape->size, 0, 0)) ? end->buffer : NULL;
}

const struct carrier carry_sysv = {
    .subject = "sysv", .open = sysv_open, .close = sysv_close,
    .send = sysv_send, .receive = sysv_receive
};
