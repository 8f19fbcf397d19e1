/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * timeouts.c: every call that waits: with SYSVMP_NOWAIT it does not; with 50
 * ms it waits 50 ms, never less, and not more than the kernel's own
 * semtimedop takes for them in the same run, also in a storm of signals.
 */
#include <config.h>

#include "stage.h"
#include "tap.h"
#include "waits.h"

#include <errno.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 50, SLACK_MS = 10, TRIES = 20, STORM_US = 1000 };

#define MS INT64_C(1000000)

static int control_set;
static volatile sig_atomic_t signals;

/* What the kernel takes for WAIT_MS, signals or not. */
static int64_t
control_ns(void)
{
    struct sembuf take = {.sem_num = 0, .sem_op = -1};
    int64_t start = now_ns(), left;

    while ((left = start + WAIT_MS * MS - now_ns()) > 0) {
        struct timespec t = {.tv_sec = 0, .tv_nsec = left};

        semtimedop(control_set, &take, 1, &t);
    }
    return now_ns() - start;
}

/* On a busy machine any sleep may be long: one short one of many will do. */
static void
waits_as_long(const struct waiting *w, const char *when)
{
    int64_t took = 0, bound = 0, start;
    int early = 0, wrong = 0, in_time = 0;

    for (int i = 0; i < TRIES && !in_time; i++) {
        start = now_ns();
        wrong += w->call(WAIT_MS) != w->timed_out;
        took = now_ns() - start;
        early += took < WAIT_MS * MS;
        bound = (WAIT_MS + SLACK_MS) * MS;
        if (took > bound)
            bound = control_ns() + SLACK_MS * MS;
        in_time = took <= bound;
    }
    is_int(0, wrong, "timeouts: %s: the time is up%s", w->name, when);
    is_int(0, early, "... never early");
    ok(in_time, "... nor late: %d.%d ms", (int)(took / MS),
        (int)(took / (MS / 10) % 10));
}

static void
count_signal(int sig)
{
    (void)sig;
    signals++;
}

static void
storm(int on)
{
    struct sigaction act = {.sa_handler = count_signal};
    struct itimerval every = {{0, 0}, {0, 0}};

    sigaction(SIGALRM, &act, NULL);
    if (on)
        every.it_interval.tv_usec = every.it_value.tv_usec = STORM_US;
    setitimer(ITIMER_REAL, &every, NULL);
}

int
main(void)
{
    plan(waiting_calls * 8 + 2);
    control_set = semget(IPC_PRIVATE, 1, 0600);
    waits_begin();
    for (int i = 0; i < waiting_calls; i++) {
        const struct waiting *w = &waiting[i];

        is_int(-EINVAL, w->call(-2), "timeouts: %s: -2 is none", w->name);
        is_int(w->nowait, w->call(SYSVMP_NOWAIT), "... it would wait");
        waits_as_long(w, "");
    }
    storm(1);
    for (int i = 0; i < waiting_calls; i++)
        waits_as_long(&waiting[i], ", 1,000 signals a second");
    storm(0);
    ok(signals > waiting_calls, "timeouts: there were %d signals",
        (int)signals);
    semctl(control_set, 0, IPC_RMID);
    waits_end();
    return done();
}
