/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * message.h: the 64 bytes that queues and pipes are measured with, and the
 * loops. Every byte is written by the sender and looked at by the receiver;
 * a message lost, doubled, out of order or torn fails the cell.
 */
#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include <stdio.h>

#include "cell.h"

#define MESSAGE_WORDS   8
#define MESSAGE_SIZE    (MESSAGE_WORDS * sizeof(uint64_t))
#ifndef MESSAGE_WARM_UP
#    define MESSAGE_WARM_UP 1000
#endif

struct message {
    long type;                          /* for msgsnd: it is not copied */
    uint64_t word[MESSAGE_WORDS];       /* the payload */
};

typedef bool message_op(void *channel, struct message *m);

BENCH_INLINE void
message_write(struct message *m, uint64_t seq, bool last)
{
    m->type = 1;
    m->word[0] = seq << 1 | last;
    for (unsigned i = 1; i < MESSAGE_WORDS; i++)
        m->word[i] = seq + i;
}

/* True for the last message. */
BENCH_INLINE bool
message_check(const struct message *m, uint64_t seq)
{
    uint64_t wrong = (m->word[0] >> 1) ^ seq;

    for (unsigned i = 1; i < MESSAGE_WORDS; i++)
        wrong |= m->word[i] ^ (seq + i);
    if (wrong != 0)
        fail("message %llu came where %llu was due",
            (unsigned long long)(m->word[0] >> 1), (unsigned long long)seq);
    return m->word[0] & 1;
}

/* One direction. */
BENCH_INLINE void
message_produce(struct side *self, void *channel, message_op *send)
{
    struct message m;
    uint64_t seq = 0;
    bool last;

    do {
        last = side_stopped(self) && seq > MESSAGE_WARM_UP;
        message_write(&m, seq++, last);
        if (!send(channel, &m))
            fail("send failed");
    } while (!last);
    self->n = seq;
}

BENCH_INLINE void
message_consume(struct side *self, void *channel, message_op *receive)
{
    struct message m;
    uint64_t seq = 0;
    bool last;

    do {
        if (seq == MESSAGE_WARM_UP)
            self->begin = now_ns();
        if (!receive(channel, &m))
            fail("receive failed");
        last = message_check(&m, seq++);
    } while (!last);
    self->end = now_ns();
    self->n = seq;
}

/* There and back: the second process answers with what it got, plus 1. */
BENCH_INLINE void
message_ping(struct side *self, void *channel, message_op *send,
    message_op *receive)
{
    struct message m;
    uint64_t seq = 0;
    bool last;

    do {
        if (seq == MESSAGE_WARM_UP)
            self->begin = now_ns();
        last = side_stopped(self) && seq > MESSAGE_WARM_UP;
        message_write(&m, seq, last);
        if (!send(channel, &m) || !receive(channel, &m))
            fail("ping failed");
        message_check(&m, ++seq);
    } while (!last);
    self->end = now_ns();
    self->n = seq;
}

BENCH_INLINE void
message_pong(struct side *self, void *channel, message_op *send,
    message_op *receive)
{
    struct message m;
    uint64_t seq = 0;
    bool last;

    do {
        if (!receive(channel, &m))
            fail("pong failed");
        last = message_check(&m, seq++);
        message_write(&m, seq, last);
        if (!send(channel, &m))
            fail("pong failed");
    } while (!last);
    self->n = seq;
}

/* The side that timed it is the given one. */
static inline double
message_ns(const struct board *board, unsigned timed)
{
    const struct side *s = &board->side[timed];

    if (board->side[0].n != board->side[1].n)
        fail("%llu sent, %llu received",
            (unsigned long long)board->side[0].n,
            (unsigned long long)board->side[1].n);
    return (double)(s->end - s->begin) / (double)(s->n - MESSAGE_WARM_UP);
}

static inline void
message_report(const struct board *board, unsigned timed)
{
    printf("ns %.2f\n", message_ns(board, timed));
}

#endif /* BENCH_MESSAGE_H */
