/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait-many.c: who waits for 1,000 objects is told which one is ready; of
 * several who wait for the same, each gets what the others leave, and sees the
 * end; and who waits for what another thread closes does not sleep on.
 */
#include <config.h>

#include "child.h"

#include <pthread.h>
#include <signal.h>

enum { MANY = 1000, ROUNDS = 200, TAKERS = 3, TAKEN_EACH = 300 };

static struct {
    _Atomic int up, go, got[TAKERS];
} *stage;

static struct sysvmp_conn *end[2];
static struct sysvmp_queue *q;
static struct sysvmp_waitable list[2];

static struct sysvmp_waitable
conn_of(struct sysvmp_conn *c)
{
    return (struct sysvmp_waitable){
        .kind = SYSVMP_WAIT_CONN, .ready = 7, .of.conn = c};
}

static struct sysvmp_waitable
queue_of(struct sysvmp_queue *queue)
{
    return (struct sysvmp_waitable){
        .kind = SYSVMP_WAIT_QUEUE, .ready = 7, .of.queue = queue};
}

static struct sysvmp_waitable
event_of(struct sysvmp_event *event)
{
    return (struct sysvmp_waitable){
        .kind = SYSVMP_WAIT_EVENT, .ready = 7, .of.event = event};
}

static void
make(void)
{
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    must(sysvmp_queue_create(&q, 0, SYSVMP_EOF), "queue_create");
    list[0] = conn_of(end[0]);
    list[1] = queue_of(q);
}

static void
destroy(void)
{
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    sysvmp_queue_destroy(q);
}

/*
 * Many.
 */

static struct sysvmp_event *event[MANY];
static struct sysvmp_waitable all[MANY];

static int
set_some(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        until(&stage->go, i + 1);
        must(sysvmp_event_set(event[i * 37 % MANY]), "set");
    }
    return 0;
}

static void
many(void)
{
    int good = 0;
    pid_t pid;

    for (int i = 0; i < MANY; i++) {
        must(sysvmp_event_create(&event[i]), "event_create");
        all[i] = event_of(event[i]);
    }
    atomic_store(&stage->go, 0);
    pid = child(set_some, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        atomic_store(&stage->go, i + 1);
        good += sysvmp_wait(all, MANY, 5000) == 1 &&
            all[i * 37 % MANY].ready == 1;
        must(sysvmp_event_clear(event[i * 37 % MANY]), "clear");
    }
    is_int(ROUNDS, good, "wait: one of %d, %d times", MANY, ROUNDS);
    reap(pid);
    for (int i = 0; i < MANY; i++)
        must(sysvmp_event_set(event[i]), "set");
    is_int(MANY, sysvmp_wait(all, MANY, 0), "... and all at once");
    for (int i = 0; i < MANY; i++)
        sysvmp_event_destroy(event[i]);
}

/*
 * Several who wait for the same.
 */

static int
take(void *arg)
{
    int who = *(int *)arg, got = 0;
    struct sysvmp_waitable w[2] = {queue_of(q), conn_of(end[0])};
    char c;

    must(sysvmp_queue_close(q), "close");
    must(sysvmp_conn_close(end[1]), "close");
    atomic_fetch_add(&stage->up, 1);
    for (int open = 2; open > 0;) {
        int ready = sysvmp_wait(w, (size_t)open, SYSVMP_FOREVER);
        ssize_t len;

        if (ready < 1)
            return 1;
        for (int i = 0; i < open; i++) {
            if (!w[i].ready)
                continue;
            len = w[i].kind == SYSVMP_WAIT_QUEUE
                ? sysvmp_queue_get(q, &c, 1, SYSVMP_NOWAIT)
                : sysvmp_conn_recv(end[0], &c, 1, SYSVMP_NOWAIT);
            got += len == 1;
            if (len == -EPIPE) /* this one is over */
                w[i--] = w[--open];
            else if (len != 1 && len != -EAGAIN)
                return 2;
        }
    }
    atomic_store(&stage->got[who], got);
    return 0;
}

static void
several(void)
{
    static int number[TAKERS] = {0, 1, 2};
    pid_t pid[TAKERS];
    int good = 0, got = 0;

    make();
    atomic_store(&stage->up, 0);
    for (int i = 0; i < TAKERS; i++)
        pid[i] = child(take, &number[i]);
    until(&stage->up, TAKERS);
    for (int i = 0; i < TAKEN_EACH; i++) {
        if (i % 50 == 0)
            for (int k = 0; k < TAKERS; k++)
                asleep(pid[k]);
        must(sysvmp_queue_put(q, "x", 1, SYSVMP_FOREVER), "put");
        must(sysvmp_conn_send(end[1], "x", 1, SYSVMP_FOREVER), "send");
    }
    must(sysvmp_queue_close(q), "close");
    must(sysvmp_conn_close(end[1]), "close");
    for (int i = 0; i < TAKERS; i++) {
        good += reap(pid[i]) == 0;
        got += stage->got[i];
    }
    is_int(TAKERS, good,
        "wait: %d wait for the same two, and each sees both ends", TAKERS);
    is_int(2 * TAKEN_EACH, got, "... and together they get all there is");
    destroy();
}

/*
 * Others of ours.
 */

static void *
close_it(void *arg)
{
    asleep(*(pid_t *)arg);
    must(sysvmp_conn_close(end[0]), "close");
    return NULL;
}

static void
closed_meanwhile(void)
{
    pid_t us = getpid();
    pthread_t thread;

    make();
    pthread_create(&thread, NULL, close_it, &us);
    is_int(1, sysvmp_wait(list, 2, 5000),
        "wait: another thread closes one of them");
    pthread_join(thread, NULL);
    ok(list[0].ready && !list[1].ready, "... at which recv would not wait");
    destroy();
}

int
main(void)
{
    plan(6);
    stage = shared(sizeof(*stage));
    many();
    several();
    closed_meanwhile();
    return done();
}
