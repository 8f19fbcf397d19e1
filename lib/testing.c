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

bool
testing_fails(enum seam call, long *result, const char *file, int line)
{
    int error = 0;

    testing_point(file, line);
    testing_calls[call]++;
    if (testing_fault != NULL)
        error = testing_fault(call);
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
