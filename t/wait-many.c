/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait-many.c: sysvmp_wait() over 1,000 objects in many semaphore sets, each
 * of which wakes who sleeps and is told from the others; several processes,
 * and threads, that wait for the same, each message to one of them, until the
 * end of all; and what others take while one sleeps.
 */
#include <config.h>

#include "child.h"

#include <pthread.h>
#include <signal.h>

enum { OBJECTS = 1000, CONNS = 400, QUEUES = 300, PROBES = 60 };
enum { SHARED = 3, WATCHERS = 3, PRODUCERS = 2, MESSAGES = 1500 };

static struct {
    _Atomic int probe, answer, ready, got[WATCHERS + 2], vain;
} *stage;

static struct sysvmp_waitable list[OBJECTS];
static struct sysvmp_conn *reads[CONNS], *writes[CONNS];
static struct sysvmp_queue *q[QUEUES];

static void
make_thousand(void)
{
    for (int i = 0; i < OBJECTS; i++) {
        struct sysvmp_waitable *w = &list[i];
        struct sysvmp_conn *end[2];

        if (i < CONNS) {
            must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
            reads[i] = w->of.conn = end[0];
            writes[i] = end[1];
            w->kind = SYSVMP_WAIT_CONN;
        } else if (i < CONNS + QUEUES) {
            must(sysvmp_queue_create(&q[i - CONNS], 0, 0), "queue_create");
            w->of.queue = q[i - CONNS];
            w->kind = SYSVMP_WAIT_QUEUE;
        } else {
            must(sysvmp_event_create(&w->of.event), "event_create");
            w->kind = SYSVMP_WAIT_EVENT;
        }
    }
}

static void
destroy_thousand(void)
{
    for (int i = 0; i < CONNS; i++) {
        sysvmp_conn_destroy(reads[i]);
        sysvmp_conn_destroy(writes[i]);
    }
    for (int i = 0; i < QUEUES; i++)
        sysvmp_queue_destroy(q[i]);
    for (int i = CONNS + QUEUES; i < OBJECTS; i++)
        sysvmp_event_destroy(list[i].of.event);
}

static void
change(int i, int ready)
{
    char byte;

    switch (list[i].kind) {
    case SYSVMP_WAIT_CONN:
        if (ready)
            must(sysvmp_conn_send(writes[i], "x", 1, 1000), "send");
        else
            must(sysvmp_conn_recv(reads[i], &byte, 1, 0), "recv");
        break;
    case SYSVMP_WAIT_QUEUE:
        if (ready)
            must(sysvmp_queue_put(list[i].of.queue, "x", 1, 1000), "put");
        else
            must(sysvmp_queue_get(list[i].of.queue, &byte, 1, 0), "get");
        break;
    default:
        must(ready ? sysvmp_event_set(list[i].of.event)
                   : sysvmp_event_clear(list[i].of.event), "set or clear");
    }
}

/* Tells which one it was, and undoes it. */
static int
tell_which(void *arg)
{
    (void)arg;
    for (int probe = 0; probe < PROBES; probe++) {
        int ready = sysvmp_wait(list, OBJECTS, SYSVMP_FOREVER), which = -1;

        for (int i = 0; i < OBJECTS; i++)
            if (list[i].ready)
                which = which < 0 ? i : OBJECTS;
        if (ready != 1 || which < 0 || which == OBJECTS)
            return 1;
        change(which, 0);
        atomic_store(&stage->answer, which);
        atomic_store(&stage->probe, probe + 1);
    }
    return 0;
}

static void
thousand(void)
{
    unsigned seed = first_seed();
    int right = 0, ready = 0;
    pid_t pid;

    make_thousand();
    pid = child(tell_which, NULL);
    for (int probe = 0; probe < PROBES; probe++) {
        int which = (int)chance(&seed, OBJECTS);

        if (probe % 2) /* else it may be on its way */
            asleep(pid);
        change(which, 1);
        until(&stage->probe, probe + 1);
        right += atomic_load(&stage->answer) == which;
    }
    is_int(PROBES, right, "wait: of %d objects each tells of itself", OBJECTS);
    is_int(0, reap(pid), "... to who waits for all");
    for (int i = 0; i < OBJECTS; i += 3)
        change(i, 1);
    is_int((OBJECTS + 2) / 3, sysvmp_wait(list, OBJECTS, SYSVMP_FOREVER),
        "... and all that are ready are counted");
    for (int i = 0; i < OBJECTS; i++)
        ready += list[i].ready == (i % 3 == 0);
    is_int(OBJECTS, ready, "... and marked");
    destroy_thousand();
}

/*
 * Several wait for the same queues.
 */

static struct sysvmp_queue *same[SHARED];

static int
produce(void *arg)
{
    (void)arg;
    for (int i = 0; i < MESSAGES; i++)
        must(sysvmp_queue_put(same[i % SHARED], &i, sizeof(i), 10000), "put");
    return 0;
}

/* Until the end of all. */
static int
consume(int *got)
{
    int ended = 0;

    while (ended < SHARED) {
        struct sysvmp_waitable w[SHARED];
        int ready, had = 0;

        for (int i = 0; i < SHARED; i++)
            w[i] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_QUEUE,
                .of.queue = same[i]};
        ready = sysvmp_wait(w, SHARED, 20000);
        if (ready <= 0)
            return ready == 0 ? -ETIMEDOUT : ready;
        ended = 0;
        for (int i = 0; i < SHARED; i++) {
            int message;
            ssize_t len = w[i].ready ? sysvmp_queue_get(same[i], &message,
                sizeof(message), SYSVMP_NOWAIT) : -EAGAIN;

            had += len == sizeof(message);
            ended += len == -EPIPE;
            if (len < 0 && len != -EAGAIN && len != -EPIPE)
                return (int)len;
        }
        *got += had;
        if (had == 0)
            atomic_fetch_add(&stage->vain, 1);
    }
    return 0;
}

static int
watch_same(void *arg)
{
    int *place = arg, got = 0, error;

    error = consume(&got);
    atomic_store(&stage->got[*place], got);
    return error == 0 ? 0 : 1;
}

static void *
watch_in_thread(void *arg)
{
    return watch_same(arg) == 0 ? NULL : arg;
}

/* Two threads of one process. */
static int
watch_in_threads(void *arg)
{
    int second = WATCHERS + 1;
    pthread_t thread;
    void *result;
    int mine;

    pthread_create(&thread, NULL, watch_in_thread, &second);
    mine = watch_same(arg);
    pthread_join(thread, &result);
    return result == NULL ? mine : 1;
}

static void
several(void)
{
    int place[WATCHERS + 1], sum = 0, good = 0, busy = 0;
    pid_t watcher[WATCHERS + 1], producer[PRODUCERS];

    for (int i = 0; i < SHARED; i++)
        must(sysvmp_queue_create(&same[i], 0, SYSVMP_EOF), "queue_create");
    for (int i = 0; i < PRODUCERS; i++)
        producer[i] = child(produce, NULL);
    for (int i = 0; i < SHARED; i++)
        must(sysvmp_queue_close(same[i]), "close");
    for (int i = 0; i <= WATCHERS; i++) {
        place[i] = i;
        watcher[i] = child(i < WATCHERS ? watch_same : watch_in_threads,
            &place[i]);
    }
    for (int i = 0; i < PRODUCERS; i++)
        good += reap(producer[i]) == 0;
    for (int i = 0; i <= WATCHERS; i++)
        good += reap(watcher[i]) == 0;
    is_int(PRODUCERS + WATCHERS + 1, good,
        "wait: %d processes and 2 threads of one wait for the same queues",
        WATCHERS);
    for (int i = 0; i <= WATCHERS + 1; i++) {
        sum += stage->got[i];
        busy += stage->got[i] > 0;
    }
    is_int(PRODUCERS * MESSAGES, sum, "... and each message is one's");
    diag("%d of %d had some; woken for what another took %d times", busy,
        WATCHERS + 2, atomic_load(&stage->vain));
    for (int i = 0; i < SHARED; i++)
        sysvmp_queue_destroy(same[i]);
}

/*
 * It is taken before who sleeps has seen it.
 */

static int
wait_for_same(void *arg)
{
    struct sysvmp_waitable w = {.kind = SYSVMP_WAIT_QUEUE,
        .of.queue = same[0]};

    (void)arg;
    if (sysvmp_wait(&w, 1, SYSVMP_FOREVER) != 1)
        return 1;
    return 0;
}

/* Those who sleep in get are woken as well; who waits here is stopped, so that
 * it comes too late for sure. */
static void
taken_by_others(void)
{
    char byte;
    pid_t pid;

    must(sysvmp_queue_create(&same[0], 0, 0), "queue_create");
    pid = child(wait_for_same, NULL);
    asleep(pid);
    for (int i = 0; i < 3; i++) {
        kill(pid, SIGSTOP);
        must(sysvmp_queue_put(same[0], "x", 1, 0), "put");
        must(sysvmp_queue_get(same[0], &byte, 1, 0), "get");
        kill(pid, SIGCONT);
        is_int(1, asleep(pid), "wait: another process takes the message "
            "first, and who waits sleeps on");
    }
    must(sysvmp_queue_put(same[0], "x", 1, 0), "put");
    is_int(0, reap(pid), "... until there is one for it");
    sysvmp_queue_destroy(same[0]);
}

int
main(void)
{
    plan(10);
    stage = shared(sizeof(*stage));
    thousand();
    several();
    taken_by_others();
    return done();
}
