/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait.c: who waits for any of several is told of all that are ready: of
 * messages, ends of file, ends of processes, events; whoever brought that
 * about, and also when he was killed; it sleeps meanwhile, and as many times
 * as it looks it is told the same.
 */
#include <config.h>

#include "child.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

enum { CONN, QUEUE, PROCESS, EVENT, KINDS };
enum { MANY = 1000, ROUNDS = 200, TAKERS = 3, TAKEN_EACH = 300 };

static struct {
    _Atomic int up, go, over, got[TAKERS];
    pid_t orphan;
} *stage;

static struct sysvmp_conn *end[2];
static struct sysvmp_queue *q;
static struct sysvmp_event *e;
static struct sysvmp_waitable list[KINDS];

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
process_of(struct sysvmp_process *p)
{
    return (struct sysvmp_waitable){
        .kind = SYSVMP_WAIT_PROCESS, .ready = 7, .of.process = p};
}

static struct sysvmp_waitable
event_of(struct sysvmp_event *event)
{
    return (struct sysvmp_waitable){
        .kind = SYSVMP_WAIT_EVENT, .ready = 7, .of.event = event};
}

static int
sleep_on(void *arg)
{
    (void)arg;
    for (;;)
        pause();
    return 0;
}

static void
make(struct sysvmp_process *p)
{
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    must(sysvmp_queue_create(&q, 0, SYSVMP_EOF), "queue_create");
    must(sysvmp_event_create(&e), "event_create");
    list[CONN] = conn_of(end[0]);
    list[QUEUE] = queue_of(q);
    list[EVENT] = event_of(e);
    list[PROCESS] = process_of(p);
}

static void
destroy(void)
{
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    sysvmp_queue_destroy(q);
    sysvmp_event_destroy(e);
}

static const char *
marks(const struct sysvmp_waitable *w, int n)
{
    static char text[KINDS + 1];

    for (int i = 0; i < n; i++)
        text[i] = (char)('0' + w[i].ready);
    text[n] = '\0';
    return text;
}

/*
 * At once.
 */

static void
all_are_marked(void)
{
    struct sysvmp_process *p = started(sleep_on, NULL);
    int64_t start;
    char c;

    make(p);
    is_int(0, sysvmp_wait(list, KINDS, SYSVMP_NOWAIT), "wait: none is ready");
    is_str("0000", marks(list, KINDS), "... nor marked");
    start = now_ns();
    is_int(0, sysvmp_wait(list, KINDS, 30), "... nor in 30 ms");
    ok(now_ns() - start >= 30 * 1000000, "... which are over");
    must(sysvmp_conn_send(end[1], "x", 1, 0), "send");
    is_int(1, sysvmp_wait(list, KINDS, SYSVMP_FOREVER), "... a message comes");
    is_str("1000", marks(list, KINDS), "... and its end is marked");
    must(sysvmp_queue_put(q, "x", 1, 0), "put");
    must(sysvmp_event_set(e), "set");
    is_int(3, sysvmp_wait(list, KINDS, SYSVMP_NOWAIT), "... more come");
    is_str("1101", marks(list, KINDS), "... and all are marked");
    is_int(3, sysvmp_wait(list, KINDS, SYSVMP_FOREVER), "... each time");
    must(sysvmp_process_kill(p), "kill");
    while (sysvmp_wait(&list[PROCESS], 1, SYSVMP_FOREVER) == 0)
        continue;
    is_int(4, sysvmp_wait(list, KINDS, 0), "... the process is killed, too");
    must(sysvmp_conn_recv(end[0], &c, 1, 0), "recv");
    must(sysvmp_queue_get(q, &c, 1, 0), "get");
    must(sysvmp_event_clear(e), "clear");
    is_int(1, sysvmp_wait(list, KINDS, 0), "... the others are no more");
    is_str("0010", marks(list, KINDS), "... marked");
    end_of(p);
    destroy();
}

static void
nonsense(void)
{
    struct sysvmp_waitable w[2];

    make(NULL);
    w[0] = event_of(e);
    w[1] = (struct sysvmp_waitable){.kind = 99, .of.event = e};
    is_int(-EINVAL, sysvmp_wait(w, 2, 0), "wait: of no kind");
    w[1].kind = 0;
    is_int(-EINVAL, sysvmp_wait(w, 2, 0), "... of kind 0");
    is_int(-EINVAL, sysvmp_wait(NULL, 1, 0), "... no list");
    is_int(-EINVAL, sysvmp_wait(w, 1, -2), "... a timeout of -2");
    for (int kind = SYSVMP_WAIT_CONN; kind <= SYSVMP_WAIT_EVENT; kind++) {
        w[1] = (struct sysvmp_waitable){.kind = kind};
        is_int(-EINVAL, sysvmp_wait(w, 2, 0), "... NULL, of kind %d", kind);
    }
    is_int(0, sysvmp_wait(NULL, 0, SYSVMP_FOREVER), "... none at all");
    w[0] = conn_of(end[1]);
    is_int(1, sysvmp_wait(w, 1, SYSVMP_FOREVER),
        "wait: recv would not wait at an end that only sends");
    w[0] = w[1] = event_of(e);
    must(sysvmp_event_set(e), "set");
    is_int(2, sysvmp_wait(w, 2, SYSVMP_FOREVER), "... one that is in it twice");
    destroy();
}

/*
 * What comes while it sleeps.
 */

enum { SENDS, PUTS, SETS, CLOSES, IS_KILLED, EXITS, LEAVES, DESTROYS, ENDINGS };

static const char *const what[ENDINGS] = {"sends", "puts", "sets", "closes",
    "is killed", "exits", "leaves", "destroys"};

static int
bring_about(void *arg)
{
    int way = *(int *)arg;

    /* The others must not count: the parent has closed its own. */
    atomic_store(&stage->up, 1);
    until(&stage->go, 1);
    if (way == SENDS)
        must(sysvmp_conn_send(end[1], "x", 1, 0), "send");
    if (way == PUTS)
        must(sysvmp_queue_put(q, "x", 1, 0), "put");
    if (way == SETS)
        must(sysvmp_event_set(e), "set");
    if (way == CLOSES)
        must(sysvmp_conn_close(end[1]) + sysvmp_queue_close(q), "close");
    if (way == DESTROYS) {
        sysvmp_conn_destroy(end[1]);
        sysvmp_queue_destroy(q);
    }
    if (way == LEAVES)
        must(sysvmp_leave(), "leave");
    if (way == IS_KILLED)
        kill(getpid(), SIGKILL);
    if (way == EXITS)
        return 0;
    for (;;)
        pause();
    return 0;
}

/* Lets it go when we sleep. */
static void *
start_when_asleep(void *arg)
{
    asleep(*(pid_t *)arg);
    atomic_store(&stage->go, 1);
    return NULL;
}

static void
while_it_sleeps(int way)
{
    pid_t us = getpid(), pid;
    pthread_t thread;
    int wanted, seen;

    make(NULL);
    atomic_store(&stage->up, 0);
    atomic_store(&stage->go, 0);
    pid = child(bring_about, &way);
    until(&stage->up, 1);
    must(sysvmp_conn_close(end[1]) + sysvmp_queue_close(q), "close");
    list[PROCESS] = event_of(e);
    pthread_create(&thread, NULL, start_when_asleep, &us);
    seen = sysvmp_wait(list, KINDS, 5000);
    pthread_join(thread, NULL);
    wanted = way == SENDS || way == PUTS ? 1 : 2;
    if (seen < wanted && way >= CLOSES) /* one end, and then the other */
        while (sysvmp_wait(list, KINDS, 5000) < wanted)
            continue;
    ok(seen >= 1 && seen <= 2, "wait: one wakes up when a process %s",
        what[way]);
    is_str(way == SENDS    ? "1000"
            : way == PUTS  ? "0100"
            : way == SETS  ? "0011"
                           : "1100",
        marks(list, KINDS), "... and knows by what");
    slay(pid);
    destroy();
}

/*
 * Processes.
 */

static int
end_with(void *arg)
{
    int way = *(int *)arg;

    if (way == 1)
        execlp("true", "true", (char *)NULL);
    if (way == 2)
        kill(getpid(), SIGKILL);
    if (way == 3)
        must(sysvmp_leave(), "leave");
    return 0;
}

static void
processes_end(const char *when)
{
    static const char *const how[] = {"returns", "execs a program that ends",
        "is killed", "leaves, and returns"};

    for (int way = 0; way < 4; way++) {
        struct sysvmp_process *p = started(end_with, &way);
        struct sysvmp_waitable w[2] = {process_of(p)};
        size_t n = 1;

        if (e)
            w[n++] = event_of(e);
        is_int(1, sysvmp_wait(w, n, 5000), "wait: a process %s, %s", how[way],
            when);
        is_int(1, w[0].ready, "... and that is told");
        end_of(p);
    }
}

static void
an_older_one(struct sysvmp_process *p)
{
    struct sysvmp_waitable w[2] = {process_of(p), event_of(e)};

    is_int(0, sysvmp_wait(w, 2, 20),
        "wait: a process that is older than all objects");
    must(sysvmp_process_kill(p), "kill");
    is_int(1, sysvmp_wait(w, 2, 5000), "... is killed, and that is told");
    end_of(p);
}

static int
wait_for_parent(void *arg)
{
    struct sysvmp_waitable w[2] = {
        process_of(sysvmp_parent_process()), event_of(e)};

    (void)arg;
    stage->orphan = getpid();
    atomic_store(&stage->up, sysvmp_wait(w, 2, SYSVMP_NOWAIT) + 1);
    atomic_store(&stage->over, sysvmp_wait(w, 2, SYSVMP_FOREVER));
    return 0;
}

static int
start_one_and_wait(void *arg)
{
    struct sysvmp_process *p;

    (void)arg;
    must(sysvmp_process_create(&p, wait_for_parent, NULL), "create");
    must(sysvmp_process_start(p), "start");
    return sleep_on(NULL);
}

static void
the_parent(void)
{
    struct sysvmp_process *p;

    atomic_store(&stage->up, 0);
    p = started(start_one_and_wait, NULL);
    until(&stage->up, 1);
    is_int(1, stage->up, "wait: the parent runs");
    must(sysvmp_process_kill(p), "kill");
    until(&stage->over, 1);
    is_int(1, stage->over, "... is killed, and the child is told");
    end_of(p);
    reap(stage->orphan);
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

    make(NULL);
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

    make(NULL);
    pthread_create(&thread, NULL, close_it, &us);
    is_int(1, sysvmp_wait(list, 2, 5000),
        "wait: another thread closes one of them");
    pthread_join(thread, NULL);
    is_str("10", marks(list, 2), "... which recv would not wait at, either");
    destroy();
}

static int
ask(void *arg)
{
    (void)arg;
    return 1;
}

static void
interrupted(void)
{
    make(NULL);
    sysvmp_set_interrupt(ask, NULL);
    is_int(-EINTR, sysvmp_wait(list, 2, 5000), "wait: it is interrupted");
    sysvmp_set_interrupt(NULL, NULL);
    destroy();
}

int
main(void)
{
    struct sysvmp_process *older;

    plan(12 + 11 + ENDINGS * 2 + 2 * 8 + 2 + 2 + 2 + 2 + 2 + 1);
    stage = shared(sizeof(*stage));
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    older = started(sleep_on, NULL);
    processes_end("and there is no object");
    must(sysvmp_event_create(&e), "event_create");
    an_older_one(older);
    processes_end("beside an event");
    the_parent();
    sysvmp_event_destroy(e);
    all_are_marked();
    nonsense();
    for (int way = 0; way < ENDINGS; way++)
        while_it_sleeps(way);
    many();
    several();
    closed_meanwhile();
    interrupted();
    return done();
}
