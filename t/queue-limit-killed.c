/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue-limit-killed.c: producers and consumers of a queue with a maxsize are
 * killed at any moment; the others go on, and afterwards the queue takes
 * maxsize messages, not one more or less.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>

enum { CREW = 4, KILLS = 30, SEGMENTS = 10, LONGEST_US = 1500 };

static struct {
    _Atomic int put, got, over, failed;
} *stage;

static struct sysvmp_queue *q;
static int maxsize;

/* The even ones put, the odd ones get. */
static int
work(void *arg)
{
    int number = *(const int *)arg;
    char buf[128] = "";

    for (unsigned i = 0;; i++) {
        ssize_t result = number % 2 == 0
            ? sysvmp_queue_put(q, buf, i % sizeof(buf), SYSVMP_FOREVER)
            : sysvmp_queue_get(q, buf, sizeof(buf), SYSVMP_FOREVER);

        if (result < 0)
            stage->failed = (int)result;
        if (sysvmp_queue_qsize(q) > maxsize)
            stage->over = 1;
        if (number % 2 == 0)
            stage->put++;
        else
            stage->got++;
    }
    return 0;
}

static int
goes_on(void *arg)
{
    const int *before = arg;

    return stage->put != before[0] && stage->got != before[1];
}

/* Kills one after the other, and starts a new one in its place. */
static void
kill_some(unsigned *seed)
{
    pid_t crew[CREW];

    for (int i = 0; i < CREW; i++)
        crew[i] = child(work, &i);
    for (int n = 0; n < KILLS; n++) {
        int i = (int)chance(seed, CREW);
        int before[2];

        pause_us(chance(seed, LONGEST_US));
        slay(crew[i]);
        crew[i] = child(work, &i);
        before[0] = stage->put;
        before[1] = stage->got;
        until_true(goes_on, before, "the others to put and get");
    }
    for (int i = 0; i < CREW; i++)
        slay(crew[i]);
}

static int
drain(void)
{
    char buf[128];
    int n = 0;
    ssize_t result;

    while ((result = sysvmp_queue_get(q, buf, sizeof(buf), 0)) >= 0)
        n++;
    return result == -EAGAIN ? n : (int)result;
}

static int
fill(void)
{
    int n = 0;

    while (n <= maxsize && sysvmp_queue_put(q, "", 1, SYSVMP_NOWAIT) == 0)
        n++;
    return n;
}

int
main(void)
{
    static const int sizes[] = {1, 2, 3, 5, 8, 13, 21, 34, 55, 89};
    unsigned seed = 1;

    plan(SEGMENTS * 4 + 2);
    stage = shared(sizeof(*stage));
    for (int i = 0; i < SEGMENTS; i++) {
        maxsize = sizes[i];
        must(sysvmp_queue_create(&q, (size_t)maxsize, 0), "queue_create");
        kill_some(&seed);
        ok(drain() >= 0, "queue-limit-killed: maxsize %d, %d killed", maxsize,
            KILLS);
        is_int(1, sysvmp_queue_empty(q), "... all is taken out");
        is_int(maxsize, fill(), "... and so many puts fit");
        is_int(maxsize, drain(), "... and are there");
        sysvmp_queue_destroy(q);
    }
    is_int(0, stage->over, "queue-limit-killed: never more than maxsize");
    is_int(0, stage->failed, "... and no survivor's call has failed");
    return done();
}
