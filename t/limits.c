/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limits.c: where a limit of the system is reached, a constructor answers
 * -ENOSPC, stores NULL and leaves nothing behind, and sysvmp_last_error()
 * names the limit, its value and its use; where a limit only makes the
 * kernel's queue or the memory smaller, all works.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LARGE = 100000 };

static char buf[SYSVMP_INLINE_MAX], large[LARGE];
static char *text; /* of the last error, from a child */

static void
keep_text(void)
{
    snprintf(text, 1024, "%s", sysvmp_last_error());
}

/*
 * Each of these runs in a child of its own, under its limit, and answers 0 if
 * all is well, else which of its steps was not.
 */

static int
no_queue_at_all(void *arg)
{
    struct sysvmp_queue *q = (void *)buf;
    struct sysvmp_conn *end[2] = {(void *)buf, (void *)buf};
    struct sysvmp_lock *lock;

    (void)arg;
    if (sysvmp_pipe_create(end, 0) != -ENOSPC || end[0] || end[1])
        return 1;
    if (sysvmp_queue_create(&q, 0, 0) != -ENOSPC || q)
        return 2;
    keep_text();
    /* A lock needs none. */
    if (sysvmp_lock_create(&lock) != 0 || sysvmp_lock_acquire(lock, 0) != 0)
        return 3;
    sysvmp_lock_destroy(lock);
    return sysvmp_leave() != 0 ? 4 : ipc_left() != 0 ? 5 : 0;
}

static int
few_queues(void *arg)
{
    struct sysvmp_queue *q[3], *more = (void *)buf;
    struct sysvmp_conn *end[2];

    (void)arg;
    for (int i = 0; i < 3; i++)
        if (sysvmp_queue_create(&q[i], 0, 0) != 0)
            return 1;
    if (sysvmp_queue_create(&more, 0, 0) != -ENOSPC || more)
        return 2;
    keep_text();
    if (sysvmp_queue_put(q[2], "x", 1, 0) != 0)
        return 3;
    sysvmp_queue_destroy(q[0]);
    /* Of a pipe's two only one fits: neither stays. */
    for (int i = 0; i < 5; i++)
        if (sysvmp_pipe_create(end, 0) != -ENOSPC || end[0] || end[1])
            return 4;
    if (sysvmp_queue_create(&more, 0, 0) != 0)
        return 5;
    sysvmp_queue_destroy(more);
    sysvmp_queue_destroy(q[1]);
    if (sysvmp_pipe_create(end, 0) != 0)
        return 6;
    if (sysvmp_queue_get(q[2], buf, 1, 0) != 1)
        return 7;
    return sysvmp_leave() != 0 ? 8 : ipc_left() != 0 ? 9 : 0;
}

static int
nothing_can_be_made(void *arg)
{
    struct sysvmp_lock *lock = (void *)buf;
    struct sysvmp_queue *q = (void *)buf;
    struct sysvmp_rlock *rlock = (void *)buf;

    (void)arg;
    if (sysvmp_lock_create(&lock) != -ENOSPC || lock)
        return 1;
    if (sysvmp_rlock_create(&rlock) != -ENOSPC || rlock)
        return 2;
    if (sysvmp_queue_create(&q, 0, 0) != -ENOSPC || q)
        return 3;
    keep_text();
    return ipc_left() != 0 ? 4 : 0;
}

/* What the kernel's queue refuses goes another way: nobody waits for room that
 * there will never be. */
static int
any_size(void *arg)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 900, 1008, 1024, 1025,
        SYSVMP_INLINE_MAX, SYSVMP_INLINE_MAX + 1, LARGE};
    enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };
    struct sysvmp_queue *q;
    struct sysvmp_conn *end[2];

    (void)arg;
    if (sysvmp_queue_create(&q, 0, 0) != 0 || sysvmp_pipe_create(end, 0) != 0)
        return 1;
    for (size_t i = 0; i < SIZES; i++)
        if (sysvmp_queue_put(q, large, sizes[i], SYSVMP_FOREVER) != 0 ||
            sysvmp_conn_send(end[0], large, sizes[i], SYSVMP_FOREVER) != 0)
            return 2;
    if (sysvmp_queue_qsize(q) != SIZES)
        return 3;
    for (size_t i = 0; i < SIZES; i++)
        if (sysvmp_queue_get(q, large, LARGE, 0) != (ssize_t)sizes[i] ||
            sysvmp_conn_recv(end[1], large, LARGE, 0) != (ssize_t)sizes[i])
            return 4;
    if (sysvmp_queue_empty(q) != 1 || sysvmp_conn_poll(end[1], 0) != 0)
        return 5;
    return sysvmp_leave() != 0 ? 6 : ipc_left() != 0 ? 7 : 0;
}

static int
small_segment(void *arg)
{
    struct sysvmp_queue *q;
    struct sysvmp_lock *lock;

    (void)arg;
    if (sysvmp_queue_create(&q, 2, 0) != 0 || sysvmp_lock_create(&lock) != 0)
        return 1;
    if (sysvmp_queue_put(q, "x", 1, 0) != 0 ||
        sysvmp_queue_get(q, buf, 1, 0) != 1)
        return 2;
    if (sysvmp_lock_acquire(lock, 0) != 0 || sysvmp_lock_release(lock) != 0)
        return 3;
    return sysvmp_leave() != 0 ? 4 : ipc_left() != 0 ? 5 : 0;
}

static const struct limit {
    const char *name;
    const char *value;
    int (*fn)(void *);
    const char *what;
    const char *named; /* in the text, NULL: none */
    const char *number;
} limits[] = {
    {"msgmni", "0", no_queue_at_all, "no queue, but a lock", "msgmni", "0"},
    {"msgmni", "3", few_queues, "three queues", "msgmni", "3"},
    {"sem", "250 32000 32 0", nothing_can_be_made, "nothing", "kernel.sem",
        "0"},
    {"sem", "100 32000 32 128", nothing_can_be_made, "nothing", "kernel.sem",
        "100"},
    {"sem", "250 100 32 128", nothing_can_be_made, "nothing", "kernel.sem",
        "100"},
    {"shmmni", "0", nothing_can_be_made, "nothing", "shmmni", "0"},
    {"shmmni", "1", nothing_can_be_made, "nothing", "shmmni", "1"},
    {"msgmax", "1024", any_size, "messages of any size", NULL, NULL},
    {"msgmnb", "1024", any_size, "messages of any size", NULL, NULL},
    {"msgmax", "16", any_size, "messages of any size", NULL, NULL},
    {"msgmnb", "16", any_size, "messages of any size", NULL, NULL},
    {"shmmax", "1048576", small_segment, "all in 1 MiB", NULL, NULL},
    {"shmmax", "5000000", small_segment, "all in 5 MB", NULL, NULL},
};

enum { LIMITS = sizeof(limits) / sizeof(limits[0]) };

static void
under(const struct limit *limit)
{
    char before[128];

    ipc_limit(limit->name, before, sizeof(before));
    if (!ipc_set_limit(limit->name, limit->value)) {
        skip(limit->named ? 3 : 1, "kernel.%s can't be set", limit->name);
        return;
    }
    text[0] = '\0';
    is_int(0, reap(child(limit->fn, NULL)), "limits: kernel.%s = %s: %s",
        limit->name, limit->value, limit->what);
    if (limit->named) {
        ok(strstr(text, limit->named) != NULL, "... the text names it: %s",
            text);
        ok(strstr(text, limit->number) != NULL, "... and its value, %s",
            limit->number);
    }
    ipc_set_limit(limit->name, before);
}

int
main(void)
{
    int tests = 0;

    for (int i = 0; i < LIMITS; i++)
        tests += limits[i].named ? 3 : 1;
    plan(tests);
    text = shared(1024);
    if (!ipc_is_private()) {
        skip(tests, "no IPC namespace of our own");
        return done();
    }
    for (int i = 0; i < LIMITS; i++)
        under(&limits[i]);
    return done();
}
