/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer-nng.c: nng, PUSH to PULL over ipc: each sender listens at an abstract
 * address, each receiver dials all of them.  A message is written and read
 * where the library has it.
 *
 * A connection holds two messages beside the sender's buffer: one that is
 * being sent, one that the receiver has read ahead.
 */
#define _GNU_SOURCE

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <stdio.h>
#include <unistd.h>

#include "cell.h"

#define HELD_BY_CONNECTION 2

struct nng_end {
    nng_socket socket;
    nng_msg *message;
};

static void
must(int code, const char *what)
{
    if (code != 0)
        fail("nng: %s: %s", what, nng_strerror(code));
}

/* The sender's buffer is one for all its connections. */
static void *
push_open(const struct flow_shape *shape)
{
    static int buffer;
    unsigned connections = shape->senders * shape->receivers;
    unsigned all = flow_share(shape, connections, HELD_BY_CONNECTION)
        * connections;

    buffer = (int)((all - HELD_BY_CONNECTION * connections)
        / shape->senders);
    return &buffer;
}

static void
address(char *to, size_t size, unsigned sender)
{
    snprintf(to, size, "abstract://sysvmp-bench-%d-%u", (int)getppid(),
        sender);
}

static void
push_join(struct flow_end *end)
{
    static struct nng_end own;
    int buffer = *(int *)end->shared;
    char at[64];

    end->own = &own;
    if (end->sends) {
        must(nng_push0_open(&own.socket), "socket");
        must(nng_socket_set_int(own.socket, NNG_OPT_SENDBUF, buffer),
            "buffer");
        address(at, sizeof(at), end->index);
        must(nng_listen(own.socket, at, NULL, 0), "listen");
        return;
    }
    must(nng_pull0_open(&own.socket), "socket");
    must(nng_socket_set_size(own.socket, NNG_OPT_RECVMAXSZ, 0), "size");
    for (unsigned i = 0; i < end->shape->senders; i++) {
        address(at, sizeof(at), i);
        must(nng_dial(own.socket, at, NULL, 0), "dial");
    }
}

static void *
push_room(struct flow_end *end)
{
    struct nng_end *own = end->own;

    return nng_msg_alloc(&own->message, end->shape->size) == 0
        ? nng_msg_body(own->message) : NULL;
}

static bool
push_send(struct flow_end *end, void *room)
{
    struct nng_end *own = end->own;

    (void)room;
    return nng_sendmsg(own->socket, own->message, 0) == 0;
}

static const void *
pull_receive(struct flow_end *end)
{
    struct nng_end *own = end->own;

    if (nng_recvmsg(own->socket, &own->message, 0) != 0)
        return NULL;
    return flow_whole(end, (long long)nng_msg_len(own->message))
        ? nng_msg_body(own->message) : NULL;
}

static void
pull_release(struct flow_end *end, const void *message)
{
    struct nng_end *own = end->own;

    (void)message;
    nng_msg_free(own->message);
}

int
main(int argc, char **argv)
{
    static const struct carrier nng = {
        .subject = "nng", .open = push_open, .join = push_join,
        .room = push_room, .send = push_send, .receive = pull_receive,
        .release = pull_release
    };

    return flow_main(&nng, argc, argv);
}
