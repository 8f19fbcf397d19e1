/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pipe-basic.c: what is sent at one end is received at the other, whole and
 * in order, in both directions or in one; after the last there is the end of
 * file; who sends to nobody is told, and gets no signal.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

enum { N = 50 };

static struct sysvmp_conn *end[2];
static volatile sig_atomic_t signals;

static void
count_signal(int sig)
{
    (void)sig;
    signals++;
}

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
send_text(int i, const char *text)
{
    return sysvmp_conn_send(end[i], text, strlen(text), SYSVMP_NOWAIT);
}

/* Is this what is received next? */
static int
receives(int i, const char *text)
{
    char buf[64];
    ssize_t len = sysvmp_conn_recv(end[i], buf, sizeof(buf), SYSVMP_NOWAIT);

    return len == (ssize_t)strlen(text) &&
        memcmp(buf, text, strlen(text)) == 0;
}

static int64_t
recv_any(int i, int timeout_ms)
{
    char buf[64];

    return sysvmp_conn_recv(end[i], buf, sizeof(buf), timeout_ms);
}

static void
duplex(void)
{
    int good = 0;

    new_pipe(0);
    is_int(1, sysvmp_conn_readable(end[0]), "pipe-basic: end 0 receives");
    is_int(1, sysvmp_conn_writable(end[0]), "... and sends");
    is_int(1, sysvmp_conn_readable(end[1]), "... and so does end 1");
    is_int(1, sysvmp_conn_writable(end[1]), "... both");
    is_int(-EAGAIN, recv_any(0, SYSVMP_NOWAIT), "... nothing is there");
    is_int(0, send_text(1, "to 0"), "... 1 sends");
    is_int(0, send_text(0, "to 1"), "... 0 sends");
    is_int(0, send_text(0, "more"), "... twice");
    ok(receives(0, "to 0"), "... 0 receives what 1 has sent");
    is_int(-EAGAIN, recv_any(0, SYSVMP_NOWAIT), "... and nothing else");
    ok(receives(1, "to 1"), "... 1 receives what 0 has sent");
    ok(receives(1, "more"), "... in this order");
    is_int(-EAGAIN, recv_any(1, SYSVMP_NOWAIT), "... and nothing else");
    for (int i = 0; i < N; i++) {
        char text[16] = {(char)('0' + i), 'x', 0};

        good += send_text(1, text) == 0;
    }
    for (int i = 0; i < N; i++) {
        char text[16] = {(char)('0' + i), 'x', 0};

        good += receives(0, text);
    }
    is_int(2 * N, good, "... %d messages stay in order", N);
    destroy_pipe();
}

static void
simplex(void)
{
    new_pipe(SYSVMP_SIMPLEX);
    is_int(1, sysvmp_conn_readable(end[0]), "pipe-basic: simplex: 0 receives");
    is_int(0, sysvmp_conn_writable(end[0]), "... and does not send");
    is_int(0, sysvmp_conn_readable(end[1]), "... 1 does not receive");
    is_int(1, sysvmp_conn_writable(end[1]), "... and sends");
    is_int(-EBADF, send_text(0, "x"), "... send at 0");
    is_int(-EBADF, recv_any(1, SYSVMP_FOREVER), "... recv at 1");
    is_int(-EBADF, sysvmp_conn_poll(end[1], SYSVMP_FOREVER), "... poll at 1");
    is_int(0, send_text(1, "x"), "... send at 1");
    ok(receives(0, "x"), "... recv at 0");
    is_int(0, sysvmp_conn_close(end[0]), "... close 0");
    is_int(-EPIPE, send_text(1, "x"), "... send at 1");
    destroy_pipe();
}

static void
sizes(void)
{
    static char text[SYSVMP_INLINE_MAX + 1], buf[SYSVMP_INLINE_MAX + 1];

    memset(text, 'y', sizeof(text));
    new_pipe(0);
    is_int(0, sysvmp_conn_send(end[0], NULL, 0, 0),
        "pipe-basic: a message of no bytes is sent");
    is_int(1, sysvmp_conn_poll(end[1], 0), "... and is there");
    is_int(0, sysvmp_conn_recv(end[1], NULL, 0, 0), "... and received");
    is_int(0, sysvmp_conn_poll(end[1], 0), "... once");
    is_int(0, sysvmp_conn_send(end[0], text, SYSVMP_INLINE_MAX, 0),
        "... one of %d bytes is sent", SYSVMP_INLINE_MAX);
    is_int(-EMSGSIZE, sysvmp_conn_recv(end[1], buf, SYSVMP_INLINE_MAX - 1, 0),
        "... which does not fit in less");
    is_int(1, sysvmp_conn_poll(end[1], 0), "... and stays");
    is_int(SYSVMP_INLINE_MAX, sysvmp_conn_recv(end[1], buf, sizeof(buf), 0),
        "... and is received");
    ok(memcmp(text, buf, SYSVMP_INLINE_MAX) == 0 &&
            buf[SYSVMP_INLINE_MAX] == 0, "... whole");
    text[SYSVMP_INLINE_MAX] = 'z';
    is_int(0, sysvmp_conn_send(end[0], text, sizeof(text), 0),
        "... one more is sent as well");
    is_int(sizeof(text), sysvmp_conn_recv(end[1], buf, sizeof(buf), 0),
        "... and received");
    ok(memcmp(text, buf, sizeof(text)) == 0, "... whole");
    destroy_pipe();
}

static void
closed(void)
{
    new_pipe(0);
    send_text(1, "last but one");
    send_text(1, "last");
    is_int(0, sysvmp_conn_poll(end[1], 0), "pipe-basic: 1 has sent two");
    is_int(0, sysvmp_conn_close(end[1]), "... and is closed");
    is_int(-EBADF, send_text(1, "x"), "... send there");
    is_int(-EBADF, recv_any(1, SYSVMP_FOREVER), "... recv there");
    is_int(-EBADF, sysvmp_conn_poll(end[1], SYSVMP_FOREVER), "... poll there");
    is_int(0, sysvmp_conn_close(end[1]), "... close it twice");
    is_int(1, sysvmp_conn_poll(end[0], 0), "... at the other end: poll");
    ok(receives(0, "last but one"), "... recv: all that was sent");
    ok(receives(0, "last"), "... to the last");
    is_int(-EPIPE, recv_any(0, SYSVMP_NOWAIT), "... then the end of file");
    is_int(-EPIPE, recv_any(0, SYSVMP_FOREVER), "... which stays");
    is_int(1, sysvmp_conn_poll(end[0], 0), "... poll says there is something");
    is_int(1, sysvmp_conn_poll(end[0], SYSVMP_FOREVER), "... which stays");

    signals = 0;
    signal(SIGPIPE, count_signal);
    is_int(-EPIPE, send_text(0, "x"), "... send to nobody");
    is_int(-EPIPE, sysvmp_conn_send(end[0], "x", 1, SYSVMP_FOREVER),
        "... with a timeout");
    is_int(0, signals, "... no SIGPIPE");
    signal(SIGPIPE, SIG_DFL);
    is_int(0, sysvmp_conn_close(end[0]), "... close the other");
    destroy_pipe();
}

/* The child is the other end, and we hold none of it. */
static int
echo(void *arg)
{
    char buf[64];
    ssize_t len;

    (void)arg;
    if (sysvmp_conn_close(end[0]) < 0)
        return 1;
    while ((len = sysvmp_conn_recv(end[1], buf, sizeof(buf), -1)) >= 0)
        if (sysvmp_conn_send(end[1], buf, (size_t)len, SYSVMP_FOREVER) != 0)
            return 2;
    return len == -EPIPE ? 0 : 3;
}

static void
round_trips(void)
{
    int good = 0;
    pid_t pid;

    new_pipe(0);
    pid = child(echo, NULL);
    must(sysvmp_conn_close(end[1]), "close");
    for (int i = 0; i < N; i++)
        good += send_text(0, "to and fro") == 0 &&
            sysvmp_conn_poll(end[0], SYSVMP_FOREVER) == 1 &&
            receives(0, "to and fro");
    is_int(N, good, "pipe-basic: %d times to a child and back", N);
    is_int(0, sysvmp_conn_close(end[0]), "... we close");
    is_int(0, reap(pid), "... the child is told, and ends");
    destroy_pipe();
}

static int
say_bye(void *arg)
{
    (void)arg;
    return send_text(1, "bye");
}

static void
child_ends(void)
{
    pid_t pid;

    new_pipe(SYSVMP_SIMPLEX);
    pid = child(say_bye, NULL);
    must(sysvmp_conn_close(end[1]), "close");
    is_int(3, recv_any(0, SYSVMP_FOREVER), "pipe-basic: a child sends, ends");
    is_int(-EPIPE, recv_any(0, SYSVMP_FOREVER), "... then the end of file");
    is_int(0, reap(pid), "... it ended well");
    destroy_pipe();
}

int
main(void)
{
    plan(14 + 11 + 12 + 17 + 3 + 3);
    duplex();
    simplex();
    sizes();
    closed();
    round_trips();
    child_ends();
    return done();
}
