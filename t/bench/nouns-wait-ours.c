/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nouns-wait-ours.c: sysvmp_wait() over the receiving ends of pipes; and, as
 * its floor, the same without it: a pipe alone, and sysvmp_conn_recv().
 */
#define _GNU_SOURCE

#include <sysvmp.h>

#include "nouns-ours.h"
#include "nouns.h"
#include "ours.h"

#define LINES_MAX 64

struct set {
    struct sysvmp_waitable in[LINES_MAX];
    struct sysvmp_conn *out[LINES_MAX];
    unsigned n;
    struct sysvmp_conn *back[2];        /* receives, sends */
};

static bool
conn_send(void *conn, struct message *m)
{
    return gave(0, sysvmp_conn_send(conn, m->word, MESSAGE_SIZE,
        SYSVMP_FOREVER));
}

static bool
conn_receive(void *conn, struct message *m)
{
    return gave(MESSAGE_SIZE, sysvmp_conn_recv(conn, m->word, MESSAGE_SIZE,
        SYSVMP_FOREVER));
}

static bool
set_send(void *arg, unsigned line, struct message *m)
{
    struct set *set = arg;

    return conn_send(set->out[line], m);
}

static bool
set_receive(void *arg, struct message *m)
{
    struct set *set = arg;
    unsigned i = 0;

    if (!gave(1, sysvmp_wait(set->in, set->n, SYSVMP_FOREVER)))
        return false;
    while (i < set->n - 1 && !set->in[i].ready)
        i++;
    return conn_receive(set->in[i].of.conn, m);
}

static bool
only_receive(void *arg, struct message *m)
{
    struct set *set = arg;

    return conn_receive(set->in[0].of.conn, m);
}

static bool
set_answer(void *arg, struct message *m)
{
    struct set *set = arg;

    return conn_send(set->back[1], m);
}

static bool
set_hear(void *arg, struct message *m)
{
    struct set *set = arg;

    return conn_receive(set->back[0], m);
}

static void
set_open(struct set *set, unsigned n)
{
    struct sysvmp_conn *end[2];

    set->n = n;
    for (unsigned i = 0; i < n; i++) {
        must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe");
        set->in[i].kind = SYSVMP_WAIT_CONN;
        set->in[i].of.conn = end[0];
        set->out[i] = end[1];
    }
    must(sysvmp_pipe_create(set->back, SYSVMP_SIMPLEX), "pipe");
}

static void
set_close(struct set *set)
{
    for (unsigned i = 0; i < set->n; i++) {
        sysvmp_conn_destroy(set->in[i].of.conn);
        sysvmp_conn_destroy(set->out[i]);
    }
    sysvmp_conn_destroy(set->back[0]);
    sysvmp_conn_destroy(set->back[1]);
}

static void
wait_cell(struct cell *cell, const struct wait_ops *ops, unsigned n)
{
    static struct set set;

    set_open(&set, n);
    wait_measure(cell, ops, &set, n);
    set_close(&set);
}

static const struct wait_ops wait_any = { set_send, set_receive, set_answer,
    set_hear };
static const struct wait_ops wait_none = { set_send, only_receive, set_answer,
    set_hear };

void
wait_1_ours(struct cell *cell)
{
    wait_cell(cell, &wait_any, 1);
}

void
wait_64_ours(struct cell *cell)
{
    wait_cell(cell, &wait_any, 64);
}

void
wait_recv(struct cell *cell)
{
    wait_cell(cell, &wait_none, 1);
}
