/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nouns-poll.c: poll(2) and epoll(7) over socket pairs, and read(2).
 */
#define _GNU_SOURCE

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nouns.h"
#include "peers.h"

#define LINES_MAX 64

struct set {
    struct pollfd in[LINES_MAX];
    int out[LINES_MAX];
    unsigned n;
    int epoll;
    int back[2];
};

/* A message of 64 bytes goes through whole. */
static bool
fd_send(int fd, const struct message *m)
{
    return write(fd, m->word, MESSAGE_SIZE) == (ssize_t)MESSAGE_SIZE;
}

static bool
fd_receive(int fd, struct message *m)
{
    return read(fd, m->word, MESSAGE_SIZE) == (ssize_t)MESSAGE_SIZE;
}

static bool
set_send(void *arg, unsigned line, struct message *m)
{
    struct set *set = arg;

    return fd_send(set->out[line], m);
}

static bool
poll_receive(void *arg, struct message *m)
{
    struct set *set = arg;
    unsigned i = 0;

    if (poll(set->in, set->n, -1) != 1)
        return false;
    while (i < set->n - 1 && set->in[i].revents == 0)
        i++;
    return fd_receive(set->in[i].fd, m);
}

static bool
epoll_receive(void *arg, struct message *m)
{
    struct set *set = arg;
    struct epoll_event event[LINES_MAX];

    return epoll_wait(set->epoll, event, LINES_MAX, -1) == 1
        && fd_receive(event[0].data.fd, m);
}

static bool
set_answer(void *arg, struct message *m)
{
    struct set *set = arg;

    return fd_send(set->back[0], m);
}

static bool
set_hear(void *arg, struct message *m)
{
    struct set *set = arg;

    return fd_receive(set->back[1], m);
}

static void
line_open(struct set *set, unsigned i)
{
    struct epoll_event event = { .events = EPOLLIN };
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) != 0)
        fail("no socketpair");
    set->in[i] = (struct pollfd) { .fd = fd[0], .events = POLLIN };
    set->out[i] = fd[1];
    event.data.fd = fd[0];
    if (epoll_ctl(set->epoll, EPOLL_CTL_ADD, fd[0], &event) != 0)
        fail("no epoll");
}

static void
wait_cell(struct cell *cell, const struct wait_ops *ops, unsigned n)
{
    static struct set set;

    set.n = n;
    set.epoll = epoll_create1(0);
    for (unsigned i = 0; i < n; i++)
        line_open(&set, i);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, set.back) != 0)
        fail("no socketpair");
    wait_measure(cell, ops, &set, n);
}

static const struct wait_ops by_poll = { set_send, poll_receive, set_answer,
    set_hear };
static const struct wait_ops by_epoll = { set_send, epoll_receive,
    set_answer, set_hear };

void
wait_1_poll(struct cell *cell)
{
    wait_cell(cell, &by_poll, 1);
}

void
wait_64_poll(struct cell *cell)
{
    wait_cell(cell, &by_poll, 64);
}

void
wait_1_epoll(struct cell *cell)
{
    wait_cell(cell, &by_epoll, 1);
}

void
wait_64_epoll(struct cell *cell)
{
    wait_cell(cell, &by_epoll, 64);
}
