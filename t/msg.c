/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * msg.c: messages without copying: written in place, put or sent, received and
 * read in place, of all sizes, also in turn with calls that copy; one is its
 * owner's alone, stays so when it could not be sent, and to hand over a large
 * one takes no longer than a small one.
 */
#include <config.h>

#include "payload.h"
#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { BOUND_MS = 40000, SHORT_MS = 20, MANY = 300, HANDOVERS = 301,
    DESTROYED = 40 };

#define MS INT64_C(1000000)

static struct sysvmp_queue *q;
static struct sysvmp_conn *end[2];
static char *buf;

static struct sysvmp_msg *
new_msg(size_t len, unsigned seed)
{
    struct sysvmp_msg *m;

    must(sysvmp_msg_create(&m, len), "msg_create");
    payload_fill(sysvmp_msg_data(m), len, seed);
    return m;
}

static int
is_whole(struct sysvmp_msg *m, size_t len, unsigned seed)
{
    return m && sysvmp_msg_len(m) == len &&
        payload_whole(sysvmp_msg_data(m), len, seed);
}

/* Is this the next one?  It is destroyed. */
static int
got_msg(size_t len, unsigned seed)
{
    struct sysvmp_msg *m;
    int good = sysvmp_queue_get_msg(q, &m, SYSVMP_NOWAIT) == 0 &&
        is_whole(m, len, seed);

    sysvmp_msg_destroy(m);
    return good;
}

static int
got_copy(size_t len, unsigned seed)
{
    return sysvmp_queue_get(q, buf, PAYLOAD_MAX, SYSVMP_NOWAIT) ==
        (ssize_t)len &&
        payload_whole(buf, len, seed);
}

static int
put_msg(size_t len, unsigned seed)
{
    return sysvmp_queue_put_msg(q, new_msg(len, seed), SYSVMP_NOWAIT) == 0;
}

static int
put_copy(size_t len, unsigned seed)
{
    payload_fill(buf, len, seed);
    return sysvmp_queue_put(q, buf, len, SYSVMP_NOWAIT) == 0;
}

/* Four ways, in one step each: so they meet in all orders. */
static void
all_sizes(size_t maxsize, int sizes)
{
    int aligned = 0, msgs = 0, to_copy = 0, from_copy = 0, mixed = 0;

    must(sysvmp_queue_create(&q, maxsize, 0), "queue_create");
    for (int i = 0; i < sizes; i++) {
        size_t len = payload_sizes[i];
        struct sysvmp_msg *m = new_msg(len, 1);

        aligned += (uintptr_t)sysvmp_msg_data(m) % 16 == 0 &&
            sysvmp_msg_len(m) == len;
        sysvmp_msg_destroy(m);
        msgs += put_msg(len, 6) && sysvmp_queue_qsize(q) == 1 &&
            got_msg(len, 6);
        to_copy += put_msg(len, 6) && got_copy(len, 6);
        from_copy += put_copy(len, 6) && got_msg(len, 6);
        mixed += put_copy(len, 1) && put_msg(len, 2) && put_copy(10, 3) &&
            put_msg(10, 4) && put_copy(len, 5) && got_msg(len, 1) &&
            got_copy(len, 2) && got_msg(10, 3) && got_copy(10, 4) &&
            got_msg(len, 5);
    }
    is_int(sizes, aligned, "msg: maxsize %d: made, aligned to 16",
        (int)maxsize);
    is_int(sizes, msgs, "... put and got, whole");
    is_int(sizes, to_copy, "... put, and got by a copy");
    is_int(sizes, from_copy, "... put by a copy, and got");
    is_int(sizes, mixed, "... in turn");
    is_int(0, sysvmp_queue_qsize(q), "... then it is empty");
    sysvmp_queue_destroy(q);
}

/* None has a byte of another. */
static void
many(void)
{
    static struct sysvmp_msg *m[MANY];
    int whole = 0, put = 0, got = 0;

    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    for (unsigned i = 0; i < MANY; i++)
        m[i] = new_msg(i * 37, i);
    for (unsigned i = 0; i < MANY; i++)
        whole += is_whole(m[i], i * 37, i);
    is_int(MANY, whole, "msg: %d at once, each with bytes of its own", MANY);
    for (unsigned i = MANY; i-- > 0;)
        put += sysvmp_queue_put_msg(q, m[i], SYSVMP_NOWAIT) == 0;
    is_int(MANY, put, "... are put");
    for (unsigned i = MANY; i-- > 0;)
        got += got_msg(i * 37, i);
    is_int(MANY, got, "... and got in that order");
    sysvmp_queue_destroy(q);
}

/*
 * Whose it is.
 */

static struct sysvmp_msg *mine;

static int
use_anothers(void *arg)
{
    (void)arg;
    if (sysvmp_msg_data(mine) || sysvmp_msg_len(mine) != 0)
        return 1;
    if (sysvmp_queue_put_msg(q, mine, 0) != -EBADF ||
        sysvmp_conn_send_msg(end[0], mine, 0) != -EBADF)
        return 2;
    sysvmp_msg_destroy(mine);
    return sysvmp_queue_qsize(q) == 0 ? 0 : 3;
}

static void
another_process(void)
{
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    mine = new_msg(MIB, 9);
    is_int(0, reap(child(use_anothers, NULL)),
        "msg: it is not a child's, which has no data and is told -EBADF");
    ok(is_whole(mine, MIB, 9), "... it is still whole");
    is_int(0, sysvmp_queue_put_msg(q, mine, SYSVMP_NOWAIT), "... and put");
    ok(got_msg(MIB, 9), "... and got");
    sysvmp_queue_destroy(q);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

/* Writes into what it received, and sends that on. */
static int
answer_in_place(void *arg)
{
    struct sysvmp_msg *m;
    unsigned seed = 0;
    int result;

    (void)arg;
    must(sysvmp_conn_close(end[0]), "close");
    while ((result = sysvmp_conn_recv_msg(end[1], &m, BOUND_MS)) == 0) {
        if (!is_whole(m, sysvmp_msg_len(m), seed))
            return 1;
        payload_fill(sysvmp_msg_data(m), sysvmp_msg_len(m), seed + 100);
        if (sysvmp_conn_send_msg(end[1], m, BOUND_MS) != 0)
            return 2;
        seed++;
    }
    return result == -EPIPE && !m ? 0 : 3;
}

static void
to_and_fro(void)
{
    int sent = 0, whole = 0;
    pid_t pid;

    must(sysvmp_pipe_create(end, 0), "pipe_create");
    pid = child(answer_in_place, NULL);
    must(sysvmp_conn_close(end[1]), "close");
    for (unsigned i = 0; i < PAYLOAD_SIZES; i++) {
        size_t len = payload_sizes[i];
        struct sysvmp_msg *m;

        sent += sysvmp_conn_send_msg(end[0], new_msg(len, i), BOUND_MS) == 0;
        whole += sysvmp_conn_recv_msg(end[0], &m, BOUND_MS) == 0 &&
            is_whole(m, len, i + 100);
        sysvmp_msg_destroy(m);
    }
    is_int(PAYLOAD_SIZES, sent, "msg: of each size one is sent to a process");
    is_int(PAYLOAD_SIZES, whole, "... which writes into it, and sends it on");
    must(sysvmp_conn_close(end[0]), "close");
    is_int(0, reap(pid), "... up to the end of file");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

/*
 * It could not be sent, or there is none.
 */

/* What is asked for has not come, and *out is NULL. */
#define NOTHING(wanted, call, text) \
    do { \
        struct sysvmp_msg *none = (void *)buf; \
        is_int(wanted, (call), "... %s", (text)); \
        ok(none == NULL, "... and stores NULL"); \
    } while (0)

static void
queue_refuses(void)
{
    struct sysvmp_msg *m = new_msg(MIB, 5);
    int64_t start;
    char byte;

    must(sysvmp_queue_create(&q, 1, SYSVMP_EOF), "queue_create");
    diag("a queue:");
    NOTHING(-EAGAIN, sysvmp_queue_get_msg(q, &none, 0), "empty");
    start = now_ns();
    NOTHING(-ETIMEDOUT, sysvmp_queue_get_msg(q, &none, SHORT_MS),
        "empty for some time");
    ok(now_ns() - start >= SHORT_MS * MS, "... not less");
    must(sysvmp_queue_put(q, "x", 1, 0), "put");
    is_int(-EAGAIN, sysvmp_queue_put_msg(q, m, 0), "... full");
    start = now_ns();
    is_int(-ETIMEDOUT, sysvmp_queue_put_msg(q, m, SHORT_MS),
        "... full for some time");
    ok(now_ns() - start >= SHORT_MS * MS, "... not less");
    ok(is_whole(m, MIB, 5), "... the message is still ours");
    must(sysvmp_queue_get(q, &byte, 1, 0), "get");
    is_int(0, sysvmp_queue_put_msg(q, m, 0), "... and goes in when it can");
    is_int(-EMSGSIZE, sysvmp_queue_get(q, &byte, 1, 0),
        "... no copy of it fits in a byte");
    ok(got_msg(MIB, 5), "... but get_msg has it");
    m = new_msg(10, 6);
    must(sysvmp_queue_close(q), "close");
    is_int(-EBADF, sysvmp_queue_put_msg(q, m, 0), "... closed");
    ok(is_whole(m, 10, 6), "... the message is still ours");
    NOTHING(-EPIPE, sysvmp_queue_get_msg(q, &none, 0), "end of file");
    NOTHING(-EPIPE, sysvmp_queue_get_msg(q, &none, SYSVMP_FOREVER),
        "end of file");
    sysvmp_msg_destroy(m);
    sysvmp_queue_destroy(q);
}

static void
pipe_refuses(void)
{
    struct sysvmp_msg *m;

    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    diag("a pipe:");
    NOTHING(-EAGAIN, sysvmp_conn_recv_msg(end[0], &none, 0), "empty");
    NOTHING(-EBADF, sysvmp_conn_recv_msg(end[1], &none, 0),
        "an end that only sends");
    m = new_msg(MIB, 5);
    is_int(-EBADF, sysvmp_conn_send_msg(end[0], m, 0),
        "... one that only receives");
    is_int(0, sysvmp_conn_send_msg(end[1], m, 0), "... a message is sent");
    m = new_msg(1, 6);
    is_int(-EAGAIN, sysvmp_conn_send_msg(end[1], m, 0), "... then it is full");
    ok(is_whole(m, 1, 6), "... the message is still ours");
    must(sysvmp_conn_close(end[0]), "close");
    is_int(-EPIPE, sysvmp_conn_send_msg(end[1], m, SYSVMP_FOREVER),
        "... nobody reads");
    ok(is_whole(m, 1, 6), "... the message is still ours");
    is_int(0, sysvmp_conn_close(end[1]), "... closed");
    is_int(-EBADF, sysvmp_conn_send_msg(end[1], m, 0), "... send_msg");
    sysvmp_msg_destroy(m);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static void
no_room(void)
{
    struct sysvmp_msg *m = (void *)buf;

    is_int(-ENOMEM, sysvmp_msg_create(&m, SSIZE_MAX),
        "msg: there is no room for one of SSIZE_MAX bytes");
    ok(m == NULL, "... stores NULL");
    ok(strstr(sysvmp_last_error(), "in use") != NULL, "... and tells: %s",
        sysvmp_last_error());
}

/* Whether it was woken by a message that was put in either way. */
static int
get_one(void *arg)
{
    struct sysvmp_msg *m;

    (void)arg;
    return sysvmp_queue_get_msg(q, &m, SYSVMP_FOREVER) == 0 &&
            is_whole(m, 100, 8)
        ? 0
        : 1;
}

static void
sleepers(void)
{
    pid_t pid;

    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    pid = child(get_one, NULL);
    ok(asleep(pid), "msg: a get_msg sleeps");
    ok(put_msg(100, 8), "... a put_msg");
    is_int(0, reap(pid), "... wakes it");
    pid = child(get_one, NULL);
    ok(asleep(pid), "... another sleeps");
    ok(put_copy(100, 8), "... a put");
    is_int(0, reap(pid), "... wakes it as well");
    sysvmp_queue_destroy(q);
}

/*
 * The time of a handover, to another process and back: of messages that were
 * touched before and are not now.
 */

static int
send_back(void *arg)
{
    struct sysvmp_msg *m;

    (void)arg;
    must(sysvmp_conn_close(end[0]), "close");
    while (sysvmp_conn_recv_msg(end[1], &m, BOUND_MS) == 0)
        must(sysvmp_conn_send_msg(end[1], m, BOUND_MS), "send_msg");
    return 0;
}

static int64_t
hand_over(struct sysvmp_msg **m)
{
    int64_t start = now_ns();

    must(sysvmp_conn_send_msg(end[0], *m, BOUND_MS), "send_msg");
    must(sysvmp_conn_recv_msg(end[0], m, BOUND_MS), "recv_msg");
    return now_ns() - start;
}

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void
time_of_handover(void)
{
    static int64_t took[2][HANDOVERS];
    struct sysvmp_msg *m[2];
    pid_t pid;

    must(sysvmp_pipe_create(end, 0), "pipe_create");
    pid = child(send_back, NULL);
    must(sysvmp_conn_close(end[1]), "close");
    m[0] = new_msg(4 * KIB, 1);
    m[1] = new_msg(64 * MIB, 2);
    for (int i = 0; i < HANDOVERS; i++)
        for (int k = 0; k < 2; k++)
            took[k][i] = hand_over(&m[k]);
    for (int k = 0; k < 2; k++)
        qsort(took[k], HANDOVERS, sizeof(took[k][0]), compare);
    ok(took[1][HANDOVERS / 2] <= 4 * took[0][HANDOVERS / 2],
        "msg: to and fro: 64 MiB take %d ns, 4 KiB take %d ns",
        (int)took[1][HANDOVERS / 2], (int)took[0][HANDOVERS / 2]);
    ok(is_whole(m[0], 4 * KIB, 1) && is_whole(m[1], 64 * MIB, 2),
        "... they are whole");
    sysvmp_msg_destroy(m[0]);
    sysvmp_msg_destroy(m[1]);
    must(sysvmp_conn_close(end[0]), "close");
    is_int(0, reap(pid), "... the other process ends");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

/* Some of it may be kept, where it was needed again and again. */
static void
destroyed(int64_t before)
{
    for (int i = 0; i < DESTROYED; i++)
        sysvmp_msg_destroy(new_msg(8 * MIB, 1));
    sysvmp_msg_destroy(NULL);
    if (ipc_is_private())
        ok(ipc_memory() - before <= (int64_t)(160 * MIB),
            "msg: shared memory after all that: %d KiB",
            (int)((ipc_memory() - before) / 1024));
    else
        skip(1, "no IPC namespace of our own");
}

int
main(void)
{
    int64_t before;

    plan(2 * 6 + 3 + 4 + 3 + 18 + 12 + 3 + 6 + 3 + 1);
    before = ipc_memory();
    buf = payload_buffer(PAYLOAD_MAX);
    all_sizes(0, PAYLOAD_SIZES);
    all_sizes(10, PAYLOAD_SIZES - 1);
    many();
    another_process();
    to_and_fro();
    queue_refuses();
    pipe_refuses();
    no_room();
    sleepers();
    time_of_handover();
    destroyed(before);
    return done();
}
