/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unlimited.c: a queue without a maxsize is never full: a million messages
 * that nobody reads go in without waiting, in at most three times their bytes
 * and 64 MiB of shared memory, come in order, and the memory comes back; and
 * items that nobody reads keep no process from ending.
 */
#include <config.h>

#include "child.h"
#include "payload.h"


enum {
    MESSAGES = 1000000,
    BYTES = 64,
    UNREAD = 20000,
    UNREAD_BYTES = 100,
    END_MS = 10000, /* to end: far more than it takes, far less than a wait */
    SLACK_MIB = 16,
    WAVES = 20
};

static struct sysvmp_queue *q;

struct message {
    int number;
    char filling[UNREAD_BYTES - sizeof(int)];
};

static int
put(int number, size_t len)
{
    const struct message message = {.number = number};

    return sysvmp_queue_put(q, &message, len, SYSVMP_NOWAIT);
}

/* Its number, if it is of that length. */
static int
get(size_t len)
{
    struct message message;
    ssize_t got = sysvmp_queue_get(q, &message, sizeof(message), 0);

    return got == (ssize_t)len ? message.number : -1;
}

/* Only where nobody else's memory is counted. */
static void
within(int64_t most, int64_t used, const char *what)
{
    if (ipc_is_private())
        ok(used <= most, "... %s: %d KiB, of %d at most", what,
            (int)(used / 1024), (int)(most / 1024));
    else
        skip(1, "no IPC namespace of our own");
}

static void
a_million(int64_t before)
{
    int in = 0, in_order = 0;

    while (in < MESSAGES && put(in, BYTES) == 0)
        in++;
    is_int(MESSAGES, in, "unlimited: %d puts of %d bytes do not wait",
        MESSAGES, BYTES);
    is_int(MESSAGES, sysvmp_queue_qsize(q), "... they are in it");
    is_int(0, sysvmp_queue_full(q), "... and it is not full");
    within(3 * (int64_t)MESSAGES * BYTES + (int64_t)(64 * MIB),
        ipc_memory() - before, "shared memory");
    while (in_order < MESSAGES && get(BYTES) == in_order)
        in_order++;
    is_int(MESSAGES, in_order, "... as many gets, in order");
    is_int(1, sysvmp_queue_empty(q), "... then it is empty");
    within(SLACK_MIB * (int64_t)MIB, ipc_memory() - before,
        "shared memory then");
}

/* It grows and shrinks, and is never quite empty: nothing is left behind
 * either. */
static void
in_waves(int64_t before)
{
    int put_next = 0, get_next = 0, good = 0;

    for (int wave = 1; wave <= WAVES; wave++) {
        for (int i = 0; i < wave * 1000; i++)
            good += put(put_next++, BYTES) == 0;
        while (get_next < put_next - 1)
            good += get(BYTES) == get_next++;
    }
    is_int(2 * put_next - 1, good, "unlimited: %d waves", WAVES);
    is_int(1, sysvmp_queue_qsize(q), "... and one is left");
    is_int(put_next - 1, get(BYTES), "... the last");
    within(SLACK_MIB * (int64_t)MIB, ipc_memory() - before, "shared memory");
}

/*
 * Nobody reads.
 */

static _Atomic int *has_put;

static int
put_and_end(void *arg)
{
    int n = *(const int *)arg;

    for (int i = 0; i < n; i++)
        if (put(i, UNREAD_BYTES) != 0)
            return 1;
    *has_put = 1;
    return 0;
}

static void
unread(int n)
{
    struct sysvmp_process *p;
    int64_t start;
    int in_order = 0, code;

    *has_put = 0;
    p = started(put_and_end, &n);
    until(has_put, 1);
    start = now_ns();
    code = end_of(p);
    start = now_ns() - start;
    is_int(0, code, "unlimited: a process puts %d that nobody reads", n);
    ok(start < END_MS * INT64_C(1000000), "... and ends at once: %d us",
        (int)(start / 1000));
    is_int(n, sysvmp_queue_qsize(q), "... all are there");
    while (in_order < n && get(UNREAD_BYTES) == in_order)
        in_order++;
    is_int(n, in_order, "... in order");
}

int
main(void)
{
    int64_t before;

    plan(7 + 4 + 4);
    has_put = shared(sizeof(*has_put));
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    before = ipc_memory();
    a_million(before);
    in_waves(before);
    unread(UNREAD);
    sysvmp_queue_destroy(q);
    return done();
}
