/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * deadline.c: the clock.  The deadline is fixed when it is first asked for,
 * which is after the first attempt that failed: a call that need not wait
 * does not read the clock, and no call gives up early.
 */
#include "internal.h"

#include <time.h>

#include "deadline.h"

#define NS_PER_MS 1000000
#define NS_PER_S  1000000000

int64_t
deadline_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t) now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t
deadline_left(struct deadline *deadline)
{
    int64_t now;

    if (deadline->timeout_ms == SYSVMP_FOREVER)
        return INT64_MAX;
    if (deadline->timeout_ms == SYSVMP_NOWAIT)
        return 0;
    now = deadline_now();
    if (deadline->at == 0)
        deadline->at = now + (int64_t) deadline->timeout_ms * NS_PER_MS;
    return deadline->at > now ? deadline->at - now : 0;
}

struct deadline
deadline_brief(struct deadline *whole, int64_t ns)
{
    int64_t left = deadline_left(whole);

    return (struct deadline){ .timeout_ms = 1,
        .at = deadline_now() + (left < ns ? left : ns),
        .deaf = whole->deaf };
}

struct deadline
deadline_patient(struct deadline *whole, int64_t ns)
{
    struct deadline longer = *whole;
    int64_t left = deadline_left(whole);
    int64_t now = deadline_now();

    if (left == INT64_MAX)
        return longer;
    if (whole->patience == 0)
        whole->patience = now + ns;
    longer.timeout_ms = 1;
    longer.at = now + left > whole->patience ? now + left : whole->patience;
    return longer;
}

int
deadline_code(const struct deadline *deadline)
{
    return deadline->timeout_ms == SYSVMP_NOWAIT ? -EAGAIN : -ETIMEDOUT;
}

void
deadline_nap(struct deadline *deadline, int64_t ns)
{
    int64_t left = deadline_left(deadline);
    struct timespec nap;

    if (left < ns)
        ns = left;
    nap.tv_sec = (time_t) (ns / NS_PER_S);
    nap.tv_nsec = (long) (ns % NS_PER_S);
    nanosleep(&nap, NULL);
}
