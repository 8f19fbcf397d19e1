/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 16-terminate.c: a process before its start, while it runs, and after it was
 * terminated.
 *
 * In Python: demos/python/16-terminate.py.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysvmp.h>
#include <unistd.h>

/* A call that fails answers a negative code.  This ends the process that made
 * it, be it the parent or a child. */
static void
check(const char *what, int result)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, sysvmp_last_error());
        sysvmp_process_exit(EXIT_FAILURE);
    }
}

/* Runs in the child. */
static int
sleep_long(void *arg)
{
    (void)arg;
    sleep(1000);
    return EXIT_FAILURE; /* not reached: SIGTERM comes first */
}

/* What Python's print() tells of a process, and whether it is alive. */
static void
show(struct sysvmp_process *p)
{
    pid_t pid = sysvmp_process_pid(p);
    int code, result = sysvmp_process_exitcode(p, &code);
    int alive = sysvmp_process_is_alive(p);

    check("is_alive", alive);
    printf("<Process name='%s'", sysvmp_process_name(p));
    if (pid > 0)
        printf(" pid=%ld", (long)pid);
    printf(" parent=%ld ", (long)getpid());
    if (result == -ESRCH)
        printf("initial");
    else if (result == -EBUSY)
        printf("started");
    else if (result == 0 && code == -SIGTERM)
        printf("stopped exitcode=-SIGTERM");
    else
        check("exitcode", result);
    printf("> %s\n", alive ? "True" : "False");
}

int
main(void)
{
    struct sysvmp_process *p;
    int code;

    check("process", sysvmp_process_create(&p, sleep_long, NULL));
    show(p);
    check("start", sysvmp_process_start(p));
    show(p);

    /* It does not wait: the end comes a moment later. */
    check("terminate", sysvmp_process_terminate(p));
    check("join", sysvmp_process_join(p, SYSVMP_FOREVER));
    show(p);

    /* Of a death by signal N the exit code is -N. */
    check("exitcode", sysvmp_process_exitcode(p, &code));
    printf("%s\n", code == -SIGTERM ? "True" : "False");
    sysvmp_process_destroy(p);
    return code == -SIGTERM ? EXIT_SUCCESS : EXIT_FAILURE;
}
