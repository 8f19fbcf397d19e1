/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 13-exchange-pipe.c: a list of different things comes through a pipe.
 *
 * In Python: demos/python/13-exchange-pipe.py.
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
    struct sysvmp_conn *conn = arg;
    struct list list = {42, NULL, "hello"};

    check("send", sysvmp_conn_send(conn, &list, sizeof(list),
        SYSVMP_FOREVER));
    check("close", sysvmp_conn_close(conn));
    return EXIT_SUCCESS;
}

int
main(void)
{
    struct sysvmp_conn *conn[2]; /* the parent's, the child's */
    struct sysvmp_process *p;
    struct list list;
    int code;

    check("pipe", sysvmp_pipe_create(conn, 0));
    check("process", sysvmp_process_create(&p, f, conn[1]));
    check("give", sysvmp_process_give(p, conn[1]));
    check("start", sysvmp_process_start(p));

    /* The child alone has its end: if it dies, recv answers -EPIPE. */
    check("recv", sysvmp_conn_recv(conn[0], &list, sizeof(list),
        SYSVMP_FOREVER));
    printf("[%d, %s, '%s']\n", list.number, list.none ? "..." : "None",
        list.text);

    check("join", sysvmp_process_join(p, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(p, &code));
    sysvmp_process_destroy(p);
    sysvmp_conn_destroy(conn[0]);
    sysvmp_conn_destroy(conn[1]);
    return code;
}
