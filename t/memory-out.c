/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory-out.c: where the program's shared memory is full, a put, a send and a
 * new message answer -ENOMEM, at once, and sysvmp_last_error() names the
 * limit, its use and the cure; nothing is lost, and when some is received as
 * much goes in as before, each time.
 */
#include <config.h>

#include "payload.h"
#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    ROUNDS = 10,
    SEGMENT = 16 << 20, /* bytes that the system allows */
    LEAST = 2 << 20     /* of which messages have at least so many */
};

static struct sysvmp_queue *q;
static struct sysvmp_conn *end[2];
static char *buf;

static size_t
fixed(size_t len, int i)
{
    return i < 0 ? 0 : len;
}

/* Short ones, and large ones of unlike sizes. */
static size_t
mixed(size_t len, int i)
{
    return (size_t)i * 7919 % 4 == 0 ? len + (size_t)i * 104729 % len
                                     : (size_t)i % 200;
}

typedef size_t length_fn(size_t len, int i);

static int64_t bytes_in; /* of what fill() has put */

/* Until there is no room: how many went in. */
static int
fill(length_fn *length, size_t len, int *result)
{
    int n = 0;

    bytes_in = 0;
    for (;; n++) {
        size_t next = length(len, n);

        payload_fill(buf, next, (unsigned)n);
        *result = sysvmp_queue_put(q, buf, next, SYSVMP_FOREVER);
        if (*result != 0)
            return n;
        bytes_in += (int64_t)next;
    }
}

static int
drain(length_fn *length, size_t len)
{
    int n = 0;

    while (sysvmp_queue_get(q, buf, MIB, SYSVMP_NOWAIT) ==
            (ssize_t)length(len, n) &&
        payload_whole(buf, length(len, n), (unsigned)n))
        n++;
    return n;
}

static void
tells(const char *text)
{
    ok(strstr(text, "shmmax") != NULL, "... the text names the limit: %s",
        text);
    ok(strstr(text, "in use") != NULL, "... its use");
    ok(strstr(text, "receive") != NULL, "... and the cure");
}

static void
full_and_empty(const char *name, length_fn *length, size_t len)
{
    int result, n, same = 0, whole = 0;

    n = fill(length, len, &result);
    is_int(-ENOMEM, result, "memory-out: %s: %d fit, then a put", name, n);
    tells(sysvmp_last_error());
    ok(bytes_in > LEAST && bytes_in < SEGMENT, "... they have %d bytes",
        (int)bytes_in);
    is_int(-ENOMEM, sysvmp_queue_put(q, buf, MIB, SYSVMP_NOWAIT),
        "... another put");
    is_int(n, sysvmp_queue_qsize(q), "... they are in it");
    is_int(n, drain(length, len), "... and are got, whole");
    is_int(1, sysvmp_queue_empty(q), "... then it is empty");
    for (int i = 0; i < ROUNDS; i++) {
        int now = fill(length, len, &result);

        whole += drain(length, len) == now;
        /* What is free lies otherwise, where sizes are unlike. */
        same += length == mixed ? now >= n * 9 / 10 : now >= n;
    }
    is_int(ROUNDS, whole, "... %d times again", ROUNDS);
    is_int(ROUNDS, same, "... as many fit as before");
}

/* One is taken: one goes in, for any process. */

enum { LARGE = 200000 };

static int
put_one(void *unused)
{
    (void)unused;
    return -sysvmp_queue_put(q, buf, LARGE, SYSVMP_NOWAIT);
}

static void
one_for_one(void)
{
    int result, n = fill(fixed, LARGE, &result), good = 0;

    is_int(ENOMEM, reap(child(put_one, NULL)),
        "memory-out: full for another process as well");
    for (int i = 0; i < ROUNDS; i++)
        good += sysvmp_queue_get(q, buf, MIB, 0) == LARGE &&
            reap(child(put_one, NULL)) == 0 && put_one(NULL) == ENOMEM;
    is_int(ROUNDS, good, "... one is got, one is put, each time");
    is_int(n, sysvmp_queue_qsize(q), "... all are there");
    while (sysvmp_queue_get(q, buf, MIB, 0) == LARGE)
        n--;
    is_int(0, n, "... and got");
}

/* A batch goes in as far as there is room. */
static void
a_batch(void)
{
    enum { N = 300 };
    static struct sysvmp_item items[N];
    int64_t in;
    int n = 0;

    for (int i = 0; i < N; i++)
        items[i] = (struct sysvmp_item){buf, 0, i % 2 ? LARGE : 10};
    in = sysvmp_queue_put_many(q, items, N, SYSVMP_FOREVER);
    ok(in > LEAST / LARGE && in < N, "memory-out: of a batch of %d, %d go in",
        N, (int)in);
    is_int(-ENOMEM, sysvmp_queue_put_many(q, items + 1, 1, SYSVMP_FOREVER),
        "... then none");
    is_int(in, sysvmp_queue_qsize(q), "... they are in it");
    while (sysvmp_queue_get(q, buf, MIB, 0) == (n % 2 ? LARGE : 10))
        n++;
    is_int(in, n, "... and got");
}

/*
 * Messages without copying.
 */

enum { MSGS = 5000 };

static struct sysvmp_msg *msgs[MSGS + 1];

/* Until there is no room for one of so many bytes: how many there are now. */
static int
make_all(int n, size_t len)
{
    while (n < MSGS && sysvmp_msg_create(&msgs[n], len) == 0) {
        payload_fill(sysvmp_msg_data(msgs[n]), len, (unsigned)n);
        n++;
    }
    return n;
}

static int
destroy_all(int n)
{
    int whole = 0;

    for (int i = 0; i < n; i++) {
        whole += payload_whole(sysvmp_msg_data(msgs[i]),
            sysvmp_msg_len(msgs[i]), (unsigned)i);
        sysvmp_msg_destroy(msgs[i]);
    }
    return whole;
}

enum { SHORT = 100 };

/* Short ones, which were put by copies, take some room when they are got as
 * they are: as long as there is some, in whatever reserve. */
static int
get_short_ones(void)
{
    struct sysvmp_msg *m;
    int n = 0, result = 0;

    while (n < SHORT &&
        (result = sysvmp_queue_get_msg(q, &m, SYSVMP_FOREVER)) == 0) {
        if (!payload_whole(sysvmp_msg_data(m), sysvmp_msg_len(m),
                (unsigned)n))
            return -1;
        msgs[MSGS - n] = m;
        n++;
    }
    is_int(-ENOMEM, result, "... %d short ones are got as they are, then one "
        "is not", n);
    ok(m == NULL, "... stores NULL");
    return n;
}

static void
messages(void)
{
    struct sysvmp_msg *more;
    int n, as_they_are, left = 0;

    for (int i = 0; i < SHORT; i++) {
        payload_fill(buf, (size_t)i, (unsigned)i);
        must(sysvmp_queue_put(q, buf, (size_t)i, 0), "put");
    }
    n = make_all(0, LARGE);
    ok(n > LEAST / LARGE && msgs[n] == NULL,
        "memory-out: %d messages are made, then NULL is stored", n);
    tells(sysvmp_last_error());
    n = make_all(n, 1);
    as_they_are = get_short_ones();
    ok(as_they_are > 0, "... there is a reserve for that");
    is_int(SHORT - as_they_are, sysvmp_queue_qsize(q), "... it stays");
    for (int i = as_they_are; i < SHORT; i++)
        left += sysvmp_queue_get(q, buf, MIB, SYSVMP_NOWAIT) == i &&
            payload_whole(buf, (size_t)i, (unsigned)i);
    is_int(SHORT - as_they_are, left, "... and is got by a copy, as others");
    is_int(0, sysvmp_queue_put_msg(q, msgs[0], SYSVMP_NOWAIT),
        "... what is made goes in");
    is_int(0, sysvmp_queue_get_msg(q, &msgs[0], SYSVMP_NOWAIT),
        "... and comes out, as it takes no room");
    is_int(n, destroy_all(n), "... all are whole, and destroyed");
    for (int i = 0; i < as_they_are; i++)
        sysvmp_msg_destroy(msgs[MSGS - i]);
    is_int(0, sysvmp_msg_create(&more, MIB), "... then there is room");
    sysvmp_msg_destroy(more);
}

static int
make_all_and_die(void *unused)
{
    (void)make_all(0, LARGE);
    kill(getpid(), SIGKILL);
    return unused != NULL;
}

static void
dead(void)
{
    int result, n = fill(fixed, LARGE, &result);

    is_int(n, drain(fixed, LARGE), "memory-out: %d fit", n);
    for (int i = 0; i < 3; i++)
        is_int(-SIGKILL, reap(child(make_all_and_die, NULL)),
            "... one who has made all there is is killed");
    is_int(n, fill(fixed, LARGE, &result), "... as many fit as before");
    is_int(n, drain(fixed, LARGE), "... and come");
}

/*
 * A pipe.
 */

static int
receive_one(void *unused)
{
    (void)unused;
    return sysvmp_conn_recv(end[1], buf, MIB, SYSVMP_FOREVER) == LARGE ? 0 : 1;
}

static void
a_pipe(void)
{
    char *huge = payload_buffer(2 * SEGMENT);
    pid_t pid;

    must(sysvmp_pipe_create(end, 0), "pipe_create");
    pid = child(receive_one, NULL);
    ok(asleep(pid), "memory-out: one waits to receive");
    is_int(-ENOMEM, sysvmp_conn_send(end[0], huge, 2 * SEGMENT, -1),
        "... what is sent is more than all there is");
    tells(sysvmp_last_error());
    is_int(0, sysvmp_conn_poll(end[1], SYSVMP_NOWAIT), "... it is not there");
    ok(asleep(pid), "... who waits, sleeps on");
    is_int(0, sysvmp_conn_send(end[0], huge, LARGE, SYSVMP_FOREVER),
        "... something smaller is sent");
    is_int(0, reap(pid), "... and received");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    payload_free(huge, 2 * SEGMENT);
}

int
main(void)
{
    const int tests = 4 * 11 + 4 + 4 + 13 + 6 + 9;
    char limit[32];

    plan(tests);
    snprintf(limit, sizeof(limit), "%d", SEGMENT);
    if (!ipc_set_limit("shmmax", limit)) {
        skip(tests, "kernel.shmmax can't be set");
        return done();
    }
    buf = payload_buffer(MIB);
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    full_and_empty("100 bytes", fixed, 100);
    full_and_empty("4,049 bytes", fixed, SYSVMP_INLINE_MAX + 1);
    full_and_empty("1,000,000 bytes", fixed, 1000000);
    full_and_empty("all sizes", mixed, 100000);
    one_for_one();
    a_batch();
    messages();
    dead();
    a_pipe();
    sysvmp_queue_destroy(q);
    return done();
}
