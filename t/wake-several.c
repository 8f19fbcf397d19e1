/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wake-several.c: one call makes something for several who sleep, and the first
 * of them that is woken is stopped before it has looked.  The others come back
 * all the same: each is woken by the call itself, or by one that runs.
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <stdlib.h>

#include "testing.h"

enum { LONG = 400000, SHORT = 50000 };

static struct sysvmp_queue *queue;
static struct sysvmp_conn *end[2];
static struct sysvmp_semaphore *semaphore;
static char bytes[LONG];
static _Atomic int *now; /* who is woken from here on stops */

/*
 * Who sleeps.
 */

static int
stop_after_sleep(enum seam call)
{
    if (call == SEAM_SEMWAIT)
        testing_crash_at(1);
    return 0;
}

/* The gate may have a token of an object that was there before. */
static void
stop_if_it_is_time(void)
{
    if (*now)
        kill(getpid(), SIGSTOP);
}

/* It is stopped when its sleep ends with a token. */
static int
stopped_in(void *arg)
{
    int (*fn)(void *) = *(int (**)(void *))arg;

    testing_at_point = stop_if_it_is_time;
    testing_fault = stop_after_sleep;
    return fn(NULL);
}

static int
put(void *arg)
{
    (void)arg;
    return sysvmp_queue_put(queue, "x", 1, SYSVMP_FOREVER) != 0;
}

static int
put_long(void *arg)
{
    (void)arg;
    return sysvmp_conn_send(end[1], bytes, SHORT, SYSVMP_FOREVER) != 0;
}

static int
get(void *arg)
{
    char c;

    (void)arg;
    return sysvmp_queue_get(queue, &c, 1, SYSVMP_FOREVER) != 1;
}

static int
acquire(void *arg)
{
    (void)arg;
    return sysvmp_semaphore_acquire(semaphore, SYSVMP_FOREVER) != 0;
}

static pid_t
sleeper(int (*fn)(void *), void *arg)
{
    pid_t pid = child(fn, arg);

    if (!asleep(pid))
        bail("a child does not sleep");
    return pid;
}

static int
is_stopped(void *arg)
{
    return state_of(*(pid_t *)arg) == 'T';
}

/* Two sleep; the first one is stopped by what `change` makes for both. */
static void
second_comes(int (*fn)(void *), void (*change)(void), const char *what)
{
    pid_t first = sleeper(stopped_in, (void *)&fn);
    pid_t second = sleeper(fn, NULL);

    *now = 1;
    change();
    until_true(is_stopped, &first, "a sleeper that is stopped");
    is_int(0, reap(second), "%s: the second comes, as the first is stopped",
        what);
    *now = 0;
    kill(first, SIGCONT);
    is_int(0, reap(first), "... and then the first");
}

/*
 * What is made for them.
 */

static void
get_two(void)
{
    char data[2][8];
    struct sysvmp_item items[2] = {{.data = data[0], .size = 8},
        {.data = data[1], .size = 8}};

    must(sysvmp_queue_get_many(queue, items, 2, SYSVMP_FOREVER) - 2,
        "get_many of two");
}

static void
take_long(void)
{
    must(sysvmp_conn_recv(end[0], bytes, LONG, SYSVMP_FOREVER), "recv");
}

static void
put_two(void)
{
    struct sysvmp_item items[2] = {{.data = bytes, .len = 1},
        {.data = bytes, .len = 1}};

    must(sysvmp_queue_put_many(queue, items, 2, SYSVMP_FOREVER) - 2,
        "put_many of two");
}

static void
release_two(void)
{
    must(sysvmp_semaphore_release(semaphore, 2), "release");
}

static void
room_in_queue(unsigned flags, const char *what)
{
    must(sysvmp_queue_create(&queue, 2, flags), "queue_create");
    must(sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT), "put");
    must(sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT), "put");
    second_comes(put, get_two, what);
    sysvmp_queue_destroy(queue);
}

static void
room_in_pipe(unsigned flags, const char *what)
{
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX | flags), "pipe_create");
    must(sysvmp_conn_send(end[1], bytes, LONG, SYSVMP_NOWAIT), "send");
    second_comes(put_long, take_long, what);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static void
messages(void)
{
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
    second_comes(get, put_two, "two messages");
    sysvmp_queue_destroy(queue);
}

static void
permits(void)
{
    must(sysvmp_semaphore_create(&semaphore, 0, 0, 0), "semaphore_create");
    second_comes(acquire, release_two, "two permits");
    sysvmp_semaphore_destroy(semaphore);
}

/*
 * The end of file: a death rings one token, and who has it passes it on to all.
 */

static int
receive(void *arg)
{
    char c;

    (void)arg;
    must(sysvmp_conn_close(end[1]), "conn_close");
    return sysvmp_conn_recv(end[0], &c, 1, SYSVMP_FOREVER) != -EPIPE;
}

static int
hold(void *arg)
{
    (void)arg;
    pause();
    return 0;
}

static void
end_of_file(void)
{
    int (*fn)(void *) = receive;
    pid_t writer, first, second, third;

    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    writer = sleeper(hold, NULL);
    first = sleeper(receive, NULL);
    second = sleeper(stopped_in, (void *)&fn);
    third = sleeper(receive, NULL);
    must(sysvmp_conn_close(end[1]), "conn_close");
    *now = 1;
    slay(writer);
    until_true(is_stopped, &second, "a sleeper that is stopped");
    is_int(0, reap(third), "a death tells one, that one all: the third has it");
    is_int(0, reap(first), "... and the first");
    kill(second, SIGCONT);
    is_int(0, reap(second), "... and then the one that was stopped");
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

int
main(void)
{
    plan(6 * 2 + 3);
    now = shared(sizeof(*now));
    room_in_queue(0, "room in a bounded queue");
    room_in_queue(SYSVMP_FILENO, "... with a descriptor");
    room_in_pipe(0, "room in a pipe");
    room_in_pipe(SYSVMP_FILENO, "... with a descriptor");
    messages();
    permits();
    end_of_file();
    return done();
}
