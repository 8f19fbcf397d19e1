/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * could-not-look.c: a process is stopped in the middle of a call on a joinable
 * queue, maybe with the lock of its list; meanwhile the taker of a message is
 * killed.  Nobody can look then whether the message has come back, and nobody
 * takes that for the answer: a call with a timeout does not say that it is the
 * end of file; a call without one sees the message when the stopped process
 * goes on; and a join does not return before the message is done.
 *
 * The process is stopped at some points of its call, others in each run; at
 * all of them with SYSVMP_CRASH_ALL=1 (`make check-crash`).
 */
#include <config.h>

#include "internal.h"

#include "child.h"
#include "testing.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
    SHORT_MS = 30,   /* runs out while the process is stopped */
    BOUND_MS = 5000, /* longer than any wait that is not a hang */
    ROUNDS = 1,      /* points of a case in the quick form */
    POINTS_MAX = 200
};

/* A process that waits, and what it is to be told. */
struct waiter {
    pid_t pid;
    _Atomic int back;
    int answer;
};

static struct {
    _Atomic int taken, ready, go, answered, over;
    int answer;
    long points;
    struct waiter sleeper, joiner, timed_wait, timed_get;
} *now;

static struct sysvmp_queue *q;
static int bad;
static const char *name;
static long point;

/* So that each waiter sleeps. */
__attribute__((__constructor__(101))) static void
never_spin(void)
{
    setenv("SYSVMP_SPIN_US", "0", 1);
}

static void
want(int right, const char *what, int seen)
{
    if (right)
        return;
    diag("%s, stopped at point %ld: %s (%d)", name, point, what, seen);
    bad++;
}

/* The number in the message, or a code. */
static int
get(int timeout_ms)
{
    char byte = 0;
    ssize_t len = sysvmp_queue_get(q, &byte, 1, timeout_ms);

    return len == 1 ? byte : len < 0 ? (int)len : -EBADMSG;
}

static void
put(char number)
{
    must(sysvmp_queue_put(q, &number, 1, SYSVMP_NOWAIT), "put");
}

/*
 * What the process does that is stopped, and how many messages it has then.
 */

static int
put_one(void)
{
    return sysvmp_queue_put(q, "\3", 1, SYSVMP_NOWAIT);
}

static int
get_one(void)
{
    return get(SYSVMP_NOWAIT);
}

static int
is_done(void)
{
    return sysvmp_queue_task_done(q);
}

static int
give_back(void)
{
    return sysvmp_queue_task_return(q);
}

static const struct holder {
    const char *name;
    int (*call)(void);
    int offered; /* a second message is there, */
    int has_it;  /* which it has taken before, */
    int keeps;   /* or which it has after the call */
    int closes;  /* nobody may put any more */
} holders[] = {
    {"put", put_one, 0, 0, 0, 0},
    {"get", get_one, 1, 0, 1, 0},
    {"task_done", is_done, 1, 1, 0, 0},
    {"task_return", give_back, 1, 1, 0, 0},
    {"task_done, and the end may come", is_done, 1, 1, 0, 1},
    {"task_return, and the end may come", give_back, 1, 1, 0, 1},
};

enum { HOLDERS = sizeof(holders) / sizeof(holders[0]) };

static const struct holder *h;

static void
close_if_so(void)
{
    if (h->closes)
        must(sysvmp_queue_close(q), "close");
}

static int
take_and_stay(void *arg)
{
    (void)arg;
    close_if_so();
    must(get(SYSVMP_NOWAIT), "get");
    atomic_store(&now->taken, 1);
    until(&now->over, 1);
    return 0;
}

static int
run_holder(void *arg)
{
    (void)arg;
    close_if_so();
    if (h->has_it)
        must(get(SYSVMP_NOWAIT), "get");
    atomic_store(&now->ready, 1);
    until(&now->go, 1);
    testing_stops = 1;
    testing_crash_at(point);
    now->answer = h->call();
    now->points = testing_points();
    testing_crash_at(0);
    atomic_store(&now->answered, 1);
    until(&now->go, 2);
    if (h->keeps && now->answer > 0)
        must(sysvmp_queue_task_done(q), "task_done");
    until(&now->over, 1);
    return 0;
}

/*
 * Those who wait.
 */

static int
wait_for_ever(void)
{
    struct sysvmp_waitable w = {.kind = SYSVMP_WAIT_QUEUE, .of.queue = q};

    return sysvmp_wait(&w, 1, SYSVMP_FOREVER);
}

static int
wait_shortly(void)
{
    struct sysvmp_waitable w = {.kind = SYSVMP_WAIT_QUEUE, .of.queue = q};

    return sysvmp_wait(&w, 1, SHORT_MS);
}

/* It gives back what it got, for the others to find. */
static int
get_and_return(int timeout_ms)
{
    int number = get(timeout_ms);

    if (number > 0 && sysvmp_queue_task_return(q) < 0)
        return -EBUSY;
    return number;
}

static int
get_for_ever(void)
{
    return get_and_return(SYSVMP_FOREVER);
}

static int
get_shortly(void)
{
    return get_and_return(SHORT_MS);
}

static int
join(void)
{
    return sysvmp_queue_join(q, SYSVMP_FOREVER);
}

struct waiting {
    struct waiter *waiter;
    int (*call)(void);
};

static int
run_waiter(void *arg)
{
    const struct waiting *waiting = arg;

    close_if_so();
    waiting->waiter->answer = waiting->call();
    atomic_store(&waiting->waiter->back, 1);
    until(&now->over, 1);
    return 0;
}

static void
let_wait(struct waiter *waiter, int (*call)(void))
{
    struct waiting waiting = {waiter, call};

    waiter->pid = child(run_waiter, &waiting);
}

static int
comes_back(const struct waiter *waiter)
{
    int64_t end = now_ns() + BOUND_MS * INT64_C(1000000);

    while (!atomic_load(&waiter->back)) {
        if (now_ns() > end)
            return 0;
        pause_us(100);
    }
    return 1;
}

/*
 * A round.
 */

static int
stopped_or_answered(void *arg)
{
    const pid_t *pid = arg;
    siginfo_t info = {.si_pid = 0};

    return atomic_load(&now->answered) ||
        (waitid(P_PID, (id_t)*pid, &info, WSTOPPED | WNOHANG | WNOWAIT) ==
                0 &&
            info.si_pid == *pid);
}

/* A sleeper in get has the message for a moment, before it gives it back; only
 * when it has done so must the message be seen. */
static int
length_of_next(int (*sleep)(void))
{
    int length = (int)sysvmp_queue_next_len(q);

    if (length == -EAGAIN && sleep == get_for_ever &&
        comes_back(&now->sleeper) && now->sleeper.answer > 0)
        length = (int)sysvmp_queue_next_len(q);
    return length;
}

/* While it is stopped: what could not be seen is not told as a lack, and a lack
 * is not the end. */
static void
look_while_stopped(int (*sleep)(void))
{
    int length = length_of_next(sleep);

    want(length == 1 || length == -ETIMEDOUT, "next_len", length);
    let_wait(&now->timed_wait, wait_shortly);
    let_wait(&now->timed_get, get_shortly);
    want(comes_back(&now->timed_wait), "a wait with a timeout hangs", 0);
    want(comes_back(&now->timed_get), "a get with a timeout hangs", 0);
    want(now->timed_wait.answer == 0 || now->timed_wait.answer == 1,
        "a wait with a timeout", now->timed_wait.answer);
    want(now->timed_get.answer > 0 || now->timed_get.answer == -ETIMEDOUT,
        "a get with a timeout", now->timed_get.answer);
    want(!now->joiner.back, "a join, and one is not done",
        now->joiner.answer);
}

/* The message of the killed one comes again, once, and all is done then: but
 * for what the process has that was stopped. */
static void
look_at_messages(void)
{
    int number, times = h->keeps && now->answer == 1;

    while ((number = get(times == 0 ? BOUND_MS : SYSVMP_NOWAIT)) > 0) {
        times += number == 1;
        want(number != 1 || sysvmp_queue_redelivered(q) == 1,
            "is it redelivered?", 0);
        want(!now->joiner.back, "a join, and one is not done",
            now->joiner.answer);
        must(sysvmp_queue_task_done(q), "task_done");
    }
    want(number == (h->closes ? -EPIPE : -EAGAIN), "the last get", number);
    want(times == 1, "how often the message came", times);
}

static void
look_after_stop(void)
{
    want(comes_back(&now->sleeper), "it sleeps, and there is a message", 0);
    if (now->sleeper.back)
        want(now->sleeper.answer > 0, "who waits for a message is told",
            now->sleeper.answer);
    look_at_messages();
    atomic_store(&now->go, 2);
    want(comes_back(&now->joiner), "a join hangs", 0);
    if (now->joiner.back)
        want(now->joiner.answer == 0, "a join", now->joiner.answer);
}

static void
slay_if(pid_t pid)
{
    if (pid > 0)
        slay(pid);
}

static pid_t
begin(void)
{
    pid_t taker;

    memset(now, 0, sizeof(*now));
    must(sysvmp_queue_create(&q, 0,
             SYSVMP_JOINABLE | (h->closes ? SYSVMP_EOF : 0)), "create");
    put(1);
    taker = child(take_and_stay, NULL);
    until(&now->taken, 1);
    if (h->offered)
        put(2);
    return taker;
}

static void
finish(pid_t holder)
{
    slay(holder);
    slay_if(now->sleeper.pid);
    slay_if(now->joiner.pid);
    slay_if(now->timed_wait.pid);
    slay_if(now->timed_get.pid);
    sysvmp_queue_destroy(q);
    must(sysvmp_leave(), "leave");
}

/* Does it still pass so many points?  sleep: who sleeps before it. */
static int
play(int (*sleep)(void))
{
    pid_t taker = begin(), holder = child(run_holder, NULL);
    int stopped;

    until(&now->ready, 1);
    close_if_so();
    let_wait(&now->joiner, join);
    if (!h->offered || h->has_it) {
        let_wait(&now->sleeper, sleep);
        if (!asleep(now->sleeper.pid))
            want(0, "a waiter does not sleep", now->sleeper.answer);
    }
    if (!asleep(now->joiner.pid))
        want(0, "a join does not sleep", now->joiner.answer);
    atomic_store(&now->go, 1);
    until_true(stopped_or_answered, &holder, "the stop");
    stopped = !atomic_load(&now->answered);
    slay(taker);
    if (now->sleeper.pid == 0)
        let_wait(&now->sleeper, sleep);
    look_while_stopped(sleep);
    kill(holder, SIGCONT);
    until(&now->answered, 1);
    want(now->answer >= 0 || now->answer == -EAGAIN, "its call",
        now->answer);
    look_after_stop();
    finish(holder);
    return stopped;
}

static int complete;
static unsigned seed;

/* At all points, or at some. */
static void
stop_at_points(int (*sleep)(void))
{
    long step = 1;

    bad = 0;
    point = 0;
    (void)play(sleep);
    if (!complete)
        step = 1 + now->points / ROUNDS;
    point = step > 1 ? (long)chance(&seed, (unsigned)step) + 1 - step : 0;
    do
        point += step;
    while (!bad && point < POINTS_MAX && play(sleep));
}

int
main(void)
{
    plan(2 * HOLDERS);
    now = shared(sizeof(*now));
    complete = getenv("SYSVMP_CRASH_ALL") != NULL;
    seed = first_seed();
    for (int i = 0; i < HOLDERS; i++) {
        h = &holders[i];
        name = h->name;
        stop_at_points(wait_for_ever);
        is_int(0, bad, "stopped in %s: who waits for any of several", name);
        stop_at_points(get_for_ever);
        is_int(0, bad, "stopped in %s: who waits in get", name);
    }
    return done();
}
