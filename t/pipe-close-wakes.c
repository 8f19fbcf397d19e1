/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pipe-close-wakes.c: threads sleep in an end of a pipe, another closes it:
 * they answer -EBADF, whatever they wait for; who sleeps in the same channel
 * in another process sleeps on.
 */
#include <config.h>

#include "stage.h"
#include "sysvmp.h"
#include "tap.h"

#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 6, ROUNDS = 200 };

static struct sysvmp_conn *end[2];
static char big[SYSVMP_INLINE_MAX];

struct sleeper {
    pthread_t thread;
    int call; /* 0 recv, 1 poll, 2 send */
    _Atomic int id;
    int64_t result;
};

static int64_t
call_it(int call, struct sysvmp_conn *c)
{
    char buf[SYSVMP_INLINE_MAX];

    switch (call) {
    case 0:
        return sysvmp_conn_recv(c, buf, sizeof(buf), SYSVMP_FOREVER);
    case 1:
        return sysvmp_conn_poll(c, SYSVMP_FOREVER);
    default:
        return sysvmp_conn_send(c, big, sizeof(big), SYSVMP_FOREVER);
    }
}

static void *
sleep_in(void *arg)
{
    struct sleeper *sleeper = arg;

    sleeper->id = (int)syscall(SYS_gettid);
    sleeper->result = call_it(sleeper->call, end[0]);
    return NULL;
}

static void
start(struct sleeper *sleeper, int call)
{
    sleeper->call = call;
    sleeper->id = 0;
    sleeper->result = 1000;
    if (pthread_create(&sleeper->thread, NULL, sleep_in, sleeper) != 0)
        bail("pthread_create");
}

static void
new_full_pipe(void)
{
    must(sysvmp_pipe_create(end, 0), "pipe_create");
    while (sysvmp_conn_send(end[0], big, sizeof(big), SYSVMP_NOWAIT) == 0)
        continue;
}

static void
destroy_pipe(void)
{
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

/* Sleeps in the same gates as our threads, and holds none of the other end:
 * told when we close that. */
static int
other_process(void *arg)
{
    int call = *(const int *)arg;

    if (sysvmp_conn_close(end[1]) < 0)
        return 1;
    return call_it(call, end[0]) == (call == 1 ? 1 : -EPIPE) ? 0 : 2;
}

static void
all_asleep(void)
{
    struct sleeper sleeper[THREADS];
    int told = 0, sleeping = 0, calls[3] = {0, 1, 2};
    pid_t other[3];

    new_full_pipe();
    for (int i = 0; i < 3; i++) {
        other[i] = child(other_process, &calls[i]);
        asleep(other[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        start(&sleeper[i], i % 3);
        until(&sleeper[i].id, 1);
        sleeping += asleep(sleeper[i].id);
    }
    is_int(THREADS, sleeping,
        "pipe-close-wakes: threads sleep in recv, poll and send");
    is_int(0, sysvmp_conn_close(end[0]), "... another closes the end");
    for (int i = 0; i < THREADS; i++) {
        pthread_join(sleeper[i].thread, NULL);
        told += sleeper[i].result == -EBADF;
    }
    is_int(THREADS, told, "... all answer -EBADF");
    sleeping = 0;
    for (int i = 0; i < 3; i++)
        sleeping += asleep(other[i]);
    is_int(3, sleeping, "... another process's sleep on");
    must(sysvmp_conn_close(end[1]), "close");
    for (int i = 0; i < 3; i++)
        sleeping -= reap(other[i]) == 0;
    is_int(0, sleeping, "... until it is the other end's turn");
    destroy_pipe();
}

/* The close comes while they arrive, spin, and fall asleep. */
static void
arriving(void)
{
    unsigned seed = 1;
    int told = 0;

    for (int n = 0; n < ROUNDS; n++) {
        struct sleeper sleeper[2];

        new_full_pipe();
        for (int i = 0; i < 2; i++)
            start(&sleeper[i], (n + i) % 3);
        pause_us(chance(&seed, 200));
        must(sysvmp_conn_close(end[0]), "close");
        for (int i = 0; i < 2; i++) {
            pthread_join(sleeper[i].thread, NULL);
            told += sleeper[i].result == -EBADF;
        }
        destroy_pipe();
    }
    is_int(2 * ROUNDS, told,
        "pipe-close-wakes: a close while they arrive: all answer -EBADF");
}

int
main(void)
{
    plan(5 + 1);
    all_asleep();
    arriving();
    return done();
}
