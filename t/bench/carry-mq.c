/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * carry-mq.c: a POSIX message queue.  Depth and size are limited by what is
 * in /proc/sys/fs/mqueue (for root by what the kernel was made with) and by
 * RLIMIT_MSGQUEUE, 819,200 bytes by default.  Where the depth is over the
 * limit of 10 it is 10; that is told beside the figure.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <unistd.h>

#include "carry.h"
#include "cell.h"

#define USUAL_DEPTH 10          /* of msg_max in /proc/sys/fs/mqueue */

static mqd_t
mq_try(const char *name, const struct flow_shape *shape, unsigned depth)
{
    struct mq_attr attr = { .mq_maxmsg = (long)depth,
        .mq_msgsize = (long)shape->size };

    return mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
}

static void *
mq_make(const struct flow_shape *shape)
{
    static mqd_t queue;
    char name[32];

    snprintf(name, sizeof(name), "/sysvmp-bench-%d", (int)getpid());
    queue = mq_try(name, shape, shape->depth);
    if (queue == (mqd_t)-1 && shape->depth > USUAL_DEPTH) {
        queue = mq_try(name, shape, USUAL_DEPTH);
        if (queue != (mqd_t)-1)
            flow_note("fs.mqueue.msg_max: depth %d", USUAL_DEPTH);
    }
    if (queue == (mqd_t)-1)
        switch (errno) {
        case EINVAL:
            flow_cannot("fs.mqueue.msgsize_max");
        case EMFILE:
            flow_cannot("RLIMIT_MSGQUEUE");
        case ENOSYS:
            flow_cannot("not in this kernel");
        default:
            fail("no POSIX message queue");
        }
    mq_unlink(name);
    return &queue;
}

static bool
mq_put(struct flow_end *end, void *room)
{
    return mq_send(*(mqd_t *)end->shared, room, end->shape->size, 0) == 0;
}

static const void *
mq_get(struct flow_end *end)
{
    return flow_whole(end, mq_receive(*(mqd_t *)end->shared,
        (char *)end->buffer, end->shape->size, NULL)) ? end->buffer : NULL;
}

const struct carrier carry_mq = {
    .subject = "posix-mq", .open = mq_make, .send = mq_put,
    .receive = mq_get
};
