/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * peer-sysv.c: System V message queues as a program uses them without a
 * library: it blocks in msgsnd and msgrcv. The floor of the round trip
 * across CPUs does not sleep: it spins on a word that says how many messages
 * were sent, and asks the kernel when there is one.
 */
#define _GNU_SOURCE

#include <sys/ipc.h>
#include <sys/msg.h>

#include "message.h"
#include "peers.h"

/* Each side's way out and way in. */
struct lines {
    int id[2];          /* the message queues: from side 0, from side 1 */
    unsigned side;
    atomic_ulong *sent[2];
    unsigned long received;
};

static int
queue_open(void)
{
    int id = msgget(IPC_PRIVATE, 0600);

    if (id < 0)
        fail("no message queue");
    return id;
}

static bool
sysv_send(void *channel, struct message *m)
{
    struct lines *l = channel;

    return msgsnd(l->id[l->side], m, MESSAGE_SIZE, 0) == 0;
}

static bool
sysv_receive(void *channel, struct message *m)
{
    struct lines *l = channel;

    return msgrcv(l->id[!l->side], m, MESSAGE_SIZE, 0, 0)
        == (ssize_t)MESSAGE_SIZE;
}

static void
producer(struct side *self, void *arg)
{
    struct lines l = *(struct lines *)arg;

    message_produce(self, &l, sysv_send);
}

static void
consumer(struct side *self, void *arg)
{
    struct lines l = *(struct lines *)arg;

    l.side = 1;
    message_consume(self, &l, sysv_receive);
}

static void
ping(struct side *self, void *arg)
{
    struct lines l = *(struct lines *)arg;

    message_ping(self, &l, sysv_send, sysv_receive);
}

static void
pong(struct side *self, void *arg)
{
    struct lines l = *(struct lines *)arg;

    l.side = 1;
    message_pong(self, &l, sysv_send, sysv_receive);
}

/* The same, spinning */
static bool
spin_send(void *channel, struct message *m)
{
    struct lines *l = channel;

    if (!sysv_send(channel, m))
        return false;
    atomic_fetch_add(l->sent[l->side], 1);
    return true;
}

static bool
spin_receive(void *channel, struct message *m)
{
    struct lines *l = channel;

    while (atomic_load(l->sent[!l->side]) == l->received) {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }
    l->received++;
    return sysv_receive(channel, m);
}

static void
spin_ping(struct side *self, void *arg)
{
    struct lines l = *(struct lines *)arg;

    message_ping(self, &l, spin_send, spin_receive);
}

static void
spin_pong(struct side *self, void *arg)
{
    struct lines l = *(struct lines *)arg;

    l.side = 1;
    message_pong(self, &l, spin_send, spin_receive);
}

/* The cells */
static void
run(struct cell *cell, side_fn *a, side_fn *b)
{
    struct lines l = { .id = { queue_open(), queue_open() } };
    bool good;

    l.sent[0] = (atomic_ulong *)(void *)cell->board->room;
    l.sent[1] = (atomic_ulong *)(void *)(cell->board->room + BENCH_LINE);
    good = sides_run(cell, a, b, &l);
    msgctl(l.id[0], IPC_RMID, NULL);
    msgctl(l.id[1], IPC_RMID, NULL);
    if (!good)
        fail("a process failed");
}

static void
measure(struct cell *cell, side_fn *a, side_fn *b, unsigned timed)
{
    run(cell, a, b);
    message_report(cell->board, timed);
}

void
queue_sysv(struct cell *cell)
{
    measure(cell, producer, consumer, 1);
}

void
pipe_2cpu_sysv(struct cell *cell)
{
    measure(cell, ping, pong, 0);
}

void
pipe_1cpu_sysv(struct cell *cell)
{
    cell->cpu[1] = cell->cpu[0];
    measure(cell, ping, pong, 0);
}

void
pipe_2cpu_spin(struct cell *cell)
{
    measure(cell, spin_ping, spin_pong, 0);
}

/* The floor of handing over 64 bytes, which is that of any size. */
void
handover_spin(struct cell *cell)
{
    double us;

    run(cell, spin_ping, spin_pong);
    us = message_ns(cell->board, 0) / 2000;
    printf("us-4k %.3f\nus-64k %.3f\nus-1m %.3f\nus-64m %.3f\n", us, us, us,
        us);
}
