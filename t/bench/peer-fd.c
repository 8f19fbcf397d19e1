/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer-fd.c: pipe(2) and socketpair(2) (AF_UNIX, SOCK_STREAM: what Python's
 * Pipe is made of). A message of 64 bytes is written whole to both.
 */
#define _GNU_SOURCE

#include <sys/socket.h>
#include <unistd.h>

#include "message.h"
#include "peers.h"

struct ends {
    int in;
    int out;
};

static bool
fd_send(void *channel, struct message *m)
{
    struct ends *e = channel;

    return write(e->out, m->word, MESSAGE_SIZE) == (ssize_t)MESSAGE_SIZE;
}

static bool
fd_receive(void *channel, struct message *m)
{
    struct ends *e = channel;
    char *to = (char *)m->word;
    size_t have = 0;

    while (have < MESSAGE_SIZE) {
        ssize_t n = read(e->in, to + have, MESSAGE_SIZE - have);

        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    return true;
}

/* arg: the ends of side 0 and of side 1 */
static void
producer(struct side *self, void *arg)
{
    message_produce(self, (struct ends *)arg, fd_send);
}

static void
consumer(struct side *self, void *arg)
{
    message_consume(self, (struct ends *)arg + 1, fd_receive);
}

static void
ping(struct side *self, void *arg)
{
    message_ping(self, (struct ends *)arg, fd_send, fd_receive);
}

static void
pong(struct side *self, void *arg)
{
    message_pong(self, (struct ends *)arg + 1, fd_send, fd_receive);
}

static void
pipes_open(struct ends end[2])
{
    int there[2], back[2];

    if (pipe(there) != 0 || pipe(back) != 0)
        fail("no pipe");
    end[0].out = there[1];
    end[1].in = there[0];
    end[1].out = back[1];
    end[0].in = back[0];
}

static void
sockets_open(struct ends end[2])
{
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0)
        fail("no socketpair");
    end[0].in = end[0].out = fd[0];
    end[1].in = end[1].out = fd[1];
}

static void
round_trip(struct cell *cell, void (*open_ends)(struct ends *))
{
    struct ends end[2];

    open_ends(end);
    if (!sides_run(cell, ping, pong, end))
        fail("a process failed");
    message_report(cell->board, 0);
}

void
queue_pipe(struct cell *cell)
{
    struct ends end[2];

    pipes_open(end);
    if (!sides_run(cell, producer, consumer, end))
        fail("a process failed");
    message_report(cell->board, 1);
}

void
pipe_2cpu_pipe(struct cell *cell)
{
    round_trip(cell, pipes_open);
}

void
pipe_1cpu_pipe(struct cell *cell)
{
    cell->cpu[1] = cell->cpu[0];
    round_trip(cell, pipes_open);
}

void
pipe_2cpu_socketpair(struct cell *cell)
{
    round_trip(cell, sockets_open);
}

void
pipe_1cpu_socketpair(struct cell *cell)
{
    cell->cpu[1] = cell->cpu[0];
    round_trip(cell, sockets_open);
}
