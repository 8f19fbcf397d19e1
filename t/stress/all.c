/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * all.c: random SIGKILLs among 16 processes of two threads each, which use all
 * nouns by turns: locks, semaphores, a condition, an event, a barrier, queues,
 * a pipe, messages without copying, shared memory, children, and sysvmp_wait()
 * over several of them.  Each goes on; what was sent comes; the permits are
 * as many as before; and at the end nothing is left.
 */
#include <config.h>

#include "child.h"
#include "guarded.h"
#include "history.h"
#include "storm.h"
#include "sysvmp.h"
#include "tap.h"

#include <limits.h>
#include <sys/prctl.h>
#include <sys/wait.h>

enum { WORKERS = STORM_WORKERS_MAX, THREADS = 2, CHANNELS = 2, LIMIT = 50 };
enum { PERMITS = 3, HIGH = 50, PARTIES = 3, TIMEOUT_MS = 4, SELDOM = 24 };
enum { FILLERS = 16, BLOCK = 3000, AT_ONCE = 4 };
enum { JOINABLE = 8 }; /* each item takes two pages; memory may be short */

static int senders[WORKERS], receivers[WORKERS];
static _Atomic int *faults;
static void *_Atomic *blocks; /* of each thread: what it has allocated */

static struct sysvmp_semaphore *permits, *word;
static struct sysvmp_condition *condition;
static struct sysvmp_event *event, *filler[FILLERS];
static struct sysvmp_barrier *barrier;
static struct sysvmp_queue *joinable;

static int
threads(int worker)
{
    (void)worker;
    return THREADS;
}

/* Nobody has to wait for it, and it is no failure: else it is a fault, but
 * this one. */
static int64_t
fine(int64_t code, int64_t also, const char *what)
{
    if (code >= 0 || code == -EAGAIN || code == -ETIMEDOUT || code == also)
        return code;
    diag("FAULT: %s answered %d (%s)", what, (int)code, sysvmp_last_error());
    atomic_fetch_add(faults, 1);
    return code;
}

static int
some_ms(unsigned *seed)
{
    return (int)chance(seed, TIMEOUT_MS);
}

static void
lock_or_rlock(int who, unsigned *seed)
{
    int which = (int)chance(seed, GUARDED);

    if (guarded_enter(which, who, SYSVMP_FOREVER) >= 0)
        guarded_leave(which, who, seed);
}

static void
a_permit(unsigned *seed)
{
    if (fine(sysvmp_semaphore_acquire(permits, SYSVMP_FOREVER), 0,
            "a permit's acquire") != 0)
        return;
    storm_linger(seed);
    fine(sysvmp_semaphore_release(permits, 1), 0, "a permit's release");
}

/* What the killed take along is put back by all, up to a height. */
static void
a_semaphore(unsigned *seed)
{
    if (chance(seed, 2) == 0)
        fine(sysvmp_semaphore_acquire(word, some_ms(seed)), 0, "acquire");
    else if (sysvmp_semaphore_value(word) < HIGH)
        fine(sysvmp_semaphore_release(word, 1), 0, "release");
}

static void
at_condition(unsigned *seed)
{
    int result = sysvmp_condition_acquire(condition, SYSVMP_FOREVER);

    if (fine(result, 0, "a condition's acquire") < 0)
        return;
    switch (chance(seed, 3)) {
    case 0:
        fine(sysvmp_condition_wait(condition, some_ms(seed)), 0,
            "a condition's wait");
        break;
    case 1:
        fine(sysvmp_condition_notify(condition, 1), 0, "notify");
        break;
    default:
        fine(sysvmp_condition_notify_all(condition), 0, "notify_all");
    }
    fine(sysvmp_condition_release(condition), 0, "a condition's release");
}

static void
at_event(unsigned *seed)
{
    switch (chance(seed, 3)) {
    case 0:
        fine(sysvmp_event_wait(event, some_ms(seed)), 0, "event_wait");
        break;
    case 1:
        fine(sysvmp_event_set(event), 0, "set");
        break;
    default:
        fine(sysvmp_event_clear(event), 0, "clear");
    }
}

static void
at_barrier(unsigned *seed)
{
    int64_t result =
        fine(sysvmp_barrier_wait(barrier, some_ms(seed)), -ECANCELED,
            "a barrier's wait");

    if (result < 0 && chance(seed, 4) != 0)
        fine(sysvmp_barrier_reset(barrier), 0, "reset");
}

/* What it has there is told, so that it is freed when it is killed. */
static void
shared_memory(void *_Atomic *tell, unsigned *seed)
{
    size_t size = 1 + chance(seed, BLOCK);
    unsigned char *p = sysvmp_shared_alloc(size);
    unsigned char mine = (unsigned char)getpid();

    if (p == NULL) {
        fine(-ENOMEM, 0, "shared_alloc");
        return;
    }
    atomic_store(tell, p);
    memset(p, mine, size);
    storm_linger(seed);
    if (p[0] != mine || p[size - 1] != mine)
        fine(-EFAULT, 0, "shared memory of our own");
    atomic_store(tell, NULL);
    sysvmp_shared_free(p);
}

static void
at_joinable(unsigned *seed)
{
    char byte;
    int ms = some_ms(seed);

    switch (chance(seed, 4)) {
    case 0:
        fine(sysvmp_queue_put(joinable, "x", 1, ms), 0, "put");
        break;
    case 1:
        fine(sysvmp_queue_join(joinable, ms), 0, "queue_join");
        break;
    default:
        if (fine(sysvmp_queue_get(joinable, &byte, 1, ms), 0, "get") != 1)
            return;
        if (chance(seed, 4) == 0)
            fine(sysvmp_queue_task_return(joinable), 0, "task_return");
        else
            fine(sysvmp_queue_task_done(joinable), 0, "task_done");
    }
}

static int
ends_at_once(void *arg)
{
    (void)arg;
    return 0;
}

/* It waits for the child's end by sysvmp_wait(), for good. */
static void
a_child(void)
{
    struct sysvmp_process *p = started(ends_at_once, NULL);
    struct sysvmp_waitable w[2] = {
        {.kind = SYSVMP_WAIT_PROCESS, .of.process = p},
        {.kind = SYSVMP_WAIT_EVENT, .of.event = filler[0]}};

    if (fine(sysvmp_wait(w, 2, SYSVMP_FOREVER), 0, "wait") != 1 ||
        w[0].ready != 1)
        fine(-EPROTO, 0, "the end of a child");
    must(end_of(p), "a child's end");
}

static void
wait_for_any(unsigned *seed)
{
    struct sysvmp_waitable w[FILLERS + 4];
    size_t n = chance(seed, FILLERS + 1);

    for (size_t i = 0; i < n; i++)
        w[i] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_EVENT,
            .of.event = filler[i]};
    w[n++] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_EVENT,
        .of.event = event};
    w[n++] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_QUEUE,
        .of.queue = joinable};
    w[n++] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_QUEUE,
        .of.queue = history_channel(0)->queue};
    w[n++] = (struct sysvmp_waitable){.kind = SYSVMP_WAIT_CONN,
        .of.conn = history_channel(1)->reads};
    if (fine(sysvmp_wait(w, n, some_ms(seed)), 0, "wait") > 4)
        fine(-EPROTO, 0, "a filler");
}

/* More than one, so that the pipe does not grow for ever: true, if it is told
 * the end. */
static int
receive(int worker, unsigned *seed)
{
    ssize_t len = 1;

    for (int i = 0; i < AT_ONCE && len > 0; i++)
        len = history_receive(receivers[worker], worker % CHANNELS,
            i == 0 ? some_ms(seed) : SYSVMP_NOWAIT);
    return len == 0;
}

static int
turn(int worker, int thread, unsigned *seed)
{
    int who = worker * STORM_THREADS_MAX + thread;

    if (chance(seed, SELDOM * 4) == 0) {
        a_child();
        return 0;
    }
    switch (chance(seed, 10)) {
    case 0:
        lock_or_rlock(who, seed);
        break;
    case 1:
        a_permit(seed);
        break;
    case 2:
        a_semaphore(seed);
        break;
    case 3:
        at_condition(seed);
        break;
    case 4:
        at_event(seed);
        break;
    case 5:
        at_barrier(seed);
        break;
    case 6:
        shared_memory(&blocks[who], seed);
        break;
    case 7:
        at_joinable(seed);
        break;
    case 8:
        wait_for_any(seed);
        break;
    default:
        if (thread > 0)
            return receive(worker, seed);
        history_send(senders[worker], some_ms(seed));
    }
    return 0;
}

/* What is still there is received at the end. */
static int
work(int worker, int thread)
{
    unsigned seed = storm_draw(worker, thread);
    int ended = 0;

    while (!storm_over() && !ended) {
        ended = turn(worker, thread, &seed);
        storm_step(worker, thread);
        storm_linger(&seed);
    }
    if (thread == 0)
        history_finished();
    while (thread != 0 && !ended)
        ended = history_receive(receivers[worker], worker % CHANNELS,
                    SYSVMP_FOREVER) <= 0;
    return 0;
}

static void
died(int worker)
{
    history_died(receivers[worker]);
    for (int i = 0; i < THREADS; i++)
        sysvmp_shared_free(
            atomic_exchange(&blocks[worker * STORM_THREADS_MAX + i], NULL));
}

static int
still_right(void)
{
    return history_right() && guarded_right() && *faults == 0;
}

static void
over(void)
{
    history_wait_senders(WORKERS);
    for (int i = 0; i < CHANNELS; i++)
        history_tell_end(i, WORKERS / CHANNELS);
}

static void
make_all(void)
{
    faults = shared(sizeof(*faults));
    blocks = shared(WORKERS * STORM_THREADS_MAX * sizeof(*blocks));
    history_queue("bounded queue", LIMIT, 0);
    for (int i = 0; i < FILLERS; i++) /* a semaphore set is full */
        must(sysvmp_event_create(&filler[i]), "event_create");
    history_pipe("pipe", SYSVMP_SIMPLEX);
    for (int w = 0; w < WORKERS; w++) {
        receivers[w] = history_receiver();
        senders[w] = history_sender(w % CHANNELS);
    }
    guarded_create();
    must(sysvmp_semaphore_create(&permits, PERMITS, 0, SYSVMP_PERMITS),
        "semaphore_create");
    must(sysvmp_semaphore_create(&word, 1, 0, 0), "semaphore_create");
    must(sysvmp_condition_create(&condition, NULL), "condition_create");
    must(sysvmp_event_create(&event), "event_create");
    must(sysvmp_barrier_create(&barrier, PARTIES, NULL, NULL),
        "barrier_create");
    must(sysvmp_queue_create(&joinable, JOINABLE, SYSVMP_JOINABLE),
        "queue_create");
}

static void
destroy_all(void)
{
    for (int i = 0; i < FILLERS; i++)
        sysvmp_event_destroy(filler[i]);
    sysvmp_semaphore_destroy(permits);
    sysvmp_semaphore_destroy(word);
    sysvmp_condition_destroy(condition);
    sysvmp_event_destroy(event);
    sysvmp_barrier_destroy(barrier);
    sysvmp_queue_destroy(joinable);
    history_destroy();
    guarded_destroy();
}

int
main(void)
{
    const struct storm storm = {WORKERS, threads, NULL, NULL, work, died,
        still_right, over, 0};
    int emptied;

    plan(4 + HISTORY_LINES + CHANNELS + 2 * GUARDED_LINES);
    make_all();
    /* The children of the killed come to us. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    emptied = is_int(0, storm_run(&storm, 1),
        "storm: of 16 processes with all nouns no survivor hangs");
    while (wait(NULL) > 0)
        continue;
    is_int(0, *faults, "... no call answered what it must not");
    history_check(emptied);
    guarded_check(GUARDED_LOCK, "lock");
    guarded_check(GUARDED_RLOCK, "rlock");
    is_int(PERMITS, sysvmp_semaphore_value(permits),
        "permits: there are as many as there were");
    destroy_all();
    must(sysvmp_leave(), "leave");
    is_int(0, ipc_left(), "storm: nothing is left after the last has left");
    return done();
}
