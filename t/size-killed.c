/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * size-killed.c: receivers of messages of 1 MiB are killed, at any moment and
 * while they have one in hand, and so are senders: each takes at most one
 * message with it, the others come whole, and no memory is lost.
 *
 *     size-killed.t         what make check runs
 *     size-killed.t long    10,000 kills of each kind
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
#include <unistd.h>

/* The memory has room for some messages, so it would soon show a loss. */
#define SEGMENT "67108864"

enum { LENGTH = 1 << 20, MAXSIZE = 16, WAITING = 4, LONGEST_US = 1000,
    HELD = 5 };

static struct {
    _Atomic int received, torn, failed, sent;
} *board;

/* Begins with its number. */
static unsigned char *message;

/* A queue, or a pipe. */
static struct sysvmp_queue *q;
static struct sysvmp_conn *end[2];

static void
write_message(void *to, unsigned number)
{
    memcpy(to, &number, sizeof(number));
    payload_fill((char *)to + sizeof(number), LENGTH - sizeof(number), number);
}

static void
look_at(const void *at, size_t len)
{
    unsigned number;

    memcpy(&number, at, sizeof(number));
    if (len != LENGTH ||
        !payload_whole((const char *)at + sizeof(number),
            LENGTH - sizeof(number), number))
        board->torn++;
}

static int
put(int timeout_ms)
{
    return q ? sysvmp_queue_put(q, message, LENGTH, timeout_ms)
             : sysvmp_conn_send(end[0], message, LENGTH, timeout_ms);
}

static ssize_t
get(int timeout_ms)
{
    return q ? sysvmp_queue_get(q, message, LENGTH, timeout_ms)
             : sysvmp_conn_recv(end[1], message, LENGTH, timeout_ms);
}

static int
get_msg(struct sysvmp_msg **m, int timeout_ms)
{
    return q ? sysvmp_queue_get_msg(q, m, timeout_ms)
             : sysvmp_conn_recv_msg(end[1], m, timeout_ms);
}

static int
put_msg(struct sysvmp_msg *m, int timeout_ms)
{
    return q ? sysvmp_queue_put_msg(q, m, timeout_ms)
             : sysvmp_conn_send_msg(end[0], m, timeout_ms);
}

static void
make(int pipe)
{
    q = NULL;
    if (pipe)
        must(sysvmp_pipe_create(end, 0), "pipe_create");
    else
        must(sysvmp_queue_create(&q, MAXSIZE, 0), "queue_create");
}

static void
destroy(void)
{
    sysvmp_queue_destroy(q);
    if (!q) {
        sysvmp_conn_destroy(end[0]);
        sysvmp_conn_destroy(end[1]);
    }
}

static void
has_failed(int result)
{
    if (board->failed == 0)
        diag("a call fails: %s", sysvmp_last_error());
    board->failed = result;
}

/*
 * The victims: until they are killed.
 */

/* By copies and without; looks at few of them, to be in a call mostly. */
static int
receive(void *arg)
{
    unsigned state = *(const unsigned *)arg;

    for (;;) {
        struct sysvmp_msg *m = NULL;
        const void *at = message;
        size_t len = 0;
        ssize_t result;

        if (chance(&state, 2)) {
            result = get(SYSVMP_FOREVER);
            len = (size_t)result;
        } else {
            result = get_msg(&m, SYSVMP_FOREVER);
            at = sysvmp_msg_data(m);
            len = sysvmp_msg_len(m);
        }
        if (result < 0)
            has_failed((int)result);
        else
            board->received++;
        if (result >= 0 && chance(&state, 8) == 0)
            look_at(at, len);
        sysvmp_msg_destroy(m);
    }
    return 0;
}

/* Has some of them in hand. */
static int
hold(void *arg)
{
    struct sysvmp_msg *m;

    (void)arg;
    for (int i = 0; i < HELD; i++)
        if (get_msg(&m, SYSVMP_FOREVER) < 0)
            has_failed(1);
        else
            board->received++;
    for (;;)
        pause();
    return 0;
}

static int
send_without_copy(void)
{
    struct sysvmp_msg *m;
    int result = sysvmp_msg_create(&m, LENGTH);

    if (result < 0)
        return result;
    memcpy(sysvmp_msg_data(m), message, LENGTH);
    result = put_msg(m, SYSVMP_NOWAIT);
    if (result < 0)
        sysvmp_msg_destroy(m);
    return result;
}

static int
send(void *arg)
{
    unsigned state = *(const unsigned *)arg;

    for (;;) {
        int result;

        write_message(message, chance(&state, 1000));
        result = chance(&state, 2) ? put(SYSVMP_NOWAIT) : send_without_copy();
        if (result == 0)
            board->sent++;
        else if (result != -EAGAIN)
            has_failed(result);
    }
    return 0;
}

/*
 * Those that live.
 */

static int put_by_us, got_by_us;

/* For victims that receive: so many are there. */
static void
feed(int waiting)
{
    int put_now = board->received + waiting;

    while (put_by_us < put_now && put(SYSVMP_NOWAIT) == 0)
        put_by_us++;
}

static int
take(int timeout_ms)
{
    ssize_t len = get(timeout_ms);

    if (len < 0)
        return 0;
    look_at(message, (size_t)len);
    got_by_us++;
    return 1;
}

static int
holds_all(void *arg)
{
    return board->received >= *(const int *)arg;
}

static void
kill_receiver(unsigned *seed)
{
    unsigned state = chance(seed, 1 << 16);
    int64_t end_ns = now_ns() + chance(seed, LONGEST_US) * INT64_C(1000);
    pid_t pid = child(receive, &state);

    do
        feed(WAITING);
    while (now_ns() < end_ns);
    slay(pid);
}

static void
kill_holder(unsigned *seed)
{
    int held = board->received + HELD;
    pid_t pid = child(hold, NULL);

    (void)seed;
    while (!holds_all(&held) && !board->failed)
        feed(WAITING);
    slay(pid);
}

static void
kill_sender(unsigned *seed)
{
    unsigned state = chance(seed, 1 << 16);
    int64_t end_ns = now_ns() + chance(seed, LONGEST_US) * INT64_C(1000);
    pid_t pid = child(send, &state);

    do
        take(SYSVMP_NOWAIT);
    while (now_ns() < end_ns);
    slay(pid);
}

/* How many there is memory for. */
static int
room(void)
{
    struct sysvmp_queue *all;
    int n = 0;

    must(sysvmp_queue_create(&all, 0, 0), "queue_create");
    while (sysvmp_queue_put(all, message, LENGTH, SYSVMP_NOWAIT) == 0)
        n++;
    sysvmp_queue_destroy(all);
    return n;
}

static void
rounds_of(const char *what, void (*kill_one)(unsigned *seed), int kills,
    int pipe, unsigned *seed)
{
    int missing;

    memset(board, 0, sizeof(*board));
    put_by_us = got_by_us = 0;
    make(pipe);
    for (int i = 0; i < kills; i++)
        kill_one(seed);
    while (take(SYSVMP_NOWAIT))
        continue;
    missing = board->sent + put_by_us - board->received - got_by_us;
    /* Few of the senders may have come as far as to note what they sent. */
    ok(kill_one == kill_sender ? missing <= 0 && missing >= -kills
                               : missing >= 0 && missing <= kills,
        "size-killed: %s: %d killed %s: %d more sent than received", what,
        kills, pipe ? "at a pipe" : "at a queue", missing);
    is_int(0, board->torn, "... all are whole");
    is_int(0, board->failed, "... no call has failed");
    destroy();
}

int
main(int argc, char **argv)
{
    int kills = long_form(argc, argv) ? 10000 : 200, limited, before = 0;
    unsigned seed;

    plan(6 * 3 + 1);
    seed = first_seed();
    board = shared(sizeof(*board));
    message = payload_buffer(LENGTH);
    limited = ipc_set_limit("shmmax", SEGMENT);
    if (limited)
        before = room();
    for (int pipe = 0; pipe < 2; pipe++) {
        write_message(message, 1);
        rounds_of("receivers", kill_receiver, kills, pipe, &seed);
        write_message(message, 2);
        rounds_of("holders", kill_holder, kills / 4, pipe, &seed);
        rounds_of("senders", kill_sender, kills / 2, pipe, &seed);
    }
    if (limited)
        is_int(before, room(), "size-killed: as many fit as before");
    else
        skip(1, "kernel.shmmax can't be set");
    return done();
}
