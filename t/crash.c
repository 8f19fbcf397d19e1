/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crash.c: see crash.h.
 */
#include <config.h>

#include "crash.h"

#include "sysvmp.h"
#include "testing.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A call that passes more points than this does not end. */
enum { POINTS_MAX = 1000 };

struct meeting {
    _Atomic int ready;
    _Atomic int go;
    _Atomic int acknowledged;
    int answer;
    _Atomic long points;
    _Atomic int faults; /* found in this case, also by peers */
};

static struct meeting *meeting;
static pid_t victim;
static long round_number;

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
    else
        diag("killed at point %ld: %s", round_number, line);
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

/* As /proc says; X when it is gone. */
static char
state_of(pid_t pid)
{
    char path[64], line[512], *end;
    char state = 'X';
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    f = fopen(path, "re");
    if (!f)
        return 'X';
    if (fgets(line, sizeof(line), f) && (end = strrchr(line, ')')))
        state = end[2];
    fclose(f);
    return state;
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

static int
is_dead(void *arg)
{
    char state = state_of(*(pid_t *)arg);

    return state == 'Z' || state == 'X';
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

int
victim_done(void)
{
    return atomic_load(&meeting->acknowledged) || is_dead(&victim);
}

/* One that has answered polls for its end, and is not asleep for long. */
static int
asleep_or_done(void *arg)
{
    (void)arg;
    return victim_done() || asleep_or_dead(&victim);
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
crash_counted(long points)
{
    atomic_store(&meeting->points, points);
}

static int
run_victim(void *arg)
{
    const struct crash_case *c = arg;

    if (c->before)
        c->before();
    atomic_store(&meeting->ready, 1);
    until(&meeting->go, 1);
    testing_crash_at(round_number);
    meeting->answer = c->call();
    /* The acknowledgement: from here on what was answered must be true. */
    atomic_store(&meeting->acknowledged, 1);
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

    return c->then == STAYS ? victim_done() : is_dead(&victim);
}

/* Its exit code, or PEER_HANGS: then it is dead. */
static int
end_of_victim(void)
{
    atomic_store(&meeting->go, 2);
    return peer_end(victim);
}

/* One round; was the victim killed? */
static int
play(const struct crash_case *c)
{
    struct crash_end end;
    int ended = 0;

    atomic_store(&meeting->ready, 0);
    atomic_store(&meeting->go, 0);
    atomic_store(&meeting->acknowledged, 0);
    atomic_store(&meeting->points, 0);
    c->begin();
    victim = child(run_victim, (void *)(uintptr_t)c);
    until(&meeting->ready, 1);
    if (c->meanwhile)
        c->meanwhile();
    atomic_store(&meeting->go, 1);
    if (c->during)
        c->during();
    if (!within_bound(answered_or_dead, (void *)(uintptr_t)c)) {
        wrong("the victim hangs");
        kill(victim, SIGKILL);
    }
    if (c->then == ENDS)
        ended = end_of_victim();
    end.acknowledged = atomic_load(&meeting->acknowledged);
    end.answer = meeting->answer;
    c->look(&end);
    if (c->then == STAYS)
        ended = end_of_victim();
    if (ended != 0 && ended != -SIGKILL && ended != PEER_HANGS)
        wrong("the victim ended with %d", ended);
    must(sysvmp_leave(), "leave");
    want(0, ipc_left(), "left in the kernel");
    return ended == -SIGKILL;
}

void
crash_run(const struct crash_case *c)
{
    int killed = 1;

    if (!meeting)
        meeting = shared(sizeof(*meeting));
    atomic_store(&meeting->faults, 0);
    round_number = 0;
    play(c);
    diag("%s: %ld points", c->name, atomic_load(&meeting->points));
    while (killed && !meeting->faults && round_number < POINTS_MAX) {
        round_number++;
        killed = play(c);
    }
    if (round_number == POINTS_MAX)
        wrong("it does not end");
    ok(meeting->faults == 0,
        "%s: killed at each of its points, and all is well", c->name);
}
