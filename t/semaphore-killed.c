/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * semaphore-killed.c: with SYSVMP_PERMITS what a process has comes back, once,
 * in whatever way it ends or gives up its handle: it exits, is killed, leaves,
 * destroys, or what it has execed ends; a child holds none; and a waiter that
 * is killed takes none along.  Without, they stay lost.
 */
#include <config.h>

#include "child.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

enum { RETURN, EXIT, KILL, LEAVE, DESTROY, EXEC, WAYS };
enum { ALL = 9, EACH = 3, STORM = 4, ROUNDS = 40 };

static const char *const ways[WAYS] = {"return from its target", "_exit",
    "SIGKILL", "sysvmp_leave", "destroy", "the end of what it execed"};

static struct {
    _Atomic int ready, go, child, had;
} *stage;

static struct sysvmp_semaphore *s;

static void
make(unsigned value, unsigned flags)
{
    must(sysvmp_semaphore_create(&s, value, 0, flags), "create");
    atomic_store(&stage->ready, 0);
    atomic_store(&stage->go, 0);
}

static void
take(int n)
{
    for (int i = 0; i < n; i++)
        must(sysvmp_semaphore_acquire(s, 5000), "acquire");
}

static int
hold_and_end(void *arg)
{
    long way = (long)(intptr_t)arg;

    take(EACH + 1);
    must(sysvmp_semaphore_release(s, 1), "release");
    atomic_fetch_add(&stage->ready, 1);
    until(&stage->go, 1);
    switch (way) {
    case EXIT:
        _exit(0);
    case KILL:
        raise(SIGKILL);
        break;
    case LEAVE:
        must(sysvmp_leave(), "leave");
        break;
    case DESTROY:
        sysvmp_semaphore_destroy(s);
        break;
    case EXEC:
        execl("/bin/sh", "sh", "-c", "exec sleep 0.02", (char *)NULL);
        _exit(127);
    default:
        return 0;
    }
    atomic_fetch_add(&stage->ready, 1);
    for (;;)
        pause();
    return 0;
}

/* Who waits is woken by it, and the rest is there. */
static void
comes_back(long way)
{
    struct sysvmp_process *holder;

    make(ALL, SYSVMP_PERMITS);
    holder = started(hold_and_end, (void *)(intptr_t)way);
    until(&stage->ready, 1);
    is_int(ALL - EACH, sysvmp_semaphore_value(s),
        "permits: %d of %d are another process's", EACH, ALL);
    take(ALL - EACH);
    is_int(-EPERM, sysvmp_semaphore_release(s, ALL - EACH + 1),
        "... which we can't release");
    atomic_store(&stage->go, 1);
    take(EACH);
    is_int(0, sysvmp_semaphore_release(s, ALL),
        "... until they come back by %s", ways[way]);
    if (way == LEAVE || way == DESTROY) {
        until(&stage->ready, 2);
        must(sysvmp_process_kill(holder), "kill");
    }
    end_of(holder);
    is_int(ALL, sysvmp_semaphore_value(s), "... once");
    sysvmp_semaphore_destroy(s);
}

/*
 * Forks: whose they are.
 */

/* It holds none, and its end gives none back. */
static void
look_as_child(void)
{
    if (sysvmp_semaphore_release(s, 1) != -EPERM)
        atomic_store(&stage->had, 1);
    take(1);
    must(sysvmp_semaphore_release(s, 1), "release");
    atomic_store(&stage->child, getpid());
    until(&stage->go, 1);
    _exit(0);
}

static int
hold_and_fork(void *arg)
{
    (void)arg;
    take(2);
    if (forked() == 0)
        look_as_child();
    until(&stage->child, 1);
    raise(SIGKILL);
    return 0;
}

static int
all_back(void *arg)
{
    return sysvmp_semaphore_value(s) == *(int *)arg;
}

static void
are_not_inherited(void)
{
    int three = 3;

    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    make(3, SYSVMP_PERMITS);
    reap(child(hold_and_fork, NULL));
    until_true(all_back, &three, "the permits");
    ok(1, "permits: a holder is killed that has a child: all come back");
    is_int(0, atomic_load(&stage->had), "... of which the child had none");
    atomic_store(&stage->go, 1);
    reap(atomic_load(&stage->child));
    is_int(3, sysvmp_semaphore_value(s), "... and gives back none");
    sysvmp_semaphore_destroy(s);
}

/*
 * Threads share what their process has.
 */

static void *
release_one(void *arg)
{
    *(int *)arg = sysvmp_semaphore_release(s, 1);
    return NULL;
}

static void
are_of_all_threads(void)
{
    pthread_t thread;
    int result = 1;

    make(1, SYSVMP_PERMITS);
    take(1);
    pthread_create(&thread, NULL, release_one, &result);
    pthread_join(thread, NULL);
    is_int(0, result, "permits: another thread may release it");
    is_int(-EPERM, sysvmp_semaphore_release(s, 1), "... once");
    sysvmp_semaphore_destroy(s);
}

/*
 * Many are killed, at any moment.
 */

static int
take_and_give(void *arg)
{
    (void)arg;
    for (;;) {
        take(1);
        must(sysvmp_semaphore_release(s, 1), "release");
    }
    return 0;
}

static void
none_is_lost(void)
{
    unsigned seed = first_seed();
    pid_t pid[STORM];
    int two = 2;

    make(2, SYSVMP_PERMITS);
    for (int i = 0; i < STORM; i++)
        pid[i] = child(take_and_give, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        int k = (int)chance(&seed, STORM);

        pause_us(chance(&seed, 3000));
        slay(pid[k]);
        pid[k] = child(take_and_give, NULL);
    }
    for (int i = 0; i < STORM; i++)
        slay(pid[i]);
    ok(all_back(&two), "permits: %d holders and waiters are killed at any "
        "moment, and none is lost or made", ROUNDS + STORM);
    sysvmp_semaphore_destroy(s);
}

/* 32,767 of them in one process's hands. */
static void
as_many_as_there_can_be(void)
{
    enum { MOST = 32767 };
    int taken = 0;

    make(MOST, SYSVMP_PERMITS);
    while (sysvmp_semaphore_acquire(s, SYSVMP_NOWAIT) == 0)
        taken++;
    is_int(MOST, taken, "permits: one process takes all there can be");
    is_int(0, sysvmp_semaphore_release(s, MOST), "... and gives them back");
    is_int(MOST, sysvmp_semaphore_value(s), "... all of them");
    sysvmp_semaphore_destroy(s);
}

static void
stay_lost(void)
{
    pid_t pid;

    make(ALL, 0);
    pid = child(hold_and_end, (void *)(intptr_t)KILL);
    until(&stage->ready, 1);
    atomic_store(&stage->go, 1);
    reap(pid);
    is_int(ALL - EACH, sysvmp_semaphore_value(s),
        "semaphore: without SYSVMP_PERMITS a killed holder's stay lost");
    is_int(0, sysvmp_semaphore_release(s, EACH), "... until somebody gives "
        "as many");
    is_int(ALL, sysvmp_semaphore_value(s), "... then they are there");
    sysvmp_semaphore_destroy(s);
}

int
main(void)
{
    plan(4 * WAYS + 12);
    stage = shared(sizeof(*stage));
    for (long way = 0; way < WAYS; way++)
        comes_back(way);
    are_not_inherited();
    are_of_all_threads();
    none_is_lost();
    as_many_as_there_can_be();
    stay_lost();
    return done();
}
