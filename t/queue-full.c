/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue-full.c: a queue takes maxsize messages, not one more or less, of
 * whatever size; who puts into a full one waits until there is room, and one
 * that is taken makes room for one; without a maxsize it is never full.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>

enum { PUTTERS = 4, EACH = 500, BIG = 100000, SMALL = 64, MANY = 200,
    BOUND_MS = 40000 };

static struct {
    _Atomic int put[2];
    _Atomic int over;
    _Atomic int done;
} *stage;

static struct sysvmp_queue *q;
static const char bytes[BIG];

static struct sysvmp_queue *
new_queue(size_t maxsize)
{
    struct sysvmp_queue *out;

    must(sysvmp_queue_create(&out, maxsize, 0), "queue_create");
    return out;
}

/* How many messages of that length go in. */
static int
fill(size_t len)
{
    int n = 0, result;

    while ((result = sysvmp_queue_put(q, bytes, len, SYSVMP_NOWAIT)) == 0)
        n++;
    if (result != -EAGAIN)
        diag("put: %d", result);
    return n;
}

static int64_t
get(void)
{
    static char buf[BIG];

    return sysvmp_queue_get(q, buf, sizeof(buf), BOUND_MS);
}

static void
by_number(int maxsize)
{
    q = new_queue((size_t)maxsize);
    is_int(maxsize, fill(1), "queue-full: maxsize %d: so many fit", maxsize);
    is_int(1, sysvmp_queue_full(q), "... then it is full");
    is_int(maxsize, sysvmp_queue_qsize(q), "... qsize says the same");
    is_int(-ETIMEDOUT, sysvmp_queue_put(q, "", 1, 5),
        "... and a put waits until its time is up");
    get();
    is_int(0, sysvmp_queue_full(q), "... one taken: it is not full");
    is_int(1, fill(1), "... and takes just one");
    while (sysvmp_queue_qsize(q) > 0)
        get();
    is_int(maxsize, fill(0), "... and once empty %d again", maxsize);
    sysvmp_queue_destroy(q);
}

/*
 * Several put at once, one takes: never more than maxsize are in it.
 */

static int
put_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < EACH; i++)
        if (sysvmp_queue_put(q, bytes, (size_t)i % 100, BOUND_MS) != 0)
            return 1;
    return 0;
}

static int
watch(void *arg)
{
    int maxsize = *(const int *)arg;

    while (!stage->done)
        if (sysvmp_queue_qsize(q) > maxsize)
            stage->over = 1;
    return 0;
}

static void
never_more(int maxsize)
{
    pid_t putter[PUTTERS], watcher;
    int got = 0, good = 0;

    q = new_queue((size_t)maxsize);
    stage->done = stage->over = 0;
    watcher = child(watch, &maxsize);
    for (int i = 0; i < PUTTERS; i++)
        putter[i] = child(put_many, NULL);
    while (got < PUTTERS * EACH && get() >= 0)
        got++;
    for (int i = 0; i < PUTTERS; i++)
        good += reap(putter[i]) == 0;
    stage->done = 1;
    reap(watcher);
    is_int(PUTTERS * EACH, got,
        "queue-full: %d put at once, maxsize %d: all arrive", PUTTERS,
        maxsize);
    is_int(PUTTERS, good, "... all puts have succeeded");
    is_int(0, stage->over, "... and never were more in it");
    is_int(0, sysvmp_queue_qsize(q), "... which is empty at the end");
    is_int(maxsize, fill(1), "... and takes as many as ever");
    sysvmp_queue_destroy(q);
}

/*
 * Sleepers.
 */

struct putter {
    int number;
    size_t len;
};

static int
put_one(void *arg)
{
    const struct putter *putter = arg;
    int result = sysvmp_queue_put(q, bytes, putter->len, SYSVMP_FOREVER);

    stage->put[putter->number] = 1;
    return result == 0 ? 0 : 1;
}

static pid_t
sleeping_putter(int number, size_t len)
{
    struct putter putter = {number, len};
    pid_t pid;

    stage->put[number] = 0;
    pid = child(put_one, &putter);
    ok(asleep(pid), "... a put of %d bytes sleeps", (int)len);
    return pid;
}

/* Which of the two has put: -1, neither. */
static int
who_has_put(void)
{
    return stage->put[0] ? 0 : stage->put[1] ? 1 : -1;
}

static int
one_has_put(void *unused)
{
    (void)unused;
    return who_has_put() >= 0;
}

/* Room is for a number of messages: one that is taken makes it for one, a big
 * one or a small one. */
static void
unlike(size_t filling)
{
    pid_t pid[2];
    int64_t len[2];
    int first;

    q = new_queue(2);
    is_int(2, fill(filling), "queue-full: a queue full of %d bytes each",
        (int)filling);
    pid[0] = sleeping_putter(0, BIG);
    pid[1] = sleeping_putter(1, SMALL);
    is_int((int64_t)filling, get(), "... one is taken");
    until_true(one_has_put, NULL, "a put");
    first = who_has_put();
    is_int(0, reap(pid[first]), "... one put gets in");
    ok(asleep(pid[!first]), "... and the other sleeps on");
    is_int(2, sysvmp_queue_qsize(q), "... as it is full again");
    is_int((int64_t)filling, get(), "... another is taken");
    is_int(0, reap(pid[!first]), "... the other gets in");
    len[first] = get();
    len[!first] = get();
    is_int(BIG, len[0], "... the big one comes, whole");
    is_int(SMALL, len[1], "... and the small one");
    sysvmp_queue_destroy(q);
}

/* Room for many at once: each of them gets in. */
static void
many_wait(void)
{
    pid_t pid[PUTTERS];
    int good = 0;

    q = new_queue(PUTTERS);
    is_int(PUTTERS, fill(SMALL), "queue-full: a full queue");
    for (int i = 0; i < PUTTERS; i++)
        pid[i] = sleeping_putter(1, i % 2 == 0 ? SMALL : BIG);
    for (int i = 0; i < PUTTERS; i++)
        get();
    for (int i = 0; i < PUTTERS; i++)
        good += reap(pid[i]) == 0;
    is_int(PUTTERS, good, "... all is taken: all that wait get in");
    is_int(PUTTERS, sysvmp_queue_qsize(q), "... and it is full");
    sysvmp_queue_destroy(q);
}

/* More than the kernel's queue takes, of each size. */
static void
without_maxsize(size_t maxsize)
{
    int put = 0, got = 0;

    q = new_queue(maxsize);
    for (int i = 0; i < MANY; i++)
        put += sysvmp_queue_put(q, bytes, i % 3 == 0 ? BIG : SMALL,
            SYSVMP_NOWAIT) == 0;
    is_int(MANY, put, "queue-full: maxsize %#zx takes %d", maxsize, MANY);
    is_int(MANY, sysvmp_queue_qsize(q), "... they are in it");
    is_int(0, sysvmp_queue_full(q), "... and it is not full");
    for (int i = 0; i < MANY; i++)
        got += get() == (i % 3 == 0 ? BIG : SMALL);
    is_int(MANY, got, "... all of them come, in this order");
    is_int(-EAGAIN, sysvmp_queue_get(q, NULL, 0, SYSVMP_NOWAIT),
        "... then there is none");
    sysvmp_queue_destroy(q);
}

int
main(void)
{
    plan(6 * 7 + 2 * 5 + 3 * 11 + PUTTERS + 3 + 3 * 5);
    stage = shared(sizeof(*stage));
    for (int i = 0; i < 6; i++)
        by_number((const int[]){1, 2, 3, 10, 100, 50000}[i]);
    never_more(1);
    never_more(7);
    unlike(0);
    unlike(SMALL);
    unlike(BIG);
    many_wait();
    without_maxsize(0);
    without_maxsize(1u << 30);
    without_maxsize(SIZE_MAX / 2);
    return done();
}
