/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue-full.c: a queue takes maxsize messages, not one more or less; who
 * puts into a full one waits until there is room for its message, also behind
 * one that needs more; and without a maxsize the kernel's queue is the limit.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { PUTTERS = 4, EACH = 500, BIG = 4000, SMALL = 64, BOUND_MS = 10000 };

static struct {
    _Atomic int put[2];
    _Atomic int over;
    _Atomic int done;
} *stage;

static struct sysvmp_queue *q;
static const char bytes[SYSVMP_INLINE_MAX];

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
    char buf[SYSVMP_INLINE_MAX];

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
 * Of unlike sizes.
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

/* Full of small ones: one taken makes room for the small put, not for the
 * big one, which was there first. */
static void
small_behind_big(int small_first)
{
    pid_t big, small;
    int64_t len;

    q = new_queue(0);
    diag("a big and a small put, the %s first", small_first ? "small" : "big");
    ok(fill(SMALL) > 0, "queue-full: a queue full of small messages");
    if (small_first) {
        small = sleeping_putter(1, SMALL);
        big = sleeping_putter(0, BIG);
    } else {
        big = sleeping_putter(0, BIG);
        small = sleeping_putter(1, SMALL);
    }
    get();
    is_int(0, reap(small), "... one is taken: the small one gets in");
    ok(asleep(big), "... and the big one sleeps on");
    is_int(0, stage->put[0], "... as there is no room for it");
    while ((len = get()) == SMALL)
        continue;
    is_int(BIG, len, "... once there is room it gets in, too, whole");
    is_int(0, reap(big), "... and its put returns");
    sysvmp_queue_destroy(q);
}

/* Full of big ones: one taken makes room for all of the small ones. */
static void
many_for_one(void)
{
    pid_t pid[PUTTERS];
    int good = 0;

    q = new_queue(0);
    ok(fill(BIG) > 0 && (fill(SMALL) || 1),
        "queue-full: a queue full of big messages");
    for (int i = 0; i < PUTTERS; i++)
        pid[i] = sleeping_putter(1, SMALL);
    get();
    for (int i = 0; i < PUTTERS; i++)
        good += reap(pid[i]) == 0;
    is_int(PUTTERS, good, "... one is taken: all small ones get in");
    sysvmp_queue_destroy(q);
}

static void
without_maxsize(void)
{
    int n, taken = 0;

    q = new_queue(0);
    is_int(0, sysvmp_queue_full(q), "queue-full: maxsize 0: it is not full");
    n = fill(BIG);
    ok(n > 0, "... and takes %d of %d bytes", n, BIG);
    n += fill(SMALL);
    n += fill(0);
    is_int(n, sysvmp_queue_qsize(q), "... and smaller ones: %d in all", n);
    is_int(1, sysvmp_queue_full(q), "... then the kernel's queue is full");
    is_int(-ETIMEDOUT, sysvmp_queue_put(q, NULL, 0, 5),
        "... and a put waits until its time is up");
    while (sysvmp_queue_get(q, (char[BIG]){0}, BIG, SYSVMP_NOWAIT) >= 0)
        taken++;
    is_int(n, taken, "... all of them are there");
    is_int(0, sysvmp_queue_full(q), "... then it is not full");
    sysvmp_queue_destroy(q);
}

/* More than fit the kernel's queue: put waits for the kernel. */
static void
huge_maxsize(void)
{
    int n;

    q = new_queue(1000000);
    n = fill(BIG);
    ok(n > 0 && n < 1000000, "queue-full: maxsize 1000000: %d fit", n);
    get();
    is_int(1, fill(BIG), "... one taken, one fits");
    sysvmp_queue_destroy(q);
}

int
main(void)
{
    plan(5 * 7 + 2 * 5 + 2 * 8 + PUTTERS + 2 + 7 + 2);
    stage = shared(sizeof(*stage));
    for (int i = 0; i < 5; i++)
        by_number((const int[]){1, 2, 3, 10, 100}[i]);
    never_more(1);
    never_more(7);
    small_behind_big(0);
    small_behind_big(1);
    many_for_one();
    without_maxsize();
    huge_maxsize();
    return done();
}
