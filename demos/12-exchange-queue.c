/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 12-exchange-queue.c: a list of different things comes through a queue.
 *
 * In Python: demos/python/12-exchange-queue.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sysvmp.h>

/* A message is bytes.  In Python they are a list's pickle; here they are a
 * struct, which both sides know. */
struct list {
    int number;
    void *none;
    char text[8];
};

/* A call that fails answers a negative code.  This ends the process that made
 * it, be it the parent or a child. */
static void
check(const char *what, ssize_t result)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, sysvmp_last_error());
        sysvmp_process_exit(EXIT_FAILURE);
    }
}

/* Runs in the child; what it returns is the child's exit code. */
static int
f(void *arg)
{
    struct sysvmp_queue *q = arg;
    struct list list = {42, NULL, "hello"};

    /* It is in the queue when put answers: were we killed now, it would be
     * got all the same. */
    check("put", sysvmp_queue_put(q, &list, sizeof(list), SYSVMP_FOREVER));
    return EXIT_SUCCESS;
}

int
main(void)
{
    struct sysvmp_queue *q;
    struct sysvmp_process *p;
    struct list list;
    int code;

    check("queue", sysvmp_queue_create(&q, 0, SYSVMP_EOF));
    check("process", sysvmp_process_create(&p, f, q));
    check("start", sysvmp_process_start(p));

    /* We put nothing.  So if the child dies without a put, get answers -EPIPE,
     * where Python waits for ever. */
    check("close", sysvmp_queue_close(q));
    check("get", sysvmp_queue_get(q, &list, sizeof(list), SYSVMP_FOREVER));
    printf("[%d, %s, '%s']\n", list.number, list.none ? "..." : "None",
        list.text);

    check("join", sysvmp_process_join(p, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(p, &code));
    sysvmp_process_destroy(p);
    sysvmp_queue_destroy(q);
    return code;
}
