/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * exit-amid.c: a signal handler calls exit() in the middle of a call, at each
 * point of it.  The interrupted call has what locks it has, and never goes on.
 * Still the program tells its child, which waits for that; the child uses all
 * that the program was using, and ends; and so does the program.
 *
 * The short form takes some of the points, others in each run; SYSVMP_CRASH_ALL
 * and the long form all.
 */
#include <config.h>

#include "child.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "testing.h"

enum { END = 6, STEP = 5, LARGE = 20000 };

static struct {
    _Atomic int ready;
    _Atomic int told;   /* what ended the child's get */
    _Atomic int points; /* of the call, without an exit */
} *all;

static struct sysvmp_queue *queue, *jobs;
static struct sysvmp_conn *end[2];
static struct sysvmp_lock *lock;
static struct sysvmp_semaphore *permits;
static struct sysvmp_event *event;
static struct sysvmp_condition *condition;
static struct sysvmp_barrier *barrier;
static struct sysvmp_process *brief;
static char large[LARGE];

/*
 * The calls.  Each may answer what it likes.
 */

static void
put(void)
{
    (void)!sysvmp_queue_put(queue, "x", 1, SYSVMP_NOWAIT);
}

static void
put_large(void)
{
    (void)!sysvmp_queue_put(jobs, large, LARGE, SYSVMP_NOWAIT);
}

static void
get(void)
{
    (void)!sysvmp_queue_get(jobs, large, LARGE, SYSVMP_NOWAIT);
}

static void
get_in_vain(void)
{
    (void)!sysvmp_conn_recv(end[1], large, LARGE, 1);
}

static void
task_done(void)
{
    (void)!sysvmp_queue_task_done(jobs);
}

static void
send_one(void)
{
    (void)!sysvmp_conn_send(end[0], large, LARGE, SYSVMP_NOWAIT);
}

static void
lock_and_unlock(void)
{
    (void)!sysvmp_lock_acquire(lock, SYSVMP_NOWAIT);
    (void)!sysvmp_lock_release(lock);
}

static void
use_permit(void)
{
    (void)!sysvmp_semaphore_acquire(permits, SYSVMP_NOWAIT);
    (void)!sysvmp_semaphore_release(permits, 1);
}

static void
set(void)
{
    (void)!sysvmp_event_set(event);
    (void)!sysvmp_event_clear(event);
    (void)!sysvmp_event_wait(event, 1);
}

static void
wait_in_condition(void)
{
    (void)!sysvmp_condition_acquire(condition, SYSVMP_NOWAIT);
    (void)!sysvmp_condition_wait(condition, 1);
    (void)!sysvmp_condition_release(condition);
}

static void
meet(void)
{
    (void)!sysvmp_barrier_wait(barrier, 1);
}

static void
share(void)
{
    void *block = sysvmp_shared_alloc(LARGE);

    if (block != NULL)
        sysvmp_shared_free(block);
}

static void
make_and_destroy(void)
{
    struct sysvmp_queue *q;

    if (sysvmp_queue_create(&q, 0, SYSVMP_JOINABLE) == 0)
        sysvmp_queue_destroy(q);
}

static void
make_and_close(void)
{
    struct sysvmp_conn *pair[2];

    if (sysvmp_pipe_create(pair, 0) < 0)
        return;
    sysvmp_conn_close(pair[0]);
    sysvmp_conn_destroy(pair[0]);
    sysvmp_conn_destroy(pair[1]);
}

static void
join(void)
{
    (void)!sysvmp_process_join(brief, SYSVMP_FOREVER);
    (void)sysvmp_process_is_alive(brief);
    (void)sysvmp_process_destroy(brief);
}

static void
look_around(void)
{
    struct sysvmp_process *list[2];

    (void)sysvmp_active_children(list, 2);
    (void)sysvmp_queue_qsize(queue);
    (void)sysvmp_conn_poll(end[1], 1);
}

static const struct way {
    const char *name;
    void (*call)(void);
} ways[] = {
    {"put", put},
    {"put of a long message", put_large},
    {"get", get},
    {"recv", get_in_vain},
    {"task_done", task_done},
    {"send", send_one},
    {"acquire and release of a lock", lock_and_unlock},
    {"acquire and release of a permit", use_permit},
    {"set, clear and wait of an event", set},
    {"wait of a condition", wait_in_condition},
    {"wait of a barrier", meet},
    {"alloc and free of a shared block", share},
    {"create and destroy of a queue", make_and_destroy},
    {"create, close and destroy of a pipe", make_and_close},
    {"join and destroy of a process", join},
    {"looks", look_around},
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

/*
 * One program.
 */

/* Needs each of the locks that the library has. */
static void
use_all(void)
{
    must(sysvmp_queue_put(jobs, large, LARGE, SYSVMP_FOREVER), "put");
    must(sysvmp_queue_get(jobs, large, LARGE, SYSVMP_FOREVER), "get");
    must(sysvmp_queue_task_done(jobs), "task_done");
    must(sysvmp_conn_send(end[0], large, LARGE, SYSVMP_FOREVER), "send");
    must(sysvmp_conn_recv(end[1], large, LARGE, SYSVMP_FOREVER), "recv");
    share();
    make_and_destroy();
}

static int
wait_for_end(void *arg)
{
    char c;
    ssize_t len;

    (void)arg;
    must(sysvmp_queue_close(queue), "queue_close");
    all->ready = 1;
    while ((len = sysvmp_queue_get(queue, &c, 1, SYSVMP_FOREVER)) >= 0)
        continue;
    use_all();
    all->told = (int)len;
    return 0;
}

static int
at_once(void *arg)
{
    (void)arg;
    return 0;
}

static void
make_all(void)
{
    must(sysvmp_queue_create(&queue, 0, SYSVMP_EOF), "queue");
    must(sysvmp_queue_create(&jobs, 0, SYSVMP_JOINABLE), "joinable queue");
    must(sysvmp_pipe_create(end, 0), "pipe");
    must(sysvmp_lock_create(&lock), "lock");
    must(sysvmp_semaphore_create(&permits, 1, 1, SYSVMP_PERMITS), "permits");
    must(sysvmp_event_create(&event), "event");
    must(sysvmp_condition_create(&condition, NULL), "condition");
    must(sysvmp_barrier_create(&barrier, 2, NULL, NULL), "barrier");
    started(wait_for_end, NULL);
    brief = started(at_once, NULL);
    for (int i = 0; i < 3; i++)
        must(sysvmp_queue_put(jobs, "x", 1, SYSVMP_NOWAIT), "put");
    must(sysvmp_queue_get(jobs, large, LARGE, SYSVMP_NOWAIT), "get");
    until(&all->ready, 1);
}

static void
leave_now(void)
{
    exit(END);
}

struct round {
    const struct way *way;
    long point;
    int resigns; /* as a filter refuses what gives up all at once */
};

static int
program(void *arg)
{
    const struct round *round = arg;

    make_all();
    if (round->resigns)
        testing_fail(SEAM_UNSHARE, 1, EPERM, true);
    testing_at_point = leave_now;
    testing_crash_at(round->point);
    round->way->call();
    all->points = (int)testing_points();
    testing_crash_at(0);
    exit(END);
}

static int
has_ended(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};

    for (int i = 0; i < tap_timeout_s() * 100; i++) {
        waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
        if (info.si_pid == pid)
            return 1;
        pause_us(1000);
    }
    return 0;
}

static int
ends(const struct way *way, long point)
{
    struct round round = {way, point, point % 2};
    int told, code;
    pid_t pid;

    memset(all, 0, sizeof(*all));
    pid = child(program, &round);
    if (!has_ended(pid)) {
        diag("%s: exit() at point %ld: it hangs", way->name, point);
        slay(pid);
        return 0;
    }
    code = reap(pid);
    told = all->told;
    if (code != END || told != -EPIPE)
        diag("%s: exit() at point %ld: ended by %d, child told %d",
            way->name, point, code, told);
    return code == END && told == -EPIPE;
}

static void
each_point(const struct way *way, unsigned *state, long step)
{
    long first = 1 + chance(state, (unsigned)step);
    int bad = !ends(way, 0);
    long points = all->points;

    if (first > points)
        first = points;
    for (long point = first; point <= points && bad < 3; point += step)
        bad += !ends(way, point);
    is_int(0, bad, "exit-amid: %s", way->name);
}

int
main(int argc, char **argv)
{
    int full = long_form(argc, argv) || getenv("SYSVMP_CRASH_ALL") != NULL;
    long step = full ? 1 : STEP;
    unsigned state = first_seed();

    plan(WAYS);
    all = shared(sizeof(*all));
    for (const struct way *way = ways; way < ways + WAYS; way++)
        each_point(way, &state, step);
    return done();
}
