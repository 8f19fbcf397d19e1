/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * carry-fd.c: pipe(2) and socketpair(2) (AF_UNIX).
 *
 * From one to one both are streams.  Among several processes only that is
 * whole which the kernel keeps whole: at most PIPE_BUF bytes in a pipe, which
 * Linux also gives to one reader; in a socket packets, so it is SOCK_SEQPACKET
 * then.  Their buffers are set to the depth, as far as the system lets, and
 * not below two pages.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

#include "carry.h"
#include "cell.h"

#define SMALLEST_PIPE 8192
#define PACKET_EXTRA  512       /* the kernel counts its own part, too */

struct ends {
    int in;
    int out;
};

static bool
is_alone(const struct flow_shape *shape)
{
    return shape->senders == 1 && shape->receivers == 1;
}

static void *
pipe_open(const struct flow_shape *shape)
{
    static struct ends ends;
    size_t bytes = shape->depth * shape->size;
    int fd[2];

    if (!is_alone(shape) && shape->size > PIPE_BUF)
        flow_cannot("over PIPE_BUF not whole among several");
    if (pipe(fd) != 0)
        fail("no pipe");
    if (bytes < SMALLEST_PIPE)
        bytes = SMALLEST_PIPE;
    for (; bytes > INT_MAX || fcntl(fd[1], F_SETPIPE_SZ, (int)bytes) < 0;
         bytes /= 2) {
    }
    if (bytes < shape->depth * shape->size)
        flow_note("fs.pipe-max-size: %d bytes", fcntl(fd[1], F_GETPIPE_SZ));
    ends = (struct ends) { .in = fd[0], .out = fd[1] };
    return &ends;
}

static void *
sockets_open(const struct flow_shape *shape)
{
    static struct ends ends;
    double bytes = shape->depth * ((double)shape->size + PACKET_EXTRA) / 2;
    socklen_t length;
    int fd[2], got, size = bytes > INT_MAX / 2 ? INT_MAX / 2 : (int)bytes;

    if (socketpair(AF_UNIX, is_alone(shape) ? SOCK_STREAM : SOCK_SEQPACKET,
            0, fd) != 0)
        fail("no socketpair");
    length = sizeof(got);
    if (setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &size, length) != 0
        || getsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &got, &length) != 0)
        fail("no socket buffer");
    if (got / 2 < size)
        flow_note("net.core.wmem_max: %d bytes", got / 2);
    ends = (struct ends) { .in = fd[1], .out = fd[0] };
    return &ends;
}

static bool
fd_send(struct flow_end *end, void *room)
{
    const struct ends *ends = end->shared;
    const char *from = room;
    size_t done = 0;

    while (done < end->shape->size) {
        ssize_t n = write(ends->out, from + done, end->shape->size - done);

        if (n < 0 && errno == EMSGSIZE)
            flow_cannot("net.core.wmem_max");
        if (n < 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static const void *
fd_receive(struct flow_end *end)
{
    const struct ends *ends = end->shared;
    size_t have = 0;

    while (have < end->shape->size) {
        ssize_t n = read(ends->in, end->buffer + have,
            end->shape->size - have);

        if (n <= 0)
            return NULL;
        have += (size_t)n;
    }
    return end->buffer;
}

const struct carrier carry_pipe = {
    .subject = "pipe(2)", .open = pipe_open, .send = fd_send,
    .receive = fd_receive
};

const struct carrier carry_socketpair = {
    .subject = "socketpair", .open = sockets_open, .send = fd_send,
    .receive = fd_receive
};
