/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 06-poll.c: two workers report through a pipe each; main waits for both by
 * poll(2), as it could for sockets and timers beside them.  One worker is
 * killed: that is told, too.
 *
 * In Python:
 *
 *     while readers:
 *         for r in wait(readers):
 *             try:
 *                 print(r.recv())
 *             except EOFError:
 *                 readers.remove(r)
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sysvmp.h>
#include <unistd.h>

enum { WORKERS = 2, REPORTS = 3, KILLED = 1 };

struct worker {
    int number;
    struct sysvmp_conn *end[2]; /* main receives at 0, the worker sends at 1 */
    struct sysvmp_process *process;
};

static void
check(const char *what, ssize_t result)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, sysvmp_last_error());
        sysvmp_process_exit(EXIT_FAILURE);
    }
}

static int
work(void *arg)
{
    struct worker *me = arg;

    for (int i = 1; i <= REPORTS; i++) {
        check("send", sysvmp_conn_send(me->end[1], &i, sizeof(i),
            SYSVMP_FOREVER));
        if (me->number == KILLED && i == REPORTS - 1)
            kill(getpid(), SIGKILL);
    }
    return EXIT_SUCCESS;
}

static void
start(struct worker *w, int number)
{
    w->number = number;
    /* Simplex: one direction.  Fileno: with a descriptor to wait for. */
    check("pipe", sysvmp_pipe_create(w->end,
        SYSVMP_SIMPLEX | SYSVMP_FILENO));
    check("process", sysvmp_process_create(&w->process, work, w));
    /* Its end is the worker's alone, so its death is the end of file. */
    check("give", sysvmp_process_give(w->process, w->end[1]));
    check("start", sysvmp_process_start(w->process));
}

static void
ended(struct worker *w)
{
    int code;

    check("join", sysvmp_process_join(w->process, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(w->process, &code));
    if (code < 0)
        printf("worker %d was killed by signal %d\n", w->number, -code);
    else
        printf("worker %d has ended with %d\n", w->number, code);
    sysvmp_process_destroy(w->process);
    sysvmp_conn_destroy(w->end[0]);
    sysvmp_conn_destroy(w->end[1]);
}

/* poll(2) said that there is something: 1, at the end of file. */
static int
receive(struct worker *w)
{
    int report;
    /* Never wait here: poll(2) may tell once too often. */
    ssize_t len = sysvmp_conn_recv(w->end[0], &report, sizeof(report),
        SYSVMP_NOWAIT);

    if (len == -EAGAIN)
        return 0;
    if (len == -EPIPE)
        return 1;
    check("recv", len);
    printf("worker %d reports: %d of %d\n", w->number, report, REPORTS);
    return 0;
}

int
main(void)
{
    struct worker workers[WORKERS];
    struct pollfd fds[WORKERS];
    int running = WORKERS;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < WORKERS; i++) {
        start(&workers[i], i);
        fds[i].fd = sysvmp_conn_fileno(workers[i].end[0]);
        fds[i].events = POLLIN;
        check("fileno", fds[i].fd);
    }
    while (running > 0) {
        if (poll(fds, WORKERS, -1) < 0)
            continue; /* a signal */
        for (int i = 0; i < WORKERS; i++) {
            if (fds[i].revents == 0 || !receive(&workers[i]))
                continue;
            fds[i].fd = -1; /* poll(2) passes it by */
            ended(&workers[i]);
            running--;
        }
    }
    return EXIT_SUCCESS;
}
