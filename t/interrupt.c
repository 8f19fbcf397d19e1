/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * interrupt.c: the interrupt function is asked before each sleep and after
 * each signal in it.  If it says so the call answers -EINTR and nothing has
 * changed; else it sleeps on, to its old deadline.
 */
#include <config.h>

#include "stage.h"
#include "tap.h"
#include "waits.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { WAIT_MS = 20, TRIES = 100 };

static char buf[SYSVMP_INLINE_MAX];

static struct {
    _Atomic int signals, asked;
} *stage;

static int
answer(void *arg)
{
    stage->asked++;
    return *(const int *)arg;
}

static int yes = 1, no = 0;

static void
at_once(const struct waiting *w)
{
    int64_t result;
    int tries = 0;

    sysvmp_set_interrupt(answer, &yes);
    stage->asked = 0;
    is_int(-EINTR, w->call(SYSVMP_FOREVER),
        "interrupt: asked before %s sleeps, it says yes", w->name);
    ok(stage->asked >= 1, "... it was asked");
    is_int(-EINTR, w->call(1000), "... with a timeout");
    stage->asked = 0;
    is_int(w->nowait, w->call(SYSVMP_NOWAIT), "... who won't sleep");
    is_int(0, stage->asked, "... is not asked");
    sysvmp_set_interrupt(answer, &no);
    stage->asked = 0;
    /* Where there is no CPU for us the time may be up before it sleeps. */
    do
        result = w->call(WAIT_MS);
    while (stage->asked == 0 && ++tries < TRIES);
    is_int(w->nowait == 0 ? 0 : -ETIMEDOUT, result,
        "... it says no: the call waits till its time is up");
    ok(stage->asked >= 1, "... it was asked");
    sysvmp_set_interrupt(NULL, NULL);
}

/*
 * After a signal.
 */

static void
count_signal(int sig)
{
    (void)sig;
    stage->signals++;
}

/* Says yes after the second signal. */
static int
twice(void *arg)
{
    (void)arg;
    stage->asked++;
    return stage->signals >= 2;
}

static int
sleep_in(void *arg)
{
    const struct waiting *w = arg;
    struct sigaction act = {.sa_handler = count_signal};

    sigaction(SIGUSR1, &act, NULL);
    sysvmp_set_interrupt(twice, NULL);
    return w->call(SYSVMP_FOREVER) == -EINTR ? 0 : 1;
}

static int
asked_again(void *arg)
{
    return stage->asked > *(const int *)arg;
}

/* Two signals to our parent, who sleeps after the first as before it. */
static int
poke(void *arg)
{
    pid_t pid = getppid();
    int asked, asleep_again;

    (void)arg;
    asleep(pid);
    asked = stage->asked;
    kill(pid, SIGUSR1);
    until(&stage->signals, 1);
    until_true(asked_again, &asked, "the interrupt function");
    asleep_again = asleep(pid);
    kill(pid, SIGUSR1);
    return asleep_again ? 0 : 1;
}

/* Only who has started a process can wait for it: so it is us who sleep. */
static void
by_signal(const struct waiting *w)
{
    int woken;
    pid_t pid;

    stage->signals = stage->asked = 0;
    pid = child(poke, NULL);
    woken = sleep_in((void *)w);
    sysvmp_set_interrupt(NULL, NULL);
    is_int(0, reap(pid),
        "interrupt: a signal in %s: asked, no: it sleeps on", w->name);
    is_int(0, woken, "... another: asked, yes: -EINTR");
}

static int64_t
get(int ms)
{
    return sysvmp_queue_get(wait_empty, buf, sizeof(buf), ms);
}

/* Nothing was taken or put, nobody forgotten. */
static void
queues_as_before(void)
{
    is_int(0, sysvmp_queue_qsize(wait_empty), "interrupt: nothing was put");
    is_int(1, sysvmp_queue_qsize(wait_full), "... nor taken");
    is_int(0, sysvmp_queue_put(wait_empty, "x", 1, 1000), "... put");
    is_int(1, get(1000), "... and get are as ever");
    is_int(1, sysvmp_queue_get(wait_full, buf, sizeof(buf), 1000), "... get");
    is_int(0, sysvmp_queue_put(wait_full, "x", 1, 1000), "... and put");
    is_int(1, sysvmp_queue_get(wait_unfinished, buf, sizeof(buf), 1000),
        "... the task is there");
    is_int(0, sysvmp_queue_task_done(wait_unfinished), "... is done");
    is_int(0, sysvmp_queue_join(wait_unfinished, 1000),
        "... and the join over");
}

static void
pipe_as_before(void)
{
    struct sysvmp_conn *ours = wait_end[0], *other = wait_end[1];
    int n = 0;

    while (sysvmp_conn_recv(other, buf, sizeof(buf), SYSVMP_NOWAIT) >= 0)
        n++;
    ok(n > 0, "... what was sent is received");
    is_int(0, sysvmp_conn_send(ours, buf, sizeof(buf), 1000),
        "... there is room again");
    is_int(0, sysvmp_conn_send(other, "x", 1, 1000), "... the other way");
    is_int(1, sysvmp_conn_poll(ours, 1000), "... poll");
    is_int(1, sysvmp_conn_recv(ours, buf, sizeof(buf), 1000), "... and recv");
}

static void
locks_as_before(void)
{
    is_int(-EAGAIN, sysvmp_lock_acquire(wait_lock, SYSVMP_NOWAIT),
        "... the locks are held");
    is_int(-EAGAIN, sysvmp_rlock_acquire(wait_rlock, SYSVMP_NOWAIT),
        "... both");
    waits_end();
    is_int(0, sysvmp_lock_acquire(wait_lock, SYSVMP_NOWAIT),
        "... and then they are free");
    is_int(0, sysvmp_rlock_acquire(wait_rlock, SYSVMP_NOWAIT), "... both");
    is_int(0, sysvmp_lock_release(wait_lock), "... we release them");
    is_int(0, sysvmp_rlock_release(wait_rlock), "... both");
    is_int(0, sysvmp_semaphore_release(wait_semaphore, 1), "... a permit");
    is_int(0, sysvmp_semaphore_acquire(wait_semaphore, 1000), "... is had");
    is_int(0, sysvmp_semaphore_value(wait_semaphore), "... once");
    is_int(0, sysvmp_event_set(wait_event), "... the event is set");
    is_int(0, sysvmp_event_wait(wait_event, 1000), "... and seen");
}

/* -EINTR with somebody else asleep beside: who is woken then? */
static int
get_one(void *arg)
{
    (void)arg;
    return get(SYSVMP_FOREVER) == 1 ? 0 : 1;
}

static void
neighbours(void)
{
    const struct waiting *w = &waiting[0];
    int good = 0;

    for (int i = 0; i < 20; i++) {
        pid_t first, second;

        stage->signals = 1;
        stage->asked = 0;
        first = child(sleep_in, (void *)w);
        asleep(first);
        second = child(get_one, NULL);
        asleep(second);
        /* Both want it; if the first has the message it says 1. */
        kill(first, SIGUSR1);
        must(sysvmp_queue_put(wait_empty, "x", 1, 1000), "put");
        if (reap(first) == 1)
            must(sysvmp_queue_put(wait_empty, "x", 1, 1000), "put");
        good += reap(second) == 0;
    }
    is_int(20, good, "interrupt: who leaves does not forget its neighbour");
}

int
main(void)
{
    plan(waiting_calls * 9 + 9 + 5 + 12 + 1);
    stage = shared(sizeof(*stage));
    waits_begin();
    for (int i = 0; i < waiting_calls; i++)
        at_once(&waiting[i]);
    for (int i = 0; i < waiting_calls; i++)
        by_signal(&waiting[i]);
    queues_as_before();
    pipe_as_before();
    locks_as_before();
    neighbours();
    return done();
}
