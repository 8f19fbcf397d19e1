/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * size-pipe.c: messages of 0 bytes to 1 GiB go through a pipe, to another
 * process and back, whole; a pipe is full at 256 KiB or 262,144 messages
 * beside the kernel's queue, and the last one may be of any size; what a
 * process sent before it died comes whole, and then the end of file.
 *
 *     size-pipe.t         what make check runs: up to 64 MiB
 *     size-pipe.t long    1 GiB, too
 */
#include <config.h>

#include "payload.h"
#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { BOUND_MS = 40000, KERNELS_MOST = 16384, LINES = 9 };

#define ROOM (256 * KIB)
#define MOST 262144

static struct sysvmp_conn *end[2];
static unsigned char *buf;

static void
new_pipe(unsigned flags)
{
    must(sysvmp_pipe_create(end, flags), "pipe_create");
}

static void
destroy_pipe(void)
{
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static int
sends(int i, size_t len, int timeout_ms)
{
    return sysvmp_conn_send(end[i], buf, len, timeout_ms);
}

static int64_t
receives(int i, size_t size, int timeout_ms)
{
    return sysvmp_conn_recv(end[i], buf, size, timeout_ms);
}

/* Sends what it receives, up to the end of file. */
static int
echo(void *arg)
{
    int64_t len;

    (void)arg;
    must(sysvmp_conn_close(end[0]), "close");
    while ((len = receives(1, PAYLOAD_MAX, BOUND_MS)) >= 0)
        if (sends(1, (size_t)len, BOUND_MS) != 0)
            return 1;
    return len == -EPIPE ? 0 : 2;
}

static void
to_and_fro(size_t len, unsigned seed)
{
    ssize_t next;

    payload_fill(buf, len, seed);
    is_int(0, sends(0, len, BOUND_MS), "size-pipe: %zu bytes", len);
    is_int(1, sysvmp_conn_poll(end[0], BOUND_MS), "... come back");
    next = sysvmp_conn_next_len(end[0]);
    ok(next == (ssize_t)len || next == -ENOSYS, "... the next length: %zd",
        next);
    if (len > 0)
        is_int(-EMSGSIZE, receives(0, len - 1, SYSVMP_NOWAIT),
            "... a byte less is too small");
    else
        skip(1, "no buffer is too small for it");
    payload_fill(buf, len, 0);
    is_int((int64_t)len, receives(0, len, SYSVMP_NOWAIT), "... received");
    ok(payload_whole(buf, len, seed), "... whole");
}

static void
all_sizes(void)
{
    pid_t pid;

    new_pipe(0);
    pid = child(echo, NULL);
    must(sysvmp_conn_close(end[1]), "close");
    for (int i = 0; i < PAYLOAD_SIZES; i++)
        to_and_fro(payload_sizes[i], (unsigned)i + 1);
    must(sysvmp_conn_close(end[0]), "close");
    is_int(0, reap(pid), "size-pipe: who sent them back sees the end of file");
    destroy_pipe();
}

/*
 * What is full.
 */

static int
send_later(void *arg)
{
    must(sysvmp_conn_close(end[0]), "close");
    return -sends(1, *(const size_t *)arg, SYSVMP_FOREVER);
}

/* The last one may be of any size; who comes next waits until it is received,
 * and then may send as much. */
static void
full_at_once(size_t len)
{
    pid_t pid;

    new_pipe(SYSVMP_SIMPLEX);
    is_int(0, sends(1, ROOM - 1, SYSVMP_NOWAIT),
        "size-pipe: almost full, of one message");
    is_int(0, sends(1, len, SYSVMP_NOWAIT), "... takes %zu bytes", len);
    is_int(-EAGAIN, sends(1, 0, SYSVMP_NOWAIT), "... and then nothing more");
    pid = child(send_later, &len);
    ok(asleep(pid), "... who sends, waits");
    is_int((int64_t)ROOM - 1, receives(0, len, SYSVMP_NOWAIT),
        "... one is received");
    ok(asleep(pid), "... and is no room yet");
    is_int((int64_t)len, receives(0, len, SYSVMP_NOWAIT), "... the other");
    is_int(0, reap(pid), "... the waiting one is sent");
    is_int((int64_t)len, receives(0, len, SYSVMP_NOWAIT), "... and comes");
    destroy_pipe();
}

static int
fill(size_t len)
{
    int n = 0, result;

    while ((result = sends(1, len, SYSVMP_NOWAIT)) == 0)
        n++;
    if (result != -EAGAIN)
        diag("send: %d", result);
    return n;
}

/* How many of them fill it: so many in shared memory, and some more in the
 * kernel's queue, if they can be there. */
static void
full_of(size_t len, int shared, int kernels_most)
{
    int n, got = 0;

    new_pipe(SYSVMP_SIMPLEX);
    n = fill(len);
    ok(n >= shared && n <= shared + kernels_most,
        "size-pipe: full of %d messages of %zu bytes", n, len);
    while (receives(0, len, SYSVMP_NOWAIT) == (int64_t)len)
        got++;
    is_int(n, got, "... which all come");
    is_int(n, fill(len), "... then as many fit again");
    destroy_pipe();
}

/*
 * The end.
 */

static int
send_and_die(void *arg)
{
    must(sysvmp_conn_close(end[0]), "close");
    if (sends(1, *(const size_t *)arg, SYSVMP_NOWAIT) == 0)
        kill(getpid(), SIGKILL);
    return 1;
}

static void
sender_dies(size_t len)
{
    new_pipe(0);
    payload_fill(buf, len, 3);
    is_int(-SIGKILL, reap(child(send_and_die, &len)),
        "size-pipe: one sends %zu bytes, and is killed", len);
    must(sysvmp_conn_close(end[1]), "close");
    payload_fill(buf, len, 0);
    is_int(-EMSGSIZE, receives(0, 1, 1000), "... too large, at the end");
    is_int((int64_t)len, receives(0, len, 1000), "... received");
    ok(payload_whole(buf, len, 3), "... whole");
    is_int(-EPIPE, receives(0, len, 1000), "... then the end of file");
    destroy_pipe();
}

/*
 * 1 GiB, one way: sender and receiver have it one after the other.
 */

static int
receive_a_gib(void *arg)
{
    (void)arg;
    must(sysvmp_conn_poll(end[1], SYSVMP_FOREVER), "poll");
    buf = payload_buffer(GIB);
    return receives(1, GIB, SYSVMP_NOWAIT) == (int64_t)GIB &&
            payload_whole(buf, GIB, 5)
        ? 0
        : 1;
}

static void
of_a_gib(void)
{
    const char *why = payload_too_large(GIB);
    pid_t pid;

    if (why) {
        skip(2, "no message of 1 GiB: %s", why);
        return;
    }
    new_pipe(0);
    pid = child(receive_a_gib, NULL);
    buf = payload_buffer(GIB);
    payload_fill(buf, GIB, 5);
    is_int(0, sends(0, GIB, BOUND_MS), "size-pipe: 1 GiB is sent");
    payload_free(buf, GIB);
    is_int(0, reap(pid), "... and received by another process, whole");
    destroy_pipe();
}

int
main(int argc, char **argv)
{
    int with_gib = long_form(argc, argv);

    plan(PAYLOAD_SIZES * 6 + 1 + 2 * LINES + 4 * 3 + 2 * 5 + 2);
    buf = payload_buffer(PAYLOAD_MAX);
    all_sizes();
    full_at_once(ROOM);
    full_at_once(PAYLOAD_MAX);
    full_of(0, MOST, KERNELS_MOST);
    full_of(64, (int)ROOM / 64, KERNELS_MOST / 64);
    full_of(SYSVMP_INLINE_MAX + 1, (int)ROOM / (SYSVMP_INLINE_MAX + 1) + 1, 0);
    full_of(ROOM / 2, 2, 0);
    sender_dies(SYSVMP_INLINE_MAX + 1);
    sender_dies(MIB);
    payload_free(buf, PAYLOAD_MAX);
    if (with_gib)
        of_a_gib();
    else
        skip(2, "1 GiB in the long form alone");
    return done();
}
