/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * storm.c: see storm.h.  The pauses between kills wait for nothing: they let
 * a kill come at another moment each time.
 */
#include <config.h>

#include "storm.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANG_S = 5, PAUSE_US = 2500, AT_ONCE = 8 };

struct shared_words {
    _Atomic int over;
    /* On a line of its own each. */
    struct {
        _Alignas(64) _Atomic unsigned steps;
    } worker[STORM_WORKERS_MAX];
};

static struct shared_words *words;
static pid_t pids[STORM_WORKERS_MAX];
static int killed[STORM_WORKERS_MAX];

unsigned *
storm_seed(void)
{
    static unsigned seed;
    static int drawn;
    const char *wanted = getenv("SYSVMP_SEED");

    if (!drawn) {
        seed = wanted ? (unsigned)strtoul(wanted, NULL, 0)
                      : (unsigned)now_ns() ^ (unsigned)getpid() << 16;
        diag("SYSVMP_SEED=%u", seed);
        drawn = 1;
    }
    return &seed;
}

void
storm_step(int worker)
{
    atomic_fetch_add(&words->worker[worker].steps, 1);
}

int
storm_over(void)
{
    return atomic_load(&words->over);
}

int
storm_killed(int worker)
{
    return killed[worker];
}

static void
put_back(const struct storm *storm, int i)
{
    pids[i] = fork();
    if (pids[i] < 0)
        bail("fork: %d", errno);
    if (pids[i] == 0)
        _exit(storm->work(i));
}

/* Has it ended by itself, which it must not before the storm is over? */
static int
gone(int i)
{
    int status;

    if (waitpid(pids[i], &status, WNOHANG) == 0)
        return 0;
    diag("worker %d ended by itself: status %#x", i, (unsigned)status);
    return 1;
}

/* Waits until each has counted on; how many did not. */
static int
hanging(const struct storm *storm, const unsigned *steps)
{
    int64_t end = now_ns() + HANG_S * INT64_C(1000000000);
    int bad = 0;

    for (int i = 0; i < storm->workers; i++) {
        for (;;) {
            if (atomic_load(&words->worker[i].steps) != steps[i])
                break;
            if (now_ns() > end || gone(i)) {
                diag("worker %d hangs (pid %d)", i, (int)pids[i]);
                bad++;
                break;
            }
            pause_us(20);
        }
    }
    return bad;
}

/* One kill: 0, or how many workers hang. */
static int
strike(const struct storm *storm, unsigned *seed, int64_t *longest)
{
    int victim = (int)chance(seed, (unsigned)storm->workers);
    unsigned steps[STORM_WORKERS_MAX];
    int64_t start, took;
    int bad;

    if (chance(seed, AT_ONCE) != 0)
        pause_us(chance(seed, PAUSE_US));
    kill(pids[victim], SIGKILL);
    start = now_ns();
    for (int i = 0; i < storm->workers; i++)
        steps[i] = atomic_load(&words->worker[i].steps);
    reap(pids[victim]);
    killed[victim]++;
    put_back(storm, victim);
    bad = hanging(storm, steps);
    took = now_ns() - start;
    if (took > *longest)
        *longest = took;
    return bad;
}

static int
finish(const struct storm *storm)
{
    int bad = 0;

    atomic_store(&words->over, 1);
    for (int i = 0; i < storm->workers; i++) {
        int code = reap(pids[i]);

        if (code != 0) {
            diag("worker %d ended with %d", i, code);
            bad++;
        }
        if (storm->ended)
            storm->ended(i);
    }
    return bad;
}

int
storm_run(const struct storm *storm, int kills)
{
    unsigned *seed = storm_seed();
    int64_t longest = 0;
    int bad = 0;

    words = shared(sizeof(*words));
    for (int i = 0; i < storm->workers; i++) {
        killed[i] = 0;
        put_back(storm, i);
    }
    for (int i = 0; i < kills && bad == 0; i++) {
        bad += strike(storm, seed, &longest);
        bad += !storm->still_right();
    }
    if (bad == 0)
        bad = finish(storm);
    else
        for (int i = 0; i < storm->workers; i++)
            slay(pids[i]);
    diag("longest pause after a kill: %.1f ms", (double)longest / 1e6);
    return bad;
}
