/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait-cost.c: what a wake-up from sysvmp_wait() costs does not grow with the
 * objects that are not ready: in calls of the kernel, as counted at the seam;
 * and in CPU time, 1,000 of them cost no more than three times what poll(2)
 * takes for as many descriptors.  (Without sanitizers it is a quarter.)
 */
#include <config.h>

#include "child.h"
#include "testing.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <time.h>

enum { MANY = 1000, ROUNDS = 100, SOME = 10 };

static struct {
    _Atomic int round, result;
    _Atomic long calls, cpu_ns;
} *stage;

static struct sysvmp_waitable list[MANY];
static struct sysvmp_conn *end[2];
static struct sysvmp_event *events[MANY / 2];
static struct sysvmp_queue *queues[MANY - MANY / 2];
static struct pollfd fds[MANY];
static int n, descriptor[2];

static void
make(void)
{
    int quiet[2];

    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    for (int i = 0; i < MANY / 2; i++)
        must(sysvmp_event_create(&events[i]), "event_create");
    for (int i = MANY / 2; i < MANY; i++)
        must(sysvmp_queue_create(&queues[i - MANY / 2], 0, SYSVMP_EOF),
            "queue_create");
    for (int i = 0; i < MANY; i++)
        if (i % 2) {
            list[i].kind = SYSVMP_WAIT_EVENT;
            list[i].of.event = events[i / 2];
        } else {
            list[i].kind = SYSVMP_WAIT_QUEUE;
            list[i].of.queue = queues[i / 2];
        }
    list[0].kind = SYSVMP_WAIT_CONN;
    list[0].of.conn = end[0];
    if (pipe2(descriptor, O_CLOEXEC) < 0)
        bail("pipe2: %s", strerror(errno));
    if (pipe2(quiet, O_CLOEXEC) < 0)
        bail("pipe2: %s", strerror(errno));
    for (int i = 0; i < MANY; i++) {
        fds[i].fd = i == 0 ? descriptor[0] : dup(quiet[0]);
        fds[i].events = POLLIN;
        if (fds[i].fd < 0)
            bail("dup: %s", strerror(errno));
    }
}

static void
destroy(void)
{
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    for (int i = 0; i < MANY / 2; i++)
        sysvmp_event_destroy(events[i]);
    for (int i = 0; i < MANY - MANY / 2; i++)
        sysvmp_queue_destroy(queues[i]);
}

static long
cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (long)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int
by_wait(void)
{
    char byte;

    return sysvmp_wait(list, (size_t)n, SYSVMP_FOREVER) == 1 &&
        sysvmp_conn_recv(end[0], &byte, 1, SYSVMP_NOWAIT) == 1;
}

static int
by_poll(void)
{
    char byte;

    return poll(fds, (nfds_t)n, -1) == 1 &&
        read(descriptor[0], &byte, 1) == 1;
}

/* After some rounds, in which it comes to know them. */
static int
wake_up(void *arg)
{
    int (*fn)(void) = *(int (**)(void))arg;
    unsigned long calls = 0;
    long cpu = 0;

    for (int i = 0; i < SOME + ROUNDS; i++) {
        if (i == SOME) {
            calls = testing_all_calls();
            cpu = cpu_ns();
        }
        if (!fn())
            return 1;
        atomic_store(&stage->round, i + 1);
    }
    atomic_store(&stage->calls, (long)(testing_all_calls() - calls));
    atomic_store(&stage->cpu_ns, cpu_ns() - cpu);
    return 0;
}

static void
wake_by_send(void)
{
    must(sysvmp_conn_send(end[1], "x", 1, 1000), "send");
}

static void
wake_by_write(void)
{
    if (write(descriptor[1], "x", 1) != 1)
        bail("write: %s", strerror(errno));
}

static void
run(int objects, int (*fn)(void), void (*wake)(void), long *calls,
    long *cpu)
{
    pid_t pid;

    n = objects;
    atomic_store(&stage->round, 0);
    pid = child(wake_up, &fn);
    for (int i = 0; i < SOME + ROUNDS; i++) {
        asleep(pid);
        wake();
        until(&stage->round, i + 1);
    }
    if (reap(pid) != 0)
        bail("who waits has failed");
    *calls = stage->calls / ROUNDS;
    *cpu = stage->cpu_ns / ROUNDS;
}

int
main(void)
{
    struct rlimit limit;
    long calls[3], cpu[3];

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    plan(2);
    stage = shared(sizeof(*stage));
    make();
    run(1, by_wait, wake_by_send, &calls[0], &cpu[0]);
    run(MANY, by_wait, wake_by_send, &calls[1], &cpu[1]);
    run(MANY, by_poll, wake_by_write, &calls[2], &cpu[2]);
    diag("calls of the kernel for a wake-up: %ld for 1 object, %ld for %d",
        calls[0], calls[1], MANY);
    diag("CPU time: %ld ns, and %ld; by poll(2) of %d descriptors %ld",
        cpu[0], cpu[1], MANY, cpu[2]);
    ok(calls[1] <= calls[0] + 1,
        "cost: a wake-up takes as many calls of the kernel for 1,000 objects "
        "as for 1");
    ok(cpu[1] < 3 * cpu[2], "... and at most three times what poll(2) takes");
    destroy();
    return done();
}
