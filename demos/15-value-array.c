/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 15-value-array.c: a child changes numbers that it shares with its parent.
 *
 * In Python: demos/python/15-value-array.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sysvmp.h>

enum {LENGTH = 10};

/* In shared memory, which is at the same address in all processes.  So is a
 * handle, in those that were forked after it was made. */
struct shared {
    struct sysvmp_rlock *lock; /* for all that follows */
    double num;
    int arr[LENGTH];
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

/* Runs in the child; what it returns is the child's exit code. */
static int
f(void *arg)
{
    struct shared *s = arg;

    check("acquire", sysvmp_rlock_acquire(s->lock, SYSVMP_FOREVER));
    s->num = 3.1415927;
    for (int i = 0; i < LENGTH; i++)
        s->arr[i] = -s->arr[i];
    check("release", sysvmp_rlock_release(s->lock));
    return EXIT_SUCCESS;
}

static void
print(struct shared *s)
{
    check("acquire", sysvmp_rlock_acquire(s->lock, SYSVMP_FOREVER));
    printf("%.8g\n", s->num);
    for (int i = 0; i < LENGTH; i++)
        printf("%s%d", i == 0 ? "[" : ", ", s->arr[i]);
    printf("]\n");
    check("release", sysvmp_rlock_release(s->lock));
}

int
main(void)
{
    struct shared *s = sysvmp_shared_alloc(sizeof(*s)); /* zeros */
    struct sysvmp_process *p;
    int code;

    if (s == NULL) {
        fprintf(stderr, "shared memory: %s\n", sysvmp_last_error());
        return EXIT_FAILURE;
    }
    check("lock", sysvmp_rlock_create(&s->lock));
    for (int i = 0; i < LENGTH; i++)
        s->arr[i] = i;

    check("process", sysvmp_process_create(&p, f, s));
    check("start", sysvmp_process_start(p));
    check("join", sysvmp_process_join(p, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(p, &code));
    print(s);

    sysvmp_process_destroy(p);
    sysvmp_rlock_destroy(s->lock);
    sysvmp_shared_free(s);
    return code;
}
