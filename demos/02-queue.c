/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 02-queue.c: one process puts the events of a day into a queue, another gets
 * them.
 *
 * In Python:
 *
 *     queue = Queue()
 *     p1 = Process(target=send_events, args=(queue,))
 *     p2 = Process(target=receive_events, args=(queue,))
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
    struct sysvmp_queue *queue = arg;

    for (int i = 0; i < EVENTS; i++) {
        /* An item is bytes and a length: this one with its final NUL. */
        check("put", sysvmp_queue_put(queue, events[i], strlen(events[i]) + 1,
            SYSVMP_FOREVER));
        printf("Event Sent: %s\n", events[i]);
    }
    return EXIT_SUCCESS;
}

/* Runs in the other. */
static int
receive_events(void *arg)
{
    struct sysvmp_queue *queue = arg;
    char event[64];

    /* We only get.  So when all who put are gone, whatever became of them,
     * get answers -EPIPE (see SYSVMP_EOF below) and does not hang. */
    check("close", sysvmp_queue_close(queue));
    for (;;) {
        check("get", sysvmp_queue_get(queue, event, sizeof(event),
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
    struct sysvmp_queue *queue;
    struct sysvmp_process *p1, *p2;
    int code1, code2;

    /* Each line is written at once, so that lines never mix. */
    setvbuf(stdout, NULL, _IOLBF, 0);

    /* 0: of any number of items. */
    check("queue", sysvmp_queue_create(&queue, 0, SYSVMP_EOF));
    check("process", sysvmp_process_create(&p1, send_events, queue));
    check("process", sysvmp_process_create(&p2, receive_events, queue));
    check("start", sysvmp_process_start(p1));
    check("start", sysvmp_process_start(p2));
    check("close", sysvmp_queue_close(queue)); /* we put nothing */

    check("join", sysvmp_process_join(p1, SYSVMP_FOREVER));
    check("join", sysvmp_process_join(p2, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(p1, &code1));
    check("exitcode", sysvmp_process_exitcode(p2, &code2));

    sysvmp_process_destroy(p1);
    sysvmp_process_destroy(p2);
    sysvmp_queue_destroy(queue);
    return code1 == 0 && code2 == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
