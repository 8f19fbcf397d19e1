/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 19-point.c: an integer, a number, a string and points in shared memory,
 * which a child modifies.
 *
 * In Python: demos/python/19-point.py.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysvmp.h>

enum {POINTS = 3};

struct point {
    double x, y;
};

/* In shared memory any C type can lie, as it is: at the same address in all
 * processes, so that even pointers into it mean the same to all. */
struct shared {
    struct sysvmp_rlock *n_lock;
    int n;
    double x; /* without a lock: there is one who writes, then one who reads */
    struct sysvmp_lock *lock; /* for the rest */
    char s[12];
    struct point A[POINTS];
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
modify(void *arg)
{
    struct shared *our = arg;

    check("acquire", sysvmp_rlock_acquire(our->n_lock, SYSVMP_FOREVER));
    our->n *= our->n;
    check("release", sysvmp_rlock_release(our->n_lock));

    our->x *= our->x;

    check("acquire", sysvmp_lock_acquire(our->lock, SYSVMP_FOREVER));
    for (char *c = our->s; *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    for (int i = 0; i < POINTS; i++) {
        our->A[i].x *= our->A[i].x;
        our->A[i].y *= our->A[i].y;
    }
    check("release", sysvmp_lock_release(our->lock));
    return EXIT_SUCCESS;
}

/* As Python does: so many digits as tell it from all others, and a point. */
static void
print_number(double number)
{
    char text[32];
    int digits = 1;

    do
        snprintf(text, sizeof(text), "%.*g", digits, number);
    while (strtod(text, NULL) != number && ++digits <= 17);
    printf("%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void
print(const struct shared *our)
{
    printf("%d\n", our->n);
    print_number(our->x);
    printf("\nb'%s'\n[", our->s);
    for (int i = 0; i < POINTS; i++) {
        printf("%s(", i == 0 ? "" : ", ");
        print_number(our->A[i].x);
        printf(", ");
        print_number(our->A[i].y);
        printf(")");
    }
    printf("]\n");
}

int
main(void)
{
    static const struct shared first = {.n = 7, .x = 1.0 / 3.0,
        .s = "hello world",
        .A = {{1.875, -6.25}, {-5.75, 2.0}, {2.375, 9.5}}};
    struct shared *our = sysvmp_shared_alloc(sizeof(*our));
    struct sysvmp_process *p;
    int code;

    if (our == NULL) {
        fprintf(stderr, "shared memory: %s\n", sysvmp_last_error());
        return EXIT_FAILURE;
    }
    *our = first;
    check("rlock", sysvmp_rlock_create(&our->n_lock));
    check("lock", sysvmp_lock_create(&our->lock));

    check("process", sysvmp_process_create(&p, modify, our));
    check("start", sysvmp_process_start(p));
    check("join", sysvmp_process_join(p, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(p, &code));
    print(our); /* nobody else is left who could write */

    sysvmp_process_destroy(p);
    sysvmp_lock_destroy(our->lock);
    sysvmp_rlock_destroy(our->n_lock);
    sysvmp_shared_free(our);
    return code;
}
