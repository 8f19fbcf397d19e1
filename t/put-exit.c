/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * put-exit.c: what was put is delivered, however soon and in whatever way its
 * sender ends (F5); and items that nobody reads keep no process from ending
 * (F9).
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <stdlib.h>

enum how { BY_RETURN, BY_EXIT, BY__EXIT, BY_SIGKILL, WAYS };
enum { ITEMS = 20, ROUNDS = 50 };

static const char *const way[WAYS] = {"return", "exit", "_exit", "SIGKILL"};
static struct sysvmp_queue *queue;
static struct sysvmp_conn *end[2];

static int
put_and_end(void *arg)
{
    enum how how = *(enum how *)arg;

    for (int i = 0; i < ITEMS; i++)
        if (sysvmp_queue_put(queue, &i, sizeof(i), SYSVMP_FOREVER) != 0 ||
            sysvmp_conn_send(end[1], &i, sizeof(i), SYSVMP_FOREVER) != 0)
            return 1;
    if (how == BY_EXIT)
        exit(0);
    if (how == BY__EXIT)
        _exit(0);
    if (how == BY_SIGKILL)
        raise(SIGKILL);
    return 0;
}

/* How many of them came. */
static int
queue_items(void)
{
    int item, n = 0;

    while (sysvmp_queue_get(queue, &item, sizeof(item), SYSVMP_NOWAIT) ==
        sizeof(item) && item == n)
        n++;
    return n;
}

static int
pipe_items(void)
{
    int item, n = 0;

    while (sysvmp_conn_recv(end[0], &item, sizeof(item), SYSVMP_NOWAIT) ==
        sizeof(item) && item == n)
        n++;
    return n;
}

static void
delivered(enum how how)
{
    int from_queue = 0, from_pipe = 0, ended = 0, not_empty = 0;

    for (int i = 0; i < ROUNDS; i++) {
        struct sysvmp_process *p = started(put_and_end, &how);

        /* Nobody reads before it has ended. */
        ended += end_of(p) == (how == BY_SIGKILL ? -SIGKILL : 0);
        not_empty += sysvmp_queue_empty(queue) == 0;
        from_queue += queue_items();
        from_pipe += pipe_items();
    }
    is_int(ROUNDS, ended, "put-exit: items that nobody reads: it ends by %s",
        way[how]);
    is_int(ROUNDS, not_empty, "... the queue is not empty after that");
    is_int(ROUNDS * ITEMS, from_queue, "... each item that it put comes");
    is_int(ROUNDS * ITEMS, from_pipe, "... and each that it sent");
}

int
main(void)
{
    plan(4 * WAYS);
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    for (enum how how = 0; how < WAYS; how++)
        delivered(how);
    sysvmp_queue_destroy(queue);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    return done();
}
