/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * give-back.c: what has been taken is given back, though the interrupt
 * function asks to stop: a taker destroys its handle, or the message, or
 * leaves, or ends, while another process is stopped in the middle of a put;
 * and while three others use the queue all the time.  The message is there
 * for others while its taker lives.
 *
 * The put is stopped at some of its points, others in each run; at all of them
 * with SYSVMP_CRASH_ALL=1 (`make check-crash`).
 */
#include <config.h>

#include "internal.h"

#include "child.h"
#include "testing.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
    BOUND_MS = 5000, /* longer than any wait that is not a hang */
    HELD_MS = 130,   /* longer than anybody is patient with the stopped one */
    ROUNDS = 2,      /* points of the put in the quick form */
    POINTS_MAX = 100,
    USERS = 3,
    TAKERS = 10,
    TAKERS_ALL = 500,
    NUMBERS = 1 << 20
};

static struct {
    _Atomic int taken, go, answered, given, over;
    int number; /* that the taker has */
    long points;
    _Atomic int next;
    _Atomic unsigned char done[NUMBERS];
} *now;

static struct sysvmp_queue *q;
static struct sysvmp_msg *message;
static long point;
static int bad;

static int
stop_it(void *unused)
{
    (void)unused;
    return 1;
}

/* The number in the message, or a code. */
static int
get(int timeout_ms)
{
    int number = 0;
    ssize_t len = sysvmp_queue_get(q, &number, sizeof(number), timeout_ms);

    return len < 0 ? (int)len : number;
}

static int
put(int number, int timeout_ms)
{
    return sysvmp_queue_put(q, &number, sizeof(number), timeout_ms);
}

/*
 * How a taker gives it back.
 */

static int
get_by_copy(void)
{
    return get(BOUND_MS);
}

static int
get_in_place(void)
{
    int result = sysvmp_queue_get_msg(q, &message, BOUND_MS);

    return result < 0 ? result : *(int *)sysvmp_msg_data(message);
}

static void
destroy_handle(void)
{
    sysvmp_queue_destroy(q);
}

static void
destroy_message(void)
{
    sysvmp_msg_destroy(message);
}

static void
leave(void)
{
    (void)sysvmp_leave();
}

static void
end(void)
{
    sysvmp_process_exit(0);
}

static const struct way {
    const char *name;
    int (*take)(void);
    void (*give_back)(void);
} ways[] = {
    {"queue_destroy", get_by_copy, destroy_handle},
    {"queue_destroy, with a message in place", get_in_place, destroy_handle},
    {"msg_destroy", get_in_place, destroy_message},
    {"leave", get_by_copy, leave},
    {"process_exit", get_by_copy, end},
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

static int
run_taker(void *arg)
{
    const struct way *way = arg;

    now->number = way->take();
    atomic_store(&now->taken, 1);
    until(&now->go, 2);
    sysvmp_set_interrupt(stop_it, NULL);
    way->give_back();
    atomic_store(&now->given, 1);
    until(&now->over, 1);
    return 0;
}

/*
 * Beside a put that is stopped.
 */

static int
run_putter(void *unused)
{
    (void)unused;
    until(&now->go, 1);
    testing_stops = 1;
    testing_crash_at(point);
    (void)!put(2, SYSVMP_FOREVER);
    now->points = testing_points();
    testing_crash_at(0);
    atomic_store(&now->answered, 1);
    until(&now->over, 1);
    return 0;
}

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

/* The number comes once more, and the put's. */
static void
look(const char *name)
{
    int seen[3] = {0, 0, 0}, number;

    while ((number = get(seen[1] && seen[2] ? SYSVMP_NOWAIT : BOUND_MS)) >
        0) {
        seen[number < 3 ? number : 0]++;
        must(sysvmp_queue_task_done(q), "task_done");
    }
    if (seen[0] == 0 && seen[1] == 1 && seen[2] == 1 &&
        sysvmp_queue_join(q, SYSVMP_NOWAIT) == 0)
        return;
    diag("%s, a put stopped at point %ld: it came %d times, the other %d",
        name, point, seen[1], seen[2]);
    bad++;
}

/* One round: was the put stopped? */
static int
play(const struct way *way)
{
    pid_t taker, putter;
    int stopped;

    memset(now, 0, offsetof(__typeof__(*now), done));
    must(sysvmp_queue_create(&q, 0, SYSVMP_JOINABLE), "queue_create");
    must(put(1, SYSVMP_NOWAIT), "put");
    taker = child(run_taker, (void *)(uintptr_t)way);
    until(&now->taken, 1);
    putter = child(run_putter, NULL);
    atomic_store(&now->go, 1);
    until_true(stopped_or_answered, &putter, "the stop");
    stopped = !atomic_load(&now->answered);
    atomic_store(&now->go, 2);
    pause_ms(stopped ? HELD_MS : 0);
    kill(putter, SIGCONT);
    until(&now->answered, 1);
    look(way->name);
    atomic_store(&now->over, 1);
    (void)reap(putter);
    (void)reap(taker);
    sysvmp_queue_destroy(q);
    must(sysvmp_leave(), "leave");
    return stopped;
}

static int complete;
static unsigned seed;

static void
beside_a_stopped_put(const struct way *way)
{
    long step = 1;

    bad = 0;
    point = 0;
    (void)play(way);
    if (!complete)
        step = 1 + now->points / ROUNDS;
    point = step > 1 ? (long)chance(&seed, (unsigned)step) + 1 - step : 0;
    do
        point += step;
    while (!bad && point < POINTS_MAX && play(way));
    is_int(0, bad, "%s beside a put that is stopped", way->name);
}

/*
 * Beside three who use the queue all the time.
 */

/* Puts a new one, and does another one; done[] is of those that came. */
static int
use(void *unused)
{
    (void)unused;
    while (!atomic_load(&now->over)) {
        int next = atomic_fetch_add(&now->next, 1), number;

        if (next < NUMBERS && put(next, BOUND_MS) < 0)
            return 1;
        number = get(SYSVMP_NOWAIT);
        if (number < 0)
            continue;
        atomic_fetch_add(&now->done[number], 1);
        if (sysvmp_queue_task_done(q) < 0)
            return 2;
    }
    return 0;
}

static int
is_done(void *unused)
{
    (void)unused;
    return now->number > 0 && atomic_load(&now->done[now->number]) > 0;
}

/* A taker gives one back, and lives until somebody else has done it. */
static void
take_one(const struct way *way)
{
    int64_t limit = now_ns() + BOUND_MS * INT64_C(1000000);
    pid_t taker;

    atomic_store(&now->taken, 0);
    atomic_store(&now->given, 0);
    atomic_store(&now->go, 2);
    taker = child(run_taker, (void *)(uintptr_t)way);
    until(&now->taken, 1);
    while (!is_done(NULL) && now_ns() < limit)
        pause_us(100);
    if (!is_done(NULL)) {
        diag("%s: message %d is lost", way->name, now->number);
        bad++;
    }
    slay(taker);
}

static void
beside_users(const struct way *way)
{
    int takers = complete ? TAKERS_ALL : TAKERS;
    pid_t user[USERS];

    bad = 0;
    memset(now, 0, sizeof(*now));
    atomic_store(&now->next, 1);
    must(sysvmp_queue_create(&q, 0, SYSVMP_JOINABLE), "queue_create");
    for (int i = 0; i < USERS; i++)
        user[i] = child(use, NULL);
    for (int i = 0; i < takers && !bad; i++)
        take_one(way);
    atomic_store(&now->over, 1);
    for (int i = 0; i < USERS; i++)
        if (reap(user[i]) != 0)
            bad++;
    sysvmp_queue_destroy(q);
    must(sysvmp_leave(), "leave");
    is_int(0, bad, "%s beside three who use the queue", way->name);
}

int
main(void)
{
    plan(2 * WAYS);
    now = shared(sizeof(*now));
    complete = getenv("SYSVMP_CRASH_ALL") != NULL;
    seed = first_seed();
    for (int i = 0; i < WAYS; i++)
        beside_a_stopped_put(&ways[i]);
    for (int i = 0; i < WAYS; i++)
        beside_users(&ways[i]);
    return done();
}
