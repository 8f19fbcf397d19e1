/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * queue-eof.c: with SYSVMP_EOF, get answers -EPIPE when the queue is empty
 * and no process may put any more: all have closed, or ended, in whatever
 * way.  While one may put, or is on its way to, there is no end of file.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { PRODUCERS = 5, EACH = 200, ROUNDS = 100 };

static struct sysvmp_queue *q;
static _Atomic int *stage;

static int64_t
get(int timeout_ms)
{
    char buf[16];

    return sysvmp_queue_get(q, buf, sizeof(buf), timeout_ms);
}

static void
new_queue(unsigned flags)
{
    must(sysvmp_queue_create(&q, 0, flags), "queue_create");
    *stage = 0;
}

static void
by_close(void)
{
    new_queue(SYSVMP_EOF);
    is_int(-EAGAIN, get(SYSVMP_NOWAIT), "queue-eof: we may put: no EOF");
    is_int(-ETIMEDOUT, get(5), "... nor after a while");
    must(sysvmp_queue_put(q, "a", 1, 1000), "put");
    must(sysvmp_queue_put(q, "", 0, 1000), "put");
    is_int(0, sysvmp_queue_close(q), "... we close");
    is_int(-EBADF, sysvmp_queue_put(q, "b", 1, SYSVMP_FOREVER),
        "... and may put no more");
    is_int(0, sysvmp_queue_close(q), "... close again");
    is_int(2, sysvmp_queue_qsize(q), "... what was put stays");
    is_int(1, get(SYSVMP_FOREVER), "... and is got");
    is_int(0, get(SYSVMP_FOREVER), "... to the last");
    is_int(-EPIPE, get(SYSVMP_FOREVER), "... then it is the end");
    is_int(-EPIPE, get(SYSVMP_NOWAIT), "... and stays so, with NOWAIT");
    is_int(-EPIPE, get(5), "... and with a timeout");
    is_int(1, sysvmp_queue_empty(q), "... it is empty");
    sysvmp_queue_destroy(q);
}

static void
without_flag(void)
{
    new_queue(0);
    must(sysvmp_queue_close(q), "close");
    is_int(-EAGAIN, get(SYSVMP_NOWAIT),
        "queue-eof: without SYSVMP_EOF there is none");
    is_int(-ETIMEDOUT, get(5), "... nor after a while");
    is_int(-EBADF, sysvmp_queue_put(q, "b", 1, SYSVMP_NOWAIT),
        "... but closed is closed");
    sysvmp_queue_destroy(q);
}

static int
produce(void *arg)
{
    int n = *(const int *)arg;

    for (int i = 0; i < EACH; i++)
        if (sysvmp_queue_put(q, "0123456789", 10, SYSVMP_FOREVER) != 0)
            return 100;
    switch (n % PRODUCERS) {
    case 0:
        return sysvmp_queue_close(q) == 0 ? 0 : 101;
    case 1:
        return 0;
    case 2:
        kill(getpid(), SIGKILL);
        return 102;
    case 3:
        exit(0);
    default:
        return sysvmp_leave() == 0 ? 0 : 103;
    }
}

/* The parent closes at once, maybe before they have run. */
static void
producers(void)
{
    pid_t pid[PRODUCERS];
    int64_t result;
    int got = 0, ends = 0;

    new_queue(SYSVMP_EOF);
    for (int i = 0; i < PRODUCERS; i++)
        pid[i] = child(produce, &i);
    is_int(0, sysvmp_queue_close(q), "queue-eof: %d children put; we don't",
        PRODUCERS);
    while ((result = get(SYSVMP_FOREVER)) == 10)
        got++;
    is_int(-EPIPE, result, "... when all have ended it is the end");
    is_int(PRODUCERS * EACH, got, "... after all that they put");
    for (int i = 0; i < PRODUCERS; i++) {
        result = reap(pid[i]);
        ends += i == 2 ? result == -SIGKILL : result == 0;
    }
    is_int(PRODUCERS, ends,
        "... by close, _exit, SIGKILL, exit, and sysvmp_leave");
    sysvmp_queue_destroy(q);
}

static int
consume(void *arg)
{
    (void)arg;
    if (sysvmp_queue_close(q) < 0)
        return 1;
    stage[0]++;
    return get(SYSVMP_FOREVER) == -EPIPE ? 0 : 2;
}

static int
just_hold(void *arg)
{
    (void)arg;
    stage[0]++;
    for (;;)
        pause();
    return 0;
}

static void
all_sleepers_are_told(void)
{
    pid_t consumer[3], holder;
    int told = 0;

    new_queue(SYSVMP_EOF);
    holder = child(just_hold, NULL);
    for (int i = 0; i < 3; i++)
        consumer[i] = child(consume, NULL);
    until(stage, 4);
    must(sysvmp_queue_close(q), "close");
    for (int i = 0; i < 3; i++)
        told += asleep(consumer[i]);
    is_int(3, told, "queue-eof: three sleep in get");
    slay(holder);
    for (int i = 0; i < 3; i++)
        told -= reap(consumer[i]) == 0;
    is_int(0, told, "... the last who may put is killed: all are told");

    new_queue(SYSVMP_EOF);
    for (int i = 0; i < 3; i++)
        consumer[i] = child(consume, NULL);
    until(stage, 3);
    for (int i = 0; i < 3; i++)
        told += asleep(consumer[i]);
    must(sysvmp_queue_close(q), "close");
    for (int i = 0; i < 3; i++)
        told -= reap(consumer[i]) == 0;
    is_int(0, told, "... or closes: all are told");
    sysvmp_queue_destroy(q);
}

/* A child that has not run yet may still put: no false end of file. */
static int
put_one(void *arg)
{
    (void)arg;
    return sysvmp_queue_put(q, "x", 1, SYSVMP_FOREVER);
}

static void
no_false_end(void)
{
    int good = 0;

    for (int i = 0; i < ROUNDS; i++) {
        pid_t pid;

        new_queue(SYSVMP_EOF);
        pid = child(put_one, NULL);
        must(sysvmp_queue_close(q), "close");
        good += get(SYSVMP_FOREVER) == 1 && get(SYSVMP_FOREVER) == -EPIPE;
        reap(pid);
        sysvmp_queue_destroy(q);
    }
    is_int(ROUNDS, good,
        "queue-eof: %d times we close right after the fork: no false end",
        ROUNDS);
}

int
main(void)
{
    plan(12 + 3 + 4 + 3 + 1);
    stage = shared(sizeof(*stage));
    by_close();
    without_flag();
    producers();
    all_sleepers_are_told();
    no_false_end();
    return done();
}
