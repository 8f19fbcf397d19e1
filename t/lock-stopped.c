/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * lock-stopped.c: a process is stopped at each point of an acquire, a release,
 * a wait at a condition and a notification.  Unless it has the lock it holds up
 * nobody: somebody else takes the lock and releases it, and those who slept
 * get it as well, while that one is stopped.  When it goes on all is as new.
 *
 * lock-stopped.t long: how often a busy process gets the lock beside a waiter
 * of the idle class, compared with a mutex of the C library's.
 */
#include <config.h>

#include "internal.h"

#include "condition.h"
#include "mutex.h"
#include "stage.h"
#include "tap.h"
#include "testing.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

enum { POINTS_MAX = 200, EACH = 15, BOUND_MS = 5000, SHORT_MS = 2,
    SLEEPERS = 2 };

static struct sysvmp_lock *lock;
static struct sysvmp_condition *c;
#ifdef SYSVMP_PLAIN_LOCK
static pid_t victim_pid;
#else
static uint64_t victim_id; /* its owner id, while it has the lock */
#endif

static struct {
    _Atomic int ready, go, done, awake, over;
    _Atomic uint64_t victim;
    int answer;
} *stage;

/* What the victim does, and what the others do meanwhile. */
struct scene {
    const char *name;
    int holds;       /* the victim has the lock before */
    int waits;       /* the sleepers wait at the condition */
    int sleepers;
    int (*call)(void);
    void (*then)(pid_t victim); /* once it is stopped, asleep, or through */
};

static const struct scene *scene;
static long point, step = 5; /* of what comes again for each token */

/* Before the library asks for it: a spinner spins until it has reserved the
 * lock; the others do not. */
__attribute__((__constructor__(101))) static void
spin_for_long(void)
{
    setenv("SYSVMP_SPIN_US", "1000000", 1);
}

static struct word *
word(void)
{
    return &((struct mutex *)lock)->word;
}

static void
spin_never(void)
{
    own_store(&word()->spin.skip, UINT32_MAX / 2);
    own_store(&c->spin.spinning.skip, UINT32_MAX / 2);
    own_store(&c->spin.yielding.skip, UINT32_MAX / 2);
}

static int
stopped_or_done(void *arg)
{
    return stage->done || state_of(*(pid_t *)arg) == 'T';
}

static int
quiet(void *arg)
{
    pid_t pid = *(pid_t *)arg;
    int64_t switches = voluntary_switches(pid);

    if (stopped_or_done(arg))
        return 1;
    if (state_of(pid) != 'S')
        return 0;
    pause_us(300);
    return state_of(pid) == 'S' && voluntary_switches(pid) == switches;
}

static int
victim(void *arg)
{
    (void)arg;
    if (scene->holds)
        must(sysvmp_lock_acquire(lock, BOUND_MS), "the victim's acquire");
    atomic_store(&stage->victim, own_load(&self.me));
    atomic_store(&stage->ready, 1);
    until(&stage->go, 1);
    testing_stops = 1;
    testing_crash_at(point);
    stage->answer = scene->call();
    testing_crash_at(0);
    if (mutex_mine((struct mutex *)lock))
        (void)sysvmp_lock_release(lock);
    atomic_store(&stage->done, 1);
    until(&stage->over, 1); /* its end wakes nobody before */
    return 0;
}

static int
sleeper(void *arg)
{
    int result = sysvmp_lock_acquire(lock, SYSVMP_FOREVER);

    (void)arg;
    if (result == 0 && scene->waits)
        result = sysvmp_condition_wait(c, SYSVMP_FOREVER);
    atomic_fetch_add(&stage->awake, 1);
    if (result < 0 || sysvmp_lock_release(lock) != 0)
        return 1;
    until(&stage->over, 1);
    return 0;
}

/* Of a plain lock the semaphore decides, and the word follows it: who took the
 * last step there, and left it at 0, has the lock. */
static int
victim_has_it(void)
{
#ifdef SYSVMP_PLAIN_LOCK
    const struct mutex *mutex = (struct mutex *)lock;

    return semctl(mutex->word.semaphores, mutex->lock, GETVAL) == 0 &&
        semctl(mutex->word.semaphores, mutex->lock, GETPID) == victim_pid;
#else
    return mutex_owner((struct mutex *)lock) == victim_id;
#endif
}

/* But for those whom a victim that has the lock keeps from it. */
static int
all_awake(void)
{
    int64_t end = now_ns() + BOUND_MS * INT64_C(1000000);

    while (stage->awake < scene->sleepers && !victim_has_it())
        if (now_ns() > end)
            return 0;
        else
            pause_us(50);
    return 1;
}

static int
wrong(const char *what)
{
    diag("%s, stopped at point %ld: %s", scene->name, point, what);
    return 0;
}

/* One who comes along: gets it, and those who sleep do. */
static int
visit(void)
{
    if (victim_has_it())
        return 1;
    if (sysvmp_lock_acquire(lock, BOUND_MS) != 0)
        return wrong("who comes along does not get it");
    if (scene->waits && sysvmp_condition_notify_all(c) != 0)
        return wrong("who comes along can't notify");
    if (sysvmp_lock_release(lock) != 0)
        return wrong("who comes along can't release it");
    return all_awake() || wrong("a sleeper sleeps on");
}

static int
as_new(void)
{
    if (sysvmp_lock_acquire(lock, BOUND_MS) != 0 ||
        sysvmp_lock_release(lock) != 0)
        return wrong("the lock is not as new");
    return 1;
}

static void
fall_asleep(pid_t *pids)
{
    for (int i = 0; i < scene->sleepers; i++) {
        pids[i] = child(sleeper, NULL);
        asleep(pids[i]);
    }
}

static int
end_round(pid_t pid, const pid_t *pids)
{
    int good;

    kill(pid, SIGCONT);
    until_true(quiet, &pid, "the victim to go on");
    good = visit();
    until(&stage->done, 1);
    good = good && visit() && as_new();
    atomic_store(&stage->over, 1);
    reap(pid);
    for (int i = 0; i < scene->sleepers; i++)
        if (!good)
            slay(pids[i]);
        else if (reap(pids[i]) != 0)
            good = wrong("a sleeper's end");
    return good;
}

/* *last: the victim has come through. */
static int
round_at(int *last)
{
    pid_t pid, pids[SLEEPERS];
    int good;

    memset(stage, 0, sizeof(*stage));
    if (scene->waits)
        fall_asleep(pids);
    pid = child(victim, NULL);
    until(&stage->ready, 1);
    if (!scene->holds && !scene->waits)
        must(sysvmp_lock_acquire(lock, SYSVMP_NOWAIT), "acquire");
#ifdef SYSVMP_PLAIN_LOCK
    victim_pid = pid;
#else
    victim_id = stage->victim;
#endif
    if (!scene->waits && scene->holds)
        fall_asleep(pids);
    atomic_store(&stage->go, 1);
    if (!scene->waits && !scene->holds && scene->sleepers > 0) {
        until_true(quiet, &pid, "the victim");
        fall_asleep(pids);
    }
    scene->then(pid);
    *last = stage->done;
    good = visit();
    return end_round(pid, pids) && good;
}

static void
play(const struct scene *which)
{
    int last = 0, bad = 0;

    scene = which;
    for (point = 1; point < POINTS_MAX && !last && bad < 3;
         point += point < EACH ? 1 : step)
        bad += !round_at(&last);
    ok(last && !bad, "%s: stopped at its points, it holds up nobody",
        scene->name);
}

/*
 * The scenes.
 */

static int
release(void)
{
    return sysvmp_lock_release(lock);
}

static int
acquire(void)
{
    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER);
}

static int
acquire_shortly(void)
{
    return sysvmp_lock_acquire(lock, SHORT_MS);
}

static int
acquire_spinning(void)
{
    own_store(&word()->spin.skip, 0);
    return acquire();
}

static int
notify(void)
{
    return sysvmp_condition_notify(c, 1);
}

static int
wait_at_condition(void)
{
    return sysvmp_condition_wait(c, SYSVMP_FOREVER);
}

static void
wait_for_victim(pid_t pid)
{
    until_true(stopped_or_done, &pid, "the victim");
}

static void
release_to_victim(pid_t pid)
{
    must(sysvmp_lock_release(lock), "release");
    wait_for_victim(pid);
}

static int
reserved(void *arg)
{
    return (shm_load(&word()->words->state) & WORD_RESERVED) || quiet(arg);
}

/* Also one that can't wait gets it, after some tries. */
static void
release_when_reserved(pid_t pid)
{
    int64_t end = now_ns() + BOUND_MS * INT64_C(1000000);
    int result;

    until_true(reserved, &pid, "the victim to reserve it");
    must(sysvmp_lock_release(lock), "release");
    wait_for_victim(pid);
    if (victim_has_it() || scene->sleepers > 0)
        return;
    do
        result = sysvmp_lock_acquire(lock, SYSVMP_NOWAIT);
    while (result != 0 && now_ns() < end);
    if (result == 0)
        must(sysvmp_lock_release(lock), "release");
    else
        (void)wrong("it stays reserved");
}

/* It has the lock and keeps it: the next one releases it for the victim, but
 * for a plain lock, that only its holder may release. */
static void
notify_for_victim(pid_t pid)
{
    wait_for_victim(pid);
#ifndef SYSVMP_PLAIN_LOCK
    if (victim_has_it())
        must(sysvmp_lock_release(lock), "release");
#endif
}

/* While the victim waits, or has the lock. */
static void
wait_for_waiter(pid_t pid)
{
    until_true(quiet, &pid, "the victim");
    if (visit())
        wait_for_victim(pid);
}

static const struct scene scenes[] = {
    {"release, two wait", 1, 0, 2, release, wait_for_victim},
    {"acquire, held, two wait", 0, 0, 2, acquire, release_to_victim},
    {"acquire, the time runs out", 0, 0, 2, acquire_shortly,
        release_to_victim},
    {"acquire, spinning", 0, 0, 0, acquire_spinning, release_when_reserved},
    {"notify, two wait", 1, 1, 2, notify, notify_for_victim},
    {"wait at a condition", 1, 1, 2, wait_at_condition, wait_for_waiter},
};

enum { SCENES = sizeof(scenes) / sizeof(scenes[0]) };

/*
 * The long form.
 */

enum { ROUNDS = 7, ROUND_MS = 2000 };

static struct {
    pthread_mutex_t mutex;
    _Atomic int stop, ours;
    _Atomic long busy, idle;
} *race;

static void
run_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    (void)sched_setaffinity(0, sizeof(set), &set);
}

static long
contend(void)
{
    long n = 0;

    for (; !race->stop; n++)
        if (race->ours) {
            must(sysvmp_lock_acquire(lock, SYSVMP_FOREVER), "acquire");
            must(sysvmp_lock_release(lock), "release");
        } else {
            pthread_mutex_lock(&race->mutex);
            pthread_mutex_unlock(&race->mutex);
        }
    return n;
}

static int
idle_one(void *arg)
{
    struct sched_param none = {.sched_priority = 0};

    (void)arg;
    run_on(0);
    (void)sched_setscheduler(0, SCHED_IDLE, &none);
    race->idle = contend();
    return 0;
}

static int
busy_one(void *arg)
{
    (void)arg;
    run_on(1);
    race->busy = contend();
    return 0;
}

static int
hog(void *arg)
{
    (void)arg;
    run_on(0);
    while (!race->stop)
        ;
    return 0;
}

static long
acquires(int ours)
{
    pid_t pid[3];

    race->stop = 0;
    race->ours = ours;
    pid[0] = child(hog, NULL);
    pid[1] = child(idle_one, NULL);
    pid[2] = child(busy_one, NULL);
    pause_ms(ROUND_MS);
    race->stop = 1;
    for (int i = 0; i < 3; i++)
        reap(pid[i]);
    diag("  %s: %ld, and %ld of the idle class", ours ? "ours" : "theirs",
        race->busy, race->idle);
    return race->busy;
}

static int
by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void
beside_idle(void)
{
    double ratio[ROUNDS];
    pthread_mutexattr_t attributes;

    race = shared(sizeof(*race));
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&race->mutex, &attributes);
    for (int i = 0; i < ROUNDS; i++)
        ratio[i] = (double)acquires(1) / (double)acquires(0);
    qsort(ratio, ROUNDS, sizeof(ratio[0]), by_size);
    ok(ratio[ROUNDS / 2] >= 0.9,
        "beside a waiter of the idle class: %.2f of a mutex's acquires",
        ratio[ROUNDS / 2]);
}

enum { KILLED = 4 };

static int
acquire_for_ever(void *arg)
{
    (void)arg;
    return sysvmp_lock_acquire(lock, SYSVMP_FOREVER);
}

/* Sleepers that were killed stay announced.  It costs some posts in vain, and
 * then the lock is as it was. */
static void
after_the_killed(void)
{
#ifdef SYSVMP_PLAIN_LOCK
    skip(1, "for the fast lock alone");
#else
    pid_t killed[KILLED];
    int i = 0;

    must(sysvmp_lock_acquire(lock, SYSVMP_FOREVER), "lock_acquire");
    for (int k = 0; k < KILLED; k++) {
        killed[k] = child(acquire_for_ever, NULL);
        if (!asleep(killed[k]))
            bail("a child does not sleep");
    }
    for (int k = 0; k < KILLED; k++)
        slay(killed[k]);
    while (i++ < 200 && (i == 1 ||
        (shm_load(&word()->words->state) & (WORD_WAITED | WORD_OWED)) != 0)) {
        must(sysvmp_lock_release(lock), "lock_release");
        pause_ms(10); /* a tick of the clock */
        must(sysvmp_lock_acquire(lock, SYSVMP_FOREVER), "lock_acquire");
    }
    ok(i <= 200, "after killed sleepers a lock is as fast as before");
    must(sysvmp_lock_release(lock), "lock_release");
#endif
}

int
main(int argc, char **argv)
{
    int in_full = long_form(argc, argv);

    plan(SCENES + 1 + in_full);
    if (in_full || getenv("SYSVMP_CRASH_ALL"))
        step = 1;
    stage = shared(sizeof(*stage));
    must(sysvmp_lock_create(&lock), "lock_create");
    must(sysvmp_condition_create(&c, lock), "condition_create");
    spin_never();
    for (int i = 0; i < SCENES; i++)
        play(&scenes[i]);
    after_the_killed();
    if (in_full)
        beside_idle();
    sysvmp_condition_destroy(c);
    sysvmp_lock_destroy(lock);
    return done();
}
