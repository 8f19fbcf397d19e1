/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer-zmq.c: ZeroMQ, PUSH to PULL over ipc: each sender binds an address, of
 * which no file is left as it is abstract, and each receiver connects to all
 * of them.  A message is written and read where the library has it.
 *
 * It counts its depth at both ends of each connection; so a small depth among
 * many is exceeded.
 */
#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "cell.h"

struct zmq_end {
    void *socket;
    zmq_msg_t message;
};

static void *
push_open(const struct flow_shape *shape)
{
    static unsigned mark;
    unsigned connections = shape->senders * shape->receivers;

    mark = flow_share(shape, connections, 2) / 2;
    return &mark;
}

static void
address(char *to, size_t size, unsigned sender)
{
    snprintf(to, size, "ipc://@sysvmp-bench-%d-%u", (int)getppid(), sender);
}

static void
push_join(struct flow_end *end)
{
    static struct zmq_end own;
    int mark = (int)*(unsigned *)end->shared;
    char at[64];
    bool good = true;

    own.socket = zmq_socket(zmq_ctx_new(), end->sends ? ZMQ_PUSH : ZMQ_PULL);
    if (own.socket == NULL
        || zmq_setsockopt(own.socket, ZMQ_SNDHWM, &mark, sizeof(mark)) != 0
        || zmq_setsockopt(own.socket, ZMQ_RCVHWM, &mark, sizeof(mark)) != 0)
        fail("no socket of ZeroMQ");
    address(at, sizeof(at), end->index);
    if (end->sends)
        good = zmq_bind(own.socket, at) == 0;
    for (unsigned i = 0; !end->sends && i < end->shape->senders; i++) {
        address(at, sizeof(at), i);
        good = zmq_connect(own.socket, at) == 0 && good;
    }
    if (!good)
        fail("ZeroMQ: %s", zmq_strerror(zmq_errno()));
    end->own = &own;
}

static void *
push_room(struct flow_end *end)
{
    struct zmq_end *own = end->own;

    return zmq_msg_init_size(&own->message, end->shape->size) == 0
        ? zmq_msg_data(&own->message) : NULL;
}

static bool
push_send(struct flow_end *end, void *room)
{
    struct zmq_end *own = end->own;

    (void)room;
    return zmq_msg_send(&own->message, own->socket, 0) >= 0;
}

static const void *
pull_receive(struct flow_end *end)
{
    struct zmq_end *own = end->own;

    zmq_msg_init(&own->message);
    return flow_whole(end, zmq_msg_recv(&own->message, own->socket, 0))
        ? zmq_msg_data(&own->message) : NULL;
}

static void
pull_release(struct flow_end *end, const void *message)
{
    struct zmq_end *own = end->own;

    (void)message;
    zmq_msg_close(&own->message);
}

int
main(int argc, char **argv)
{
    static const struct carrier zeromq = {
        .subject = "zeromq", .open = push_open, .join = push_join,
        .room = push_room, .send = push_send, .receive = pull_receive,
        .release = pull_release
    };

    return flow_main(&zeromq, argc, argv);
}
