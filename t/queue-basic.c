/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue-basic.c: what is put is got, whole and in order; what does not fit
 * stays; qsize, empty and full are exact, in the instant after a put (F12)
 * and from every process.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { N = 50, TRIES = 1000 };

static struct sysvmp_queue *q;

static void
in_order(void)
{
    char text[32], buf[32];
    int good = 0;

    for (int i = 0; i < N; i++) {
        int len = snprintf(text, sizeof(text), "message %d", i);

        good += sysvmp_queue_put(q, text, (size_t)len, SYSVMP_FOREVER) == 0;
    }
    is_int(N, good, "queue-basic: %d messages are put", N);
    is_int(N, sysvmp_queue_qsize(q), "... qsize says so");
    for (int i = 0; i < N; i++) {
        int len = snprintf(text, sizeof(text), "message %d", i);

        good -= sysvmp_queue_get(q, buf, sizeof(buf), 1000) == len &&
            memcmp(buf, text, (size_t)len) == 0;
    }
    is_int(0, good, "... and got in this order, whole");
    is_int(-EAGAIN, sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT),
        "... then there is none");
}

static void
lengths(void)
{
    static char text[SYSVMP_INLINE_MAX + 1], buf[SYSVMP_INLINE_MAX + 2];
    static const size_t some[] = {1, 2, 3, 7, 8, 9, 63, 64, 65, 1000, 4000,
        4047, SYSVMP_INLINE_MAX, SYSVMP_INLINE_MAX + 1};
    int good = 0, count = sizeof(some) / sizeof(some[0]);

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 7 + i / 251);
    for (int i = 0; i < count; i++) {
        memset(buf, 0, sizeof(buf));
        good += sysvmp_queue_put(q, text, some[i], 1000) == 0 &&
            sysvmp_queue_get(q, buf, sizeof(buf), 1000) ==
                (ssize_t)some[i] &&
            memcmp(buf, text, some[i]) == 0 && buf[some[i]] == 0;
    }
    is_int(count, good, "queue-basic: messages of 1 to %d bytes are whole",
        SYSVMP_INLINE_MAX + 1);

    is_int(0, sysvmp_queue_put(q, NULL, 0, 1000), "... of 0 bytes is one");
    is_int(1, sysvmp_queue_qsize(q), "... and counts");
    is_int(0, sysvmp_queue_get(q, NULL, 0, 1000), "... and is got");
    is_int(0, sysvmp_queue_qsize(q), "... once");
}

static void
small_buffer(void)
{
    char buf[16];

    must(sysvmp_queue_put(q, "0123456789", 10, 1000), "put");
    must(sysvmp_queue_put(q, "next", 4, 1000), "put");
    memset(buf, 'x', sizeof(buf));
    is_int(-EMSGSIZE, sysvmp_queue_get(q, buf, 9, 1000),
        "queue-basic: it does not fit in the buffer");
    ok(memcmp(buf, "xxxxxxxxxxxxxxxx", 16) == 0, "... which is untouched");
    is_int(-EMSGSIZE, sysvmp_queue_get(q, NULL, 0, SYSVMP_NOWAIT),
        "... nor in none");
    is_int(2, sysvmp_queue_qsize(q), "... nothing is taken");
    is_int(10, sysvmp_queue_get(q, buf, 10, 1000), "... it stays first");
    ok(memcmp(buf, "0123456789xxxxxx", 16) == 0, "... and whole");
    is_int(4, sysvmp_queue_get(q, buf, sizeof(buf), 1000), "... before next");
}

static void
counts(void)
{
    char buf[8];
    int empty = 0, sizes = 0, full = 0;

    is_int(1, sysvmp_queue_empty(q), "queue-basic: it is empty");
    is_int(0, sysvmp_queue_full(q), "... and not full");
    for (int i = 0; i < TRIES; i++) {
        must(sysvmp_queue_put(q, "x", 1, 1000), "put");
        empty += sysvmp_queue_empty(q);
        sizes += sysvmp_queue_qsize(q) == 1;
        must(sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT), "get");
        empty += !sysvmp_queue_empty(q);
        full += sysvmp_queue_full(q);
    }
    is_int(0, empty, "... put, then empty: never in %d tries", TRIES);
    is_int(TRIES, sizes, "... qsize is then 1, always");
    is_int(0, full, "... and full never");
}

static int
other_process(void *arg)
{
    char buf[8];

    (void)arg;
    if (sysvmp_queue_qsize(q) != 2 || sysvmp_queue_empty(q) ||
        sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT) != 1 ||
        buf[0] != 'a' || sysvmp_queue_qsize(q) != 1 ||
        sysvmp_queue_put(q, "c", 1, SYSVMP_NOWAIT) != 0)
        return 1;
    return sysvmp_queue_qsize(q) == 2 ? 0 : 2;
}

/* F5: what a process has put is there when it has ended by _exit. */
static void
another_process(void)
{
    char buf[8];

    must(sysvmp_queue_put(q, "a", 1, 1000), "put");
    must(sysvmp_queue_put(q, "b", 1, 1000), "put");
    is_int(0, reap(child(other_process, NULL)),
        "queue-basic: a child sees the same, gets and puts");
    is_int(2, sysvmp_queue_qsize(q), "... and _exits: what it put is there");
    is_int(1, sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT),
        "... after what was there before");
    ok(buf[0] == 'b', "... (b)");
    is_int(1, sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT),
        "... and is got");
    ok(buf[0] == 'c', "... (c)");
    is_int(1, sysvmp_queue_empty(q), "... then it is empty");
}

static void
two_queues(void)
{
    struct sysvmp_queue *other;
    char buf[8];

    must(sysvmp_queue_create(&other, 5, 0), "queue_create");
    must(sysvmp_queue_put(other, "o", 1, 1000), "put");
    is_int(-EAGAIN, sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_NOWAIT),
        "queue-basic: what is in one queue is not in the other");
    sysvmp_queue_destroy(other);
    is_int(0, sysvmp_queue_put(q, "q", 1, 1000), "... which outlives it");
}

int
main(void)
{
    plan(4 + 5 + 7 + 5 + 7 + 2);
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    in_order();
    lengths();
    small_buffer();
    counts();
    another_process();
    two_queues();
    sysvmp_queue_destroy(q);
    return done();
}
