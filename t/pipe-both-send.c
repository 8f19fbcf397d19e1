/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pipe-both-send.c: two processes that both send 192 KiB before either reads
 * do not wait for each other, in whatever pieces they send; all of it comes.
 */
#include <config.h>

#include "payload.h"
#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <string.h>

enum { BOUND_MS = 20000 };

#define ALL (192 * KIB)

static struct sysvmp_conn *end[2];
static _Atomic int *have_sent;

/* In pieces of that length: 0, or which step failed. */
static int
send_all(int side, size_t piece, const char *bytes)
{
    for (size_t at = 0; at < ALL; at += piece)
        if (sysvmp_conn_send(end[side], bytes + at, piece, BOUND_MS) != 0)
            return 1;
    return 0;
}

static int
receive_all(int side, size_t piece, char *bytes)
{
    for (size_t at = 0; at < ALL; at += piece)
        if (sysvmp_conn_recv(end[side], bytes + at, piece, BOUND_MS) !=
            (ssize_t)piece)
            return 2;
    return 0;
}

/* Reads when both have sent everything. */
static int
exchange(int side, size_t piece)
{
    char *bytes = payload_buffer(ALL);
    int failed;

    payload_fill(bytes, ALL, (unsigned)side);
    failed = send_all(side, piece, bytes);
    (*have_sent)++;
    if (!failed) {
        until(have_sent, 2);
        memset(bytes, 0, ALL);
        failed = receive_all(side, piece, bytes);
    }
    if (!failed && !payload_whole(bytes, ALL, (unsigned)!side))
        failed = 3;
    payload_free(bytes, ALL);
    return failed;
}

static int
other_side(void *arg)
{
    must(sysvmp_conn_close(end[0]), "close");
    return exchange(1, *(const size_t *)arg);
}

static void
both_send(size_t piece)
{
    pid_t pid;

    *have_sent = 0;
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    pid = child(other_side, &piece);
    must(sysvmp_conn_close(end[1]), "close");
    is_int(0, exchange(0, piece),
        "pipe-both-send: 192 KiB in pieces of %zu bytes", piece);
    is_int(0, reap(pid), "... and the other side as well");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

int
main(void)
{
    static const size_t pieces[] = {ALL, 64 * KIB, 4096, 64, 1};
    enum { PIECES = sizeof(pieces) / sizeof(pieces[0]) };

    plan(2 * PIECES);
    have_sent = shared(sizeof(*have_sent));
    for (int i = 0; i < PIECES; i++)
        both_send(pieces[i]);
    return done();
}
