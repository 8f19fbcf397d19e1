/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wake-stopped.c: a process that was woken and does not run, or that is
 * stopped in the middle of waking, holds up nobody else: the next wake-up by
 * another process wakes another.  When it goes on, nothing is lost.
 *
 * The queues here have no maxsize: with one, a process may be stopped while it
 * has the lock of the list, for which the others have to wait.
 */
#ifndef _GNU_SOURCE
#    define _GNU_SOURCE
#endif
#include <config.h>

#include "child.h"
#include "testing.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { BOUND_MS = 5000, POINTS_MAX = 200 };

static struct sysvmp_semaphore *semaphore;
static struct sysvmp_queue *queue;

/* What is tried. */
struct row {
    const char *name;
    void (*make)(void);
    int (*sleep)(void *); /* 0: it had its share */
    int (*wake)(void *);
    void (*destroy)(void);
};

/* So that each sleeper sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

static void
make_semaphore(void)
{
    must(sysvmp_semaphore_create(&semaphore, 0, 0, 0), "semaphore_create");
}

static int
acquire(void *arg)
{
    (void)arg;
    return sysvmp_semaphore_acquire(semaphore, SYSVMP_FOREVER);
}

static int
release(void *arg)
{
    (void)arg;
    return sysvmp_semaphore_release(semaphore, 1);
}

static void
destroy_semaphore(void)
{
    sysvmp_semaphore_destroy(semaphore);
}

static void
make_queue(void)
{
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
}

static int
get(void *arg)
{
    char text[8];

    (void)arg;
    return sysvmp_queue_get(queue, text, sizeof(text), SYSVMP_FOREVER) == 1
        ? 0
        : 1;
}

static int
wait_and_get(void *arg)
{
    struct sysvmp_waitable w = {
        .kind = SYSVMP_WAIT_QUEUE, .of.queue = queue};
    char text[8];
    ssize_t length;

    (void)arg;
    do {
        if (sysvmp_wait(&w, 1, SYSVMP_FOREVER) != 1)
            return 1;
        length = sysvmp_queue_get(queue, text, sizeof(text), SYSVMP_NOWAIT);
    } while (length == -EAGAIN);
    return length == 1 ? 0 : 1;
}

static int
put(void *arg)
{
    (void)arg;
    return sysvmp_queue_put(queue, "x", 1, SYSVMP_FOREVER);
}

static void
destroy_queue(void)
{
    sysvmp_queue_destroy(queue);
}

static const struct row rows[] = {
    {"a semaphore", make_semaphore, acquire, release, destroy_semaphore},
    {"a queue", make_queue, get, put, destroy_queue},
    {"any of several", make_queue, wait_and_get, put, destroy_queue},
};

/*
 * Who sleeps, is stopped, or has ended.
 */

static int
is_stopped(void *arg)
{
    return state_of(*(const pid_t *)arg) == 'T';
}

static int
is_stopped_or_ended(void *arg)
{
    int state = state_of(*(const pid_t *)arg);

    return state == 'T' || state == 'Z';
}

/* It is stopped, has ended, or sleeps and goes on sleeping. */
static void
settle(pid_t pid)
{
    int64_t switches = -1;

    while (!is_stopped_or_ended(&pid)) {
        int64_t now = voluntary_switches(pid);

        if (state_of(pid) == 'S' && now == switches)
            return;
        switches = now;
        pause_us(2000);
    }
}

/* 1: it has ended well, soon. */
static int
ends_well(pid_t pid)
{
    int64_t bound = now_ns() + BOUND_MS * INT64_C(1000000);
    int status;

    while (now_ns() < bound) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
        pause_us(200);
    }
    slay(pid);
    return 0;
}

/* Others have what they need; does one that was stopped get its own? */
static int
goes_on_well(pid_t pid)
{
    kill(pid, SIGCONT);
    return ends_well(pid);
}

/*
 * Stopped while it sleeps.
 */

static void
stopped_asleep(const struct row *row)
{
    pid_t a, b;

    row->make();
    a = child(row->sleep, NULL);
    settle(a);
    b = child(row->sleep, NULL);
    settle(b);
    kill(a, SIGSTOP);
    until_true(is_stopped, &a, "the stop");
    must(row->wake(NULL), "the first wake-up");
    must(row->wake(NULL), "the second wake-up");
    ok(ends_well(b),
        "%s: one is stopped asleep, and the second wake-up is for the other",
        row->name);
    ok(goes_on_well(a), "... and then the first has its own");
    row->destroy();
}

/*
 * Stopped at each point of a call.
 */

struct stopping {
    int (*call)(void *);
    long point;
};

static int
stops_in(void *arg)
{
    const struct stopping *stopping = arg;

    testing_stops = 1;
    testing_crash_at(stopping->point);
    return stopping->call(NULL);
}

/* A is stopped at that point of its sleep; *more: there are later ones.  What
 * went wrong. */
static int
sleeper_at(const struct row *row, long point, int *more)
{
    struct stopping stopping = {row->sleep, point};
    int wrong;
    pid_t a, b;

    row->make();
    a = child(stops_in, &stopping);
    settle(a);
    b = child(row->sleep, NULL);
    settle(b);
    must(row->wake(NULL), "the first wake-up");
    must(row->wake(NULL), "the second wake-up");
    wrong = !ends_well(b);
    until_true(is_stopped_or_ended, &a, "one that stops or has its own");
    *more = is_stopped(&a);
    wrong += !goes_on_well(a);
    row->destroy();
    return wrong;
}

/* W is stopped at that point of its wake-up. */
static int
waker_at(const struct row *row, long point, int *more)
{
    struct stopping stopping = {row->wake, point};
    pid_t w, a, b;
    int wrong;

    row->make();
    a = child(row->sleep, NULL);
    settle(a);
    w = child(stops_in, &stopping);
    until_true(is_stopped_or_ended, &w, "one that stops or has woken");
    *more = is_stopped(&w);
    must(row->wake(NULL), "our wake-up");
    wrong = !ends_well(a);
    b = child(row->sleep, NULL);
    wrong += !goes_on_well(w);
    wrong += !ends_well(b);
    row->destroy();
    return wrong;
}

static void
stopped_at_each(const struct row *row,
    int (*round)(const struct row *, long, int *), const char *text)
{
    int wrong = 0, more = 1;
    long point = 0;

    while (more && wrong == 0 && point < POINTS_MAX)
        wrong += round(row, ++point, &more);
    is_int(0, wrong, "%s: %s, at each of %ld points", row->name, text,
        point - 1);
    if (wrong > 0)
        diag("at point %ld", point);
}

int
main(void)
{
    size_t n = sizeof(rows) / sizeof(rows[0]);

    plan(4 * (int)n);
    for (size_t i = 0; i < n; i++) {
        stopped_asleep(&rows[i]);
        stopped_at_each(&rows[i], sleeper_at, "one that sleeps is stopped");
        stopped_at_each(&rows[i], waker_at, "one that wakes is stopped");
    }
    return done();
}
