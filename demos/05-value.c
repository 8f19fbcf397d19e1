/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 05-value.c: a number in shared memory with its lock, which four processes
 * count up.  One of them is killed in the middle of a change, with the lock
 * held; the next one gets the lock, is told, and mends what was half done.
 *
 * In Python, where the others would then wait for ever:
 *
 *     v = Value('i', 0)
 *     p = [Process(target=count, args=(v,)) for _ in range(4)]
 *     ...
 *     with v.get_lock():
 *         v.value += 1
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysvmp.h>
#include <unistd.h>

enum { PROCESSES = 4, TIMES = 1000 };

/* In shared memory: at the same address in all processes. */
struct number {
    long now;
    long confirmed; /* the same, but in the middle of a change */
};

struct value {
    struct sysvmp_lock *lock;
    struct number *number;
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

static void
value_create(struct value *v)
{
    check("lock", sysvmp_lock_create(&v->lock));
    v->number = sysvmp_shared_alloc(sizeof(*v->number)); /* it is zero */
    check("shared_alloc", v->number ? 0 : -1);
}

static void
value_lock(struct value *v)
{
    int result = sysvmp_lock_acquire(v->lock, SYSVMP_FOREVER);

    check("acquire", result);
    if (result == SYSVMP_OWNER_DEAD) {
        printf("next: I have the lock, and am told that its owner died\n");
        v->number->now = v->number->confirmed;
        printf("next: I undo what it did not finish\n");
    }
}

static void
value_unlock(struct value *v)
{
    check("release", sysvmp_lock_release(v->lock));
}

static void
value_destroy(struct value *v)
{
    sysvmp_shared_free(v->number);
    sysvmp_lock_destroy(v->lock);
}

/* Runs in three of the children. */
static int
count(void *arg)
{
    struct value *v = arg;

    for (int i = 0; i < TIMES; i++) {
        value_lock(v);
        v->number->now++;
        v->number->confirmed = v->number->now;
        value_unlock(v);
    }
    return EXIT_SUCCESS;
}

/* In the fourth: half as often, and then it dies in the middle. */
static int
count_and_die(void *arg)
{
    struct value *v = arg;

    for (int i = 0; i < TIMES / 2; i++) {
        value_lock(v);
        v->number->now++;
        v->number->confirmed = v->number->now;
        value_unlock(v);
    }
    value_lock(v);
    v->number->now += 1000000;
    printf("one: I have the lock, and am killed\n");
    kill(getpid(), SIGKILL);
    return EXIT_SUCCESS; /* not reached */
}

/* Waits for its end and answers its exit code: -N after death by signal N. */
static int
end_of(struct sysvmp_process *p)
{
    int code;

    check("join", sysvmp_process_join(p, SYSVMP_FOREVER));
    check("exitcode", sysvmp_process_exitcode(p, &code));
    sysvmp_process_destroy(p);
    return code;
}

int
main(void)
{
    struct sysvmp_process *p[PROCESSES];
    struct value v;
    int ended = 0;
    long now;

    setvbuf(stdout, NULL, _IOLBF, 0);

    value_create(&v);
    for (int i = 0; i < PROCESSES; i++) {
        check("process", sysvmp_process_create(&p[i],
            i == 0 ? count_and_die : count, &v));
        check("start", sysvmp_process_start(p[i]));
    }
    for (int i = 0; i < PROCESSES; i++)
        ended += end_of(p[i]) == (i == 0 ? -SIGKILL : EXIT_SUCCESS);
    value_lock(&v); /* where the others were done before, main is the next */
    now = v.number->now;
    value_unlock(&v);
    printf("main: 3 times %d and once %d are %ld\n", TIMES, TIMES / 2, now);

    value_destroy(&v);
    return ended == PROCESSES && now == 3 * TIMES + TIMES / 2 ? EXIT_SUCCESS
                                                             : EXIT_FAILURE;
}
