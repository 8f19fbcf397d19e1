/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * wait-full.c: the kernel's semaphores end at 32,767: after so many deaths and
 * wake-ups who sleeps in sysvmp_wait(), or at an event, is woken as before.
 * They are raised by the test, as that many deaths would do.
 */
#include <config.h>

#include "internal.h"

#include "child.h"
#include "block.h"
#include "watch.h"

#include <errno.h>
#include <signal.h>
#include <sys/sem.h>

enum { FULL = 32767 };

static struct {
    _Atomic int step, seen;
} *stage;

static struct sysvmp_conn *end[2], *other[2];
static struct sysvmp_event *e;

static void
raise_to(int semaphores, int semaphore, int value)
{
    struct sembuf up = {.sem_num = (unsigned short)semaphore};

    up.sem_op =
        (short)(value - semctl(semaphores, semaphore, GETVAL));
    if (up.sem_op != 0)
        must(semop(semaphores, &up, 1), "semop");
}

static void
raise_lanes(int first, int value)
{
    for (int lane = 0; lane < WATCH_LANES; lane++)
        raise_to(arena_current->home, first + lane, value);
}

static int
idle(void *arg)
{
    (void)arg;
    for (;;)
        pause();
    return 0;
}

/* It holds the other pipe's writing end, or both. */
static int
hold(void *arg)
{
    if (arg == NULL)
        must(sysvmp_conn_close(end[1]), "close");
    atomic_fetch_add(&stage->step, 1);
    return idle(NULL);
}

static int
wait_for_end(void *arg)
{
    struct sysvmp_waitable w = {.kind = SYSVMP_WAIT_CONN, .of.conn = end[0]};

    (void)arg;
    return sysvmp_wait(&w, 1, 10000) == 1 ? 0 : 1;
}

/* Two die; of the second the bells can't tell where nobody lowers them. */
static void
two_deaths(int pad, int value)
{
    pid_t beside[WATCH_LANES], first, last, watcher;

    atomic_store(&stage->step, 0);
    for (int i = 0; i < pad; i++) /* so that the watcher has another lane */
        beside[i] = child(idle, NULL);
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    first = child(hold, NULL);
    last = child(hold, end);
    must(sysvmp_conn_close(end[1]), "close");
    watcher = child(wait_for_end, NULL);
    until(&stage->step, 2);
    asleep(watcher);
    raise_lanes(BLOCK_SIDES, value);
    asleep(watcher);
    slay(first);
    asleep(watcher);
    slay(last);
    is_int(0, reap(watcher),
        "full: two die after %d others, and the end of file is seen", value);
    for (int i = 0; i < pad; i++)
        slay(beside[i]);
    sysvmp_conn_destroy(end[0]);
    sysvmp_conn_destroy(end[1]);
}

static int
wait_for_messages(void *arg)
{
    struct sysvmp_waitable w[2] = {
        {.kind = SYSVMP_WAIT_CONN, .of.conn = end[0]},
        {.kind = SYSVMP_WAIT_CONN, .of.conn = other[0]}};

    (void)arg;
    for (;;) {
        char byte;

        if (sysvmp_wait(w, 2, 10000) != 1)
            return 1;
        for (int i = 0; i < 2; i++)
            if (w[i].ready && sysvmp_conn_recv(
                    i == 0 ? end[0] : other[0], &byte, 1, 0) != 1)
                return 2;
        atomic_fetch_add(&stage->seen, 1);
    }
}

static const int values[] = {16382, 16383, 16384, 16385, 32766, 32767};

enum { VALUES = sizeof(values) / sizeof(values[0]) };

static void
many_posts(void)
{
    pid_t pid;

    atomic_store(&stage->seen, 0);
    must(sysvmp_pipe_create(end, SYSVMP_SIMPLEX), "pipe_create");
    must(sysvmp_pipe_create(other, SYSVMP_SIMPLEX), "pipe_create");
    pid = child(wait_for_messages, NULL);
    for (int i = 0; i < 4 * VALUES; i++) {
        asleep(pid);
        raise_lanes(i & 1 ? BLOCK_WATCH : BLOCK_SIDES,
            values[i / 4]);
        if (i & 2)
            asleep(pid);
        must(sysvmp_conn_send(i % 3 ? end[1] : other[1], "x", 1, 1000),
            "send");
        until(&stage->seen, i + 1);
    }
    ok(1, "full: messages are seen at each height of turns and sides");
    slay(pid);
    for (int i = 0; i < 2; i++) {
        sysvmp_conn_destroy(end[i]);
        sysvmp_conn_destroy(other[i]);
    }
}

/*
 * The same at an event, which has its own.
 */

static int
wait_for_event(void *arg)
{
    (void)arg;
    for (;;) {
        if (sysvmp_event_wait(e, 10000) != 0)
            return 1;
        atomic_fetch_add(&stage->seen, 1);
        if (sysvmp_event_clear(e) != 0)
            return 2;
    }
}

static void
an_event(void)
{
    const struct holding *h;
    pid_t pid;

    atomic_store(&stage->seen, 0);
    must(sysvmp_event_create(&e), "event_create");
    h = &((const struct handle *)e)->holding[0];
    pid = child(wait_for_event, NULL);
    for (int i = 0; i < 2 * VALUES; i++) {
        pid_t passer_by;

        asleep(pid);
        raise_to(h->place.semaphores,
            i & 1 ? h->side : h->place.gate + h->side - h->place.counter,
            values[i / 2]);
        passer_by = child(idle, NULL); /* has a bell, too, and rings it */
        slay(passer_by);
        slay(child(idle, NULL));
        must(sysvmp_event_set(e), "set");
        until(&stage->seen, i + 1);
    }
    ok(1, "full: an event is seen at each height of its turn and side");
    slay(pid);
    sysvmp_event_destroy(e);
}

int
main(void)
{
    plan(2 * WATCH_LANES + 2);
    stage = shared(sizeof(*stage));
    for (int pad = 0; pad < WATCH_LANES; pad++) {
        two_deaths(pad, FULL - 1);
        two_deaths(pad, FULL / 2);
    }
    many_posts();
    an_event();
    return done();
}
