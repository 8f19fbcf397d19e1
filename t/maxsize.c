/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maxsize.c: processes put and get, one or many, by copies and without, of all
 * sizes, and are killed at any moment: never are more than maxsize messages in
 * the queue, and afterwards so many puts fit, not one more or less.
 *
 *     maxsize.t         what make check runs
 *     maxsize.t long    10,000 kills
 *
 * SYSVMP_SEED=S repeats a run, but for when the processes run.
 */
#include <config.h>

#include "payload.h"
#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

enum { CREW = 4, LONGEST = 20000, BATCH = 5, LONGEST_US = 1500 };

static struct {
    _Atomic int put, got, over, failed, done;
} *board;

static struct sysvmp_queue *q;
static int maxsize;
static char bytes[BATCH][LONGEST];

static size_t
some_length(unsigned *state)
{
    return chance(state, chance(state, 3) == 0 ? LONGEST : 100);
}

static int
some_timeout(unsigned *state)
{
    static const int timeouts[] = {SYSVMP_NOWAIT, 1, SYSVMP_FOREVER,
        SYSVMP_FOREVER};

    return timeouts[chance(state, 4)];
}

/* Waiting is no failure. */
static int
done_of(int64_t result, int done)
{
    if (result < 0 && result != -EAGAIN && result != -ETIMEDOUT)
        board->failed = (int)result;
    return result < 0 ? 0 : done;
}

static int
put_some(unsigned *state)
{
    int ms = some_timeout(state);
    unsigned n = 1 + chance(state, BATCH);
    struct sysvmp_item items[BATCH];
    struct sysvmp_msg *m;
    int64_t result;

    for (unsigned i = 0; i < n; i++)
        items[i] = (struct sysvmp_item){bytes[i], 0, some_length(state)};
    switch (chance(state, 3)) {
    case 0:
        return done_of(sysvmp_queue_put(q, bytes, items[0].len, ms), 1);
    case 1:
        result = sysvmp_queue_put_many(q, items, n, ms);
        return done_of(result, (int)result);
    default:
        if (!done_of(sysvmp_msg_create(&m, items[0].len), 1))
            return 0;
        result = sysvmp_queue_put_msg(q, m, ms);
        if (result < 0)
            sysvmp_msg_destroy(m);
        return done_of(result, 1);
    }
}

static int
get_some(unsigned *state)
{
    int ms = some_timeout(state);
    unsigned n = 1 + chance(state, BATCH);
    struct sysvmp_item items[BATCH];
    struct sysvmp_msg *m;
    int64_t result;

    for (unsigned i = 0; i < n; i++)
        items[i] = (struct sysvmp_item){bytes[i], LONGEST, 0};
    switch (chance(state, 3)) {
    case 0:
        return done_of(sysvmp_queue_get(q, bytes, LONGEST, ms), 1);
    case 1:
        result = sysvmp_queue_get_many(q, items, n, ms);
        return done_of(result, (int)result);
    default:
        result = sysvmp_queue_get_msg(q, &m, ms);
        sysvmp_msg_destroy(m);
        return done_of(result, 1);
    }
}

static void
look(void)
{
    ssize_t size = sysvmp_queue_qsize(q);

    if (size > maxsize)
        board->over = (int)size;
    if (size < 0)
        board->failed = (int)size;
}

struct worker {
    int number;
    unsigned seed;
};

/* The even ones put, the odd ones get. */
static int
work(void *arg)
{
    struct worker worker = *(const struct worker *)arg;

    for (;;) {
        if (worker.number % 2 == 0)
            board->put += put_some(&worker.seed);
        else
            board->got += get_some(&worker.seed);
        look();
    }
    return 0;
}

static int
watch(void *arg)
{
    (void)arg;
    while (!board->done)
        look();
    return 0;
}

static int
goes_on(void *arg)
{
    const int *before = arg;

    return board->put != before[0] && board->got != before[1];
}

/* Kills one after the other, and starts a new one in its place. */
static void
kill_some(int kills, unsigned *seed)
{
    pid_t crew[CREW], watcher;

    board->done = 0;
    watcher = child(watch, NULL);
    for (int i = 0; i < CREW; i++)
        crew[i] = child(work, &(struct worker){i, chance(seed, 1 << 16)});
    for (int n = 0; n < kills; n++) {
        int i = (int)chance(seed, CREW);
        int before[2];

        pause_us(chance(seed, LONGEST_US));
        slay(crew[i]);
        crew[i] = child(work, &(struct worker){i, chance(seed, 1 << 16)});
        before[0] = board->put;
        before[1] = board->got;
        until_true(goes_on, before, "the others to put and get");
    }
    for (int i = 0; i < CREW; i++)
        slay(crew[i]);
    board->done = 1;
    reap(watcher);
}

static int
drain(void)
{
    int n = 0;
    ssize_t result;

    while ((result = sysvmp_queue_get(q, bytes, LONGEST, 0)) >= 0)
        n++;
    return result == -EAGAIN ? n : (int)result;
}

static int
fill(unsigned *seed)
{
    int n = 0;

    while (sysvmp_queue_put(q, bytes, some_length(seed), SYSVMP_NOWAIT) == 0)
        n++;
    return n;
}

static void
under_kills(int kills, unsigned *seed)
{
    int left;

    must(sysvmp_queue_create(&q, (size_t)maxsize, 0), "queue_create");
    kill_some(kills, seed);
    left = drain();
    ok(left >= 0 && left <= maxsize, "maxsize: %d: %d killed, %d are left",
        maxsize, kills, left);
    is_int(0, sysvmp_queue_qsize(q), "... all are taken out");
    is_int(maxsize, fill(seed), "... then so many puts fit");
    is_int(1, sysvmp_queue_full(q), "... and it is full");
    is_int(maxsize, drain(), "... they are there");
    sysvmp_queue_destroy(q);
}

int
main(int argc, char **argv)
{
    static const int sizes[] = {1, 2, 7, 60};
    enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };
    int kills = long_form(argc, argv) ? 10000 : 200;
    int64_t before;
    unsigned seed;

    plan(SIZES * 5 + 3);
    seed = first_seed();
    before = ipc_memory();
    board = shared(sizeof(*board));
    for (int i = 0; i < SIZES; i++) {
        maxsize = sizes[i];
        under_kills(kills / SIZES, &seed);
    }
    is_int(0, board->over, "maxsize: never more than that");
    is_int(0, board->failed, "... and no survivor's call has failed");
    if (ipc_is_private())
        ok(ipc_memory() - before <= (int64_t)(16 * MIB),
            "... shared memory then: %d KiB",
            (int)((ipc_memory() - before) / 1024));
    else
        skip(1, "no IPC namespace of our own");
    return done();
}
