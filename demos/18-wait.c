/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 18-wait.c: four processes write, each to a pipe of its own, and one reads
 * from whichever has something.
 *
 * In Python: demos/python/18-wait.py.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysvmp.h>

enum {WRITERS = 4, MESSAGES = 10};

struct message {
    int i;
    char name[28];
};

static struct sysvmp_process *children[WRITERS];

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

/* Runs in each child; what it returns is the child's exit code. */
static int
foo(void *arg)
{
    struct sysvmp_conn *w = arg;
    struct message m;

    snprintf(m.name, sizeof(m.name), "%s",
        sysvmp_process_name(sysvmp_current_process()));
    for (m.i = 0; m.i < MESSAGES; m.i++)
        check("send", sysvmp_conn_send(w, &m, sizeof(m), SYSVMP_FOREVER));
    check("close", sysvmp_conn_close(w));
    return EXIT_SUCCESS;
}

/* Starts a child that writes to the other end of what is returned. */
static struct sysvmp_conn *
start(struct sysvmp_process **p)
{
    struct sysvmp_conn *end[2];

    check("pipe", sysvmp_pipe_create(end, SYSVMP_SIMPLEX));
    check("process", sysvmp_process_create(p, foo, end[1]));
    /* From its start on the child alone can write to it: when it closes the
     * pipe or ends, we are told. */
    check("give", sysvmp_process_give(*p, end[1]));
    check("start", sysvmp_process_start(*p));
    sysvmp_conn_destroy(end[1]);
    return end[0];
}

/* Prints one message; 0 at the end of file. */
static int
print_next(struct sysvmp_conn *r)
{
    struct message m;
    ssize_t length = sysvmp_conn_recv(r, &m, sizeof(m), SYSVMP_FOREVER);

    if (length == -EPIPE) {
        sysvmp_conn_destroy(r);
        return 0;
    }
    check("recv", length);
    printf("(%d, '%s')\n", m.i, m.name);
    return 1;
}

static int
end_of(struct sysvmp_process *p)
{
    int code;

    check("join", sysvmp_process_join(p, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(p, &code));
    sysvmp_process_destroy(p);
    return code;
}

int
main(void)
{
    struct sysvmp_waitable readers[WRITERS];
    size_t n = WRITERS;
    int failed = 0;

    for (int i = 0; i < WRITERS; i++) {
        readers[i].kind = SYSVMP_WAIT_CONN;
        readers[i].of.conn = start(&children[i]);
    }

    /* Each round takes one message from all that have one, and drops those
     * that have come to their end: the last one left takes the place. */
    while (n > 0) {
        check("wait", sysvmp_wait(readers, n, SYSVMP_FOREVER));
        for (size_t i = n; i-- > 0;)
            if (readers[i].ready && !print_next(readers[i].of.conn))
                readers[i] = readers[--n];
    }
    for (int i = 0; i < WRITERS; i++)
        failed += end_of(children[i]) != 0;
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
