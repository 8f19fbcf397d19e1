/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 14-lock-ten.c: ten processes, of which one prints at a time.
 *
 * In Python: demos/python/14-lock-ten.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sysvmp.h>

enum {PROCESSES = 10};

/* What a target needs is behind its one argument. */
struct greeter {
    struct sysvmp_process *process;
    struct sysvmp_lock *lock;
    int i;
};

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

/* Runs in each child; what it returns is the child's exit code. */
static int
f(void *arg)
{
    struct greeter *us = arg;

    check("acquire", sysvmp_lock_acquire(us->lock, SYSVMP_FOREVER));
    printf("hello world %d\n", us->i);
    check("release", sysvmp_lock_release(us->lock));
    return EXIT_SUCCESS;
}

int
main(void)
{
    struct greeter greeters[PROCESSES];
    struct sysvmp_lock *lock;
    int failed = 0;

    /* Each line is written at once: what is printed under the lock is out
     * before the lock is released. */
    setvbuf(stdout, NULL, _IOLBF, 0);

    check("lock", sysvmp_lock_create(&lock));
    for (int i = 0; i < PROCESSES; i++) {
        struct greeter *g = &greeters[i];

        g->lock = lock;
        g->i = i;
        check("process", sysvmp_process_create(&g->process, f, g));
        check("start", sysvmp_process_start(g->process));
    }

    /* They would be joined at our exit; but here we want their exit codes. */
    for (int i = 0; i < PROCESSES; i++) {
        struct sysvmp_process *p = greeters[i].process;
        int code;

        check("join", sysvmp_process_join(p, SYSVMP_FOREVER));
        check("exitcode", sysvmp_process_exitcode(p, &code));
        failed += code != 0;
        sysvmp_process_destroy(p);
    }
    sysvmp_lock_destroy(lock);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
