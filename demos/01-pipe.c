/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 01-pipe.c: one process sends the events of a day through a pipe, another
 * receives them.
 *
 * In Python:
 *
 *     conn1, conn2 = Pipe()
 *     p1 = Process(target=send_events, args=(conn1,))
 *     p2 = Process(target=receive_events, args=(conn2,))
 *     p1.start(); p2.start()
 *     p1.join(); p2.join()
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysvmp.h>

static const char *const events[] = {
    "get up", "brush your teeth", "shower", "work", "eod"
};

enum { EVENTS = sizeof(events) / sizeof(events[0]) };

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

/* Runs in one child; what it returns is the child's exit code. */
static int
send_events(void *arg)
{
    struct sysvmp_conn *conn = arg;

    for (int i = 0; i < EVENTS; i++) {
        /* A message is bytes and a length: this one with its final NUL. */
        check("send", sysvmp_conn_send(conn, events[i], strlen(events[i]) + 1,
            SYSVMP_FOREVER));
        printf("Event Sent: %s\n", events[i]);
    }
    return EXIT_SUCCESS;
}

/* Runs in the other. */
static int
receive_events(void *arg)
{
    struct sysvmp_conn *conn = arg;
    char event[64];

    for (;;) {
        /* Were the sender killed, this would answer -EPIPE, not hang. */
        check("recv", sysvmp_conn_recv(conn, event, sizeof(event),
            SYSVMP_FOREVER));
        if (strcmp(event, "eod") == 0) {
            printf("Event Received: End of Day\n");
            return EXIT_SUCCESS;
        }
        printf("Event Received: %s\n", event);
    }
}

int
main(void)
{
    struct sysvmp_conn *conn[2];
    struct sysvmp_process *p1, *p2;
    int code1, code2;

    /* Each line is written at once, so that lines never mix. */
    setvbuf(stdout, NULL, _IOLBF, 0);

    check("pipe", sysvmp_pipe_create(conn, 0));
    check("process", sysvmp_process_create(&p1, send_events, conn[0]));
    check("process", sysvmp_process_create(&p2, receive_events, conn[1]));

    /* Each end becomes its child's alone: thus the death of one is the end of
     * file for the other. */
    check("give", sysvmp_process_give(p1, conn[0]));
    check("give", sysvmp_process_give(p2, conn[1]));

    check("start", sysvmp_process_start(p1));
    check("start", sysvmp_process_start(p2));
    check("join", sysvmp_process_join(p1, SYSVMP_FOREVER));
    check("join", sysvmp_process_join(p2, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(p1, &code1));
    check("exitcode", sysvmp_process_exitcode(p2, &code2));

    sysvmp_process_destroy(p1);
    sysvmp_process_destroy(p2);
    sysvmp_conn_destroy(conn[0]);
    sysvmp_conn_destroy(conn[1]);
    return code1 == 0 && code2 == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
