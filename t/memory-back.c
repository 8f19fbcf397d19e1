/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * memory-back.c: while a process gives memory back to the system, that memory
 * is out of reach.  Another process that finds no room waits for it as long as
 * the giver is alive, and is never told that there is none: it gets a waiting
 * code where the giver stands still until its deadline.  The same holds where
 * it can't look for what the dead have left.
 *
 * The giver is stopped, and killed, at each of its points (each 9th in the
 * short form); a process that waits is killed at its own first ones.
 */
#include <config.h>

#include "internal.h"

#include "arena.h"
#include "child.h"
#include "payload.h"
#include "testing.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define SEGMENT "67108864"

enum { MOST = 64, STALL_MS = 300, LONG_STALL_MS = 3000, KILLS = 40, STEP = 9,
    POINTS_MAX = 1000 };

static struct {
    _Atomic int given, go, put;
} *stage;

static struct sysvmp_queue *q;
static struct sysvmp_msg *messages[MOST];
static char *buf;

/* Until there is no room: so many. */
static int
create(void)
{
    int n = 0;

    while (n < MOST && sysvmp_msg_create(&messages[n], MIB) == 0)
        n++;
    return n;
}

static void
destroy(int n)
{
    for (int i = 0; i < n; i++)
        sysvmp_msg_destroy(messages[i]);
}

static int
put(int timeout_ms)
{
    int result = sysvmp_queue_put(q, buf, MIB, timeout_ms);

    if (result == 0 &&
        sysvmp_queue_get(q, buf, MIB, SYSVMP_NOWAIT) != (ssize_t)MIB)
        bail("what was put does not come");
    return result;
}

/* In the first call that gives memory back. */
static int
stall(enum seam call)
{
    if (call != SEAM_MADVISE || stage->given)
        return 0;
    stage->given = 1;
    until(&stage->go, 1);
    return 0;
}

static int
give_back(void *arg)
{
    int n = create();

    testing_fault = stall;
    destroy(n);
    return n == *(const int *)arg ? 0 : 1;
}

/* Another process has all of the memory, and has stopped in the middle of
 * giving some back. */
static pid_t
giver(int n)
{
    pid_t pid;

    stage->given = stage->go = stage->put = 0;
    pid = child(give_back, &n);
    until(&stage->given, 1);
    return pid;
}

/*
 * The giver needs some time.
 */

static int
put_for_ever(void *unused)
{
    int result = put(SYSVMP_FOREVER);

    stage->put = 1;
    return unused == NULL ? -result : 0;
}

static int
make_one(void *unused)
{
    int result;

    /* It has no deadline, but for the second that a slow machine may need. */
    do
        result = sysvmp_msg_create(&messages[0], MIB);
    while (result == -EAGAIN);
    stage->put = 1;
    return unused == NULL ? -result : 0;
}

static int
somebody_wants(void *before)
{
    return shm_load(&arena_current->head->heap_words.wanted) !=
        *(const uint32_t *)before;
}

/* One wants memory meanwhile: how that ends. */
static void
slow_giver(const char *name, int (*fn)(void *), int ms, int n)
{
    uint32_t before;
    pid_t pid = giver(n), waits;

    before = shm_load(&arena_current->head->heap_words.wanted);
    waits = child(fn, NULL);
    until_true(somebody_wants, &before, "one who wants memory");
    pause_ms(ms);
    is_int(0, stage->put, "memory-back: %s waits %d ms for a giver that is "
        "slow", name, ms);
    stage->go = 1;
    is_int(0, reap(waits), "... and has it then");
    is_int(0, reap(pid), "... the giver goes on");
}

static void
stands_still(int n)
{
    pid_t pid = giver(n);

    is_int(-EAGAIN, put(SYSVMP_NOWAIT),
        "memory-back: the giver stands still: put does not wait for it");
    is_int(-ETIMEDOUT, put(20), "... up to its deadline");
    ok(strstr(sysvmp_last_error(), "on its way back") != NULL,
        "... it is told why: %s", sysvmp_last_error());
    is_int(-EAGAIN, sysvmp_msg_create(&messages[0], MIB),
        "... a message without copying is not made");
    ok(sysvmp_shared_alloc(MIB) == NULL &&
        strstr(sysvmp_last_error(), "busy for a second") != NULL,
        "... nor a shared block: %s", sysvmp_last_error());
    is_int(-ENOMEM, sysvmp_msg_create(&messages[0], MOST * MIB),
        "... what never has room is a lack all the same");
    slay(pid);
    is_int(n, create(), "... it is killed: all the memory is there at once");
    destroy(n);
}

static int
put_one(void *arg)
{
    testing_crash_at(*(const long *)arg);
    return -put(SYSVMP_FOREVER);
}

static void
killed_waiters(int n)
{
    pid_t pid = giver(n);
    int killed = 0;

    for (long at = 1; at <= KILLS; at++)
        killed += reap(child(put_one, &at)) == -SIGKILL;
    is_int(KILLS, killed, "memory-back: one who waits is killed at each of %d "
        "points", KILLS);
    stage->go = 1;
    is_int(0, reap(pid), "... the giver goes on");
    is_int(n, create(), "... all the memory is there");
    destroy(n);
}

/*
 * The giver is stopped, or killed, at each point.
 */

static int
give_back_at(void *arg)
{
    int n = create(), rest = n - 1;

    sysvmp_msg_destroy(messages[rest]); /* so there is some for another */
    testing_crash_at(*(const long *)arg);
    destroy(rest / 2);
    testing_crash_at(0);
    for (int i = rest / 2; i < rest; i++)
        sysvmp_msg_destroy(messages[i]);
    return 0;
}

/* Stopped there, unless it has ended. */
static int
stopped_at(long at, pid_t *pid)
{
    int status = 0;

    testing_stops = 1;
    *pid = child(give_back_at, &at);
    testing_stops = 0;
    waitpid(*pid, &status, WUNTRACED);
    return WIFSTOPPED(status);
}

static void
stopped_givers(int n, long step)
{
    int stopped = 0, lacks = 0, late = 0, had = 0;
    pid_t pid;

    for (long at = 1; at < POINTS_MAX && stopped_at(at, &pid); at += step) {
        int result = put(SYSVMP_NOWAIT);

        stopped++;
        lacks += result != 0 && result != -EAGAIN;
        late += result == -EAGAIN;
        kill(pid, SIGCONT);
        had += reap(pid) == 0 && put(SYSVMP_FOREVER) == 0;
    }
    is_int(0, lacks, "memory-back: a giver is stopped at %d points, and "
        "nobody is told of a lack", stopped);
    ok(late > 0, "... but %d times that it would wait", late);
    is_int(stopped, had, "... it goes on: there is room");
    is_int(n, create(), "... for all");
    destroy(n);
}

static void
killed_givers(int n, long step)
{
    int killed = 0, whole = 0;
    long at;

    for (at = 1; at < POINTS_MAX; at += step) {
        if (reap(child(give_back_at, &at)) != -SIGKILL)
            break;
        killed++;
        whole += create() == n;
        destroy(n);
    }
    ok(killed > 10 && at < POINTS_MAX && whole == killed,
        "... one is killed at %d points: all the memory is there, %d times",
        killed, whole);
}

/*
 * A process that gives, and needs some in another thread.
 */

static void *
destroy_all(void *n)
{
    destroy(*(const int *)n);
    return NULL;
}

static int
gives_and_takes(void *arg)
{
    int n = create(), result;
    pthread_t thread;

    stage->given = stage->go = 0;
    testing_fault = stall;
    if (pthread_create(&thread, NULL, destroy_all, &n) != 0)
        return 1;
    until(&stage->given, 1);
    result = put(SYSVMP_NOWAIT);
    stage->go = 1;
    if (result != -EAGAIN || put(SYSVMP_FOREVER) != 0)
        return 2;
    pthread_join(thread, NULL);
    return n == *(const int *)arg ? 0 : 3;
}

/*
 * One can't look for what the dead have left.
 */

static int
take_all_and_die(void *unused)
{
    (void)create();
    kill(getpid(), SIGKILL);
    return unused != NULL;
}

static int
stop_with_the_arena(void *unused)
{
    must(arena_lock(arena_current), "arena_lock");
    raise(SIGSTOP);
    arena_unlock(arena_current);
    return unused != NULL;
}

static int
refuse_semctl(enum seam call)
{
    return call == SEAM_SEMCTL ? -EACCES : 0;
}

static void
can_not_look(void)
{
    pid_t pid = child(stop_with_the_arena, NULL);
    int status;

    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGCONT);
    is_int(0, reap(pid), "memory-back: the arena's lock is had and released");
    is_int(-SIGKILL, reap(child(take_all_and_die, NULL)),
        "... one has all the memory, and is killed");
    pid = child(stop_with_the_arena, NULL);
    waitpid(pid, &status, WUNTRACED);
    is_int(-EAGAIN, put(SYSVMP_NOWAIT),
        "... who has the arena's lock is stopped: put");
    is_int(-ETIMEDOUT, put(20), "... with a deadline");
    kill(pid, SIGCONT);
    is_int(0, reap(pid), "... it goes on");
    testing_fault = refuse_semctl;
    is_int(-EACCES, put(SYSVMP_NOWAIT),
        "... the kernel does not say who is dead: put");
    testing_fault = NULL;
    is_int(0, put(SYSVMP_NOWAIT), "... then it does: there is room");
}

int
main(int argc, char **argv)
{
    bool all = long_form(argc, argv) || getenv("SYSVMP_CRASH_ALL");
    int n;

    plan(1 + 6 + 7 + 3 + 5 + 1 + 7);
    stage = shared(sizeof(*stage));
    if (!ipc_set_limit("shmmax", SEGMENT)) {
        skip(30, "kernel.shmmax can't be set");
        return done();
    }
    buf = payload_buffer(MIB);
    must(sysvmp_queue_create(&q, 0, 0), "queue_create");
    n = create();
    destroy(n);
    ok(n > 16 && n < MOST, "memory-back: there is room for %d MiB", n);
    slow_giver("put", put_for_ever, all ? LONG_STALL_MS : STALL_MS,
        n);
    slow_giver("msg_create", make_one, STALL_MS, n);
    stands_still(n);
    killed_waiters(n);
    stopped_givers(n, all ? 1 : STEP);
    killed_givers(n, all ? 1 : STEP);
    is_int(0, reap(child(gives_and_takes, &n)),
        "memory-back: a process waits for another thread of its own, too");
    can_not_look();
    sysvmp_queue_destroy(q);
    return done();
}
