/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nouns-wait.c: the loops that waiting for any of several is measured with.
 * One line has a message each time, by chance.
 */
#define _GNU_SOURCE

#include <stdio.h>

#include "nouns.h"

#define CHUNK 16        /* between looks at the flag */

struct lines {
    const struct wait_ops *ops;
    void *set;
    unsigned n;
    uint32_t chance;
};

/* Marsaglia's xorshift: the same lines for every subject. */
static unsigned
some_line(struct lines *lines)
{
    lines->chance ^= lines->chance << 13;
    lines->chance ^= lines->chance >> 17;
    lines->chance ^= lines->chance << 5;
    return lines->chance % lines->n;
}

static bool
send_some(void *arg, struct message *m)
{
    struct lines *lines = arg;

    return lines->ops->send(lines->set, some_line(lines), m);
}

static bool
receive_any(void *arg, struct message *m)
{
    struct lines *lines = arg;

    return lines->ops->receive(lines->set, m);
}

static bool
answer(void *arg, struct message *m)
{
    struct lines *lines = arg;

    return lines->ops->answer(lines->set, m);
}

static bool
hear(void *arg, struct message *m)
{
    struct lines *lines = arg;

    return lines->ops->hear(lines->set, m);
}

static void
asking_side(struct side *self, void *arg)
{
    message_ping(self, arg, send_some, hear);
}

static void
waiting_side(struct side *self, void *arg)
{
    message_pong(self, arg, answer, receive_any);
}

static void
ready_once(struct lines *lines, uint64_t seq)
{
    struct message m;

    message_write(&m, seq, false);
    if (!send_some(lines, &m) || !receive_any(lines, &m))
        fail("a call failed");
    message_check(&m, seq);
}

static void
ready_side(struct side *self, void *arg)
{
    uint64_t n = 0;

    for (; n < NOUN_WARM_UP; n++)
        ready_once(arg, n);
    self->begin = now_ns();
    while (!side_stopped(self))
        for (int i = 0; i < CHUNK; i++)
            ready_once(arg, n++);
    self->end = now_ns();
    self->n = n - NOUN_WARM_UP;
}

void
wait_measure(struct cell *cell, const struct wait_ops *ops, void *set,
    unsigned n)
{
    struct lines lines = { ops, set, n, 2463534242u };
    const struct side *s = cell->board->side;

    if (!sides_run(cell, asking_side, waiting_side, &lines))
        fail("a process failed");
    message_report(cell->board, 0);
    if (!sides_run(cell, ready_side, NULL, &lines))
        fail("a process failed");
    printf("ns-ready %.2f\n", (double)(s->end - s->begin) / (double)s->n);
}
