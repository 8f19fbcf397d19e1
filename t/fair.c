/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fair.c: four consumers of a queue that is never empty: none of them gets
 * less than half of its share.  Each puts back what it got, so the queue has
 * as many messages all the time; or there are so many that it is over before
 * all are gone.  On a busy machine one may get less of the CPU: one good run
 * of some will do, each longer than the one before.
 *
 *     fair.t            what make check runs
 *     fair.t long       for 5 seconds each
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"


enum { CONSUMERS = 4, LEAST_EACH = 100, QUICK_MS = 300, LONG_MS = 5000,
    BATCH = 4, LONGEST = 8000, TRIES = 8, A_LOT = 1500000 };

static struct {
    _Atomic int ready, go, over;
    _Atomic int64_t got[CONSUMERS];
} *board;

static struct sysvmp_queue *q;

/* One after the other, or some at once. */
static const struct kind {
    const char *name;
    size_t maxsize;
    int messages;
    size_t len;
    int batch;
    int keeps; /* what it got */
} kinds[] = {
    {"what is in the kernel's queue", 0, 20, 64, 1, 0},
    {"what is in shared memory", 0, 5000, 64, 1, 0},
    {"large messages", 0, 50, LONGEST, 1, 0},
    {"a queue with a maxsize", 200, 100, 64, 1, 0},
    {"some at once", 0, 5000, 64, BATCH, 0},
    {"nothing is put back", 0, A_LOT, 8, 1, 1},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

struct consumer {
    const struct kind *kind;
    int number;
};

static int
consume(void *arg)
{
    const struct consumer *consumer = arg;
    static char bytes[BATCH][LONGEST];
    struct sysvmp_item items[BATCH];
    const struct kind *kind = consumer->kind;

    for (int i = 0; i < BATCH; i++)
        items[i] = (struct sysvmp_item){bytes[i], LONGEST, 0};
    board->ready++;
    until(&board->go, 1);
    while (!board->over) {
        ssize_t n =
            sysvmp_queue_get_many(q, items, (size_t)kind->batch, 10000);

        if (n <= 0)
            return 1;
        if (!kind->keeps &&
            sysvmp_queue_put_many(q, items, (size_t)n, 10000) != n)
            return 2;
        board->got[consumer->number] += n;
    }
    return 0;
}

static void
make_queue(const struct kind *kind)
{
    static const char bytes[LONGEST];

    must(sysvmp_queue_create(&q, kind->maxsize, 0), "queue_create");
    for (int i = 0; i < kind->messages; i++)
        must(sysvmp_queue_put(q, bytes, kind->len, SYSVMP_NOWAIT), "put");
}

/* Until the time is up, or few are left. */
static void
let_them_get(const struct kind *kind, int ms)
{
    int64_t end = now_ns() + ms * INT64_C(1000000);

    board->go = 1;
    while (now_ns() < end &&
        (!kind->keeps || sysvmp_queue_qsize(q) > kind->messages / 10))
        pause_ms(1);
    board->over = 1;
}

struct result {
    int ended_well;
    int64_t sum, least;
};

static struct result
run(const struct kind *kind, int ms)
{
    struct result result = {0, 0, INT64_MAX};
    pid_t pid[CONSUMERS];

    board->ready = board->go = board->over = 0;
    for (int i = 0; i < CONSUMERS; i++) {
        board->got[i] = 0;
        pid[i] = child(consume, &(struct consumer){kind, i});
    }
    until(&board->ready, CONSUMERS);
    let_them_get(kind, ms);
    for (int i = 0; i < CONSUMERS; i++) {
        result.ended_well += reap(pid[i]) == 0;
        result.sum += board->got[i];
        if (board->got[i] < result.least)
            result.least = board->got[i];
    }
    return result;
}

static void
share(const struct kind *kind, int ms)
{
    int64_t left, percent;
    struct result result;
    int tries = 0;

    do {
        make_queue(kind);
        result = run(kind, ms * (1 + tries));
        left = sysvmp_queue_qsize(q) + (kind->keeps ? result.sum : 0);
        percent = result.sum > 0 ? result.least * CONSUMERS * 100 / result.sum
                                 : 0;
        sysvmp_queue_destroy(q);
    } while (percent < 50 && ++tries < TRIES);
    is_int(CONSUMERS, result.ended_well, "fair: %s: %d ms", kind->name, ms);
    ok(result.sum >= CONSUMERS * LEAST_EACH, "... %d were got",
        (int)result.sum);
    ok(percent >= 50, "... least by one: %d %% of its share", (int)percent);
    is_int(kind->messages, left, "... none is lost");
}

int
main(int argc, char **argv)
{
    int ms = long_form(argc, argv) ? LONG_MS : QUICK_MS;

    plan(KINDS * 4);
    board = shared(sizeof(*board));
    for (int i = 0; i < KINDS; i++)
        share(&kinds[i], ms);
    return done();
}
