/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * batch.c: put_many and get_many: a batch is messages as any others, in order
 * among each other and with those put one by one, of whatever sizes; who gets
 * takes one of them or many, and leaves the rest to others; where not all go
 * in, or out, it is told how many did; bad arguments change nothing.
 * SYSVMP_SEED=S repeats a run.
 */
#include <config.h>

#include "payload.h"
#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

enum { MOST = 64, LONGEST = 100000, SHORT_MS = 20, BOUND_MS = 20000 };

#define MS INT64_C(1000000)

static struct sysvmp_queue *q;
static struct sysvmp_item in[MOST], out[MOST];

/* Small ones, those around SYSVMP_INLINE_MAX, and large ones, by number. */
static size_t
length_of(unsigned number)
{
    static const size_t lengths[] = {10, 0, 5000, 64, 64, 100,
        SYSVMP_INLINE_MAX, SYSVMP_INLINE_MAX + 1, 1, 200, LONGEST, 3000, 8};

    return lengths[number % (sizeof(lengths) / sizeof(lengths[0]))];
}

static void
make_items(void)
{
    char *p = payload_buffer((size_t)2 * MOST * LONGEST);

    for (int i = 0; i < MOST; i++) {
        in[i].data = p + (size_t)2 * i * LONGEST;
        out[i].data = p + (size_t)(2 * i + 1) * LONGEST;
        out[i].size = LONGEST;
    }
}

/* Messages of these numbers, to be put. */
static void
prepare(unsigned number, int n)
{
    for (int i = 0; i < n; i++) {
        in[i].len = length_of(number + (unsigned)i);
        payload_fill(in[i].data, in[i].len, number + (unsigned)i);
    }
}

/* How many of n that were got are those of these numbers. */
static int
right(unsigned number, int n)
{
    int good = 0;

    for (int i = 0; i < n; i++)
        good += out[i].len == length_of(number + (unsigned)i) &&
            payload_whole(out[i].data, out[i].len, number + (unsigned)i);
    return good;
}

static int64_t
put_many(unsigned number, int n, int timeout_ms)
{
    prepare(number, n);
    return sysvmp_queue_put_many(q, in, (size_t)n, timeout_ms);
}

static int64_t
get_many(int n, int timeout_ms)
{
    return sysvmp_queue_get_many(q, out, (size_t)n, timeout_ms);
}

static int
put(unsigned number, int timeout_ms)
{
    prepare(number, 1);
    return sysvmp_queue_put(q, in[0].data, in[0].len, timeout_ms);
}

/* The length, if it is this message. */
static int64_t
get(unsigned number, int timeout_ms)
{
    ssize_t len = sysvmp_queue_get(q, out[0].data, LONGEST, timeout_ms);

    if (len < 0)
        return len;
    out[0].len = (size_t)len;
    return right(number, 1) ? len : -EBADMSG;
}

static void
create(size_t maxsize, unsigned flags)
{
    must(sysvmp_queue_create(&q, maxsize, flags), "queue_create");
}

static void
destroy(void)
{
    sysvmp_queue_destroy(q);
}

static void
all_at_once(size_t maxsize)
{
    create(maxsize, 0);
    is_int(MOST, put_many(0, MOST, SYSVMP_NOWAIT),
        "batch: maxsize %d: %d of all sizes at once", (int)maxsize, MOST);
    is_int(MOST, sysvmp_queue_qsize(q), "... are in it");
    is_int(MOST, get_many(MOST, SYSVMP_NOWAIT), "... are got at once");
    is_int(MOST, right(0, MOST), "... in order, whole");
    is_int(0, sysvmp_queue_qsize(q), "... then it is empty");
    destroy();
}

/*
 * For everyone.
 */

static int
get_one_in_child(void *arg)
{
    unsigned number = *(const unsigned *)arg;

    return get(number, SYSVMP_NOWAIT) == (int64_t)length_of(number) ? 0 : 1;
}

static int
get_rest_in_child(void *arg)
{
    unsigned number = *(const unsigned *)arg;
    int n = (int)get_many(MOST, SYSVMP_NOWAIT);

    return right(number, n) == n ? n : 255;
}

static void
for_everyone(void)
{
    unsigned number = 1;

    create(0, 0);
    is_int(12, put_many(0, 12, SYSVMP_NOWAIT), "batch: of 12 messages");
    is_int((int64_t)length_of(0), get(0, SYSVMP_NOWAIT), "... one is got");
    is_int(0, reap(child(get_one_in_child, &number)),
        "... another by another process");
    is_int(4, get_many(4, SYSVMP_NOWAIT), "... four at once");
    is_int(4, right(2, 4), "... the next ones");
    is_int(6, sysvmp_queue_qsize(q), "... six are left");
    number = 6;
    is_int(6, reap(child(get_rest_in_child, &number)),
        "... for a process that would take more");
    is_int(-EAGAIN, get_many(4, SYSVMP_NOWAIT), "... then there is none");
    destroy();
}

/*
 * In order, whatever was put and got in which way.
 */

static unsigned chances;

/* 0, or which of its steps was wrong. */
static int
any_step(unsigned *next_in, unsigned *next_out)
{
    int n = 1 + (int)chance(&chances, chance(&chances, 4) ? 5 : MOST);
    int there = (int)(*next_in - *next_out), done;

    switch (chance(&chances, 4)) {
    case 0:
        *next_in += 1;
        return put(*next_in - 1, SYSVMP_NOWAIT) == 0 ? 0 : 1;
    case 1:
        n = there < 200 ? n : 0;
        *next_in += (unsigned)n;
        return put_many(*next_in - (unsigned)n, n, SYSVMP_NOWAIT) == n ? 0 : 2;
    case 2:
        if (there == 0)
            return get(0, SYSVMP_NOWAIT) == -EAGAIN ? 0 : 3;
        *next_out += 1;
        return get(*next_out - 1, SYSVMP_NOWAIT) ==
                (int64_t)length_of(*next_out - 1)
            ? 0
            : 4;
    default:
        done = (int)get_many(n, SYSVMP_NOWAIT);
        if (there == 0)
            return done == -EAGAIN ? 0 : 5;
        if (done != (n < there ? n : there))
            return 6;
        *next_out += (unsigned)done;
        return right(*next_out - (unsigned)done, done) == done ? 0 : 7;
    }
}

static void
in_any_way(size_t maxsize, int steps)
{
    unsigned next_in = 0, next_out = 0;
    int failed = 0, step = 0;

    create(maxsize, 0);
    while (!failed && step++ < steps) {
        failed = any_step(&next_in, &next_out);
        if (sysvmp_queue_qsize(q) != (ssize_t)(next_in - next_out))
            failed = 8;
    }
    is_int(0, failed, "batch: maxsize %d: %d random steps, %u messages",
        (int)maxsize, step - 1, next_in);
    if (failed)
        diag("at step %d, %u in, %u out", step, next_in, next_out);
    destroy();
}

/*
 * Several processes at once.
 */

enum { SENDERS = 2, RECEIVERS = 2, EACH = 10000 };

struct message {
    unsigned sender, number;
    char filling[5000];
};

static struct {
    _Atomic int seen[SENDERS][EACH];
    _Atomic int torn, disorder;
} *board;

/* Short ones, and now and then one that is not. */
static size_t
message_length(const struct message *message)
{
    return offsetof(struct message, filling) + message->number % 60 +
        (message->number % 97 == 0 ? sizeof(message->filling) - 60 : 0);
}

static int
send_all(void *arg)
{
    static struct message messages[MOST];
    unsigned sender = *(const unsigned *)arg, next = 0;
    unsigned state = chances + sender;

    while (next < EACH) {
        unsigned n = 1 + chance(&state, MOST);

        for (n = n < EACH - next ? n : EACH - next; n > 0;) {
            struct sysvmp_item items[MOST];
            ssize_t done;

            for (unsigned i = 0; i < n; i++) {
                messages[i].sender = sender;
                messages[i].number = next + i;
                memset(messages[i].filling, (int)(next + i) & 127,
                    sizeof(messages[i].filling));
                items[i].data = &messages[i];
                items[i].len = message_length(&messages[i]);
            }
            done = chance(&state, 2)
                ? sysvmp_queue_put_many(q, items, n, BOUND_MS)
                : sysvmp_queue_put(q, items[0].data, items[0].len, BOUND_MS) +
                    1;
            if (done <= 0)
                return 1;
            n -= (unsigned)done;
            next += (unsigned)done;
        }
    }
    return 0;
}

/* Is it whole, and behind the one before? */
static void
note(const struct message *message, size_t len, int64_t *last)
{
    if (len < offsetof(struct message, filling) ||
        message->sender >= SENDERS || message->number >= EACH ||
        len != message_length(message)) {
        board->torn++;
        return;
    }
    for (size_t i = 0; i < len - offsetof(struct message, filling); i++)
        if (message->filling[i] != (char)(message->number & 127)) {
            board->torn++;
            return;
        }
    board->seen[message->sender][message->number]++;
    if (message->number <= last[message->sender])
        board->disorder++;
    last[message->sender] = message->number;
}

static int
receive_all(void *arg)
{
    static struct message messages[MOST];
    struct sysvmp_item items[MOST];
    int64_t last[SENDERS] = {-1, -1};
    unsigned state = chances + 10 + *(const unsigned *)arg;
    ssize_t done;

    must(sysvmp_queue_close(q), "close");
    for (int i = 0; i < MOST; i++)
        items[i] = (struct sysvmp_item){&messages[i], sizeof(messages[i]), 0};
    do {
        if (chance(&state, 2)) {
            done = sysvmp_queue_get_many(q, items, 1 + chance(&state, MOST),
                BOUND_MS);
        } else {
            done = sysvmp_queue_get(q, items[0].data, items[0].size, BOUND_MS);
            items[0].len = (size_t)done;
            done = done >= 0 ? 1 : done;
        }
        for (ssize_t i = 0; i < done; i++)
            note(items[i].data, items[i].len, last);
    } while (done > 0);
    return done == -EPIPE ? 0 : 1;
}

static void
several(size_t maxsize)
{
    pid_t pid[SENDERS + RECEIVERS];
    int good = 0, once = 0;

    memset(board, 0, sizeof(*board));
    create(maxsize, SYSVMP_EOF);
    for (int i = 0; i < SENDERS; i++)
        pid[i] = child(send_all, &i);
    for (int i = 0; i < RECEIVERS; i++)
        pid[SENDERS + i] = child(receive_all, &i);
    must(sysvmp_queue_close(q), "close");
    for (int i = 0; i < SENDERS + RECEIVERS; i++)
        good += reap(pid[i]) == 0;
    for (int i = 0; i < SENDERS; i++)
        for (int k = 0; k < EACH; k++)
            once += board->seen[i][k] == 1;
    is_int(SENDERS + RECEIVERS, good,
        "batch: maxsize %d: %d put, %d get, one or many", (int)maxsize,
        SENDERS, RECEIVERS);
    is_int(SENDERS * EACH, once, "... each message goes to exactly one");
    is_int(0, board->torn, "... whole");
    is_int(0, board->disorder, "... those of each sender in order");
    destroy();
}

/*
 * A part of it goes in.
 */

static void
parts(void)
{
    int64_t start;

    create(5, 0);
    is_int(5, put_many(0, 8, SYSVMP_NOWAIT), "batch: of 8, 5 have room");
    is_int(-EAGAIN, put_many(5, 3, SYSVMP_NOWAIT), "... then none");
    start = now_ns();
    is_int(-ETIMEDOUT, put_many(5, 3, SHORT_MS), "... nor in some time");
    ok(now_ns() - start >= SHORT_MS * MS, "... not less");
    is_int(2, get_many(2, SYSVMP_NOWAIT), "... two are taken");
    start = now_ns();
    is_int(2, put_many(5, 3, SHORT_MS), "... two of three go in");
    ok(now_ns() - start >= SHORT_MS * MS, "... for the third it waits");
    is_int(5, sysvmp_queue_qsize(q), "... it is full");
    is_int(5, get_many(MOST, SYSVMP_NOWAIT), "... all are got");
    is_int(5, right(2, 5), "... in order");
    destroy();
}

static int
put_twenty(void *arg)
{
    (void)arg;
    return (int)put_many(0, 20, BOUND_MS);
}

static void
in_pieces(void)
{
    int good = 0;
    pid_t pid;

    create(3, 0);
    pid = child(put_twenty, NULL);
    for (unsigned i = 0; i < 20; i++)
        good += get(i, BOUND_MS) == (int64_t)length_of(i);
    is_int(20, good, "batch: 20 through a queue of 3, in order");
    is_int(20, reap(pid), "... it waited until all were in");
    destroy();
}

/* Another thread sleeps in it. */
static int64_t thread_result;

static void *
put_in_thread(void *unused)
{
    thread_result = put_twenty(NULL);
    return unused;
}

static int
is_full(void *unused)
{
    (void)unused;
    return sysvmp_queue_full(q) == 1;
}

static void
closed_meanwhile(void)
{
    pthread_t thread;

    create(3, 0);
    if (pthread_create(&thread, NULL, put_in_thread, NULL) != 0)
        bail("pthread_create");
    until_true(is_full, NULL, "a thread to fill it");
    is_int(0, sysvmp_queue_close(q), "batch: closed while it waits");
    pthread_join(thread, NULL);
    is_int(3, thread_result, "... it is told that three are in");
    is_int(-EBADF, put_many(3, 2, SYSVMP_NOWAIT), "... put_many then");
    is_int(3, get_many(MOST, SYSVMP_NOWAIT), "... get_many gets them");
    is_int(3, right(0, 3), "... in order");
    destroy();
}

static int
say_yes(void *unused)
{
    (void)unused;
    return 1;
}

static void
interrupted(void)
{
    create(3, 0);
    sysvmp_set_interrupt(say_yes, NULL);
    is_int(-EINTR, get_many(2, SYSVMP_FOREVER), "batch: get_many: -EINTR");
    is_int(3, put_many(0, 5, SYSVMP_FOREVER), "... put_many: three are in");
    is_int(-EINTR, put_many(3, 2, SYSVMP_FOREVER), "... then -EINTR");
    is_int(3, get_many(5, SYSVMP_FOREVER), "... get_many does not wait");
    sysvmp_set_interrupt(NULL, NULL);
    destroy();
}

/*
 * One of them is too large.
 */

static void
too_large(const char *where, int batch, size_t large)
{
    static char bytes[LONGEST];
    struct sysvmp_item put_items[] = {{bytes, 0, 10}, {bytes, 0, large},
        {bytes, 0, 20}};
    struct sysvmp_item some[3];

    create(0, 0);
    for (int i = 0; i < 3; i++)
        some[i] = (struct sysvmp_item){out[i].data, 100, 4711};
    if (batch)
        must(sysvmp_queue_put_many(q, put_items, 3, 0), "put_many");
    for (int i = 0; i < 3 && !batch; i++)
        must(sysvmp_queue_put(q, bytes, put_items[i].len, 0), "put");
    is_int(1, sysvmp_queue_get_many(q, some, 3, SYSVMP_FOREVER),
        "batch: the second, in %s, is too large", where);
    is_int(10, (int64_t)some[0].len, "... the first is got");
    is_int(2, sysvmp_queue_qsize(q), "... the others stay");
    is_int(4711, (int64_t)some[2].len, "... their items are left alone");
    is_int(-EMSGSIZE, sysvmp_queue_get_many(q, some, 3, SYSVMP_FOREVER),
        "... then it is the first");
    some[1].size = LONGEST;
    is_int(-EMSGSIZE, sysvmp_queue_get_many(q, some, 3, SYSVMP_NOWAIT),
        "... for the second item it is not");
    is_int(2, sysvmp_queue_get_many(q, some + 1, 2, SYSVMP_NOWAIT),
        "... each item has its own size");
    is_int((int64_t)large, (int64_t)some[1].len, "... it comes");
    is_int(20, (int64_t)some[2].len, "... and the last");
    destroy();
}

/*
 * None, and no time.
 */

static void
none(void)
{
    create(1, 0);
    is_int(0, sysvmp_queue_get_many(q, NULL, 0, SYSVMP_FOREVER),
        "batch: get_many of none");
    is_int(0, sysvmp_queue_put_many(q, NULL, 0, SYSVMP_FOREVER),
        "... put_many of none");
    is_int(0, sysvmp_queue_qsize(q), "... puts none");
    is_int(0, put(0, SYSVMP_NOWAIT), "... one is put, it is full");
    is_int(0, sysvmp_queue_put_many(q, in, 0, SYSVMP_FOREVER),
        "... put_many of none does not wait");
    is_int(0, sysvmp_queue_get_many(q, out, 0, SYSVMP_FOREVER),
        "... get_many of none");
    is_int(1, sysvmp_queue_qsize(q), "... takes none");
    destroy();
}

static int
get_some_in_child(void *arg)
{
    int n = (int)get_many(MOST, SYSVMP_FOREVER);

    (void)arg;
    return n > 0 && right(0, n) == n ? n : 255;
}

static void
times(void)
{
    int64_t start;
    pid_t pid;

    create(0, 0);
    is_int(-EAGAIN, get_many(3, SYSVMP_NOWAIT), "batch: empty: get_many");
    start = now_ns();
    is_int(-ETIMEDOUT, get_many(3, SHORT_MS), "... for some time");
    ok(now_ns() - start >= SHORT_MS * MS, "... not less");
    must(put(0, SYSVMP_NOWAIT), "put");
    is_int(1, get_many(3, SYSVMP_FOREVER), "... it waits for the first alone");
    pid = child(get_some_in_child, NULL);
    ok(asleep(pid), "... a get_many sleeps");
    must(put(0, SYSVMP_NOWAIT), "put");
    is_int(1, reap(pid), "... until there is one");
    destroy();
}

static void
at_the_end(void)
{
    create(0, SYSVMP_EOF);
    is_int(3, put_many(0, 3, SYSVMP_NOWAIT), "batch: three, then the end");
    must(sysvmp_queue_close(q), "close");
    is_int(3, get_many(5, SYSVMP_FOREVER), "... get_many gets three");
    is_int(3, right(0, 3), "... in order");
    is_int(-EPIPE, get_many(5, SYSVMP_FOREVER), "... then the end of file");
    is_int(-EPIPE, get_many(5, SYSVMP_NOWAIT), "... which stays");
    is_int(-EBADF, put_many(0, 3, SYSVMP_NOWAIT), "... put_many: closed");
    destroy();
}

/*
 * Arguments.
 */

#define TOO_LONG ((size_t)SSIZE_MAX + 1)

static void
bad_puts(void)
{
    prepare(0, 4);
    in[2] = (struct sysvmp_item){NULL, LONGEST, 5};
    is_int(-EINVAL, sysvmp_queue_put_many(q, in, 4, 0),
        "batch: put_many: no data, but a length");
    in[2] = (struct sysvmp_item){out[0].data, 0, TOO_LONG};
    is_int(-EINVAL, sysvmp_queue_put_many(q, in, 4, 0),
        "... a length over SSIZE_MAX");
    is_int(-EINVAL, sysvmp_queue_put_many(q, NULL, 2, 0), "... no items");
    is_int(-EINVAL, sysvmp_queue_put_many(q, in, TOO_LONG, 0),
        "... items over SSIZE_MAX");
    is_int(-EINVAL, sysvmp_queue_put_many(q, in, 2, -2), "... a timeout");
    is_int(0, sysvmp_queue_qsize(q), "... nothing went in");
    in[2] = (struct sysvmp_item){NULL, TOO_LONG, 0};
    is_int(4, sysvmp_queue_put_many(q, in, 4, 0),
        "... no data and no length is a message");
}

static void
bad_gets(void)
{
    struct sysvmp_item some[4];

    for (int i = 0; i < 4; i++)
        some[i] = (struct sysvmp_item){out[i].data, LONGEST, TOO_LONG};
    some[2] = (struct sysvmp_item){NULL, 5, 0};
    is_int(-EINVAL, sysvmp_queue_get_many(q, some, 4, 0),
        "batch: get_many: no data, but a size");
    some[2] = (struct sysvmp_item){out[2].data, TOO_LONG, 0};
    is_int(-EINVAL, sysvmp_queue_get_many(q, some, 4, 0),
        "... a size over SSIZE_MAX");
    is_int(-EINVAL, sysvmp_queue_get_many(q, NULL, 2, 0), "... no items");
    is_int(-EINVAL, sysvmp_queue_get_many(q, some, TOO_LONG, 0),
        "... items over SSIZE_MAX");
    is_int(-EINVAL, sysvmp_queue_get_many(q, some, 2, -2), "... a timeout");
    is_int(4, sysvmp_queue_qsize(q), "... nothing was taken");
    some[2] = (struct sysvmp_item){NULL, 0, TOO_LONG};
    is_int(4, sysvmp_queue_get_many(q, some, 4, 0),
        "... no data and no size is for an empty one");
    is_int(0, (int64_t)some[2].len, "... which it got");
}

static void
arguments(void)
{
    struct sysvmp_item *own = in + 2, kept = *own;

    create(0, 0);
    bad_puts();
    bad_gets();
    *own = kept;
    destroy();
}

int
main(void)
{
    plan(2 * 5 + 8 + 2 + 2 * 4 + 10 + 2 + 5 + 4 + 3 * 9 + 7 + 6 + 6 + 15);
    chances = first_seed();
    board = shared(sizeof(*board));
    make_items();
    all_at_once(0);
    all_at_once(MOST);
    for_everyone();
    in_any_way(0, 4000);
    in_any_way(1000, 2000);
    several(0);
    several(30);
    parts();
    in_pieces();
    closed_meanwhile();
    interrupted();
    too_large("the kernel's queue", 0, 2000);
    too_large("shared memory", 1, 2000);
    too_large("a block of its own", 1, LONGEST);
    none();
    times();
    at_the_end();
    arguments();
    return done();
}
