/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 10-process.c: a process that greets.
 *
 * This and the next eleven are the programs of Python's reference; what each
 * is there is in demos/python/.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sysvmp.h>

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

/* Runs in the child; what it returns is the child's exit code. */
static int
f(void *arg)
{
    const char *name = arg;

    printf("hello %s\n", name);
    return EXIT_SUCCESS;
}

int
main(void)
{
    static char name[] = "bob";
    struct sysvmp_process *p;
    int code;

    check("process", sysvmp_process_create(&p, f, name));
    check("start", sysvmp_process_start(p));
    check("join", sysvmp_process_join(p, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(p, &code));
    sysvmp_process_destroy(p);
    return code;
}
