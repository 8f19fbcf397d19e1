/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * child.h: what the tests of processes have in common, beside stage.h: a
 * library process from its start to its end, where nothing may go wrong.
 */
#ifndef CHILD_H
#define CHILD_H

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Not each test needs all of them. */
#define MAYBE_UNUSED __attribute__((__unused__))

MAYBE_UNUSED static struct sysvmp_process *
created(sysvmp_target *fn, void *arg)
{
    struct sysvmp_process *p;

    must(sysvmp_process_create(&p, fn, arg), "process_create");
    return p;
}

MAYBE_UNUSED static struct sysvmp_process *
started(sysvmp_target *fn, void *arg)
{
    struct sysvmp_process *p = created(fn, arg);

    must(sysvmp_process_start(p), "process_start");
    return p;
}

/* Waits for its end; its exit code. */
MAYBE_UNUSED static int
code_of(struct sysvmp_process *p)
{
    int code = -1;

    must(sysvmp_process_join(p, SYSVMP_FOREVER), "process_join");
    must(sysvmp_process_exitcode(p, &code), "process_exitcode");
    return code;
}

/* The same, and destroys it. */
MAYBE_UNUSED static int
end_of(struct sysvmp_process *p)
{
    int code = code_of(p);

    must(sysvmp_process_destroy(p), "process_destroy");
    return code;
}

/* fork() where the child goes on by itself. */
MAYBE_UNUSED static pid_t
forked(void)
{
    pid_t pid = fork();

    if (pid < 0)
        bail("fork: %s", strerror(errno));
    return pid;
}

#endif /* CHILD_H */
