/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fork-window.c: a parent is killed after the fork and before its child has
 * registered, again and again; each second time the child is killed as well.
 * The peer must see no end of file before the child's end, what the child
 * sends must arrive, and then comes the end of file.
 */
#include <config.h>

#include "proof.h"

#include <pthread.h>
#include <signal.h>

enum { ROUNDS = 200, NUMBER = 42 };

static int armed;
static struct sysvmp_conn *reads, *writes;

static struct words {
    _Atomic int orphan; /* the child's pid, when it waits */
    _Atomic int go;
} *words;

static void
in_parent(void)
{
    if (armed)
        kill(getpid(), SIGKILL);
}

static void
in_child(void)
{
    if (!armed)
        return;
    atomic_store(&words->orphan, getpid());
    until(&words->go, 1);
}

/* Before the library's, so that ours come first in parent and child. */
__attribute__((__constructor__(101))) static void
install(void)
{
    pthread_atfork(NULL, in_parent, in_child);
}

static int
send_number(void *arg)
{
    int number = NUMBER;

    (void)arg;
    return sysvmp_conn_send(writes, &number, sizeof(number), CALL_MS) != 0;
}

static int
start_and_die(void *arg)
{
    struct sysvmp_process *p = created(send_number, arg);

    armed = 1;
    return sysvmp_process_start(p);
}

static int
receive(int timeout_ms)
{
    int number = 0;
    ssize_t len =
        sysvmp_conn_recv(reads, &number, sizeof(number), timeout_ms);

    return len < 0 ? (int)len : number;
}

static struct {
    int early, lost, untold;
} seen;

static void
one_round(int kill_child)
{
    struct sysvmp_conn *end[2];
    int64_t start;
    int dead;

    memset(words, 0, sizeof(*words));
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    reads = end[0];
    writes = end[1];
    dead = reap(child(start_and_die, NULL));
    if (dead != -SIGKILL)
        bail("the parent ended with %d", dead);
    must(sysvmp_conn_close(writes), "close");
    until(&words->orphan, 1);
    seen.early += receive(SYSVMP_NOWAIT) != -EAGAIN;
    if (kill_child)
        kill(words->orphan, SIGKILL);
    else
        atomic_store(&words->go, 1);
    start = now_ns();
    seen.lost += !kill_child &&
        (receive(CALL_MS) != NUMBER || !in_time(start));
    seen.untold += receive(CALL_MS) != -EPIPE || !in_time(start);
    sysvmp_conn_destroy(reads);
    sysvmp_conn_destroy(writes);
}

int
main(int argc, char **argv)
{
    int rounds = how_often(argc, argv, ROUNDS);

    plan(3);
    words = shared(sizeof(*words));
    for (int i = 0; i < rounds; i++)
        one_round(i % 2);
    is_int(0, seen.early, "fork window: no end of file too early");
    is_int(0, seen.lost, "... no message is lost");
    is_int(0, seen.untold, "... and the end of file comes");
    diag("figure: tried=%d early=%d lost=%d untold=%d", rounds, seen.early,
        seen.lost, seen.untold);
    must(sysvmp_leave(), "leave");
    return done();
}
