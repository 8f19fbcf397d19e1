/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * testing.c: what the test build adds.  A driver counts the crash points of
 * a call, then runs it once for each with testing_crash_at(n), and looks at
 * what the survivors see.
 */
#include "internal.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared.h"
#include "testing.h"

unsigned long testing_calls[SEAM_CALLS];
int (*testing_fault)(enum seam call);
int testing_stops;
void (*testing_at_point)(void);

static atomic_long crash_in;
static atomic_long passed;
static const char *last_file;
static int last_line;

/* The order of testing_fail(). */
static struct {
    enum seam call;
    int error;
    bool for_good;
} failing;
static atomic_long fail_in; /* so many calls on; 0: none fails */

void
testing_point(const char *file, int line)
{
    last_file = file;
    last_line = line;
    atomic_fetch_add(&passed, 1);
    if (atomic_load(&crash_in) <= 0 || atomic_fetch_sub(&crash_in, 1) != 1)
        return;
    if (testing_at_point != NULL) {
        testing_at_point();
        return;
    }
    kill(getpid(), testing_stops ? SIGSTOP : SIGKILL);
    while (!testing_stops)
        pause();
}

void
testing_fail(enum seam call, long n, int error, bool for_good)
{
    atomic_store(&fail_in, 0);
    failing.call = call;
    failing.error = error;
    failing.for_good = for_good;
    atomic_store(&fail_in, n);
}

/* What testing_fail() has ordered for this call: 0 or a negative errno. */
static int
ordered(enum seam call)
{
    long left = atomic_load(&fail_in);

    if (left <= 0 || (failing.call != call && failing.call != SEAM_CALLS))
        return 0;
    /* The first that fails for good leaves the count at 1 for the next. */
    if (left > 1 || !failing.for_good)
        left = atomic_fetch_sub(&fail_in, 1);
    return left == 1 ? -failing.error : 0;
}

bool
testing_fails(enum seam call, long *result, const char *file, int line)
{
    int error = 0;

    testing_point(file, line);
    testing_calls[call]++;
    if (testing_fault != NULL)
        error = testing_fault(call);
    if (error == 0)
        error = ordered(call);
    *result = error;
    return error != 0;
}

void
testing_crash_at(long n)
{
    atomic_store(&passed, 0);
    atomic_store(&crash_in, n);
}

long
testing_points(void)
{
    return atomic_load(&passed);
}

const char *
testing_where(void)
{
    static char where[128];
    const char *base = last_file ? strrchr(last_file, '/') : NULL;

    snprintf(where, sizeof(where), "%s:%d",
        base ? base + 1 : (last_file ? last_file : "-"), last_line);
    return where;
}

unsigned long
testing_all_calls(void)
{
    unsigned long sum = 0;

    for (int i = 0; i < SEAM_CALLS; i++)
        sum += testing_calls[i];
    return sum;
}
