/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wake-refused.c: a process that the kernel does not let wake others: it has
 * become another user since, or has left the IPC namespace, or one of its
 * calls of semop fails, once or from then on.  Either its call is done and
 * whoever waited is awake; or the call answers a code and has done nothing,
 * and then the call of another process wakes.
 */
#ifndef _GNU_SOURCE
#    define _GNU_SOURCE
#endif
#include <config.h>

#include "child.h"
#include "testing.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
    BOUND_MS = 5000,
    CALLS_MAX = 20,
    NOT_POSSIBLE = 1000,
    CHANNELS = 1 /* 1: with the rows of queues and pipes */
};

static struct {
    _Atomic int ready, go, answered, answer, faults;
} *stage;

static struct sysvmp_event *event;
static struct sysvmp_semaphore *semaphore;
static struct sysvmp_barrier *barrier;
static struct sysvmp_queue *queue;
static struct sysvmp_conn *end[2];
static pid_t worker;

/* What is tried. */
struct row {
    const char *name;
    void (*make)(void);
    void (*before)(void); /* by the worker, before the peer sleeps */
    int (*peer)(void *);  /* 0: it was woken */
    int (*call)(void);
    int (*state)(void);
    void (*heal)(void);
    void (*destroy)(void);
    /* RESIDUAL: the change comes before a wake-up that may fail alone; or, of
     * permits, the kernel gives them back when the namespace is left. */
    enum { EXACT, RESIDUAL } then;
    enum { OF_GATES, OF_CHANNELS } part;
};

/* So that each peer sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

/*
 * Events.
 */

static void
make_event(void)
{
    must(sysvmp_event_create(&event), "event_create");
}

static int
wait_event(void *arg)
{
    (void)arg;
    return sysvmp_event_wait(event, SYSVMP_FOREVER);
}

static int
set_event(void)
{
    return sysvmp_event_set(event);
}

static int
event_state(void)
{
    return sysvmp_event_is_set(event);
}

static void
heal_event(void)
{
    must(sysvmp_event_set(event), "event_set");
}

static void
destroy_event(void)
{
    sysvmp_event_destroy(event);
}

static int
wait_any_event(void *arg)
{
    struct sysvmp_waitable w = {
        .kind = SYSVMP_WAIT_EVENT, .of.event = event};

    (void)arg;
    return sysvmp_wait(&w, 1, SYSVMP_FOREVER) == 1 ? 0 : 1;
}

/*
 * Semaphores.
 */

static void
make_semaphore(void)
{
    must(sysvmp_semaphore_create(&semaphore, 0, 0, 0), "semaphore_create");
}

static void
make_permits(void)
{
    must(sysvmp_semaphore_create(&semaphore, 1, 1, SYSVMP_PERMITS),
        "semaphore_create");
}

static void
take_permit(void)
{
    must(sysvmp_semaphore_acquire(semaphore, SYSVMP_NOWAIT), "acquire");
}

static int
acquire(void *arg)
{
    (void)arg;
    return sysvmp_semaphore_acquire(semaphore, SYSVMP_FOREVER);
}

static int
release_one(void)
{
    return sysvmp_semaphore_release(semaphore, 1);
}

static int
release_three(void)
{
    return sysvmp_semaphore_release(semaphore, 3);
}

static int
semaphore_state(void)
{
    return sysvmp_semaphore_value(semaphore);
}

static void
heal_semaphore(void)
{
    must(sysvmp_semaphore_release(semaphore, 1), "release");
}

/* The permit is the worker's, so it comes back with its end. */
static void
end_worker(void)
{
    kill(worker, SIGKILL);
}

static void
destroy_semaphore(void)
{
    sysvmp_semaphore_destroy(semaphore);
}

/*
 * Barriers.
 */

static void
make_barrier(void)
{
    must(sysvmp_barrier_create(&barrier, 2, NULL, NULL), "barrier_create");
}

static int
wait_barrier(void *arg)
{
    int result = sysvmp_barrier_wait(barrier, SYSVMP_FOREVER);

    (void)arg;
    return result >= 0 || result == -ECANCELED ? 0 : 1;
}

static int
pass_barrier(void)
{
    return sysvmp_barrier_wait(barrier, SYSVMP_FOREVER);
}

static int
abort_barrier(void)
{
    return sysvmp_barrier_abort(barrier);
}

static int
reset_barrier(void)
{
    return sysvmp_barrier_reset(barrier);
}

static int
barrier_state(void)
{
    return sysvmp_barrier_n_waiting(barrier) +
        100 * sysvmp_barrier_broken(barrier);
}

static void
heal_barrier(void)
{
    if (sysvmp_barrier_n_waiting(barrier) == 1)
        must(sysvmp_barrier_wait(barrier, SYSVMP_FOREVER), "barrier_wait");
    else
        must(sysvmp_barrier_abort(barrier), "barrier_abort");
}

static void
destroy_barrier(void)
{
    sysvmp_barrier_destroy(barrier);
}

/*
 * Queues and pipes.
 */

static void
make_queue(void)
{
    must(sysvmp_queue_create(&queue, 0, 0), "queue_create");
}

static void
make_limited(void)
{
    must(sysvmp_queue_create(&queue, 4, 0), "queue_create");
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
wait_any_queue(void *arg)
{
    struct sysvmp_waitable w = {
        .kind = SYSVMP_WAIT_QUEUE, .of.queue = queue};

    (void)arg;
    return sysvmp_wait(&w, 1, SYSVMP_FOREVER) == 1 ? 0 : 1;
}

static int
put(void)
{
    return sysvmp_queue_put(queue, "x", 1, SYSVMP_FOREVER);
}

static int
queue_state(void)
{
    return (int)sysvmp_queue_qsize(queue);
}

static void
heal_queue(void)
{
    must(sysvmp_queue_put(queue, "y", 1, SYSVMP_FOREVER), "put");
}

static void
destroy_queue(void)
{
    sysvmp_queue_destroy(queue);
}

static void
make_pipe(void)
{
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
}

static int
receive(void *arg)
{
    char text[8];

    (void)arg;
    return sysvmp_conn_recv(end[0], text, sizeof(text), SYSVMP_FOREVER) == 1
        ? 0
        : 1;
}

static int
send_one(void)
{
    return sysvmp_conn_send(end[1], "x", 1, SYSVMP_FOREVER);
}

static int
pipe_state(void)
{
    return sysvmp_conn_poll(end[0], SYSVMP_NOWAIT);
}

static void
heal_pipe(void)
{
    must(sysvmp_conn_send(end[1], "y", 1, SYSVMP_FOREVER), "send");
}

static void
destroy_pipe(void)
{
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static const struct row rows[] = {
    {"an event is set", make_event, NULL, wait_event, set_event, event_state,
        heal_event, destroy_event, EXACT, OF_GATES},
    {"an event is set, any of several is waited for", make_event, NULL,
        wait_any_event, set_event, event_state, heal_event, destroy_event,
        EXACT, OF_GATES},
    {"a semaphore is released", make_semaphore, NULL, acquire, release_one,
        semaphore_state, heal_semaphore, destroy_semaphore, EXACT, OF_GATES},
    {"a semaphore is released by three", make_semaphore, NULL, acquire,
        release_three, semaphore_state, heal_semaphore, destroy_semaphore,
        EXACT, OF_GATES},
    {"a permit is released", make_permits, take_permit, acquire, release_one,
        semaphore_state, end_worker, destroy_semaphore, RESIDUAL, OF_GATES},
    {"the last comes to a barrier", make_barrier, NULL, wait_barrier,
        pass_barrier, barrier_state, heal_barrier, destroy_barrier, RESIDUAL,
        OF_GATES},
    {"a barrier is broken", make_barrier, NULL, wait_barrier, abort_barrier,
        barrier_state, heal_barrier, destroy_barrier, RESIDUAL, OF_GATES},
    {"a barrier is reset", make_barrier, NULL, wait_barrier, reset_barrier,
        barrier_state, heal_barrier, destroy_barrier, RESIDUAL, OF_GATES},
    {"a message is put", make_queue, NULL, get, put, queue_state, heal_queue,
        destroy_queue, EXACT, OF_CHANNELS},
    {"a message is put into a queue with a maxsize", make_limited, NULL, get,
        put, queue_state, heal_queue, destroy_queue, EXACT, OF_CHANNELS},
    {"a message is put, any of several is waited for", make_queue, NULL,
        wait_any_queue, put, queue_state, heal_queue, destroy_queue, EXACT,
        OF_CHANNELS},
    {"a message is sent", make_pipe, NULL, receive, send_one, pipe_state,
        heal_pipe, destroy_pipe, EXACT, OF_CHANNELS},
};

/*
 * How it is refused.
 */

static struct {
    int number, first, forever;
} fault;

static int
refuse(enum seam call)
{
    int n;

    if (call != SEAM_SEMOP)
        return 0;
    n = atomic_fetch_add(&stage->faults, 1) + 1;
    return n == fault.first || (fault.forever && n > fault.first)
        ? -fault.number
        : 0;
}

static int
by_fault(void)
{
    testing_fault = refuse;
    return 0;
}

static int
by_user(void)
{
    return setresuid(65534, 65534, 65534);
}

static int
by_namespace(void)
{
    return unshare(CLONE_NEWIPC);
}

/*
 * A round.
 */

struct round {
    const struct row *row;
    int (*how)(void);
};

/* It stays, as its end would wake its peer. */
static int
work(void *arg)
{
    const struct round *round = arg;

    if (round->row->before != NULL)
        round->row->before();
    atomic_store(&stage->ready, 1);
    until(&stage->go, 1);
    atomic_store(&stage->answer,
        round->how() < 0 ? NOT_POSSIBLE : round->row->call());
    testing_fault = NULL;
    atomic_store(&stage->answered, 1);
    until(&stage->go, 2);
    return 0;
}

/* It is not reaped. */
static int
ended_soon(pid_t pid)
{
    int64_t bound = now_ns() + BOUND_MS * INT64_C(1000000);

    do {
        siginfo_t info = {.si_pid = 0};

        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
                0 &&
            info.si_pid == pid)
            return 1;
        pause_us(200);
    } while (now_ns() < bound);
    return 0;
}

/* It sleeps and goes on sleeping. */
static void
settle(pid_t pid)
{
    int64_t before, now = -1;

    do {
        before = now;
        pause_us(2000);
        now = voluntary_switches(pid);
    } while (now < 1 || now != before);
}

/* How many went wrong. */
static int
look(const struct row *row, pid_t peer, int before)
{
    int answer = atomic_load(&stage->answer), wrong = 0;

    if (answer == NOT_POSSIBLE)
        return 0;
    if (answer >= 0) {
        if (ended_soon(peer))
            return 0;
        diag("%s: %d, and its peer sleeps on", row->name, answer);
        return 1;
    }
    if (row->then == EXACT && row->state() != before) {
        diag("%s: %s, and %d is now %d", row->name, sysvmp_strerror(answer),
            before, row->state());
        wrong++;
    }
    if (answer != -EACCES && answer != -ENOSYS && answer != -EIDRM &&
        answer != -EOVERFLOW) {
        diag("%s: the code is %d", row->name, answer);
        wrong++;
    }
    row->heal();
    if (!ended_soon(peer)) {
        diag("%s: %s; and others wake nobody after it", row->name,
            sysvmp_strerror(answer));
        wrong++;
    }
    return wrong;
}

/* What the worker was answered; *wrong goes up. */
static int
play(const struct row *row, int (*how)(void), int *wrong)
{
    struct round round = {row, how};
    int before, answer;
    pid_t peer;

    memset(stage, 0, sizeof(*stage));
    row->make();
    worker = child(work, &round);
    until(&stage->ready, 1);
    peer = child(row->peer, NULL);
    settle(peer);
    before = row->state();
    atomic_store(&stage->go, 1);
    until(&stage->answered, 1);
    *wrong += look(row, peer, before);
    answer = atomic_load(&stage->answer);
    slay(peer);
    atomic_store(&stage->go, 2);
    reap(worker);
    row->destroy();
    return answer;
}

/* At its 1st call of semop, its 2nd and so on. */
static int
play_faults(const struct row *row, int number, int forever)
{
    int wrong = 0, n = 0;

    do {
        fault.number = number;
        fault.first = ++n;
        fault.forever = forever;
        (void)play(row, by_fault, &wrong);
    } while (atomic_load(&stage->faults) >= n && n < CALLS_MAX && wrong == 0);
    return wrong;
}

static void
refuse_all(const struct row *row)
{
    static const int numbers[] = {EACCES, EPERM, ENOSYS, ERANGE};
    int wrong = 0;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        wrong += play_faults(row, numbers[i], 0);
    wrong += play_faults(row, EACCES, 1);
    is_int(0, wrong, "%s: by a semop that fails", row->name);
}

static void
refuse_by(const struct row *row, int (*how)(void), const char *name)
{
    int wrong = 0;

    if (play(row, how, &wrong) == NOT_POSSIBLE)
        skip(1, "%s: %s: not allowed here", row->name, name);
    else
        is_int(0, wrong, "%s: %s", row->name, name);
}

int
main(void)
{
    size_t n = sizeof(rows) / sizeof(rows[0]);

    while (!CHANNELS && rows[n - 1].part == OF_CHANNELS)
        n--;
    plan(3 * (int)n);
    stage = shared(sizeof(*stage));
    for (size_t i = 0; i < n; i++) {
        refuse_by(&rows[i], by_user, "by one who is another user now");
        refuse_by(&rows[i], by_namespace, "by one who has left for another "
            "IPC namespace");
        refuse_all(&rows[i]);
    }
    return done();
}
