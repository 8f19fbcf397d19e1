/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait.c: sysvmp_wait() over connections, queues, processes and events: each
 * kind, ready and not; all that are ready are marked, each time anew; it wakes
 * who sleeps; times out, never early; and is interrupted.
 */
#include <config.h>

#include "child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { CONN, QUEUE, PROCESS, EVENT, KINDS };

static const char *const names[KINDS] = {"a connection", "a queue",
    "a process", "an event"};

static struct {
    _Atomic int go, said, step;
} *stage;

static struct sysvmp_conn *end[2];
static struct sysvmp_queue *q;
static struct sysvmp_event *e;
static struct sysvmp_process *p;
static struct sysvmp_waitable list[2 * KINDS];

static int
end_when_told(void *arg)
{
    (void)arg;
    until(&stage->go, 1);
    return 0;
}

static struct sysvmp_waitable
waitable(int kind)
{
    struct sysvmp_waitable w = {.kind = SYSVMP_WAIT_CONN + kind, .ready = 7};

    switch (kind) {
    case CONN:
        w.of.conn = end[0];
        break;
    case QUEUE:
        w.of.queue = q;
        break;
    case PROCESS:
        w.of.process = p;
        break;
    default:
        w.of.event = e;
    }
    return w;
}

static void
list_again(void)
{
    for (int i = 0; i < 2 * KINDS; i++)
        list[i] = waitable(i % KINDS);
}

static void
make(void)
{
    atomic_store(&stage->go, 0);
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    must(sysvmp_event_create(&e), "event_create");
    p = started(end_when_told, NULL);
    list_again();
}

static void
make_ready(int kind)
{
    switch (kind) {
    case CONN:
        must(sysvmp_conn_send(end[1], "c", 1, 1000), "send");
        break;
    case QUEUE:
        must(sysvmp_queue_put(q, "q", 1, 1000), "put");
        break;
    case PROCESS:
        atomic_store(&stage->go, 1);
        break;
    default:
        must(sysvmp_event_set(e), "set");
    }
}

static void
destroy(void)
{
    atomic_store(&stage->go, 1);
    must(-end_of(p), "the process's end");
    sysvmp_event_destroy(e);
    sysvmp_queue_destroy(q);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

/* Which are marked, as a bit each. */
static int
marks(int n)
{
    int bits = 0;

    for (int i = 0; i < n; i++)
        if (list[i].ready == 1)
            bits |= 1 << i;
        else if (list[i].ready != 0)
            return -1;
    return bits;
}

static void
nonsense(void)
{
    struct sysvmp_waitable w;

    is_int(-EINVAL, sysvmp_wait(NULL, 1, 0), "wait: no list");
    is_int(0, sysvmp_wait(NULL, 0, 0), "... but one of none is none");
    is_int(0, sysvmp_wait(list, 0, SYSVMP_FOREVER), "... with any timeout");
    is_int(-EINVAL, sysvmp_wait(list, 1, -2), "... a timeout of -2");
    is_int(-EINVAL, sysvmp_wait(list, SIZE_MAX, 0), "... far too many");
    for (int kind = 0; kind < KINDS; kind++) {
        memset(&w, 0, sizeof(w));
        w.kind = SYSVMP_WAIT_CONN + kind;
        is_int(-EINVAL, sysvmp_wait(&w, 1, 0), "... no %s", names[kind] + 2);
    }
    w = list[EVENT];
    w.kind = 0;
    is_int(-EINVAL, sysvmp_wait(&w, 1, 0), "... no kind");
    w.kind = SYSVMP_WAIT_FUTURE;
    is_int(-EINVAL, sysvmp_wait(&w, 1, 0), "... one that is not there yet");
    w.kind = 99;
    is_int(-EINVAL, sysvmp_wait(&w, 1, 0), "... an unknown kind");
    w = list[QUEUE];
    w.kind = SYSVMP_WAIT_EVENT;
    is_int(-EINVAL, sysvmp_wait(&w, 1, 0), "... a queue that is no event");
}

static int64_t
timed_wait(int n, int timeout_ms)
{
    int64_t start = now_ns();
    int ready = sysvmp_wait(list, (size_t)n, timeout_ms);

    is_int(0, ready, "wait: nothing is ready of %d in %d ms", n, timeout_ms);
    return now_ns() - start;
}

static void
times_out(void)
{
    make();
    ok(timed_wait(2 * KINDS, 0) < 1000000000, "... at once");
    is_int(0, marks(2 * KINDS), "... and none is marked");
    ok(timed_wait(2 * KINDS, 1) >= 1000000, "... not early");
    ok(timed_wait(2 * KINDS, 30) >= 30000000, "... not early");
    list[0] = list[PROCESS];
    ok(timed_wait(1, 30) >= 30000000, "... of a process alone neither");
    destroy();
}

/* All combinations; of the later half of the list too. */
static void
marks_all(void)
{
    int good = 0;

    for (int ready = 1; ready < 1 << KINDS; ready++) {
        int n = 2 * __builtin_popcount((unsigned)ready);
        int bits = ready | ready << KINDS;

        make();
        for (int kind = 0; kind < KINDS; kind++)
            if (ready & 1 << kind)
                make_ready(kind);
        if (ready & 1 << PROCESS)
            must(sysvmp_process_join(p, SYSVMP_FOREVER), "join");
        good += sysvmp_wait(list, 2 * KINDS, SYSVMP_NOWAIT) == n &&
            marks(2 * KINDS) == bits;
        good += sysvmp_wait(list, 2 * KINDS, SYSVMP_FOREVER) == n &&
            marks(2 * KINDS) == bits;
        good += sysvmp_wait(list, 2 * KINDS, 1000) == n &&
            marks(2 * KINDS) == bits;
        destroy();
    }
    is_int(3 * ((1 << KINDS) - 1), good,
        "wait: of each set of kinds that is ready, exactly these are marked, "
        "and again");
}

static void
is_level_triggered(void)
{
    char buf[8];

    make();
    for (int kind = 0; kind < KINDS; kind++)
        make_ready(kind);
    must(sysvmp_process_join(p, SYSVMP_FOREVER), "join");
    must(sysvmp_queue_get(q, buf, sizeof(buf), 0), "get");
    must(sysvmp_conn_recv(end[0], buf, sizeof(buf), 0), "recv");
    must(sysvmp_event_clear(e), "clear");
    is_int(1, sysvmp_wait(list, KINDS, 1000),
        "wait: what was taken and cleared is not ready any more");
    is_int(1 << PROCESS, marks(KINDS), "... what has ended is");
    must(sysvmp_queue_put(q, "", 0, 0), "put");
    is_int(2, sysvmp_wait(list, KINDS, 1000), "... an empty message is one");
    sysvmp_conn_close(end[0]);
    is_int(3, sysvmp_wait(list, KINDS, 1000),
        "... and what is closed here is");
    destroy();
}

/* Broken or not to be waited for: ready, and the call for it tells. */
static void
not_ours(void)
{
    struct sysvmp_waitable w;
    struct sysvmp_process *unstarted = created(end_when_told, NULL);

    make();
    w = list[CONN];
    w.of.conn = end[1];
    is_int(1, sysvmp_wait(&w, 1, 5000),
        "wait: an end that only sends is ready, as recv says so at once");
    w = list[PROCESS];
    w.of.process = unstarted;
    is_int(1, sysvmp_wait(&w, 1, 5000), "... as is an unstarted process");
    w.of.process = sysvmp_current_process();
    is_int(1, sysvmp_wait(&w, 1, 5000), "... and this one itself");
    must(sysvmp_process_destroy(unstarted), "process_destroy");
    destroy();
}

/*
 * Who sleeps is woken, and sees what it was.
 */

static int
sleep_over_three(void *arg)
{
    int ready;

    (void)arg;
    for (int i = 0; i < 3; i++)
        if (i == PROCESS) /* it is not ours */
            list[i] = list[EVENT];
    ready = sysvmp_wait(list, 3, SYSVMP_FOREVER);
    return ready == 1 ? 10 + marks(3) : 1;
}

static void
wakes(int kind)
{
    pid_t pid;

    make();
    pid = child(sleep_over_three, NULL);
    asleep(pid);
    make_ready(kind);
    is_int(10 + (kind == EVENT ? 1 << PROCESS : 1 << kind), reap(pid),
        "wait: who sleeps over three is woken by %s", names[kind]);
    destroy();
}

/* The child of who sleeps ends when that sleeps; in this way. */
static const char *const ways[] = {"its return", "exit", "SIGKILL",
    "sysvmp_leave() and then exit", "the end of what it has execed"};

static int
end_somehow(void *arg)
{
    long way = (long)(intptr_t)arg;

    if (way == 3)
        must(sysvmp_leave(), "leave");
    asleep(getppid());
    switch (way) {
    case 1:
        _exit(0);
    case 2:
        raise(SIGKILL);
        break;
    case 4:
        execl("/bin/sh", "sh", "-c", "exec sleep 0.05", (char *)NULL);
    }
    return 0;
}

/* n: how many beside it; the fewer descriptors the better. */
static void
process_ends(long way, int beside, int pidfd)
{
    struct rlimit old, few;
    struct sysvmp_process *child;
    int ready;

    make();
    getrlimit(RLIMIT_NOFILE, &old);
    few = old;
    few.rlim_cur = 3;
    child = created(end_somehow, (void *)(intptr_t)way);
    if (!pidfd)
        setrlimit(RLIMIT_NOFILE, &few);
    must(sysvmp_process_start(child), "start");
    setrlimit(RLIMIT_NOFILE, &old);
    list[KINDS - 1 - beside].kind = SYSVMP_WAIT_PROCESS;
    list[KINDS - 1 - beside].of.process = child;
    for (int i = KINDS - beside; i < KINDS; i++)
        list[i] = waitable(i == PROCESS ? EVENT : i);
    ready = sysvmp_wait(&list[KINDS - 1 - beside], 1 + (size_t)beside, 10000);
    ok(ready == 1 && list[KINDS - 1 - beside].ready == 1,
        "wait: woken by %s of a process%s%s", ways[way],
        beside ? " beside other things" : " alone",
        pidfd ? "" : ", without a descriptor");
    is_int(0, sysvmp_process_is_alive(child), "... which has ended");
    sysvmp_process_join(child, SYSVMP_FOREVER);
    must(sysvmp_process_destroy(child), "process_destroy");
    destroy();
}

/* A grandchild waits for its parent. */
static int
wait_for_parent(void *arg)
{
    struct sysvmp_waitable w[2] = {
        {.kind = SYSVMP_WAIT_PROCESS, .of.process = sysvmp_parent_process()},
        {.kind = SYSVMP_WAIT_EVENT, .of.event = e}};
    int beside = *(int *)arg;
    int ready;

    atomic_store(&stage->said, getpid());
    ready = sysvmp_wait(w, beside ? 2 : 1, 10000);
    atomic_store(&stage->step, ready == 1 && w[0].ready == 1 ? 1 : 2);
    return 0;
}

static int
start_and_pause(void *arg)
{
    (void)started(wait_for_parent, arg);
    for (;;)
        pause();
    return 0;
}

static void
parent_ends(int beside)
{
    struct sysvmp_process *middle;

    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    make();
    atomic_store(&stage->said, 0);
    atomic_store(&stage->step, 0);
    middle = started(start_and_pause, &beside);
    until(&stage->said, 1);
    if (!beside)
        asleep(atomic_load(&stage->said));
    is_int(0, atomic_load(&stage->step), "wait: for a parent, which lives%s",
        beside ? ", beside an event" : "");
    must(sysvmp_process_kill(middle), "kill");
    until(&stage->step, 1);
    is_int(1, atomic_load(&stage->step), "... until it is killed");
    is_int(-SIGKILL, end_of(middle), "... by us");
    is_int(0, reap(atomic_load(&stage->said)), "... then it ends, too");
    destroy();
}

static void
reaped_by_others(void)
{
    make();
    atomic_store(&stage->go, 1);
    reap(sysvmp_process_pid(p));
    is_int(1, sysvmp_wait(&list[PROCESS], 1, 5000),
        "wait: a process that somebody else has reaped is ready");
    destroy();
}

/*
 * Interrupted.
 */

static _Atomic int wanted;

static int
when_wanted(void *arg)
{
    (void)arg;
    return atomic_load(&wanted);
}

static void
want_it(int signal)
{
    (void)signal;
    atomic_store(&wanted, 1);
}

static int
signal_parent(void *arg)
{
    (void)arg;
    asleep(getppid());
    kill(getppid(), SIGUSR1);
    return 0;
}

static void
is_interrupted(int n, const char *what)
{
    struct sigaction action = {.sa_handler = want_it};
    pid_t pid;

    make();
    if (n == 1)
        list[0] = list[PROCESS];
    atomic_store(&wanted, 0);
    sigaction(SIGUSR1, &action, NULL);
    sysvmp_set_interrupt(when_wanted, NULL);
    pid = child(signal_parent, NULL);
    is_int(-EINTR, sysvmp_wait(list, (size_t)n, 10000),
        "wait: %s: interrupted by its function", what);
    is_int(0, sysvmp_wait(list, (size_t)n, SYSVMP_NOWAIT),
        "... which is not asked where nobody would sleep");
    sysvmp_set_interrupt(NULL, NULL);
    reap(pid);
    pid = child(signal_parent, NULL);
    is_int(0, sysvmp_wait(list, (size_t)n, 50),
        "... without one it sleeps on after a signal");
    reap(pid);
    destroy();
}

/* It was started when there was nothing but itself. */
static void
started_before_all(void)
{
    struct sysvmp_process *first = started(end_somehow, (void *)(intptr_t)2);
    struct sysvmp_waitable w[2] = {
        {.kind = SYSVMP_WAIT_EVENT},
        {.kind = SYSVMP_WAIT_PROCESS, .of.process = first}};

    must(sysvmp_event_create(&e), "event_create");
    w[0].of.event = e;
    is_int(1, sysvmp_wait(w, 2, 10000),
        "wait: for a child that was started before the first object");
    ok(w[0].ready == 0 && w[1].ready == 1, "... which it tells from that");
    is_int(-SIGKILL, end_of(first), "... and which was killed");
    sysvmp_event_destroy(e);
}

int
main(void)
{
    plan(75);
    stage = shared(sizeof(*stage));
    started_before_all();
    make();
    nonsense();
    destroy();
    times_out();
    marks_all();
    is_level_triggered();
    not_ours();
    wakes(CONN);
    wakes(QUEUE);
    wakes(EVENT);
    for (long way = 0; way < 5; way++) {
        process_ends(way, 0, 1);
        process_ends(way, 3, 1);
    }
    process_ends(2, 0, 0);
    process_ends(2, 2, 0);
    reaped_by_others();
    parent_ends(0);
    parent_ends(1);
    is_interrupted(KINDS, "several kinds");
    is_interrupted(1, "a process");
    return done();
}
