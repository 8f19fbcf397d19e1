/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 11-info.c: who is whose parent.
 *
 * In Python: demos/python/11-info.py.
 */
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

static void
info(const char *title)
{
    printf("%s\n", title);
    printf("module name: __main__\n"); /* Python's for the program itself */
    printf("parent process: %ld\n", (long)getppid());
    printf("process id: %ld\n", (long)getpid());
}

/* Runs in the child; what it returns is the child's exit code. */
static int
f(void *arg)
{
    const char *name = arg;

    info("function f");
    printf("hello %s\n", name);
    return EXIT_SUCCESS;
}

int
main(void)
{
    static char name[] = "bob";
    struct sysvmp_process *p;
    int code;

    info("main line");

    /* start() flushes stdout first: nothing is printed twice. */
    check("process", sysvmp_process_create(&p, f, name));
    check("start", sysvmp_process_start(p));
    check("join", sysvmp_process_join(p, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(p, &code));
    sysvmp_process_destroy(p);
    return code;
}
