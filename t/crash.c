/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash.c: see crash.h.
 */
#include <config.h>

#include "internal.h"

#include "arena.h"
#include "block.h"
#include "crash.h"
#include "object.h"
#include "sysv.h"
#include "testing.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    POINTS_MAX = 1000, /* a call that passes more of them does not end */
    HEIR_FIRST = 3,    /* points of an heir that are never left out, */
    HEIR_NEXT = 8,     /* of these one, another each time: the roll-back; */
    HEIR_STEP = 29,    /* from there on one of so many */
    HEIR_ROUNDS = 12,  /* points of a victim that has an heir */
    LOOP_ROUNDS = 25,  /* beside a thread that is busy; sampled or not */
    LOOP_ROUNDS_ALL = 2000,
    LOOP_POINTS = 400, /* a victim that was off the CPU counts many more */
    STOP_ROUNDS = 6,   /* points of a stop run in its quick form */
    WHERE = 48
};

struct meeting {
    _Atomic int ready;
    _Atomic int go;
    _Atomic int calls; /* the victim: from now on, until that is */
    _Atomic int acknowledged;
    int answer;
    _Atomic long points;
    _Atomic int faults; /* found in this case, also by peers */
    _Atomic int beside; /* the thread beside the victim's: its id, */
    _Atomic int steps;  /* how often it went round, */
    _Atomic int over;   /* and shall it end? */
    _Atomic int armed;  /* the heir: 1 shall be, 2 is */
    _Atomic uint64_t owner; /* the victim's owner id */
    /* Crash points where they were killed. */
    char victim_at[WHERE], heir_at[WHERE];
};

static struct meeting *meeting;
static pid_t victim;
static void (*after_victim)(void), (*at_end)(void);
static long round_number;
static char *killed_at; /* in the victim and in the heir: where to tell */

/* What the rounds have beside the victim, or after it. */
static void (*beside)(void);
static int beside_loops;
static int (*heir)(void);
static long heir_point; /* 0: it is not killed */
static pid_t heir_pid;
static int heir_code;

/* A stop run. */
static int stopping;
static void (*meanwhile_stopped)(void);
static enum { RUNS, STOPPED, GOES_ON } stop;

/* The last that a process does at its crash point is to kill or to stop
 * itself: this is how it can be known afterwards where that was. */
int
kill(pid_t pid, int sig)
{
    if (killed_at && (sig == SIGKILL || sig == SIGSTOP) && pid == getpid())
        snprintf(killed_at, WHERE, "%s", testing_where());
    return (int)syscall(SYS_kill, pid, sig);
}

void
wrong(const char *text, ...)
{
    char line[256];
    va_list args;

    va_start(args, text);
    vsnprintf(line, sizeof(line), text, args);
    va_end(args);
    if (round_number == 0)
        diag("no kill: %s", line);
    else if (heir_point == 0)
        diag("%s at point %ld, %s: %s", stopping ? "stopped" : "killed",
            round_number, meeting->victim_at, line);
    else
        diag("killed at point %ld, %s, the heir at its %ld, %s: %s",
            round_number, meeting->victim_at, heir_point, meeting->heir_at,
            line);
    atomic_fetch_add(&meeting->faults, 1);
}

void
want(int64_t wanted, int64_t seen, const char *what)
{
    if (wanted != seen)
        wrong("%s: wanted %" PRId64 ", seen %" PRId64, what, wanted, seen);
}

static int
run_peer(void *fn)
{
    return (*(int (**)(void))fn)();
}

pid_t
peer(int (*fn)(void))
{
    return child(run_peer, &fn);
}

struct dying {
    int (*fn)(void);
    long n;
};

static int
run_dying(void *arg)
{
    const struct dying *dying = arg;

    testing_crash_at(dying->n);
    return dying->fn();
}

pid_t
dying_peer(int (*fn)(void), long n)
{
    struct dying dying = {fn, n};

    return child(run_dying, &dying);
}

/* Twice asleep and not awake in between. */
static int
asleep_or_dead(void *arg)
{
    pid_t pid = *(pid_t *)arg;
    int64_t switches = voluntary_switches(pid);

    switch (state_of(pid)) {
    case 'Z':
    case 'X':
        return 1;
    case 'S':
        pause_us(100);
        return state_of(pid) == 'S' && voluntary_switches(pid) == switches;
    default:
        return 0;
    }
}

pid_t
sleeping_peer(int (*fn)(void))
{
    pid_t pid = peer(fn);

    until_true(asleep_or_dead, &pid, "a peer to fall asleep");
    return pid;
}

int
within_bound(int (*state)(void *), void *arg)
{
    int64_t end = now_ns() + CRASH_BOUND_MS * INT64_C(1000000);

    while (!state(arg)) {
        if (now_ns() > end)
            return 0;
        pause_us(50);
    }
    return 1;
}

/* With all its threads: the first is a zombie before the others have stopped,
 * and only the last one's end gives back what the process had. */
static int
is_dead(void *arg)
{
    pid_t pid = *(pid_t *)arg;
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) !=
        0 || info.si_pid == pid;
}

int
peer_ended(pid_t pid)
{
    return within_bound(is_dead, &pid);
}

int
peer_end(pid_t pid)
{
    if (peer_ended(pid))
        return reap(pid);
    wrong("a survivor hangs");
    slay(pid);
    return PEER_HANGS;
}

/*
 * A victim that is stopped.
 */

static void
go_on(void)
{
    stop = GOES_ON;
    kill(victim, SIGCONT);
}

/* Does this object have a lock that the victim holds? */
static int
holds_lock_of(struct object *object)
{
    uint64_t owner = atomic_load(&meeting->owner);

    switch (shm_load(&object->kind)) {
    case OBJECT_LOCK:
    case OBJECT_RLOCK:
        return shm_load(&object->lock.owner) == owner;
    default:
        return object_has_list(object) &&
            shm_load(&object->channel.list.lock.owner) == owner;
    }
}

/* Must others wait for it, as it has a lock that they need? */
static int
holds_a_lock(void)
{
    struct arena *arena = arena_current;
    uint32_t high = shm_load(&arena->head->objects_high);

    if (word_owner(&arena->heap_lock) == atomic_load(&meeting->owner) ||
        sysv_sem_value(arena->home, BLOCK_LOCK) == 0)
        return 1;
    for (uint32_t i = 0; i < high; i++) {
        struct object *object = object_live(arena, i);

        if (object && holds_lock_of(object))
            return 1;
    }
    return 0;
}

/* It stays stopped, unless it has a lock: then it goes on at once. */
static int
victim_stopped(void)
{
    if (!stopping || stop == GOES_ON || state_of(victim) != 'T')
        return 0;
    stop = STOPPED;
    if (holds_a_lock())
        go_on();
    return stop == STOPPED;
}

void
peer_is_back(pid_t pid)
{
    if (!peer_ended(pid))
        wrong("a peer sleeps, as the victim is stopped");
}

int
victim_done(void)
{
    return atomic_load(&meeting->acknowledged) || is_dead(&victim) ||
        victim_stopped();
}

/* In its call; before it naps until it may go on, as after it. */
static int
asleep_or_done(void *arg)
{
    (void)arg;
    return victim_done() ||
        (atomic_load(&meeting->calls) && asleep_or_dead(&victim));
}

void
victim_asleep_or_dead(void)
{
    until_true(asleep_or_done, NULL, "the victim");
}

int
victim_is_asleep_or_dead(void)
{
    return asleep_or_done(NULL);
}

long
crash_round(void)
{
    return round_number;
}

void
crash_and_then(void (*after)(void), void (*finally)(void))
{
    after_victim = after;
    at_end = finally;
}

void
crash_counted(long points)
{
    atomic_store(&meeting->points, points);
}

/* One that has ended instead is no test of anything. */
static void
wait_for_sleep(pid_t id, const char *who)
{
    until_true(asleep_or_dead, &id, who);
    if (state_of(id) != 'S')
        wrong("%s does not sleep", who);
}

/*
 * The thread beside the victim's.
 */

static void *
run_beside(void *unused)
{
    atomic_store(&meeting->beside, (int)syscall(SYS_gettid));
    if (!beside_loops) {
        beside();
        return unused;
    }
    until(&meeting->go, 1);
    while (!atomic_load(&meeting->over)) {
        beside();
        atomic_fetch_add(&meeting->steps, 1);
    }
    return unused;
}

static pthread_t
begin_beside(void)
{
    pthread_t thread;
    pid_t id;

    if (!beside)
        return pthread_self();
    if (pthread_create(&thread, NULL, run_beside, NULL) != 0)
        bail("pthread_create");
    until(&meeting->beside, 1);
    id = atomic_load(&meeting->beside);
    if (!beside_loops)
        wait_for_sleep(id, "the other thread");
    return thread;
}

/* One that sleeps is left to it. */
static void
end_beside(pthread_t thread)
{
    atomic_store(&meeting->over, 1);
    if (beside && beside_loops)
        pthread_join(thread, NULL);
}

/*
 * The heir.
 */

static void *
arm_heir(void *unused)
{
    until(&meeting->armed, 1);
    testing_crash_at(heir_point);
    atomic_store(&meeting->armed, 2);
    return unused;
}

/* Its points are counted from when it sleeps: so by another thread. */
static int
run_sleeping_heir(void *arg)
{
    pthread_t thread;

    killed_at = meeting->heir_at;
    if (pthread_create(&thread, NULL, arm_heir, NULL) != 0)
        bail("pthread_create");
    return run_peer(arg);
}

void
sleeping_heir(int (*fn)(void))
{
    heir_pid = child(run_sleeping_heir, &fn);
    wait_for_sleep(heir_pid, "the heir");
    atomic_store(&meeting->armed, 1);
    until(&meeting->armed, 2);
}

static int
run_heir(void)
{
    killed_at = meeting->heir_at;
    return heir();
}

int
heir_end(void)
{
    if (heir_pid != 0)
        heir_code = peer_end(heir_pid);
    heir_pid = 0;
    return heir_code;
}

/* After the victim's end, before anybody else looks. */
static void
play_heir(void)
{
    if (!heir)
        return;
    heir_pid = dying_peer(run_heir, heir_point);
    heir_end();
}

static int
run_victim(void *arg)
{
    const struct crash_case *c = arg;
    pthread_t thread;

    if (c->before)
        c->before();
    thread = begin_beside();
    atomic_store(&meeting->ready, 1);
    until(&meeting->go, 1);
    if (beside && beside_loops)
        until(&meeting->steps, 1);
    killed_at = meeting->victim_at;
    testing_stops = stopping;
    atomic_store(&meeting->owner, own_load(&self.me));
    testing_crash_at(round_number);
    atomic_store(&meeting->calls, 1);
    meeting->answer = c->call();
    /* The acknowledgement: from here on what was answered must be true. */
    atomic_store(&meeting->acknowledged, 1);
    end_beside(thread);
    if (atomic_load(&meeting->points) == 0)
        atomic_store(&meeting->points, testing_points());
    testing_crash_at(0);
    if (c->then == STAYS)
        until(&meeting->go, 2);
    return 0;
}

/* Until the victim has ended, or has answered and stays. */
static int
answered_or_dead(void *arg)
{
    const struct crash_case *c = arg;

    return (c->then == STAYS && atomic_load(&meeting->acknowledged)) ||
        is_dead(&victim);
}

static int
stopped_or_over(void *arg)
{
    return victim_stopped() || answered_or_dead(arg);
}

/* While the victim is stopped others make their calls; then it goes on. */
static void
play_stop(const struct crash_case *c)
{
    if (!within_bound(stopped_or_over, (void *)(uintptr_t)c))
        wrong("the victim does not come to its point");
    if (stop == STOPPED && meanwhile_stopped)
        meanwhile_stopped();
    if (stop == STOPPED)
        go_on();
}

/* Its exit code, or PEER_HANGS: then it is dead. */
static int
end_of_victim(void)
{
    atomic_store(&meeting->go, 2);
    return peer_end(victim);
}

static void
begin_meeting(void)
{
    atomic_store(&meeting->ready, 0);
    atomic_store(&meeting->go, 0);
    atomic_store(&meeting->calls, 0);
    atomic_store(&meeting->acknowledged, 0);
    atomic_store(&meeting->points, 0);
    atomic_store(&meeting->beside, 0);
    atomic_store(&meeting->steps, 0);
    atomic_store(&meeting->over, 0);
    atomic_store(&meeting->armed, 0);
    strcpy(meeting->victim_at, "-");
    strcpy(meeting->heir_at, "-");
    heir_code = 0;
    stop = RUNS;
}

/* One round; was the victim killed? */
static int
play(const struct crash_case *c)
{
    struct crash_end end;
    int ended = 0;

    begin_meeting();
    c->begin();
    victim = child(run_victim, (void *)(uintptr_t)c);
    until(&meeting->ready, 1);
    if (c->meanwhile)
        c->meanwhile();
    atomic_store(&meeting->go, 1);
    if (c->during)
        c->during();
    if (stopping)
        play_stop(c);
    if (!within_bound(answered_or_dead, (void *)(uintptr_t)c)) {
        wrong("the victim hangs");
        kill(victim, SIGKILL);
    }
    if (c->then == ENDS)
        ended = end_of_victim();
    end.acknowledged = atomic_load(&meeting->acknowledged);
    end.answer = meeting->answer;
    if (after_victim)
        after_victim();
    play_heir();
    c->look(&end);
    heir_end();
    if (c->then == STAYS)
        ended = end_of_victim();
    if (ended != 0 && ended != -SIGKILL && ended != PEER_HANGS)
        wrong("the victim ended with %d", ended);
    if (at_end)
        at_end();
    must(sysvmp_leave(), "leave");
    want(0, ipc_left(), "left in the kernel");
    return ended == -SIGKILL;
}

/* The complete form? */
static int
all_of_them(void)
{
    const char *all = getenv("SYSVMP_CRASH_ALL");

    return all && strcmp(all, "0") != 0;
}

/* The first round of a case, which is to count its points. */
static long
count(const struct crash_case *c)
{
    if (!meeting)
        meeting = shared(sizeof(*meeting));
    atomic_store(&meeting->faults, 0);
    round_number = 0;
    play(c);
    return atomic_load(&meeting->points);
}

/* From one point to the next until it is not killed any more. */
static void
kill_at_each(const struct crash_case *c)
{
    int killed = 1;

    while (killed && !meeting->faults && round_number < POINTS_MAX) {
        round_number++;
        killed = play(c);
    }
    if (round_number == POINTS_MAX)
        wrong("it does not end");
}

void
crash_run(const struct crash_case *c)
{
    diag("%s: %ld points", c->name, count(c));
    kill_at_each(c);
    ok(meeting->faults == 0,
        "%s: killed at each of its points, and all is well", c->name);
}

void
crash_run_beside_sleep(const struct crash_case *c, void (*fn)(void))
{
    beside = fn;
    beside_loops = 0;
    diag("%s: %ld points", c->name, count(c));
    kill_at_each(c);
    beside = NULL;
    ok(meeting->faults == 0,
        "%s: killed at each of its points, beside a thread that sleeps",
        c->name);
}

/* How many points two threads pass is another number each time. */
static void
kill_at_some(const struct crash_case *c, long points)
{
    int rounds = all_of_them() ? LOOP_ROUNDS_ALL : LOOP_ROUNDS;

    points = points < LOOP_POINTS ? points : LOOP_POINTS;
    for (int i = 0; i < rounds && !meeting->faults; i++) {
        round_number = 1 + i * points / rounds;
        play(c);
    }
}

void
crash_run_beside_loop(const struct crash_case *c, void (*fn)(void))
{
    long points;

    beside = fn;
    beside_loops = 1;
    points = count(c);
    diag("%s: %ld points of two threads", c->name, points);
    kill_at_some(c, points);
    beside = NULL;
    ok(meeting->faults == 0,
        "%s: killed at its points, beside a thread that is busy", c->name);
}

/* The heir's next point. */
static long
next_of_heir(void)
{
    if (all_of_them() || heir_point < HEIR_FIRST)
        return heir_point + 1;
    if (heir_point == HEIR_FIRST)
        return heir_point + 1 + round_number % HEIR_NEXT;
    if (heir_point <= HEIR_FIRST + HEIR_NEXT)
        return HEIR_FIRST + HEIR_NEXT + 1 + round_number % HEIR_STEP;
    return heir_point + HEIR_STEP;
}

/* The victim is killed at a point, and the heir at its own: how often? */
static int
kill_heirs(const struct crash_case *c)
{
    int pairs = 0;

    heir_code = -SIGKILL;
    heir_point = 0;
    while (heir_code == -SIGKILL && !meeting->faults &&
        heir_point < POINTS_MAX) {
        heir_point = next_of_heir();
        pairs += play(c);
    }
    if (heir_point >= POINTS_MAX)
        wrong("the heir does not end");
    return pairs;
}

void
crash_run_heir(const struct crash_case *c, int (*fn)(void))
{
    int pairs = 0, before;
    long points, step;

    heir = fn;
    points = count(c);
    diag("%s: %ld points", c->name, points);
    step = all_of_them() ? 1 : 1 + points / HEIR_ROUNDS;
    do {
        before = pairs;
        round_number += step;
        pairs += kill_heirs(c);
    } while (pairs > before && !meeting->faults && round_number < POINTS_MAX);
    if (round_number >= POINTS_MAX)
        wrong("it does not end");
    heir = NULL;
    heir_point = 0;
    ok(meeting->faults == 0,
        "%s: killed at its points, then the heir: %d pairs", c->name, pairs);
}

/* From one point to a later one until it is not stopped any more. */
static void
stop_at_some(const struct crash_case *c, long points)
{
    static unsigned seed;
    long step = all_of_them() ? 1 : 1 + points / STOP_ROUNDS;

    if (seed == 0)
        seed = first_seed();
    round_number = step > 1 ? (long)chance(&seed, (unsigned)step) + 1 - step
                            : 0;
    stopping = 1;
    do {
        round_number += step;
        (void)play(c);
    } while (stop != RUNS && !meeting->faults && round_number < POINTS_MAX);
    stopping = 0;
    if (round_number >= POINTS_MAX)
        wrong("it does not end");
}

void
crash_run_stopped(const struct crash_case *c, void (*fn)(void))
{
    meanwhile_stopped = fn;
    stop_at_some(c, count(c));
    ok(meeting->faults == 0,
        "%s: stopped at its points, and nobody sleeps for that", c->name);
}
