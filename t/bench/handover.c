/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * handover.c: a message sent and received without a copy, there and back over
 * a pipe; half of that is one hand-over, from send_msg to recv_msg.
 *
 * Touching the bytes is not in it: a timed message has its head written and
 * read, and its last word, which is where a wrong length or place would show.
 * The memory is used: it is one block that goes to and fro, and is written and
 * read whole before and after.  (To make and free it as well costs 70 us for
 * 64 MiB, as its memory is given back each time.)
 */
#define _GNU_SOURCE

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysvmp.h>

#include "handover.h"
#include "payload.h"

#define SIZES 4
#define WHOLE 8         /* messages, each way */
#define CHUNK 64        /* round trips between looks at the clock */

/* What a message tells, in the place of its sender. */
#define FLAG_WHOLE 1u
#define FLAG_LAST  2u

static const size_t sizes[SIZES] = { 4 << 10, 64 << 10, 1 << 20, 64 << 20 };

static void
must(int code, const char *what)
{
    if (code == -ENOSYS || code == -EMSGSIZE)
        flow_cannot("%s", sysvmp_strerror(code));
    if (code != 0)
        fail("%s: %s: %s", what, sysvmp_strerror(code), sysvmp_last_error());
}

static void
hand_over(struct sysvmp_conn *conn, struct sysvmp_msg *m, size_t size,
    uint64_t head)
{
    char *at = sysvmp_msg_data(m);

    if (head & FLAG_WHOLE) {
        payload_write(at, size, head);
    } else {
        memcpy(at, &head, sizeof(head));
        memcpy(at + size - sizeof(head), &head, sizeof(head));
    }
    must(sysvmp_conn_send_msg(conn, m, SYSVMP_FOREVER), "send_msg");
}

static uint64_t
take_over(struct sysvmp_conn *conn, struct sysvmp_msg **m, size_t size,
    uint64_t seq)
{
    uint64_t head, tail;
    const char *at;

    must(sysvmp_conn_recv_msg(conn, m, SYSVMP_FOREVER), "recv_msg");
    if (sysvmp_msg_len(*m) != size)
        fail("%zu bytes came, not %zu", sysvmp_msg_len(*m), size);
    at = sysvmp_msg_data(*m);
    memcpy(&head, at, sizeof(head));
    memcpy(&tail, at + size - sizeof(tail), sizeof(tail));
    if (head >> PAYLOAD_SENDER_BITS != seq
        || (head & FLAG_WHOLE ? !payload_read(at, size, &head)
            : tail != head))
        fail("message %llu is not what was sent", (unsigned long long)seq);
    return head;
}

/* The answer is as the question was. */
static void
answer_side(struct side *self, void *arg)
{
    struct sysvmp_conn **end = arg;

    (void)self;
    for (int i = 0; i < SIZES; i++) {
        uint64_t seq = 0, head;
        struct sysvmp_msg *m;

        do {
            head = take_over(end[1], &m, sizes[i], seq++);
            hand_over(end[1], m, sizes[i], head);
        } while (!(head & FLAG_LAST));
    }
}

static void
there_and_back(struct sysvmp_conn *conn, struct sysvmp_msg **m, size_t size,
    uint64_t seq, unsigned flags)
{
    hand_over(conn, *m, size, payload_head(seq, flags));
    take_over(conn, m, size, seq);
}

/* The time of one hand-over in nanoseconds. */
static double
size_measure(struct sysvmp_conn *conn, size_t size, uint64_t span)
{
    uint64_t begin, now, n = 0, seq = 0;
    struct sysvmp_msg *m;

    must(sysvmp_msg_create(&m, size), "msg_create");
    while (seq < WHOLE)
        there_and_back(conn, &m, size, seq++, FLAG_WHOLE);
    begin = now_ns();
    do {
        for (int i = 0; i < CHUNK; i++)
            there_and_back(conn, &m, size, seq++, 0);
        n += 2 * CHUNK;
        now = now_ns();
    } while (now - begin < span);
    for (int i = 1; i < WHOLE; i++)
        there_and_back(conn, &m, size, seq++, FLAG_WHOLE);
    there_and_back(conn, &m, size, seq, FLAG_WHOLE | FLAG_LAST);
    sysvmp_msg_destroy(m);
    return (double)(now - begin) / (double)n;
}

static void
asking_side(struct side *self, void *arg)
{
    struct sysvmp_conn **end = arg;
    double *ns = (double *)(void *)self->board->room;
    uint64_t span = *(uint64_t *)(void *)(ns + SIZES);

    for (int i = 0; i < SIZES; i++)
        ns[i] = size_measure(end[0], sizes[i], span);
}

/* What can't be done is found here, not in a child. */
static void
try_once(void)
{
    struct sysvmp_msg *m;

    must(sysvmp_msg_create(&m, sizes[SIZES - 1]), "msg_create");
    sysvmp_msg_destroy(m);
}

void
handover_measure(struct cell *cell)
{
    double *ns = (double *)(void *)cell->board->room;
    struct sysvmp_conn *end[2];

    *(uint64_t *)(void *)(ns + SIZES) = cell->ms * (1000000ull / SIZES);
    try_once();
    must(sysvmp_pipe_create(end, 0), "pipe");
    if (!sides_run(cell, asking_side, answer_side, end))
        fail("a process failed");
    printf("us-4k %.3f\nus-64k %.3f\nus-1m %.3f\nus-64m %.3f\ngrowth %.3f\n",
        ns[0] / 1000, ns[1] / 1000, ns[2] / 1000, ns[3] / 1000,
        ns[3] / ns[0]);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}
