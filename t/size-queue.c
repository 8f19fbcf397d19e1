/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * size-queue.c: messages of 0 bytes to 1 GiB go through a queue, whole, in
 * order, and leave no memory behind; one that is too large for the caller's
 * buffer stays the first, for any process, and counts.
 */
#include <config.h>

#include "payload.h"
#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <string.h>

enum { EACH = 8 }; /* lines for each size */

static struct sysvmp_queue *q;
static unsigned char *buf; /* a byte longer than the longest message */
static size_t first;       /* length of the first message, for a child */

/* What a get answers that has a byte less than it takes. */
static int
get_too_small(void *arg)
{
    (void)arg;
    return (int)-sysvmp_queue_get(q, buf, first - 1, SYSVMP_NOWAIT);
}

static void
stays_first(void)
{
    ssize_t next = sysvmp_queue_next_len(q);

    ok(next == (ssize_t)first || next == -ENOSYS,
        "... the next length: %zd", next);
    if (first == 0) {
        skip(3, "no buffer is too small for it");
        return;
    }
    is_int(EMSGSIZE, get_too_small(NULL), "... a byte less is too small");
    is_int(EMSGSIZE, reap(child(get_too_small, NULL)),
        "... for another process as well");
    is_int(1, sysvmp_queue_qsize(q), "... and it counts, and stays");
}

static void
of_size(size_t len, unsigned seed)
{
    payload_fill(buf, len, seed);
    is_int(0, sysvmp_queue_put(q, buf, len, SYSVMP_NOWAIT),
        "size-queue: %zu bytes", len);
    first = len;
    stays_first();
    memset(buf, 0, len);
    buf[len] = 'x';
    is_int((int64_t)len, sysvmp_queue_get(q, buf, len, 1000), "... are got");
    ok(payload_whole(buf, len, seed) && buf[len] == 'x', "... whole");
    is_int(0, sysvmp_queue_qsize(q), "... and are gone then");
}

static int
get_all(void *arg)
{
    int n = 0;

    (void)arg;
    while (n < PAYLOAD_SIZES &&
        sysvmp_queue_get(q, buf, PAYLOAD_MAX, 1000) ==
            (ssize_t)payload_sizes[n] &&
        payload_whole(buf, payload_sizes[n], (unsigned)n))
        n++;
    return n;
}

/* All sizes are in it at once. */
static void
together(void)
{
    int put = 0;

    for (int i = 0; i < PAYLOAD_SIZES; i++) {
        payload_fill(buf, payload_sizes[i], (unsigned)i);
        put += sysvmp_queue_put(q, buf, payload_sizes[i], SYSVMP_NOWAIT) == 0;
    }
    is_int(PAYLOAD_SIZES, put, "size-queue: %d sizes at once", PAYLOAD_SIZES);
    is_int(PAYLOAD_SIZES, sysvmp_queue_qsize(q), "... are in it");
    is_int(PAYLOAD_SIZES, reap(child(get_all, NULL)),
        "... another process gets them in order, whole");
    is_int(1, sysvmp_queue_empty(q), "... then it is empty");
}

/* What stands behind one that is too large does not pass it. */
static void
nothing_passes(size_t large)
{
    char byte;

    must(sysvmp_queue_put(q, buf, large, SYSVMP_NOWAIT), "put");
    must(sysvmp_queue_put(q, "x", 1, SYSVMP_NOWAIT), "put");
    is_int(-EMSGSIZE, sysvmp_queue_get(q, &byte, 1, SYSVMP_NOWAIT),
        "size-queue: a small one does not pass one of %zu bytes", large);
    is_int(-EMSGSIZE, sysvmp_queue_get(q, &byte, 1, 1000), "... nor later");
    is_int(2, sysvmp_queue_qsize(q), "... both are there");
    is_int((int64_t)large, sysvmp_queue_get(q, buf, large, SYSVMP_NOWAIT),
        "... the large one comes first");
    is_int(1, sysvmp_queue_get(q, &byte, 1, SYSVMP_NOWAIT),
        "... then the small one");
}

static void
of_sizes(size_t maxsize, int sizes)
{
    must(sysvmp_queue_create(&q, maxsize, 0), "queue_create");
    diag("maxsize %zu", maxsize);
    for (int i = 0; i < sizes; i++)
        of_size(payload_sizes[i], (unsigned)i + 1);
    together();
    nothing_passes(SYSVMP_INLINE_MAX);
    nothing_passes(SYSVMP_INLINE_MAX + 1);
    nothing_passes(MIB);
    sysvmp_queue_destroy(q);
}

static void
of_a_gib(void)
{
    const char *why = payload_too_large(GIB);

    if (why) {
        skip(EACH, "no message of 1 GiB: %s", why);
        return;
    }
    buf = payload_buffer(GIB + 1);
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    of_size(GIB, 7);
    sysvmp_queue_destroy(q);
    payload_free(buf, GIB + 1);
}

int
main(void)
{
    int64_t before;

    plan((2 * PAYLOAD_SIZES - 1) * EACH + 2 * (4 + 3 * 5) + EACH + 1);
    before = ipc_memory();
    buf = payload_buffer(PAYLOAD_MAX + 1);
    of_sizes(0, PAYLOAD_SIZES);
    of_sizes(20, PAYLOAD_SIZES - 1);
    payload_free(buf, PAYLOAD_MAX + 1);
    of_a_gib();
    if (ipc_is_private())
        ok(ipc_memory() - before <= (int64_t)(16 * MIB),
            "size-queue: shared memory in use afterwards: %d KiB more",
            (int)((ipc_memory() - before) / 1024));
    else
        skip(1, "no IPC namespace of our own");
    return done();
}
