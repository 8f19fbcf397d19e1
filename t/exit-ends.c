/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * exit-ends.c: a program ends, as by `return 1` after an error, while its
 * child waits for what only the program's death would give up.  The program
 * waits for its child, so it gives that up before: the child is told, has got
 * all that was put, and ends; and so does the program.
 *
 * The long form waits until the log is told for whom a program waits, and
 * until a daemon that is stopped is killed.
 */
#include <config.h>

#include "child.h"
#include "queue.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "self.h"
#include "testing.h"
#include "word.h"

enum { FILL = 8, END = 6, NOBODY = 65534 };

struct told {
    _Atomic int ready; /* the child is about to wait, or holds something */
    _Atomic int go;
    _Atomic int result; /* what it was told in the end */
    _Atomic int messages; /* ... and so many came before */
    _Atomic int thread; /* ... and a thread of the program's */
    _Atomic int named; /* the log */
};

static struct told *told;
static struct sysvmp_queue *queue;
static struct sysvmp_conn *end[2];
static struct sysvmp_lock *lock;
static struct sysvmp_semaphore *permits;
static struct sysvmp_barrier *barrier;

/*
 * What a child does.
 */

static int
take_all(void)
{
    int item, n = 0;
    ssize_t len;

    while ((len = sysvmp_queue_get(queue, &item, sizeof(item),
        SYSVMP_FOREVER)) >= 0)
        n += item == n;
    atomic_store(&told->messages, n);
    return (int)len;
}

static int
in_get(void)
{
    return take_all();
}

static int
in_recv(void)
{
    int item, n = 0;
    ssize_t len;

    while ((len = sysvmp_conn_recv(end[1], &item, sizeof(item),
        SYSVMP_FOREVER)) >= 0)
        n += item == n;
    atomic_store(&told->messages, n);
    return (int)len;
}

static int
in_send(void)
{
    static const char much[1000];
    int error;

    atomic_store(&told->messages, FILL);
    do
        error = sysvmp_conn_send(end[1], much, sizeof(much), SYSVMP_FOREVER);
    while (error == 0);
    return error;
}

/* What the program took first comes last, and is done. */
static int
in_joinable_get(void)
{
    int item, n = 0;
    ssize_t len;

    while ((len = sysvmp_queue_get(queue, &item, sizeof(item),
        SYSVMP_FOREVER)) >= 0) {
        n++;
        must(sysvmp_queue_task_done(queue), "task_done");
    }
    atomic_store(&told->messages, n);
    return (int)len;
}

static int
in_acquire(void)
{
    atomic_store(&told->messages, FILL);
    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER);
}

static int
in_permit(void)
{
    atomic_store(&told->messages, FILL);
    return sysvmp_semaphore_acquire(permits, SYSVMP_FOREVER);
}

/*
 * What the program does before it starts its child, and after.
 */

static void
put_all(void)
{
    for (int i = 0; i < FILL; i++)
        must(sysvmp_queue_put(queue, &i, sizeof(i), SYSVMP_FOREVER), "put");
}

static void
send_all(void)
{
    for (int i = 0; i < FILL; i++)
        must(sysvmp_conn_send(end[0], &i, sizeof(i), SYSVMP_FOREVER), "send");
}

static void
take_one(void)
{
    int item;

    put_all();
    must(sysvmp_queue_get(queue, &item, sizeof(item), SYSVMP_FOREVER), "get");
}

static void
take_lock(void)
{
    must(sysvmp_lock_acquire(lock, SYSVMP_FOREVER), "lock_acquire");
}

static void
take_permit(void)
{
    must(sysvmp_semaphore_acquire(permits, SYSVMP_FOREVER), "acquire");
}

static const struct way {
    const char *name;
    int (*wait)(void);
    int result;
    size_t maxsize;
    unsigned flags;
    void (*before)(void);
} ways[] = {
    {"get", in_get, -EPIPE, 0, SYSVMP_EOF, put_all},
    {"get from a full queue", in_get, -EPIPE, FILL, SYSVMP_EOF, put_all},
    {"get, with a descriptor", in_get, -EPIPE, 0, SYSVMP_EOF | SYSVMP_FILENO,
        put_all},
    {"get from a joinable queue", in_joinable_get, -EPIPE, 0,
        SYSVMP_EOF | SYSVMP_JOINABLE, take_one},
    {"recv", in_recv, -EPIPE, 0, 0, send_all},
    {"send", in_send, -EPIPE, 0, 0, send_all},
    {"acquire", in_acquire, SYSVMP_OWNER_DEAD, 0, 0, take_lock},
    {"acquire of a permit", in_permit, 0, 0, 0, take_permit},
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static int
work(void *arg)
{
    const struct way *way = arg;

    must(sysvmp_queue_close(queue), "queue_close");
    atomic_store(&told->ready, getpid());
    atomic_store(&told->result, way->wait());
    return 0;
}

static void
make_all(const struct way *way)
{
    must(sysvmp_queue_create(&queue, way->maxsize, way->flags), "queue");
    must(sysvmp_pipe_create(end, 0), "pipe");
    must(sysvmp_lock_create(&lock), "lock");
    must(sysvmp_semaphore_create(&permits, 1, 1, SYSVMP_PERMITS),
        "semaphore");
}

static void
begin(void *arg)
{
    const struct way *way = arg;
    struct sysvmp_process *p = created(work, arg);

    make_all(way);
    way->before();
    must(sysvmp_process_give(p, end[1]), "process_give");
    must(sysvmp_process_start(p), "process_start");
    until(&told->ready, 1);
}

/* The main program's end. */
static int
by_exit(void *arg)
{
    begin(arg);
    asleep(atomic_load(&told->ready));
    exit(END);
}

/* A filter refuses what gives up all at once. */
static int
by_resigning(void *arg)
{
    begin(arg);
    asleep(atomic_load(&told->ready));
    testing_fail(SEAM_UNSHARE, 1, EPERM, true);
    exit(END);
}

/* As another user, who may wake nobody any more. */
static int
by_others_exit(void *arg)
{
    begin(arg);
    asleep(atomic_load(&told->ready));
    if (seteuid(NOBODY) < 0)
        bail("seteuid");
    exit(END);
}

/* Comes before it. */
static int
by_early_exit(void *arg)
{
    begin(arg);
    exit(END);
}

/* The end of a child that has a child. */
static int
in_child(void *arg)
{
    begin(arg);
    return END;
}

static int
by_return(void *arg)
{
    return end_of(started(in_child, arg));
}

static void
told_of(const struct way *way, int (*program)(void *), const char *how)
{
    memset(told, 0, sizeof(*told));
    atomic_store(&told->result, 1000);
    is_int(END, reap(child(program, (void *)way)),
        "exit-ends: a child is in %s: its parent ends by %s", way->name, how);
    is_int(way->result, atomic_load(&told->result), "... having told it");
    is_int(FILL, atomic_load(&told->messages), "... of all before the end");
}

/*
 * Another thread of the program is in the middle of a call.
 */

static void *
put_on(void *arg)
{
    int item = FILL, error;

    (void)arg;
    atomic_store(&told->go, 1);
    error = sysvmp_queue_put(queue, &item, sizeof(item), SYSVMP_FOREVER);
    atomic_store(&told->thread, error);
    pause();
    return NULL;
}

static int
thread_was_told(void *arg)
{
    (void)arg;
    return atomic_load(&told->thread) != 1000;
}

/* Takes nothing before the thread was told. */
static int
take_late(void *arg)
{
    (void)arg;
    must(sysvmp_queue_close(queue), "queue_close");
    until_true(thread_was_told, NULL, "the thread's put");
    atomic_store(&told->result, take_all());
    return 0;
}

static int
with_thread(void *arg)
{
    static const struct way bounded = {.maxsize = FILL, .flags = SYSVMP_EOF};
    pthread_t thread;

    (void)arg;
    make_all(&bounded);
    put_all();
    started(take_late, NULL);
    if (pthread_create(&thread, NULL, put_on, NULL) != 0)
        bail("pthread_create");
    until(&told->go, 1);
    exit(END);
}

static void
beside_thread(void)
{
    memset(told, 0, sizeof(*told));
    atomic_store(&told->thread, 1000);
    is_int(END, reap(child(with_thread, NULL)),
        "a thread of the program is in a put: it ends");
    is_int(-EBADF, atomic_load(&told->thread), "... the thread is told");
    is_int(-EPIPE, atomic_load(&told->result), "... and the child after it");
    is_int(FILL, atomic_load(&told->messages), "... which has got the rest");
}

/* A barrier of three: the third will never come. */
static int
meet(void *arg)
{
    (void)arg;
    atomic_store(&told->ready, getpid());
    atomic_store(&told->result, sysvmp_barrier_wait(barrier, SYSVMP_FOREVER));
    return 0;
}

static void *
meet_in_thread(void *arg)
{
    atomic_store(&told->thread, sysvmp_barrier_wait(barrier, SYSVMP_FOREVER));
    pause();
    return arg;
}

static int
two_are_there(void *arg)
{
    (void)arg;
    return sysvmp_barrier_n_waiting(barrier) == 2;
}

static int
at_barrier(void *arg)
{
    pthread_t thread;

    (void)arg;
    must(sysvmp_barrier_create(&barrier, 3, NULL, NULL), "barrier");
    started(meet, NULL);
    if (pthread_create(&thread, NULL, meet_in_thread, NULL) != 0)
        bail("pthread_create");
    until_true(two_are_there, NULL, "two at the barrier");
    exit(END);
}

static void
beside_barrier(void)
{
    memset(told, 0, sizeof(*told));
    is_int(END, reap(child(at_barrier, NULL)),
        "a thread of the program waits at a barrier: it ends");
    is_int(-ECANCELED, atomic_load(&told->result),
        "... the child is told there");
}

/*
 * A signal handler ends the program, in the middle of a call.
 */

static void
on_signal(int sig)
{
    (void)sig;
    exit(END);
}

static int
interrupted(void *arg)
{
    char c;

    (void)arg;
    make_all(&ways[0]);
    signal(SIGUSR1, on_signal);
    started(work, (void *)&ways[0]);
    atomic_store(&told->go, getpid());
    return (int)sysvmp_conn_recv(end[0], &c, 1, SYSVMP_FOREVER);
}

static void
in_handler(void)
{
    pid_t pid;

    memset(told, 0, sizeof(*told));
    pid = child(interrupted, NULL);
    until(&told->go, 1);
    until(&told->ready, 1);
    asleep(pid);
    kill(pid, SIGUSR1);
    is_int(END, reap(pid), "a signal handler ends a program inside a recv");
    is_int(-EPIPE, atomic_load(&told->result), "... its child is told");
}

/*
 * A child that does not end: the log tells.
 */

static void
note(int level, const char *line, void *arg)
{
    (void)level;
    (void)arg;
    if (strstr(line, "waits for the end of stubborn (pid "))
        atomic_fetch_add(&told->named, 1);
}

static int
wait_for_go(void *arg)
{
    (void)arg;
    atomic_store(&told->ready, getpid());
    until(&told->go, 1);
    return 0;
}

static int
with_stubborn(void *arg)
{
    struct sysvmp_process *p = created(wait_for_go, arg);

    sysvmp_set_log(note, NULL);
    must(sysvmp_process_set_name(p, "stubborn"), "process_set_name");
    must(sysvmp_process_start(p), "process_start");
    until(&told->ready, 1);
    exit(END);
}

static void
is_named(void)
{
    pid_t pid;

    memset(told, 0, sizeof(*told));
    pid = child(with_stubborn, NULL);
    until(&told->ready, 1);
    kill(atomic_load(&told->ready), SIGSTOP);
    until(&told->named, 1);
    kill(atomic_load(&told->ready), SIGCONT);
    atomic_store(&told->go, 1);
    is_int(END, reap(pid), "a child is stopped: its parent ends after it");
    is_int(1, atomic_load(&told->named), "... having named it in the log");
}

/*
 * A daemon is stopped with the list's lock, which its parent needs in order to
 * give back what it took: it is killed all the same, five seconds later.
 */

static void
stop_with_lock(void)
{
    if (word_owner(&queue_channel(queue)->list.lock) == self_id())
        raise(SIGSTOP);
    testing_crash_at(1);
}

static int
put_and_stop(void *arg)
{
    (void)arg;
    atomic_store(&told->ready, getpid());
    testing_at_point = stop_with_lock;
    testing_crash_at(1);
    must(sysvmp_queue_put(queue, "x", 1, SYSVMP_FOREVER), "put");
    return 0;
}

static int
is_stopped(void *arg)
{
    (void)arg;
    return state_of(atomic_load(&told->ready)) == 'T';
}

static int
with_stopped_daemon(void *arg)
{
    struct sysvmp_process *p = created(put_and_stop, arg);

    must(sysvmp_queue_create(&queue, 0, SYSVMP_JOINABLE), "queue");
    take_one();
    must(sysvmp_process_set_daemon(p, 1), "process_set_daemon");
    must(sysvmp_process_start(p), "process_start");
    until_true(is_stopped, NULL, "a daemon that is stopped");
    exit(END);
}

static void
stopped_daemon(void)
{
    memset(told, 0, sizeof(*told));
    is_int(END, reap(child(with_stopped_daemon, NULL)),
        "a daemon is stopped with a queue's lock: its parent ends");
}

int
main(int argc, char **argv)
{
    int full = long_form(argc, argv);

    plan(WAYS * 15 + 4 + 2 + 2 + full * 3);
    told = shared(sizeof(*told));
    for (const struct way *way = ways; way < ways + WAYS; way++) {
        told_of(way, by_exit, "exit");
        told_of(way, by_early_exit, "exit, at once");
        told_of(way, by_return, "return");
        told_of(way, by_resigning, "exit, and resigns");
        if (geteuid() == 0)
            told_of(way, by_others_exit, "exit, as another user");
        else
            skip(3, "only root can become another user");
    }
    beside_thread();
    beside_barrier();
    in_handler();
    if (full) {
        is_named();
        stopped_daemon();
    }
    return done();
}
