/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * next-len.c: next_len tells the length of the first message, and takes
 * nothing.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <string.h>

static char text[SYSVMP_INLINE_MAX];

static void
of_a_queue(void)
{
    struct sysvmp_queue *q;
    char buf[8];

    must(sysvmp_queue_create(&q, 0, SYSVMP_EOF), "queue_create");
    is_int(-EAGAIN, sysvmp_queue_next_len(q),
        "queue_next_len: empty: -EAGAIN");
    must(sysvmp_queue_put(q, text, 5, SYSVMP_NOWAIT), "put");
    must(sysvmp_queue_put(q, text, sizeof(text), SYSVMP_NOWAIT), "put");
    must(sysvmp_queue_put(q, text, 0, SYSVMP_NOWAIT), "put");
    is_int(5, sysvmp_queue_next_len(q), "... the first message's length");
    is_int(5, sysvmp_queue_next_len(q), "... again: it stays");
    is_int(3, sysvmp_queue_qsize(q), "... and counts");
    must(sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT), "get");
    is_int(sizeof(text), sysvmp_queue_next_len(q), "... the longest there is");
    is_int(-EMSGSIZE, sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT),
        "... which does not fit");
    must(sysvmp_queue_get(q, text, sizeof(text), SYSVMP_NOWAIT), "get");
    is_int(0, sysvmp_queue_next_len(q), "... an empty message has one, 0");
    must(sysvmp_queue_get(q, NULL, 0, SYSVMP_NOWAIT), "get");
    must(sysvmp_queue_close(q), "close");
    is_int(-EPIPE, sysvmp_queue_next_len(q), "... nobody may put: -EPIPE");
    is_int(-EINVAL, sysvmp_queue_next_len(NULL), "... of NULL: -EINVAL");
    sysvmp_queue_destroy(q);
}

static void
of_a_pipe(void)
{
    struct sysvmp_conn *end[2];

    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    is_int(-EAGAIN, sysvmp_conn_next_len(end[0]),
        "conn_next_len: nothing sent: -EAGAIN");
    is_int(-EBADF, sysvmp_conn_next_len(end[1]),
        "... of an end that only sends: -EBADF");
    must(sysvmp_conn_send(end[1], text, 7, SYSVMP_NOWAIT), "send");
    must(sysvmp_conn_close(end[1]), "close");
    is_int(7, sysvmp_conn_next_len(end[0]), "... a length");
    must(sysvmp_conn_recv(end[0], text, sizeof(text), SYSVMP_NOWAIT), "recv");
    is_int(-EPIPE, sysvmp_conn_next_len(end[0]), "... end of file: -EPIPE");
    must(sysvmp_conn_close(end[0]), "close");
    is_int(-EBADF, sysvmp_conn_next_len(end[0]), "... closed: -EBADF");
    is_int(-EINVAL, sysvmp_conn_next_len(NULL), "... of NULL: -EINVAL");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

int
main(void)
{
    struct sysvmp_queue *q;

    plan(15);
    memset(text, 'x', sizeof(text));
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    must(sysvmp_queue_put(q, "", 0, SYSVMP_NOWAIT), "put");
    if (sysvmp_queue_next_len(q) == -ENOSYS) {
        skip(15, "this kernel can't look at a message without taking it");
    } else {
        of_a_queue();
        of_a_pipe();
    }
    sysvmp_queue_destroy(q);
    return done();
}
