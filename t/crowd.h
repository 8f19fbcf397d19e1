/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * crowd.h: a program of so many processes that there is no seat left, as cheap
 * as they can be: children of its own fork() that only sleep.
 */
#ifndef CROWD_H
#define CROWD_H

#include "child.h"

#include <signal.h>

enum { SEATS = 1050, CROWD_MAX = SEATS };

static pid_t crowd[CROWD_MAX];
static int crowd_size;

static int
crowd_sleep(void *arg)
{
    _Atomic int *there = arg;

    atomic_fetch_add(there, 1);
    for (;;)
        pause();
    return 0;
}

/* Forks n of them, and waits until each has its seat. */
MAYBE_UNUSED static void
crowd_gather(int n)
{
    _Atomic int *there = shared(sizeof(*there));

    for (int i = 0; i < n; i++)
        crowd[crowd_size++] = child(crowd_sleep, there);
    until(there, n);
}

/* The last n of them are killed. */
MAYBE_UNUSED static void
crowd_dismiss(int n)
{
    for (int i = crowd_size - n; i < crowd_size; i++)
        kill(crowd[i], SIGKILL);
    for (; n > 0; n--)
        (void) reap(crowd[--crowd_size]);
}

#endif /* CROWD_H */
