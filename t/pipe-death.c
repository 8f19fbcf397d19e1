/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pipe-death.c: the holder of the other end is SIGKILLed: end of file, or
 * -EPIPE, within 50 ms, 1,000 times of 1,000: the peer sleeps in recv or poll,
 * sleeps in send on a full pipe, is just arriving or spinning, or comes later.
 *
 * From the 50 ms is taken what the kernel says that victim, killer and peer
 * waited for a CPU: another program's load is not our delay.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum call { RECV, POLL, SEND };
enum when { ASLEEP, ARRIVING, LATER };

enum { BOUND_MS = 50, ARRIVING_US = 400 };

static const struct kind {
    enum call call;
    enum when when;
    int rounds;
    const char *text;
} kinds[] = {
    {RECV, ASLEEP, 120, "asleep in recv"},
    {POLL, ASLEEP, 30, "asleep in poll"},
    {SEND, ASLEEP, 50, "asleep in send, the pipe is full"},
    {RECV, ARRIVING, 350, "arriving or spinning in recv"},
    {POLL, ARRIVING, 100, "arriving or spinning in poll"},
    {SEND, ARRIVING, 150, "arriving or spinning in send"},
    {RECV, LATER, 100, "in recv, come later"},
    {POLL, LATER, 50, "in poll, come later"},
    {SEND, LATER, 50, "in send, come later"},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static struct sysvmp_conn *end[2];
static unsigned seed = 1;

/* What the peer, a thread of ours, does and sees. */
static struct {
    enum call call;
    _Atomic pid_t id;
    _Atomic int go;
    int64_t result;
    int64_t at;
    int64_t queued; /* until then */
} peer;

/* How long it has waited for a CPU. */
static int64_t
queued_ns(pid_t process, pid_t thread)
{
    char path[80], buf[128];
    int64_t run, queued = 0;
    ssize_t n = 0;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)process,
        (int)thread);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, buf, sizeof(buf) - 1);
        close(fd);
    }
    buf[n > 0 ? n : 0] = '\0';
    if (sscanf(buf, "%" SCNd64 " %" SCNd64, &run, &queued) != 2)
        return 0;
    return queued;
}

static int
victim(void *arg)
{
    _Atomic int *ready = arg;

    if (sysvmp_conn_close(end[0]) < 0)
        return 1;
    *ready = 1;
    for (;;)
        pause();
}

static int64_t
call_it(enum call call)
{
    char buf[SYSVMP_INLINE_MAX] = "";

    switch (call) {
    case RECV:
        return sysvmp_conn_recv(end[0], buf, sizeof(buf), 10000);
    case POLL:
        return sysvmp_conn_poll(end[0], 10000);
    default:
        return sysvmp_conn_send(end[0], buf, sizeof(buf), 10000);
    }
}

static void *
peer_runs(void *arg)
{
    (void)arg;
    peer.id = (pid_t)syscall(SYS_gettid);
    while (!peer.go)
        sched_yield();
    peer.result = call_it(peer.call);
    peer.at = now_ns();
    peer.queued = queued_ns(getpid(), peer.id);
    return NULL;
}

static int
peer_is_there(void *arg)
{
    (void)arg;
    return peer.id != 0;
}

static void
fill(void)
{
    static const char big[SYSVMP_INLINE_MAX];

    while (sysvmp_conn_send(end[0], big, sizeof(big), SYSVMP_NOWAIT) == 0)
        continue;
}

/* Kills the victim as asked; answers when it began. */
static int64_t
kill_when(enum when when, pid_t pid)
{
    unsigned us = chance(&seed, ARRIVING_US);
    int64_t start;

    if (when == LATER) {
        kill(pid, SIGKILL);
        while (waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT) < 0)
            continue;
        start = now_ns();
        peer.go = 1;
        return start;
    }
    if (when == ASLEEP) {
        peer.go = 1;
        asleep(peer.id);
        start = now_ns();
        kill(pid, SIGKILL);
        return start;
    }
    /* A death takes its time: mostly the peer arrives after the kill. */
    if (us < ARRIVING_US / 4)
        peer.go = 1;
    start = now_ns();
    while (peer.go && now_ns() < start + us * INT64_C(1000))
        continue;
    start = now_ns();
    kill(pid, SIGKILL);
    while (!peer.go && now_ns() < start + us * INT64_C(1000))
        continue;
    peer.go = 1;
    return start;
}

/* One death: how long the peer took to be told, -1 if it was not. */
static int64_t
round_of(const struct kind *kind, _Atomic int *ready)
{
    int64_t start, took, queued, wanted = kind->call == POLL ? 1 : -EPIPE;
    pthread_t thread;
    pid_t pid;

    must(sysvmp_pipe_create(end, 0), "pipe_create");
    *ready = 0;
    peer.call = kind->call;
    peer.id = 0;
    peer.go = 0;
    pid = child(victim, ready);
    until(ready, 1);
    must(sysvmp_conn_close(end[1]), "close");
    if (kind->call == SEND)
        fill();
    if (pthread_create(&thread, NULL, peer_runs, NULL) != 0)
        bail("pthread_create");
    until_true(peer_is_there, NULL, "the thread");

    queued = queued_ns(getpid(), peer.id) + queued_ns(pid, pid) +
        queued_ns(getpid(), getpid());
    start = kill_when(kind->when, pid);
    queued -= queued_ns(getpid(), getpid());
    pthread_join(thread, NULL);
    queued -= queued_ns(pid, pid) + peer.queued;
    reap(pid);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
    if (peer.result != wanted) {
        diag("%s: %" PRId64, kind->text, peer.result);
        return -1;
    }
    took = peer.at - start + queued;
    return took > 0 ? took : 0;
}

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static void
rounds_of(const struct kind *kind, _Atomic int *ready)
{
    static int64_t took[1000];
    int told = 0, in_time = 0;

    for (int i = 0; i < kind->rounds; i++) {
        took[i] = round_of(kind, ready);
        told += took[i] >= 0;
        in_time += took[i] >= 0 && took[i] <= BOUND_MS * INT64_C(1000000);
    }
    is_int(kind->rounds, told, "pipe-death: %d times of %d told: %s",
        told, kind->rounds, kind->text);
    is_int(kind->rounds, in_time, "... within %d ms", BOUND_MS);
    qsort(took, (size_t)kind->rounds, sizeof(took[0]), compare);
    diag("  us: median %" PRId64 ", at most %" PRId64,
        took[kind->rounds / 2] / 1000, took[kind->rounds - 1] / 1000);
}

int
main(void)
{
    _Atomic int *ready;
    int rounds = 0;

    plan(KINDS * 2 + 1);
    ready = shared(sizeof(*ready));
    for (int i = 0; i < KINDS; i++) {
        rounds_of(&kinds[i], ready);
        rounds += kinds[i].rounds;
    }
    is_int(1000, rounds, "pipe-death: 1,000 deaths");
    return done();
}
