/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storm-queue.c: 250 random SIGKILLs among producers and consumers of a
 * bounded queue, of one without a limit, and of a pipe; then the history is
 * checked.
 *
 * A producer numbers its messages and never sends a number twice.  Beside
 * each number is a byte: what the put answered, by the producer, and that it
 * came, by the consumer.  What was acknowledged and did not come must be
 * covered by the printed contract: one message for each consumer killed.
 */
#include <config.h>

#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum { KILLS = 250, LIMIT = 5, NUMBERS = 1 << 22, SMALL = 64 };
enum { BOUNDED, UNBOUNDED, PIPE, CHANNELS };
enum { PUT = 1, REFUSED = 2, SEEN = 4 };

/* Two producers and two consumers for each queue, one each for the pipe;
 * of a channel, the producers first. */
static const struct role {
    int channel;
    int produces;
} roles[] = {
    {BOUNDED, 1}, {BOUNDED, 1}, {BOUNDED, 0}, {BOUNDED, 0},
    {UNBOUNDED, 1}, {UNBOUNDED, 1}, {UNBOUNDED, 0}, {UNBOUNDED, 0},
    {PIPE, 1}, {PIPE, 0},
};

enum { WORKERS = sizeof(roles) / sizeof(roles[0]) };

struct message {
    int producer;
    unsigned number;
    unsigned char filling[SYSVMP_INLINE_MAX - 8];
};

struct history {
    _Atomic unsigned next; /* number that was tried last, + 1 */
    /* The last number of ours that each consumer got, + 1. */
    _Atomic unsigned last[WORKERS];
    _Atomic unsigned char state[NUMBERS];
};

struct faults {
    _Atomic int twice, refused, torn, disorder, over_limit, codes;
};

static struct history *histories; /* by worker */
static struct faults *faults;
static struct sysvmp_queue *queues[CHANNELS - 1];
static struct sysvmp_conn *reads, *writes;

static int
put(int channel, const void *buf, size_t len, int timeout_ms)
{
    return channel == PIPE
        ? sysvmp_conn_send(writes, buf, len, timeout_ms)
        : sysvmp_queue_put(queues[channel], buf, len, timeout_ms);
}

static ssize_t
get(int channel, void *buf, size_t size, int timeout_ms)
{
    return channel == PIPE
        ? sysvmp_conn_recv(reads, buf, size, timeout_ms)
        : sysvmp_queue_get(queues[channel], buf, size, timeout_ms);
}

static unsigned char
filling(int producer, unsigned number)
{
    return (unsigned char)(number * 7 + (unsigned)producer);
}

/* Mostly small ones; some that fill a quarter of the kernel's queue. */
static size_t
length(unsigned number)
{
    return number % 50 == 0 ? sizeof(struct message)
                            : offsetof(struct message, filling) +
            number % SMALL;
}

static int
random_timeout(unsigned *seed)
{
    return chance(seed, 4) != 0 ? SYSVMP_FOREVER : (int)chance(seed, 3);
}

static int
produce(int worker)
{
    struct history *h = &histories[worker];
    struct message m = {.producer = worker};
    unsigned seed = (unsigned)now_ns();

    while (!storm_over()) {
        int result;

        /* Counted before the attempt: never again, whatever becomes of us. */
        m.number = atomic_fetch_add(&h->next, 1);
        if (m.number >= NUMBERS)
            return 1;
        memset(m.filling, filling(worker, m.number), sizeof(m.filling));
        result = put(roles[worker].channel, &m, length(m.number),
            random_timeout(&seed));
        atomic_fetch_or(&h->state[m.number], result == 0 ? PUT : REFUSED);
        if (result != 0 && result != -EAGAIN && result != -ETIMEDOUT)
            atomic_fetch_add(&faults->codes, 1);
        storm_step(worker);
    }
    return 0;
}

static int
is_whole(const struct message *m, ssize_t len)
{
    size_t head = offsetof(struct message, filling);

    if (len < (ssize_t)head || m->producer < 0 || m->producer >= WORKERS ||
        !roles[m->producer].produces || (size_t)len != length(m->number) ||
        m->number >= atomic_load(&histories[m->producer].next))
        return 0;
    for (size_t i = 0; i < (size_t)len - head; i++)
        if (m->filling[i] != filling(m->producer, m->number))
            return 0;
    return 1;
}

static void
note(int consumer, const struct message *m, ssize_t len)
{
    struct history *h;
    unsigned char state;

    if (!is_whole(m, len)) {
        atomic_fetch_add(&faults->torn, 1);
        return;
    }
    h = &histories[m->producer];
    state = atomic_fetch_or(&h->state[m->number], SEEN);
    if (state & SEEN)
        atomic_fetch_add(&faults->twice, 1);
    if (atomic_exchange(&h->last[consumer], m->number + 1) > m->number)
        atomic_fetch_add(&faults->disorder, 1);
}

static int
consume(int worker)
{
    int channel = roles[worker].channel;
    unsigned seed = (unsigned)now_ns();
    struct message m;

    for (;;) {
        ssize_t len = get(channel, &m, sizeof(m), random_timeout(&seed));

        if (len == 0) /* the end of the bounded queue: see ended() */
            return storm_over() ? 0 : 1;
        if (len > 0)
            note(worker, &m, len);
        else if (len == -EPIPE)
            return storm_over() ? 0 : 1;
        else if (len != -EAGAIN && len != -ETIMEDOUT)
            atomic_fetch_add(&faults->codes, 1);
        if (len > 0)
            storm_step(worker);
        if (channel == BOUNDED &&
            sysvmp_queue_qsize(queues[channel]) > LIMIT)
            atomic_fetch_add(&faults->over_limit, 1);
    }
}

/* Keeps no end but its own, so that the others see theirs. */
static void
close_the_rest(int worker)
{
    const struct role *mine = &roles[worker];

    for (int i = 0; i < PIPE; i++)
        if (mine->channel != i || !mine->produces)
            sysvmp_queue_close(queues[i]);
    if (mine->channel != PIPE || !mine->produces)
        sysvmp_conn_close(writes);
    if (mine->channel != PIPE || mine->produces)
        sysvmp_conn_close(reads);
}

static int
work(int worker)
{
    close_the_rest(worker);
    return roles[worker].produces ? produce(worker) : consume(worker);
}

static int
still_right(void)
{
    return !faults->twice && !faults->torn && !faults->disorder &&
        !faults->over_limit && !faults->codes;
}

/* When the last producer of a channel has ended its consumers are told: by
 * an empty message each, or by the end of file. */
static void
ended(int worker)
{
    int channel = roles[worker].channel;

    if (!roles[worker].produces || roles[worker + 1].produces)
        return;
    if (channel == PIPE)
        sysvmp_conn_close(writes);
    else if (channel == UNBOUNDED)
        sysvmp_queue_close(queues[channel]);
    else
        for (int i = 0; i < 2; i++)
            must(sysvmp_queue_put(queues[channel], "", 0, SYSVMP_FOREVER),
                "put");
}

static void
check_channel(int channel, const char *name)
{
    unsigned sent = 0, put_ones = 0, lost = 0, refused = 0, killed = 0;

    for (int w = 0; w < WORKERS; w++) {
        const struct history *h = &histories[w];

        if (roles[w].channel != channel)
            continue;
        if (!roles[w].produces) {
            killed += (unsigned)storm_killed(w);
            continue;
        }
        sent += h->next;
        for (unsigned i = 0; i < h->next; i++) {
            put_ones += (h->state[i] & PUT) != 0;
            lost += (h->state[i] & (PUT | SEEN)) == PUT;
            refused += (h->state[i] & (REFUSED | SEEN)) == (REFUSED | SEEN);
        }
    }
    ok(lost <= killed,
        "%s: at most one message is lost with each consumer: %u, killed %u",
        name, lost, killed);
    is_int(0, refused, "... and what was refused never came");
    diag("%s: %u tried, %u acknowledged", name, sent, put_ones);
}

static void
check_limit(void)
{
    int n = 0;

    while (n <= LIMIT &&
        sysvmp_queue_put(queues[BOUNDED], "", 1, SYSVMP_NOWAIT) == 0)
        n++;
    is_int(LIMIT, n, "bounded queue: the limit is exact after all this");
}

int
main(void)
{
    const struct storm storm = {WORKERS, work, still_right, ended};
    struct sysvmp_conn *end[2];

    plan(14);
    histories = shared(WORKERS * sizeof(*histories));
    faults = shared(sizeof(*faults));
    must(sysvmp_queue_create(&queues[BOUNDED], LIMIT, 0), "create");
    must(sysvmp_queue_create(&queues[UNBOUNDED], 0, SYSVMP_EOF), "create");
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    reads = end[0];
    writes = end[1];

    is_int(0, storm_run(&storm, KILLS),
        "storm: %d kills, no survivor hangs, and all see the end", KILLS);
    is_int(0, faults->twice, "... no message came twice");
    is_int(0, faults->torn, "... nor torn, nor from nowhere");
    is_int(0, faults->disorder, "... each producer's in order");
    is_int(0, faults->over_limit, "... never more than the limit");
    is_int(0, faults->codes, "... no call answered what it must not");
    check_channel(BOUNDED, "bounded queue");
    check_channel(UNBOUNDED, "queue without a limit");
    check_channel(PIPE, "pipe");
    check_limit();

    for (int i = 0; i < 2; i++) {
        sysvmp_queue_destroy(queues[i]);
        sysvmp_conn_destroy(end[i]);
    }
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
